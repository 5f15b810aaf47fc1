# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for an enrollment, from when on, and what makes it another occurrence."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    Calendar,
    Freeze,
    RenewalPolicy,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.conditions import (
    CONDITIONS,
    Rules,
    Seen,
    look,
)

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA")
RULES = Rules(CONDITIONS, RenewalPolicy.parse("20d"), soon=30 * DAY, patience=2 * DAY)


def row(state: State, revision: int = 1, attempt: int = 1, **fields: t.Any) -> Revision:
    begun = {"created_at": NOW - 100 * DAY, "updated_at": NOW - 100 * DAY}
    return Revision("svc", "www", revision, attempt, state, SPEC, **{**begun, **fields})


def in_use(days_left: float, **fields: t.Any) -> Revision:
    return row(State.FINALIZED, **{"not_valid_after": NOW + days_left * DAY, **fields})


def pending(state: State = State.SIGNING, age: dt.timedelta = HOUR, **fields: t.Any) -> Revision:
    return row(state, **{"revision": 2, "created_at": NOW - age, "updated_at": NOW, **fields})


def seen(*rows: Revision, rules: Rules = RULES, now: dt.datetime = NOW, only: str | None = None) -> Seen:
    kinds = rules.kinds if only is None else frozenset([only])
    return look(Enrollment("svc", "www", rows), dataclasses.replace(rules, kinds=kinds), now)


def topics(*rows: Revision, **others: t.Any) -> list[str]:
    return [condition.topic for condition in seen(*rows, **others).conditions]


def occurrence(kind: str, *rows: Revision, **others: t.Any) -> str:
    (condition,) = seen(*rows, only=kind, **others).conditions
    return condition.occurrence


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([in_use(60)], []),
        ([in_use(30)], ["expiring"]),
        ([in_use(20)], ["expiring", "due"]),
        ([in_use(0)], ["needs_person:expired", "expiring", "due"]),
        ([in_use(60, revoked_at=NOW)], ["due"]),
        ([in_use(60, not_valid_after=None)], ["due"]),
        # a renewal is on its way
        ([in_use(20), pending()], ["expiring"]),
        ([in_use(20), pending(age=2 * DAY)], ["expiring", "waiting"]),
        ([pending(State.INTENDED, revision=1)], []),
        ([pending(State.REQUESTED, revision=1, approvals_needed=1)], ["needs_person:unapproved"]),
        ([pending(State.REQUESTED, 3 * DAY, revision=1, approvals_needed=1)], ["needs_person:unapproved", "waiting"]),
        # failures
        ([pending(failures=1, note="no")], ["failed"]),
        ([pending(failures=1, note=None)], []),
        ([pending(failures=0, note="the CA is down")], []),
        ([row(State.ABANDONED, failures=2, note="no")], ["failed"]),
        ([row(State.ABANDONED, note="by hand")], []),
        ([row(State.CREATE_UNKNOWN, failures=1, note="no answer")], ["needs_person:create_unknown", "failed"]),
        ([row(State.REJECTED, failures=1, note="no")], ["needs_person:rejected"]),
        ([in_use(20), pending(State.REJECTED, note="no")], ["needs_person:rejected", "expiring"]),
        ([in_use(20), row(State.CREATE_UNKNOWN, 2)], ["needs_person:create_unknown", "expiring", "due"]),
    ],
)
def test_what_holds(rows: list[Revision], expected: list[str]) -> None:
    assert topics(*rows) == expected


@pytest.mark.parametrize(
    ("kind", "rows", "moment"),
    [
        ("expiring", [in_use(60)], NOW + 30 * DAY),
        ("due", [in_use(60)], NOW + 40 * DAY),
        ("due", [in_use(10), row(State.ABANDONED, 2, failures=2, note="no", retry_at=NOW + HOUR)], NOW + HOUR),
        ("needs_person", [in_use(60)], NOW + 60 * DAY),
        ("waiting", [pending()], NOW + 2 * DAY - HOUR),
        ("failed", [in_use(60)], None),
    ],
)
def test_the_time_alone_brings_a_condition(kind: str, rows: list[Revision], moment: dt.datetime | None) -> None:
    before = seen(*rows, only=kind)
    assert (before.conditions, before.again_at) == ((), moment)
    if moment is not None:
        assert topics(*rows, only=kind, now=moment - dt.timedelta(microseconds=1)) == []
        assert len(topics(*rows, only=kind, now=moment)) == 1


def test_the_next_look_is_at_the_first_of_all_moments() -> None:
    assert seen(in_use(60)).again_at == NOW + 30 * DAY


def test_only_the_wanted_kinds_are_looked_for() -> None:
    assert topics(in_use(0), only="due") == ["due"]
    assert topics(in_use(0), only="renewed") == []


def test_it_is_due_once_it_may_be_renewed() -> None:
    freeze = Calendar((), (Freeze(NOW - DAY, NOW + 3 * DAY, "no changes"),))
    rules = dataclasses.replace(RULES, policy=RenewalPolicy.parse("20d", None, freeze))
    assert seen(in_use(10), rules=rules, only="due") == Seen((), NOW + 3 * DAY)
    assert topics(in_use(10), rules=rules, only="due", now=NOW + 3 * DAY) == ["due"]


def test_nothing_is_due_that_is_never_renewed() -> None:
    rules = dataclasses.replace(RULES, policy=RenewalPolicy.parse("never"))
    assert topics(in_use(0), rules=rules, only="due") == []


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("expiring", [in_use(10)], [row(State.SUPERSEDED), in_use(11, revision=2)]),
        ("due", [in_use(10)], [in_use(10, revoked_at=NOW)]),
        ("due", [in_use(10)], [in_use(10), row(State.ABANDONED, 2, failures=1, note="no")]),
        (
            "due",
            [in_use(10), row(State.ABANDONED, 2, failures=1, note="no")],
            [in_use(10), row(State.ABANDONED, 2, failures=2, note="no", retry_at=NOW)],
        ),
        ("failed", [pending(failures=1, note="no")], [pending(failures=2, note="no")]),
        ("failed", [pending(failures=1, note="no")], [pending(State.ISSUED, failures=1, note="no")]),
        ("waiting", [pending(age=3 * DAY)], [pending(age=3 * DAY, attempt=2)]),
        ("needs_person", [row(State.REJECTED)], [row(State.REJECTED), row(State.REJECTED, attempt=2)]),
        (
            "needs_person",
            [row(State.CREATE_UNKNOWN)],
            [row(State.CREATE_UNKNOWN), row(State.CREATE_UNKNOWN, attempt=2)],
        ),
    ],
)
def test_another_occurrence(kind: str, one: list[Revision], other: list[Revision]) -> None:
    assert occurrence(kind, *one) != occurrence(kind, *other)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("expiring", [in_use(10)]),
        ("due", [in_use(10)]),
        ("due", [in_use(10), row(State.ABANDONED, 2, failures=1, note="no")]),
        ("waiting", [pending(age=3 * DAY)]),
        ("failed", [pending(failures=2, note="no")]),
        ("needs_person", [row(State.REJECTED)]),
    ],
)
def test_it_stays_the_same_occurrence_while_time_passes(kind: str, rows: list[Revision]) -> None:
    other = dataclasses.replace(RULES, soon=40 * DAY, patience=DAY, policy=RenewalPolicy.parse("25d"))
    assert occurrence(kind, *rows) == occurrence(kind, *rows, now=NOW + 5 * DAY, rules=other)


def test_a_retry_of_the_same_request_is_the_same_wait() -> None:
    first = pending(age=3 * DAY)
    assert occurrence("waiting", first) == occurrence(
        "waiting", dataclasses.replace(first, state=State.ISSUED, updated_at=NOW + HOUR, failures=4, note="no")
    )


def test_the_words_are_those_for_a_person() -> None:
    (waiting,) = seen(pending(age=3 * DAY), only="waiting").conditions
    assert waiting.why == "it is on its way for longer than 2 days: it is at the signer"
    assert waiting.next_step is not None
    assert waiting.next_step.startswith("run redtrust_sign again")
    (failed,) = seen(pending(failures=1, note="HTTP 400"), only="failed").conditions
    assert (failed.why, failed.next_step) == ("HTTP 400", "mend the cause, then run again")
    (expired,) = seen(in_use(-1), only="expiring").conditions
    assert expired.why == "the certificate in use ended at 2026-05-31T00:00:00Z"
