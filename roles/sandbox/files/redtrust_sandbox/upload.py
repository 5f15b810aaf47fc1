# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the upload of finalize: base64 of a certificate in DER, of PEM, or of PKCS#7 with the chain."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import typing as t

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from redtrust_sandbox.errors import ApiError

_PEM = b"-----BEGIN "
_PEM_PKCS7 = b"-----BEGIN PKCS7-----"


def certificates(data_in_b64: str) -> list[x509.Certificate]:
    """Return all certificates in the upload; raises ApiError."""
    try:
        data = base64.b64decode("".join(data_in_b64.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ApiError(400, "ERR_INVALID_PARAM", "dataInB64 is not base64") from exc
    found = _read(data)
    if not found:
        raise ApiError(400, "ERR_INVALID_PARAM", "dataInB64 holds no certificate")
    return found


def leaf(found: t.Sequence[x509.Certificate], spki_sha256: str) -> x509.Certificate:
    """Return the certificate with the public key of the request; raises ApiError."""
    for certificate in found:
        if spki(certificate.public_key()) == spki_sha256:
            return certificate
    raise ApiError(400, "ERR_INVALID_CERT", "The certificate is not for the key of this request")


def check_dates(certificate: x509.Certificate, now: float) -> None:
    """Raise ApiError unless the certificate is valid now."""
    begins, ends = _moment(certificate, "not_valid_before"), _moment(certificate, "not_valid_after")
    if now < begins:
        raise ApiError(400, "ERR_INVALID_CERT", "The certificate is not valid yet")
    if now > ends:
        raise ApiError(400, "ERR_INVALID_CERT", "The certificate has expired")


def thumbprint(certificate: x509.Certificate) -> str:
    """Return the SHA-1 of the DER in upper-case hexadecimal, as Windows shows it."""
    return certificate.fingerprint(hashes.SHA1()).hex().upper()


def spki(public_key: t.Any) -> str:
    """Return the SHA-256 of a public key's SubjectPublicKeyInfo in lower-case hexadecimal."""
    der = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _read(data: bytes) -> list[x509.Certificate]:
    try:
        if data.lstrip().startswith(_PEM_PKCS7):
            return pkcs7.load_pem_pkcs7_certificates(data)
        if data.lstrip().startswith(_PEM):
            return x509.load_pem_x509_certificates(data)
    except (ValueError, UnsupportedAlgorithm):
        return []
    try:
        return [x509.load_der_x509_certificate(data)]
    except ValueError:
        pass
    try:
        return pkcs7.load_der_pkcs7_certificates(data)
    except (ValueError, UnsupportedAlgorithm):
        return []


def _moment(certificate: x509.Certificate, name: str) -> float:
    aware: datetime.datetime | None = getattr(certificate, name + "_utc", None)
    if aware is not None:
        return aware.timestamp()
    naive: datetime.datetime = getattr(certificate, name)
    return naive.replace(tzinfo=datetime.timezone.utc).timestamp()
