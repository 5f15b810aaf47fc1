# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that is copied into another one: the same is there, and of the two only one can be used."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import itertools
import re
import sqlite3
import tracemalloc
import typing as t
from pathlib import Path

import psycopg
import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _fault_points
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    LeaseHeldError,
    StoreError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import (
    contents,
    location,
    mounts,
    retirement,
    schema,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    open_postgresql,
    open_store,
    verify,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.base import never
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.copy import (
    Action,
    Copied,
    Standing,
    copy,
    plan,
    predict,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.key_file import Key
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.postgresql import PostgresqlDatabase
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.postgresql_driver import Address
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.retirement import Handover
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteDatabase
from ansible_collections.redtrust.certificate_enroll.tests.robustness.fault_points import UnexpectedError

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.database import Database, Row

    from .conftest import MakeRevision


STORE_KEY = "a store key, for tests"
NOW = dt.datetime(2026, 7, 1, 12, tzinfo=dt.timezone.utc)


class Place(t.Protocol):
    """A place where a store can be; ``name`` is what messages call it."""

    kind: str
    name: str

    def database(
        self, *, read_only: bool = False, patience: float = 30.0
    ) -> contextlib.AbstractContextManager[Database]:
        """Open the database."""

    def store(self, *, read_only: bool = False) -> Store:
        """Open the store as a run does."""


class InFile:
    """A file."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def database(
        self, *, read_only: bool = False, patience: float = 30.0
    ) -> contextlib.AbstractContextManager[Database]:
        path = location.real_path(self.name)
        return contextlib.closing(
            SqliteDatabase(path, read_only=read_only, patience=patience, mountinfo=mounts.MOUNTINFO)
        )

    def store(self, *, read_only: bool = False) -> Store:
        return open_store(self.name, read_only=read_only)


class InDatabase:
    """A PostgreSQL database, with a key of its own."""

    kind = "postgresql"

    def __init__(self, dsn: str, store_key: str) -> None:
        self.dsn = dsn
        self.store_key = store_key
        self.name = Address.read(dsn).name

    def database(
        self, *, read_only: bool = False, patience: float = 30.0
    ) -> contextlib.AbstractContextManager[Database]:
        return contextlib.closing(
            PostgresqlDatabase(self.dsn, self.store_key, read_only=read_only, patience=patience, warn=pytest.fail)
        )

    def store(self, *, read_only: bool = False) -> Store:
        return open_postgresql(self.dsn, self.store_key, read_only=read_only, warn=pytest.fail)


KINDS = [
    ("sqlite", "sqlite"),
    pytest.param(("sqlite", "postgresql"), marks=pytest.mark.process),
    pytest.param(("postgresql", "sqlite"), marks=pytest.mark.process),
]


@pytest.fixture(params=KINDS, ids=" to ".join)
def kinds(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return the kinds of source and target."""
    kinds: tuple[str, str] = request.param
    return kinds


MakePlace = t.Callable[[str, str], Place]


@pytest.fixture
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> MakePlace:
    """Return what makes a place of a kind, with a name of its own, where there is no store yet."""

    def made(kind: str, name: str) -> Place:
        if kind == "sqlite":
            return InFile(tmp_path / name / "store.sqlite3")
        request.getfixturevalue("fast_key")
        return InDatabase(request.getfixturevalue("databases").take(), f"the store key of {name}")

    return made


@pytest.fixture
def source(kinds: tuple[str, str], make_place: MakePlace) -> Place:
    return make_place(kinds[0], "source")


@pytest.fixture
def target(kinds: tuple[str, str], make_place: MakePlace) -> Place:
    return make_place(kinds[1], "target")


@pytest.fixture
def filled(source: Place, make: MakeRevision) -> Place:
    """Return a store with something in each table that a copy takes along."""
    fill(source, make)
    return source


def fill(source: Place, make: MakeRevision) -> None:
    with source.store() as store:
        for number in range(3):
            (asked,) = store.put(make(f"name {number}", created_at=NOW))
            (requested,) = store.put(asked.moved(State.REQUESTED, request_code=f"code {number}", csr=b"\x30\x00"))
        store.put(requested.moved(State.ABANDONED, request_code=None))
        store.put(make("nämé", service="another"))
        store.put_session("session/1", b"sealed", 0)
    with source.database() as database:
        database.write("notes", lambda transaction: retirement.note(transaction, "fleet.rate", "3.5"))
        database.write(
            "replacements",
            lambda transaction: transaction.execute(
                "INSERT INTO replacements (service, id, selection, begun_at, total, actor) VALUES (?, ?, ?, ?, ?, ?)",
                ("redtrust", "1", "{}", "2026-07-01T12:00:00.000000Z", 3, "ana"),
            ),
        )


def copied(source: Place, target: Place, is_gone: t.Callable[[str], bool] = never) -> Copied:
    with source.database() as one, target.database() as other:
        return copy(one, other, is_gone)


def foreseen(source: Place, target: Place) -> Copied:
    with source.database(read_only=True) as one, target.database(read_only=True) as other:
        return predict(one, other, never)


def rows_of(place: Place) -> dict[str, list[Row]]:
    """Return all rows of a store, with request codes in clear."""
    with place.database() as database:
        return {
            table.name: [
                contents.opened(table, row, place.kind, database.sealing_key().unseal)
                for page in table.pages(database.select)
                for row in page
            ]
            for table in contents.TABLES
        }


def test_every_table_of_a_store_is_copied_or_left_out_on_purpose() -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.upgrade(connection, Key(b"", Path()))
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        info = {
            name: connection.execute("SELECT name, pk FROM pragma_table_info(?)", (name,)).fetchall() for name in names
        }
    assert names == {*(table.name for table in contents.TABLES), *contents.NOT_COPIED}
    for table in contents.TABLES:
        left_out = {"nonce"} if table is contents.REVISIONS else set()
        assert {name for name, _pk in info[table.name]} == {*table.columns, *left_out}
        key = sorted((pk, name) for name, pk in info[table.name] if pk)
        assert tuple(name for _pk, name in key) == table.key


def test_the_same_is_there_afterwards(filled: Place, target: Place) -> None:
    before = rows_of(filled)
    with filled.store() as store:
        enrollments = store.enrollments()
    assert all(before.values())
    done = copied(filled, target)
    assert done.action is Action.COPY
    assert done.source == done.target
    assert {name: len(rows) for name, rows in before.items()}.items() <= done.target.counts.items()
    assert done.target.counts["enrollments"] == 4
    assert rows_of(target) == before
    with target.store() as store:
        assert store.enrollments() == enrollments
        assert store.enrollment("redtrust", "name 0").revisions[0].request_code == "code 0"
        assert store.session("session/1") == (1, b"sealed")
        assert verify(store.events("redtrust"), store.chain("redtrust")) is None
        assert store.chain("redtrust").number == 7


def test_request_codes_are_sealed_with_the_key_of_the_target(filled: Place, target: Place) -> None:
    copied(filled, target)
    with filled.database() as one, target.database() as other:
        select = "SELECT request_code, service, name, revision, attempt FROM revisions WHERE request_code IS NOT NULL"
        (code, *row), *_others = other.select(select)
        assert other.sealing_key().unseal(code, row) == "code 0"
        with pytest.raises(StoreError, match="does not open a request code"):
            one.sealing_key().unseal(code, row)


def test_no_run_uses_the_source_any_more(filled: Place, target: Place, make: MakeRevision) -> None:
    with filled.store() as running:
        copied(filled, target)
        for use in (
            lambda: running.acquire(["key"], "me", 60),
            lambda: running.put(make("new")),
            lambda: running.put_session("session/2", b"sealed", 0),
            filled.store,
            lambda: filled.store(read_only=True),
        ):
            with pytest.raises(
                StoreError, match=f"it was moved to {re.escape(target.name)} at 20.*set store_path or store_dsn"
            ):
                use()
        assert running.enrollment("redtrust", "new").latest is None


def test_a_second_copy_changes_nothing_even_if_the_target_has_gone_on(
    filled: Place, target: Place, make: MakeRevision
) -> None:
    copied(filled, target)
    assert copied(filled, target).action is Action.NONE
    with target.store() as store:
        store.put(make("new"))
        store.acquire(["key"], "somebody", 60)
    assert foreseen(filled, target).action is Action.NONE
    assert copied(filled, target).action is Action.NONE
    with target.store() as store:
        assert store.enrollment("redtrust", "new").latest


def test_a_store_can_be_copied_there_and_back(filled: Place, target: Place, make: MakeRevision) -> None:
    for here, there in itertools.islice(itertools.cycle([(filled, target), (target, filled)]), 4):
        before = rows_of(here)
        assert foreseen(here, there).action is Action.COPY
        assert copied(here, there).action is Action.COPY
        assert rows_of(there) == before
        with there.store() as store:
            store.put(make(f"number {len(before['revisions'])}"))


def test_a_store_that_was_moved_elsewhere_takes_no_copy(filled: Place, target: Place, tmp_path: Path) -> None:
    copied(filled, target)
    other = InFile(tmp_path / "other" / "store.sqlite3")
    other.store().close()
    with pytest.raises(
        StoreError, match=f"it was moved to {re.escape(target.name)} at .*only a copy of that store may take"
    ):
        copied(other, filled)
    with pytest.raises(StoreError, match=f"{re.escape(filled.name)}: it was moved to {re.escape(target.name)}"):
        copied(filled, other)


def test_a_target_with_other_contents_is_left_as_it_is(filled: Place, target: Place, make: MakeRevision) -> None:
    with target.store() as store:
        store.put(make("its own"))
    before = rows_of(target)
    for attempt in (copied, foreseen):
        with pytest.raises(StoreError, match="it is in use, and does not hold the same as store"):
            attempt(filled, target)
    assert rows_of(target) == before
    filled.store().close()  # it is still in use


def test_a_target_that_holds_the_same_is_put_to_use(filled: Place, target: Place) -> None:
    copied(filled, target)
    with filled.database() as database:
        database.write("in use", lambda transaction: retirement.note(transaction, retirement.RETIRED, None))
    assert foreseen(filled, target).action is Action.FINISH
    done = copied(filled, target)
    assert done.action is Action.FINISH
    assert done.source == done.target
    with pytest.raises(StoreError, match="it was moved"):
        filled.store()
    target.store().close()


@pytest.mark.parametrize("which", ["source", "target"])
def test_jobs_that_work_with_either_are_named(filled: Place, target: Place, which: str) -> None:
    with {"source": filled, "target": target}[which].store() as store:
        store.acquire([f"redtrust/name {number}" for number in range(7)], "ansible.example.com (pid 7)", 60)
    message = r"jobs work with it: ansible.example.com \(pid 7\) holds redtrust/name 0, .* and 2 more"
    for attempt in (copied, foreseen):
        with pytest.raises(LeaseHeldError, match=message):
            attempt(filled, target)
    filled.store().close()
    assert copied(filled, target, is_gone=lambda holder: "pid 7" in holder).action is Action.COPY


def test_a_lease_that_is_over_is_nobodys(filled: Place, target: Place) -> None:
    with filled.store() as store:
        store.acquire(["key"], "me", -1)
    assert copied(filled, target).action is Action.COPY


def test_no_run_writes_while_a_copy_is_made(
    filled: Place, target: Place, make: MakeRevision, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []

    def reached(name: str) -> None:
        if name == "store copied written":
            with filled.database(patience=0.1) as database, pytest.raises(StoreError) as error:
                database.write("notes", lambda transaction: retirement.note(transaction, "a note", "of another run"))
            refused.append(str(error.value))

    monkeypatch.setattr(_fault_points, "reach", reached)
    copied(filled, target)
    assert re.search("keeps it locked|look at its load and its locks", refused[0])


POINTS = [
    f"store {verb} {where}" for verb in ("retired", "copied", "in use") for where in ("before", "written", "committed")
]


@pytest.mark.parametrize("point", POINTS)
def test_a_copy_that_dies_is_made_by_the_next_and_never_are_both_in_use(
    filled: Place, target: Place, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of(filled)
    reached: list[str] = []

    def die(name: str) -> None:
        if name == point and not reached:
            reached.append(name)
            raise UnexpectedError

    monkeypatch.setattr(_fault_points, "reach", die)
    with pytest.raises(UnexpectedError):
        copied(filled, target)
    assert reached
    assert in_use(filled) + in_use(target) <= 1
    copied(filled, target)
    assert (in_use(filled), in_use(target)) == (False, True)
    assert rows_of(target) == before


def in_use(place: Place) -> bool:
    """Return whether a run can use a store that has enrollments."""
    try:
        with place.store() as store:
            return bool(store.enrollments())
    except StoreError:
        return False


def test_what_was_left_of_a_copy_is_replaced_by_the_next(
    filled: Place, target: Place, make: MakeRevision, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(_fault_points, "reach", lambda name: fail_at("store copied committed", name))
        with pytest.raises(UnexpectedError):
            copied(filled, target)
    with pytest.raises(StoreError, match=f"it is an unfinished copy of {re.escape(filled.name)}; run redtrust_store"):
        target.store()
    with filled.store() as store:
        store.put(make("later"))
    before = rows_of(filled)
    assert copied(filled, target).action is Action.COPY
    assert rows_of(target) == before


def fail_at(point: str, name: str) -> None:
    if name == point:
        raise UnexpectedError


def test_what_does_not_arrive_is_noticed(filled: Place, target: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = contents.sealed

    def changed(table: contents.Table, row: Row, seal: contents.Change) -> Row:
        row = sealed(table, row, seal)
        return (*row[:-1], "another") if table.name == "notes" else row

    with monkeypatch.context() as patched:
        patched.setattr(contents, "sealed", changed)
        with pytest.raises(StoreError, match="it does not hold what was copied from store"):
            copied(filled, target)
    assert not any(rows_of(target).values())
    filled.store().close()


def test_a_damaged_row_is_not_copied(filled: Place, target: Place) -> None:
    with filled.database() as database:
        database.write(
            "damage",
            lambda transaction: transaction.execute("UPDATE revisions SET spec = '{}' WHERE name = 'name 1'"),
        )
    with pytest.raises(StoreError, match="the row of 'name 1', revision 1, is damaged; restore a backup"):
        copied(filled, target)
    assert not any(rows_of(target).values())


def test_a_store_is_not_copied_into_itself(filled: Place, tmp_path: Path) -> None:
    others: list[Place] = [filled]
    if isinstance(filled, InFile):
        link = tmp_path / "link"
        link.symlink_to(filled.path.parent)
        others.append(InFile(link / filled.path.name))
    for other in others:
        for attempt in (copied, foreseen):
            with pytest.raises(ConfigurationError, match="the store itself: give the store to copy from"):
                attempt(filled, other)
    with filled.store() as store:
        assert len(store.enrollments()) == 4


@pytest.mark.process
@pytest.mark.usefixtures("fast_key")
def test_nor_into_itself_by_another_name(dsn: str, make: MakeRevision) -> None:
    one, other = InDatabase(dsn, STORE_KEY), InDatabase(dsn.replace("host=/", "host=/../"), STORE_KEY)
    with one.store() as store:
        store.put(make())
    assert one.name != other.name
    with pytest.raises(ConfigurationError, match="the store itself: give the store to copy from"):
        copied(one, other)
    with one.database() as database:
        assert not database.select("SELECT key FROM notes WHERE key = ?", (retirement.PROBE,))


def test_check_mode_makes_and_changes_nothing(filled: Place, target: Place) -> None:
    before = rows_of(filled)
    foresight = foreseen(filled, target)
    assert foresight.action is Action.COPY
    assert foresight.source.counts == foresight.target.counts
    assert foresight.source.counts["enrollments"] == 4
    assert rows_of(filled) == before
    assert is_missing(target)
    filled.store().close()


def is_missing(place: Place) -> bool:
    if isinstance(place, InDatabase):
        with psycopg.connect(place.dsn) as connection:
            return connection.execute("SELECT to_regclass('store_schema')").fetchone() == (None,)
    return not Path(place.name).exists()


def test_a_large_store_takes_little_memory(
    source: Place, target: Place, make: MakeRevision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "PAGE", 50)
    with source.store() as store:
        for start in range(0, 1000, 200):
            store.put(*(make(f"{number}", csr=bytes(10_000)) for number in range(start, start + 200)))
    tracemalloc.start()
    done = copied(source, target)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done.target.counts["enrollments"] == 1000
    assert peak < 5e6  # the CSRs alone are 10 MB


@pytest.mark.process
def test_a_store_goes_from_one_database_to_another(make_place: MakePlace, make: MakeRevision) -> None:
    one, other = (make_place("postgresql", name) for name in ("one", "another"))
    fill(one, make)
    before = rows_of(one)
    assert copied(one, other).action is Action.COPY
    assert rows_of(other) == before
    assert (in_use(one), in_use(other)) == (False, True)


ONE, OTHER = (Handover(letter * 16, "elsewhere", "2026-07-01T12:00:00Z") for letter in "ab")
HALF = dataclasses.replace(ONE, unfinished=True)
NOBODY: tuple[None, None] = (None, None)
MOVED = "source: it was moved to elsewhere"


@pytest.mark.parametrize(
    ("source_notes", "target_notes", "is_empty", "is_same", "expected"),
    [
        (NOBODY, NOBODY, True, False, Action.COPY),
        (NOBODY, NOBODY, False, False, "target: it is in use, and does not hold the same"),
        (NOBODY, NOBODY, False, True, Action.FINISH),
        (NOBODY, (HALF, ONE), False, False, Action.COPY),
        (NOBODY, (OTHER, None), False, True, "target: it was moved to elsewhere .* so only a copy of that store"),
        ((None, ONE), (ONE, None), False, False, Action.COPY),
        ((None, OTHER), (ONE, None), False, False, "target: it was moved to elsewhere .* so only a copy"),
        ((ONE, None), (None, ONE), False, False, Action.NONE),
        ((ONE, None), (HALF, ONE), False, False, Action.FINISH),
        ((ONE, None), (OTHER, ONE), False, False, "target: it was moved to elsewhere"),
        ((ONE, None), (None, OTHER), False, True, MOVED),
        ((ONE, None), NOBODY, True, False, MOVED),
        ((HALF, ONE), NOBODY, True, False, "source: it is an unfinished copy of elsewhere"),
    ],
)
def test_the_notes_of_both_say_what_is_to_be_done(
    source_notes: tuple[Handover | None, Handover | None],
    target_notes: tuple[Handover | None, Handover | None],
    is_empty: bool,
    is_same: bool,
    expected: Action | str,
) -> None:
    source, target = Standing("source", *source_notes, False), Standing("target", *target_notes, is_empty)
    if isinstance(expected, Action):
        assert plan(source, target, lambda: is_same) is expected
        return
    with pytest.raises(StoreError, match=expected):
        plan(source, target, lambda: is_same)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"id": "a", "strange": 1}'])
def test_a_note_that_cannot_be_read_is_no_permission(filled: Place, text: str) -> None:
    with filled.database() as database:
        database.write("notes", lambda transaction: retirement.note(transaction, retirement.RETIRED, text))
    with pytest.raises(StoreError, match=f"{re.escape(filled.name)}: its note store_retired cannot be read"):
        filled.store()
