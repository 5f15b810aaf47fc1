# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names in certificates: read them like other tools, and compare them by the rules of RFC 5280, 7.1."""

from __future__ import annotations

import dataclasses
import functools
import typing as t
import unicodedata

from .._models import DistinguishedName
from . import asn1
from .attributes import attribute_of_oid

try:
    from cryptography import x509
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR
else:

    class _Encoded(str):
        """A text that ``encode()`` turns into the given bytes, not into its own."""

        content: bytes

        def encode(self, *_arguments: object) -> bytes:
            return self.content

    class _StringType:
        """The type of any ASN.1 string, also of one that cryptography does not know."""

        def __init__(self, tag: int) -> None:
            self.value = tag

    if t.TYPE_CHECKING:
        _TextAttribute = x509.NameAttribute[str]
    else:
        _TextAttribute = x509.NameAttribute  # takes no parameter before cryptography 42

    class _AsReceived(_TextAttribute):
        """A name attribute that keeps its encoding byte for byte."""

        def __init__(self, oid: str, value: asn1.Element) -> None:
            content = _Encoded(value.encoded.hex())
            content.content = value.content
            super().__init__(x509.ObjectIdentifier("2.5.4.10"), content)
            self._oid = x509.ObjectIdentifier(oid)
            self._type = _StringType(value.tag)  # type: ignore[assignment]


# UTF8String, NumericString, PrintableString, T61String, VideotexString, IA5String, GraphicString, VisibleString and
# GeneralString. Against the standard, programs write ASCII, UTF-8 or Latin-1 into each of them.
_TEXT = frozenset({0x0C, 0x12, 0x13, 0x14, 0x15, 0x16, 0x19, 0x1A, 0x1B})
_WIDE = {0x1C: "utf-32-be", 0x1E: "utf-16-be"}  # UniversalString, BMPString

# RFC 4518, 2.2, drops these marks, which change no character, as well as control and format characters.
_NOTHING = frozenset("\u034f\u180b\u180c\u180d\ufffc") | frozenset(map(chr, range(0xFE00, 0xFE10)))

Comparable = tuple[tuple[tuple[str, str], ...], ...]


@dataclasses.dataclass(frozen=True)
class X500Name:
    """The name in a certificate: the attributes of each RDN, by OID."""

    rdns: tuple[tuple[tuple[str, asn1.Element], ...], ...]

    @classmethod
    def read(cls, name: asn1.Element) -> X500Name:
        """Read a name; raises MalformedError."""
        return cls(
            tuple(
                tuple((asn1.dotted(pair.child(0, asn1.OID).content), pair.child(1)) for pair in rdn.children())
                for rdn in name.children()
            )
        )

    def dn(self) -> DistinguishedName:
        """Return the attributes in order. Unknown types have their OID as name; values without text are ``#hex``."""
        return DistinguishedName(
            tuple((attribute_of_oid(oid).name, _text(value)) for rdn in self.rdns for oid, value in rdn)
        )

    def comparable(self) -> Comparable:
        """Return a value that is equal for equal names."""
        return self._comparable

    @functools.cached_property
    def _comparable(self) -> Comparable:
        return tuple(tuple(sorted((oid, folded(_text(value))) for oid, value in rdn)) for rdn in self.rdns)

    def as_received(self) -> x509.Name:
        """Return the name for a new certificate, with the same encoding byte for byte."""
        return x509.Name(
            [x509.RelativeDistinguishedName([_AsReceived(oid, value) for oid, value in rdn]) for rdn in self.rdns]
        )


def _text(value: asn1.Element) -> str:
    """Return the text of a string; for other values ``#`` and the encoding in hex (RFC 4514, 2.4).

    Bytes that are not UTF-8 are Latin-1, as OpenSSL, Java and browsers read a T61String.
    """
    if value.tag in _TEXT:
        try:
            return value.content.decode("utf-8")
        except UnicodeDecodeError:
            return value.content.decode("latin-1")
    try:
        return value.content.decode(_WIDE[value.tag])
    except (KeyError, UnicodeDecodeError):
        return "#" + value.encoded.hex()


def folded(value: str) -> str:
    """Return the value for a comparison without case, prepared by the rules of RFC 4518."""
    if value.isascii() and value.isprintable():  # most are, and to them the rules do nothing else
        return " ".join(value.lower().split())
    mapped = "".join(char for char in value if char.isspace() or not _is_nothing(char))
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", mapped).casefold())
    return " ".join(composed.split())


def _is_nothing(char: str) -> bool:
    return char in _NOTHING or unicodedata.category(char) in ("Cc", "Cf")


def shown(dn: DistinguishedName) -> str:
    """Return a DN for a message: on one line, without control characters for a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(dn))
