# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service, a signer and a store for the steps of an enrollment, and the means to die at any point of them."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import hashlib
import typing as t
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    BatchOptions,
    CertificateItem,
    CertificateStep,
    FinalizeItem,
    FinalizeStep,
    Reasons,
    RenewItem,
    RenewStep,
    RequestItem,
    RequestStep,
    RevokeStep,
    Rules,
    SettleItem,
    SignItem,
    SignStep,
    Steps,
    Terms,
    VerdictStep,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.approval import ApprovalRule
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.renewal import Quota, RenewalPolicy
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.verdict import Verdict
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._holder import Actor
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.retry import Retry
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpResponse,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    Outcome,
    Revision,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.throttle import Throttle
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.api import Opened
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.credentials import (
    Credentials,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session import Session
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    NotYet,
    Revocation,
    Signed,
    Signer,
    SigningOrder,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    STANDARD,
    Expectations,
    thumbprint,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.told import run
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    AnsweringTransport,
    client,
    created,
    stored,
    tokens,
)

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
DAY = dt.timedelta(days=1)
SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA")
LONGER = dataclasses.replace(SPEC, key_length=4096)
MONTH = RenewalPolicy.parse("30d")
REVOKED = Terms("keyCompromise")
KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "www")])


class Dead(BaseException):
    """The death of the process; nothing catches it."""


def request_for(key: ec.EllipticCurvePrivateKey) -> bytes:
    made = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def certificate(csr: bytes, days: int = 90, start: dt.datetime = NOW - DAY, subject: x509.Name = NAME) -> bytes:
    """Return a certificate for the key of a CSR."""
    key = x509.load_der_x509_csr(csr).public_key()
    builder = x509.CertificateBuilder(NAME, subject, key, x509.random_serial_number())
    made = builder.not_valid_before(start).not_valid_after(start + days * DAY).sign(KEY, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def root(common_name: str, end: dt.datetime) -> bytes:
    """Return a self-signed certificate of the signer's key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 1)
    builder = builder.not_valid_before(NOW - 9 * DAY).not_valid_after(end)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def expired_root(common_name: str) -> bytes:
    return root(common_name, NOW - DAY)


class FakeSigner(Signer):
    """Sign at once, after any prepared answers."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.orders: list[SigningOrder] = []
        self.numbers: list[str] = []
        self.chain: tuple[bytes, ...] = ()
        self.told: tuple[str, ...] = ()
        self.revoked: list[Revocation] = []
        # what the CA answers to revocations, None for a success
        self.refusals: list[Exception | None] = []

    def revoke(self, revocation: Revocation) -> None:
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            raise refusal
        self.revoked.append(revocation)

    def _sign(self, order: SigningOrder) -> Signed | NotYet:
        self.orders.append(order)
        if self.numbers and order.order_number is None:
            order.keep_order_number(self.numbers.pop(0))
        days = 90 if order.revision == 1 else 400
        given = self.answers.pop(0) if self.answers else certificate(order.csr, days)
        given = given(order.csr) if callable(given) else given
        if isinstance(given, BaseException):
            raise given
        if isinstance(given, bytes):
            return Signed(given, self.chain, warnings=self.told)
        return given if isinstance(given, NotYet) else NotYet()


class World:
    """A store, a service and a signer, and the means to die at any write or send.

    ``ledger`` is the service's record: the thumbprint in use under each request code that it gave.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOW
        self.ledger: dict[str, str | None] = {}
        self.uploads: list[tuple[str, str]] = []
        self.transport = AnsweringTransport(login=tokens(), create=self._create, finalize=self._finalize)
        self.signer = FakeSigner()
        self.registered: list[str] = []
        self.finalized_codes: list[str] = []
        self.retry: Retry | None = None
        self.throttle: Throttle | None = None
        self.signer_throttle: Throttle | None = None
        self.approval: ApprovalRule | None = None
        # for whom the next run works
        self.user = "ana"
        self.subject_match: t.Any = "contains"
        self.rules = Rules()
        self.expected: Expectations = STANDARD
        self.tells_why_not = True
        self.reasons: Reasons | None = None
        self.session_failure: Exception | None = None
        self.writes: list[str] = []
        self.points = 0
        self.fatal: int | None = None
        self._open: list[SqliteStore] = []

    def point(self) -> None:
        """Pass a point at which a run can die."""
        self.points += 1
        if self.points == self.fatal:
            raise Dead

    def close(self) -> None:
        for store in self._open:
            store.close()

    def store(self) -> Store:
        self._open.append(DyingStore(str(self.path), self))
        return self._open[-1]

    def enrollment(self, name: str = "www") -> Enrollment:
        return self.store().enrollment("svc", name)

    def states(self, name: str = "www") -> list[str]:
        return [f"{row.revision}.{row.attempt} {row.state}" for row in self.enrollment(name).revisions]

    def turn(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def _send(self, request: HttpRequest) -> HttpResponse:
        self.point()
        reply = self.transport.send(request)
        self.point()
        return reply

    def _create(self, _request: HttpRequest) -> HttpResponse:
        code = f"canary-{len(self.ledger)}"
        self.ledger[code] = None
        return created(code, request_for(ec.generate_private_key(ec.SECP256R1())))

    def _finalize(self, request: HttpRequest) -> HttpResponse:
        body = t.cast("dict[str, str]", request.body)
        self.uploads.append((body["requestCode"], body["dataInB64"]))
        self.ledger[body["requestCode"]] = body["dataInB64"]
        return stored(thumbprint(base64.b64decode(body["dataInB64"])))

    def _tools(self) -> dict[str, t.Any]:
        one = client(self, retry=self.retry, finalized_codes=self.finalized_codes, throttle=self.throttle)
        session = EndingSession(
            one, Credentials(username="u", password="p"), None, register=self.registered.append, now=lambda: self.now
        )
        session.world = self
        return {"store": self.store(), "client": one, "session": session, "now": lambda: self.now}

    send = _send

    def run(self, step: t.Any, item: t.Any) -> Outcome:
        """Run one step for one item, as a module does."""
        tools = self._tools()
        options = BatchOptions("svc", f"run {id(tools)}", now=lambda: self.now)
        (outcome,) = run(step, [item], tools["store"], options)
        return outcome

    def request(self, spec: CertificateSpec = SPEC, *, force: bool = False) -> Outcome:
        item = RequestItem(spec, force=True) if force else RequestItem(spec)
        return self.run(RequestStep(**self._tools(), register=self.registered.append, rules=self.rules), item)

    def renew_step(self, quota: Quota | None = None) -> RenewStep:
        return RenewStep(
            **self._tools(), register=self.registered.append, rules=self.rules, quota=quota, reasons=self.reasons
        )

    def renew(self, item: RenewItem | None = None) -> Outcome:
        return self.run(self.renew_step(), item or RenewItem("www", MONTH))

    def _sign_step(self, store: Store) -> SignStep:
        return SignStep(store, self.signer, now=lambda: self.now, throttle=self.signer_throttle, approval=self.approval)

    def sign(self) -> Outcome:
        return self.run(self._sign_step(self.store()), SignItem("www"))

    def settle(self, verdict: Verdict, by: str, comment: str | None = None, **item: t.Any) -> Outcome:
        """Approve or deny, as a person does with a run of the module."""
        self.user = by
        step = VerdictStep(self.store(), verdict, by=by, comment=comment, now=lambda: self.now)
        return self.run(step, SettleItem("www", **item))

    def revoke(self, terms: Terms = REVOKED, **item: t.Any) -> Outcome:
        step = RevokeStep(self.store(), self.signer, terms, now=lambda: self.now, throttle=self.signer_throttle)
        return self.run(step, SettleItem("www", **item))

    def finalize(self, *given: bytes, subject_match: t.Any = "contains") -> Outcome:
        step = FinalizeStep(**self._tools(), subject_match=subject_match, encoding="der", expected=self.expected)
        return self.run(step, FinalizeItem("www", lambda: given))

    def certificate_step(self) -> CertificateStep:
        tools = self._tools()
        steps = Steps(
            RequestStep(**tools, register=self.registered.append, rules=self.rules),
            RenewStep(**tools, register=self.registered.append, rules=self.rules, reasons=self.reasons),
            SignStep(
                tools["store"], self.signer, now=tools["now"], throttle=self.signer_throttle, approval=self.approval
            ),
            FinalizeStep(
                **tools,
                subject_match=self.subject_match,
                encoding="der",
                expected=self.expected,
                distrust=self.reasons.distrust if self.reasons else None,
            ),
        )
        return CertificateStep(tools["store"], steps, now=tools["now"], tells_why_not=self.tells_why_not)

    def certificate(self, spec: CertificateSpec | None = SPEC, **renewal: t.Any) -> Outcome:
        """Run the whole way for one certificate; without a spec it is only renewed."""
        item = CertificateItem(RenewItem("www", **{"policy": MONTH, **renewal}), spec)
        return self.run(self.certificate_step(), item)

    def issue(self) -> None:
        for outcome in (self.request(), self.sign(), self.finalize()):
            assert outcome.error is None, outcome.error


class EndingSession(Session):
    """A session that ends when the test says so. ``world`` is set before it is used."""

    world: World

    def open(self) -> Opened:
        if self.world.session_failure is not None:
            raise self.world.session_failure
        return super().open()


class DyingStore(SqliteStore):
    def __init__(self, path: str, world: World) -> None:
        super().__init__(path, actor=Actor("here", 1, None, world.user))
        self._world = world

    def put(self, *revisions: Revision, why: str = "") -> tuple[Revision, ...]:
        self._world.point()
        self._world.writes += [str(revisions[0].state)]
        stored = super().put(*revisions, why=why)
        self._world.point()
        return stored


def kind(outcome: Outcome) -> type[Exception] | None:
    return type(outcome.error) if outcome.error else None


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
