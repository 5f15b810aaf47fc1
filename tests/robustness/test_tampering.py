# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tamper with the events of a store at random: values, rows, the order, both ends. All of it must be found.

CERTIFICATE_ENROLL_TAMPERINGS is the number of tamperings (2000). CERTIFICATE_ENROLL_TAMPERING_SEED repeats the random
numbers; a failure prints it.
"""

from __future__ import annotations

import collections
import collections.abc as c
import contextlib
import dataclasses
import datetime as dt
import os
import random
import secrets
import sqlite3
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _models
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import event_rows
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Chain,
    Event,
    Store,
    open_store,
    verify,
)

TAMPERINGS = int(os.environ.get("CERTIFICATE_ENROLL_TAMPERINGS", "2000"))
SERVICE = "redtrust"
COLUMNS = [field.name for field in dataclasses.fields(Event)]
INSERT = f"INSERT INTO events ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
# What a change of a value may become. SQLite makes text and numbers of each other where the column wants that.
OTHERS: tuple[object, ...] = (None, "", "www", 0, 1, -1, 2.5, b"", b"\x00", "0", "é", "x" * 300)


class Tamperer:
    """Changes the events in the file of a store, by plain SQL, and puts them back."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.sql = sqlite3.connect(path, isolation_level=None)
        self.sql.execute("PRAGMA synchronous = OFF")
        self.chance = chance
        self.events = self.sql.execute(f"SELECT {', '.join(COLUMNS)} FROM events ORDER BY number").fetchall()  # noqa: S608
        self.chains = self.sql.execute("SELECT * FROM chains").fetchall()

    def put_back(self) -> None:
        self.sql.execute("BEGIN")
        self.sql.execute("DELETE FROM events")
        self.sql.execute("DELETE FROM chains")
        self.sql.executemany(INSERT, self.events)
        self.sql.executemany("INSERT INTO chains VALUES (?, ?, ?, ?, ?, ?)", self.chains)
        self.sql.execute("COMMIT")

    def is_as_before(self) -> bool:
        query = f"SELECT {', '.join(COLUMNS)} FROM events ORDER BY number"  # noqa: S608
        try:
            found = self.sql.execute(query).fetchall()
        except sqlite3.OperationalError:  # a text that is none
            return False
        same = [tuple(map(_typed, row)) for row in found] == [tuple(map(_typed, row)) for row in self.events]
        return same and self.sql.execute("SELECT * FROM chains").fetchall() == self.chains

    def some(self) -> int:
        """Return the number of an event."""
        return int(self.chance.choice(self.events)[1])

    def written_anew(self, events: c.Sequence[Event]) -> list[Event]:
        """Return events with numbers and hashes that fit, from where the first event is."""
        (head,) = self.chains
        last = Chain(SERVICE, head[3], head[4])
        anew = []
        for event in events:
            anew.append(event.chained(last.number + 1, last.hash))
            last = Chain(SERVICE, anew[-1].number, anew[-1].hash)
        return anew

    def replace_all(self, events: c.Iterable[Event]) -> None:
        self.sql.execute("DELETE FROM events")
        self.sql.executemany(INSERT, [[getattr(event, name) for name in COLUMNS] for event in events])

    def move_end(self, event: Event) -> None:
        self.sql.execute("UPDATE chains SET number = ?, hash = ?", (event.number, event.hash))


def _typed(value: object) -> tuple[type, object]:
    return type(value), value


def edit(tamperer: Tamperer) -> None:
    """Change a value of an event."""
    chance, column, number = tamperer.chance, tamperer.chance.choice(COLUMNS), tamperer.some()
    (old,) = tamperer.sql.execute(f"SELECT {column} FROM events WHERE number = ?", (number,)).fetchone()  # noqa: S608
    if isinstance(old, (str, bytes)) and old and chance.random() < 0.7:
        at = chance.randrange(len(old))
        one: t.Any = chr(chance.randrange(32, 500)) if isinstance(old, str) else bytes([chance.randrange(256)])
        new: object = old[:at] + one + old[at + chance.randrange(2) :]
    else:
        new = chance.choice(OTHERS)
    with contextlib.suppress(sqlite3.IntegrityError):
        tamperer.sql.execute(f"UPDATE events SET {column} = ? WHERE number = ?", (new, number))  # noqa: S608


def edit_and_rehash(tamperer: Tamperer) -> None:
    """Change an event, and give it the hash that it would have."""
    at = tamperer.chance.randrange(len(tamperer.events))
    event = dataclasses.replace(Event(*tamperer.events[at]), actor="somebody else")
    before = tamperer.events[at - 1][-1] if at else tamperer.chains[0][4]
    changed = event.chained(event.number, before)
    tamperer.sql.execute(
        "UPDATE events SET actor = ?, hash = ? WHERE number = ?", (changed.actor, changed.hash, changed.number)
    )


def edit_and_rehash_all(tamperer: Tamperer) -> None:
    """Change an event, and give all that follow the hashes that they would have."""
    events = [Event(*row) for row in tamperer.events]
    at = tamperer.chance.randrange(len(events))
    events[at] = dataclasses.replace(events[at], why="another reason")
    tamperer.replace_all(tamperer.written_anew(events))


def delete(tamperer: Tamperer) -> None:
    """Remove some events that follow each other."""
    first = tamperer.some()
    tamperer.sql.execute(
        "DELETE FROM events WHERE number BETWEEN ? AND ?", (first, first + tamperer.chance.choice((0, 0, 1, 5)))
    )


def delete_and_close(tamperer: Tamperer) -> None:
    """Remove an event, and number the others anew."""
    first = tamperer.some()
    tamperer.sql.execute("DELETE FROM events WHERE number = ?", (first,))
    for number in range(first + 1, tamperer.events[-1][1] + 1):
        tamperer.sql.execute("UPDATE events SET number = ? WHERE number = ?", (number - 1, number))


def swap(tamperer: Tamperer) -> None:
    """Let two events change places."""
    one, two = (row[1] for row in tamperer.chance.sample(tamperer.events, 2))
    for old, new in ((one, -1), (two, one), (-1, two)):
        tamperer.sql.execute("UPDATE events SET number = ? WHERE number = ?", (new, old))


def insert(tamperer: Tamperer) -> None:
    """Put in an event, by the rules, and number those after it anew."""
    at = tamperer.chance.randrange(len(tamperer.events) + 1)
    events = [Event(*row) for row in tamperer.events]
    before = events[at - 1].hash if at else tamperer.chains[0][4]
    number = events[at - 1].number + 1 if at else events[0].number
    new = dataclasses.replace(events[0], why="put in").chained(number, before)
    later = [dataclasses.replace(event, number=event.number + 1) for event in events[at:]]
    tamperer.replace_all([*events[:at], new, *later])


def copy_over(tamperer: Tamperer) -> None:
    """Write the values of one event over those of another."""
    one, two = tamperer.chance.sample(tamperer.events, 2)
    tamperer.replace_all(Event(*(row if row != two else (*row[:1], two[1], *one[2:]))) for row in tamperer.events)


def cut_end(tamperer: Tamperer) -> None:
    """Remove the last events."""
    tamperer.sql.execute("DELETE FROM events WHERE number >= ?", (tamperer.some(),))


def cut_beginning(tamperer: Tamperer) -> None:
    """Remove the first events."""
    tamperer.sql.execute("DELETE FROM events WHERE number <= ?", (tamperer.some(),))


def cut_beginning_and_move_it(tamperer: Tamperer) -> None:
    """Remove the first events, and write down where the rest begins."""
    last = Event(*tamperer.chance.choice(tamperer.events[:-1]))
    tamperer.sql.execute("DELETE FROM events WHERE number <= ?", (last.number,))
    tamperer.sql.execute("UPDATE chains SET pruned_number = ?, pruned_hash = ?", (last.number, last.hash))


def change_end(tamperer: Tamperer) -> None:
    """Change what is noted of the ends."""
    column = tamperer.chance.choice(("number", "hash", "pruned_number", "pruned_hash"))
    value = tamperer.chance.randrange(100) if "number" in column else tamperer.chance.randbytes(32)
    if column == "pruned_hash" and not tamperer.chains[0][3]:
        column = "hash"  # nothing was removed, so this one has no meaning
    tamperer.sql.execute(f"UPDATE chains SET {column} = ?", (value,))  # noqa: S608


def forget_end(tamperer: Tamperer) -> None:
    """Remove what is noted of the ends."""
    tamperer.sql.execute("DELETE FROM chains")


# Only a checkpoint finds these: what the store has noted of its end was changed with the events.


def cut_end_and_move_it(tamperer: Tamperer) -> None:
    """Remove the last events, and write down the new end."""
    last = Event(*tamperer.chance.choice(tamperer.events[:-1]))
    tamperer.sql.execute("DELETE FROM events WHERE number > ?", (last.number,))
    tamperer.move_end(last)


def write_anew(tamperer: Tamperer) -> None:
    """Change an event, give all the hashes that they would have, and write down the new end."""
    edit_and_rehash_all(tamperer)
    (values,) = tamperer.sql.execute(f"SELECT {', '.join(COLUMNS)} FROM events ORDER BY number DESC LIMIT 1")  # noqa: S608
    tamperer.move_end(Event(*values))


def remove_all(tamperer: Tamperer) -> None:
    """Remove all events, and what is noted of them."""
    tamperer.sql.execute("DELETE FROM events")
    tamperer.sql.execute("DELETE FROM chains")


SEEN = (
    edit,
    edit,
    edit,
    edit_and_rehash,
    edit_and_rehash_all,
    delete,
    delete_and_close,
    swap,
    insert,
    copy_over,
    cut_end,
    cut_beginning,
    cut_beginning_and_move_it,
    change_end,
    forget_end,
)
SEEN_BY_CHECKPOINT = (cut_end_and_move_it, write_anew, remove_all)


@pytest.fixture(params=["whole", "pruned"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a store with some dozens of events; from the pruned one events were removed at the beginning."""
    monkeypatch.setattr(event_rows, "FEWEST_REMOVED", 1)
    found = tmp_path / "store.db"
    with open_store(str(found)) as store:
        for number in range(8):
            spec = _models.CertificateSpec(f"www{number}", _models.DistinguishedName((("cn", "www"),)), "CA")
            new = _models.Revision(SERVICE, f"www{number}", 1, 1, State.INTENDED, spec)
            (revision,) = store.put(new, why="there is no certificate")
            (revision,) = store.put(revision.moved(State.REQUESTED, csr=b"\x30\x00" * number))
            store.put(revision.moved(State.REJECTED, note="the CA says no"))
        if request.param == "pruned":
            assert store.prune_events(SERVICE, dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=1)) > 0
            for name in ("mail", "ftp", "ldap"):
                other = dataclasses.replace(new, name=name, spec=dataclasses.replace(spec, name=name))
                store.put(*store.put(other))
    return found


def problem(store: Store, checkpoint: Chain | None) -> str | None:
    """Return the problem that the check of a store's events finds."""
    try:
        return verify(store.events(SERVICE), store.chain(SERVICE), checkpoint)
    except StoreError as exc:  # SQLite itself cannot read it
        return str(exc)


def test_all_is_found(path: Path) -> None:
    seed = int(os.environ.get("CERTIFICATE_ENROLL_TAMPERING_SEED", secrets.randbits(32)))
    done: collections.Counter[str] = collections.Counter()
    with open_store(str(path), read_only=True) as store:
        tamperer = Tamperer(path, random.Random(seed))
        whole = store.chain(SERVICE)
        assert problem(store, whole) is None
        while done.total() < TAMPERINGS // 2:
            act = tamperer.chance.choice((*SEEN, *SEEN_BY_CHECKPOINT))
            act(tamperer)
            if not tamperer.is_as_before():
                done[act.__name__] += 1
                checkpoint = whole if act in SEEN_BY_CHECKPOINT else None
                replay = f"replay with CERTIFICATE_ENROLL_TAMPERING_SEED={seed}, tampering {done.total()}"
                assert problem(store, checkpoint), f"{act.__doc__} was not found: {replay}"
            tamperer.put_back()
        assert problem(store, whole) is None
    assert len(done) == len({*SEEN, *SEEN_BY_CHECKPOINT})


def test_what_only_a_checkpoint_finds(path: Path) -> None:
    """The tests above would pass as well if the store found these by itself: then the list would be wrong."""
    with open_store(str(path), read_only=True) as store:
        tamperer = Tamperer(path, random.Random(1))
        for act in SEEN_BY_CHECKPOINT:
            whole = store.chain(SERVICE)
            act(tamperer)
            # after a removal the event that tells of it may be among those that were cut
            if act is not cut_end_and_move_it:
                assert problem(store, None) is None
            assert problem(store, whole)
            tamperer.put_back()
