# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a store: each thing once, also when the process ends at any point, and at what cost."""

from __future__ import annotations

import collections
import collections.abc as c
import contextlib
import dataclasses
import datetime as dt
import itertools
import typing as t
from pathlib import Path

import pytest
from psycopg import conninfo

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import event_rows
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Store,
    open_postgresql,
    open_store,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sql import SqlStore
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch import position as position_module
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.happenings import Told
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.position import (
    LostPositionError,
    Position,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.watch.telling import (
    DAY,
    HOLDER,
    HOUR,
    NOW,
    RULES,
    Teller,
    issue,
    row,
)

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.postgres import Server


@pytest.fixture
def store(tmp_path: Path) -> c.Iterator[Store]:
    with open_store(str(tmp_path / "state" / "store.db")) as opened:
        yield opened


def test_what_holds_at_the_beginning_is_told_once(store: Store) -> None:
    store.put(row("a", days=10), row("b", days=25), row("c"))
    teller = Teller(store)
    assert teller.kinds() == [("expiring", "a"), ("due", "a"), ("expiring", "b")]
    assert teller.kinds() == []
    assert Teller(store).kinds() == []


def test_what_was_told_before_the_first_start_is_not_history(store: Store) -> None:
    issue(store, "a")
    assert Teller(store).kinds() == []
    issue(store, "a")
    assert Teller(store).kinds() == [("renewed", "a")]


def test_an_event_has_all_that_a_rule_needs(store: Store) -> None:
    teller = Teller(store)
    (told,) = _told_of(teller, lambda: issue(store, "a", days=80))
    (event,) = [one for one in store.events("svc") if one.state == "finalized"]
    uuid = told.pop("meta")["uuid"]
    assert len(uuid) == 36
    assert told == {
        "kind": "issued",
        "id": f"svc/a/issued/{event.number}-{event.hash.hex()[:16]}",
        "at": event.at,
        "service": "svc",
        "name": "a",
        "revision": 1,
        "attempt": 1,
        "state": "finalized",
        "provider": "CA",
        "subject": "cn=a",
        "thumbprint": None,
        "not_valid_before": (NOW - 300 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "not_valid_after": (NOW + 80 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "failures": 0,
        "retry_at": None,
        "why": None,
        "next_step": None,
        "reminder": 0,
        "actor": event.actor,
        "job": event.job,
    }
    teller.now = NOW + 50 * DAY
    (told,) = teller.all()
    assert (told["id"], told["kind"]) == (f"svc/a/expiring/1.1/{told['not_valid_after']}", "expiring")


def _told_of(teller: Teller, change: c.Callable[[], object]) -> list[Told]:
    assert teller.all() == []
    change()
    return teller.all()


def test_a_change_is_told_as_soon_as_it_is_there(store: Store) -> None:
    teller = Teller(store)
    assert teller.kinds() == []
    issue(store, "a")
    assert teller.kinds() == [("issued", "a")]
    (signing,) = store.put(row("a", State.SIGNING, 2))
    assert teller.kinds() == []
    (signing,) = store.put(signing.failed("HTTP 400", None))
    assert teller.kinds() == [("failed", "a")]
    (signing,) = store.put(signing.failed("HTTP 400", NOW + HOUR))
    assert teller.kinds() == [("failed", "a")]
    (rejected,) = store.put(signing.moved(State.REJECTED, note="no"))
    assert teller.kinds() == [("needs_person", "a")]
    store.put(rejected.moved(State.ABANDONED, note="by hand"))
    assert teller.kinds() == []


def test_an_adopted_certificate_is_neither_issued_nor_renewed(store: Store) -> None:
    teller = Teller(store)
    assert _told_of(teller, lambda: store.put(row("a"))) == []
    (current,) = store.enrollment("svc", "a").revisions
    assert [told["kind"] for told in _told_of(teller, lambda: store.put(_revoked(current)))] == ["due"]


def _revoked(current: Revision) -> Revision:
    return dataclasses.replace(current, revoked_at=NOW)


def test_the_time_alone_brings_news(store: Store) -> None:
    store.put(row("a", days=35), row("b", State.SIGNING))
    teller = Teller(store)
    assert teller.kinds() == []
    told = []
    for days in range(1, 40):
        teller.now = NOW + days * DAY
        told += [(days, *one) for one in teller.kinds()]
    # the store has dated b a little later than NOW
    assert told == [(3, "waiting", "b"), (5, "expiring", "a"), (15, "due", "a"), (35, "needs_person", "a")]


def test_what_comes_back_is_told_again(store: Store) -> None:
    store.put(row("a", days=10))
    teller = Teller(store, dataclasses.replace(RULES, kinds=frozenset(["due"])))
    assert teller.kinds() == [("due", "a")]
    (pending,) = store.put(row("a", State.REQUESTED, 2))
    assert teller.kinds() == []
    assert teller.position.told == {}
    store.put(pending.moved(State.ABANDONED, note="by hand"))
    assert teller.kinds() == [("due", "a")]


def test_what_still_holds_is_told_again_after_a_time(store: Store) -> None:
    store.put(row("a", days=25))
    rules = dataclasses.replace(RULES, remind=DAY)
    teller = Teller(store, rules)
    names = [told["id"] for told in teller.all()]
    teller.now += DAY - dt.timedelta(seconds=1)
    assert teller.kinds() == []
    teller.now += dt.timedelta(seconds=1)
    (again,) = teller.all()
    assert (again["id"], again["reminder"]) == (f"{names[0]}#1", 1)
    later = Teller(store, rules, now=teller.now + DAY)
    assert [told["id"] for told in later.all()] == [f"{names[0]}#2"]
    assert later.all() == []
    issue(store, "a")
    later.now += DAY
    assert later.kinds() == [("renewed", "a")]


def test_what_was_renewed_while_it_waited_its_turn_is_not_told(store: Store) -> None:
    store.put(row("a", days=25), row("b", days=25))
    teller = Teller(store)
    first = teller.next()
    assert first is not None
    assert first["name"] == "a"
    issue(store, "b")
    assert teller.kinds() == [("renewed", "b")]


def test_two_names_of_positions_do_not_disturb_each_other(store: Store) -> None:
    store.put(row("a", days=25))
    for name in ("one", "two"):
        assert Teller(store, name=name).kinds() == [("expiring", "a")]
    assert Teller(store, name="one").kinds() == []


def test_names_with_any_letters(store: Store) -> None:
    for name in ("a/b", "a:b", "/", "\u00fc \U0001f511", "a%2f"):
        store.put(row(name, days=25))
    assert len(Teller(store).all()) == 5
    assert Teller(store).all() == []


# -- ends of processes ------------------------------------------------------------------------------------------------


class DiesError(Exception):
    """The process ends here."""


class Mortal:
    """A store that ends the process at its n-th call of the database, before or after that is done."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        assert isinstance(store, SqlStore)
        self.left = self.calls = 0
        self.after = False
        for name in ("select", "write"):
            monkeypatch.setattr(store.database, name, self._wrapped(getattr(store.database, name)))

    def _wrapped(self, call: c.Callable[..., t.Any]) -> c.Callable[..., t.Any]:
        def wrapped(*arguments: t.Any, **options: t.Any) -> t.Any:
            self.calls += 1
            self.left -= 1
            if self.left == 0 and not self.after:
                raise DiesError
            done = call(*arguments, **options)
            if self.left == 0:
                raise DiesError
            return done

        return wrapped


def _happenings(store: Store) -> None:
    """Let things happen while nothing tells of them."""
    issue(store, "a")
    issue(store, "a", days=25)
    issue(store, "b", days=10)
    (signing,) = store.put(row("c", State.SIGNING))
    store.put(signing.failed("HTTP 400", None))
    store.put(row("d", State.REJECTED, note="no"))


EXPECTED = {
    "expiring": 2,
    "due": 1,
    "failed": 1,
    "needs_person": 1,
    "issued": 2,
    "renewed": 1,
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_may_end_at_any_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    monkeypatch.setattr(position_module, "is_gone", lambda _holder: True)
    for deadly in itertools.count(1):
        with open_store(str(tmp_path / f"{deadly}" / "store.db")) as store:
            assert Teller(store).all() == []
            _happenings(store)
            mortal = Mortal(store, monkeypatch)
            mortal.left, mortal.after = deadly, after
            told: list[Told] = []
            with contextlib.suppress(DiesError):
                ends = Teller(store, holder="the one that ends")
                while (one := ends.next()) is not None:
                    told.append(one)
            died = mortal.left <= 0
            mortal.left = 0
            told += Teller(store).all()
            _all_told_once(told, at_most=2 if died else 1)
            assert Teller(store).all() == []
            if not died:
                break
    assert deadly > 20


def _all_told_once(told: list[Told], at_most: int) -> None:
    times = collections.Counter(one["id"] for one in told)
    assert sorted(times.values())[:-1] == [1] * (len(times) - 1), "only the last one before the end is told again"
    assert max(times.values()) <= at_most
    by_name = {one["id"]: one for one in told}
    assert collections.Counter(one["kind"] for one in by_name.values()) == EXPECTED


def test_a_process_may_end_after_each_second_event(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(position_module, "is_gone", lambda _holder: True)
    assert Teller(store).all() == []
    _happenings(store)
    handed: list[str] = []
    for number in range(sum(EXPECTED.values())):
        teller = Teller(store, holder=f"process {number}")
        handed += [told["id"] for told in (teller.next(), teller.next()) if told is not None]
    assert len(set(handed)) == sum(EXPECTED.values())
    # each process has handed over what the one before it could not note, and one more
    assert handed[1:-1:2] == handed[2::2]
    assert Teller(store).all() == []


# -- two processes ----------------------------------------------------------------------------------------------------


def test_a_second_process_waits_for_the_first(store: Store) -> None:
    first = Teller(store)
    second = Position(store, "svc", "default", "another")
    assert second.take() == HOLDER
    assert Position(store, "svc", "other", "another").take() is None
    first.position.give_back()
    assert second.take() is None


def test_a_process_that_was_paused_tells_nothing_more(store: Store) -> None:
    store.put(row("a", days=10), row("b", days=10))
    first = Teller(store)
    assert first.next() is not None
    first.position.give_back()  # as if its lease was over
    second = Teller(store, holder="another")
    assert [(told["kind"], told["name"]) for told in second.all()] == [
        (kind, name) for name in "ab" for kind in ("expiring", "due")
    ]
    with pytest.raises(LostPositionError, match="taken the position over"):
        first.next()
    assert Teller(store, holder="another").all() == []


def test_a_damaged_note_is_an_error(store: Store) -> None:
    Teller(store)
    store.put_note("told/default/svc", "[]")
    with pytest.raises(StoreError, match="position cannot be read"):
        Teller(store)
    store.put_note("told/default/svc", None)
    store.put_note("told/default/svc/due/a", "{}")
    with pytest.raises(StoreError, match="was told cannot be read"):
        Teller(store)


# -- events that are gone ---------------------------------------------------------------------------------------------


def _prune(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_rows, "FEWEST_REMOVED", 1)
    monkeypatch.setattr(event_rows, "A_DAY", -1.0)
    assert store.prune_events("svc", NOW + 1000 * DAY) > 0


def test_events_that_were_removed_meanwhile_are_reported(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    issue(store, "a")
    assert Teller(store).kinds() == []
    issue(store, "a")
    last = store.chain("svc").number
    _prune(store, monkeypatch)
    issue(store, "b")
    missed, issued = Teller(store).all()
    assert (missed["kind"], missed["first"], missed["last"]) == ("missed", 3, last)
    assert "removed from the store" in missed["why"]
    assert issued["name"] == "b"
    assert Teller(store).all() == []


def test_the_removal_of_events_that_were_told_is_no_news(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    issue(store, "a")
    teller = Teller(store)
    assert teller.kinds() == []
    _prune(store, monkeypatch)
    assert teller.kinds() == []
    issue(store, "a")
    assert teller.kinds() == [("renewed", "a")]
    assert Teller(store).kinds() == []


def test_all_events_of_a_position_that_had_none_may_be_removed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Teller(store).kinds() == []
    issue(store, "a")
    _prune(store, monkeypatch)
    (missed,) = Teller(store).all()
    assert (missed["first"], missed["last"]) == (1, 2)
    assert Teller(store).all() == []


def test_a_chain_that_is_another_one_is_an_error(store: Store) -> None:
    issue(store, "a")
    teller = Teller(store)
    assert teller.kinds() == []
    assert isinstance(store, SqlStore)
    store.database.write("test", lambda transaction: transaction.execute("DELETE FROM events"))
    with pytest.raises(StoreError, match="the events of svc do not go on from svc:2:"):
        teller.next()


def test_a_store_that_was_put_back_has_the_position_of_that_time(store: Store) -> None:
    issue(store, "a")
    old = store.note("told/default/svc") or ""
    teller = Teller(store)
    kept = store.note("told/default/svc")
    assert kept != old
    issue(store, "a")
    assert teller.kinds() == [("renewed", "a")]
    assert isinstance(store, SqlStore)
    store.database.write("test", lambda transaction: transaction.execute("DELETE FROM events WHERE number > 2"))
    store.database.write("test", lambda transaction: transaction.execute("UPDATE chains SET number = 2"))
    store.put_note("told/default/svc", kept)
    with pytest.raises(LostPositionError):
        teller.next()


# -- cost -------------------------------------------------------------------------------------------------------------


def _cost(store: Store, monkeypatch: pytest.MonkeyPatch, work: c.Callable[[], object]) -> int:
    with monkeypatch.context() as patch:
        mortal = Mortal(store, patch)
        work()
    return mortal.calls


def test_a_store_in_which_nothing_happens_costs_one_statement(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(*(row(f"{number:04}") for number in range(300)))
    teller = Teller(store)
    assert teller.all() == []
    assert _cost(store, monkeypatch, teller.all) == 1
    issue(store, "0001")
    # the events, the enrollment of the one that is told, its position, those that have changed, the position
    assert _cost(store, monkeypatch, teller.all) <= 6
    teller.now = NOW + 60 * DAY
    assert len(teller.all()) == 300
    assert _cost(store, monkeypatch, teller.all) == 1


@pytest.mark.process
def test_on_postgresql_it_needs_few_rights(postgres: Server, dsn: str) -> None:
    key = "a store key, for tests"
    with open_postgresql(dsn, key, warn=pytest.fail) as store:
        store.put(row("a", days=25))
    postgres.execute("CREATE ROLE teller LOGIN")
    try:
        postgres.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO teller", dsn)
        postgres.execute("GRANT INSERT, UPDATE, DELETE ON leases, notes TO teller", dsn)
        with open_postgresql(conninfo.make_conninfo(dsn, user="teller"), key, warn=pytest.fail) as limited:
            teller = Teller(limited)
            assert teller.kinds() == [("expiring", "a")]
            with open_postgresql(dsn, key, warn=pytest.fail) as store:
                issue(store, "a")
            assert teller.kinds() == [("renewed", "a")]
            assert limited.notes("told/default/svc/") == {}
            teller.position.keep()
            teller.position.give_back()
    finally:
        postgres.execute("DROP OWNED BY teller", dsn)
        postgres.execute("DROP ROLE teller")
