# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject alternative names of a request and of a certificate, in a form in which equal names are equal."""

from __future__ import annotations

import ipaddress
import typing as t

from .._errors import ConfigurationError
from . import asn1
from .load import Certificate

ALTERNATIVE_NAMES = ("DNS", "IP", "email", "URI")

_SUBJECT_ALT_NAME = "2.5.29.17"
# The tags of GeneralName (RFC 5280, 4.2.1.6).
_EMAIL, _DNS, _URI, _IP = 0x81, 0x82, 0x86, 0x87
_KINDS = {_EMAIL: "email", _DNS: "DNS", _URI: "URI"}
_OTHER = {
    0xA0: "otherName",
    0xA3: "x400Address",
    0xA4: "dirName",
    0xA5: "ediPartyName",
    0x88: "RID",
}


class AlternativeName(t.NamedTuple):
    """A name: its kind as ``ALTERNATIVE_NAMES`` has it, or that of another name, and its value."""

    kind: str
    value: str

    def __str__(self) -> str:
        text = f"{self.kind}:{self.value}"
        return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def alternative_name(text: str) -> AlternativeName:
    """Return the name in a text such as ``DNS:www.example.com``. Domains are in lower case, addresses as RFC 5952.

    A value that does not fit its kind stays as it is.
    """
    kind, _colon, value = text.partition(":")
    if kind == "IP":
        try:
            value = str(ipaddress.ip_address(value))
        except ValueError:
            return AlternativeName(kind, value)
    return AlternativeName(kind, _canonical(kind, value))


def alternative_names(certificate: Certificate) -> tuple[AlternativeName, ...]:
    """Return the names in a certificate; none without the extension. Raises ConfigurationError."""
    value = certificate.extension(_SUBJECT_ALT_NAME)
    if value is None:
        return ()
    try:
        return tuple(_read(name) for name in asn1.element(value).children())
    except asn1.MalformedError as exc:
        raise ConfigurationError(f"the subject alternative names cannot be read: {exc}") from exc


def _read(name: asn1.Element) -> AlternativeName:
    if name.tag == _IP:
        try:
            return AlternativeName("IP", str(ipaddress.ip_address(name.content)))
        except ValueError:
            return AlternativeName("IP", "#" + name.content.hex())
    kind = _KINDS.get(name.tag)
    if kind is None:
        return AlternativeName(_OTHER.get(name.tag, f"tag {name.tag:#04x}"), "#" + name.content.hex())
    return AlternativeName(kind, _canonical(kind, name.content.decode("latin-1")))


def _canonical(kind: str, value: str) -> str:
    """Return the value with its domain in lower case; the local part of an address has a case (RFC 5280, 7.5)."""
    if kind == "DNS":
        return value.lower()
    if kind == "email":
        local, at, domain = value.rpartition("@")
        return f"{local}{at}{domain.lower()}"
    return value
