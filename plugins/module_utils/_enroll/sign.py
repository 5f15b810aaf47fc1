# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the signer sign a request."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import threading
import typing as t

from .. import _fault_points
from .._errors import ConfigurationError, NotTriedError, PolicyError, SignerError, SignerRejectedError
from .._models import Enrollment, Outcome, Revision, State
from .._service.api import Throttle, Unthrottled
from .._signers.api import NotYet, Signed, Signer, SigningOrder
from .._store.api import Store
from .._x509.api import certificate_facts
from .approval import ApprovalRule, missing, under, waits_for
from .backoff import after_failure, refuse_waiting
from .ca_down import Failures
from .step import Plan, Step


@dataclasses.dataclass(frozen=True)
class SignItem:
    """A request that should be signed."""

    name: str


@dataclasses.dataclass(frozen=True)
class Sign:
    """The decision to have a request signed; ``csr`` is in DER."""

    pending: Revision
    csr: bytes


@dataclasses.dataclass(frozen=True)
class Hold:
    """The decision to write down what approvals a request waits for, before the signer gets it."""

    request: Revision


@dataclasses.dataclass(frozen=True)
class AtSigner:
    """A request that the signer gets, as it is stored; ``csr`` is in DER.

    ``unsent`` is the row to go back to if the signer never gets it; None where it has been there before.
    """

    signing: Revision
    csr: bytes
    unsent: Revision | None = None


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer of the signer: the revision with its certificate, not stored yet, or the stored one that waits.

    ``why`` is what the CA says about a certificate that is not there yet.
    """

    revision: Revision
    warnings: tuple[str, ...] = ()
    why: str = ""

    @property
    def waits(self) -> bool:
        """Return whether the signer said: not yet."""
        return self.revision.state is State.SIGNING


class SignStep(Step[SignItem, t.Union[Sign, Hold]]):
    """Have the signer sign. A signer that says "not yet" is asked again in a later run.

    A request that waits for approval is not handed over. That is written down once, and costs no write in later runs.

    After a refusal by the gate the failures count on until the gate lets a certificate through: so a signer that gives
    bad certificates again and again is asked less and less often.
    """

    def __init__(
        self,
        store: Store,
        signer: Signer,
        *,
        now: t.Callable[[], dt.datetime],
        at_once: int | None = None,
        throttle: Throttle | None = None,
        approval: ApprovalRule | None = None,
    ) -> None:
        """Sign with ``signer``, at most ``at_once`` requests at a time, each when ``throttle`` allows it.

        ``approval`` says who must approve a request before.
        """
        self._store = store
        self._signer = signer
        self._now = now
        self._throttle = throttle or Unthrottled()
        self._approval = approval
        self._turn: t.ContextManager[object] = (
            threading.BoundedSemaphore(at_once) if at_once else contextlib.nullcontext()
        )
        self._failures = Failures()

    @property
    def why_down(self) -> str:
        """Why the signer is not asked any more: it failed many times in a row, or wants to be left alone for long.

        A CA that is down fails for each certificate, and each would get a key in vain before that.
        """
        return self._failures.why_down

    @property
    def approval(self) -> ApprovalRule | None:
        """Who must approve a request before the signer gets it."""
        return self._approval

    def plan(self, _item: SignItem, enrollment: Enrollment) -> Plan[Sign | Hold]:
        pending = enrollment.pending
        if pending is None and enrollment.latest is None:
            raise PolicyError("nothing was requested under this name: redtrust_csr does that")
        if pending is None:
            return Plan(enrollment, "none", "nothing to sign", expected=enrollment.current or enrollment.latest)
        if pending.state is State.ISSUED:
            return Plan(enrollment, "none", "signed, to be finalized", expected=pending)
        if pending.csr is None:
            return Plan(enrollment, "none", "not requested yet: run redtrust_csr again", expected=pending)
        held = self.held(pending)
        if held is not None:
            decision = Hold(held) if held != pending else None
            return Plan(enrollment, "wait", waits_for(held), decision, expected=held)
        refuse_waiting(pending, self._now())
        reason = "requested, to be signed" if pending.state is State.REQUESTED else "at the signer, to be asked again"
        if pending.refused:
            reason += "; the gate refused its last certificate"
        return Plan(enrollment, "sign", reason, Sign(pending, pending.csr), expected=pending.moved(State.ISSUED))

    def act(self, plan: Plan[Sign | Hold], decision: Sign | Hold) -> Outcome:
        if isinstance(decision, Hold):
            return plan.outcome(*self._store.put(decision.request, why=plan.reason))
        answer = self.ask(self.begin(decision))
        if answer.waits:
            return waiting(plan, answer, changed=decision.pending.state is State.REQUESTED)
        (issued,) = self._store.put(answer.revision)
        return plan.outcome(issued, warnings=(*plan.warnings, *answer.warnings))

    def held(self, request: Revision) -> Revision | None:
        """Return a request that waits for approval, as it is to be stored; None where the signer may have it."""
        if request.state is not State.REQUESTED:
            return None
        asked = under(self._approval, request, self._store)
        return asked if missing(asked) else None

    def begin(self, decision: Sign) -> AtSigner:
        """Write down that a request goes to the signer, unless it is there already."""
        pending = decision.pending
        if pending.state is not State.REQUESTED:
            return AtSigner(pending, decision.csr)
        note = None if pending.refused else pending.note
        changes = {"signing_since": self._now(), "failures": pending.failures, "note": note}
        (signing,) = self._store.put(pending.moved(State.SIGNING, **changes))
        unsent = dataclasses.replace(pending, generation=signing.generation, stored_as=signing.stored_as)
        return AtSigner(signing, decision.csr, unsent)

    def ask(self, order: AtSigner) -> Answer:
        """Ask the signer. A failure is written down; a certificate is left to the caller to write down."""
        at_signer = _Row(self._store, order.signing)
        signed = self._signed(order, at_signer)
        signing = at_signer.row
        counted = signing.failures if signing.refused else 0
        if isinstance(signed, NotYet):
            if signing.failures > counted or signing.note:
                (signing,) = self._store.put(signing.moved(State.SIGNING, note=None, failures=counted))
            return Answer(signing, why=signed.why)
        facts = certificate_facts(signed.certificate)
        issued = signing.moved(
            State.ISSUED,
            certificate=signed.certificate,
            chain=signed.chain,
            thumbprint=facts.thumbprint,
            not_valid_before=facts.not_valid_before,
            not_valid_after=facts.not_valid_after,
            note=None,
            failures=counted,
        )
        return Answer(issued, tuple(signed.warnings))

    def _signed(self, order: AtSigner, at_signer: _Row) -> Signed | NotYet:
        """Ask the signer; write a failure down."""
        self._admit(order)
        try:
            with self._turn:
                self._throttle.spend()
                _fault_points.reach("sign before")
                signed = self._signer.sign(self._order(order, at_signer))
                _fault_points.reach("sign after")
        except SignerRejectedError as exc:
            self._failures.count(None)
            self._store.put(at_signer.row.moved(State.REJECTED, note=str(exc)))
            raise
        except SignerError as exc:
            if exc.retry_after:
                self._throttle.block(exc.retry_after, str(exc))
            else:
                self._failures.count(exc)
            unsent = order.unsent if exc.not_sent and at_signer.row is order.signing else None
            self._store.put(after_failure(unsent or at_signer.row, exc, self._now()))
            raise
        except ConfigurationError:
            # The signer never had it, and never signs it as it is: back to the state in which the request can change.
            if at_signer.row is order.signing:
                self._take_back(order)
            raise
        self._failures.count(None)
        return signed

    def _order(self, order: AtSigner, at_signer: _Row) -> SigningOrder:
        signing = order.signing
        return SigningOrder(
            request_id=_request_id(signing, order.csr),
            name=signing.name,
            revision=signing.revision,
            csr=order.csr,
            dn=signing.spec.dn,
            since=signing.signing_since or self._now(),
            subject_alt_name=signing.spec.subject_alt_name,
            again=order.unsent is None,
            order_number=signing.order_number,
            keep_order_number=at_signer.keep_order_number,
        )

    def _admit(self, order: AtSigner) -> None:
        """Wait until the signer may be asked, without a turn. Raises NotTriedError where it is asked no more."""
        why = self._throttle.admit()
        if not why:
            return
        self._failures.leave_alone(why)
        self._take_back(order)
        raise NotTriedError(f"not signed, since {why}", step="sign", url=order.signing.service)

    def _take_back(self, order: AtSigner) -> None:
        """Write down that the signer never had a request."""
        if order.unsent is not None:
            self._store.put(order.unsent)


def waiting(plan: Plan[t.Any], answer: Answer, *, changed: bool) -> Outcome:
    """Return the outcome of a request whose certificate the signer does not have yet."""
    reason = "the signer says: not yet" + (f" ({answer.why})" if answer.why else "")
    return plan.outcome(answer.revision, action="wait", reason=reason, changed=changed)


class _Row:
    """The row of a request that is at the signer. For one thread."""

    def __init__(self, store: Store, row: Revision) -> None:
        self._store = store
        self.row = row

    def keep_order_number(self, number: str) -> None:
        """Write down what the CA calls the request."""
        if number != self.row.order_number:
            (self.row,) = self._store.put(dataclasses.replace(self.row, order_number=number))


def _request_id(signing: Revision, csr: bytes) -> str:
    """Return the id of an order. After a refusal of its certificate the same request is another order."""
    identity = "\0".join((signing.service, signing.name, str(signing.revision), str(signing.attempt)))
    refused = b"" if signing.certificate is None else b"\0" + signing.certificate
    return hashlib.sha256(identity.encode() + b"\0" + csr + refused).hexdigest()
