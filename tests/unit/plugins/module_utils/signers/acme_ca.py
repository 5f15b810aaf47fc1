# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ACME CA in memory, at the seam of the transport. It believes every signature, and fails as it is told to."""

from __future__ import annotations

import base64
import collections
import contextlib
import dataclasses
import datetime as dt
import json
import typing as t

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.api import HttpRequest, HttpResponse

BASE = "https://acme.example.com"
PREFIX = "urn:ietf:params:acme:error:"
Answer = tuple[int, object, dict[str, str]]


def name(text: str) -> x509.Name:
    """Return a name with only this attribute."""
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)] if text else [])


def csr_for(common_name: str, *names: x509.GeneralName) -> bytes:
    """Return a request with a new key, in DER."""
    builder = x509.CertificateSigningRequestBuilder(name(common_name))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)


def problem(code: str, detail: str = "as the test wants", status: int = 403, **members: object) -> Answer:
    """Return an answer that says no."""
    headers = {"content-type": "application/problem+json"}
    return status, {"type": PREFIX + code, "detail": detail, **members}, headers


@dataclasses.dataclass
class Order:
    """An order; ``polls`` is how often it is still processing after it was finalized."""

    names: list[dict[str, str]]
    status: str = "pending"
    profile: str | None = None
    certificate: bytes = b""
    error: dict[str, str] | None = None


class AcmeCa:
    """The CA. ``planned`` are answers or errors that come instead of the own ones, by path, each once."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, t.Any]] = []
        self.orders: dict[str, Order] = {}
        self.issued = 0
        self.revoked: list[int] = []
        self.planned: dict[str, list[Answer | Exception]] = collections.defaultdict(list)
        self.meta: dict[str, t.Any] = {}
        self.knows_account = False
        self.proofs: tuple[str, ...] = ("http-01", "dns-01")
        # What becomes of a name when the CA is told to look, and of an order that is finalized.
        self.decides = "valid"
        self.finalizes = "valid"
        self.renewal: dict[str, t.Any] | None = None
        self._authorizations: dict[str, str] = {}
        self._nonces = 0
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._signed(name("ACME CA"), self._key.public_key(), ca=True)

    def turn(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def send(self, request: HttpRequest) -> HttpResponse:
        path = request.url.removeprefix(BASE)
        body = json.loads(t.cast("bytes", request.body)) if request.body else None
        payload = _decoded(body["payload"]) if body else None
        if body:
            payload = json.loads(payload or "null")
        self.sent.append((path, payload))
        answer = self.planned[path].pop(0) if self.planned[path] else self._answer(path, payload)
        if isinstance(answer, Exception):
            raise answer
        status, content, headers = answer
        self._nonces += 1
        encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
        own = {"replay-nonce": base64.urlsafe_b64encode(b"%016d" % self._nonces).decode().rstrip("=")}
        return HttpResponse(status, {**own, "content-type": "application/json", **headers}, encoded)

    def paths(self) -> list[str]:
        """Return the paths of all requests, without those for nonces."""
        return [path for path, _payload in self.sent if path != "/nonce"]

    def _answer(self, path: str, payload: t.Any) -> Answer:
        kind, _slash, number = path.strip("/").partition("/")
        return t.cast("Answer", getattr(self, f"_{kind}")(number, payload))

    def _directory(self, _number: str, _payload: object) -> Answer:
        places = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order", "revokeCert": "revoke"}
        if self.renewal is not None:
            places["renewalInfo"] = "renewal"
        return 200, {**{key: f"{BASE}/{place}" for key, place in places.items()}, "meta": self.meta}, {}

    def _nonce(self, _number: str, _payload: object) -> Answer:
        return 204, b"", {}

    def _account(self, _number: str, _payload: object) -> Answer:
        known, self.knows_account = self.knows_account, True
        return (200 if known else 201), {"status": "valid"}, {"location": f"{BASE}/account/1"}

    def _order(self, number: str, payload: t.Any) -> Answer:
        if payload is not None:
            number = str(len(self.orders) + 1)
            self.orders[number] = Order(payload["identifiers"], profile=payload.get("profile"))
            return 201, self._told(number), {"location": f"{BASE}/order/{number}"}
        return 200, self._told(number), {}

    def _told(self, number: str) -> dict[str, t.Any]:
        order = self.orders[number]
        urls = [f"{BASE}/authorization/{number}/{at}" for at in range(len(order.names))]
        if order.status == "pending" and all(self._status(url) == "valid" for url in urls):
            order.status = "ready"
        own = {"status": order.status, "identifiers": order.names, "authorizations": urls}
        done = {"certificate": f"{BASE}/certificate/{number}"} if order.status == "valid" else {}
        error = {"error": order.error} if order.error else {}
        return {**own, "finalize": f"{BASE}/finalize/{number}", **done, **error}

    def _status(self, url: str) -> str:
        return self._authorizations.get(url, "pending")

    def authorise(self, number: str, status: str = "valid") -> None:
        """Decide about all names of an order."""
        for url in self._told(number)["authorizations"]:
            self._authorizations[url] = status

    def _authorization(self, number: str, _payload: object) -> Answer:
        url = f"{BASE}/authorization/{number}"
        order, _slash, at = number.partition("/")
        status = self._status(url)
        own = {"pending": "pending", "checking": "processing"}.get(status, status)
        refused = {"error": {"type": PREFIX + "connection", "detail": "nobody answers"}} if status == "invalid" else {}
        proofs = [
            {"type": kind, "url": f"{BASE}/challenge/{number}/{kind}", "token": "A" * 22, "status": own, **refused}
            for kind in self.proofs
        ]
        told = "pending" if status == "checking" else status
        return 200, {"status": told, "identifier": self.orders[order].names[int(at)], "challenges": proofs}, {}

    def _challenge(self, number: str, _payload: object) -> Answer:
        number, _slash, kind = number.rpartition("/")
        url = f"{BASE}/authorization/{number}"
        self._authorizations[url] = self.decides
        told = {"type": kind, "url": f"{BASE}/challenge/{number}/{kind}", "token": "A" * 22, "status": "processing"}
        return 200, told, {"link": f'<{url}>;rel="up"'}

    def _finalize(self, number: str, payload: t.Any) -> Answer:
        order = self.orders[number]
        if order.status != "ready":
            return problem("orderNotReady")
        csr = x509.load_der_x509_csr(_decoded(payload["csr"]))
        order.certificate = self._signed(name(order.names[0]["value"]), csr.public_key()).public_bytes(Encoding.PEM)
        order.status = self.finalizes
        self.issued += order.status in ("valid", "processing")
        return 200, self._told(number), {}

    def _certificate(self, number: str, _payload: object) -> Answer:
        chain = self.orders[number].certificate + self.root.public_bytes(Encoding.PEM)
        return 200, chain, {"content-type": "application/pem-certificate-chain"}

    def _revoke(self, _number: str, payload: t.Any) -> Answer:
        serial = x509.load_der_x509_certificate(_decoded(payload["certificate"])).serial_number
        if serial in self.revoked:
            return problem("alreadyRevoked", status=400)
        self.revoked.append(serial)
        return 200, b"", {}

    def _renewal(self, _name: str, _payload: object) -> Answer:
        return 200, self.renewal, {"retry-after": "21600"}

    def _signed(self, subject: x509.Name, key: t.Any, *, ca: bool = False) -> x509.Certificate:
        now = dt.datetime.now(tz=dt.timezone.utc)
        builder = x509.CertificateBuilder(name("ACME CA"), subject, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=90))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return builder.add_extension(own, critical=False).sign(self._key, hashes.SHA256())


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
