# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: from whatever they come in, to what they say, and into what they are uploaded as."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime as dt
import hashlib
import re
import typing as t
import unicodedata

from .._errors import ConfigurationError
from .._models import DistinguishedName
from ._load import load_certificate, public_key_sha256, quietly, subject_of, validity_of
from ._names import dn_from_name

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

UploadEncoding = t.Literal["der", "pkcs7", "pem"]

_PEM_BLOCK = re.compile(rb"-----BEGIN ([^\r\n-]+)-----(.*?)-----END \1-----", re.DOTALL)
_LONGEST_WORD = 24
_CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "PKCS7", "CMS"})


@dataclasses.dataclass(frozen=True)
class CertificateFacts:
    """What one certificate says. Dates are in UTC; ``public_key_sha256`` is over the SubjectPublicKeyInfo, in hex."""

    thumbprint: str
    subject: DistinguishedName
    not_valid_before: dt.datetime
    not_valid_after: dt.datetime
    serial_number: int
    public_key_sha256: str


def certificate_facts(der: bytes) -> CertificateFacts:
    """Read a certificate in DER; raises ConfigurationError."""
    certificate = load_certificate(der)
    not_valid_before, not_valid_after = validity_of(certificate)
    with quietly():
        serial_number = certificate.serial_number
    return CertificateFacts(
        thumbprint=thumbprint(der),
        subject=dn_from_name(subject_of(certificate)),
        not_valid_before=not_valid_before,
        not_valid_after=not_valid_after,
        serial_number=serial_number,
        public_key_sha256=public_key_sha256(certificate),
    )


def thumbprint(der: bytes) -> str:
    """Return the SHA-1 of a certificate in DER as Windows shows it: 40 upper-case hex digits."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def normalize_thumbprint(text: str) -> str:
    """Return a pasted thumbprint as 40 upper-case hex digits.

    White space, colons and invisible format characters (Windows puts U+200E in front) are taken out.
    Raises ConfigurationError for anything else.
    """
    visible = (char for char in text if not (char == ":" or char.isspace() or unicodedata.category(char) == "Cf"))
    digits = "".join(visible)
    if not re.fullmatch(r"[0-9A-Fa-f]{40}", digits):
        raise ConfigurationError(
            f"a thumbprint is 40 hex digits, the SHA-1 of a certificate; {text[:120]!a} has {len(digits)} characters"
        )
    return digits.upper()


def parse_certificates(data: bytes | str) -> list[bytes]:
    """Return the certificates in DER, in the order given.

    Takes PEM with any text and other PEM blocks around, DER, base64 of DER without armour, and PKCS#7 in
    any of these forms. Raises ConfigurationError that says what was found instead of a certificate.
    """
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    if b"-----BEGIN " in raw and not _looks_like_der(raw):
        return [der for block in _certificate_blocks(raw) for der in _certificates_in(block)]
    if not _looks_like_der(raw):
        raw = _from_base64(raw.removeprefix(b"\xef\xbb\xbf"), raw)
    return _certificates_in(raw)


def _looks_like_der(raw: bytes) -> bool:
    # A SEQUENCE of more than 127 bytes; no text in UTF-8 begins like this.
    return len(raw) > 1 and raw[0] == 0x30 and raw[1] >= 0x80


def _certificate_blocks(raw: bytes) -> list[bytes]:
    blocks = [(label.decode("ascii", "replace"), body) for label, body in _PEM_BLOCK.findall(raw)]
    if len(blocks) != raw.count(b"-----BEGIN "):
        raise ConfigurationError("a PEM block begins and does not end: the certificates are cut off")
    wanted = [_from_base64(body, raw) for label, body in blocks if label in _CERTIFICATE_LABELS]
    if not wanted:
        raise ConfigurationError("no certificate found, but PEM of: " + ", ".join(label for label, _body in blocks))
    return wanted


def _from_base64(text: bytes, whole: bytes) -> bytes:
    try:
        decoded = base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as exc:
        raise ConfigurationError(f"no certificate found, but {_described(whole)}") from exc
    if not decoded:
        raise ConfigurationError(f"no certificate found, but {_described(whole)}")
    return decoded


def _described(raw: bytes) -> str:
    """Say what came. Only what reads as prose is quoted: anything else might be a key."""
    text = raw.decode("utf-8", "replace").strip()
    if not text:
        return "nothing at all" if not raw else "white space only"
    if "-----BEGIN " in text:
        return "a PEM block whose content is not base64"
    first = text.splitlines()[0]
    words = first.split()
    if len(words) > 1 and max(map(len, words)) <= _LONGEST_WORD and first.isprintable() and "\ufffd" not in first:
        return f"text that begins {first[:60]!r}"
    return f"{len(raw)} bytes that are neither PEM, DER nor base64"


def _certificates_in(der: bytes) -> list[bytes]:
    try:
        load_certificate(der)
    except ConfigurationError as exc:
        return _certificates_in_pkcs7(der, exc)
    return [der]


def _certificates_in_pkcs7(der: bytes, not_a_certificate: ConfigurationError) -> list[bytes]:
    try:
        with quietly():
            found = pkcs7.load_der_pkcs7_certificates(der)
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise ConfigurationError(
            f"{len(der)} bytes are neither an X.509 certificate nor PKCS#7 with certificates: {not_a_certificate}"
        ) from exc
    if not found:
        raise ConfigurationError("the PKCS#7 holds no certificate")
    return [certificate.public_bytes(Encoding.DER) for certificate in found]


def certificate_pem(der: bytes) -> str:
    """Return a certificate as PEM, with a line break at the end."""
    return load_certificate(der).public_bytes(Encoding.PEM).decode()


def encode_upload(certificate: bytes, chain: t.Sequence[bytes], encoding: UploadEncoding) -> str:
    """Return what goes into ``dataInB64``: base64, on one line, of what the encoding names.

    ``der`` is the certificate alone; ``pem`` is PEM of the certificate and then of the chain upwards; ``pkcs7`` is
    certs-only PKCS#7 in DER with the same certificates, which are a set there and have no order.
    """
    return base64.b64encode(_upload_bytes((certificate, *chain), encoding)).decode()


def _upload_bytes(certificates: tuple[bytes, ...], encoding: UploadEncoding) -> bytes:
    if encoding == "der":
        return certificates[0]
    if encoding == "pem":
        return "".join(map(certificate_pem, certificates)).encode()
    if encoding == "pkcs7":
        return pkcs7.serialize_certificates([load_certificate(der) for der in certificates], Encoding.DER)
    raise ConfigurationError(f"upload encoding {encoding!r} is not one of der, pkcs7, pem")
