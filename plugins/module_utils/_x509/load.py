# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and requests, read only in part with ``cryptography``.

``cryptography`` refuses a whole certificate, all its names or all its extensions for one value that breaks the rules.
It raises some of these errors only when an attribute is read, and each release accepts other values. So it reads keys,
dates and algorithms alone; this module reads the other parts from their encoding.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import functools
import hashlib
import textwrap
import threading
import traceback
import typing as t
import warnings

from .._errors import ConfigurationError
from . import asn1
from .x500 import X500Name

CRYPTOGRAPHY_IMPORT_ERROR: str | None = None
# The errors of cryptography for unreadable data. It raises some of them only when an attribute is read.
UNREADABLE: tuple[type[Exception], ...] = (ValueError, TypeError, OverflowError)
try:
    from cryptography import x509
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
        CertificatePublicKeyTypes,
    )
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR = traceback.format_exc()
else:
    UNREADABLE = (*UNREADABLE, UnsupportedAlgorithm, InternalError, x509.InvalidVersion)

_FILTERS = threading.RLock()


@contextlib.contextmanager
def quietly() -> t.Iterator[None]:
    """Drop warnings in this block. One thread at a time, since the warning filters belong to the process."""
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate: ``signed`` is the signed part in DER, ``extensions`` are (OID, value in DER).

    ``shell`` is the part for ``cryptography``: the certificate as version 3, without names and extensions, and with
    another serial number. Only this module and the check of signatures use it.
    """

    der: bytes
    signed: bytes
    version: int
    serial_number: int
    issuer: X500Name
    subject: X500Name
    spki: bytes
    extensions: tuple[tuple[str, bytes], ...]
    shell: x509.Certificate

    @functools.cached_property
    def key_sha256(self) -> str:
        """The SHA-256 of the SubjectPublicKeyInfo, in hex."""
        return _key_sha256_as_encoded(self)

    def public_key(self) -> CertificatePublicKeyTypes:
        """Return the key; raises one of ``UNREADABLE``."""
        return self.shell.public_key()

    def extension(self, oid: str) -> bytes | None:
        """Return the value of an extension, or None; raises ConfigurationError if the extension is repeated."""
        values = [value for kind, value in self.extensions if kind == oid]
        if len(values) > 1:
            raise ConfigurationError(f"the extension {oid} is there {len(values)} times")
        return values[0] if values else None


@dataclasses.dataclass(frozen=True)
class CertificateRequest:
    """A certificate signing request; for ``signed`` and ``shell`` see ``Certificate``."""

    der: bytes
    signed: bytes
    has_subject: bool
    spki: bytes
    shell: x509.CertificateSigningRequest

    @functools.cached_property
    def key_sha256(self) -> str:
        """The SHA-256 of the SubjectPublicKeyInfo, in hex."""
        return _key_sha256_as_encoded(self)

    def public_key(self) -> CertificatePublicKeyTypes:
        """Return the key; raises one of ``UNREADABLE``."""
        return self.shell.public_key()


_EMPTY = asn1.encode(asn1.SEQUENCE)
_VERSION_3 = asn1.encode(asn1.EXPLICIT_0, asn1.encode(asn1.INTEGER, b"\2"))


@functools.lru_cache(maxsize=256)
def load_certificate(der: bytes) -> Certificate:
    """Read a certificate in DER; raises ConfigurationError."""
    try:
        tbs, *rest = _signed_parts(der)
        version, fields = _version_and_fields(tbs)
        serial, algorithm, issuer, validity, subject, spki, *more = fields
        extensions = [field for field in more if field.tag == asn1.EXPLICIT_3]
        parts = (asn1.encode(asn1.INTEGER, b"\1"), algorithm, _EMPTY, validity, _EMPTY, spki)
        with quietly():
            shell = x509.load_der_x509_certificate(_shell((_VERSION_3, *parts), rest))
        return Certificate(
            der=der,
            signed=tbs.encoded,
            version=version,
            serial_number=int.from_bytes(serial.content, "big", signed=True),
            issuer=X500Name.read(issuer),
            subject=X500Name.read(subject),
            spki=spki.encoded,
            extensions=tuple(
                (asn1.dotted(one.child(0, asn1.OID).content), one.children()[-1].content)
                for field in extensions
                for one in field.child(0, asn1.SEQUENCE).children()
            ),
            shell=shell,
        )
    except UNREADABLE as exc:
        raise ConfigurationError(f"{len(der)} bytes are not an X.509 certificate in DER: {exc}") from exc


@functools.lru_cache(maxsize=256)
def load_csr(der: bytes) -> CertificateRequest:
    """Read a certificate signing request in DER; raises ConfigurationError."""
    try:
        content, *rest = _signed_parts(der)
        version, subject, spki, *attributes = content.children()  # RFC 2986, 4.1
        X500Name.read(subject)
        has_subject = bool(subject.content)
        with quietly():
            shell = x509.load_der_x509_csr(_shell((version, _EMPTY, spki, *attributes), rest))
        return CertificateRequest(der, content.encoded, has_subject, spki.encoded, shell)
    except UNREADABLE as exc:
        raise ConfigurationError(f"{len(der)} bytes are not a PKCS#10 certificate request in DER: {exc}") from exc


def signed_fields(der: bytes) -> list[asn1.Element]:
    """Return the fields of a certificate in DER, from its serial number on; raises MalformedError."""
    return _version_and_fields(_signed_parts(der)[0])[1]


def _version_and_fields(tbs: asn1.Element) -> tuple[int, list[asn1.Element]]:
    """Return the version and the other fields (RFC 5280, 4.1). A certificate of version 1 has no version field."""
    fields = tbs.children()
    if not fields or fields[0].tag != asn1.EXPLICIT_0:
        return 1, fields
    version = int.from_bytes(fields[0].child(0, asn1.INTEGER).content, "big") + 1
    if version not in (1, 2, 3):
        raise asn1.MalformedError(f"there is no version {version} of X.509")
    return version, fields[1:]


def _signed_parts(der: bytes) -> list[asn1.Element]:
    """Return the signed part, the algorithm and the signature; raises MalformedError."""
    whole = asn1.element(der)
    if whole.tag != asn1.SEQUENCE or whole.encoded != der:
        raise asn1.MalformedError("bytes that do not belong to it follow")
    content, *rest = whole.children()
    if content.tag != asn1.SEQUENCE:
        raise asn1.MalformedError("what is signed is no sequence")
    return [content, *rest]


def _shell(content: t.Iterable[bytes | asn1.Element], rest: t.Iterable[asn1.Element]) -> bytes:
    encoded = (part if isinstance(part, bytes) else part.encoded for part in content)
    return asn1.encode(asn1.SEQUENCE, asn1.encode(asn1.SEQUENCE, *encoded), *(part.encoded for part in rest))


def pem(der: bytes, label: str) -> str:
    """Return the DER as PEM, with a line break at the end."""
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


def validity_of(certificate: Certificate) -> tuple[dt.datetime, dt.datetime]:
    """Return the begin and the end of the validity, in UTC; raises ConfigurationError."""
    try:
        shell = certificate.shell
        if hasattr(shell, "not_valid_after_utc"):  # since cryptography 42
            return shell.not_valid_before_utc, shell.not_valid_after_utc
        return (
            shell.not_valid_before.replace(tzinfo=dt.timezone.utc),
            shell.not_valid_after.replace(tzinfo=dt.timezone.utc),
        )
    except UNREADABLE as exc:
        raise ConfigurationError(f"the dates of validity cannot be read: {exc}") from exc


def subject_key_identifier(certificate: Certificate) -> bytes | None:
    """Return the identifier of the certificate's key, or None if it is absent or unreadable."""
    with contextlib.suppress(ConfigurationError, asn1.MalformedError):
        value = certificate.extension("2.5.29.14")
        return asn1.element(value).content if value else None
    return None


def authority_key_identifier(certificate: Certificate) -> bytes | None:
    """Return the identifier of the key that signed the certificate, or None if it is absent or unreadable."""
    with contextlib.suppress(ConfigurationError, asn1.MalformedError):
        value = certificate.extension("2.5.29.35")
        parts = asn1.element(value).children() if value else []
        return next((part.content for part in parts if part.tag == asn1.IMPLICIT_0), None)
    return None


def public_key_sha256(source: Certificate | CertificateRequest | CertificateIssuerPrivateKeyTypes) -> str:
    """Return the SHA-256 of the SubjectPublicKeyInfo, in hex; raises ConfigurationError."""
    if isinstance(source, (Certificate, CertificateRequest)):
        return source.key_sha256
    try:
        return _key_sha256(source)
    except UNREADABLE as exc:
        raise ConfigurationError(f"the public key is of a kind that cryptography cannot read: {exc}") from exc


def _key_sha256(source: Certificate | CertificateRequest | CertificateIssuerPrivateKeyTypes) -> str:
    spki = source.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def _key_sha256_as_encoded(source: Certificate | CertificateRequest) -> str:
    """Return the same of a key that cryptography may not know; then the original encoding counts."""
    try:
        return _key_sha256(source)
    except UNREADABLE:
        return hashlib.sha256(source.spki).hexdigest()
