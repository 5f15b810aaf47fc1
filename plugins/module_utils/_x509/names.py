# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert distinguished names to X.509, and to text for other programs."""

from __future__ import annotations

import re
import typing as t

from .._errors import ConfigurationError
from .._models import DistinguishedName
from .attributes import Attribute, attribute_named, find_attribute

try:
    from cryptography import x509
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR
else:
    # Attribute types that cryptography encodes in the wanted string type, without a check of the length.
    _LIKE = {
        "utf8": NameOID.ORGANIZATION_NAME,
        "printable": NameOID.SERIAL_NUMBER,
        "ia5": NameOID.EMAIL_ADDRESS,
    }

    if t.TYPE_CHECKING:
        _TextAttribute = x509.NameAttribute[str]
    else:
        _TextAttribute = x509.NameAttribute  # takes no parameter before cryptography 42

    class _AsWritten(_TextAttribute):
        """A name attribute of any length: ``c=Brasil`` of the vendor's own example stays as it is."""

        def __init__(self, attribute: Attribute, value: str) -> None:
            super().__init__(_LIKE[attribute.string_type(value)], value)
            self._real_oid = x509.ObjectIdentifier(attribute.oid)

        @property
        def oid(self) -> x509.ObjectIdentifier:
            return self._real_oid


_DESCRIPTOR = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


def name_from_dn(dn: DistinguishedName) -> x509.Name:
    """Return the X.509 name, one attribute per RDN, in the order given.

    Country and serial number become PrintableString, domain component and e-mail address IA5String, the others
    UTF8String. A value that its string type cannot hold also becomes UTF8String, since the vendor's own example has
    such values; ``dn_warnings()`` reports it. Raises ConfigurationError for an unknown attribute.
    """
    return x509.Name([_name_attribute(name, value) for name, value in dn.attributes])


def _name_attribute(name: str, value: str) -> x509.NameAttribute[str]:
    try:
        value.encode()
        return _AsWritten(attribute_named(name), value)
    except ValueError as exc:
        raise ConfigurationError(f"dn attribute {name!r} = {value!r} cannot be encoded: {exc}") from exc


def dn_warnings(dn: DistinguishedName) -> tuple[str, ...]:
    """Return a sentence for each breach of the X.509 rules in this DN. The service gets the DN unchanged."""
    return tuple(
        warning for name, value in dn.attributes for warning in _attribute_warnings(find_attribute(name), name, value)
    )


def _attribute_warnings(attribute: Attribute | None, name: str, value: str) -> list[str]:
    shown = f"dn attribute {name} = {value!r}"
    if attribute is None:
        return [f"{shown}: the attribute is not known here and is passed on as it is"]
    if attribute.bound == 2:
        if re.fullmatch(r"[A-Za-z]{2}", value):
            return []
        return [f"{shown}: X.509 allows a country code of two letters only (ISO 3166), for example ES or BR"]
    warnings = []
    if attribute.bound is not None and len(value) > attribute.bound:
        warnings.append(f"{shown}: has {len(value)} characters, X.509 allows {attribute.bound}")
    if attribute.string_type(value) != attribute.string:
        letters = "letters, digits and '()+,-./:=?" if attribute.string == "printable" else "ASCII"
        warnings.append(f"{shown}: X.509 allows {letters} only")
    return warnings


def rfc4514(dn: DistinguishedName) -> str:
    """Return the DN in the form of RFC 4514, the last attribute first, with OpenSSL's attribute names."""
    return ",".join(f"{_descriptor(name)}={_escape_rfc4514(value)}" for name, value in reversed(dn.attributes))


def _escape_rfc4514(value: str) -> str:
    last = len(value) - 1
    return "".join(
        "\\" + char
        if char in '\\"+,;<>' or (char == " " and at in (0, last)) or (char == "#" and at == 0)
        else char.replace("\0", "\\00")
        for at, char in enumerate(value)
    )


def openssl_subject(dn: DistinguishedName) -> str:
    """Return the DN for the options ``-utf8 -subj`` of OpenSSL: ``/C=ES/CN=...``.

    OpenSSL only warns of an attribute with an unknown name or OID, and leaves it out.
    """
    return "".join(f"/{_descriptor(name)}=" + re.sub(r"([\\/+])", r"\\\1", value) for name, value in dn.attributes)


def _descriptor(name: str) -> str:
    attribute = find_attribute(name)
    if attribute:
        return attribute.openssl
    if not _DESCRIPTOR.fullmatch(name.strip()):
        raise ConfigurationError(f"dn attribute {name!r} is neither a name of letters, digits and - nor a dotted OID")
    return name.strip()
