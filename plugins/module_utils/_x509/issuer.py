# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The issuer of a certificate, read fast: many thousands are compared in a run."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing as t

from .._errors import ConfigurationError
from .._printable import printable
from . import asn1
from .attributes import attribute_named
from .load import authority_key_identifier, load_certificate, signed_fields, subject_key_identifier
from .signature import issued_by
from .x500 import X500Name, folded

_COMMON_NAME = "2.5.4.3"
# An attribute of RFC 4514, or as OpenSSL prints it: with blanks around it, and a value with a comma in quotes.
_ATTRIBUTE = re.compile(
    r"""\s*([A-Za-z][A-Za-z0-9-]*|[0-9.]+)\s*=\s*("(?:[^"\\]|\\.)*"|(?:[^",;+\\]|\\.)+?)\s*(?:[,;+]|\Z)""", re.DOTALL
)
_ESCAPED = re.compile(r"\\((?:[0-9A-Fa-f]{2}(?:\\[0-9A-Fa-f]{2})*)|.)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class IssuerName:
    """The name of a CA as a person writes it: a whole distinguished name, or the common name alone.

    ``attributes`` are sorted pairs of OID and value, prepared for comparison. The order in which they were written
    makes no difference, as programs show a name from either end.
    """

    attributes: tuple[tuple[str, str], ...]
    is_whole: bool

    @classmethod
    def parse(cls, text: str) -> IssuerName:
        """Read ``CN=Example CA,O=Example``, or ``Example CA``; raises ConfigurationError."""
        if "=" not in text:
            if not text.strip():
                raise ConfigurationError("it is empty")
            return cls(((_COMMON_NAME, folded(text)),), is_whole=False)
        return cls(tuple(sorted(_attributes(text))), is_whole=True)

    def fits(self, issuer: X500Name) -> bool:
        """Return whether this is the name of the issuer."""
        return self._fits(_flat(issuer))

    def _fits(self, attributes: tuple[tuple[str, str], ...]) -> bool:
        return attributes == self.attributes if self.is_whole else self.attributes[0] in attributes


@functools.lru_cache(maxsize=64)
def issuer_named(text: str) -> IssuerName:
    """Return the name of a CA; raises ConfigurationError. See IssuerName."""
    return IssuerName.parse(text)


def issuer_and_serial(der: bytes) -> tuple[X500Name, int]:
    """Return the issuer and the serial number of a certificate in DER; raises ConfigurationError.

    Nothing else of the certificate is read.
    """
    try:
        serial, _algorithm, issuer, *_more = signed_fields(der)
        return _name(issuer.encoded), int.from_bytes(serial.content, "big", signed=True)
    except ValueError as exc:
        raise ConfigurationError(f"{len(der)} bytes are not an X.509 certificate in DER: {exc}") from exc


def issuer_label(der: bytes) -> str:
    """Return the common name of the CA of a certificate in DER, else its organization, else its whole name.

    Empty where the certificate cannot be read.
    """
    try:
        (to_be_signed,) = asn1.elements(asn1.element(der).content, 1)
        fields = asn1.elements(to_be_signed.content, 4)
        has_version = fields[0].tag == asn1.EXPLICIT_0
        return _label(fields[3 if has_version else 2].encoded)
    except (ValueError, IndexError):
        return ""


@functools.lru_cache(maxsize=256)
def _label(encoded: bytes) -> str:
    dn = _name(encoded).dn()
    values = dict(reversed(dn.attributes))  # the first one counts where an attribute repeats
    return printable(values.get("cn") or values.get("o") or str(dn))


def was_issued_by(der: bytes, ca: bytes) -> bool:
    """Return whether the key of this CA issued a certificate; both are in DER. Raises ConfigurationError.

    Another key of a CA with the same name did not. A signature that cannot be checked counts as one of this key.
    """
    issuer, _serial = issuer_and_serial(der)
    parent = load_certificate(ca)
    if issuer.comparable() != parent.subject.comparable():
        return False
    wanted, actual = authority_key_identifier(load_certificate(der)), subject_key_identifier(parent)
    return (wanted is not None and wanted == actual) or issued_by(der, ca) is not False


@functools.lru_cache(maxsize=256)
def _name(encoded: bytes) -> X500Name:
    """Read a name. Most certificates of a store have the same issuer."""
    return X500Name.read(asn1.element(encoded))


@functools.lru_cache(maxsize=256)
def _flat(issuer: X500Name) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pair for rdn in issuer.comparable() for pair in rdn))


def _attributes(text: str) -> t.Iterator[tuple[str, str]]:
    """Yield OID and value of each attribute; raises ConfigurationError."""
    position = 0
    while position < len(text):
        found = _ATTRIBUTE.match(text, position)
        if found is None:
            raise ConfigurationError(
                f"it is no distinguished name such as CN=Example CA,O=Example from {text[position:][:40]!r} on"
            )
        yield attribute_named(found[1]).oid, folded(_unescaped(found[2]))
        position = found.end()


def _unescaped(value: str) -> str:
    inner = value[1:-1] if value.startswith('"') else value

    def character(found: re.Match[str]) -> str:
        digits = found[1].replace("\\", "")
        return found[1] if len(found[1]) == 1 else bytes.fromhex(digits).decode("utf-8", "replace")

    return _ESCAPED.sub(character, inner)
