# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate extensions, read from options as community.crypto and OpenSSL write them."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from .._errors import ConfigurationError
from .._x509.api import EXTENDED_KEY_USAGES, KEY_USAGES, usage_key

try:
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

# The bits of a key usage that may be set in these certificates, as cryptography names them; the others are for CAs.
_FLAGS = {
    0: "digital_signature",
    1: "content_commitment",
    2: "key_encipherment",
    3: "data_encipherment",
    4: "key_agreement",
    7: "encipher_only",
    8: "decipher_only",
}


def key_usage(names: t.Sequence[str]) -> x509.KeyUsage:
    """Return the extension; raises ConfigurationError for a name that is not known or that only a CA may have."""
    flags = dict.fromkeys(_FLAGS.values(), False)
    for name in names:
        bit = KEY_USAGES.get(usage_key(name))
        if bit is None:
            known = ", ".join(key for key, bit in KEY_USAGES.items() if bit in _FLAGS)
            raise ConfigurationError(f"key_usage {name!r} is not known: use some of {known}")
        if bit not in _FLAGS:
            raise ConfigurationError(f"key_usage {name!r} is for CAs, and these certificates are none")
        flags[_FLAGS[bit]] = True
    if (flags["encipher_only"] or flags["decipher_only"]) and not flags["key_agreement"]:
        raise ConfigurationError("key_usage encipherOnly and decipherOnly have no meaning without keyAgreement")
    return x509.KeyUsage(key_cert_sign=False, crl_sign=False, **flags)


def extended_key_usage(names: t.Sequence[str]) -> x509.ExtendedKeyUsage:
    """Return the extension; raises ConfigurationError for a name that is neither known nor a dotted OID."""
    return x509.ExtendedKeyUsage([_purpose(name) for name in names])


def _purpose(name: str) -> x509.ObjectIdentifier:
    try:
        return x509.ObjectIdentifier(EXTENDED_KEY_USAGES.get(usage_key(name), name))
    except ValueError as exc:
        known = ", ".join(EXTENDED_KEY_USAGES)
        raise ConfigurationError(f"extended_key_usage {name!r} is neither a dotted OID nor one of {known}") from exc


def subject_alternative_name(names: t.Sequence[str]) -> x509.SubjectAlternativeName:
    """Return the extension for names like ``DNS:www.example.com``, ``IP:192.0.2.1``, ``email:a@b``, ``URI:https://b``.

    Raises ConfigurationError.
    """
    return x509.SubjectAlternativeName([_alternative_name(name) for name in names])


def check_subject_alt_name(names: t.Sequence[str]) -> None:
    """Raise ConfigurationError for a name that is none."""
    for name in names:
        _alternative_name(name)


def _alternative_name(text: str) -> x509.GeneralName:
    kinds: dict[str, t.Callable[[str], x509.GeneralName]] = {
        "DNS": x509.DNSName,
        "IP": lambda address: x509.IPAddress(ipaddress.ip_address(address)),
        "email": x509.RFC822Name,
        "URI": x509.UniformResourceIdentifier,
    }
    kind, _colon, value = text.partition(":")
    try:
        return kinds[kind](_not_empty(value))
    except (KeyError, ValueError) as exc:
        raise ConfigurationError(
            f"subject_alt_name {text!r} is not DNS:, IP:, email: or URI: with an ASCII value that fits "
            "(write a domain name with other letters in its xn-- form)"
        ) from exc


def _not_empty(value: str) -> str:
    if not value or any(char.isspace() or not char.isprintable() for char in value):
        raise ValueError("empty, or with white space in it")
    return value


def crl_distribution_points(urls: t.Sequence[str]) -> x509.CRLDistributionPoints:
    """Return the extension: one distribution point with each URL. Raises ConfigurationError."""
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint([_url("crl_distribution_points", url)], None, None, None) for url in urls]
    )


def authority_information_access(
    ocsp_servers: t.Sequence[str], ca_issuers: t.Sequence[str]
) -> x509.AuthorityInformationAccess:
    """Return the extension. Raises ConfigurationError."""
    access, oid = x509.AccessDescription, AuthorityInformationAccessOID
    return x509.AuthorityInformationAccess(
        [
            *(access(oid.OCSP, _url("ocsp_servers", url)) for url in ocsp_servers),
            *(access(oid.CA_ISSUERS, _url("ca_issuers", url)) for url in ca_issuers),
        ]
    )


def _url(option: str, url: str) -> x509.UniformResourceIdentifier:
    if not re.match(r"(https?|ldap)://.", url, re.IGNORECASE):
        raise ConfigurationError(f"{option}: {url!r} is not an http, https or ldap URL")
    try:
        return x509.UniformResourceIdentifier(_not_empty(url))
    except ValueError as exc:
        raise ConfigurationError(f"{option}: {url!r} has characters in it that must be percent-encoded") from exc
