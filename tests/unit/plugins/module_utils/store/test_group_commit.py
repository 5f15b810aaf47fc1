# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes of many threads in one transaction: each is stored before it returns, or fails alone, or all fail."""

from __future__ import annotations

import collections.abc as c
import concurrent.futures
import contextlib
import itertools
import signal
import sqlite3
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import group_commit
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.database import (
    NotUniqueError,
    Transaction,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.group_commit import GroupCommit
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite_connection import (
    SqliteConnection,
)

if t.TYPE_CHECKING:
    from .conftest import MakeRevision


class Traced(sqlite3.Connection):
    """A connection that notes each statement, and calls ``on_commit`` before it commits."""

    statements: list[str]
    on_commit: c.Callable[[], object] = staticmethod(lambda: None)

    def execute(self, statement: str, *rest: t.Any) -> sqlite3.Cursor:
        self.statements.append(statement)
        if statement == "COMMIT":
            self.on_commit()
        return super().execute(statement, *rest)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE x (y, UNIQUE (y))")
    return tmp_path / "x.db"


@pytest.fixture
def connection(path: Path) -> c.Iterator[Traced]:
    connected = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Traced)
    with contextlib.closing(connected) as connection:
        connection.statements = []
        yield connection


def commits(connection: Traced) -> int:
    return connection.statements.count("COMMIT")


def rows(path: Path) -> list[object]:
    with contextlib.closing(sqlite3.connect(path)) as other:
        return [row[0] for row in other.execute("SELECT y FROM x ORDER BY rowid")]


def waiting(group_commit: GroupCommit[SqliteConnection]) -> int:
    return len(group_commit._turns._waiting)


def insert(writer: GroupCommit[SqliteConnection], value: object) -> None:
    with writer.write() as connection:
        connection.execute("INSERT INTO x VALUES (?)", (value,))


Writes = list["concurrent.futures.Future[None]"]


class StartBehind(t.Protocol):
    """A starter of writes that wait for one another."""

    def __call__(self, writer: GroupCommit[SqliteConnection], *writes: c.Callable[[], None]) -> Writes:
        """Do the writes in this order, all after a first one that puts 0; return when all of them wait."""


@pytest.fixture
def start_behind() -> c.Iterator[StartBehind]:
    with concurrent.futures.ThreadPoolExecutor(600) as pool:

        def first(writer: GroupCommit[SqliteConnection], has_turn: threading.Event, may_go: threading.Event) -> None:
            with writer.write() as connection:
                connection.execute("INSERT INTO x VALUES (0)")
                has_turn.set()
                may_go.wait()

        def start(writer: GroupCommit[SqliteConnection], *writes: c.Callable[[], None]) -> Writes:
            has_turn, may_go = threading.Event(), threading.Event()
            begun = [pool.submit(first, writer, has_turn, may_go)]
            has_turn.wait()
            for number, write in enumerate(writes, 1):
                begun.append(pool.submit(write))
                while waiting(writer) < number:
                    time.sleep(0)
            may_go.set()
            return begun

        yield start


def made(
    connection: Traced, patience: float = 30.0, check: c.Callable[[], None] = lambda: None
) -> GroupCommit[SqliteConnection]:
    return GroupCommit(SqliteConnection(connection), patience, check)


def inserts(writer: GroupCommit[SqliteConnection], values: c.Iterable[object]) -> list[c.Callable[[], None]]:
    return [lambda value=value: insert(writer, value) for value in values]  # type: ignore[misc]


def failures(writes: Writes) -> list[BaseException | None]:
    return [write.exception(30) for write in writes]


def test_one_that_writes_alone_commits_at_once(connection: Traced, path: Path) -> None:
    insert(made(connection), "a")
    assert rows(path) == ["a"]
    assert commits(connection) == 1


def test_all_that_wait_are_committed_together_in_their_order(
    connection: Traced, path: Path, start_behind: StartBehind
) -> None:
    writer = made(connection)
    assert failures(start_behind(writer, *inserts(writer, range(1, 33)))) == [None] * 33
    assert commits(connection) == 1
    assert rows(path) == list(range(33))


def test_none_returns_before_its_commit(connection: Traced, path: Path, start_behind: StartBehind) -> None:
    may_commit, seen = threading.Event(), threading.Event()

    def wait() -> None:
        seen.set()
        may_commit.wait()

    connection.on_commit = wait
    writer = made(connection)
    writes = start_behind(writer, *inserts(writer, range(1, 5)))
    assert seen.wait(30)
    assert not any(write.done() for write in writes)
    assert rows(path) == []
    may_commit.set()
    assert failures(writes) == [None] * 5


def test_one_that_fails_does_so_alone(connection: Traced, path: Path, start_behind: StartBehind) -> None:
    """Not even what it has written before stays."""
    writer = made(connection)

    def fail() -> None:
        with writer.write() as own:
            own.execute("INSERT INTO x VALUES (100)")
            raise ValueError("its own mistake")

    one, two = inserts(writer, ["one", "two"])
    found = failures(start_behind(writer, one, fail, fail, two))
    assert [str(error) for error in found] == ["None", "None", "its own mistake", "its own mistake", "None"]
    assert rows(path) == [0, "one", "two"]
    assert commits(connection) == 1


def test_one_that_fails_as_the_last_does_not_lose_the_others(
    connection: Traced, path: Path, start_behind: StartBehind
) -> None:
    writer = made(connection)
    one, again = inserts(writer, ["one", "one"])
    found = failures(start_behind(writer, one, again))
    assert [type(error) for error in found] == [type(None), type(None), NotUniqueError]
    assert rows(path) == [0, "one"]


def test_where_all_fail_nothing_is_committed(connection: Traced, path: Path) -> None:
    def fail() -> None:
        with made(connection).write() as own:
            own.execute("INSERT INTO x VALUES (1)")
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    assert commits(connection) == 0
    assert not connection.in_transaction
    assert rows(path) == []


def test_a_commit_that_fails_fails_for_all(connection: Traced, path: Path, start_behind: StartBehind) -> None:
    def fail() -> None:
        connection.on_commit = lambda: None
        raise sqlite3.OperationalError("disk I/O error")

    connection.on_commit = fail
    writer = made(connection)
    found = failures(start_behind(writer, *inserts(writer, range(1, 5))))
    assert [str(error) for error in found] == ["disk I/O error"] * 5
    assert len({id(error) for error in found}) == 5, "each thread raises an error of its own"
    assert rows(path) == []
    insert(writer, "later")
    assert rows(path) == ["later"]


def test_a_commit_that_an_exception_interrupts_stores_nothing(
    connection: Traced, path: Path, start_behind: StartBehind
) -> None:
    def interrupt() -> None:
        connection.on_commit = lambda: None
        raise KeyboardInterrupt

    connection.on_commit = interrupt
    writer = made(connection)
    found = failures(start_behind(writer, *inserts(writer, range(1, 3))))
    assert [str(error) for error in found[:2]] == ["the commit was interrupted"] * 2
    assert isinstance(found[2], KeyboardInterrupt)
    assert rows(path) == []
    insert(writer, "later")
    assert rows(path) == ["later"]


def test_a_disk_that_is_full_loses_nothing_that_was_said_to_be_stored(
    connection: Traced, path: Path, start_behind: StartBehind
) -> None:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 3}")
    writer = made(connection)
    values = ["a", "b" * 100_000, "c", "d" * 100_000, "e"]
    found = failures(start_behind(writer, *inserts(writer, values)))
    stored = [value for value, error in zip([0, *values], found, strict=True) if error is None]
    assert rows(path) == stored
    assert {str(error) for error in found if error} == {"database or disk is full"}
    assert found[2] is not None
    insert(writer, "later")
    assert rows(path) == [*stored, "later"]


class RollsBack(Traced):
    """A connection in which an insert of 1 makes SQLite undo the whole transaction, as some errors of the disk do."""

    def execute(self, statement: str, *rest: t.Any) -> sqlite3.Cursor:
        if statement.startswith("INSERT") and rest == ((1,),):
            super().execute("ROLLBACK")
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(statement, *rest)


def test_where_sqlite_undoes_the_transaction_all_of_it_has_failed(path: Path, start_behind: StartBehind) -> None:
    connected = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=RollsBack)
    with contextlib.closing(connected) as connection:
        connection.statements = []
        writer = made(connection)
        found = failures(start_behind(writer, *inserts(writer, range(1, 3))))
        assert [str(error) for error in found] == ["disk I/O error", "disk I/O error", "None"]
        assert rows(path) == [2]


class CannotUndo(Traced):
    """A connection that fails to undo one write."""

    def execute(self, statement: str, *rest: t.Any) -> sqlite3.Cursor:
        if statement.startswith("ROLLBACK TO"):
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(statement, *rest)


def test_where_one_write_cannot_be_undone_all_is(path: Path, start_behind: StartBehind) -> None:
    connected = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=CannotUndo)
    with contextlib.closing(connected) as connection:
        connection.statements = []
        writer = made(connection)
        found = failures(start_behind(writer, *inserts(writer, [0, 2])))
        assert [str(error) for error in found] == ["disk I/O error", "disk I/O error", "None"]
        assert rows(path) == [2]


def test_a_group_ends_though_more_are_waiting(
    connection: Traced, path: Path, start_behind: StartBehind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "_LARGEST", 10)
    writer = made(connection)
    assert failures(start_behind(writer, *inserts(writer, range(1, 25)))) == [None] * 25
    assert commits(connection) == 3
    assert rows(path) == list(range(25))


def test_each_transaction_is_checked_at_its_beginning(connection: Traced, path: Path) -> None:
    numbers = itertools.count()

    def check() -> None:
        assert connection.in_transaction
        if next(numbers) == 1:
            raise StoreError("replaced")

    writer = made(connection, check=check)
    insert(writer, "a")
    with pytest.raises(StoreError, match="replaced"):
        insert(writer, "b")
    insert(writer, "c")
    assert rows(path) == ["a", "c"]


def test_the_wait_for_a_turn_counts_as_a_wait_for_other_processes(
    connection: Traced, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 256 threads the last would fail two hours after the first if each waited anew for half a minute."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer = made(connection, patience=0.02)
        turn = writer._turns.ask()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            writes = [pool.submit(insert, writer, value) for value in "abc"]
            while waiting(writer) < 3:
                time.sleep(0)
            now[0] += 0.015
            assert not writer._turns.withdraw(turn)
            writer._turns.end()
            assert [str(error) for error in failures(writes)] == ["database is locked"] * 3
    assert [line for line in connection.statements if "busy" in line] == ["PRAGMA busy_timeout = 5"] * 3


@pytest.mark.parametrize("others", [0, 2])
def test_one_that_is_interrupted_while_it_waits_leaves_its_place(
    connection: Traced, path: Path, start_behind: StartBehind, others: int
) -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    writer = made(connection)
    has_turn, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with writer.write() as own:
            own.execute("INSERT INTO x VALUES (0)")
            has_turn.set()
            may_go.wait()

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            writes = [pool.submit(hold)]
            has_turn.wait()
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                insert(writer, "interrupted")
            writes += [pool.submit(insert, writer, number) for number in range(1, others + 1)]
            while waiting(writer) < others:
                time.sleep(0)
            may_go.set()
            assert failures(writes) == [None] * (others + 1)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert sorted(map(str, rows(path))) == [str(number) for number in range(others + 1)]


def test_one_that_is_interrupted_when_its_turn_begins_keeps_nobody_waiting(
    connection: Traced, path: Path, start_behind: StartBehind
) -> None:
    writer = made(connection)

    def interrupted() -> None:
        def join(_end: float, *, alone: bool) -> t.NoReturn:
            patch.undo()
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writer, "_join", join)
            insert(writer, "interrupted")

    found = failures(start_behind(writer, interrupted))
    assert [type(error) for error in found] == [type(None), KeyboardInterrupt]
    insert(writer, "later")
    assert rows(path) == [0, "later"]


def leaves(writer: GroupCommit[SqliteConnection], value: str, *, fails: bool = False) -> None:
    with writer.write() as transaction:
        transaction.execute("INSERT INTO x VALUES (?)", (value,))
        transaction.at_end(value)
        if fails:
            raise ValueError("its own mistake")


def test_what_the_writes_leave_is_written_once_at_the_end(
    connection: Traced, path: Path, start_behind: StartBehind
) -> None:
    """Of a write that failed nothing is left; the next transaction begins with nothing."""
    left: list[tuple[object, ...]] = []

    def end(transaction: Transaction, items: c.Sequence[object]) -> None:
        left.append(tuple(items))
        transaction.execute("INSERT INTO x VALUES (?)", (f"end of {len(left)}",))

    writer = GroupCommit(SqliteConnection(connection), 30.0, before_commit=end)
    writes = start_behind(
        writer,
        lambda: leaves(writer, "a"),
        lambda: leaves(writer, "b", fails=True),
        lambda: leaves(writer, "c"),
    )
    assert [type(error) for error in failures(writes)] == [type(None), type(None), ValueError, type(None)]
    insert(writer, "leaves nothing")
    leaves(writer, "d")
    assert left == [("a", "c"), ("d",)]
    assert rows(path) == [0, "a", "c", "end of 1", "leaves nothing", "d", "end of 2"]


@pytest.mark.parametrize("error", [StoreError("went back"), sqlite3.OperationalError("disk I/O error")])
def test_what_cannot_be_written_at_the_end_fails_all(
    connection: Traced, path: Path, start_behind: StartBehind, error: Exception
) -> None:
    def end(_transaction: Transaction, _items: c.Sequence[object]) -> None:
        raise error

    writer = GroupCommit(SqliteConnection(connection), 30.0, before_commit=end)
    found = failures(start_behind(writer, lambda: leaves(writer, "a"), *inserts(writer, ["b"])))
    assert [(type(one), str(one)) for one in found] == [(type(error), str(error))] * 3
    assert rows(path) == []
    insert(writer, "later")
    assert rows(path) == ["later"]


def test_hundreds_of_threads_write_to_a_store(tmp_path: Path, make: MakeRevision) -> None:
    with SqliteStore(str(tmp_path / "store.db")) as store:

        def write(number: int) -> int:
            (row,) = store.put(make(f"{number:03}"))
            for _time in range(3):
                (row,) = store.put(row)
            return row.generation

        with concurrent.futures.ThreadPoolExecutor(256) as pool:
            assert set(pool.map(write, range(256))) == {4}
        latest = [one.latest for one in store.enrollments("redtrust")]
        assert [row.generation for row in latest if row] == [4] * 256
