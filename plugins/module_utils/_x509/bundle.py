# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find certificates in data of many forms: PEM armour, escapes, text encodings, base64, PKCS#7."""

from __future__ import annotations

import base64
import binascii
import html
import re
import typing as t
import unicodedata
import urllib.parse

from .._errors import ConfigurationError
from . import asn1
from .kinds import UNREADABLE_CERTIFICATE, kind_of_der, kind_of_text
from .load import load_certificate

_PEM_BLOCK = re.compile(r"-----BEGIN ([^\r\n-]+)-----(.*?)-----END \1-----", re.DOTALL)
_BEGIN = "-----BEGIN "
# Labels without spaces and signs: "PKCS #7 SIGNED DATA" and "PKCS7" are both in use.
_CERTIFICATE_LABELS = frozenset(
    {
        "CERTIFICATE",
        "CERTIFICATES",
        "CERTIFICATECHAIN",
        "X509CERTIFICATE",
        "TRUSTEDCERTIFICATE",
        "PKCS7",
        "PKCS7SIGNEDDATA",
        "CMS",
    }
)
_ESCAPE = re.compile(r"\\+(?:([nrt])|u([0-9A-Fa-f]{4})|([/\"']))")
_PEM_HEADER = re.compile(r"^\s*[A-Za-z][A-Za-z0-9-]*:.*$", re.MULTILINE)
_TAG = re.compile(r"<[^<>]*>")
# The characters that JSON, YAML, mail and shells put around quoted lines.
_AROUND_LINES = frozenset("\"',>|\\")


def parse_certificates(data: bytes | str) -> list[bytes]:
    """Return the certificates in DER, in the order given.

    The data may be PEM, DER, base64 of either without armour, or PKCS#7 in any of these forms. Any text and other PEM
    blocks may surround the PEM. Text is UTF-8 or UTF-16, with line breaks of any kind or written as ``\\n``. The
    result includes unreadable certificates if at least one is readable. Raises ConfigurationError that describes the
    content if there is no readable certificate.
    """
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    found = _certificates(raw)
    problems = [problem for problem in map(_problem, found) if problem]
    if len(problems) == len(found):
        raise ConfigurationError(f"no certificate found, but {problems[0]}")
    return found


def _problem(der: bytes) -> str | None:
    try:
        load_certificate(der)
    except ConfigurationError as exc:
        return f"{kind_of_der(der)}: {exc}"
    return None


def _certificates(raw: bytes) -> list[bytes]:
    if _looks_like_der(raw):
        return _certificates_in(raw)
    text = _text(raw)
    if _BEGIN in text:
        return _certificates_in_pem(text)
    decoded = _from_base64(text) or b""
    if _looks_like_der(decoded):
        return _certificates_in(decoded)
    # Kubernetes and the module slurp give base64 of the whole file.
    if _BEGIN in _text(decoded):
        return _certificates_in_pem(_text(decoded))
    raise ConfigurationError(f"no certificate found, but {kind_of_text(raw, text)}")


def _looks_like_der(raw: bytes) -> bool:
    # No UTF-8 text begins like a SEQUENCE of more than 127 bytes. A shorter one must have exactly this length.
    return len(raw) > 1 and raw[0] == asn1.SEQUENCE and (raw[1] >= 0x80 or len(raw) == 2 + raw[1])


def _text(raw: bytes) -> str:
    """Decode the bytes as text, and undo the escapes of JSON, shells and URLs."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", "replace")
    elif b"\0" in raw[:2]:
        text = raw.decode("utf-16-be" if raw[0] == 0 else "utf-16-le", "replace")
    else:
        text = raw.decode("utf-8", "replace")
    if f"{_BEGIN.rstrip()}%20" in text:
        text = urllib.parse.unquote(text)
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(escape: re.Match[str]) -> str:
    line_break, code, itself = escape.groups()
    return "\n" if line_break else chr(int(code, 16)) if code else itself


def _certificates_in_pem(text: str) -> list[bytes]:
    blocks: list[tuple[str, str]] = _PEM_BLOCK.findall(text)
    if len(blocks) != text.count(_BEGIN):
        raise ConfigurationError("a PEM block begins and does not end: the certificates are cut off")
    wanted = [(label, body) for label, body in blocks if _plain(label) in _CERTIFICATE_LABELS]
    if not wanted:
        raise ConfigurationError("no certificate found, but PEM of: " + ", ".join(label for label, _body in blocks))
    return [der for label, body in wanted for der in _certificates_in(_block(label, body))]


def _plain(label: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", label.upper())


def _block(label: str, body: str) -> bytes:
    decoded = _from_base64(_PEM_HEADER.sub("", _TAG.sub("\n", html.unescape(body))))
    if not decoded:
        raise ConfigurationError("no certificate found, but a PEM block whose content is not base64")
    if "TRUSTED" in label:  # OpenSSL appends trust settings to the certificate
        try:
            return asn1.element(decoded).encoded
        except asn1.MalformedError:
            return decoded
    return decoded


def _from_base64(text: str) -> bytes | None:
    digits = "".join(
        char
        for char in text
        if not (char.isspace() or char in _AROUND_LINES or unicodedata.category(char) in ("Cc", "Cf"))
    )
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
        return None


def _certificates_in(der: bytes) -> list[bytes]:
    problem = _problem(der)
    if problem is None or problem.startswith(UNREADABLE_CERTIFICATE):
        return [der]
    found = _certificates_in_pkcs7(der)
    if not found:
        raise ConfigurationError(f"no certificate found, but {problem}")
    return found


def _certificates_in_pkcs7(der: bytes) -> list[bytes]:
    """Return the certificates in PKCS#7 signed data (RFC 5652, 5.1), in DER or BER; an empty list for other data."""
    try:
        outer = asn1.element(der)
        if outer.encoded != der or asn1.dotted(outer.child(0, asn1.OID).content) != asn1.SIGNED_DATA:
            return []
        return list(_certificates_of_signed_data(outer.child(1, asn1.EXPLICIT_0).child(0, asn1.SEQUENCE)))
    except asn1.MalformedError:
        return []


def _certificates_of_signed_data(signed_data: asn1.Element) -> t.Iterator[bytes]:
    for field in signed_data.children():
        if field.tag == asn1.EXPLICIT_0:
            yield from (one.encoded for one in field.children() if one.tag == asn1.SEQUENCE)
