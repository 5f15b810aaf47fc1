# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EJBCA with its REST interface, over the signer http."""

from __future__ import annotations

import typing as t

from .preset import Options, PresetCode, preset

OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "ca_name": {"type": "str", "required": True},
    "certificate_profile": {"type": "str", "required": True},
    "end_entity_profile": {"type": "str", "required": True},
    "entity_secret": {"type": "str", "required": True, "no_log": True},
    "username_prefix": {"type": "str", "default": "redtrust-"},
    "token": {"type": "str", "no_log": True},
    "token_path": {"type": "path", "no_log": False},
}

DOCUMENTATION = r"""
description:
  - The CA for O(signer=ejbca), which is EJBCA with the REST interface for end entities and certificates.
    O(ejbca.url) is for example V(https://ejbca.example.com/ejbca/ejbca-rest-api).
  - The role of O(ejbca.client_cert) or of the token must be allowed to create end entities, to issue, to search and to
    revoke certificates.
  - Each request becomes an end entity of its own, with the distinguished name and the alternative names of the request,
    whatever the CSR has.
    Its user name is made of the id of the request.
    So the CA issues once for a request, and the certificate of a lost answer is found by that name.
  - The certificate profile must not allow the CSR to override the subject.
    It decides about the validity, and may sort the name.
  - Where the CA wants approvals, the request waits until the end entity is approved.
  - It is written after the published source and documentation, and was not tried with a real CA.
type: dict
suboptions:
  ca_name:
    description: Name of the CA.
    type: str
    required: true
    version_added: 0.5.0
  certificate_profile:
    description: Name of the certificate profile.
    type: str
    required: true
    version_added: 0.5.0
  end_entity_profile:
    description:
      - Name of the end entity profile.
        It must have all attributes of the names that are requested.
    type: str
    required: true
    version_added: 0.5.0
  entity_secret:
    description:
      - A secret of your own, of at least 16 characters, from which the one-time password of each end entity is made.
        Who knows the password of an end entity that waits can have another key certified for it.
      - Can also be set with the environment variable E(REDTRUST_EJBCA_ENTITY_SECRET).
    type: str
    required: true
    version_added: 0.5.0
  username_prefix:
    description: Text before the id of the request in the user name of an end entity.
    type: str
    default: redtrust-
    version_added: 0.5.0
  token:
    description:
      - An OAuth token, instead of O(ejbca.client_cert).
      - Can also be set with the environment variable E(REDTRUST_EJBCA_TOKEN).
    type: str
    version_added: 0.5.0
  token_path:
    description:
      - Path of a file with such a token.
        It is read again when the CA refuses the token.
    type: path
    version_added: 0.5.0
"""


def _http(options: Options) -> dict[str, t.Any]:
    entity = {
        "username": "${own.username}",
        "password": "${own.password}",
        "subject_dn": "${own.subject}",
        "subject_alt_name": "${own.names}",
        "ca_name": _literal(options["ca_name"]),
        "certificate_profile_name": _literal(options["certificate_profile"]),
        "end_entity_profile_name": _literal(options["end_entity_profile"]),
        "token": "USERGENERATED",
    }
    # An end entity that is there already is that of this request, from a run that died.
    exists = {"when": {"regex:(already exists)": ["already exists"]}}
    request = {
        "certificate_request": "${csr_pem}",
        "username": "${own.username}",
        "password": "${own.password}",
        "include_chain": True,
        "certificate_authority_name": _literal(options["ca_name"]),
    }
    revocation = {
        "method": "PUT",
        "path": "/v1/certificate/${issuer_rfc4514}/${serial_hex}/revoke?reason=${own.reason}",
        "accept": [409],
    }
    return {
        "token": options["token"],
        "token_path": options["token_path"],
        "prepare": [{"path": "/v1/endentity", "json": entity, "accept": exists}],
        "request": {"path": "/v1/certificate/certificaterequest", "json": request},
        "answer": {
            "certificate": "/certificate",
            "chain": "/certificate_chain",
            "reason": "/error_message",
            # 404 of EJBCA itself is about the end entity, which waits for its approval.
            "not_yet": {"status": [202], "when": {"/error_code": [404]}},
            "never": {"status": [422]},
        },
        # 202 is a revocation that waits for its approval.
        "revoke": {"request": revocation, "answer": {"reason": "/info_message", "never": {"status": [202]}}},
        "advice": dict.fromkeys((401, 403), _ACCESS),
        "about_all": (401, 403),
    }


def _literal(text: str) -> str:
    return text.replace("$", "$$")


def _code(options: Options) -> PresetCode:
    from .ejbca_code import EjbcaCode

    return EjbcaCode(options)


_ACCESS = (
    "look at ejbca.client_cert or the token, and at the role of that account: it needs end entities and certificates"
)

KIND = preset(
    name="ejbca",
    choice="EJBCA",
    in_words="EJBCA",
    options=OPTIONS,
    documentation=DOCUMENTATION,
    http=_http,
    code=_code,
)
