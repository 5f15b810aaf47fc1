# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests to cfssl, and where the certificate of a lost answer is found."""

from __future__ import annotations

import base64
import hmac
import json
import re
import threading
import typing as t

from .._errors import ConfigurationError, SignerError
from .._models import CertificateSpec, DistinguishedName
from .._printable import brief
from .._x509.api import (
    certificate_facts,
    csr_pem,
    find_attribute,
    load_certificate,
    parse_certificates,
    subject_key_identifier,
)
from .base import Revocation, SigningOrder
from .http_values import request_number
from .preset import Ask, Options, PresetCode

_API = "/api/v1/cfssl"
# The names of a subject in a request; CN and serialNumber have members of their own.
_NAMES = {"c": "C", "st": "ST", "l": "L", "o": "O", "ou": "OU"}
_ONCE = ("cn", "serialNumber")
# cfssl answers each failure with 400 or 500, and says in words which one it is.
_ANY = [400, 401, 403, 405, 500]
# "Request does not match policy whitelist"
_NOT_ALLOWED = 5500


def http_options(options: Options) -> dict[str, t.Any]:
    """Return the options of the signer http. Raises ConfigurationError."""
    if options["auth_key"]:
        _key(options["auth_key"])
    return {
        "request": _request(options),
        "answer": {
            "certificate": "/result/certificate",
            "reason": "/errors/0/message",
            "never": {"when": {"/errors/0/code": [_NOT_ALLOWED]}},
        },
        "lost_answer": options["lost_answer"],
    }


def _request(options: Options) -> dict[str, t.Any]:
    if options["auth_key"]:
        return {"path": f"{_API}/authsign", "json": {"token": "${own.token}", "request": "${own.request}"}}
    return {"path": f"{_API}/sign", "json": "${own.order}"}


def _key(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ConfigurationError("cfssl.auth_key must be hexadecimal digits, two for each byte") from None


class CfsslCode(PresetCode):
    """The code for one profile of a server."""

    def __init__(self, options: Options) -> None:
        self.searches, self.revokes = options["serial_numbers"], True
        self._options = options
        self._key = _key(options["auth_key"] or "")
        self._request = _request(options)
        self._lock = threading.Lock()
        self._issuers: list[bytes] | None = None

    def values(self, order: SigningOrder) -> t.Mapping[str, t.Any]:
        """Return the request, and the same with its signature."""
        request: dict[str, t.Any] = {
            "certificate_request": csr_pem(order.csr),
            # an empty list, so that the names in the CSR do not count
            "hosts": [name.partition(":")[2] for name in order.subject_alt_name],
            "subject": _subject(order.dn),
            **self._profile(),
        }
        if self.searches:
            request["serial"] = request_number(order.request_id)
        encoded = json.dumps(request).encode()
        token = hmac.digest(self._key, encoded, "sha256")
        return {
            "order": request,
            "request": base64.b64encode(encoded).decode(),
            "token": base64.b64encode(token).decode(),
        }

    def check_spec(self, spec: CertificateSpec) -> None:
        _subject(spec.dn)

    def issuers(self, ask: Ask) -> t.Iterable[bytes]:
        """Return the certificate of the CA; nothing where the server does not say it."""
        with self._lock:
            if self._issuers is None:
                page = ask({"path": f"{_API}/info", "json": self._profile(), "accept": _ANY})
                pem = _result(page).get("certificate")
                self._issuers = parse_certificates(pem)[:1] if pem else []
            return self._issuers

    def notes(self, order: SigningOrder, certificate: bytes) -> t.Iterable[str]:
        """Tell that the profile lets no request set its serial number."""
        if self.searches and certificate_facts(certificate).serial_number != request_number(order.request_id):
            yield (
                f"{order.name}: cfssl did not take the serial number of the request, so that it would issue a second "
                "certificate after a lost answer: set ClientProvidesSerialNumbers in the profile "
                f"{self._options['profile'] or 'default'} of the CA, or cfssl.serial_numbers to false"
            )

    def find(self, ask: Ask, order: SigningOrder) -> t.Iterable[bytes]:
        """Return the certificate with the serial number of the request.

        A cfssl before 1.4 cannot be asked for it. It gets the request again: it then signs with the same serial
        number, or its database refuses that, since it has the certificate. Raises SignerError in this case.
        """
        number = request_number(order.request_id)
        for identifier in _identifiers(*self.issuers(ask)):
            asked = {"serial": str(number), "authority_key_id": identifier}
            page = ask({"path": f"{_API}/certinfo", "json": asked, "accept": _ANY})
            if "pem" in _result(page):
                return parse_certificates(_result(page)["pem"])
            if "parameter" in _said(page):
                return self._repeated(ask, order, number)
        return []

    def _repeated(self, ask: Ask, order: SigningOrder, number: int) -> list[bytes]:
        """Send a request again. Raises SignerError where the CA has signed it and does not hand it out."""
        page = ask({**self._request, "accept": _ANY})
        if "certificate" in _result(page):
            return parse_certificates(_result(page)["certificate"])
        about, said = f"{order.name}, revision {order.revision}", _said(page)
        if re.search("unique|duplicate", said, re.IGNORECASE):
            raise SignerError(
                f"{about}: the CA issued a certificate with the serial number {number} for this request, and this "
                "cfssl cannot hand it out: take it from the database of the CA, where it is the pem of that "
                "serial_number in the table certificates, and give it to redtrust_finalize"
            )
        raise SignerError(f"{about}: cfssl did not sign it: {said}")

    def revoke(self, ask: Ask, revocation: Revocation) -> None:
        """Have a certificate revoked; one that is revoked already is revoked again."""
        facts = certificate_facts(revocation.certificate)
        said = "the server does not say its certificate"
        for identifier in _identifiers(*self.issuers(ask)):
            asked = {
                "serial": str(facts.serial_number),
                "authority_key_id": identifier,
                "reason": revocation.reason.lower(),
            }
            page = ask({"path": f"{_API}/revoke", "json": asked, "accept": _ANY})
            if _succeeded(page):
                return
            said = _said(page)
        raise SignerError(f"{revocation.name}, revision {revocation.revision}: cfssl did not revoke it: {said}")

    def _profile(self) -> dict[str, str]:
        return {name: self._options[name] for name in ("profile", "label") if self._options[name]}


def _identifiers(*issuers: bytes) -> t.Iterator[str]:
    """Return the forms in which the database may have the key of the CA."""
    for issuer in issuers:
        identifier = subject_key_identifier(load_certificate(issuer))
        if identifier:
            yield identifier.hex()
    # cfssl 1.2 writes none, with the libraries of today
    yield ""


def _subject(dn: DistinguishedName) -> dict[str, t.Any]:
    """Return the subject as cfssl takes it. Raises ConfigurationError where it cannot."""
    subject: dict[str, t.Any] = {"names": []}
    members = {"cn": "CN", "serialNumber": "SerialNumber"}
    for attribute, value in dn.attributes:
        known = find_attribute(attribute)
        name = known.name if known else attribute
        if name in _NAMES:
            subject["names"].append({_NAMES[name]: value})
        elif name not in members or members[name] in subject:
            what = f"more than one {name}" if name in members else name
            raise ConfigurationError(
                f"cfssl cannot issue a subject with {what}, only with one cn, one serialNumber, and {', '.join(_NAMES)}"
            )
        else:
            subject[members[name]] = value
    return subject


def _result(page: t.Any) -> dict[str, t.Any]:
    answer = page.json()
    result = answer.get("result") if isinstance(answer, dict) else None
    return result if isinstance(result, dict) else {}


def _succeeded(page: t.Any) -> bool:
    answer = page.json()
    return page.response.status == 200 and isinstance(answer, dict) and answer.get("success") is True


def _said(page: t.Any) -> str:
    answer = page.json()
    errors = answer.get("errors") if isinstance(answer, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    words = first.get("message") if isinstance(first, dict) else None
    return brief(str(words)) if words else f"HTTP {page.response.status}"
