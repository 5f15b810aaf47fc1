# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: their facts, and their encodings for the upload."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import functools
import hashlib
import re
import typing as t
import unicodedata

from .._errors import ConfigurationError
from .._models import DistinguishedName
from . import asn1
from .load import load_certificate, pem, public_key_sha256, validity_of

UploadEncoding = t.Literal["der", "pkcs7", "pem"]


@dataclasses.dataclass(frozen=True)
class CertificateFacts:
    """The facts of a certificate. Dates are in UTC; ``public_key_sha256`` is over the SubjectPublicKeyInfo, in hex."""

    thumbprint: str
    subject: DistinguishedName
    not_valid_before: dt.datetime
    not_valid_after: dt.datetime
    serial_number: int
    public_key_sha256: str


@functools.lru_cache(maxsize=256)
def certificate_facts(der: bytes) -> CertificateFacts:
    """Read a certificate in DER; raises ConfigurationError."""
    certificate = load_certificate(der)
    not_valid_before, not_valid_after = validity_of(certificate)
    return CertificateFacts(
        thumbprint=thumbprint(der),
        subject=certificate.subject.dn(),
        not_valid_before=not_valid_before,
        not_valid_after=not_valid_after,
        serial_number=certificate.serial_number,
        public_key_sha256=public_key_sha256(certificate),
    )


def thumbprint(der: bytes) -> str:
    """Return the SHA-1 of a certificate in DER as Windows shows it: 40 upper-case hex digits."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def normalize_thumbprint(text: str) -> str:
    """Return a pasted thumbprint as 40 upper-case hex digits.

    Removes white space, colons and invisible format characters (Windows puts U+200E in front). Raises
    ConfigurationError if other characters than 40 hex digits remain.
    """
    visible = (char for char in text if not (char == ":" or char.isspace() or unicodedata.category(char) == "Cf"))
    digits = "".join(visible)
    if not re.fullmatch(r"[0-9A-Fa-f]{40}", digits):
        raise ConfigurationError(
            f"a thumbprint is 40 hex digits, the SHA-1 of a certificate; {text[:120]!a} has {len(digits)} characters"
        )
    return digits.upper()


def certificate_pem(der: bytes) -> str:
    """Return a certificate as PEM, with a line break at the end."""
    return pem(load_certificate(der).der, "CERTIFICATE")


def encode_upload(certificate: bytes, chain: t.Sequence[bytes], encoding: UploadEncoding) -> str:
    """Return the value of ``dataInB64``: base64, on one line, of the certificates in the given encoding.

    ``der`` is the certificate alone. ``pem`` is PEM of the certificate, then of the chain upwards. ``pkcs7`` is
    certs-only PKCS#7 in DER: the same certificates as a set, without order.
    """
    return base64.b64encode(_upload_bytes((certificate, *chain), encoding)).decode()


def _upload_bytes(certificates: tuple[bytes, ...], encoding: UploadEncoding) -> bytes:
    if encoding == "der":
        return certificates[0]
    if encoding == "pem":
        return "".join(map(certificate_pem, certificates)).encode()
    if encoding == "pkcs7":
        return _certs_only(certificates)
    raise ConfigurationError(f"upload encoding {encoding!r} is not one of der, pkcs7, pem")


def _certs_only(certificates: t.Iterable[bytes]) -> bytes:
    """Return PKCS#7 signed data without a signer (RFC 5652, 5.1)."""
    encode, nothing = asn1.encode, asn1.encode(asn1.SET)
    content = encode(asn1.SEQUENCE, asn1.encode_oid(asn1.DATA))
    held = encode(asn1.EXPLICIT_0, *sorted(certificates))
    signed_data = encode(asn1.SEQUENCE, encode(asn1.INTEGER, b"\1"), nothing, content, held, nothing)
    return encode(asn1.SEQUENCE, asn1.encode_oid(asn1.SIGNED_DATA), encode(asn1.EXPLICIT_0, signed_data))
