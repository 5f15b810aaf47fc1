# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of placeholders: of a request for a certificate, and of a certificate to revoke."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
import typing as t

from .._clock import timestamp
from .._models import DistinguishedName
from .._x509.api import (
    authority_key_identifier,
    certificate_facts,
    certificate_pem,
    csr_pem,
    find_attribute,
    load_certificate,
    openssl_subject,
    rfc4514,
    thumbprint,
)
from .base import REVOCATION_REASONS, Revocation, SigningOrder

_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
_OF_BOTH = "name revision order_number"
ORDER_NAMES = frozenset(
    f"{_OF_BOTH} csr_pem csr_base64 csr_der dn dn_rfc4514 dn_openssl san_dns san_ip san_email san_uri request_id "
    "request_uuid request_number not_before not_after validity_seconds validity_minutes validity_hours "
    "validity_days".split()
)
REVOCATION_NAMES = frozenset(
    f"{_OF_BOTH} thumbprint serial_hex serial_decimal reason reason_upper reason_code certificate_pem "
    "certificate_base64 authority_key_id issuer_rfc4514".split()
)
_SAN_KINDS = {"san_dns": "DNS", "san_ip": "IP", "san_email": "email", "san_uri": "URI"}


class Values:
    """The values for one request, each made when it is asked for. ``about`` names the certificate in messages."""

    def __init__(
        self,
        about: str,
        makers: t.Mapping[str, t.Callable[[], t.Any]],
        secrets: t.Mapping[str, str],
        dn: DistinguishedName | None = None,
        own: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        self.about = about
        self._makers = makers
        self._secrets = secrets
        self._dn = dn
        self._own = own or {}

    def get(self, name: str) -> t.Any:
        """Return the value, None where there is none. An empty list is none."""
        kind, _dot, rest = name.partition(".")
        if rest:
            kinds = {"secret": self._secrets.get, "own": self._own.get}
            value: t.Any = kinds.get(kind, self._attribute)(rest)
        else:
            value = self._makers[name]() if name in self._makers else None
        return None if value == [] else value

    def _attribute(self, name: str) -> str | None:
        found = [value for given, value in self._dn.attributes if _is_same(given, name)] if self._dn else []
        return "+".join(found) or None


def problem_of(name: str, names: t.Container[str], secrets: t.Container[str], *, own: bool = False) -> str | None:
    """Return what is wrong with the name of a placeholder; None where it is fine.

    ``own`` tells that the code of a preset gives the values of ``own.NAME``.
    """
    kind, _dot, rest = name.partition(".")
    if own and kind == "own" and rest:
        return None
    if kind == "secret" and rest:
        return None if rest in secrets else "is not in the option secrets"
    if kind == "dn" and rest and "dn" in names:
        known = find_attribute(rest) or re.fullmatch(r"[0-2](\.[0-9]+)+", rest)
        return None if known else "is no attribute of a DN: use a name such as cn, o, ou or c, or a dotted OID"
    if name in names:
        return None
    if name in ORDER_NAMES | REVOCATION_NAMES:
        return "has no value in this request"
    return "is not a placeholder: see the documentation of the option request"


def of_login(secrets: t.Mapping[str, str]) -> Values:
    """Return the values for a login: secrets alone."""
    return Values("the login", {}, secrets)


def of_order(
    order: SigningOrder,
    lifetime: dt.timedelta | None,
    secrets: t.Mapping[str, str],
    own: t.Mapping[str, t.Any] | None = None,
) -> Values:
    """Return the values for a request. They are the same each time the same request is signed."""
    number = order.order_number
    digest = hashlib.sha256(order.request_id.encode()).digest()
    makers: dict[str, t.Callable[[], t.Any]] = {
        "csr_pem": lambda: csr_pem(order.csr),
        "csr_base64": lambda: base64.b64encode(order.csr).decode(),
        "csr_der": lambda: order.csr,
        "dn": order.dn.to_json,
        "dn_rfc4514": lambda: rfc4514(order.dn),
        "dn_openssl": lambda: openssl_subject(order.dn),
        "name": lambda: order.name,
        "revision": lambda: order.revision,
        "order_number": lambda: number,
        "request_id": lambda: order.request_id,
        "request_uuid": lambda: _uuid(digest),
        "request_number": lambda: request_number(order.request_id),
        "not_before": lambda: timestamp(order.since),
        "not_after": lambda: lifetime and timestamp(order.since + lifetime),
    }
    makers.update({name: _names_of(order, kind) for name, kind in _SAN_KINDS.items()})
    makers.update({f"validity_{unit}": _length(lifetime, size) for unit, size in _SECONDS.items()})
    return Values(f"{order.name}, revision {order.revision},", makers, secrets, order.dn, own)


def request_number(request_id: str) -> int:
    """Return a number for a request: positive, with at most 158 bits, so that it can be a serial number."""
    return int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:20], "big") >> 2 or 1


def of_revocation(
    revocation: Revocation, secrets: t.Mapping[str, str], own: t.Mapping[str, t.Any] | None = None
) -> Values:
    """Return the values for a revocation."""
    der, reason = revocation.certificate, revocation.reason
    makers: dict[str, t.Callable[[], t.Any]] = {
        "name": lambda: revocation.name,
        "revision": lambda: revocation.revision,
        "order_number": lambda: revocation.order_number,
        "thumbprint": lambda: thumbprint(der),
        "serial_hex": lambda: _even(f"{certificate_facts(der).serial_number:x}"),
        "serial_decimal": lambda: str(certificate_facts(der).serial_number),
        "reason": lambda: reason,
        "reason_upper": lambda: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", reason).upper(),
        "reason_code": lambda: REVOCATION_REASONS.get(reason),
        "certificate_pem": lambda: certificate_pem(der),
        "certificate_base64": lambda: base64.b64encode(der).decode(),
        "authority_key_id": lambda: _hex(authority_key_identifier(load_certificate(der))),
        "issuer_rfc4514": lambda: rfc4514(load_certificate(der).issuer.dn()),
    }
    return Values(f"{revocation.name}, revision {revocation.revision},", makers, secrets, own=own)


def _is_same(one: str, other: str) -> bool:
    first, second = find_attribute(one), find_attribute(other)
    return first == second if first or second else one.lower() == other.lower()


def _uuid(digest: bytes) -> str:
    """Return a UUID of version 4 in form; it is a hash rather than random."""
    digits = list(digest[:16].hex())
    digits[12], digits[16] = "4", "89ab"[int(digits[16], 16) % 4]
    text = "".join(digits)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _names_of(order: SigningOrder, kind: str) -> t.Callable[[], list[str]]:
    return lambda: [name.partition(":")[2] for name in order.subject_alt_name if name.partition(":")[0] == kind]


def _length(lifetime: dt.timedelta | None, size: int) -> t.Callable[[], int | None]:
    return lambda: int(lifetime.total_seconds()) // size if lifetime else None


def _even(digits: str) -> str:
    return "0" * (len(digits) % 2) + digits


def _hex(value: bytes | None) -> str | None:
    return value.hex() if value else None
