# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of an entry of ``certificates`` where it says what to ask the server for."""

from __future__ import annotations

import textwrap
import typing as t

# The fields of a certificate that can be asked for, the same in CertificateSpec.
_FIELDS = r"""
dn:
  description:
    - The distinguished name to ask for.
      Either a list of C({attribute, value}), in order, where an attribute may repeat; or a mapping of attribute to
      value, or to a list of values.
    - The attributes of the vendor's page are V(cn), V(o), V(c), V(st), V(l) and V(ou).
      Others are passed on as they are.
    - Each value must be text.
      Quote what YAML reads as a number, a date or a boolean, such as V("0123"); without quotes it is refused, since
      YAML does not keep what was written.
  type: raw
  required: true
provider:
  description:
    - The name of the provider at the server, which stands for your CA there.
  type: str
  required: true
key_type:
  description: The type of the key to make, as the server names it.
  type: str
  default: RSA
key_length:
  description: The length of the key in bits.
  type: int
  default: 2048
hash_type:
  description: The hash with which the CSR is to be signed, as the server names it.
  type: str
  default: SHA256
info:
  description:
    - Further fields for the provider, passed on as they are.
      Values at any depth must be text, as in O(certificates[].dn).
  type: dict
  default: {}
group_ids:
  description:
    - The numbers of groups at the server that get the certificate.
      Needs O(api_version=4.42).
  type: list
  elements: int
  default: []
subject_alt_name:
  description:
    - Subject alternative names for the signer, written as V(DNS:www.example.com), V(IP:192.0.2.1),
      V(email:me@example.com) or V(URI:https://example.com/).
    - The server has no field for them.
      They are kept with the request and handed to the signer, at a renewal too.
  type: list
  elements: str
  default: []
request_code:
  description:
    - A request code of your own to send along.
      The vendor does not document what it does, so leave it out unless you know.
      It counts as a secret.
  type: str
"""

_REQUESTED = r"""
name:
  description:
    - The name of the enrollment, unique for each O(service).
      It is yours to choose and is not sent.
    - It becomes the name of files, so it has at most 200 bytes, no slash, and no dot at its start.
      Quote one that is a number.
  type: str
  required: true
force:
  description:
    - Ask for a new certificate even though nothing calls for it, or although the CA rejected the last request.
    - This makes a new request in every run, except while one is on its way.
      One that waits, since it failed or its certificate was refused, waits no longer.
  type: bool
  default: false
"""

_RENEWED = r"""
name:
  description:
    - The name of the enrollment.
      Quote one that is a number.
  type: str
  required: true
renew_before:
  description: As O(renew_before), for this certificate.
  type: str
force:
  description: As O(force), for this certificate.
  type: bool
  default: false
certificate:
  description:
    - The current certificate as PEM, to adopt it.
      With a chain the certificate itself comes first.
    - This and all that follows, but O(certificates[].request_code), counts only while the store does not know the
      enrollment.
  type: str
certificate_path:
  description:
    - Path of a file with the current certificate (PEM, DER or PKCS#7), instead of O(certificates[].certificate).
  type: path
thumbprint:
  description:
    - The thumbprint of the current certificate, 40 hex digits, to adopt it.
      Blanks, colons and lower case are understood.
    - Without the certificate itself it is not known when it ends, so it is renewed at once.
  type: str
"""

# A renewal requires the name alone, and takes the other fields only to adopt a certificate.
_FIELDS_OF_RENEWAL = (
    _FIELDS.replace("  required: true", "  required: false")
    .replace("  type: raw", "    - The default is the subject of the certificate that is given.\n  type: raw")
    .replace("your CA there.", "your CA there.\n      Needed to adopt a certificate.")
)


def _certificates(own: str, fields: str) -> str:
    suboptions = textwrap.indent(own.lstrip() + fields.lstrip(), " " * 6)
    return f"options:\n  certificates:\n    suboptions:\n{suboptions}"


class ModuleDocFragment:
    """The fragments. The annotations keep the linter of ansible-test from reading them as they stand."""

    REQUESTED: t.ClassVar[str] = _certificates(_REQUESTED, _FIELDS)

    RENEWED: t.ClassVar[str] = _certificates(_RENEWED, _FIELDS_OF_RENEWAL)
