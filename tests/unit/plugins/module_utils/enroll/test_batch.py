# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A step for many certificates: leases, waiting, order, a limited number of workers; the store is real, time is not."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import errno
import re
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll import batch
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import Plan, SignItem, Step
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.step import facts_of
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    InternalError,
    LeaseHeldError,
    NotTriedError,
    PolicyError,
    SignerError,
    StoreError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._holder import holder
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    Outcome,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._secrets import Secrets
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.told import (
    Given,
    predict,
    run,
)

HOLDER = "run one"


class Clock:
    """A clock that only sleep moves; each sleep calls ``alarm``."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.alarm: t.Callable[[], None] = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        self.alarm()


class Requesting(Step[SignItem, Revision]):
    """Put a row for each name without one; some names make the step fail."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.acted: list[str] = []
        self.planned: list[str] = []
        self.before: t.Callable[[], None] = lambda: None

    def plan(self, item: SignItem, enrollment: Enrollment) -> Plan[Revision]:
        self.planned.append(item.name)
        if item.name.startswith("refused"):
            raise PolicyError("not this one")
        if item.name.startswith("unread"):
            raise ValueError("canary-password cannot be read")
        row = Revision("svc", item.name, 1, 1, State.REQUESTED, _spec(item.name), request_code="c", csr=b"c")
        there = enrollment.latest is not None
        decision, action = (None, "none") if there else (row, "issue")
        return Plan(enrollment, action, "why", decision, expected=row, warnings=("beware",))

    def act(self, plan: Plan[Revision], decision: Revision) -> Outcome:
        self.before()
        name = plan.enrollment.name
        self.acted.append(name)
        if name.startswith("broken"):
            raise SignerError("no luck")
        if name.startswith("crash"):
            raise RuntimeError("canary-password came back")
        if name.startswith("full"):
            raise OSError(errno.ENOSPC, "No space left on device")
        (row,) = self.store.put(decision)
        return plan.outcome(row)


def _spec(name: str) -> CertificateSpec:
    return CertificateSpec(name, DistinguishedName((("cn", name),)), "CA")


@pytest.fixture
def store(tmp_path: Path) -> t.Iterator[SqliteStore]:
    with SqliteStore(str(tmp_path / "state" / "store.db")) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


def options(clock: Clock, wait: float = 10.0, workers: int = 8) -> batch.BatchOptions:
    return batch.BatchOptions("svc", HOLDER, workers, wait, clock=clock, sleep=clock.sleep)


def items(*names: str) -> list[SignItem]:
    return [SignItem(name) for name in names]


def test_order_and_one_that_fails(store: SqliteStore, clock: Clock) -> None:
    names = ["e", "refused", "a", "broken", "c"]
    step = Requesting(store)
    outcomes = run(step, items(*names), store, options(clock))
    assert [one.name for one in outcomes] == names
    assert [type(one.error) for one in outcomes] == [type(None), PolicyError, type(None), SignerError, type(None)]
    assert [one.changed for one in outcomes] == [True, False, True, False, True]
    broken = outcomes[3]
    assert (broken.action, broken.reason, broken.revision) == ("issue", "why", None)
    assert [one.warnings for one in outcomes] == [("beware",), (), ("beware",), ("beware",), ("beware",)]
    again = run(step, items(*names), store, options(clock))
    assert [one.changed for one in again] == [False] * 5
    assert sorted(step.acted) == ["a", "broken", "broken", "c", "e"]


class TestWhereARunBegins:
    NAMES = tuple(f"n{number:03}" for number in range(100))

    def begun(self, store: SqliteStore, clock: Clock, holder: str, names: t.Sequence[str]) -> Requesting:
        step = Requesting(store)
        one = dataclasses.replace(options(clock, workers=1), holder=holder)
        outcomes = run(step, items(*names), store, one)
        assert [outcome.name for outcome in outcomes] == list(names), "the positions are those of the list"
        return step

    def test_each_begins_a_long_list_at_another_place(self, store: SqliteStore, clock: Clock) -> None:
        first = self.begun(store, clock, "run one", self.NAMES)
        assert sorted(first.acted) == list(self.NAMES)
        begin = self.NAMES.index(first.planned[0])
        assert begin > 0
        assert tuple(first.planned[:100]) == self.NAMES[begin:] + self.NAMES[:begin]
        assert self.begun(store, clock, "run two", self.NAMES).planned[0] != first.planned[0]

    def test_a_short_list_is_begun_at_its_beginning(self, store: SqliteStore, clock: Clock) -> None:
        assert self.begun(store, clock, "run one", self.NAMES[:8]).planned[0] == "n000"


class TestAnErrorThatNobodyExpected:
    NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)

    def options(self, clock: Clock) -> batch.BatchOptions:
        secrets = Secrets()
        secrets.add("canary-password")
        return dataclasses.replace(options(clock), hide=secrets.hide, now=lambda: self.NOW)

    def pending(self, store: SqliteStore, name: str, state: State = State.REQUESTED) -> Revision:
        (row,) = store.put(Revision("svc", name, 1, 1, state, _spec(name), request_code="c", csr=b"c"))
        return row

    def test_it_is_the_failure_of_one(self, store: SqliteStore, clock: Clock) -> None:
        names = ["a", "unread", "b", "crash", "c"]
        outcomes = run(Requesting(store), items(*names), store, self.options(clock))
        kinds = [type(one.error) for one in outcomes]
        assert kinds == [type(None), InternalError, type(None), InternalError, type(None)]
        assert [one.changed for one in outcomes] == [True, False, True, False, True]
        assert [one.reason for one in outcomes] == ["why", "nothing was done", "why", "why", "why"]
        for outcome, words in ((outcomes[1], "ValueError"), (outcomes[3], "RuntimeError")):
            assert f"{words} (********" in str(outcome.error)
            assert "canary" not in repr(outcome)
        assert store.enrollment("svc", "crash").revisions == (), "nothing was asked for, so nothing is counted"
        assert store.acquire([f"enrollment/svc/{name}" for name in names], "other", 60.0) == {}

    def test_check_mode_tells_it_and_writes_nothing(self, store: SqliteStore) -> None:
        before = self.pending(store, "unread")
        first, second = predict(Requesting(store), items("unread", "a"), store)
        assert (first.action, first.changed, type(first.error)) == ("none", False, InternalError)
        assert (second.action, second.error) == ("issue", None)
        assert store.enrollment("svc", "unread").pending == before

    def test_it_counts_for_what_is_on_its_way(self, store: SqliteStore, clock: Clock) -> None:
        self.pending(store, "unread")
        for times in (1, 2):
            (outcome,) = run(Requesting(store), items("unread"), store, self.options(clock))
            row = store.enrollment("svc", "unread").pending
            assert (outcome.action, outcome.revision) == ("none", row)
            assert row is not None
            assert (row.state, row.failures, row.note) == (State.REQUESTED, times, str(outcome.error))
            assert "canary" not in str(row.note)
        assert row is not None
        assert row.retry_at == self.NOW + dt.timedelta(hours=1)

    def test_a_key_pair_that_was_being_asked_for_is_of_unknown_outcome(self, store: SqliteStore, clock: Clock) -> None:
        self.pending(store, "unread", State.INTENDED)
        run(Requesting(store), items("unread"), store, self.options(clock))
        (row,) = store.enrollment("svc", "unread").revisions
        assert (row.state, row.failures) == (State.CREATE_UNKNOWN, 1)

    def test_what_another_run_has_taken_over_is_left_to_it(self, store: SqliteStore, clock: Clock) -> None:
        step = Requesting(store)
        taken: list[Revision] = []

        def overtaken() -> None:
            store.release(["enrollment/svc/crash"], HOLDER)
            store.acquire(["enrollment/svc/crash"], "other", 60.0)
            taken.append(self.pending(store, "crash", State.INTENDED))

        step.before = overtaken
        (outcome,) = run(step, items("crash"), store, self.options(clock))
        assert isinstance(outcome.error, InternalError)
        assert store.enrollment("svc", "crash").pending == taken[0]

    @pytest.mark.parametrize("error", [StoreError("gone"), TypeError("gone in another way")])
    def test_a_store_that_cannot_count_it_does_not_hide_it(
        self, store: SqliteStore, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def gone(*_arguments: object) -> t.NoReturn:
            raise error

        self.pending(store, "unread")
        monkeypatch.setattr(store, "put", gone)
        (outcome,) = run(Requesting(store), items("unread"), store, self.options(clock))
        assert isinstance(outcome.error, InternalError)
        assert "ValueError" in str(outcome.error)

    def test_what_concerns_the_machine_ends_the_run(self, store: SqliteStore, clock: Clock) -> None:
        with pytest.raises(OSError, match="No space left"):
            run(Requesting(store), items("full", "a"), store, self.options(clock))
        assert store.acquire(["enrollment/svc/full"], "other", 60.0) == {}

    def test_what_is_counted_is_told_though_the_service_is_down(self, store: SqliteStore, clock: Clock) -> None:
        down = dataclasses.replace(self.options(clock), why_down=lambda: "the service is down")
        (outcome,) = run(Requesting(store), items("unread"), store, down)
        assert isinstance(outcome.error, InternalError)

    def test_leases_are_renewed_all_the_same(
        self, store: SqliteStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renewed = threading.Event()
        calls: list[str] = []

        class Renewing(SqliteStore):
            def renew(self, holder: str, seconds: float) -> int:
                calls.append(holder)
                if len(calls) == 1:
                    raise ValueError("nobody expected this")
                renewed.set()
                return super().renew(holder, seconds)

        monkeypatch.setattr(batch, "LEASE_SECONDS", 0.03)
        step = Requesting(store)
        step.before = lambda: t.cast("None", renewed.wait(20))
        with Renewing(str(store._path)) as other:
            run(step, items("a"), other, options(clock))
        assert renewed.is_set()


def test_nothing_at_all(store: SqliteStore, clock: Clock) -> None:
    assert run(Requesting(store), [], store, options(clock)) == []


def test_a_name_that_comes_twice(store: SqliteStore, clock: Clock) -> None:
    step = Requesting(store)
    with pytest.raises(ConfigurationError, match="certificates names more than once: a, b"):
        run(step, items("b", "a", "c", "a", "b"), store, options(clock))
    assert step.planned == []


def test_check_mode_changes_nothing(store: SqliteStore) -> None:
    step = Requesting(store)
    outcomes = predict(step, items("a", "refused", "b"), store)
    assert [(one.name, one.action, one.changed) for one in outcomes] == [
        ("a", "issue", True),
        ("refused", "none", False),
        ("b", "issue", True),
    ]
    assert outcomes[0].before == {}
    assert outcomes[0].after == facts_of(outcomes[0].revision)
    assert outcomes[0].after is not None
    assert outcomes[0].after["state"] == "requested"
    assert step.acted == []
    assert store.enrollments() == []
    assert store.acquire(["enrollment/svc/a"], "other", 60.0) == {}


class TestLeases:
    def test_what_is_acted_on_is_leased_and_given_back(self, store: SqliteStore, clock: Clock) -> None:
        step = Requesting(store)
        held: list[dict[str, str]] = []

        def look() -> None:
            others = store.acquire(["enrollment/svc/a", "enrollment/svc/b"], "other", 1.0)
            held.append({key: lease.holder for key, lease in others.items()})

        step.before = look
        run(step, items("a"), store, options(clock))
        assert held == [{"enrollment/svc/a": HOLDER}]
        store.release(["enrollment/svc/b"], "other")
        assert store.acquire(["enrollment/svc/a", "enrollment/svc/b"], "third", 60.0) == {}

    def test_what_is_done_already_needs_no_lease(self, store: SqliteStore, clock: Clock) -> None:
        run(Requesting(store), items("a"), store, options(clock))
        store.acquire(["enrollment/svc/a"], "other", 60.0)
        (outcome,) = run(Requesting(store), items("a"), store, options(clock))
        assert (outcome.error, clock.pauses) == (None, [])

    def test_another_holder_is_waited_for_and_the_rest_goes_on(self, store: SqliteStore, clock: Clock) -> None:
        store.acquire(["enrollment/svc/b"], "other", 600.0)
        step = Requesting(store)

        def other_finishes() -> None:
            assert sorted(step.acted) == ["a", "c"]
            if len(clock.pauses) == 3:
                store.put(Revision("svc", "b", 1, 1, State.INTENDED, _spec("b")))
                store.release(["enrollment/svc/b"], "other")

        clock.alarm = other_finishes
        outcomes = run(step, items("a", "b", "c"), store, options(clock))
        assert [one.action for one in outcomes] == ["issue", "none", "issue"]
        assert (outcomes[1].changed, outcomes[1].error) == (False, None), "it is an outcome like any other"
        assert sorted(step.acted) == ["a", "c"]
        assert clock.pauses == [0.05, 0.1, 0.2]

    def test_waiting_ends(self, store: SqliteStore, clock: Clock) -> None:
        store.acquire(["enrollment/svc/b"], "host (pid 7)", 600.0)
        outcomes = run(Requesting(store), items("a", "b"), store, options(clock))
        assert outcomes[0].error is None
        assert isinstance(outcomes[1].error, LeaseHeldError)
        words = (
            r"host \(pid 7\) is working on it and did not finish in time; end that process if it hangs; "
            r"unless it lives, this can be had after 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ: run again"
        )
        assert re.fullmatch(words, str(outcomes[1].error))
        assert (outcomes[1].name, outcomes[1].action, outcomes[1].reason) == ("b", "none", "nothing was done")
        assert 10.0 <= clock.now <= 11.0
        assert max(clock.pauses) == 1.0

    def test_no_waiting_where_none_is_wanted(self, store: SqliteStore, clock: Clock) -> None:
        store.acquire(["enrollment/svc/a"], "other", 600.0)
        (outcome,) = run(Requesting(store), items("a"), store, options(clock, wait=0.0))
        assert isinstance(outcome.error, LeaseHeldError)
        assert clock.pauses == []

    def test_a_death_leaves_no_thread_and_no_lease(self, store: SqliteStore, clock: Clock) -> None:
        step = Requesting(store)

        def die() -> None:
            raise KeyboardInterrupt

        step.before = die
        with pytest.raises(KeyboardInterrupt):
            run(step, items("a"), store, options(clock))
        assert store.acquire(["enrollment/svc/a"], "other", 60.0) == {}

    def test_leases_are_renewed_while_the_work_goes_on(
        self, store: SqliteStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renewed = threading.Event()
        calls = 0

        class Renewing(SqliteStore):
            def renew(self, holder: str, seconds: float) -> int:
                nonlocal calls
                calls += 1
                if calls == 1:
                    raise StoreError("locked for once")
                renewed.set()
                return super().renew(holder, seconds)

        monkeypatch.setattr(batch, "LEASE_SECONDS", 0.03)
        step = Requesting(store)
        step.before = lambda: t.cast("None", renewed.wait(20))
        with Renewing(str(store._path)) as other:
            run(step, items("a"), other, options(clock))
        assert renewed.is_set()

    def test_a_late_renewal_leaves_no_lease(
        self, store: SqliteStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renewing, released = threading.Event(), threading.Event()
        late: list[bool] = []

        class Slow(SqliteStore):
            def renew(self, holder: str, seconds: float) -> int:
                renewing.set()
                late.append(released.wait(20))
                return super().renew(holder, seconds)

            def release(self, keys: t.Iterable[str], holder: str) -> None:
                super().release(keys, holder)
                released.set()

        monkeypatch.setattr(batch, "LEASE_SECONDS", 0.03)
        step = Requesting(store)
        step.before = lambda: t.cast("None", renewing.wait(20))
        with Slow(str(store._path)) as other:
            run(step, items("a"), other, options(clock))
        assert set(late) == {True}
        assert store.acquire(["enrollment/svc/a"], "other", 60.0) == {}

    def test_leases_that_cannot_be_given_back_cost_no_result(self, tmp_path: Path, clock: Clock) -> None:
        tried: list[list[str]] = []

        class Away(SqliteStore):
            def release(self, keys: t.Iterable[str], _holder: str) -> None:
                tried.append(list(keys))
                raise StoreError("database is locked")

        with Away(str(tmp_path / "away" / "store.db")) as store:
            outcomes = run(Requesting(store), items("a", "broken", "c"), store, options(clock))
        assert len(tried) == 1, "each try may take as long as the store waits for its database"
        assert [(one.changed, type(one.error)) for one in outcomes] == [
            (True, type(None)),
            (False, SignerError),
            (True, type(None)),
        ]

    def test_a_store_that_goes_away_costs_no_outcome_of_what_was_begun(self, tmp_path: Path, clock: Clock) -> None:
        leased: list[str] = []

        class Leaving(SqliteStore):
            def acquire(self, keys: t.Iterable[str], *others: t.Any) -> t.Any:
                wanted = list(keys)
                if leased:
                    raise StoreError("the database is away")
                leased.extend(wanted)
                return super().acquire(wanted, *others)

            def release(self, _keys: t.Iterable[str], _holder: str) -> t.NoReturn:
                pytest.fail("a store that is away is asked again")

        names = [f"{number:02}" for number in range(20)]
        told: list[str] = []
        with Leaving(str(tmp_path / "leaving" / "store.db")) as store:
            outcomes = batch.run_batch(Requesting(store), Given(items(*names)), store, options(clock, workers=2))
            with pytest.raises(StoreError, match="the database is away"):
                told.extend(outcome.name for _position, outcome in outcomes)
            assert sorted(told) == sorted(one.name for one in store.enrollments())
        assert len(told) == len(leased) == 4

    @pytest.mark.process
    def test_what_a_dead_run_holds_is_taken_over_at_once(self, store: SqliteStore, clock: Clock) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            pass
        dead = re.sub(r"pid \d+", f"pid {process.pid}", holder())
        store.acquire(["enrollment/svc/a"], dead, 600.0)
        store.acquire(["enrollment/svc/b"], holder(), 600.0)
        first, second = run(Requesting(store), items("a", "b"), store, options(clock, wait=0.0))
        assert first.error is None
        assert isinstance(second.error, LeaseHeldError), "this process lives"


def test_a_service_that_is_down_is_not_asked_for_the_rest(store: SqliteStore, clock: Clock) -> None:
    step = Requesting(store)
    down = dataclasses.replace(
        options(clock, workers=1), why_down=lambda: "the service is down" if len(step.acted) >= 2 else ""
    )
    store.put(Revision("svc", "done", 1, 1, State.REQUESTED, _spec("done"), request_code="c", csr=b"c"))
    outcomes = run(step, items("a", "broken", "b", "refused", "done", "c"), store, down)
    kinds = [type(one.error) for one in outcomes]
    assert kinds == [type(None), SignerError, NotTriedError, PolicyError, type(None), NotTriedError]
    assert step.acted == ["a", "broken"]
    assert [(one.action, one.reason, one.changed) for one in outcomes if isinstance(one.error, NotTriedError)] == [
        ("none", "why", False)
    ] * 2
    assert str(outcomes[2].error) == "issue at svc: not tried, since the service is down"
    assert store.enrollment("svc", "b").revisions == ()


@pytest.mark.parametrize(("workers", "expected"), [(1, 2), (2, 4), (50, 6)])
def test_no_more_threads_than_two_for_each_worker(
    store: SqliteStore, clock: Clock, workers: int, expected: int
) -> None:
    """The expected number of threads meets at a barrier: fewer would not pass it, and more would be counted."""
    together = threading.Barrier(expected)
    lock = threading.Lock()
    at_work: list[int] = [0, 0]

    def meet() -> None:
        with lock:
            at_work[0] += 1
            at_work[1] = max(at_work)
        if at_work[1] <= expected:
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(20)
        with lock:
            at_work[0] -= 1

    step = Requesting(store)
    step.before = meet
    outcomes = run(step, items(*"abcdef"[: expected * (6 // expected)]), store, options(clock, workers=workers))
    assert {one.error for one in outcomes} == {None}
    assert at_work[1] == expected


def test_an_outcome_when_the_store_fails_as_well(
    store: SqliteStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_arguments: object) -> t.NoReturn:
        raise StoreError("gone")

    step = Requesting(store)
    step.before = lambda: monkeypatch.setattr(store, "enrollment", gone)
    (outcome,) = run(step, items("broken"), store, options(clock))
    assert outcome.error.__class__ is SignerError
