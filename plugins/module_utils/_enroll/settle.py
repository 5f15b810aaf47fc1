# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settle an enrollment by hand: a person decides where no run can."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import PolicyError
from .._models import Enrollment, Outcome, Revision, State
from .._store.api import Store
from .step import Plan, Step

Settlement = t.Literal["abandoned", "accepted"]
# The decision of a plan: the revisions to store, the one that matters most last.
Rows = tuple[Revision, ...]


@dataclasses.dataclass(frozen=True)
class SettleItem:
    """An enrollment that a person has looked at.

    ``csr_sha256`` is the hash of the CSR that was looked at, in hex, and ``thumbprint`` that of the certificate; what
    is there instead of it stays as it is.
    """

    name: str
    csr_sha256: str | None = None
    thumbprint: str | None = None


class SettleStep(Step[SettleItem, Rows]):
    """Write down the decision of a person; send nothing.

    ``abandoned`` gives up a revision that is on its way or was rejected. ``accepted`` settles unknown outcomes:
    requests for a key pair without an answer, and an upload without an answer, whose certificate is in use.
    """

    def __init__(self, store: Store, settlement: Settlement, *, comment: str | None, force: bool) -> None:
        self._store = store
        self._settlement = settlement
        self._comment = comment
        self._force = force

    def plan(self, _item: SettleItem, enrollment: Enrollment) -> Plan[Rows]:
        if not enrollment.revisions:
            raise PolicyError("the store does not know this name")
        rows, reason = self._rows(enrollment)
        if not rows:
            return Plan(enrollment, "none", reason, expected=enrollment.pending or enrollment.current)
        action = "abandon" if self._settlement == "abandoned" else "accept"
        return Plan(enrollment, action, reason, rows, expected=rows[-1])

    def act(self, plan: Plan[Rows], decision: Rows) -> Outcome:
        why = "; ".join(filter(None, (f"{self._settlement} by hand", self._comment, plan.reason)))
        return plan.outcome(self._store.put(*decision, why=why)[-1])

    def _rows(self, enrollment: Enrollment) -> tuple[Rows, str]:
        """Return the revisions to store, and why."""
        return self._abandoned(enrollment) if self._settlement == "abandoned" else self._accepted(enrollment)

    def _abandoned(self, enrollment: Enrollment) -> tuple[Rows, str]:
        latest = enrollment.latest
        rejected = latest if latest is not None and latest.state is State.REJECTED else None
        given_up = enrollment.pending or rejected
        if given_up is None:
            return (), "nothing is on its way"
        if given_up.upload_started and not self._force:
            raise PolicyError(
                f"its certificate {given_up.thumbprint} was uploaded without an answer and may be in use: look at the "
                "service, then accept it, or abandon it with force"
            )
        if given_up.state is State.INTENDED:
            # No run is at work on it, so its answer is lost. A key may lie at the service, which stays counted.
            return (self._noted(given_up, State.CREATE_UNKNOWN),), "a request for a key pair without an answer"
        return (self._noted(given_up, State.ABANDONED),), f"it was {given_up.state}"

    def _accepted(self, enrollment: Enrollment) -> tuple[Rows, str]:
        lost = [revision for revision in enrollment.revisions if revision.state is State.CREATE_UNKNOWN]
        rows = [self._noted(revision, State.ABANDONED) for revision in lost]
        reasons = [f"unanswered requests for a key pair: {len(lost)}"] if lost else []
        pending = enrollment.pending
        if pending is not None and pending.upload_started:
            if enrollment.current:
                rows.append(enrollment.current.moved(State.SUPERSEDED))
            rows.append(self._noted(pending, State.FINALIZED, request_code=None))
            reasons.append("an upload without an answer")
        return tuple(rows), "; ".join(reasons) or "no outcome is unknown"

    def _noted(self, revision: Revision, state: State, **changes: t.Any) -> Revision:
        words = [f"{self._settlement} by hand", self._comment or "", f"it was {revision.state}", revision.note or ""]
        return revision.moved(state, note="; ".join(word for word in words if word), **changes)
