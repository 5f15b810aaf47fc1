# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what holds for an enrollment that others want to be told of, and when to look again. Pure: no I/O.

A condition has an occurrence: it is another one once the certificate, the request or the number of failures is another.
So a condition that goes on is told once, and one that comes back is told again.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._clock import span, timestamp
from .._enroll.api import RenewalPolicy, attention, forecast
from .._models import PENDING, Enrollment, Revision, State

# Kinds of conditions.
EXPIRING, DUE, WAITING, FAILED, NEEDS_PERSON = "expiring", "due", "waiting", "failed", "needs_person"
# The problems that no run solves.
_FOR_A_PERSON = frozenset({"create_unknown", "expired", "rejected", "unapproved"})
# The states of a revision that failed and may be tried again.
_MAY_FAIL = PENDING | {State.ABANDONED, State.CREATE_UNKNOWN}


@dataclasses.dataclass(frozen=True)
class Rules:
    """What is told, and from when on.

    A certificate is ``expiring`` for ``soon`` before its end. A request is ``waiting`` once it is older than
    ``patience``. What still holds is told again after ``remind``, never if that is None.
    """

    kinds: frozenset[str]
    policy: RenewalPolicy = dataclasses.field(default_factory=RenewalPolicy)
    soon: dt.timedelta = dt.timedelta(days=30)
    patience: dt.timedelta = dt.timedelta(days=1)
    remind: dt.timedelta | None = None


@dataclasses.dataclass(frozen=True)
class Condition:
    """Something that holds, and which revision it is about.

    ``topic`` is the kind, with the kind of the problem where there are several. ``why`` and ``next_step`` are words.
    """

    topic: str
    occurrence: str
    revision: Revision
    why: str
    next_step: str | None = None

    @property
    def kind(self) -> str:
        """Return the kind, by which rules choose."""
        return kind_of(self.topic)


@dataclasses.dataclass(frozen=True)
class Seen:
    """All conditions of an enrollment, and the next moment at which the time alone may bring another one."""

    conditions: tuple[Condition, ...]
    again_at: dt.datetime | None


def kind_of(topic: str) -> str:
    """Return the kind of a topic."""
    return topic.partition(":")[0]


def look(enrollment: Enrollment, rules: Rules, now: dt.datetime) -> Seen:
    """Return what holds for an enrollment."""
    found: list[Condition] = []
    moments: list[dt.datetime] = []
    for kind, judge in _JUDGES.items():
        if kind in rules.kinds:
            for one in judge(enrollment, rules, now):
                if isinstance(one, Condition):
                    found.append(one)
                else:
                    moments.append(one)
    return Seen(tuple(found), min(moments, default=None))


# Each yields the conditions that hold, or the moment from which on one may hold.
_Judge = t.Callable[[Enrollment, Rules, dt.datetime], t.Iterator[t.Union[Condition, dt.datetime]]]


def _expiring(enrollment: Enrollment, rules: Rules, now: dt.datetime) -> t.Iterator[Condition | dt.datetime]:
    current = enrollment.current
    end = current.not_valid_after if current else None
    if current is None or end is None:
        return
    if end - rules.soon > now:
        yield end - rules.soon
        return
    words = f"the certificate in use ended at {timestamp(end)}" if end <= now else f"it ends at {timestamp(end)}"
    yield Condition(EXPIRING, f"{_label(current)}/{timestamp(end)}", current, words)


def _due(enrollment: Enrollment, rules: Rules, now: dt.datetime) -> t.Iterator[Condition | dt.datetime]:
    current, latest = enrollment.current, enrollment.latest
    expected = forecast(enrollment, rules.policy, now)
    if current is None or latest is None or expected is None or expected.renew_at is None:
        return
    if expected.renew_at > now:
        yield expected.renew_at
        return
    occurrence = [_label(current), "revoked" if current.revoked_at else timestamp(current.not_valid_after) or ""]
    if latest is not current:  # a renewal came to nothing: it is to be tried once more
        occurrence += [_label(latest), str(latest.failures)]
    yield Condition(DUE, "/".join(occurrence), current, expected.reason)


def _waiting(enrollment: Enrollment, rules: Rules, now: dt.datetime) -> t.Iterator[Condition | dt.datetime]:
    pending = enrollment.pending
    if pending is None or pending.created_at is None:
        return
    if pending.created_at + rules.patience > now:
        yield pending.created_at + rules.patience
        return
    problem = attention(enrollment, now)[-1]  # the one of the pending revision
    why = f"it is on its way for longer than {span(rules.patience)}: {problem.problem}"
    yield Condition(WAITING, f"{_label(pending)}/{timestamp(pending.created_at)}", pending, why, problem.next_step)


def _failed(enrollment: Enrollment, _rules: Rules, now: dt.datetime) -> t.Iterator[Condition | dt.datetime]:
    row = enrollment.pending or enrollment.latest
    if row is None or not row.failures or row.note is None or row.state not in _MAY_FAIL:
        return
    problem = attention(enrollment, now)[-1]  # the one of this revision
    occurrence = f"{_label(row)}/{row.state}/{row.failures}/{timestamp(row.retry_at) or ''}"
    yield Condition(FAILED, occurrence, row, row.note, problem.next_step)


def _needs_person(enrollment: Enrollment, _rules: Rules, now: dt.datetime) -> t.Iterator[Condition | dt.datetime]:
    current = enrollment.current
    if current is not None and current.not_valid_after is not None and current.not_valid_after > now:
        yield current.not_valid_after
    for problem in attention(enrollment, now):
        row = _concerned(enrollment, problem.kind)
        if row is not None:
            topic = f"{NEEDS_PERSON}:{problem.kind}"
            yield Condition(topic, f"{problem.kind}/{_label(row)}", row, problem.problem, problem.next_step)


def _concerned(enrollment: Enrollment, problem: str) -> Revision | None:
    """Return the revision that a problem is about; None if it is no problem for a person."""
    if problem not in _FOR_A_PERSON:
        return None
    if problem == "expired":
        return enrollment.current
    if problem == "create_unknown":
        lost = [revision for revision in enrollment.revisions if revision.state is State.CREATE_UNKNOWN]
        return lost[-1]
    return enrollment.latest


def _label(revision: Revision) -> str:
    return f"{revision.revision}.{revision.attempt}"


_JUDGES: t.Mapping[str, _Judge] = {
    NEEDS_PERSON: _needs_person,
    FAILED: _failed,
    EXPIRING: _expiring,
    DUE: _due,
    WAITING: _waiting,
}
CONDITIONS = frozenset(_JUDGES)
