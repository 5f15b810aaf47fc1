# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that one certificate issued another: names, signature, basic constraints, dates."""

from __future__ import annotations

import datetime as dt
import typing as t

from .._clock import timestamp
from .._errors import ConfigurationError, GateError
from . import asn1
from .certificates import thumbprint
from .load import Certificate, load_certificate, validity_of
from .signature import issued_by
from .x500 import shown

_BASIC_CONSTRAINTS = "2.5.29.19"
_KEY_USAGE = "2.5.29.15"
_KEY_CERT_SIGN = 0x04  # the sixth bit of the first byte


class BasicConstraints(t.NamedTuple):
    """The extension: is the subject a CA, and how many CAs may be below it?"""

    ca: bool
    path_length: int | None


def described(der: bytes) -> str:
    """Return the name of a certificate for a message: its subject and thumbprint."""
    try:
        return f"[{shown(load_certificate(der).subject.dn())}] ({thumbprint(der)})"
    except ConfigurationError as exc:
        return f"a certificate that cannot be read ({thumbprint(der)}: {exc})"


def is_self_issued(der: bytes) -> bool:
    """Tell whether subject and issuer are the same, as in a root."""
    certificate = load_certificate(der)
    return certificate.subject.comparable() == certificate.issuer.comparable()


def is_self_signed(der: bytes) -> bool:
    """Tell whether a certificate is a root: it is self-issued, and nothing shows that another key signed it."""
    return is_self_issued(der) and issued_by(der, der) is not False


def basic_constraints(certificate: Certificate) -> BasicConstraints | None:
    """Return the extension, or None; raises ConfigurationError when it cannot be read."""
    value = certificate.extension(_BASIC_CONSTRAINTS)
    if value is None:
        return None
    try:
        found = {part.tag: part.content for part in asn1.element(value).children()}
    except asn1.MalformedError as exc:
        raise ConfigurationError(f"the basic constraints cannot be read: {exc}") from exc
    length = found.get(asn1.INTEGER)
    # In DER only 0xFF is TRUE, but some programs write another byte.
    return BasicConstraints(
        any(found.get(asn1.BOOLEAN, b"")), None if length is None else int.from_bytes(length, "big")
    )


def ca_problem(der: bytes) -> str | None:
    """Return why a certificate is not that of a CA, or None."""
    certificate = load_certificate(der)
    try:
        constraints = basic_constraints(certificate)
    except ConfigurationError as exc:
        return f"is not known to be a CA: {exc}"
    if constraints is None and certificate.version == 1 and is_self_issued(der):
        return None  # a root that is older than the extension
    if constraints is None or not constraints.ca:
        return "is not a CA (no basic constraint CA:TRUE)"
    return None


def may_sign_certificates(certificate: Certificate) -> bool:
    """Tell whether the key usage, if there is one, allows to sign certificates; raises ConfigurationError."""
    value = certificate.extension(_KEY_USAGE)
    if value is None:
        return True
    try:
        bits = asn1.element(value).content[1:]
    except asn1.MalformedError as exc:
        raise ConfigurationError(f"the key usage cannot be read: {exc}") from exc
    return bool(bits and bits[0] & _KEY_CERT_SIGN)


def issuer_problem(issuer: bytes, below: t.Sequence[bytes]) -> str | None:
    """Return why a certificate cannot be above the CAs ``below``, the lowest first, or None. Ignores the dates."""
    problem = ca_problem(issuer)
    if problem:
        return f"{described(issuer)} is in the chain, but {problem}"
    constraints = basic_constraints(load_certificate(issuer))
    depth = sum(not is_self_issued(der) for der in below)  # RFC 5280, 4.2.1.9
    if constraints and constraints.path_length is not None and constraints.path_length < depth:
        return f"{described(issuer)} allows {constraints.path_length} CAs below it, but the chain has {depth} there"
    return None


def check_issued(below: bytes, issuer: bytes, cas_below: t.Sequence[bytes]) -> None:
    """Raise GateError unless the issuer is a CA that signed the one below.

    Accepts a signature that cannot be checked on this machine; ``uncertain()`` returns a warning about it.
    """
    wanted, actual = load_certificate(below).issuer, load_certificate(issuer).subject
    if wanted.comparable() != actual.comparable():
        raise GateError(
            f"{described(below)} was issued by [{shown(wanted.dn())}], but next in the chain is {described(issuer)}"
        )
    problem = issuer_problem(issuer, cas_below)
    if problem:
        raise GateError(problem)
    if issued_by(below, issuer) is False:
        raise GateError(
            f"{described(below)} is not signed by {described(issuer)}: the signature does not fit the issuer's key"
        )


def uncertain(below: bytes, issuer: bytes) -> str | None:
    """Return the warning that the signature of the one below cannot be checked on this machine, or None."""
    told = issued_by(below, issuer)
    if isinstance(told, bool):
        return None
    return f"{described(below)}: its signature by {described(issuer)} {told}; it is believed, since the names fit"


def check_dates(der: bytes, now: dt.datetime) -> None:
    """Raise GateError unless the certificate is valid now, without tolerance for clocks that differ."""
    problem = date_problem(der, now)
    if problem:
        raise GateError(f"{described(der)} {problem}, and it is {timestamp(now)} on this machine")


def date_problem(der: bytes, now: dt.datetime) -> str | None:
    """Return why a certificate is not valid now, or None."""
    try:
        not_valid_before, not_valid_after = validity_of(load_certificate(der))
    except ConfigurationError as exc:
        return f"cannot be used: {exc}"
    if now < not_valid_before:
        return f"is not valid before {timestamp(not_valid_before)}"
    if now > not_valid_after:
        return f"expired at {timestamp(not_valid_after)}"
    return None
