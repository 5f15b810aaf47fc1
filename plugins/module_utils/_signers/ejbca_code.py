# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an order becomes at EJBCA, and where the certificate of a lost answer is found."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import re
import typing as t
from urllib.parse import quote

from .._errors import ConfigurationError
from .._models import CertificateSpec
from .._x509.api import find_attribute, load_certificate, parse_certificates, rfc4514
from .base import Revocation, SigningOrder
from .preset import Ask, Options, PresetCode

SHORTEST_SECRET = 16
# The names of EJBCA for attributes, which are not those of RFC 4514 in each case.
_ATTRIBUTES: t.Mapping[str, str] = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SURNAME",
    "2.5.4.5": "SN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "T",
    "2.5.4.13": "DESCRIPTION",
    "2.5.4.15": "BUSINESSCATEGORY",
    "2.5.4.16": "POSTALADDRESS",
    "2.5.4.17": "POSTALCODE",
    "2.5.4.20": "TELEPHONENUMBER",
    "2.5.4.42": "GIVENNAME",
    "2.5.4.43": "INITIALS",
    "2.5.4.46": "DN",
    "2.5.4.65": "PSEUDONYM",
    "2.5.4.97": "ORGANIZATIONIDENTIFIER",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "E",
}
_NAMES = {"DNS": "dNSName", "IP": "iPAddress", "email": "rfc822Name", "URI": "uniformResourceId", "UPN": "upn"}
_REASONS = {
    "keyCompromise": "KEY_COMPROMISE",
    "cACompromise": "CA_COMPROMISE",
    "affiliationChanged": "AFFILIATION_CHANGED",
    "superseded": "SUPERSEDED",
    "cessationOfOperation": "CESSATION_OF_OPERATION",
    "certificateHold": "CERTIFICATE_HOLD",
    "privilegeWithdrawn": "PRIVILEGES_WITHDRAWN",
    "aACompromise": "AA_COMPROMISE",
}


class EjbcaCode(PresetCode):
    """The end entities of one CA."""

    searches = True

    def __init__(self, options: Options) -> None:
        """Raises ConfigurationError."""
        self._prefix: str = options["username_prefix"]
        self._secret = options["entity_secret"].encode("utf-8", "surrogateescape")
        if len(self._secret) < SHORTEST_SECRET:
            raise ConfigurationError(f"ejbca.entity_secret must have at least {SHORTEST_SECRET} characters")
        if not re.fullmatch(r"[A-Za-z0-9._-]{0,100}", self._prefix):
            raise ConfigurationError("ejbca.username_prefix must be at most 100 letters, digits and . _ -")

    def values(self, order: SigningOrder) -> t.Mapping[str, t.Any]:
        """Return the end entity of a request."""
        digest = hmac.new(self._secret, order.request_id.encode(), hashlib.sha256).digest()
        return {
            "username": self._username(order),
            "password": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "subject": ",".join(_attribute(*pair) for pair in order.dn.attributes),
            "names": ", ".join(_name(name) for name in order.subject_alt_name) or None,
        }

    def check_spec(self, spec: CertificateSpec) -> None:
        for pair in spec.dn.attributes:
            _attribute(*pair)
        for name in spec.subject_alt_name:
            _name(name)

    def revocation_values(self, revocation: Revocation) -> t.Mapping[str, t.Any]:
        """Return the reason as EJBCA names it."""
        return {"reason": _REASONS.get(revocation.reason, "UNSPECIFIED")}

    def find(self, ask: Ask, order: SigningOrder) -> t.Iterable[bytes]:
        """Return the certificates of the end entity of a request, with their CA."""
        criteria = [{"property": "QUERY", "value": self._username(order), "operation": "EQUAL"}]
        page = ask({"path": "/v1/certificate/search", "json": {"max_number_of_results": 10, "criteria": criteria}})
        answer = page.json()
        found: list[bytes] = []
        for entry in answer.get("certificates") or () if isinstance(answer, dict) else ():
            found += _certificates(entry.get("certificate") if isinstance(entry, dict) else None)
        return [*found, *(self._chain(ask, found[0]) if found else [])]

    def _chain(self, ask: Ask, certificate: bytes) -> list[bytes]:
        issuer = quote(rfc4514(load_certificate(certificate).issuer.dn()), safe="").replace("$", "$$")
        page = ask({"path": f"/v1/ca/{issuer}/certificate/download"})
        return _certificates(page.text)

    def _username(self, order: SigningOrder) -> str:
        return f"{self._prefix}{order.request_id}"


def _attribute(attribute: str, value: str) -> str:
    known = find_attribute(attribute)
    name = _ATTRIBUTES.get(known.oid if known else attribute)
    if name is None:
        raise ConfigurationError(f"EJBCA has no name for the attribute {attribute} of the dn")
    escaped = re.sub(r'([,+"\\<>;=])', r"\\\1", value)
    if escaped[:1] in (" ", "#"):
        escaped = f"\\{escaped}"
    return f"{name}={escaped}"


def _name(written: str) -> str:
    kind, _colon, value = written.partition(":")
    if kind not in _NAMES:
        raise ConfigurationError(
            f"subject_alt_name {written} is of a kind that this signer cannot ask EJBCA for: {', '.join(_NAMES)}"
        )
    escaped = value.replace("\\", "\\\\").replace(",", "\\,")
    return f"{_NAMES[kind]}={escaped}"


def _certificates(text: object) -> list[bytes]:
    """Return the certificates in a text. Some releases encode base64 once more."""
    if not isinstance(text, str):
        return []
    with contextlib.suppress(ConfigurationError):
        return parse_certificates(text)
    with contextlib.suppress(ConfigurationError, binascii.Error, ValueError):
        return parse_certificates(base64.b64decode(text, validate=True))
    return []
