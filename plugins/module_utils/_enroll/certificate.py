# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take one certificate the whole way: ask for it, have it signed, upload it; renew it when it is due.

The way is that of the other steps, and so are the rows that it leaves: a run may stop anywhere, and this step or one of
the others goes on from there. Where one step follows the other at once, what the first would write last and the second
would write first is one write: "requested" with "at the signer", and "signed" with "its upload has begun".
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import typing as t

from .._errors import PolicyError, RedtrustError
from .._models import CertificateSpec, Enrollment, Outcome, Revision, State
from .._store.api import Store
from .approval import waits_for
from .finalize import FinalizeItem, FinalizeStep, Refuse, Upload
from .policy import is_settled, why_revoked
from .replace import Incidents
from .request import Ask, Keep, RenewItem, RenewStep, RequestItem, RequestStep
from .sign import Answer, AtSigner, Hold, Sign, SignItem, SignStep, waiting
from .step import Plan, Step, facts_of

Onward = t.Union[Sign, Hold, Upload, Refuse]
Way = t.Union[Keep, Ask, Onward]


@dataclasses.dataclass(frozen=True)
class CertificateItem:
    """A certificate that should be there. Without ``spec`` it is only renewed; ``renewal`` says when.

    ``force`` asks for another certificate even though nothing calls for it.
    """

    renewal: RenewItem
    spec: CertificateSpec | None = None

    @property
    def name(self) -> str:
        """The name of the enrollment."""
        return self.renewal.name


@dataclasses.dataclass(frozen=True)
class Steps:
    """The steps on the way of a certificate."""

    request: RequestStep
    renew: RenewStep
    sign: SignStep
    finalize: FinalizeStep


class CertificateStep(Step[CertificateItem, Way]):
    """Have a certificate in use that is as it was asked for, and not due."""

    def __init__(
        self,
        store: Store,
        steps: Steps,
        *,
        now: t.Callable[[], dt.datetime],
        tells_why_not: bool = True,
        incidents: Incidents | None = None,
    ) -> None:
        """``tells_why_not``: whether the plan for a certificate that needs nothing says why, and when it is due.

        ``incidents`` tell which certificates have to be replaced, due or not.
        """
        self._store = store
        self._steps = steps
        self._now = now
        self._tells_why_not = tells_why_not
        self._incidents = incidents or Incidents()

    @property
    def why_down(self) -> str:
        return self._steps.sign.why_down or self._steps.finalize.why_down

    def look_up(self, found: t.Sequence[tuple[CertificateItem, Enrollment]]) -> None:
        self._steps.renew.look_up([(item.renewal, one) for item, one in found if not self._incidents.why(one)])

    def plan(self, item: CertificateItem, enrollment: Enrollment) -> Plan[Way]:
        because = self._incidents.why(enrollment) or why_revoked(enrollment)
        if because:
            item = dataclasses.replace(item, renewal=dataclasses.replace(item.renewal, because=because))
        elif not self._steps.renew.acts_on(enrollment) and self._is_settled(item, enrollment):
            return Plan(enrollment, "none", "in use as asked for, and not due", expected=enrollment.current)
        asked = self._asked(item, enrollment)
        if asked.decision is not None or enrollment.pending is None:
            return self._with_approval(asked)
        onward = self._onward(enrollment)
        if onward.decision is None or isinstance(onward.decision, Hold):
            return onward
        reason = onward.reason if enrollment.pending.upload_started else asked.reason
        warnings = (*asked.warnings, *onward.warnings)
        return dataclasses.replace(onward, action="finalize", reason=reason, warnings=warnings)

    def act(self, plan: Plan[Way], decision: Way) -> Outcome:
        if isinstance(decision, Ask):
            return self._ask(plan, decision)
        if isinstance(decision, Keep):
            return self._keep(plan, decision)
        if isinstance(decision, Hold):
            return self._steps.sign.act(t.cast("Plan[Sign | Hold]", plan), decision)
        if isinstance(decision, Sign):
            begun = decision.pending.state is State.REQUESTED
            return self._sign(plan, self._steps.sign.begin(decision), changed=begun)
        return self._steps.finalize.act(t.cast("Plan[Upload | Refuse]", plan), decision)

    def _is_settled(self, item: CertificateItem, enrollment: Enrollment) -> bool:
        """Return whether a certificate needs nothing, where that is all that is to be told of it."""
        if self._tells_why_not or item.renewal.force:
            return False
        return is_settled(item.spec, enrollment, item.renewal.policy, self._now())

    def _asked(self, item: CertificateItem, enrollment: Enrollment) -> Plan[Way]:
        """Plan what the service is to be asked for, if anything."""
        is_known = enrollment.pending is not None or enrollment.current is not None
        if item.spec is None or (not is_known and item.renewal.adopted is not None):
            if not is_known and item.renewal.adopted is None:
                raise PolicyError(
                    "there is no certificate to renew; the module requests a first one if the entry has a dn and "
                    "renew_only is not set"
                )
            return self._steps.renew.plan(item.renewal, enrollment)
        asked = self._steps.request.plan(RequestItem(item.spec, item.renewal.force), enrollment)
        if asked.decision is not None or enrollment.pending is not None:
            return asked
        never = item.renewal.policy.renew_before.never and not item.renewal.because
        if never and not self._steps.renew.acts_on(enrollment):
            return asked
        return self._steps.renew.plan(item.renewal, enrollment)

    def _with_approval(self, asked: Plan[Way]) -> Plan[Way]:
        """Say in the plan for a request that it then waits for approval."""
        rule = self._steps.sign.approval
        if rule is None or not isinstance(asked.decision, Ask):
            return asked
        return dataclasses.replace(asked, reason=f"{asked.reason}; the request then waits for {rule.in_words()}")

    def _onward(self, enrollment: Enrollment) -> Plan[Onward]:
        """Plan the next step of a certificate that is on its way."""
        pending = enrollment.pending
        if pending is not None and pending.state is State.ISSUED:
            return self._steps.finalize.plan(FinalizeItem(enrollment.name), enrollment)
        return self._steps.sign.plan(SignItem(enrollment.name), enrollment)

    def _keep(self, plan: Plan[Way], decision: Keep) -> Outcome:
        """Write a revision down, and go on with it if it was waiting."""
        rows = self._store.put(decision.revision, why=plan.reason)
        enrollment = plan.enrollment.with_rows(*rows)
        if enrollment.pending is None:
            return plan.outcome(*rows)
        onward = self._onward(enrollment)
        if onward.decision is None:
            return plan.outcome(*rows)
        return self.act(dataclasses.replace(plan, enrollment=enrollment, decision=onward.decision), onward.decision)

    def _ask(self, plan: Plan[Way], decision: Ask) -> Outcome:
        enrollment, intent = self._steps.request.begin(plan.enrollment, decision, plan.reason)
        requested = self._steps.request.ask(intent)
        held = self._steps.sign.held(requested)
        if held is not None:
            words = waits_for(held)
            (waits,) = self._store.put(held, why=words)
            return dataclasses.replace(plan, enrollment=enrollment).outcome(waits, action="wait", reason=words)
        (signing,) = self._store.put(
            requested.moved(State.SIGNING, signing_since=self._now(), failures=requested.failures)
        )
        unsent = dataclasses.replace(requested, generation=signing.generation, stored_as=signing.stored_as)
        order = AtSigner(signing, t.cast("bytes", signing.csr), unsent)
        return self._sign(dataclasses.replace(plan, enrollment=enrollment), order, changed=True)

    def _sign(self, plan: Plan[Way], order: AtSigner, *, changed: bool) -> Outcome:
        answer = self._steps.sign.ask(order)
        if answer.waits:
            return waiting(plan, answer, changed=changed)
        return self._upload(plan, answer)

    def _upload(self, plan: Plan[Way], answer: Answer) -> Outcome:
        """Upload a certificate that the signer has just given. What is planned for it writes it down first.

        Where nothing gets so far, the certificate is written down alone: the next run goes on with it. So it is where
        the upload may have to wait: a run that is killed meanwhile would have to have it signed again.
        """
        issued = answer.revision
        is_kept = self._steps.finalize.may_wait()
        if is_kept:
            (issued,) = self._store.put(issued)
        with contextlib.nullcontext() if is_kept else _kept_at_least(self._store, issued):
            enrollment = plan.enrollment.with_rows(issued)
            upload = self._steps.finalize.plan(FinalizeItem(enrollment.name), enrollment)
            if upload.decision is None:
                raise PolicyError(upload.reason)
            warnings = (*plan.warnings, *answer.warnings, *upload.warnings)
            mine = dataclasses.replace(upload, action=plan.action, reason=plan.reason, warnings=warnings)
            done = self._steps.finalize.act(mine, upload.decision)
        return dataclasses.replace(done, before=facts_of(plan.enrollment.pending or plan.enrollment.current))


@contextlib.contextmanager
def _kept_at_least(store: Store, issued: Revision) -> t.Iterator[None]:
    """Write a certificate down if the block inside fails before it has written it down itself.

    The write is a compare-and-set: after a write of the block it changes nothing.
    """
    done = False
    try:
        yield
        done = True
    finally:
        if not done:
            with contextlib.suppress(RedtrustError):
                store.put(issued)
