# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates built byte by byte, in forms that no library makes."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import functools
import textwrap

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
UTF8, NUMERIC, PRINTABLE, T61, IA5, VISIBLE, UNIVERSAL, BMP, BIT_STRING = 12, 18, 19, 20, 22, 26, 28, 30, 3
COMMON_NAME, ORGANIZATION, UNIQUE_IDENTIFIER = "2.5.4.3", "2.5.4.10", "2.5.4.45"
ECDSA_SHA256, ECDSA_SHA1, UNKNOWN_ALGORITHM = "1.2.840.10045.4.3.2", "1.2.840.10045.4.1", "1.2.643.7.1.1.3.2"


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


@functools.cache
def oid(dotted: str) -> bytes:
    first, second, *others = map(int, dotted.split("."))
    content = b""
    for number in (40 * first + second, *others):
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.insert(0, number & 0x7F | 0x80)
        content += bytes(digits)
    return tlv(6, content)


def attribute(value: bytes, tag: int = UTF8, kind: str = COMMON_NAME) -> bytes:
    return tlv(0x30, oid(kind), tlv(tag, value))


def name(*rdns: bytes | tuple[bytes, ...]) -> bytes:
    """Return a name; an RDN is an attribute, or a tuple of attributes."""
    return tlv(0x30, *(tlv(0x31, *(rdn if isinstance(rdn, tuple) else (rdn,))) for rdn in rdns))


def cn(text: str) -> bytes:
    return name(attribute(text.encode()))


def extension(kind: str, value: bytes, *, critical: bool = False) -> bytes:
    return tlv(0x30, oid(kind), *([tlv(1, b"\xff")] if critical else []), tlv(4, value))


def basic_constraints(path_length: int | None = None, true: bytes = b"\xff") -> bytes:
    length = [] if path_length is None else [tlv(2, bytes([path_length]))]
    return extension("2.5.29.19", tlv(0x30, tlv(1, true), *length), critical=True)


def key_identifiers(*, own: bytes | None = None, issuer: bytes | None = None) -> list[bytes]:
    return [
        *([extension("2.5.29.14", tlv(4, own))] if own else []),
        *([extension("2.5.29.35", tlv(0x30, tlv(0x80, issuer)))] if issuer else []),
    ]


def generalized(moment: dt.datetime) -> bytes:
    return tlv(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def days(number: float) -> bytes:
    """Return the time this many days from ``NOW``."""
    return generalized(NOW + dt.timedelta(days=number))


@dataclasses.dataclass(frozen=True)
class Key:
    """A key pair on P-256."""

    private: ec.EllipticCurvePrivateKey = dataclasses.field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @functools.cached_property
    def spki(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def csr(self) -> bytes:
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        return builder.sign(self.private, hashes.SHA256()).public_bytes(Encoding.DER)

    def sign(self, content: bytes, algorithm: str) -> bytes:
        digest = hashes.SHA1() if algorithm == ECDSA_SHA1 else hashes.SHA256()
        return self.private.sign(content, ec.ECDSA(digest))


def certificate(
    subject: bytes,
    issuer: bytes,
    holder: Key | bytes,
    signer: Key,
    *,
    ca: bool = False,
    begins: bytes | None = None,
    ends: bytes | None = None,
    extensions: list[bytes] | None = None,
    algorithm: str = ECDSA_SHA256,
    serial: bytes = b"\x01",
    version: bytes | None = b"\x02",
) -> bytes:
    """Return a certificate in DER. By default it is valid from a day before ``NOW`` for 900 days."""
    kind = tlv(0x30, oid(algorithm))
    every = [*([basic_constraints()] if ca else []), *(extensions or [])]
    content = tlv(
        0x30,
        tlv(0xA0, tlv(2, version)) if version else b"",
        tlv(2, serial),
        kind,
        issuer,
        tlv(0x30, begins or days(-1), ends or days(899)),
        subject,
        holder.spki if isinstance(holder, Key) else holder,
        tlv(0xA3, tlv(0x30, *every)) if every else b"",
    )
    return tlv(0x30, content, kind, tlv(3, b"\0", signer.sign(content, algorithm)))


def armoured(der: bytes, label: str = "CERTIFICATE") -> str:
    lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def signed_data(*certificates: bytes, content: bytes | None = None) -> bytes:
    """Return PKCS#7 signed data in BER with indefinite lengths, as Java and OpenSSL stream it."""
    inner = tlv(0x30, oid("1.2.840.113549.1.7.1"), *([_endless(0xA0, content)] if content else []))
    body = (tlv(2, b"\x01"), tlv(0x31), inner, _endless(0xA0, *certificates), tlv(0x31))
    return _endless(0x30, oid("1.2.840.113549.1.7.2"), _endless(0xA0, _endless(0x30, *body)))


def _endless(tag: int, *parts: bytes) -> bytes:
    return bytes([tag, 0x80]) + b"".join(parts) + b"\0\0"
