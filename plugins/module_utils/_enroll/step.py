# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts that all steps share: an item becomes a plan, a plan becomes an outcome."""

from __future__ import annotations

import abc
import dataclasses
import typing as t

from .._errors import RedtrustError
from .._models import Enrollment, Outcome, Postponed, Revision, State


class Named(t.Protocol):
    """An item of a step: anything with the name of an enrollment."""

    @property
    def name(self) -> str:
        """The name of the enrollment."""


Item = t.TypeVar("Item", bound=Named)
Decided = t.TypeVar("Decided")
Decided_co = t.TypeVar("Decided_co", covariant=True)


@dataclasses.dataclass(frozen=True)
class Plan(t.Generic[Decided_co]):
    """The plan of a step for one enrollment.

    ``decision`` holds all that acting needs; without one there is nothing to do. ``expected`` is the revision
    afterwards, as far as it is known before. ``error`` is the reason of a failure: acting on the decision writes it
    down and raises it. ``postponed`` tells of a renewal that is due and left for a later run.
    """

    enrollment: Enrollment
    action: str
    reason: str
    decision: Decided_co | None = None
    expected: Revision | None = None
    warnings: tuple[str, ...] = ()
    error: RedtrustError | None = None
    postponed: Postponed | None = None

    def outcome(self, revision: Revision | None = None, **changes: t.Any) -> Outcome:
        """Return the outcome that left ``revision``; without it, the outcome that is expected."""
        after = revision or self.expected
        acts = self.decision is not None
        values: dict[str, t.Any] = {
            "name": self.enrollment.name,
            "action": self.action,
            "reason": self.reason,
            "changed": acts,
            "revision": after,
            "in_use": after if after and after.state is State.FINALIZED else self.enrollment.current,
            # only a change has a difference to show
            "before": facts_of(self.enrollment.pending or self.enrollment.current) if acts else None,
            "after": facts_of(after) if acts else None,
            "warnings": self.warnings,
            "postponed": self.postponed,
        }
        return Outcome(**{**values, **changes})


class Step(abc.ABC, t.Generic[Item, Decided]):
    """One step of an enrollment. Usable from several threads."""

    @property
    def why_down(self) -> str:
        """Why this step would fail for any other item as well, so that none is tried; empty while that is not so."""
        return ""

    def look_up(self, found: t.Sequence[tuple[Item, Enrollment]], /) -> None:
        """Ask others what the plans need to know, for many items at once, before they are planned. Raise no error."""

    @abc.abstractmethod
    def plan(self, item: Item, enrollment: Enrollment, /) -> Plan[Decided]:
        """Return the plan for an item; change nothing. Raise a RedtrustError where nothing can be done."""

    @abc.abstractmethod
    def act(self, plan: Plan[Decided], decision: Decided, /) -> Outcome:
        """Carry out the decision of a plan that was made under the lease, which the caller still holds.

        Each write is a compare-and-set with the revision that was planned: raises StaleRevisionError where another run
        was first.
        """


def facts_of(revision: Revision | None) -> dict[str, t.Any]:
    """Return the facts of a revision that ``diff`` shows."""
    if revision is None:
        return {}
    facts = {
        "revision": revision.revision,
        "state": str(revision.state),
        "thumbprint": revision.thumbprint,
        "not_valid_after": revision.not_valid_after.isoformat() if revision.not_valid_after else None,
        "revoked_at": revision.revoked_at.isoformat() if revision.revoked_at else None,
        "approved_by": [approval.by for approval in revision.approvals] or None,
        **revision.spec.asked_for(),
    }
    return {name: value for name, value in facts.items() if value is not None}
