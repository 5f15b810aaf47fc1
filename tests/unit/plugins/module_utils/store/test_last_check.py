# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store is checked as a whole unless a run closed it just so, within the hour after a check.

Each row that is read is checked always. Each test of test_damage opens a store that anything else has changed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import last_check, schema
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_store

if t.TYPE_CHECKING:
    from .conftest import MakeRevision

HOUR = 3600.0


class Clock:
    """The time, which a test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock.time)
    return clock


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The checks of a whole store, as they happen."""
    found: list[str] = []
    pragma = schema.pragma

    def noted(connection: sqlite3.Connection, name: str) -> t.Any:
        if name.startswith("integrity_check"):
            found.append(name)
        return pragma(connection, name)

    monkeypatch.setattr(schema, "pragma", noted)
    return found


@pytest.fixture
def path(tmp_path: Path, make: MakeRevision, clock: Clock) -> Path:
    """Return a store that a run has closed; its check was now."""
    with open_store(str(tmp_path / "store.db")) as store:
        store.put(make("a"), make("b"))
    return tmp_path / "store.db"


def use(path: Path, make: MakeRevision | None = None, *, read_only: bool = False) -> None:
    """Open and close a store, and write to it in between if there is a maker of rows."""
    with open_store(str(path), read_only=read_only) as store:
        assert len(store.enrollments()) >= 2
        if make:
            store.put(make(f"{len(store.enrollments())}"))


def note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.checked")


def as_nobody_saw(path: Path, change: bytes, to: bytes, at: float) -> None:
    """Change a file as a disk does that fails: its times, in the note of the last check, tell nothing.

    ``change`` is a regular expression.
    """
    content, changes = re.subn(change, to, path.read_bytes())
    assert changes
    path.write_bytes(content)
    last_check.note(path, at)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_that_was_just_checked_is_not_checked_again(
    path: Path, make: MakeRevision, checks: list[str], clock: Clock, read_only: bool
) -> None:
    for _run in range(3):
        clock.now += 600
        use(path, None if read_only else make, read_only=read_only)
    assert checks == []


def test_it_is_checked_again_after_an_hour_however_often_it_is_used(
    path: Path, make: MakeRevision, checks: list[str], clock: Clock
) -> None:
    for _run in range(13):
        clock.now += HOUR / 6
        use(path, make)
    assert len(checks) == 2


def test_a_clock_that_was_put_back_has_it_checked(path: Path, checks: list[str], clock: Clock) -> None:
    clock.now -= 1
    use(path)
    assert len(checks) == 1
    use(path)
    assert len(checks) == 1


def test_what_anything_else_has_written_is_checked(path: Path, make: MakeRevision, checks: list[str]) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM leases")
        connection.execute("VACUUM")
    use(path)
    use(path)
    assert len(checks) == 1


def test_a_change_with_forged_times_is_checked(path: Path, checks: list[str]) -> None:
    before = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    use(path)
    assert len(checks) == 1


def test_a_copy_is_checked(path: Path, checks: list[str]) -> None:
    """A backup that was restored is one, even if the note came with it."""
    shutil.copytree(path.parent, path.parent / "copy", copy_function=shutil.copy2)
    (path.parent / "copy").chmod(0o700)
    use(path.parent / "copy" / path.name)
    assert len(checks) == 1


def test_a_store_that_a_killed_run_has_changed_is_checked(path: Path, make: MakeRevision, checks: list[str]) -> None:
    store = open_store(str(path))
    note = note_of(path).read_bytes()
    store.put(make("c"))
    store.close()
    note_of(path).write_bytes(note)
    use(path)
    assert len(checks) == 1


def test_a_run_notes_nothing_for_a_file_that_took_the_place_of_its_own(path: Path, checks: list[str]) -> None:
    with open_store(str(path)):
        shutil.copy(path, path.with_name("copy"))
        path.with_name("copy").replace(path)
    use(path)
    assert len(checks) == 1


@pytest.mark.parametrize(
    "note", [b"", b"{", b"\xff", b"[]", b"7", b'{"checked_at": 1}', b'{"checked_at": "now", "file": []}']
)
def test_a_note_that_cannot_be_read_is_none(path: Path, checks: list[str], note: bytes) -> None:
    note_of(path).write_bytes(note)
    use(path)
    use(path)
    assert len(checks) == 1


def test_the_note_of_another_moment_is_none(path: Path, checks: list[str]) -> None:
    """Each part of the file's appearance counts."""
    noted = json.loads(note_of(path).read_text("utf-8"))
    for index in range(len(noted["file"])):
        other = {**noted, "file": [value + (at == index) for at, value in enumerate(noted["file"])]}
        note_of(path).write_text(json.dumps(other), encoding="utf-8")
        use(path)
    assert len(checks) == len(noted["file"]) == 5


def test_without_room_for_a_note_the_run_is_as_good(
    path: Path, checks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    note_of(path).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        use(path)
    use(path)
    use(path)
    assert len(checks) == 2


def test_a_reader_notes_nothing(path: Path, checks: list[str]) -> None:
    note_of(path).unlink()
    for _run in range(2):
        use(path, read_only=True)
        assert not note_of(path).exists()
    assert len(checks) == 2


def test_a_store_that_is_refused_is_not_noted(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(4096) + content[8192:])
    for _run in range(2):
        with pytest.raises(StoreError, match="damaged"):
            open_store(str(path))


@pytest.mark.parametrize("read_only", [False, True])
def test_a_row_that_is_read_is_checked_always(path: Path, clock: Clock, checks: list[str], read_only: bool) -> None:
    as_nobody_saw(path, b'"value": "a"', b'"value": "b"', at=clock.now)
    with open_store(str(path), read_only=read_only) as store:
        with pytest.raises(StoreError, match=r"'a', revision 1.*checksum"):
            store.enrollments("redtrust", ["a"])
        with pytest.raises(StoreError, match=r"'a', revision 1.*checksum"):
            list(store.find("redtrust"))
    assert checks == []


def test_what_no_time_tells_is_found_within_the_hour(path: Path, clock: Clock) -> None:
    """A name that reads otherwise in an index hides its enrollment until then."""
    as_nobody_saw(path, b"redtrusta(?!.?.?intended)", b"redtrustA", at=clock.now)
    clock.now += HOUR - 1
    with open_store(str(path)) as store:
        assert store.enrollment("redtrust", "a").revisions == ()
    clock.now += 1
    with pytest.raises(StoreError, match="damaged"):
        open_store(str(path))
