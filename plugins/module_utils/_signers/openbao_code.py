# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an order becomes at OpenBao and Vault, and where the certificate of a lost answer is found."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t

from .._clock import parse_timestamp
from .._errors import ConfigurationError, SignerError
from .._models import CertificateSpec
from .._printable import brief
from .._x509.api import (
    certificate_facts,
    csr_public_key_sha256,
    find_attribute,
    folded,
    load_csr,
    parse_certificates,
)
from .base import SigningOrder
from .openbao_requests import mount_path
from .preset import Ask, Options, PresetCode

# The subject that a template of Go can have, by the names of its own option in a role.
_OF_ROLE = ("o", "ou", "c", "l", "st", "street", "postalCode")
_ALLOWED = {"sign": ("cn", "serialNumber", "uid", *_OF_ROLE), "cel": ("cn", "serialNumber", *_OF_ROLE)}
_ONCE = ("cn", "serialNumber")
_PAGE = 1000
# A role may let certificates begin before the request.
_EARLIER = dt.timedelta(days=1)


class OpenBaoCode(PresetCode):
    """The code for one mount. ``lists_details`` tells that it lists certificates together with CN and dates."""

    def __init__(self, options: Options, *, lists_details: bool) -> None:
        self.searches = options["lost_answer"] == "search"
        self._endpoint: str = options["endpoint"]
        self._path = mount_path(options)
        self._list = self._with_details if lists_details else self._without_details
        self._lock = threading.Lock()
        # The public key of each certificate that was read, by serial number; None for a revoked one.
        self._keys: dict[str, str | None] = {}

    def values(self, order: SigningOrder) -> t.Mapping[str, t.Any]:
        """Return the parts of the subject that the request sets."""
        if self._endpoint == "sign_verbatim":
            if not load_csr(order.csr).has_subject:
                raise ConfigurationError(
                    "sign_verbatim copies the subject of the CSR, and that CSR has none: use another endpoint"
                )
            return {}
        dn = [(_name(attribute), value) for attribute, value in order.dn.attributes]
        found = self._subject(dn)
        first = {name: values[0] for name, values in found.items() if name in _ONCE}
        return {
            "dn": [{"attribute": name, "value": value} for name, value in dn],
            "common_name": first.get("cn"),
            "serial_number": first.get("serialNumber"),
            "user_ids": found.get("uid"),
            "alt_names": _joined(_names(order, "DNS", "email")),
            "ip_sans": _names(order, "IP"),
            "uri_sans": _names(order, "URI"),
        }

    def check_spec(self, spec: CertificateSpec) -> None:
        if self._endpoint in _ALLOWED:
            self._subject([(_name(attribute), value) for attribute, value in spec.dn.attributes])

    def _subject(self, dn: t.Sequence[tuple[str, str]]) -> dict[str, list[str]]:
        """Return the values of each attribute. Raises ConfigurationError where no role can issue them."""
        found = {name: [value for other, value in dn if other == name] for name, _value in dn}
        allowed = _ALLOWED[self._endpoint]
        refusal = f"the endpoint {self._endpoint} cannot issue a subject with"
        for name, values in found.items():
            if name not in allowed:
                raise ConfigurationError(f"{refusal} {name}, only with {', '.join(allowed)}")
            if name in _ONCE and len(values) > 1:
                raise ConfigurationError(f"{refusal} {len(values)} of {name}")
        return found

    def issuers(self, ask: Ask) -> t.Iterable[bytes]:
        """Return the certificates of all issuers of the mount, which are few."""
        found: list[bytes] = []
        for issuer in _strings(self._data(ask, "issuers?list=true").get("keys")):
            chain = self._data(ask, f"issuer/{issuer}/json").get("ca_chain")
            found += [der for pem in _strings(chain) for der in parse_certificates(pem)]
        return found

    def find(self, ask: Ask, order: SigningOrder) -> t.Iterable[bytes]:
        """Return the newest certificate of the mount that has the key of the request and is not revoked."""
        key = csr_public_key_sha256(order.csr)
        with self._lock:
            serials = self._list(ask, order)
            for serial in serials:
                if serial not in self._keys:
                    self._keys[serial] = self._key(ask, serial)
            own = [serial for serial in serials if self._keys[serial] == key]
        found = [der for serial in own for der in self._certificate(ask, serial)]
        newest = sorted(found, key=lambda der: certificate_facts(der).not_valid_before)
        return newest[-1:]

    def _with_details(self, ask: Ask, order: SigningOrder) -> list[str]:
        """Return the serial numbers of the certificates that may be the one, by CN and time."""
        names = {folded(value) for name, value in order.dn.attributes if _name(name) == "cn"} or {""}
        since = order.since - _EARLIER
        found: list[str] = []
        after = ""
        while True:
            data = self._data(ask, f"certs/detailed?list=true&limit={_PAGE}&after={after}")
            serials = _strings(data.get("keys"))
            told = data.get("key_info")
            details = told if isinstance(told, dict) else {}
            found += [serial for serial in serials if self._may_be(details.get(serial), names, since)]
            if len(serials) < _PAGE:
                return found
            # the list is in the order of the storage, which has hyphens
            before, after = after, serials[-1].replace(":", "-")
            if after == before:
                raise self._failure("certs/detailed", f"the list does not go on after {brief(serials[-1])}")

    def _may_be(self, details: t.Any, names: t.Container[str], since: dt.datetime) -> bool:
        """Return whether a certificate has one of these CN and began late enough; it may, where the list is silent."""
        try:
            is_named = self._endpoint == "sign_verbatim" or folded(details["common_name"]) in names
            return is_named and parse_timestamp(details["not_before"]) >= since
        except (KeyError, TypeError, ValueError, AttributeError):
            return True

    def _without_details(self, ask: Ask, _order: SigningOrder) -> list[str]:
        return _strings(self._data(ask, "certs?list=true").get("keys"))

    def _key(self, ask: Ask, serial: str) -> str | None:
        found = self._certificate(ask, serial)
        return certificate_facts(found[0]).public_key_sha256 if found else None

    def _certificate(self, ask: Ask, serial: str) -> list[bytes]:
        """Return a certificate, nothing if it is revoked or was removed meanwhile."""
        data = self._data(ask, f"cert/{serial}")
        pem = data.get("certificate")
        return parse_certificates(pem)[:1] if pem and not data.get("revocation_time") else []

    def _data(self, ask: Ask, place: str) -> dict[str, t.Any]:
        """Return the data of an answer; empty for a list or a certificate that the mount does not have."""
        answer = ask({"path": f"{self._path}/{place}"}).json()
        told = answer if isinstance(answer, dict) else {}
        if isinstance(told.get("data"), dict):
            return t.cast("dict[str, t.Any]", told["data"])
        if told.get("errors") == []:
            return {}
        # a path that this server does not have, or another server
        errors = _strings(told.get("errors"))
        raise self._failure(place.partition("?")[0], brief(errors[0]) if errors else "no answer of this API")

    def _failure(self, place: str, words: str) -> SignerError:
        return SignerError(f"the certificates of {self._path} cannot be searched: {place}: {words}")


def _name(attribute: str) -> str:
    known = find_attribute(attribute)
    return known.name if known else attribute


def _names(order: SigningOrder, *kinds: str) -> list[str] | None:
    parts = [name.partition(":") for name in order.subject_alt_name]
    return [value for kind, _colon, value in parts if kind in kinds] or None


def _joined(names: list[str] | None) -> str | None:
    """Return names as this field takes them. Raises ConfigurationError."""
    for name in names or ():
        if "," in name:
            raise ConfigurationError(f"subject_alt_name {name!r} cannot be handed to the CA: it has a comma in it")
    return ",".join(names) if names else None


def _strings(value: t.Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
