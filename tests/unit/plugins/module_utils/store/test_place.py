# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store on a disk that is full or read-only, in a directory that is closed, or that disappears during a run."""

from __future__ import annotations

import collections.abc as c
import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store, open_store

if t.TYPE_CHECKING:
    from .conftest import MakeRevision

TREE = Path(__file__).resolve().parents[5] / ".tree"
SOMEBODY = 12345


def in_mount(directory: Path, script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount on ``directory``; the mount ends with it. ``work`` runs worker.py."""
    work = f'work() {{ echo | "{sys.executable}" "{Path(__file__).with_name("worker.py")}" "$@" | tail -n +2; }}\n'
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    environment = {**os.environ, "PYTHONPATH": str(TREE)}
    return subprocess.run(
        [*command, "sh", "-ec", work + script, "sh", str(directory), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )


@functools.cache
def can_mount() -> bool:
    if not shutil.which("unshare"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        return in_mount(Path(folder), 'mount -t tmpfs -o size=64k none "$1"').returncode == 0


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    if not can_mount():
        pytest.skip("nothing can be mounted here: that needs unshare, and the right to use it")
    (tmp_path / "disk").mkdir(0o700)
    return tmp_path / "disk"


@pytest.mark.parametrize("size", ["448k", "512k", "1m"])
def test_a_disk_that_is_full_loses_nothing_and_is_named(mounted: Path, size: str) -> None:
    script = 'mount -t tmpfs -o size="$2",mode=0700 none "$1"; work fill "$1/store.db"; ls "$1"'
    ran = in_mount(mounted, script, size)
    assert (ran.returncode, ran.stderr) == (0, "")
    said, *counts, names = ran.stdout.split("\n", 4)
    assert re.fullmatch(rf"store {mounted}/store\.db: .*(full|disk I/O error).*; .*run again", said)
    for line in counts:
        done, there = line.split()
        assert done == there
    assert int(counts[0].split()[0]) > 5
    own = ("", ".key", ".checked", "-wal", "-shm")
    assert not set(names.split()) - {f"store.db{suffix}" for suffix in own}


def test_a_disk_without_room_for_a_store_has_none_of_it_afterwards(mounted: Path) -> None:
    script = 'mount -t tmpfs -o size=16k,mode=0700 none "$1"; work use "$1/store.db"; ls "$1"'
    ran = in_mount(mounted, script)
    assert (ran.returncode, ran.stderr) == (0, "")
    put, read, look, names = ran.stdout.split("\n", 3)
    for line in (put, read):
        assert f"store {mounted}/store.db" in line
        assert "run again" in line
    assert look == "look: 0"
    assert set(names.split()) <= {"store.db.key"}


def test_a_store_on_a_file_system_that_is_read_only_is_left_as_it_is(mounted: Path) -> None:
    script = """
        mount -t tmpfs -o size=2m,mode=0700 none "$1"
        work intend "$1/store.db" www
        sha256sum "$1"/*
        mount -o remount,bind,ro "$1"
        work use "$1/store.db"
        sha256sum "$1"/*
    """
    ran = in_mount(mounted, script)
    assert (ran.returncode, ran.stderr) == (0, "")
    first, store, checked, key, put, read, look, *after = ran.stdout.splitlines()
    assert first == "first"
    assert after == [store, checked, key]
    for line in (put, read, look):
        assert f"store {mounted}/store.db" in line
        assert "writable" in line


@pytest.fixture
def closed() -> c.Iterator[Path]:
    """A directory of a user without root's rights; the process runs as that user in this test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        theirs = os.geteuid() == 0
        if theirs:
            os.chown(folder, SOMEBODY, -1)
            os.seteuid(SOMEBODY)
        try:
            yield folder
        finally:
            if theirs:
                os.seteuid(0)
            for directory in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
                directory.chmod(0o700)


def use(path: Path, make: MakeRevision, *, read_only: bool) -> None:
    with open_store(str(path), read_only=read_only) as store:
        if read_only:
            store.enrollments()
        else:
            store.put(make("more"))


@pytest.mark.parametrize("above", [1, 2])
def test_a_directory_that_cannot_be_looked_into_is_named(closed: Path, make: MakeRevision, above: int) -> None:
    path = closed / "a" / "b" / "store.db"
    with open_store(str(path)) as store:
        store.put(make())
    path.parents[above].chmod(0o000)
    for read_only in (False, True):
        with pytest.raises(StoreError, match=f"store {path}: it cannot be looked at .Permission denied"):
            use(path, make, read_only=read_only)
    path.parents[above].chmod(0o700)
    with open_store(str(path)) as store:
        assert len(store.enrollments()) == 1


def test_a_directory_that_cannot_be_made_is_named(closed: Path, make: MakeRevision) -> None:
    (closed / "shut").mkdir(0o500)
    path = closed / "shut" / "new" / "store.db"
    with pytest.raises(StoreError, match=f"{path.parent} cannot be made .Permission denied"):
        open_store(str(path))
    assert list((closed / "shut").iterdir()) == []


def test_a_store_that_cannot_be_made_says_where(closed: Path, make: MakeRevision) -> None:
    (closed / "shut").mkdir(0o500)
    path = closed / "shut" / "store.db"
    with pytest.raises(StoreError, match=f"store {path}: Permission denied; .*writable"):
        open_store(str(path))
    assert list((closed / "shut").iterdir()) == []


@pytest.mark.parametrize(("shut", "mode"), [("", 0o500), ("store.db", 0o400), ("store.db", 0o000)])
def test_what_cannot_be_written_is_left_as_it_is(closed: Path, make: MakeRevision, shut: str, mode: int) -> None:
    path = closed / "store.db"
    with open_store(str(path)) as store:
        store.put(make())
    before = path.read_bytes()
    (closed / shut).chmod(mode)
    with pytest.raises(StoreError, match=f"store {path}: .*writable"):
        use(path, make, read_only=False)
    (closed / shut).chmod(0o700 if not shut else 0o600)
    assert path.read_bytes() == before
    with open_store(str(path)) as store:
        assert len(store.enrollments()) == 1


def test_a_key_that_cannot_be_read_is_named(closed: Path, make: MakeRevision) -> None:
    path = closed / "store.db"
    open_store(str(path)).close()
    (closed / "store.db.key").chmod(0o200)
    with pytest.raises(StoreError, match=f"{path}.key: .*Permission denied.*readable"):
        open_store(str(path))


WRITES: dict[str, t.Callable[[Store, MakeRevision], object]] = {
    "put": lambda store, make: store.put(make("more")),
    "acquire": lambda store, _make: store.acquire(["a"], "me", 60),
    "renew": lambda store, _make: store.renew("me", 60),
    "release": lambda store, _make: store.release(["a"], "me"),
    "session": lambda store, _make: store.put_session("session/a", b"new", 0),
}


@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.parametrize("verb", WRITES)
def test_what_was_removed_during_a_run_is_written_to_no_more(
    tmp_path: Path, make: MakeRevision, verb: str, suffix: str
) -> None:
    path = tmp_path / "store.db"
    with open_store(str(path)) as store, open_store(str(tmp_path / "other.db")) as other:
        store.put(make())
        gone = tmp_path / f"store.db{suffix}"
        away = gone.rename(tmp_path / "away")
        with pytest.raises(StoreError, match=f"{gone} was removed or replaced.*nothing was written.*stop all jobs"):
            WRITES[verb](store, make)
        assert not gone.exists()
        WRITES[verb](other, make)
        away.rename(gone)
        WRITES[verb](store, make)


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_what_took_the_place_of_a_store_during_a_run_is_left_as_it_is(
    tmp_path: Path, make: MakeRevision, suffix: str
) -> None:
    path = tmp_path / "store.db"
    with open_store(str(path)) as store:
        store.put(make())
        gone = tmp_path / f"store.db{suffix}"
        shutil.copy(gone, tmp_path / "copy")
        before = gone.read_bytes()
        (tmp_path / "copy").replace(gone)
        with pytest.raises(StoreError, match=f"{gone} was removed or replaced"):
            store.put(make("more"))
        assert gone.read_bytes() == before


def test_a_directory_that_was_moved_during_a_run_is_noticed(tmp_path: Path, make: MakeRevision) -> None:
    path = tmp_path / "here" / "store.db"
    with open_store(str(path)) as store:
        path.parent.rename(tmp_path / "there")
        with pytest.raises(StoreError, match=f"{path} was removed or replaced"):
            store.put(make())
    with contextlib.closing(open_store(str(tmp_path / "there" / "store.db"))) as store:
        assert store.enrollments() == []
