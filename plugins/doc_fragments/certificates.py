# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of an entry of ``certificates`` for a request, a renewal, or both."""

from __future__ import annotations

import textwrap
import typing as t

# The fields of a certificate request, the same as in CertificateSpec.
_FIELDS = r"""
dn:
  description:
    - The distinguished name of the request.
      It is either a list of C({attribute, value}), in order, in which an attribute may repeat, or a mapping of
      attribute to value or to a list of values.
    - The vendor documents the attributes V(cn), V(o), V(c), V(st), V(l) and V(ou).
      The module passes on other attributes as they are.
    - Each value must be text.
      Quote a value that YAML reads as a number, a date or a boolean, such as V("0123").
      Without quotes the module refuses it, since YAML does not keep the original text.
  type: raw
  required: true
provider:
  description:
    - The name of the provider at the server that represents your CA.
  type: str
  required: true
key_type:
  description: The type of the key, as the server names it.
  type: str
  default: RSA
key_length:
  description: The length of the key in bits.
  type: int
  default: 2048
hash_type:
  description: The hash that signs the CSR, as the server names it.
  type: str
  default: SHA256
info:
  description:
    - More fields for the provider.
      The module passes them on as they are.
      Values at any depth must be text, as in O(certificates[].dn).
  type: dict
  default: {}
group_ids:
  description:
    - The numbers of the groups at the server that get the certificate.
      Needs O(api_version=4.42).
  type: list
  elements: int
  default: []
subject_alt_name:
  description:
    - Subject alternative names for the signer, such as V(DNS:www.example.com), V(IP:192.0.2.1), V(email:me@example.com)
      or V(URI:https://example.com/).
    - The API of the server has no field for them.
      The store keeps them with the request, and the signer gets them, also for a renewal.
  type: list
  elements: str
  default: []
request_code:
  description:
    - A request code of your own to send with the request.
      The vendor does not document its effect, so leave it out unless you know it.
      It counts as a secret.
  type: str
"""

_NAME = r"""
name:
  description:
    - The name of the enrollment, unique for each O(service).
      You choose it.
      It is not sent to the server.
    - It becomes the name of files, so it has at most 200 bytes, no slash, and no dot at the beginning.
      Quote a name that is a number.
  type: str
  required: true
"""

_REQUESTED = r"""
force:
  description:
    - Request a new certificate even though nothing calls for it, or although the CA rejected the last request.
    - This makes a new request in every run, except while one is pending.
      A request that waits after a failure or a refused certificate does not wait any longer.
  type: bool
  default: false
"""

_KNOWN_NAME = r"""
name:
  description:
    - The name of the enrollment.
      Quote a name that is a number.
  type: str
  required: true
"""

_DUE = r"""
renew_before:
  description: Like O(renew_before), for this certificate.
  type: str
force:
  description: Like O(force), for this certificate.
  type: bool
  default: false
"""

_ADOPTED = r"""
certificate:
  description:
    - The current certificate as PEM, which is adopted.
      If there is a chain, the certificate itself comes first.
    - EFFECT
  type: str
certificate_path:
  description:
    - Path of a file with the current certificate (PEM, DER or PKCS#7), instead of O(certificates[].certificate).
  type: path
thumbprint:
  description:
    - The thumbprint of the current certificate, which is adopted, as 40 hex digits.
      It may have blanks, colons and lower case.
    - A thumbprint does not tell when the certificate ends, so the module renews it at once.
  type: str
"""

_ADOPTED_FOR_RENEWAL = _ADOPTED.replace(
    "EFFECT",
    """This option and those below, except O(certificates[].request_code), have an effect only while the store does not
      know the enrollment.""",
)
_ADOPTED_ON_THE_WAY = _ADOPTED.replace(
    "EFFECT",
    """This option, O(certificates[].certificate_path) and O(certificates[].thumbprint) have an effect only while the
      store does not know the enrollment.""",
)

# A renewal requires only the name. The other fields are for the adoption of a certificate.
_OPTIONAL_FIELDS = _FIELDS.replace("  required: true", "  required: false")
_FIELDS_OF_RENEWAL = _OPTIONAL_FIELDS.replace(
    "  type: raw", "    - The default is the subject of the certificate that is given.\n  type: raw"
).replace("represents your CA.", "represents your CA.\n      It is required to adopt a certificate.")
_FIELDS_OF_ONE = _OPTIONAL_FIELDS.replace(
    "  type: raw",
    """    - A certificate without this option is only renewed, or adopted with the subject of the given certificate.
  type: raw""",
).replace("represents your CA.", "represents your CA.\n      It is required to request and to adopt a certificate.")


def _certificates(*parts: str) -> str:
    suboptions = textwrap.indent("".join(part.lstrip() for part in parts), " " * 6)
    return f"options:\n  certificates:\n    suboptions:\n{suboptions}"


class ModuleDocFragment:
    """The fragments. The annotations keep the linter of ansible-test from parsing the source of the values."""

    REQUESTED: t.ClassVar[str] = _certificates(_NAME, _REQUESTED, _FIELDS)

    RENEWED: t.ClassVar[str] = _certificates(_KNOWN_NAME, _DUE, _ADOPTED_FOR_RENEWAL, _FIELDS_OF_RENEWAL)

    # requested, renewed or adopted, as it is needed
    CERTIFICATE: t.ClassVar[str] = _certificates(_NAME, _DUE, _ADOPTED_ON_THE_WAY, _FIELDS_OF_ONE)
