# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe data that is not a certificate. The description quotes nothing that might be a key."""

from __future__ import annotations

import re
import typing as t

from . import asn1
from .load import UNREADABLE, quietly

try:
    from cryptography import x509
    from cryptography.x509 import ocsp
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR
else:
    _LOADERS: tuple[tuple[t.Callable[[bytes], object], str], ...] = (
        (x509.load_der_x509_csr, "a certificate request (CSR)"),
        (x509.load_der_x509_crl, "a revocation list (CRL)"),
        (ocsp.load_der_ocsp_response, "an OCSP response"),
    )

UNREADABLE_CERTIFICATE = "a certificate that cryptography cannot read"

_LONGEST_WORD = 24
# The tags of the first elements in the outer element.
_SHAPES: tuple[tuple[tuple[int, ...], str], ...] = (
    ((asn1.INTEGER, asn1.SEQUENCE, asn1.OCTET_STRING), "a private key"),
    ((asn1.INTEGER, asn1.INTEGER, asn1.INTEGER), "a private key"),
    ((asn1.INTEGER, asn1.OCTET_STRING), "a private key"),
    ((asn1.SEQUENCE, asn1.OCTET_STRING), "an encrypted private key"),
    ((asn1.SEQUENCE, asn1.BIT_STRING), "a public key"),
    ((asn1.SEQUENCE, asn1.SEQUENCE, asn1.BIT_STRING), UNREADABLE_CERTIFICATE),
    ((asn1.INTEGER, asn1.SEQUENCE), "a PKCS#12 file (.pfx, .p12); take the certificates out of it as PEM"),
)
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xfe\xed\xfe\xed", "a Java key store; export the certificates as PEM"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
)
_TEXTS: tuple[tuple[str, str], ...] = (
    (r"\$ANSIBLE_VAULT;", "a file that Ansible Vault encrypted"),
    (r"(?is).{0,1000}<(!doctype\s+html|html)\b", "an HTML page"),
    (r"<", "XML"),
    (r"[\[{]", "JSON"),
    (r"ssh-|ecdsa-sha2-", "an SSH public key"),
    (r"PuTTY-User-Key-File|---- BEGIN SSH2", "an SSH key"),
    (r"(~|/|\./|[A-Za-z]:\\)\S*\.(pem|crt|cer|der|p7b|p7c|cert)$", "the path of a file, not what is in it"),
)


def kind_of_der(der: bytes) -> str:
    """Describe DER or other bytes that are not a certificate or PKCS#7 with certificates."""
    missing = asn1.missing_bytes(der)
    if missing:
        return f"DER that is cut off: {missing} of {missing + len(der)} bytes are not there"
    try:
        whole = asn1.element(der)
        if len(whole.encoded) < len(der):
            return f"DER that goes on after its end: {len(der) - len(whole.encoded)} bytes too many"
        return _kind_of_pkcs7(whole) or _kind_by_loading(der) or _kind_by_shape(whole)
    except asn1.MalformedError:
        return f"{len(der)} bytes that are neither a certificate nor PKCS#7"


def _kind_of_pkcs7(whole: asn1.Element) -> str | None:
    first = whole.child(0)
    oid = asn1.dotted(first.content) if first.tag == asn1.OID else ""
    if not oid.startswith(f"{asn1.PKCS7}."):
        return None
    return "PKCS#7 without a certificate" if oid == asn1.SIGNED_DATA else "PKCS#7 that is encrypted or of another kind"


def _kind_by_loading(der: bytes) -> str | None:
    for load, kind in _LOADERS:
        try:
            with quietly():
                load(der)
        except UNREADABLE:
            continue
        return kind
    return None


def _kind_by_shape(whole: asn1.Element) -> str:
    tags = tuple(part.tag for part in whole.children())
    for shape, kind in _SHAPES:
        if tags[: len(shape)] == shape:
            return kind
    return f"{len(whole.encoded)} bytes of DER that are neither a certificate nor PKCS#7"


def kind_of_text(raw: bytes, text: str) -> str:
    """Describe text, or bytes of an unknown kind. Only prose is quoted."""
    plain = text.lstrip("\ufeff").strip()
    if not plain:
        return "white space only" if raw else "nothing at all"
    for magic, kind in _MAGIC:
        if raw.startswith(magic):
            return kind
    for pattern, kind in _TEXTS:
        if re.match(pattern, plain):
            return kind
    first = plain.splitlines()[0]
    words = first.split()
    if len(words) > 1 and max(map(len, words)) <= _LONGEST_WORD and first.isprintable() and "\ufffd" not in first:
        return f"text that begins {first[:60]!r}"
    return f"{len(raw)} bytes that are neither PEM, DER nor base64"
