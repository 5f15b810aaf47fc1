# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of a distinguished name: their names, their encodings, and their greatest lengths.

The names come from RFC 4519, RFC 5280, ETSI EN 319 412, the CA/Browser Forum, OpenSSL and Windows. The upper bounds
come from RFC 5280, appendix A.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .._errors import ConfigurationError

StringType = t.Literal["utf8", "printable", "ia5"]

_DOTTED = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_NOT_PRINTABLE = re.compile(r"[^A-Za-z0-9 '()+,./:=?-]")


@dataclasses.dataclass(frozen=True)
class Attribute:
    """One attribute type. ``name`` is for messages, ``openssl`` is the name in OpenSSL; ``bound`` counts characters."""

    oid: str
    name: str
    openssl: str
    aliases: tuple[str, ...] = ()
    bound: int | None = None
    string: StringType = "utf8"

    def string_type(self, value: str) -> StringType:
        """Return the ASN.1 string type for the value: that of the standard, or UTF8String if that cannot hold it."""
        if self.string == "printable" and _NOT_PRINTABLE.search(value):
            return "utf8"
        if self.string == "ia5" and not value.isascii():
            return "utf8"
        return self.string


_JURISDICTION = "1.3.6.1.4.1.311.60.2.1"
_KNOWN = (
    Attribute("2.5.4.3", "cn", "CN", ("commonName",), 64),
    Attribute("2.5.4.10", "o", "O", ("organizationName",), 64),
    Attribute("2.5.4.6", "c", "C", ("countryName",), 2, "printable"),
    Attribute("2.5.4.8", "st", "ST", ("s", "stateOrProvinceName"), 128),
    Attribute("2.5.4.7", "l", "L", ("localityName",), 128),
    Attribute("2.5.4.11", "ou", "OU", ("organizationalUnitName",), 64),
    Attribute("2.5.4.5", "serialNumber", "serialNumber", (), 64, "printable"),
    Attribute("2.5.4.42", "givenName", "GN", ("g", "gn"), 32768),
    Attribute("2.5.4.4", "sn", "SN", ("surname",), 32768),
    Attribute("2.5.4.12", "title", "title", ("t",), 64),
    Attribute("1.2.840.113549.1.9.1", "emailAddress", "emailAddress", ("e", "email"), 255, "ia5"),
    Attribute("0.9.2342.19200300.100.1.25", "dc", "DC", ("domainComponent",), 63, "ia5"),
    Attribute("0.9.2342.19200300.100.1.1", "uid", "UID", ("userId",), 256),
    Attribute("2.5.4.9", "street", "street", ("streetAddress",), 128),
    Attribute("2.5.4.17", "postalCode", "postalCode", (), 40),
    Attribute("2.5.4.18", "postOfficeBox", "postOfficeBox", (), 40),
    Attribute("2.5.4.97", "organizationIdentifier", "organizationIdentifier"),
    Attribute("2.5.4.15", "businessCategory", "businessCategory", (), 128),
    Attribute(f"{_JURISDICTION}.3", "jurisdictionC", "jurisdictionC", ("jurisdictionCountryName",), 2, "printable"),
    Attribute(f"{_JURISDICTION}.2", "jurisdictionST", "jurisdictionST", ("jurisdictionStateOrProvinceName",), 128),
    Attribute(f"{_JURISDICTION}.1", "jurisdictionL", "jurisdictionL", ("jurisdictionLocalityName",), 128),
    Attribute("2.5.4.65", "pseudonym", "pseudonym", (), 128),
    Attribute("2.5.4.41", "name", "name", (), 32768),
    Attribute("2.5.4.43", "initials", "initials", (), 32768),
    Attribute("2.5.4.44", "generationQualifier", "generationQualifier", (), 32768),
    Attribute("2.5.4.46", "dnQualifier", "dnQualifier", (), None, "printable"),
    Attribute("2.5.4.13", "description", "description", (), 1024),
    Attribute("2.5.4.20", "telephoneNumber", "telephoneNumber", (), 32, "printable"),
    Attribute("1.2.840.113549.1.9.2", "unstructuredName", "unstructuredName", (), 255, "ia5"),
    Attribute("1.2.840.113549.1.9.8", "unstructuredAddress", "unstructuredAddress", (), 255),
)
_BY_OID = {known.oid: known for known in _KNOWN}
_BY_NAME = {alias.lower(): known for known in _KNOWN for alias in (known.name, known.openssl, *known.aliases)}


def attribute_of_oid(oid: str) -> Attribute:
    """Return the attribute type of a dotted OID; the OID is the name of an unknown type."""
    return _BY_OID.get(oid) or Attribute(oid, oid, oid)


def find_attribute(name: str) -> Attribute | None:
    """Return the attribute type of a name in any case, or of a dotted OID, or None."""
    key = name.strip().lower()
    known = _BY_NAME.get(key)
    if known:
        return known
    prefix = len("oid.") if key.startswith("oid.") else 0
    dotted = key[prefix:]
    return attribute_of_oid(dotted) if _DOTTED.fullmatch(dotted) else None


def attribute_named(name: str) -> Attribute:
    """Return the attribute type of a name in any case, or of a dotted OID; raises ConfigurationError."""
    found = find_attribute(name)
    if found is None:
        known = ", ".join(attribute.name for attribute in _KNOWN)
        raise ConfigurationError(f"dn attribute {name!r} is not known here; use a dotted OID or one of {known}")
    return found
