# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down that a person approved a request, or denied it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import typing as t

from .._clock import to_the_minute
from .._errors import PolicyError
from .._models import Approval, Enrollment, Outcome, Revision, State
from .._store.api import Store
from .approval import counted, denial, is_same, waits_for
from .settle import SettleItem
from .step import Plan, Step

Verdict = t.Literal["approved", "denied"]


class VerdictStep(Step[SettleItem, Revision]):
    """Write down the verdict of one person on a request that is not at the signer yet; send nothing.

    An approval is of this request alone: of its key and of what it asks for. What is asked for anew needs new ones.
    One denial is enough, and ends the request as a refusal of the CA does.
    """

    def __init__(
        self, store: Store, verdict: Verdict, *, by: str, comment: str | None, now: t.Callable[[], dt.datetime]
    ) -> None:
        self._store = store
        self._verdict = verdict
        self._by = by
        self._comment = comment or ""
        self._now = now

    def plan(self, item: SettleItem, enrollment: Enrollment) -> Plan[Revision]:
        latest = enrollment.pending or enrollment.latest
        if latest is None:
            raise PolicyError("the store does not know this name")
        _check_csr(item, latest)
        done = self._done_before(latest)
        if done:
            return Plan(enrollment, "none", done, expected=latest)
        if latest.state is not State.REQUESTED:
            raise PolicyError(_why_nothing_waits(latest))
        return self._denied(enrollment, latest) if self._verdict == "denied" else self._approved(enrollment, latest)

    def act(self, plan: Plan[Revision], decision: Revision) -> Outcome:
        (stored,) = self._store.put(decision, why=plan.reason)
        return plan.outcome(stored)

    def _approved(self, enrollment: Enrollment, request: Revision) -> Plan[Revision]:
        if is_same(self._by, request.approvals_not_by):
            raise PolicyError(
                f"{self._by} may not approve it, since {self._by} asked for the key and four eyes are wanted: somebody "
                "else has to"
            )
        given = (*request.approvals, Approval(self._by, self._now(), self._comment))
        approved = dataclasses.replace(request, approvals=given)
        so_far = f"{len(counted(approved))} of {request.approvals_needed} given" if request.approvals_needed else ""
        reason = "; ".join(filter(None, (self._said(), so_far)))
        return Plan(enrollment, "approve", reason, approved, expected=approved)

    def _denied(self, enrollment: Enrollment, request: Revision) -> Plan[Revision]:
        denied = request.moved(State.REJECTED, note=denial(self._by, self._comment))
        return Plan(enrollment, "deny", self._said(), denied, expected=denied)

    def _said(self) -> str:
        return f"{self._verdict} by {self._by}" + (f": {self._comment}" if self._comment else "")

    def _done_before(self, latest: Revision) -> str:
        """Return that there is nothing to write down, in words; empty if there is."""
        if self._verdict == "denied":
            is_over = latest.state is State.REJECTED
            return (
                f"revision {latest.revision} is rejected already ({latest.note or 'no reason is known'})"
                if is_over
                else ""
            )
        mine = [approval for approval in latest.approvals if is_same(approval.by, self._by)]
        if not mine or latest.state in (State.REJECTED, State.ABANDONED):
            return ""
        words = f"{self._by} approved revision {latest.revision} at {to_the_minute(mine[0].at)} already"
        waits = latest.state is State.REQUESTED and latest.approvals_needed
        return f"{words}; it {waits_for(latest)}" if waits else f"{words}; it is {latest.state}"


def _check_csr(item: SettleItem, latest: Revision) -> None:
    """Raise PolicyError where another request waits than the one that the person looked at."""
    if item.csr_sha256 is None:
        return
    found = hashlib.sha256(latest.csr).hexdigest() if latest.csr else None
    if found != item.csr_sha256.strip().lower():
        raise PolicyError(
            f"csr_sha256 is of another request: revision {latest.revision}, which is {latest.state}, has "
            f"{found or 'no CSR'}; look at what is asked for now before you approve it"
        )


def _why_nothing_waits(latest: Revision) -> str:
    """Return why a revision can be neither approved nor denied, and what can be done instead."""
    nothing = f"nothing waits for approval: revision {latest.revision}"
    if latest.state is State.INTENDED:
        return f"{nothing} has no request yet; run redtrust_csr or redtrust_renew again"
    if latest.state is State.SIGNING:
        return f"{nothing} is at the signer already; to give it up, ask the CA, then run this with state=abandoned"
    if latest.state is State.ISSUED:
        return f"{nothing} is signed already; to give it up, run this with state=abandoned"
    return f"{nothing} is {latest.state}"
