# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA that speaks ACME (RFC 8555), for certificates of DNS names."""

from __future__ import annotations

import datetime as dt
import importlib.util
import typing as t

from .._errors import ConfigurationError
from .base import Signer, SignerKind

OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "directory_url": {"type": "str", "required": True},
    "account_key_path": {"type": "path", "required": True, "no_log": False},
    "contact": {"type": "list", "elements": "str", "default": []},
    "terms_agreed": {"type": "bool", "default": False},
    "eab_kid": {"type": "str"},
    "eab_hmac_key": {"type": "str", "no_log": True},
    "profile": {"type": "str"},
    "challenge": {"type": "str", "choices": ["none", "http-01", "dns-01"], "default": "none"},
    "hook": {
        "type": "dict",
        "options": {
            "argv": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "float", "default": 60.0},
        },
    },
    "timeout": {"type": "float", "default": 60.0},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "proxy": {"type": "str", "no_log": True},
}

DOCUMENTATION = r"""
description:
  - The CA for O(signer=acme).
    It needs the Python library C(acme) of certbot, version 4 or later, on the host that runs the module.
  - An ACME CA certifies the names that the CSR itself has, as its common name and in its subjectAltName (RFC 8555,
    7.4).
    The module refuses a CSR without a DNS name or an address, one whose common name is neither, and one that lacks a
    name of C(subject_alt_name).
  - The CA writes the subject as it likes, usually with the common name alone or empty.
    So set C(subject_match=ignore), unless the C(subject_match=contains) of a DN with a common name alone fits.
  - The URL of an order is kept as its order number.
    A run that follows one that was killed goes on with the same order, so the CA issues one certificate for each
    request.
  - An order that is not finished after O(acme.timeout) is asked about in the next run.
type: dict
version_added: 0.5.0
suboptions:
  directory_url:
    description: The URL of the directory of the CA, which begins with C(https://).
    type: str
    required: true
  account_key_path:
    description:
      - The private key of the account at the CA, as PEM without a passphrase (RSA or an elliptic curve).
      - If the file does not exist, a key is made with the first request (P-256, for this user alone), and a warning
        says so.
        Who has this file can have certificates issued for the names of the account.
      - The account is made with the first request, or found by its key.
    type: path
    required: true
  contact:
    description: E-mail addresses for the CA, or other contact URLs.
    type: list
    elements: str
    default: []
  terms_agreed:
    description: Whether you agree to the terms of service of the CA, where it has any.
    type: bool
    default: false
  eab_kid:
    description:
      - The key identifier of the external account binding, where the CA wants one.
      - Needs O(acme.eab_hmac_key).
    type: str
  eab_hmac_key:
    description:
      - The key of the external account binding, in base64url as the CA gives it.
      - Can also be set with the environment variable E(REDTRUST_ACME_EAB_HMAC_KEY).
    type: str
  profile:
    description: The profile of the certificates, where the CA has profiles.
    type: str
  challenge:
    description:
      - How to prove to the CA that the names are yours.
      - With V(none) the CA must have authorised the names for this account in advance.
      - With V(http-01) and V(dns-01) the program of O(acme.hook) publishes the proof.
    type: str
    choices: [none, http-01, dns-01]
    default: none
  hook:
    description:
      - The program that publishes the proof for a name, and removes it.
        It runs without a shell, once for each name and action, and exits with 0.
      - Its environment has E(REDTRUST_ACME_ACTION), which is C(present) or C(cleanup), and E(REDTRUST_ACME_DOMAIN).
      - For V(http-01) E(REDTRUST_ACME_PATH) is the path of the URL at the domain, and E(REDTRUST_ACME_CONTENT) what it
        must answer.
      - For V(dns-01) E(REDTRUST_ACME_RECORD) is the name of the TXT record, and E(REDTRUST_ACME_CONTENT) its value.
        The program returns when the record can be seen.
      - C(present) may come several times for the same proof, and C(cleanup) comes when the CA has decided.
        The program gets no other variable that begins with C(REDTRUST_).
    type: dict
    suboptions:
      argv:
        description: The program and its arguments.
        type: list
        elements: str
        required: true
      timeout:
        description: How many seconds it may take.
        type: float
        default: 60
  timeout:
    description: How many seconds to wait for one certificate before the next run has to ask again.
    type: float
    default: 60
  validate_certs:
    description: Whether to check the certificate of the server.
    type: bool
    default: true
  ca_path:
    description:
      - A file with the CA certificates to trust for the connection.
      - Without it the certificates that the Python library requests trusts.
    type: path
  proxy:
    description:
      - The proxy for the connection, such as V(http://proxy.example.com:3128).
      - Without it the proxy of the environment is used, if there is one.
      - Can also be set with the environment variable E(REDTRUST_ACME_PROXY).
    type: str
"""

_LIBRARIES = ("acme", "josepy", "requests", "cryptography")


def _build(options: t.Mapping[str, t.Any], _now: dt.datetime) -> Signer:
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"the signer acme needs the Python library {missing[0]} on the host that runs the module, which is not "
            "there: pip install 'acme>=4' (it wants Python 3.10 or later)"
        )
    from .acme_signer import AcmeSigner

    return AcmeSigner.from_options(options)


KIND = SignerKind(
    name="acme",
    choice="a CA that speaks ACME (RFC 8555), for certificates of DNS names",
    in_words="the ACME CA",
    options=OPTIONS,
    documentation=DOCUMENTATION,
    build=_build,
)
