# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every step has in common: an item becomes a plan, a plan becomes an outcome."""

from __future__ import annotations

import abc
import dataclasses
import typing as t

from .._errors import RedtrustError
from .._models import Enrollment, Outcome, Revision, State


class Named(t.Protocol):
    """What a step works on: anything with the name of an enrollment."""

    @property
    def name(self) -> str:
        """The name of the enrollment."""


Item = t.TypeVar("Item", bound=Named)


@dataclasses.dataclass(frozen=True)
class Plan(t.Generic[Item]):
    """What a step is going to do with one item, and why.

    ``acts`` is False where nothing is to do; ``expected`` is the revision as it will be afterwards, as far as
    that can be known before. ``error`` is why it cannot be done, where that is to be written down; acting raises it.
    """

    item: Item
    enrollment: Enrollment
    action: str
    reason: str
    acts: bool = False
    expected: Revision | None = None
    warnings: tuple[str, ...] = ()
    error: RedtrustError | None = None

    def outcome(self, revision: Revision | None = None, **changes: t.Any) -> Outcome:
        """Return what became of it; without ``revision``, what is going to become of it."""
        after = revision or self.expected
        values = {
            "name": self.item.name,
            "action": self.action,
            "reason": self.reason,
            "changed": self.acts,
            "revision": after,
            "in_use": after if after and after.state is State.FINALIZED else self.enrollment.current,
            "before": facts_of(self.enrollment.pending or self.enrollment.current),
            "after": facts_of(after),
            "warnings": self.warnings,
        }
        return Outcome(**{**values, **changes})


class Step(abc.ABC, t.Generic[Item]):
    """One step. Usable from several threads."""

    @abc.abstractmethod
    def plan(self, item: Item, enrollment: Enrollment) -> Plan[Item]:
        """Say what is to be done and why; raise a RedtrustError where it cannot be."""

    @abc.abstractmethod
    def act(self, plan: Plan[Item]) -> Outcome:
        """Do it. The caller holds the lease of the enrollment, and planned after it had it."""


def facts_of(revision: Revision | None) -> dict[str, t.Any]:
    """Return what a person sees of a revision, for ``diff``."""
    if revision is None:
        return {}
    facts = {
        "revision": revision.revision,
        "state": str(revision.state),
        "thumbprint": revision.thumbprint,
        "not_valid_after": revision.not_valid_after.isoformat() if revision.not_valid_after else None,
        **revision.spec.asked_for(),
    }
    return {name: value for name, value in facts.items() if value is not None}
