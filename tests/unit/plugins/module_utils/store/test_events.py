# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events that every kind of store leaves, their removal, and the store that goes back to an earlier state."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import hashlib
import os
import socket
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    StaleRevisionError,
    StoreError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._holder import Actor
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import PENDING, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import event_rows
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Event, Store, verify
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.event import PRUNED
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sql import SqlStore

if t.TYPE_CHECKING:
    from .conftest import MakeRevision, OpenStore

NOW = dt.datetime.now(dt.timezone.utc)
DAY = dt.timedelta(days=1)
DER = b"\x30\x03\x02\x01\x00"


def events(store: Store, name: str | None = None) -> list[Event]:
    return list(store.events("redtrust", name))


def is_whole(store: Store, service: str = "redtrust") -> bool:
    return verify(store.events(service), store.chain(service)) is None


def run(store: Store, statement: str, *values: object) -> None:
    """Change the database behind the back of the store."""
    assert isinstance(store, SqlStore)
    store.database.write("test", lambda transaction: transaction.execute(statement, values))


class TestAPut:
    def test_leaves_an_event(self, store: Store, make: MakeRevision) -> None:
        (stored,) = store.put(make(csr=DER), why="there is no certificate")
        (event,) = events(store)
        assert stored.updated_at is not None
        assert event == Event(
            service="redtrust",
            number=1,
            at=stored.updated_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            name="www",
            revision=1,
            attempt=1,
            was=None,
            state="intended",
            host=socket.gethostname(),
            pid=os.getpid(),
            job=None,
            actor=Actor.here().user,
            why="there is no certificate",
            csr_sha256=hashlib.sha256(DER).hexdigest(),
            certificate_sha256=None,
            hash=event.hash,
        )
        assert is_whole(store)

    def test_says_in_which_state_the_revision_was(self, store: Store, make: MakeRevision) -> None:
        (first,) = store.put(make())
        (second,) = store.put(first.moved(State.REQUESTED))
        store.put(second.failed("the CA does not answer", None))
        latest = store.enrollment("redtrust", "www").latest
        assert latest is not None
        store.put(latest.moved(State.ABANDONED))
        again = store.enrollment("redtrust", "www").next_revision(latest.spec)
        store.put(again)
        shown = [(event.was, event.state) for event in events(store)]
        assert shown == [
            (None, "intended"),
            ("intended", "requested"),
            ("requested", "requested"),
            ("requested", "abandoned"),
            ("abandoned", "intended"),
        ]

    def test_has_the_note_as_its_reason(self, store: Store, make: MakeRevision) -> None:
        store.put(make(note="the CA\x07says\nno"), make("mail", note="a note"), make("ftp"))
        assert [event.why for event in events(store)] == [None, "a note", "the CA?says no"]

    def test_of_many_leaves_an_event_of_each(self, store: Store, make: MakeRevision) -> None:
        (first, second) = store.put(make(state=State.FINALIZED), make(revision=2, state=State.ISSUED))
        store.put(second.moved(State.FINALIZED), first.moved(State.SUPERSEDED), why="revision 2 was uploaded")
        shown = [(event.number, event.revision, event.state, event.why) for event in events(store)[2:]]
        assert shown == [
            (3, 1, "superseded", "revision 2 was uploaded"),
            (4, 2, "finalized", "revision 2 was uploaded"),
        ]

    def test_that_came_too_late_leaves_none(self, store: Store, make: MakeRevision) -> None:
        store.put(make())
        with pytest.raises(StaleRevisionError):
            store.put(make("mail"), make())
        assert [event.name for event in events(store)] == ["www"]
        assert is_whole(store)

    def test_leaves_no_secret(self, store: Store, make: MakeRevision) -> None:
        store.put(make(request_code="R-a-secret", csr=DER), why="a reason")
        shown = repr(events(store)) + str(store.chain("redtrust"))
        assert "R-a-secret" not in shown
        assert DER not in [getattr(events(store)[0], name) for name in event_rows._COLUMNS]

    def test_of_services_leaves_a_chain_of_each(self, store: Store, make: MakeRevision) -> None:
        store.put(make(), make(service="other"), make("mail"))
        assert [event.number for event in store.events("other")] == [1]
        assert [event.number for event in events(store)] == [1, 2]
        assert is_whole(store)
        assert is_whole(store, "other")

    def test_of_many_threads_leaves_numbers_without_gaps(self, store: Store, make: MakeRevision) -> None:
        def work(number: int) -> bool:
            try:
                (stored,) = store.put(make(f"www{number % 30}"))
                store.put(stored.moved(State.ABANDONED))
            except StaleRevisionError:
                return False
            return True

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            done = list(pool.map(work, range(60)))
        assert done.count(True) == 30
        assert [event.number for event in events(store)] == list(range(1, 61))
        assert is_whole(store)

    def test_of_processes_leaves_one_chain(self, open_again: OpenStore, make: MakeRevision) -> None:
        with open_again() as one, open_again() as other:
            for number in range(10):
                (one, other)[number % 2].put(make(f"www{number}"))
            assert [event.name for event in events(one)] == [f"www{number}" for number in range(10)]
            assert is_whole(one)


class TestReading:
    def test_goes_on_after_a_number(self, store: Store, make: MakeRevision) -> None:
        store.put(*(make(f"www{number:04}") for number in range(1234)))
        assert [event.number for event in store.events("redtrust", after=700)] == list(range(701, 1235))
        assert len(events(store)) == 1234

    def test_is_of_one_name_where_that_is_asked(self, store: Store, make: MakeRevision) -> None:
        (first, _other) = store.put(make(), make("mail"))
        store.put(first.moved(State.ABANDONED))
        assert [event.number for event in events(store, "www")] == [2, 3]
        assert [event.number for event in store.events("redtrust", "www", after=2)] == [3]

    def test_of_nothing_is_empty(self, store: Store) -> None:
        assert events(store) == []
        assert (store.chain("redtrust").number, store.chain("redtrust").hash) == (0, bytes(32))
        assert is_whole(store)


class TestAStoreThatWentBack:
    """A copy was put back, or a standby has taken over that lacks the last commits."""

    @pytest.fixture
    def earlier(self, store: Store, make: MakeRevision) -> t.Callable[[], None]:
        """Return a function that takes the store back to its second event."""
        store.put(make())
        store.put(make("mail"))
        end = store.chain("redtrust")
        store.put(make("ftp"))

        def go_back() -> None:
            for table in ("events", "revisions"):
                run(store, f"DELETE FROM {table} WHERE name NOT IN ('www', 'mail')")  # noqa: S608
            run(store, "UPDATE chains SET number = ?, hash = ?", end.number, end.hash)

        return go_back

    def test_is_written_to_no_more(self, store: Store, make: MakeRevision, earlier: t.Callable[[], None]) -> None:
        earlier()
        for _time in range(2):
            with pytest.raises(StoreError, match=r"seen event 3 of redtrust, and now the last one is 2; nothing was"):
                store.put(make("ldap"))
        assert store.enrollment("redtrust", "ldap").revisions == ()
        assert len(events(store)) == 2

    def test_is_noticed_though_others_have_written(
        self, open_again: OpenStore, store: Store, make: MakeRevision, earlier: t.Callable[[], None]
    ) -> None:
        for names in (["a"], ["b", "c"]):
            earlier()
            with open_again() as other:
                for name in names:
                    other.put(make(name))
            with pytest.raises(StoreError, match="and now another one is in its place"):
                store.put(make("ldap"))

    def test_is_noticed_by_one_that_has_only_read(
        self, open_again: OpenStore, make: MakeRevision, earlier: t.Callable[[], None]
    ) -> None:
        with open_again() as reader:
            reader.chain("redtrust")
            earlier()
            with pytest.raises(StoreError, match="it went back to an earlier state"):
                reader.put(make("ldap"))

    def test_is_not_one_in_which_others_go_on(self, open_again: OpenStore, store: Store, make: MakeRevision) -> None:
        store.put(make())
        with open_again() as other:
            other.put(make("mail"))
        store.put(make("ftp"))
        assert is_whole(store)

    def test_fails_all_that_write_together(
        self, store: Store, make: MakeRevision, earlier: t.Callable[[], None]
    ) -> None:
        earlier()

        def work(number: int) -> str:
            with pytest.raises(StoreError) as caught:
                store.put(make(f"n{number}"))
            return str(caught.value)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert len({said for said in pool.map(work, range(16)) if "earlier state" in said}) == 1
        assert len(store.enrollments("redtrust")) == 2


class TestRemoval:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(event_rows, "FEWEST_REMOVED", 2)

    def test_leaves_an_event_that_tells_of_it(self, store: Store, make: MakeRevision) -> None:
        for number in range(4):
            store.put(make(f"www{number}", state=State.REJECTED))
        third = events(store)[2]
        store.put(make("in use", state=State.FINALIZED, not_valid_after=NOW + 90 * DAY))
        assert store.prune_events("redtrust", NOW + DAY) == 4
        fifth, removal = events(store)
        assert (fifth.number, fifth.name) == (5, "in use")
        assert (removal.number, removal.name, removal.state) == (6, "", PRUNED)
        assert is_whole(store)
        chain = store.chain("redtrust")
        assert removal.why == f"removed all events up to {chain.pruned}"
        assert chain.pruned is not None
        assert chain.pruned.number == 4
        assert verify(store.events("redtrust"), chain, chain.pruned) is None
        assert third.number == 3

    def test_of_all_leaves_a_chain(self, store: Store, make: MakeRevision) -> None:
        for number in range(4):
            store.put(make(f"www{number}", state=State.REJECTED))
        assert store.prune_events("redtrust", NOW + DAY) == 4
        store.put(make("ftp"))
        assert [event.number for event in events(store)] == [5, 6]
        assert is_whole(store)

    def test_comes_once_a_day(self, store: Store, make: MakeRevision) -> None:
        for time in range(3):
            for number in range(4):
                store.put(make(f"www{number}", attempt=time + 1, state=State.REJECTED))
            removed = store.prune_events("redtrust", NOW + DAY)
            assert removed == {0: 4, 1: 0, 2: 9}[time]
            if time == 1:
                run(store, "UPDATE chains SET pruned_at = ?", "2026-01-01T00:00:00.000000Z")
        assert is_whole(store)

    def test_of_few_is_not_worth_it(self, store: Store, make: MakeRevision) -> None:
        store.put(make(state=State.REJECTED))
        assert store.prune_events("redtrust", NOW + DAY) == 0
        assert len(events(store)) == 1

    def test_comes_in_parts(self, store: Store, make: MakeRevision, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(event_rows, "MOST_REMOVED", 3)
        store.put(*(make(f"www{number}", state=State.REJECTED) for number in range(5)))
        assert store.prune_events("redtrust", NOW + DAY) == 3
        assert is_whole(store)

    def test_leaves_what_is_young(self, store: Store, make: MakeRevision) -> None:
        store.put(*(make(f"www{number}", state=State.REJECTED) for number in range(5)))
        assert store.prune_events("redtrust", NOW - DAY) == 0
        assert len(events(store)) == 5

    @pytest.mark.parametrize(
        "kept",
        [
            *({"state": state} for state in sorted(PENDING)),
            {"state": State.CREATE_UNKNOWN},
            {"state": State.FINALIZED},
            {"state": State.FINALIZED, "not_valid_after": NOW + 2 * DAY},
            {"state": State.SUPERSEDED, "not_valid_after": NOW + 2 * DAY},
        ],
        ids=lambda kept: f"{kept['state']}{' with an end' if len(kept) > 1 else ''}",
    )
    def test_ends_before_a_certificate_that_has_not_ended(
        self, store: Store, make: MakeRevision, kept: dict[str, t.Any]
    ) -> None:
        for number in range(3):
            store.put(make(f"www{number}", state=State.REJECTED))
        store.put(make("kept", **kept))
        store.put(make("later", state=State.REJECTED))
        assert store.prune_events("redtrust", NOW + DAY) == 3
        assert [event.name for event in events(store)] == ["kept", "later", ""]

    @pytest.mark.parametrize("state", [State.FINALIZED, State.SUPERSEDED])
    def test_takes_those_of_a_certificate_that_has_ended(self, store: Store, make: MakeRevision, state: State) -> None:
        for number in range(3):
            store.put(make(f"www{number}", state=state, not_valid_after=NOW - DAY))
        assert store.prune_events("redtrust", NOW + DAY) == 3

    def test_is_refused_where_an_event_is_missing(self, store: Store, make: MakeRevision) -> None:
        for number in range(3):
            store.put(make(f"www{number}", state=State.REJECTED))
        run(store, "DELETE FROM events WHERE number = 3")
        with pytest.raises(StoreError, match="event 3 of redtrust is missing, and no event was removed"):
            store.prune_events("redtrust", NOW + DAY)
        assert len(events(store)) == 2

    def test_of_what_went_back_is_refused(self, store: Store, make: MakeRevision) -> None:
        for number in range(3):
            store.put(make(f"www{number}", state=State.REJECTED))
        run(store, "DELETE FROM events WHERE number = 3")
        run(store, "UPDATE chains SET number = 2, hash = ?", events(store)[1].hash)
        with pytest.raises(StoreError, match="it went back to an earlier state"):
            store.prune_events("redtrust", NOW + DAY)
        assert len(events(store)) == 2
