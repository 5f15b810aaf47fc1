# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The usages of a key: their names, as community.crypto and OpenSSL write them, and those of a certificate."""

from __future__ import annotations

import re
import typing as t

from .._errors import ConfigurationError
from . import asn1
from .load import Certificate

# The bits of the extension (RFC 5280, 4.2.1.3), by name as ``usage_key`` returns it.
KEY_USAGES: t.Mapping[str, int] = {
    "digitalsignature": 0,
    "nonrepudiation": 1,
    "contentcommitment": 1,
    "keyencipherment": 2,
    "dataencipherment": 3,
    "keyagreement": 4,
    "keycertsign": 5,
    "certificatesign": 5,
    "crlsign": 6,
    "encipheronly": 7,
    "decipheronly": 8,
}
_SHOWN_BITS = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
_PKIX = "1.3.6.1.5.5.7.3"
EXTENDED_KEY_USAGES: t.Mapping[str, str] = {
    "anyextendedkeyusage": "2.5.29.37.0",
    "serverauth": f"{_PKIX}.1",
    "tlswebserverauthentication": f"{_PKIX}.1",
    "clientauth": f"{_PKIX}.2",
    "tlswebclientauthentication": f"{_PKIX}.2",
    "codesigning": f"{_PKIX}.3",
    "emailprotection": f"{_PKIX}.4",
    "e-mailprotection": f"{_PKIX}.4",
    "timestamping": f"{_PKIX}.8",
    "ocspsigning": f"{_PKIX}.9",
    "ipsecendsystem": f"{_PKIX}.5",
    "ipsectunnel": f"{_PKIX}.6",
    "ipsecuser": f"{_PKIX}.7",
    "documentsigning": f"{_PKIX}.36",
    "mssmartcardlogin": "1.3.6.1.4.1.311.20.2.2",
    "msdocumentsigning": "1.3.6.1.4.1.311.10.3.12",
    "pkinitclientauth": "1.3.6.1.5.2.3.4",
}
_SHOWN_PURPOSES = {
    "2.5.29.37.0": "anyExtendedKeyUsage",
    f"{_PKIX}.1": "serverAuth",
    f"{_PKIX}.2": "clientAuth",
    f"{_PKIX}.3": "codeSigning",
    f"{_PKIX}.4": "emailProtection",
    f"{_PKIX}.8": "timeStamping",
    f"{_PKIX}.9": "OCSPSigning",
    f"{_PKIX}.5": "ipsecEndSystem",
    f"{_PKIX}.6": "ipsecTunnel",
    f"{_PKIX}.7": "ipsecUser",
    f"{_PKIX}.36": "documentSigning",
    "1.3.6.1.4.1.311.20.2.2": "msSmartcardLogin",
    "1.3.6.1.4.1.311.10.3.12": "msDocumentSigning",
    "1.3.6.1.5.2.3.4": "pkInitClientAuth",
}
_KEY_USAGE, _EXTENDED_KEY_USAGE = "2.5.29.15", "2.5.29.37"
_DOTTED = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def usage_key(name: str) -> str:
    """Return a name as the tables have it: "digitalSignature" and "Digital Signature" are the same."""
    return name.replace(" ", "").lower()


def key_usage_named(name: str) -> str:
    """Return the usual name of a key usage; raises ConfigurationError."""
    bit = KEY_USAGES.get(usage_key(name))
    if bit is None:
        raise ConfigurationError(f"key_usage {name!r} is not known: use some of {', '.join(_SHOWN_BITS)}")
    return _SHOWN_BITS[bit]


def purpose_named(name: str) -> str:
    """Return the usual name of an extended key usage, or its dotted OID; raises ConfigurationError."""
    oid = EXTENDED_KEY_USAGES.get(usage_key(name), name.strip())
    if not _DOTTED.fullmatch(oid):
        known = ", ".join(EXTENDED_KEY_USAGES)
        raise ConfigurationError(f"extended_key_usage {name!r} is neither a dotted OID nor one of {known}")
    return _SHOWN_PURPOSES.get(oid, oid)


def key_usages(certificate: Certificate) -> tuple[str, ...] | None:
    """Return the names of the key usages; None without the extension. Raises ConfigurationError."""
    value = certificate.extension(_KEY_USAGE)
    if value is None:
        return None
    try:
        bits = asn1.element(value)
    except asn1.MalformedError as exc:
        raise ConfigurationError(f"the key usage cannot be read: {exc}") from exc
    if bits.tag != asn1.BIT_STRING or not bits.content:
        raise ConfigurationError("the key usage cannot be read: it is no string of bits")
    octets = bits.content[1:]
    found = (bit for bit in range(8 * len(octets)) if octets[bit // 8] & (0x80 >> bit % 8))
    return tuple(_SHOWN_BITS[bit] if bit < len(_SHOWN_BITS) else f"bit {bit}" for bit in found)


def purposes(certificate: Certificate) -> tuple[str, ...] | None:
    """Return the extended key usages, unknown ones as dotted OIDs; None without the extension.

    Raises ConfigurationError.
    """
    value = certificate.extension(_EXTENDED_KEY_USAGE)
    if value is None:
        return None
    try:
        oids = [asn1.dotted(_oid(one)) for one in asn1.element(value).children()]
    except asn1.MalformedError as exc:
        raise ConfigurationError(f"the extended key usage cannot be read: {exc}") from exc
    return tuple(_SHOWN_PURPOSES.get(oid, oid) for oid in oids)


def _oid(one: asn1.Element) -> bytes:
    if one.tag != asn1.OID:
        raise asn1.MalformedError("an object identifier was expected")
    return one.content
