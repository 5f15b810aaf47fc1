# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a store, its sealed values, and a store of the first release, which has no key."""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import os
import shutil
import sqlite3
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Revision, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import key_file, revision_rows, schema
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store, open_store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.key_file import Key
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore

if t.TYPE_CHECKING:
    from .conftest import MakeRevision

KEY = Key(bytes(32), Path("none.key"))
CODE = "R-4f3c0c9f-SECRET-request/code+1"
NOTE = "a text that stands in the store as it is"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def key(path: Path) -> Path:
    return path.with_name("store.db.key")


def content(path: Path) -> dict[str, bytes]:
    """Return every file in the directory of a store, the key included."""
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


def test_the_key_and_its_name_are_on_the_disk_before_anything_is_sealed_with_it(
    path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[int, int, bool]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        flushed.append((found.st_ino, found.st_size, key.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    open_store(str(path)).close()
    written, directory = key.stat(), path.parent.stat()
    assert flushed[0] == (written.st_ino, written.st_size, False)
    assert [(inode, there) for inode, _size, there in flushed[1:]] == [(directory.st_ino, True)] * 2


def shown(path: Path, code: str) -> list[str]:
    """Return the files beside a store that hold a code in clear, in base64 at any offset, or as hex."""
    raw = code.encode()
    forms = [raw, code.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode()]
    # The first and last characters depend on the neighbours; those between do not.
    forms += [base64.b64encode(bytes(shift) + raw)[4:-4] for shift in range(3)]
    return [name for name, found in content(path).items() if any(form in found for form in forms)]


def latest(store: Store, name: str = "www") -> Revision:
    found = store.enrollment("redtrust", name).latest
    assert found is not None
    return found


def test_no_file_holds_a_request_code(path: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store:
        (stored,) = store.put(make(request_code=CODE, note=NOTE))
        assert latest(store) == stored
        assert stored.request_code == CODE
        assert set(content(path)) == {"store.db", "store.db.key", "store.db-wal", "store.db-shm"}
        assert shown(path, NOTE) == ["store.db-wal"], "the search finds what is there"
        assert shown(path, CODE) == []
    assert shown(path, NOTE) == ["store.db"]
    assert shown(path, CODE) == []


def test_what_is_sealed_once_is_never_sealed_to_the_same_again(path: Path, make: MakeRevision) -> None:
    sealed = set()
    with SqliteStore(str(path)) as store:
        connection = store.connections.writer().connection.raw
        (row,) = store.put(make(request_code=CODE))
        for _number in range(3):
            sealed.add(connection.execute("SELECT request_code FROM revisions").fetchone()[0])
            (row,) = store.put(row)
    assert len(sealed) == 3


def test_a_request_code_that_was_dropped_is_in_no_page(path: Path, make: MakeRevision) -> None:
    with SqliteStore(str(path)) as store:
        rows = store.put(*(make(f"{number:02}", request_code=f"{CODE}{number}") for number in range(40)))
        connection = store.connections.writer().connection.raw
        sealed = [row[0] for row in connection.execute("SELECT request_code FROM revisions")]
        store.put(*(row.moved(State.FINALIZED, request_code=None) for row in rows))
    with sqlite_of(path) as connection:
        assert connection.execute("SELECT count(request_code) FROM revisions").fetchone() == (0,)
    found = content(path)["store.db"]
    assert not [code for code in sealed if code[:12] in found or code[-12:] in found]


def test_a_key_is_32_random_bytes_of_its_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        open_store(str(tmp_path / name)).close()
    keys = {(tmp_path / f"{name}.key").read_bytes() for name in ("one", "two")}
    assert len(keys) == 2
    assert {len(base64.b64decode(text, validate=False)) for text in keys} == {32}


def test_the_key_stays_as_it_is(path: Path, key: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store:
        before = key.read_bytes(), key.stat().st_ino
        store.put(make(request_code=CODE))
    with open_store(str(path)) as store:
        store.put(latest(store))
        assert latest(store).request_code == CODE
    assert (key.read_bytes(), key.stat().st_ino) == before


def test_of_two_runs_that_make_a_key_the_first_one_has_made_it(key: Path) -> None:
    key_file.make(key)
    before = key.read_bytes()
    key_file.make(key)
    assert key.read_bytes() == before
    assert list(key.parent.iterdir()) == [key]


def test_a_key_that_is_taken_away_while_it_is_made_is_missed(
    path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "make", lambda _path: None)
    with pytest.raises(StoreError, match=f"store {path}: its key {key} was removed while it was being made; run again"):
        open_store(str(path))
    assert content(path) == {}


def test_a_reader_needs_no_key_and_has_no_request_code(path: Path, key: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store:
        store.put(make(request_code=CODE, csr=b"\x30\x00"))
    key.unlink()
    with open_store(str(path), read_only=True) as reader:
        assert latest(reader).request_code is None
        assert latest(reader).csr == b"\x30\x00"
    assert not key.exists()


def test_a_key_that_is_missing_is_not_made_anew(path: Path, key: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store:
        store.put(make("a"), make("b", request_code=CODE))
    key.unlink()
    before = content(path)
    with pytest.raises(StoreError, match=f"{key} is missing.*same backup") as caught:
        open_store(str(path))
    assert str(path) in str(caught.value)
    assert content(path) == before


@pytest.mark.parametrize("version", range(2, len(schema.MIGRATIONS) + 1))
def test_an_upgrade_that_was_cut_off_after_the_codes_were_sealed_needs_their_key(
    path: Path, key: Path, make: MakeRevision, version: int
) -> None:
    with open_store(str(path)) as store:
        store.put(make(request_code=CODE))
    with sqlite_of(path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    key.unlink()
    with pytest.raises(StoreError, match=f"{key} is missing"):
        open_store(str(path))


def test_with_nothing_sealed_a_missing_key_is_made(path: Path, key: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store:
        store.put(make("a"))
    key.unlink()
    with open_store(str(path)) as store:
        store.put(make("b", request_code=CODE))
    with open_store(str(path)) as store:
        assert latest(store, "b").request_code == CODE


@pytest.mark.parametrize(
    "bad",
    [
        *(b"", b"\n", b"AAAA\n", b"no base64 at all, but a text\n", base64.b64encode(bytes(33))),
        b"A" * 20 + b" " + b"A" * 23 + b"=",  # 32 bytes for who skips the space
    ],
)
def test_a_key_that_is_none_is_refused(path: Path, key: Path, bad: bytes) -> None:
    open_store(str(path)).close()
    key.write_bytes(bad)
    before = content(path)
    with pytest.raises(StoreError, match=f"{key}.* damaged.*same backup"):
        open_store(str(path))
    assert content(path) == before


def test_a_key_cut_anywhere_is_refused(path: Path, key: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store:
        store.put(make(request_code=CODE))
    whole = key.read_bytes()
    for length in range(len(whole) - 1):
        key.write_bytes(whole[:length])
        with pytest.raises(StoreError, match=str(key)):
            open_store(str(path))
    key.write_bytes(whole[:-1])
    with open_store(str(path)) as store:
        assert latest(store).request_code == CODE, "only the end of the line was missing"


def test_a_key_with_another_bit_opens_nothing(path: Path, key: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store:
        store.put(make(request_code=CODE))
    before, whole = path.read_bytes(), key.read_bytes()
    opened = []
    for bit in range(0, 8 * len(whole), 5):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        key.write_bytes(changed)
        try:
            with open_store(str(path)) as store:
                assert latest(store).request_code == CODE
            opened.append(bit // 8)
        except StoreError as exc:
            assert str(key) in str(exc)  # noqa: PT017 (either will do, but for most of them)
    assert set(opened) <= {whole.index(b"=") - 1}, "the last digit has bits that mean nothing"
    assert path.read_bytes() == before


def test_what_is_no_private_file_is_no_key(path: Path, key: Path, tmp_path: Path) -> None:
    open_store(str(path)).close()
    real = key.rename(tmp_path / "real")
    key.symlink_to(real)
    refused(path, f"{key}.*a symbolic link")
    key.unlink()
    os.mkfifo(key, 0o600)
    refused(path, f"{key}.*a FIFO")
    key.unlink()
    key.mkdir(0o700)
    refused(path, f"{key}.*a directory")
    key.rmdir()
    shutil.copy(real, key)
    key.chmod(0o640)
    refused(path, f"chmod 600 {key}")
    key.chmod(0o600)
    open_store(str(path)).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_key_of_another_user_is_refused(path: Path, key: Path) -> None:
    open_store(str(path)).close()
    os.chown(key, 12345, -1)
    refused(path, f"{key}.*12345")


def refused(path: Path, words: str) -> None:
    for read_only in (False, True):
        with pytest.raises(StoreError, match=words):
            open_store(str(path), read_only=read_only)


def test_a_key_that_changes_during_a_run_is_noticed(path: Path, key: Path, make: MakeRevision) -> None:
    with open_store(str(path)) as store:
        away = key.rename(key.with_name("away"))
        with pytest.raises(StoreError, match=f"{key} was removed or replaced"):
            store.put(make(request_code=CODE))
        shutil.copy(away, key)
        with pytest.raises(StoreError, match=f"{key} was removed or replaced"):
            store.put(make(request_code=CODE))
        away.replace(key)
        store.put(make(request_code=CODE))


@contextlib.contextmanager
def sqlite_of(path: Path) -> t.Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection
    path.chmod(0o600)


def fill_first_release(connection: sqlite3.Connection, make: MakeRevision) -> None:
    """Make a store of version 1, with codes in rows, in deleted versions of rows, and in free pages."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA secure_delete = OFF")
    for statement in schema.MIGRATIONS[0]:
        assert isinstance(statement, str)
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    columns = [column for column in revision_rows.FIRST_COLUMNS if column not in ("failures", "retry_at")]
    insert = f"INSERT INTO revisions ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    then = revision_rows.date_from_text("2026-01-01T00:00:00Z")
    pending = [(str(number), State.ISSUED) for number in range(60)]
    for name, state in [("done", State.FINALIZED), ("old", State.SUPERSEDED), *pending]:
        revision = make(name, state=state, generation=4, certificate=bytes(1500), created_at=then, updated_at=then)
        row = {**revision_rows.to_row(revision, KEY), "request_code": f"{CODE} of {name}"}
        connection.execute(insert, [row[column] for column in columns])
    connection.execute("DELETE FROM revisions WHERE name LIKE '3_'")
    connection.execute("UPDATE revisions SET request_code = NULL WHERE name LIKE '4_'")


@pytest.mark.parametrize("crashed", [False, True])
def test_a_store_of_the_first_release_is_sealed_without_a_trace(
    tmp_path: Path, path: Path, make: MakeRevision, crashed: bool
) -> None:
    first = tmp_path / "first.db"
    (tmp_path / "new").mkdir(0o700)
    path = tmp_path / "new" / "store.db"
    with sqlite_of(first) as connection:
        fill_first_release(connection, make)
        if not crashed:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for suffix in ("", "-wal"):
            shutil.copy(f"{first}{suffix}", f"{path}{suffix}")
            os.chmod(f"{path}{suffix}", 0o600)  # noqa: PTH101
    assert shown(path, f"{CODE} of 35") == ["store.db-wal" if crashed else "store.db"], "where a row was deleted"
    with pytest.raises(StoreError, match=f"store {path}: an older release.*upgrades"):
        open_store(str(path), read_only=True)
    with open_store(str(path)) as store:
        assert shown(path, CODE) == []
        names = ["1", "41", "done", "old"]
        found = [latest(store, name) for name in names]
        assert [row.request_code for row in found] == [f"{CODE} of 1", None, None, None]
        values = {(row.generation, row.failures, row.retry_at, row.certificate) for row in found}
        assert values == {(4, 0, None, bytes(1500))}
        assert len(store.enrollments()) == 52
        store.put(found[0])
    assert shown(path, CODE) == []
    with open_store(str(path)) as store:
        assert latest(store, "1").request_code == f"{CODE} of 1"


def test_an_upgrade_gives_each_row_of_a_large_store_its_checksum(path: Path, make: MakeRevision) -> None:
    """It reads a thousand at a time."""
    with open_store(str(path)) as store:
        store.put(*(make(f"{number:04}") for number in range(2001)))
    with sqlite_of(path) as connection:
        connection.execute("UPDATE revisions SET checksum = NULL")
        schema._sum_up(connection, KEY)
    with open_store(str(path)) as store:
        assert len(store.enrollments()) == 2001


def test_an_upgrade_that_was_cut_off_is_finished_by_the_next_run(path: Path, key: Path, make: MakeRevision) -> None:
    with sqlite_of(path) as connection:
        fill_first_release(connection, make)
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(sqlite_of(path))
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM revisions").fetchone()
        with pytest.raises(StoreError, match=r"locked.*job that hangs"):
            SqliteStore(str(path), patience=0.05)
    with sqlite_of(path) as connection:
        assert 1 <= int(schema.pragma(connection, "user_version")) < len(schema.MIGRATIONS)
    with open_store(str(path)) as store:
        assert latest(store, "1").request_code == f"{CODE} of 1"
        assert shown(path, CODE) == []


def test_a_first_release_upgraded_by_many_at_once_is_sealed_once(path: Path, key: Path, make: MakeRevision) -> None:
    with sqlite_of(path) as connection:
        fill_first_release(connection, make)

    def code(_number: int) -> str | None:
        with open_store(str(path)) as store:
            return latest(store, "1").request_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(code, range(8))) == [f"{CODE} of 1"] * 8
    assert shown(path, CODE) == []
