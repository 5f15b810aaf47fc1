# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate signing requests: PKCS#10, as the service hands them out."""

from __future__ import annotations

import base64
import re

from .._errors import ConfigurationError, GateError
from .load import load_csr, pem, public_key_sha256
from .signature import UncheckableError, check_signature

try:  # noqa: SIM105
    from cryptography.exceptions import InvalidSignature
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

_ARMOUR = re.compile(r"\s*-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----(?P<body>[^-]*)-----END \1-----\s*")


def parse_csr(text: str) -> bytes:
    """Return the DER of one CSR given as base64, with or without PEM armour and line breaks.

    Raises ConfigurationError.
    """
    plain = text.lstrip("\ufeff")
    armoured = _ARMOUR.fullmatch(plain)
    body = armoured["body"] if armoured else plain
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
    except ValueError as exc:  # binascii.Error, or characters beyond ASCII
        raise ConfigurationError(f"the CSR is not base64 of one request, with or without PEM armour: {exc}") from exc
    load_csr(der)
    return der


def csr_pem(der: bytes) -> str:
    """Return a CSR as PEM, with a line break at the end."""
    return pem(load_csr(der).der, "CERTIFICATE REQUEST")


def csr_public_key_sha256(der: bytes) -> str:
    """Return the SHA-256 of the CSR's SubjectPublicKeyInfo, in hex."""
    return public_key_sha256(load_csr(der))


def check_proof_of_possession(der: bytes) -> None:
    """Raise GateError unless the key in the CSR signed the CSR.

    Every hash is accepted: the vendor's own CSR is signed with SHA-1, and the certificate gets a signature of its own.
    """
    try:
        check_signature(load_csr(der), by=None)
    except InvalidSignature as exc:
        raise GateError("the CSR is not signed by its own key: nobody has proved to hold that key") from exc
    except UncheckableError as exc:
        raise GateError(f"the CSR's signature {exc}") from exc
