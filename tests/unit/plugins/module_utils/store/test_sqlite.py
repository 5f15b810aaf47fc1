# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQLite file: whole, ours, of a known schema, or refused and left as it is."""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import os
import shutil
import sqlite3
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import schema, sqlite_file
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.explained import explained
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.key_file import Key
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore

if t.TYPE_CHECKING:
    from .conftest import MakeRevision


@contextlib.contextmanager
def raw(path: Path) -> t.Iterator[sqlite3.Connection]:
    """Open the file without the store, as another program would."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection
    path.chmod(0o600)


def reading(store: SqliteStore) -> sqlite3.Connection:
    connection = store.connections.reader()
    assert connection is not None
    return connection


def refused_as_it_is(path: Path, words: str) -> None:
    """Require that the file is refused with its path, read-only or not, and that nothing in its directory changes."""
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    for read_only in (False, True):
        with pytest.raises(StoreError, match=words) as caught, open_store(str(path), read_only=read_only) as store:
            store.enrollments()
        assert str(path) in str(caught.value)
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def filled(path: Path, make: MakeRevision) -> Path:
    """Return a store with enough rows to have pages of every kind."""
    with open_store(str(path)) as store:
        store.put(*(make(f"{number:03}", certificate=bytes(range(256)) * 20) for number in range(40)))
    return path


CARELESS = (
    "synchronous = OFF",
    "foreign_keys = OFF",
    "trusted_schema = ON",
    "cell_size_check = OFF",
    "secure_delete = OFF",
)


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SQLite that was built with other defaults: each connection begins with them."""
    connect = sqlite3.connect

    def careless_connect(*arguments: t.Any, **options: t.Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        for setting in CARELESS:
            connection.execute(f"PRAGMA {setting}")
        return connection

    monkeypatch.setattr(sqlite3, "connect", careless_connect)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("cell_size_check", 1),
        ("secure_delete", 1),
        ("busy_timeout", 30000),
    ],
)
@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.usefixtures("careless")
def test_what_is_committed_is_on_the_disk_and_readers_do_not_wait(
    path: Path, read_only: bool, name: str, value: object
) -> None:
    """Each connection has the safest settings of SQLite, and waits for half a minute; 2 is FULL."""
    open_store(str(path)).close()
    with SqliteStore(str(path), read_only=read_only) as store:
        connections = [reading(store)] if read_only else [reading(store), store.connections.writer().connection.raw]
        assert [schema.pragma(connection, name) for connection in connections] == [value] * len(connections)


def test_an_empty_file_has_lost_what_it_knew(path: Path) -> None:
    path.touch(0o600)
    refused_as_it_is(path, "empty.*restore")


def test_garbage_is_refused(path: Path) -> None:
    path.write_bytes(b"a text of somebody, and no database at all\n" * 200)
    path.chmod(0o600)
    refused_as_it_is(path, "not a database")


def test_the_database_of_another_program_is_refused(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE revisions (theirs TEXT)")
    refused_as_it_is(path, "another program")


def test_a_newer_schema_is_refused(filled: Path) -> None:
    with raw(filled) as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    refused_as_it_is(filled, "newer release.*update")


@pytest.mark.parametrize("length", [1, 15, 16, 99, 100, 511, 512, 4095, 4096, 8191, 8192, -4097, -4096, -512, -1])
def test_a_truncated_file_is_refused(filled: Path, length: int) -> None:
    filled.write_bytes(filled.read_bytes()[:length])
    refused_as_it_is(filled, "damaged|not a database|end is missing|another program")


@pytest.mark.parametrize("page", [1, 2, 3, 10, 40])
def test_a_page_of_rubbish_is_found_before_anything_is_read(filled: Path, page: int) -> None:
    content = bytearray(filled.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    filled.write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"damaged.*backup") as caught:
            open_store(str(filled), read_only=read_only)
        assert str(filled) in str(caught.value)
    assert filled.read_bytes() == content


def test_leases_that_are_long_over_are_swept_away(path: Path) -> None:
    with open_store(str(path)) as store:
        store.acquire(["lately"], "killed lately", -86300)
        store.acquire(["long ago"], "killed long ago", -86500)
        store.acquire(["mine"], "me", 60)
    with raw(path) as connection:
        keys = connection.execute("SELECT key FROM leases ORDER BY key").fetchall()
    assert keys == [("lately",), ("mine",)]


def far_ahead(path: Path, until: str = "2099-01-01T00:00:00.000000Z") -> None:
    """Leave the leases of a killed run with a clock years ahead."""
    with raw(path) as connection:
        connection.execute("UPDATE leases SET expires_at = ?", (until,))


def ends(path: Path) -> dict[str, float]:
    """Return the remaining seconds of each lease, by the clock of the store."""
    lasts = "SELECT key, 86400 * (julianday(expires_at) - julianday('now')) FROM leases"
    with raw(path) as connection:
        return dict(connection.execute(lasts))


@pytest.mark.parametrize("until", ["2099-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999000Z"])
def test_a_lease_from_a_clock_that_was_wrong_holds_no_longer_than_any_other(path: Path, until: str) -> None:
    with open_store(str(path)) as store:
        store.acquire(["wanted", "not wanted"], "elsewhere (pid 7)", 60)
        far_ahead(path, until)
        lease = store.acquire(["wanted"], "me", 60)["wanted"]
        assert lease.holder == "elsewhere (pid 7)"
        assert {key: 50 < left < 60.5 for key, left in ends(path).items()} == {"wanted": True, "not wanted": True}
        assert f"{lease.expires_at:%Y-%m-%dT%H:%M:%SZ}" in lease.advice
        far_ahead(path, "2000-01-01T00:00:00.000000Z")
        assert store.acquire(["wanted"], "me", 60) == {}


def test_who_lives_keeps_a_lease_that_was_dated_far_ahead(path: Path) -> None:
    with open_store(str(path)) as store:
        store.acquire(["a"], "lives", 60)
        far_ahead(path)
        assert store.acquire(["a"], "me", 60)["a"].holder == "lives"
        assert store.renew("lives", 3000) == 1
        assert store.acquire(["a"], "me", 3600)["a"].holder == "lives"
        assert ends(path)["a"] > 2000


def test_one_that_is_not_far_ahead_stays_as_it_is(path: Path) -> None:
    with open_store(str(path)) as store:
        store.acquire(["a"], "first", 30)
        before = ends(path)["a"]
        store.acquire(["a"], "me", 0)
        assert ends(path)["a"] <= before


@pytest.mark.parametrize("read_only", [False, True])
def test_what_a_crash_left_in_the_log_is_read(tmp_path: Path, make: MakeRevision, read_only: bool) -> None:
    for folder in ("running", "crashed"):
        (tmp_path / folder).mkdir(0o700)
    running, crashed = (str(tmp_path / folder / "store.db") for folder in ("running", "crashed"))
    with open_store(running) as store:
        stored = store.put(make())
        for suffix in ("", "-wal"):
            shutil.copy(running + suffix, crashed + suffix)
    with Path(crashed).open("ab") as stream:
        stream.write(b"the page that was being written")
    with open_store(crashed, read_only=read_only) as store:
        assert store.enrollment("redtrust", "www").revisions == stored


def test_a_row_that_cannot_be_read_names_store_and_row_but_no_secret(path: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store:
        store.put(make(request_code="R-SECRET"))
    with raw(path) as connection:
        connection.execute("UPDATE revisions SET state = 'melted'")
    with open_store(str(path)) as store, pytest.raises(StoreError, match=r"'www', revision 1.*checksum") as caught:
        store.enrollments()
    assert str(path) in str(caught.value)
    assert "R-SECRET" not in str(caught.value)


def test_a_row_that_cannot_be_read_ends_a_search(path: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store:
        store.put(make("a"), make("b"))
    with raw(path) as connection:
        connection.execute("UPDATE revisions SET note = 'changed' WHERE name = 'b'")
    for conditions in ({}, {"states": [State.INTENDED]}, {"names": ["a", "b"]}):
        with open_store(str(path)) as store, pytest.raises(StoreError, match=r"'b', revision 1.*checksum"):
            list(store.find("redtrust", **conditions))


def test_a_mistake_is_not_taken_for_another_run(path: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store, pytest.raises(StoreError, match="NOT NULL") as caught:
        store.put(make(attempt=t.cast("int", None)))
    assert caught.type is StoreError


def test_a_store_without_tables_yet_is_brought_up(path: Path, make: MakeRevision) -> None:
    with raw(path) as connection:
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 0")
    with pytest.raises(StoreError, match=f"store {path}: an older release.*upgrades"):
        open_store(str(path), read_only=True)
    with open_store(str(path)) as store:
        store.put(make())
    with raw(path) as connection:
        assert schema.pragma(connection, "user_version") == len(schema.MIGRATIONS)


KEY = Key(bytes(32), Path("store.db.key"))
NEXT = (*schema.MIGRATIONS, ("ALTER TABLE revisions ADD COLUMN colour TEXT", "CREATE TABLE more (x TEXT)"))
BROKEN = (*schema.MIGRATIONS, ("CREATE TABLE more (x TEXT)", "ALTER TABLE missing ADD COLUMN colour TEXT"))


def test_an_upgrade_keeps_what_is_there(filled: Path) -> None:
    with raw(filled) as connection:
        schema.upgrade(connection, KEY, NEXT)
        assert schema.recognise(connection, "", NEXT) == len(NEXT)
        assert connection.execute("SELECT count(*), count(colour) FROM revisions").fetchone() == (40, 0)


def test_an_upgrade_that_fails_leaves_the_older_version(filled: Path) -> None:
    with raw(filled) as connection:
        with pytest.raises(sqlite3.OperationalError):
            schema.upgrade(connection, KEY, BROKEN)
        assert schema.recognise(connection, "") == len(schema.MIGRATIONS)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)
    with open_store(str(filled)) as store:
        assert len(store.enrollments()) == 40


def test_many_may_upgrade_at_once(path: Path) -> None:
    with raw(path) as connection:
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")

    def upgrade(_number: int) -> int:
        with contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            schema.upgrade(connection, KEY, NEXT)
            return schema.recognise(connection, "", NEXT)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(upgrade, range(16))) == [len(NEXT)] * 16


class LogIsTaken(sqlite3.Connection):
    """A connection that finds another process emptying the log, so many times."""

    times = 0

    def execute(self, statement: str, *rest: t.Any) -> sqlite3.Cursor:
        if "wal_checkpoint" in statement and self.times:
            self.times -= 1
            return super().execute("SELECT 1, -1, -1")
        return super().execute(statement, *rest)


@pytest.mark.parametrize("times", [0, 1, 3])
def test_an_upgrade_waits_for_another_process_that_empties_the_log(
    filled: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with contextlib.closing(sqlite3.connect(filled, isolation_level=None, factory=LogIsTaken)) as connection:
        connection.times = times
        schema.upgrade(connection, KEY, (*schema.MIGRATIONS, ()))
        assert schema.pragma(connection, "user_version") == len(schema.MIGRATIONS) + 1
    assert len(pauses) == times
    assert all(0 < pause < 1 for pause in pauses)


def test_an_upgrade_does_not_wait_for_the_log_for_ever(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as for any other lock, by a clock of its own."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0 + sum(pauses))
    monkeypatch.setattr(time, "sleep", pauses.append)
    with contextlib.closing(sqlite3.connect(filled, timeout=2, isolation_level=None, factory=LogIsTaken)) as connection:
        connection.times = 1000
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            schema.upgrade(connection, KEY, (*schema.MIGRATIONS, ()))
        assert schema.recognise(connection, "") == len(schema.MIGRATIONS)
    assert 1.9 < sum(pauses) < 2.1


def test_a_copy_made_by_vacuum_is_a_store(filled: Path) -> None:
    copy = filled.with_name("copy.db")
    with raw(filled) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    copy.chmod(0o600)
    with open_store(str(copy)) as store:
        assert len(store.enrollments()) == 40
    with raw(copy) as connection:
        assert schema.pragma(connection, "journal_mode") == "wal"


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("database is locked", "another process keeps it locked"),
        ("locking protocol", "another process keeps it locked"),
        ("database or disk is full", "nothing was written; make room"),
        ("disk I/O error", "nothing was written; look for a full or failing disk"),
        ("attempt to write a readonly database", "nothing was written; make the file and its directory readable"),
        ("unable to open database file", "make the file and its directory readable and writable"),
        ("database disk image is malformed", "it is damaged"),
        ("malformed database schema (one_pending)", "it is damaged"),
        ("unsupported file format", "it is damaged"),
        ("Could not decode to UTF-8 column 'name'", "it is damaged"),
        ("table revisions already exists", "it is damaged"),
        ("file is not a database", "this is not a store"),
        ("anything else", "nothing was written"),
    ],
)
def test_each_error_of_sqlite_has_its_next_step(path: Path, said: str, advice: str) -> None:
    with pytest.raises(StoreError) as caught, explained(path):
        raise sqlite3.OperationalError(said)
    assert str(caught.value).startswith(f"store {path}: {said}; {advice}")


def test_a_text_that_cannot_be_decoded_is_not_shown(path: Path) -> None:
    with pytest.raises(StoreError) as caught, explained(path):
        raise sqlite3.OperationalError("Could not decode to UTF-8 column 'note' with text 'SECRET'")
    assert "column 'note'; it is damaged" in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.EACCES, "writable"), (errno.EPERM, "writable"), (errno.EROFS, "writable"), (errno.ENOSPC, "full")],
)
def test_each_error_of_the_system_has_its_next_step(path: Path, number: int, advice: str) -> None:
    said = os.strerror(number)
    with pytest.raises(StoreError, match=f"store {path}: {said}; .*{advice}"), explained(path):
        raise OSError(number, said)


def test_of_two_runs_that_make_a_store_the_first_one_has_made_it(filled: Path) -> None:
    before = {file: file.read_bytes() for file in filled.parent.iterdir()}
    sqlite_file.create(filled, 1.0)
    assert {file: file.read_bytes() for file in filled.parent.iterdir()} == before


def test_a_copy_that_another_program_reads_is_a_store_as_it_is(filled: Path) -> None:
    copy = filled.with_name("copy.db")
    with raw(filled) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    copy.chmod(0o600)
    with raw(copy) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM revisions").fetchone()
        with SqliteStore(str(copy), patience=0.01) as store:
            assert len(store.enrollments()) == 40
        assert schema.pragma(reader, "journal_mode") == "delete"


class DiskFails(sqlite3.Connection):
    """A connection that cannot change the file."""

    def execute(self, statement: str, *rest: t.Any) -> sqlite3.Cursor:
        if "journal_mode" in statement:
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(statement, *rest)


def test_a_disk_that_fails_when_the_log_is_made_is_an_error(filled: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(filled, factory=DiskFails)) as connection,
        pytest.raises(sqlite3.OperationalError, match="disk I/O error"),
    ):
        sqlite_file.log_ahead(connection)


def test_one_that_stays_locked_says_so(path: Path, make: MakeRevision) -> None:
    with SqliteStore(str(path), patience=0.01) as store, raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked.*job that hangs") as caught:
            store.put(make())
        assert str(path) in str(caught.value)
        other.execute("ROLLBACK")
        store.put(make())


def test_who_begins_to_write_has_the_lock_at_once(filled: Path) -> None:
    with raw(filled) as first, raw(filled) as second:
        second.execute("PRAGMA busy_timeout = 0")
        with schema.transaction(first):
            with pytest.raises(sqlite3.OperationalError, match="locked"), schema.transaction(second):
                pass
            assert second.execute("SELECT count(*) FROM revisions").fetchone() == (40,)


def test_one_that_is_taken_away_is_not_made_again(filled: Path) -> None:
    with open_store(str(filled)) as store, concurrent.futures.ThreadPoolExecutor(1) as pool:
        filled.unlink()
        with pytest.raises(StoreError, match="was removed or replaced"):
            pool.submit(store.enrollments).result()
    assert not filled.exists()


def test_a_full_disk_says_so_and_writes_nothing(path: Path, make: MakeRevision) -> None:
    with SqliteStore(str(path)) as store:
        (first,) = store.put(make("a"))
        connection = store.connections.writer().connection.raw
        pages = schema.pragma(connection, "page_count")
        schema.pragma(connection, f"max_page_count = {pages}")
        with pytest.raises(StoreError, match=r"full.*make room") as caught:
            store.put(first.moved(State.REQUESTED), make("b", certificate=bytes(100_000)))
        assert str(path) in str(caught.value)
        assert [enrollment.revisions for enrollment in store.enrollments()] == [(first,)]
        schema.pragma(connection, "max_page_count = 1000000")
        store.put(first.moved(State.REQUESTED))


def test_a_reader_finds_nothing_where_there_is_nothing(path: Path, make: MakeRevision) -> None:
    missing = path.parent / "missing" / "store.db"
    with open_store(str(missing), read_only=True) as reader:
        assert reader.enrollments() == []
        assert reader.enrollment("redtrust", "www").revisions == ()
        assert reader.names("redtrust") == []
        assert list(reader.find("redtrust", states=[State.INTENDED])) == []
        assert list(path.parent.iterdir()) == []
        with open_store(str(missing)) as store:
            stored = store.put(make())
        assert reader.enrollment("redtrust", "www").revisions == stored


def test_a_reader_goes_on_with_the_file_that_it_opened(filled: Path) -> None:
    with open_store(str(filled), read_only=True) as reader:
        assert len(reader.enrollments()) == 40
        away = filled.rename(filled.with_name("away"))
        assert len(reader.enrollments()) == 40, "a file that is gone is not one that never was"
        away.rename(filled)


def test_a_reader_looks_at_a_file_system_that_is_mounted_later(path: Path, tmp_path: Path) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text("27 1 254:0 / / rw - ext4 /dev/vda1 rw\n")
    with SqliteStore(str(path), read_only=True, mountinfo=str(mountinfo)) as reader:
        assert reader.enrollments() == []
        mountinfo.write_text(f"40 27 0:50 / {tmp_path} rw - nfs4 filer:/export rw\n")
        with pytest.raises(StoreError, match="network file system"):
            reader.enrollments()


def test_a_reader_leaves_everything_as_it_is(filled: Path) -> None:
    before = {file: file.read_bytes() for file in filled.parent.iterdir()}
    with open_store(str(filled), read_only=True) as reader:
        assert len(reader.enrollments()) == 40
    assert {file: file.read_bytes() for file in filled.parent.iterdir()} == before


def test_a_reader_sees_what_a_writer_has_just_committed(path: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store, open_store(str(path), read_only=True) as reader:
        stored = store.put(make())
        assert reader.enrollment("redtrust", "www").revisions == stored


def test_a_reader_cannot_write(filled: Path, make: MakeRevision) -> None:
    with SqliteStore(str(filled), read_only=True) as reader:
        calls: list[t.Callable[[], object]] = [
            lambda: reader.put(make()),
            lambda: reader.acquire(["a"], "me", 1),
            lambda: reader.renew("me", 1),
            lambda: reader.release(["a"], "me"),
            lambda: reader.put_session("session/a", b"", 0),
        ]
        for call in calls:
            with pytest.raises(StoreError, match="read only"):
                call()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reading(reader).execute("DELETE FROM revisions")
