# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the service for a key pair and a CSR: for a first certificate, for another one, for the next one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import typing as t

from .._errors import ConfigurationError, DeniedError, RedtrustError, ServiceError
from .._models import CertificateSpec, Enrollment, Outcome, Revision, State
from .._service.api import Client
from .._session.api import Session
from .._signers.api import check_subject_alt_name
from .._store.api import Store
from .._x509.api import dn_warnings
from .backoff import after_failure
from .policy import Decision, decide_issue, decide_renewal, within_quota
from .renewal import Quota, RenewalPolicy
from .rules import NO_RULES, Rules
from .step import Item, Plan, Step
from .urgent import Reasons


@dataclasses.dataclass(frozen=True)
class RequestItem:
    """A certificate that should be there."""

    spec: CertificateSpec
    force: bool = False

    @property
    def name(self) -> str:
        """The name of the enrollment."""
        return self.spec.name


@dataclasses.dataclass(frozen=True)
class Adoption:
    """The facts of a certificate that the store does not know, and the spec of its renewal."""

    spec: CertificateSpec
    thumbprint: str
    certificate: bytes | None = dataclasses.field(default=None, repr=False)
    not_valid_before: dt.datetime | None = None
    not_valid_after: dt.datetime | None = None


@dataclasses.dataclass(frozen=True)
class RenewItem:
    """A certificate that should be renewed when it is due.

    ``adoption`` reads the certificate that the caller brings along. It is called only where the store does not know
    the certificate, and once. ``because`` is a reason to renew it whether it is due or not.
    """

    name: str
    policy: RenewalPolicy
    force: bool = False
    adoption: t.Callable[[], Adoption | None] = lambda: None
    request_code: str | None = dataclasses.field(default=None, repr=False)
    because: str = ""

    @functools.cached_property
    def adopted(self) -> Adoption | None:
        """The certificate that the caller brings along."""
        return self.adoption()


@dataclasses.dataclass(frozen=True)
class Keep:
    """The decision to write a revision down and to ask for nothing: one adopted, or one that waits no longer."""

    revision: Revision


@dataclasses.dataclass(frozen=True)
class Ask:
    """The decision to ask for a key pair.

    ``intent`` is the revision to ask for. ``gives_up`` is stored together with it. ``adopts`` is stored first, and
    stays whatever the service answers.
    """

    intent: Revision
    gives_up: Revision | None = None
    adopts: Revision | None = None


class _AskingStep(Step[Item, t.Union[Keep, Ask]]):
    """The common part of a first certificate and a renewal: the request, and the rows before and after it."""

    def __init__(
        self,
        store: Store,
        client: Client,
        session: Session,
        *,
        register: t.Callable[[str], None],
        now: t.Callable[[], dt.datetime],
        rules: Rules = NO_RULES,
    ) -> None:
        """``rules`` say what may be requested."""
        self._store = store
        self._client = client
        self._session = session
        self._register = register
        self._now = now
        self._rules = rules

    def act(self, plan: Plan[Keep | Ask], decision: Keep | Ask) -> Outcome:
        if isinstance(decision, Keep):
            return plan.outcome(*self._store.put(decision.revision, why=plan.reason))
        enrollment, intent = self.begin(plan.enrollment, decision, plan.reason)
        (requested,) = self._store.put(self.ask(intent))
        return dataclasses.replace(plan, enrollment=enrollment).outcome(requested)

    def begin(self, enrollment: Enrollment, decision: Ask, why: str) -> tuple[Enrollment, Revision]:
        """Write down that a key pair is asked for. Return the enrollment before, with what it adopts, and the intent.

        Nothing is written down where no session can be had, except what is adopted. The right to send is waited for
        before: a run that dies meanwhile leaves no request that may have been sent.
        """
        if decision.adopts is not None:
            enrollment = enrollment.with_rows(*self._store.put(decision.adopts, why=why))
        self._session.open()
        self._client.admit(self._client.contract.create)
        gives_up = [decision.gives_up] if decision.gives_up else []
        *_given_up, intent = self._store.put(*gives_up, decision.intent, why=why)
        return enrollment, intent

    def ask(self, intent: Revision) -> Revision:
        """Send csr/create once. A failure is written down; an answer is left to the caller to write down."""
        try:
            request = self._session.call(lambda tokens: self._client.create(tokens, intent.spec, intent.renews))
        except RedtrustError as exc:
            self._store.put(_after_failure(intent, exc, self._now()))
            raise
        self._register(request.request_code)
        return intent.moved(State.REQUESTED, request_code=request.request_code, csr=request.csr)

    def _planned(self, enrollment: Enrollment, decided: Decision) -> Plan[Keep | Ask]:
        spec = decided.asks_for
        if spec is None:
            return Plan(
                enrollment,
                decided.action,
                decided.reason,
                Keep(decided.resumes) if decided.resumes else None,
                expected=decided.resumes or enrollment.pending or enrollment.current,
                warnings=decided.warnings,
                postponed=decided.postponed,
            )
        self._client.check(spec)
        check_subject_alt_name(spec.subject_alt_name)
        intent = _without(enrollment, decided.gives_up).next_revision(spec)
        intent = dataclasses.replace(intent, renewed_because=decided.renewed_because)
        return Plan(
            enrollment,
            decided.action,
            decided.reason,
            Ask(intent, decided.gives_up),
            expected=intent.moved(State.REQUESTED),
            warnings=(*decided.warnings, *dn_warnings(spec.dn)),
        )


class RequestStep(_AskingStep[RequestItem]):
    """Request a certificate that is missing or differs from its spec; resume a request that is on its way."""

    def plan(self, item: RequestItem, enrollment: Enrollment) -> Plan[Keep | Ask]:
        decided = decide_issue(item.spec, enrollment, self._now(), force=item.force)
        if decided.asks_for is not None:
            self._rules.check(decided.asks_for)
        return self._planned(enrollment, decided)


class RenewStep(_AskingStep[RenewItem]):
    """Request the next revision of a certificate that is due; adopt one that the store does not know."""

    def __init__(
        self,
        store: Store,
        client: Client,
        session: Session,
        *,
        register: t.Callable[[str], None],
        now: t.Callable[[], dt.datetime],
        rules: Rules = NO_RULES,
        quota: Quota | None = None,
        reasons: Reasons | None = None,
    ) -> None:
        """``quota`` bounds the renewals that are begun because they are due; ``reasons`` are others to renew."""
        super().__init__(store, client, session, register=register, now=now, rules=rules)
        self._quota = quota or Quota()
        self._reasons = reasons or Reasons(now=now)

    def look_up(self, found: t.Sequence[tuple[RenewItem, Enrollment]]) -> None:
        if self._reasons.asks:
            asked = (enrollment.current for item, enrollment in found if self._is_asked_about(item, enrollment))
            self._reasons.look_up([current for current in asked if current is not None])

    def acts_on(self, enrollment: Enrollment) -> bool:
        """Return whether there is a reason to renew the certificate in use although it is not due."""
        return self._reasons.of(enrollment).acts

    def plan(self, item: RenewItem, enrollment: Enrollment) -> Plan[Keep | Ask]:
        is_known = enrollment.current or enrollment.pending
        adoption = None if is_known else item.adopted
        if adoption is None:
            return self._planned(enrollment, self._decided(item, enrollment))
        adopted = _adopted(enrollment, adoption)
        known = dataclasses.replace(enrollment, revisions=(adopted,))
        plan = self._planned(known, self._decided(item, known))
        asks = plan.decision if isinstance(plan.decision, Ask) else None
        return dataclasses.replace(
            plan,
            enrollment=enrollment,
            action=plan.action if asks else "adopt",
            reason=f"adopted, the store did not know it; {plan.reason}",
            decision=dataclasses.replace(asks, adopts=adopted) if asks else Keep(adopted),
            postponed=None,
        )

    def _decided(self, item: RenewItem, enrollment: Enrollment) -> Decision:
        now, reason = self._now(), self._reasons.of(enrollment)
        because = item.because or reason.because
        decided = decide_renewal(enrollment, item.policy, now, force=item.force, because=because, wish=reason.wish)
        if decided.asks_for is not None:
            self._check_rules(decided.asks_for)
        decided = within_quota(decided, enrollment, item.policy, self._quota, now)
        if decided.asks_for is None:
            told = f"{decided.reason}; {reason.why_not}" if reason.why_not else decided.reason
            return dataclasses.replace(decided, reason=told)
        spec = dataclasses.replace(decided.asks_for, request_code=item.request_code)
        return dataclasses.replace(decided, asks_for=spec, renewed_because=reason.renewed_because)

    def _is_asked_about(self, item: RenewItem, enrollment: Enrollment) -> bool:
        """Return whether the CA is asked about the certificate in use: not if it is renewed in any case."""
        current = enrollment.current
        if current is None or enrollment.pending is not None or item.force or item.because:
            return False
        if self._reasons.distrust.why(current):
            return False
        now, policy = self._now(), item.policy
        if self._quota.most is not None or policy.renew_before.never or not policy.is_due(current, now):
            return True
        closed = policy.closed(current, now)
        return closed is not None and not closed.gives_way

    def _check_rules(self, spec: CertificateSpec) -> None:
        """Raise what the rules raise unless they allow the renewal. It then leaves its place to another."""
        try:
            self._rules.check(spec)
        except (ConfigurationError, DeniedError):
            self._quota.give_back(spec.name)
            raise


def _adopted(enrollment: Enrollment, adoption: Adoption) -> Revision:
    """Return the row of a certificate that the store knows from now on."""
    return dataclasses.replace(
        enrollment.next_revision(adoption.spec),
        state=State.FINALIZED,
        thumbprint=adoption.thumbprint,
        certificate=adoption.certificate,
        not_valid_before=adoption.not_valid_before,
        not_valid_after=adoption.not_valid_after,
        adopted=True,
        note="adopted",
    )


def _without(enrollment: Enrollment, given_up: Revision | None) -> Enrollment:
    """Return the enrollment as it is after a pending revision was given up."""
    if given_up is None:
        return enrollment
    return enrollment.with_rows(given_up)


def _after_failure(intent: Revision, error: RedtrustError, now: dt.datetime) -> Revision:
    """Return the row that a failed create leaves: a key pair may have been made, or none.

    Only the create itself can have made one, not the login that follows a create refused with 401.
    """
    unknown = isinstance(error, ServiceError) and error.step == "create" and not error.not_done
    state = State.CREATE_UNKNOWN if unknown else State.ABANDONED
    return after_failure(dataclasses.replace(intent, state=state), error, now)
