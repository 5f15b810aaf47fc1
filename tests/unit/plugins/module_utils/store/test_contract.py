# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of every store, for each kind of store."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime as dt
import errno
import itertools
import signal
import threading
import time
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _fault_points
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    StaleRevisionError,
    StoreError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import PENDING, Enrollment, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Lease, Replacement, Store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.base import stale
from ansible_collections.redtrust.certificate_enroll.tests.robustness.fault_points import UnexpectedError

if t.TYPE_CHECKING:
    from .conftest import MakeRevision, OpenStore

NOT_PENDING = sorted(set(State) - PENDING - {State.FINALIZED})


def test_what_is_not_known_is_an_empty_enrollment(store: Store) -> None:
    assert store.enrollment("redtrust", "www") == Enrollment("redtrust", "www")
    assert store.enrollments() == []
    assert store.enrollments("redtrust") == []


def test_what_is_put_is_there_for_the_next_run(open_again: OpenStore, make: MakeRevision) -> None:
    with open_again() as store:
        (stored,) = store.put(make(request_code="R-1", csr=b"\x30\x00"))
    assert stored.generation == 1
    assert stored.created_at is not None
    assert stored.created_at == stored.updated_at
    assert stored.created_at.tzinfo is dt.timezone.utc
    with open_again() as store:
        assert store.enrollment("redtrust", "www").revisions == (stored,)


def test_the_request_code_of_the_user_is_not_stored(store: Store, make: MakeRevision) -> None:
    spec = dataclasses.replace(make().spec, request_code="from the user")
    store.put(make(spec=spec))
    latest = store.enrollment("redtrust", "www").latest
    assert latest is not None
    assert latest.spec == make().spec


def test_an_interrupted_write_is_done_and_keeps_no_other_waiting(
    store: Store, make: MakeRevision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes at any moment. The writes of other threads share the transaction."""
    interrupted = threading.Event()

    def reach(point: str) -> None:
        if point == "store put intended written" and not interrupted.is_set():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            interrupted.wait(10)

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        monkeypatch.setattr(_fault_points, "reach", reach)
        with pytest.raises(KeyboardInterrupt):
            store.put(make("a"))
        interrupted.set()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(store.put, make("b")).result(10)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert [one.name for one in store.enrollments()] == ["a", "b"]


def test_each_put_is_the_next_generation(store: Store, make: MakeRevision) -> None:
    (first,) = store.put(make())
    (second,) = store.put(first.moved(State.REQUESTED, request_code="R-1"))
    assert second.generation == 2
    assert second.created_at == first.created_at
    assert second.updated_at is not None
    assert first.updated_at is not None
    assert second.updated_at >= first.updated_at
    assert store.enrollment("redtrust", "www").revisions == (second,)


def test_a_new_row_has_the_time_of_the_store(store: Store, make: MakeRevision) -> None:
    long_ago = dt.datetime(2000, 1, 1, tzinfo=dt.timezone.utc)
    (stored,) = store.put(make(created_at=long_ago, updated_at=long_ago))
    assert stored.created_at == stored.updated_at
    assert stored.created_at != long_ago


def test_the_time_of_the_store_is_that_of_now(store: Store, make: MakeRevision) -> None:
    before = dt.datetime.now(dt.timezone.utc)
    (stored,) = store.put(make())
    after = dt.datetime.now(dt.timezone.utc)
    assert stored.created_at is not None
    assert before - dt.timedelta(milliseconds=1) <= stored.created_at <= after, "it is told to the millisecond"


def test_a_row_that_is_used_again_begins_anew(store: Store, make: MakeRevision) -> None:
    (first,) = store.put(make())
    (given_up,) = store.put(first.moved(State.ABANDONED))
    (again,) = store.put(make(generation=given_up.generation))
    assert again.generation == 3
    assert again.created_at == again.updated_at
    assert store.enrollment("redtrust", "www").revisions == (again,)


def test_nothing_put_is_nothing_stored(store: Store) -> None:
    assert store.put() == ()
    assert store.enrollments() == []


def test_a_row_is_created_only_once(store: Store, make: MakeRevision) -> None:
    (first,) = store.put(make())
    with pytest.raises(StaleRevisionError, match=r"www, revision 1, attempt 1 .* changed it to intended"):
        store.put(make(state=State.ABANDONED))
    assert store.enrollment("redtrust", "www").revisions == (first,)


def test_who_read_an_older_generation_writes_nothing(store: Store, make: MakeRevision) -> None:
    (read,) = store.put(make())
    (newer,) = store.put(read.moved(State.REQUESTED, request_code="the first R"))
    with pytest.raises(StaleRevisionError, match="changed it to requested") as caught:
        store.put(read.moved(State.REQUESTED, request_code="the second R"))
    assert store.enrollment("redtrust", "www").revisions == (newer,)
    assert "the first R" not in str(caught.value)
    assert "the second R" not in str(caught.value)


def test_a_revision_knows_as_what_it_is_stored(store: Store, make: MakeRevision) -> None:
    assert make().stored_as is None
    (first,) = store.put(make())
    moved = first.moved(State.ABANDONED)
    assert (first.stored_as, moved.stored_as) == (State.INTENDED, State.INTENDED)
    (stored,) = store.put(moved)
    found = store.enrollment("redtrust", "www")
    assert [revision.stored_as for revision in (stored, *found.revisions)] == [State.ABANDONED] * 2
    assert found.next_revision(stored.spec).stored_as is State.ABANDONED, "its row is used again"


def test_a_row_that_is_not_there_cannot_be_changed(store: Store, make: MakeRevision) -> None:
    with pytest.raises(StaleRevisionError, match="no longer in the store"):
        store.put(make(generation=3))
    assert store.enrollments() == []


def test_one_that_is_stale_stops_all(store: Store, make: MakeRevision) -> None:
    store.put(make("taken"))
    with pytest.raises(StaleRevisionError, match="taken"):
        store.put(make("a"), make("taken"), make("z"))
    assert [enrollment.name for enrollment in store.enrollments()] == ["taken"]


@pytest.mark.parametrize("state", sorted(PENDING))
@pytest.mark.parametrize("other", sorted(PENDING))
def test_one_revision_at_most_is_pending(store: Store, make: MakeRevision, state: State, other: State) -> None:
    (first,) = store.put(make(state=state))
    with pytest.raises(StaleRevisionError, match=f"attempt 2 .* attempt 1 is {state} already"):
        store.put(make(attempt=2, state=other))
    assert store.enrollment("redtrust", "www").revisions == (first,)


def test_one_revision_at_most_is_finalized(store: Store, make: MakeRevision) -> None:
    (first,) = store.put(make(state=State.FINALIZED))
    (issued,) = store.put(make(revision=2, state=State.ISSUED))
    with pytest.raises(StaleRevisionError, match=r"revision 2.* revision 1, attempt 1 is finalized already"):
        store.put(issued.moved(State.FINALIZED))
    assert store.enrollment("redtrust", "www").revisions == (first, issued)


def test_a_rival_that_is_gone_by_now_was_another_run(make: MakeRevision) -> None:
    assert "another run was first; nothing was written" in str(stale(make(), Enrollment("redtrust", "www")))


@pytest.mark.parametrize("state", NOT_PENDING)
def test_any_number_may_be_over(store: Store, make: MakeRevision, state: State) -> None:
    store.put(*(make(attempt=attempt, state=state) for attempt in (1, 2, 3)))
    assert len(store.enrollment("redtrust", "www").revisions) == 3


def test_at_most_one_is_counted_by_service_and_name(store: Store, make: MakeRevision) -> None:
    store.put(make(), make("mail"), make(service="other"))
    assert [(one.service, one.name) for one in store.enrollments()] == [
        ("other", "www"),
        ("redtrust", "mail"),
        ("redtrust", "www"),
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_what_is_put_makes_no_difference(
    store: Store, make: MakeRevision, order: tuple[int, int, int]
) -> None:
    current, issued = store.put(make(state=State.FINALIZED), make(revision=2, state=State.ISSUED))
    moves = (current.moved(State.SUPERSEDED), issued.moved(State.FINALIZED), make(revision=3))
    stored = store.put(*(moves[index] for index in order))
    assert [revision.state for revision in stored] == [moves[index].state for index in order]
    assert sorted(stored, key=lambda revision: revision.revision) == list(store.enrollment("redtrust", "www").revisions)


def test_revisions_are_in_the_order_of_their_numbers(store: Store, make: MakeRevision) -> None:
    keys = [(10, 1), (2, 10), (2, 9), (1, 1)]
    store.put(*(make(revision=revision, attempt=attempt, state=State.REJECTED) for revision, attempt in keys))
    found = store.enrollment("redtrust", "www").revisions
    assert [(revision.revision, revision.attempt) for revision in found] == sorted(keys)
    assert store.enrollments()[0].revisions == found


def test_names_are_answered_one_by_one_in_their_order(store: Store, make: MakeRevision) -> None:
    store.put(make("b"), make("a"), make("A"), make("a", service="other"))
    names = ["missing", "b", "a", "b"]
    found = store.enrollments("redtrust", names)
    assert [enrollment.name for enrollment in found] == names
    assert [len(enrollment.revisions) for enrollment in found] == [0, 1, 1, 1]
    assert {enrollment.service for enrollment in found} == {"redtrust"}
    assert store.enrollments("redtrust", []) == []


def test_thousands_of_names_are_read_and_put_at_once(store: Store, make: MakeRevision) -> None:
    names = [f"{number:05}" for number in range(1501)]
    store.put(*(make(name) for name in names[::2]))
    found = store.enrollments("redtrust", names)
    assert [enrollment.name for enrollment in found] == names
    assert [bool(enrollment.revisions) for enrollment in found] == [index % 2 == 0 for index in range(1501)]


def test_without_names_all_of_the_service_are_sorted(store: Store, make: MakeRevision) -> None:
    store.put(make("b"), make("\u00e4"), make("a"), make("B"), make("c", service="other"))
    assert [enrollment.name for enrollment in store.enrollments("redtrust")] == ["B", "a", "b", "\u00e4"]


def test_names_without_a_service_are_a_mistake(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="service"):
        store.enrollments(None, ["www"])


def test_the_services_are_those_with_an_enrollment(store: Store, make: MakeRevision) -> None:
    assert store.services() == []
    store.put(make("a"), make("b"), make("c", service="\u00e4"), make("c", service="B"))
    assert store.services() == ["B", "redtrust", "\u00e4"]


def test_the_names_are_those_that_have_or_await_a_certificate(store: Store, make: MakeRevision) -> None:
    store.put(*(make(f"{state}", state=state) for state in State), make("other", service="another"))
    store.put(make("both", state=State.FINALIZED), make("both", revision=2, state=State.SIGNING))
    store.put(make("again", state=State.REJECTED), make("again", attempt=2), make("\u00e4"), make("B"))
    wanted = [*(f"{state}" for state in PENDING), "finalized", "both", "again", "\u00e4", "B"]
    assert store.names("redtrust") == sorted(wanted)
    assert store.names("another") == ["other"]
    assert store.names("nobody's") == []


def in_june(day: int) -> dt.datetime:
    return dt.datetime(2026, 6, day, 12, tzinfo=dt.timezone.utc)


@pytest.fixture
def garden(store: Store, make: MakeRevision) -> Store:
    """Enrollments whose latest revision and certificate in use differ."""
    store.put(
        make("current", state=State.FINALIZED, not_valid_after=in_june(10)),
        make("renewing", state=State.FINALIZED, not_valid_after=in_june(5)),
        make("renewing", revision=2, state=State.SIGNING, not_valid_after=in_june(1)),
        make("failed", state=State.REJECTED),
        make("failed", attempt=2, state=State.ABANDONED),
        make("over", state=State.SUPERSEDED, not_valid_after=in_june(1)),
        make("over", revision=2, state=State.FINALIZED),
        make("renewed", revision=9, state=State.SUPERSEDED, not_valid_after=in_june(1)),
        make("renewed", revision=10, state=State.FINALIZED, not_valid_after=in_june(30)),
        make("theirs", service="other", state=State.FINALIZED, not_valid_after=in_june(1)),
    )
    return store


FOUND: list[tuple[dict[str, t.Any], list[str]]] = [
    ({}, ["current", "failed", "over", "renewed", "renewing"]),
    ({"after": "failed"}, ["over", "renewed", "renewing"]),
    ({"after": "g"}, ["over", "renewed", "renewing"]),
    ({"after": "renewing"}, []),
    ({"states": [State.FINALIZED]}, ["current", "over", "renewed"]),
    ({"states": [State.SIGNING, State.ABANDONED]}, ["failed", "renewing"]),
    ({"states": [State.REJECTED]}, []),
    ({"states": []}, []),
    ({"due_before": in_june(10)}, ["current", "renewing"]),
    ({"due_before": in_june(10) - dt.timedelta(microseconds=1)}, ["renewing"]),
    ({"due_before": in_june(10), "states": [State.SIGNING]}, ["renewing"]),
    ({"due_before": in_june(10), "after": "current"}, ["renewing"]),
    ({"names": ["renewing", "nobody", "current", "renewing"]}, ["renewing", "nobody", "current", "renewing"]),
    ({"names": []}, []),
    ({"names": ["renewing", "nobody", "theirs", "current"], "states": list(State)}, ["renewing", "current"]),
    ({"names": ["renewing", "nobody", "renewed", "over"], "due_before": in_june(10)}, ["renewing"]),
]


@pytest.mark.parametrize(("conditions", "names"), FOUND)
def test_enrollments_are_found_by_conditions(garden: Store, conditions: dict[str, t.Any], names: list[str]) -> None:
    found = list(garden.find("redtrust", **conditions))
    assert [enrollment.name for enrollment in found] == names
    assert found == garden.enrollments("redtrust", names), "with all their revisions"


def test_the_end_of_a_certificate_is_the_same_moment_in_any_zone(garden: Store) -> None:
    zone = dt.timezone(dt.timedelta(hours=-14))
    found = garden.find("redtrust", due_before=in_june(10).astimezone(zone))
    assert [enrollment.name for enrollment in found] == ["current", "renewing"]


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1500])
def test_any_number_of_enrollments_is_found(store: Store, make: MakeRevision, count: int) -> None:
    names = [f"{number:05}" for number in range(count)]
    states = (State.REJECTED, State.SIGNING)
    store.put(*(make(name, attempt=attempt, state=states[attempt - 1]) for name in names for attempt in (1, 2)))
    assert [enrollment.name for enrollment in store.find("redtrust")] == names
    assert [enrollment.name for enrollment in store.find("redtrust", states=[State.SIGNING])] == names
    assert [enrollment.name for enrollment in store.find("redtrust", names=names[::-1])] == names[::-1]
    named = store.find("redtrust", names=names[::-1], states=[State.SIGNING])
    assert [enrollment.name for enrollment in named] == names[::-1]
    assert list(store.find("redtrust", names=names, states=[State.REJECTED])) == []


def test_what_is_found_may_be_changed_on_the_way(store: Store, make: MakeRevision) -> None:
    """Each enrollment comes once; nothing stays open between two of them."""
    store.put(*(make(f"{number:05}") for number in range(1001)))
    found = []
    for enrollment in store.find("redtrust", states=[State.INTENDED]):
        found.append(enrollment.name)
        if enrollment.latest:
            store.put(enrollment.latest.moved(State.ABANDONED))
    assert found == [f"{number:05}" for number in range(1001)]


def test_a_date_without_time_zone_is_not_stored(store: Store, make: MakeRevision) -> None:
    with pytest.raises(StoreError, match="time zone"):
        store.put(make(not_valid_after=dt.datetime(2027, 1, 1)))  # noqa: DTZ001
    assert store.enrollments() == []


def test_a_text_that_is_not_unicode_is_not_stored(store: Store, make: MakeRevision) -> None:
    with pytest.raises(StoreError, match="not Unicode"):
        store.put(make("a"), make("b", note="\udcff"))
    assert store.enrollments() == []


def test_threads_share_a_store(store: Store, make: MakeRevision) -> None:
    names = [f"{number:03}" for number in range(64)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda name: store.put(make(name))[0], names))
    assert [enrollment.latest for enrollment in store.enrollments("redtrust")] == stored


def test_of_many_threads_one_is_first(store: Store, make: MakeRevision) -> None:
    def first(attempt: int) -> bool:
        try:
            store.put(make(attempt=attempt))
        except StaleRevisionError:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        won = list(pool.map(first, range(16)))
    (revision,) = store.enrollment("redtrust", "www").revisions
    assert [attempt for attempt in range(16) if won[attempt]] == [revision.attempt]


@pytest.mark.parametrize("moment", ["before", "written"])
def test_of_many_threads_that_write_together_one_fails_alone(
    store: Store, make: MakeRevision, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """One of eight meets an error that nobody expects, and one is stale; both are between others."""

    def reach(point: str) -> None:
        if point == f"store put rejected {moment}":
            raise UnexpectedError(point)

    special: dict[int, dict[str, t.Any]] = {3: {"state": State.REJECTED}, 5: {"generation": 7}}

    def write(number: int) -> str:
        try:
            store.put(make(f"{number}", **special.get(number, {})))
        except (UnexpectedError, StaleRevisionError) as exc:
            return type(exc).__name__
        return "stored"

    monkeypatch.setattr(_fault_points, "reach", reach)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(write, range(8)))
    expected = {3: "UnexpectedError", 5: "StaleRevisionError"}
    assert found == [expected.get(number, "stored") for number in range(8)]
    stored = [enrollment.name for enrollment in store.enrollments("redtrust")]
    assert stored == [f"{number}" for number in range(8) if number not in expected]


def test_a_closed_store_says_so(open_again: OpenStore) -> None:
    store = open_again()
    store.close()
    store.close()
    with pytest.raises(StoreError, match="it was closed"):
        store.enrollments()


def test_a_lease_is_held_by_one(store: Store) -> None:
    assert store.acquire(["a", "b"], "first", 3600) == {}
    others = store.acquire(["b", "c"], "second", 3600)
    assert list(others) == ["b"]
    assert (others["b"].key, others["b"].holder) == ("b", "first")
    assert store.acquire(["c"], "first", 3600)["c"].holder == "second"
    assert store.acquire([], "first", 3600) == {}


def test_a_lease_that_is_over_can_be_had(store: Store) -> None:
    store.acquire(["a"], "first", 0)
    assert store.acquire(["a"], "second", 3600) == {}
    assert store.acquire(["a"], "first", 3600)["a"].holder == "second"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_the_end_of_a_lease_is_told_in_utc(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    ends = dt.datetime(2026, 11, 23, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        advice = Lease("a", "first", ends).advice
    time.tzset()
    assert "can be had after 2026-11-23T10:00:00Z" in advice


def test_ones_own_lease_can_be_extended(store: Store) -> None:
    store.acquire(["a"], "first", 100)
    before = store.acquire(["a"], "second", 200)["a"].expires_at
    assert store.acquire(["a"], "first", 200) == {}
    after = store.acquire(["a"], "second", 200)["a"].expires_at
    assert after - before >= dt.timedelta(seconds=100)


def test_renewing_extends_all_that_is_still_held(store: Store) -> None:
    store.acquire(["kept", "over", "lost"], "first", 0)
    store.acquire(["lost"], "second", 3600)
    assert store.renew("first", 3600) == 2
    assert sorted(store.acquire(["kept", "over", "lost"], "third", 1)) == ["kept", "lost", "over"]
    assert store.renew("nobody", 3600) == 0


def test_only_ones_own_leases_are_released(store: Store) -> None:
    store.acquire(["a", "b"], "first", 3600)
    store.release(["a", "b"], "second")
    assert sorted(store.acquire(["a", "b"], "second", 3600)) == ["a", "b"]
    store.release(["a", "never held"], "first")
    assert list(store.acquire(["a", "b"], "second", 3600)) == ["b"]


def test_leases_outlive_the_run(open_again: OpenStore) -> None:
    with open_again() as store:
        store.acquire(["a"], "first", 3600)
    with open_again() as store:
        assert store.acquire(["a"], "second", 3600)["a"].holder == "first"


def test_the_lease_of_a_holder_that_is_gone_can_be_had_at_once(store: Store) -> None:
    store.acquire(["a", "b", "c"], "gone", 3600)
    store.acquire(["d"], "alive", 3600)
    asked: list[str] = []

    def is_gone(holder: str) -> bool:
        asked.append(holder)
        return holder == "gone"

    others = store.acquire(["a", "b", "d"], "me", 3600, is_gone)
    assert sorted(asked) == ["alive", "gone"]
    assert {key: lease.holder for key, lease in others.items()} == {"d": "alive"}
    assert {lease.holder for lease in store.acquire(["a", "b"], "third", 3600).values()} == {"me"}


def test_who_holds_nothing_that_is_wanted_is_not_asked_about(store: Store) -> None:
    store.acquire(["a"], "first", 3600)
    store.acquire(["b"], "me", 3600)
    assert store.acquire(["b", "c"], "me", 3600, lambda holder: holder == "first") == {}
    assert list(store.acquire(["a"], "me", 3600)) == ["a"]


def test_a_session_is_kept_from_run_to_run(open_again: OpenStore) -> None:
    with open_again() as store:
        assert store.session("session/a") is None
        assert store.put_session("session/a", b"\0one\xff", 0) == 1
        assert store.put_session("session/b", b"theirs", 0) == 1
        assert store.put_session("session/a", b"two", 1) == 2
    with open_again() as store:
        assert store.session("session/a") == (2, b"two")
        assert store.session("session/b") == (1, b"theirs")


@pytest.mark.parametrize("generation", [0, 1, 3])
@pytest.mark.parametrize("sealed", [b"mine", None])
def test_a_session_that_another_run_changed_is_left_alone(store: Store, generation: int, sealed: bytes | None) -> None:
    store.put_session("session/a", b"two", store.put_session("session/a", b"one", 0))
    with pytest.raises(StaleRevisionError, match="another run was first"):
        store.put_session("session/a", sealed, generation)
    assert store.session("session/a") == (2, b"two")


def test_a_session_that_is_forgotten_can_be_kept_anew(store: Store) -> None:
    assert store.put_session("session/a", None, 0) == 0
    read = store.put_session("session/a", b"before", 0)
    assert store.put_session("session/a", None, read) == 0
    assert store.session("session/a") is None
    with pytest.raises(StaleRevisionError):
        store.put_session("session/a", b"late", read)
    again = store.put_session("session/a", b"after", 0)
    with pytest.raises(StaleRevisionError):
        store.put_session("session/a", b"late", read)
    assert store.session("session/a") == (again, b"after")


WRITES: dict[str, t.Callable[[Store, MakeRevision], object]] = {
    "put requested": lambda store, make: store.put(make(state=State.REQUESTED), make("b", state=State.ABANDONED)),
    "acquire": lambda store, _make: store.acquire(["a"], "me", 3600),
    "renew": lambda store, _make: store.renew("before", 3600),
    "release": lambda store, _make: store.release(["held"], "before"),
    "session": lambda store, _make: store.put_session("session/a", b"new", 0),
}


def everything(store: Store) -> list[object]:
    """Return all that a write can change, without a change. A shorter lease would cut the leases of others."""
    leases = store.acquire(["held", "a"], "looks", 3600)
    store.release(["held", "a"], "looks")
    return [store.enrollments(), leases, store.session("session/a")]


@pytest.mark.parametrize("moment", ["before", "written", "committed"])
@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("full", [False, True])
def test_each_write_can_fail_at_each_moment(
    store: Store, make: MakeRevision, monkeypatch: pytest.MonkeyPatch, verb: str, moment: str, full: bool
) -> None:
    store.acquire(["held"], "before", 1800)
    before = everything(store)
    reached: list[str] = []

    def reach(point: str) -> None:
        reached.append(point)
        if point.endswith(moment):
            raise OSError(errno.ENOSPC, "No space left on device") if full else UnexpectedError(point)

    with monkeypatch.context() as patch:
        patch.setattr(_fault_points, "reach", reach)
        with pytest.raises(StoreError if full else UnexpectedError, match="space" if full else verb):
            WRITES[verb](store, make)
    moments = ("before", "written", "committed")
    assert reached == [f"store {verb} {each}" for each in moments[: moments.index(moment) + 1]]
    if moment != "committed":
        assert everything(store) == before
    else:
        assert everything(store) != before


def begin(store: Store, name: str = "an incident", **changes: t.Any) -> Replacement:
    given: dict[str, t.Any] = {"selection": "{}", "total": 3, "actor": "host 1", "deadline": None, **changes}
    return store.put_replacement("redtrust", name, given.pop("selection"), **given)


def test_a_replacement_begins_now_and_is_there_for_the_next_run(open_again: OpenStore) -> None:
    before = dt.datetime.now(dt.timezone.utc)
    with open_again() as store:
        begun = begin(store, deadline=dt.timedelta(hours=1))
    after = dt.datetime.now(dt.timezone.utc)
    assert before - dt.timedelta(milliseconds=1) <= begun.begun_at <= after
    assert begun.deadline == begun.begun_at + dt.timedelta(hours=1)
    assert (begun.total, begun.actor, begun.ended_at) == (3, "host 1", None)
    with open_again() as store:
        assert store.replacements("redtrust") == [begun]
        assert store.replacements("another service") == []


def test_a_replacement_is_begun_once(store: Store) -> None:
    first = begin(store)
    again = begin(store, total=2, actor="host 2")
    assert again == first
    assert begin(store, total=5).total == 5, "its total only grows"
    other = begin(store, "a later incident")
    assert [one.id for one in store.replacements("redtrust")] == [first.id, other.id]


def test_a_replacement_with_another_selection_stays_as_it_is(store: Store) -> None:
    first = begin(store)
    assert begin(store, selection='{"provider": "CA"}', total=9, deadline=dt.timedelta(hours=1)) == first
    assert store.replacements("redtrust") == [first]


def test_a_deadline_can_be_set_and_changed_and_stays(store: Store) -> None:
    first = begin(store)
    moment = dt.datetime(2030, 1, 31, 12, tzinfo=dt.timezone.utc)
    assert begin(store, deadline=moment).deadline == moment
    assert begin(store).deadline == moment
    assert begin(store, deadline=dt.timedelta(hours=2)).deadline == first.begun_at + dt.timedelta(hours=2)


def test_a_replacement_ends_once_and_can_be_opened_again(store: Store) -> None:
    first = begin(store)
    assert not store.end_replacement("redtrust", "no such incident")
    assert store.end_replacement("redtrust", first.id)
    (ended,) = store.replacements("redtrust")
    assert ended.ended_at is not None
    assert ended.ended_at >= ended.begun_at
    assert not store.end_replacement("redtrust", first.id)
    assert store.replacements("redtrust") == [ended], "its end is that of the first time"
    assert begin(store) == first
    assert store.replacements("redtrust") == [first]


def test_of_many_that_begin_a_replacement_one_does(store: Store) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda number: begin(store, actor=f"host {number}"), range(8)))
    assert len(set(begun)) == 1
    assert store.replacements("redtrust") == begun[:1]


def test_a_note_is_there_for_the_next_run(open_again: OpenStore) -> None:
    with open_again() as store:
        assert store.note("rate") is None
        store.put_note("rate", "7")
        store.put_note("rate", "8.5")
        store.put_note("other", "x")
    with open_again() as store:
        assert store.note("rate") == "8.5"
        store.put_note("rate", None)
        assert store.note("rate") is None
        assert store.note("other") == "x"


def test_the_notes_below_a_prefix(store: Store) -> None:
    for key in ("a", "a/b", "a/b/1", "a/b/2/\u00fc", "a/b0", "a/c/1"):
        store.put_note(key, f"of {key}")
    assert store.notes("a/b/") == {"a/b/1": "of a/b/1", "a/b/2/\u00fc": "of a/b/2/\u00fc"}
    assert store.notes("a/d/") == {}


def test_notes_are_written_together_while_their_guard_holds(store: Store) -> None:
    assert not store.put_notes({"x": "1"}, guard="guard", expected="mine")
    store.put_note("guard", "mine")
    store.put_note("old", "0")
    assert store.put_notes({"x": "1", "old": None}, guard="guard", expected="mine")
    assert store.put_notes({"x": "2", "guard": "mine, 2"}, guard="guard", expected="mine")
    assert store.put_notes({"x": "2", "guard": "mine, 2"}, guard="guard", expected="mine"), "it is tried once more"
    assert not store.put_notes({"x": "3", "y": "3", "guard": "theirs"}, guard="guard", expected="mine")
    assert [store.note(key) for key in ("x", "old", "y", "guard")] == ["2", None, None, "mine, 2"]


def test_of_many_threads_one_moves_a_guard(store: Store) -> None:
    store.put_note("guard", "0")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        won = pool.map(lambda n: store.put_notes({"guard": f"by {n}"}, guard="guard", expected="0"), range(16))
    assert sum(won) == 1


def test_a_number_that_runs_share_loses_nothing(store: Store) -> None:
    assert store.add_to_note("replaced", 0) == 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(lambda number: store.add_to_note("replaced", number), range(100)))
    assert max(sums) == sum(range(100))
    assert store.note("replaced") == str(sum(range(100)))
