# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PKI secrets engine of OpenBao, over the signer http; Vault has the same, see ``vault``."""

from __future__ import annotations

import typing as t
from urllib.parse import quote

from .._errors import ConfigurationError
from .base import SigningOrder
from .preset import Ask, preset

Options = t.Mapping[str, t.Any]

OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
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

DOCUMENTATION = r"""
description:
  - The CA for O(signer=SIGNER), a mount of the PKI secrets engine of PRODUCT.
  - What becomes of the distinguished name depends on O(SIGNER.endpoint).
    The request fails before it is sent where an attribute can never be in the certificate.
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
CEL      - V(sign_verbatim) copies subject and extensions of the CSR.
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
      - V(search) looks for its certificate among those of the mount, by CN, time and public key, and sends the
        request again where there is none.
COST        A role with C(no_store=true) needs another value.
      - V(stop) fails until a person has looked.
      - V(repeat) sends it again, so that the CA may issue two certificates for it.
    type: str
    choices: [search, stop, repeat]
    default: search
    version_added: 0.5.0
"""
