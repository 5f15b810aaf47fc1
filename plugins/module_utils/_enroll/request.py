# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the service for a key pair and a CSR: for a first certificate, for another one, for the next one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._errors import ConfigurationError, RedtrustError, ServiceError
from .._models import CertificateSpec, Enrollment, Outcome, Request, Revision, State
from .._service.api import Client
from .._session.api import Session
from .._signers.api import check_subject_alt_name
from .._store.api import Store
from .._x509.api import dn_warnings
from .policy import Decision, RenewBefore, after_failure, decide_issue, decide_renewal
from .step import Item, Plan, Step


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
    """A certificate that the store does not know: what is known of it, and what its renewal asks for."""

    spec: CertificateSpec
    thumbprint: str
    certificate: bytes | None = dataclasses.field(default=None, repr=False)
    not_valid_before: dt.datetime | None = None
    not_valid_after: dt.datetime | None = None


@dataclasses.dataclass(frozen=True)
class RenewItem:
    """A certificate that should be renewed when it is due. ``adoption`` reads what the caller knows of it."""

    name: str
    renew_before: RenewBefore
    force: bool = False
    adoption: t.Callable[[], Adoption | None] = lambda: None
    request_code: str | None = dataclasses.field(default=None, repr=False)


class _AskingStep(Step[Item]):
    """The part that is the same for a first certificate and for a renewal: the call, and what it leaves behind."""

    def __init__(
        self,
        store: Store,
        client: Client,
        session: Session,
        *,
        register: t.Callable[[str], None],
        now: t.Callable[[], dt.datetime],
    ) -> None:
        self._store = store
        self._client = client
        self._session = session
        self._register = register
        self._now = now

    def _planned(self, item: Item, enrollment: Enrollment, decision: Decision, spec: CertificateSpec) -> Plan[Item]:
        if not decision.asks:
            expected = decision.resumes or enrollment.pending or enrollment.current
            acts = decision.resumes is not None
            return Plan(
                item,
                enrollment,
                decision.action,
                decision.reason,
                acts=acts,
                expected=expected,
                warnings=decision.warnings,
            )
        self._client.check(spec)
        check_subject_alt_name(spec.subject_alt_name)
        after = _without(enrollment, decision.gives_up).next_revision(spec)
        return Plan(
            item,
            enrollment,
            decision.action,
            decision.reason,
            acts=True,
            expected=after.moved(State.REQUESTED),
            warnings=(*decision.warnings, *dn_warnings(spec.dn)),
        )

    def _ask(self, plan: Plan[Item], decision: Decision, spec: CertificateSpec) -> Outcome:
        """Send csr/create once, between two committed rows."""
        if decision.resumes:
            return plan.outcome(*self._store.put(decision.resumes))
        self._session.open()
        intent = _without(plan.enrollment, decision.gives_up).next_revision(spec)
        intent = self._store.put(*([decision.gives_up] if decision.gives_up else []), intent)[-1]
        try:
            request = self._session.call(lambda tokens: self._client.create(tokens, spec, intent.renews))
        except RedtrustError as exc:
            self._store.put(_after_failure(intent, exc, self._now()))
            raise
        return plan.outcome(self._requested(intent, request))

    def _requested(self, intent: Revision, request: Request) -> Revision:
        self._register(request.request_code)
        row = intent.moved(State.REQUESTED, request_code=request.request_code, csr=request.csr, note=None)
        (row,) = self._store.put(row)
        return row


class RequestStep(_AskingStep[RequestItem]):
    """Request a certificate that is not there as asked for; resume one that is on its way."""

    def plan(self, item: RequestItem, enrollment: Enrollment) -> Plan[RequestItem]:
        return self._planned(item, enrollment, self._decide(item, enrollment), item.spec)

    def act(self, plan: Plan[RequestItem]) -> Outcome:
        return self._ask(plan, self._decide(plan.item, plan.enrollment), plan.item.spec)

    def _decide(self, item: RequestItem, enrollment: Enrollment) -> Decision:
        return decide_issue(item.spec, enrollment, self._now(), force=item.force)


class RenewStep(_AskingStep[RenewItem]):
    """Request the next revision of a certificate that is due; adopt one that the store does not know."""

    def plan(self, item: RenewItem, enrollment: Enrollment) -> Plan[RenewItem]:
        adopted = self._adopted(item, enrollment)
        if adopted is None:
            return self._planned(item, enrollment, self._decide(item, enrollment), self._next_spec(item, enrollment))
        known = dataclasses.replace(enrollment, revisions=(adopted,))
        plan = self._planned(item, known, self._decide(item, known), adopted.spec)
        action = plan.action if plan.acts else "adopt"
        reason = f"adopted, the store did not know it; {plan.reason}"
        return dataclasses.replace(plan, enrollment=enrollment, action=action, reason=reason, acts=True)

    def act(self, plan: Plan[RenewItem]) -> Outcome:
        item, enrollment = plan.item, plan.enrollment
        adopted = self._adopted(item, enrollment)
        if adopted is not None:
            (adopted,) = self._store.put(adopted)
            enrollment = dataclasses.replace(enrollment, revisions=(adopted,))
        decision = self._decide(item, enrollment)
        if adopted is not None and not decision.asks:
            return plan.outcome(adopted)
        known = dataclasses.replace(plan, enrollment=enrollment)
        return self._ask(known, decision, self._next_spec(item, enrollment))

    def _decide(self, item: RenewItem, enrollment: Enrollment) -> Decision:
        return decide_renewal(enrollment, item.renew_before, self._now(), force=item.force)

    @staticmethod
    def _next_spec(item: RenewItem, enrollment: Enrollment) -> CertificateSpec:
        known = enrollment.pending or enrollment.current
        if known is None:
            raise ConfigurationError(f"{item.name} has no certificate to renew")
        return dataclasses.replace(known.spec, request_code=item.request_code)

    @staticmethod
    def _adopted(item: RenewItem, enrollment: Enrollment) -> Revision | None:
        """Return the row of a certificate that the store is to know from now on."""
        if enrollment.current or enrollment.pending:
            return None
        adoption = item.adoption()
        if adoption is None:
            return None
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
    """Return the enrollment as it is once a pending revision has been given up."""
    if given_up is None:
        return enrollment
    rows = tuple(given_up if row == enrollment.pending else row for row in enrollment.revisions)
    return dataclasses.replace(enrollment, revisions=rows)


def _after_failure(intent: Revision, error: RedtrustError, now: dt.datetime) -> Revision:
    """Return the row that a failed create leaves: was a key made, or can none have been?

    Only the create itself can have made one, not the login after a create that was refused with 401.
    """
    unknown = isinstance(error, ServiceError) and error.step == "create" and not error.not_done
    state = State.CREATE_UNKNOWN if unknown else State.ABANDONED
    return after_failure(dataclasses.replace(intent, state=state), error, now)
