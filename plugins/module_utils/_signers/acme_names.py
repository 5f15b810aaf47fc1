# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that a CSR asks an ACME CA for. Pure."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from .._errors import ConfigurationError
from .._models import CertificateSpec
from .._x509.api import UNREADABLE, find_attribute
from .base import SigningOrder

try:  # noqa: SIM105
    from cryptography import x509
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})+")
_COMMON_NAME = "2.5.4.3"
_RULE = "an ACME CA certifies the names that the CSR itself has, and no others (RFC 8555, 7.4)"


def identifiers(order: SigningOrder) -> tuple[tuple[str, str], ...]:
    """Return the names in the CSR as (``dns`` or ``ip``, name).

    Raises ConfigurationError where this is not just what was asked for.
    """
    common_names, alternative = _names_in(order.csr)
    for name in common_names:
        if ("dns", name.lower()) not in alternative and not _DNS_NAME.fullmatch(name) and _address(name) is None:
            raise ConfigurationError(f"the common name in the CSR, {name!r}, is no DNS name: {_RULE}")
    found = dict.fromkeys([*map(_identifier, common_names), *alternative])
    if not found:
        raise ConfigurationError(
            f"the CSR has no DNS name, neither as its common name nor in its subjectAltName: {_RULE}. Have Redtrust "
            "write the names into its CSRs, or use another signer for these certificates"
        )
    for wanted in order.subject_alt_name:
        kind, _colon, name = wanted.partition(":")
        if _identifier(name) not in found or kind.upper() not in ("DNS", "IP"):
            raise ConfigurationError(f"subject_alt_name has {wanted}, which the CSR does not have: {_RULE}")
    return tuple(found)


def check_spec(spec: CertificateSpec) -> None:
    """Raise ConfigurationError where no CSR for a request could have the names that ACME needs."""
    for attribute, value in spec.dn.attributes:
        known = find_attribute(attribute)
        if known and known.oid == _COMMON_NAME and not _DNS_NAME.fullmatch(value) and _address(value) is None:
            raise ConfigurationError(f"the common name {value!r} is no DNS name: {_RULE}")
    for name in spec.subject_alt_name:
        if name.partition(":")[0].upper() not in ("DNS", "IP"):
            raise ConfigurationError(f"subject_alt_name has {name}, which is no DNS name: {_RULE}")


def _names_in(csr: bytes) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the common names of a CSR, and the names in its subjectAltName."""
    common_names: list[str] = []
    try:
        request = x509.load_der_x509_csr(csr)
        common_names = [str(one.value) for one in request.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
        extension = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return common_names, []
    except UNREADABLE as exc:
        raise ConfigurationError(f"the names in the CSR cannot be read: {exc}") from exc
    return common_names, [_general_name(one) for one in extension.value]


def _general_name(name: t.Any) -> tuple[str, str]:
    if isinstance(name, (x509.DNSName, x509.IPAddress)):
        return _identifier(str(name.value))
    raise ConfigurationError(f"the subjectAltName of the CSR has a name that is no DNS name and no address: {_RULE}")


def _identifier(name: str) -> tuple[str, str]:
    address = _address(name)
    return ("dns", name.lower()) if address is None else ("ip", address)


def _address(name: str) -> str | None:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return None
