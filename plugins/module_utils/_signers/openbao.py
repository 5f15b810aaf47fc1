# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PKI secrets engine of OpenBao and of Vault, over the signer http: options and their documentation."""

from __future__ import annotations

import typing as t

from .base import SignerKind
from .preset import Options, PresetCode, preset

_OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "endpoint": {"type": "str", "choices": ["sign", "cel", "sign_verbatim"], "default": "sign"},
    "mount": {"type": "str", "default": "pki"},
    "role": {"type": "str"},
    "issuer": {"type": "str"},
    "namespace": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "token_path": {"type": "path", "no_log": False},
    "role_id": {"type": "str"},
    "secret_id": {"type": "str", "no_log": True},
    "approle_mount": {"type": "str", "default": "approle"},
    "validity": {"type": "str"},
    "lost_answer": {"type": "str", "choices": ["search", "stop", "repeat"], "default": "search"},
}

_DOCUMENTATION = r"""
description:
  - The CA for O(signer=SIGNER), a mount of the PKI secrets engine of PRODUCT.
  - What becomes of the distinguished name depends on O(SIGNER.endpoint).
    Where an attribute can never be in the certificate, the request is not sent, and
    M(redtrust.certificate_enroll.redtrust_certificate) makes no key.
  - A request whose answer was lost is looked for at the CA before it is sent again, see O(SIGNER.lost_answer).
type: dict
suboptions:
  endpoint:
    description:
      - What the CA is asked to do.
      - V(sign) signs by the role O(SIGNER.role).
        The request sets CN, serialNumber and UID of the subject and the subject alternative names.
        O, OU, C, ST, L, street and postalCode are those of the role.
        The role needs C(use_csr_common_name=false) and C(use_csr_sans=false).
      - ENDPOINT_CEL
      - V(sign_verbatim) copies subject and extensions of the CSR.
        It is of use only for CSRs that have a subject.
    type: str
    choices: [CHOICES]
    default: sign
    version_added: 0.5.0
  mount:
    description: Path of the mount.
    type: str
    default: pki
    version_added: 0.5.0
  role:
    description:
      - Name of the role.
        Required, except for O(SIGNER.endpoint=sign_verbatim).
    type: str
    version_added: 0.5.0
  issuer:
    description:
      - Name or id of the issuer that signs.
      - The default is that of the role.
    type: str
    version_added: 0.5.0
  namespace:
    description: The namespace that has the mount and the login.
    type: str
    version_added: 0.5.0
  token:
    description:
      - A token.
      - Can also be set with the environment variable E(REDTRUST_VARIABLE_TOKEN).
    type: str
    version_added: 0.5.0
  token_path:
    description:
      - Path of a file with a token, such as the sink of an agent.
        It is read again when the CA refuses the token.
    type: path
    version_added: 0.5.0
  role_id:
    description:
      - The role id of an AppRole, together with O(SIGNER.secret_id).
        The module logs in with the first request, and again when the token ends.
    type: str
    version_added: 0.5.0
  secret_id:
    description:
      - The secret id of the AppRole.
      - Can also be set with the environment variable E(REDTRUST_VARIABLE_SECRET_ID).
    type: str
    version_added: 0.5.0
  approle_mount:
    description: Path of the AppRole auth method.
    type: str
    default: approle
    version_added: 0.5.0
  validity:
    description:
      - The validity to ask for, such as V(1y), V(90d) or V(1d12h).
        A role cuts it to its own greatest validity.
      - The default is that of the role.
    type: str
    version_added: 0.5.0
  lost_answer:
    description:
      - What to do with a request whose answer was lost, so that the CA may have signed it.
      - SEARCH
      - V(stop) fails until a person has looked.
      - V(repeat) sends it again, so that the CA may issue two certificates for it.
    type: str
    choices: [search, stop, repeat]
    default: search
    version_added: 0.5.0
"""

_CEL = """
      - V(cel) signs by a CEL role, which gets the whole distinguished name.
        It can issue CN, serialNumber, O, OU, C, ST, L, street and postalCode.
        C(docs/cas.md) of this collection has such a role.
"""
_SEARCH = """
      - V(search) looks for its certificate among those of the mount, by CN, time and public key, and sends the
        request again where there is none.
        It takes a few seconds for a mount with 100,000 certificates.
        The certificates must begin at most a day before the request.
        A role with C(no_store=true) needs another value.
"""
_VAULT_SEARCH = """
      - V(search) looks for its certificate among those of the mount, by public key, and sends the request again where
        there is none.
        Vault lists serial numbers alone, so a run that has to search reads each certificate of the mount once.
        A role with C(no_store=true) needs another value.
"""


def _kind(name: str, title: str, endpoints: t.Sequence[str], *, lists_details: bool) -> SignerKind:
    """Return the kind of signer; ``lists_details`` tells that the product lists certificates with CN and dates."""

    # What only a run with this signer needs is imported with the first request.
    def http(options: Options) -> dict[str, t.Any]:
        from .openbao_requests import http_options

        return http_options(name, options)

    def code(options: Options) -> PresetCode:
        from .openbao_code import OpenBaoCode

        return OpenBaoCode(options, lists_details=lists_details)

    words = {
        "      - ENDPOINT_CEL\n": _CEL[1:] if "cel" in endpoints else "",
        "      - SEARCH\n": (_SEARCH if lists_details else _VAULT_SEARCH)[1:],
        "CHOICES": ", ".join(endpoints),
        "PRODUCT": title,
        "SIGNER": name,
        "VARIABLE": name.upper(),
    }
    documentation = _DOCUMENTATION
    for word, replacement in words.items():
        documentation = documentation.replace(word, replacement)
    return preset(
        name=name,
        choice=f"a mount of the PKI secrets engine of {title}",
        in_words=title,
        options={**_OPTIONS, "endpoint": {**_OPTIONS["endpoint"], "choices": list(endpoints)}},
        documentation=documentation,
        http=http,
        code=code,
    )


KIND = _kind("openbao", "OpenBao", ("sign", "cel", "sign_verbatim"), lists_details=True)
VAULT = _kind("vault", "Vault", ("sign", "sign_verbatim"), lists_details=False)
