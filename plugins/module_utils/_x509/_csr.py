# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate signing requests: PKCS#10, as the service hands them out."""

from __future__ import annotations

import base64
import re

from .._errors import ConfigurationError, GateError
from ._load import load_csr, public_key_sha256

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
    from cryptography.hazmat.primitives.serialization import Encoding
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
    return load_csr(der).public_bytes(Encoding.PEM).decode()


def csr_public_key_sha256(der: bytes) -> str:
    """Return the SHA-256 of the CSR's SubjectPublicKeyInfo, in hex."""
    return public_key_sha256(load_csr(der))


def check_proof_of_possession(der: bytes) -> None:
    """Raise GateError unless the CSR is signed by the key it names.

    Whether the hash is a good one is not looked at: the vendor's own CSR is signed with SHA-1, and the
    certificate is signed anew. ``is_signature_valid`` of cryptography is False for SHA-1, hence this.
    """
    request = load_csr(der)
    try:
        _verify_own_signature(request)
    except InvalidSignature as exc:
        raise GateError("the CSR is not signed by its own key: nobody has proved to hold that key") from exc
    except (UnsupportedAlgorithm, TypeError, ValueError) as exc:
        oid = request.signature_algorithm_oid.dotted_string
        raise GateError(f"the CSR's signature (algorithm {oid}) cannot be checked on this machine: {exc}") from exc


def _verify_own_signature(request: x509.CertificateSigningRequest) -> None:
    key = request.public_key()
    signature, signed = request.signature, request.tbs_certrequest_bytes
    if isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        key.verify(signature, signed)
        return
    digest = request.signature_hash_algorithm
    if digest is None:
        raise UnsupportedAlgorithm("the hash is not known")
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, _rsa_padding(request), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(digest))
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signature, signed, digest)
    else:
        raise UnsupportedAlgorithm("the key is of a kind that does not sign")


def _rsa_padding(request: x509.CertificateSigningRequest) -> padding.AsymmetricPadding:
    parameters = getattr(request, "signature_algorithm_parameters", None)  # since cryptography 42
    return parameters if isinstance(parameters, padding.PSS) else padding.PKCS1v15()
