# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes on one store, and processes that are killed during their work."""

from __future__ import annotations

import collections
import contextlib
import random
import signal
import sqlite3
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Store,
    open_postgresql,
    open_store,
)

if t.TYPE_CHECKING:
    from .conftest import MakeRevision, StartWorker

pytestmark = pytest.mark.process


def said(processes: t.Sequence[subprocess.Popen[str]]) -> list[str]:
    """Start all at the same moment and return the output of each."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        _begin(process)
    answers = [process.communicate()[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return answers


def _begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def killed(process: subprocess.Popen[str]) -> None:
    """Start a process that kills itself."""
    process.communicate("\n")
    assert process.returncode == -signal.SIGKILL


def whole(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the place of a store that no run has made yet: a path, or a connection string."""
    return str(tmp_path / "new" / "store.db" if request.param == "sqlite" else request.getfixturevalue("dsn"))


@contextlib.contextmanager
def reading(place: str) -> t.Iterator[Store]:
    """Open the store at a place to look into it."""
    with (
        open_postgresql(place, "a store key, for tests", read_only=True, warn=pytest.fail)
        if "=" in place
        else open_store(place, read_only=True)
    ) as store:
        yield store


def test_of_sixteen_first_runs_one_puts_the_intent(tmp_path: Path, worker: StartWorker) -> None:
    path = tmp_path / "new" / "store.db"
    answers = said([worker("intend", path, "www") for _number in range(16)])
    assert collections.Counter(answers) == {"first": 1, "late": 15}
    assert sorted(file.name for file in path.parent.iterdir()) == ["store.db", "store.db.checked", "store.db.key"]
    with open_store(str(path)) as store:
        assert len(store.enrollment("redtrust", "www").revisions) == 1


def test_of_sixteen_runs_after_one_that_was_killed_one_puts_the_intent(tmp_path: Path, worker: StartWorker) -> None:
    path = tmp_path / "store.db"
    process = worker("renew", path, "mail")
    _begin(process)
    assert process.stdout is not None
    for _number in range(5):
        process.stdout.readline()
    process.kill()
    process.wait()
    assert path.with_name("store.db-wal").stat().st_size > 0
    answers = said([worker("intend", path, "www") for _number in range(16)])
    assert collections.Counter(answers) == {"first": 1, "late": 15}
    assert whole(path)


def test_of_many_first_runs_on_each_store_one_puts_the_intent(place: str, worker: StartWorker) -> None:
    answers = said([worker("intend", place, "www") for _number in range(8)])
    assert collections.Counter(answers) == {"first": 1, "late": 7}
    with reading(place) as store:
        assert len(store.enrollment("redtrust", "www").revisions) == 1


def test_of_eight_processes_one_has_the_lease(place: str, worker: StartWorker) -> None:
    answers = said([worker("lease", place, "key", f"holder {number}") for number in range(8)])
    assert len(set(answers)) == 1


def test_no_write_is_lost_between_processes(place: str, worker: StartWorker) -> None:
    assert said([worker("count", place, "www", 25) for _number in range(4)]) == ["25"] * 4
    with reading(place) as store:
        latest = store.enrollment("redtrust", "www").latest
        assert latest is not None
        assert latest.generation == 100


@pytest.mark.parametrize("seed", range(4))
def test_what_was_said_to_be_stored_outlives_a_kill(place: str, worker: StartWorker, seed: int) -> None:
    process = worker("renew", place, "www")
    _begin(process)
    assert process.stdout is not None
    lines = random.Random(seed).randrange(2, 60)
    last = [process.stdout.readline().strip() for _number in range(lines)][-1]
    process.kill()
    heard = [int(last), *map(int, process.communicate()[0].split())]
    if "=" not in place:
        assert whole(Path(place))
    with reading(place) as store:
        revisions = store.enrollment("redtrust", "www").revisions
    assert [revision.revision for revision in revisions] == list(range(1, len(revisions) + 1))
    assert [revision.state for revision in revisions] == [State.SUPERSEDED] * (len(revisions) - 1) + [State.FINALIZED]
    assert len(revisions) - heard[-1] in (0, 1)


def test_what_was_not_committed_is_not_there(place: str, worker: StartWorker) -> None:
    killed(worker("die_in_put", place, "www"))
    with reading(place) as store:
        assert store.enrollments() == []
    assert said([worker("intend", place, "www")]) == ["first"]


@pytest.mark.parametrize(
    ("what", "number", "left"),
    [
        ("fsync", 1, []),
        ("link", 1, []),
        ("fsync", 2, ["store.db.key"]),
        ("link", 2, ["store.db.key"]),
        ("fsync", 3, ["store.db", "store.db.key"]),
    ],
)
def test_a_kill_while_the_store_is_made_locks_nobody_out(
    tmp_path: Path, worker: StartWorker, make: MakeRevision, what: str, number: int, left: list[str]
) -> None:
    path = tmp_path / "store.db"
    killed(worker("die_making", path, what, number))
    drafts = sorted(file.name for file in tmp_path.iterdir() if file.name not in left)
    assert sorted(file.name for file in tmp_path.glob("store.db*")) == left
    assert all(name.startswith((".new-key-", ".new-store-")) for name in drafts), "the name says what it is"
    if path.exists():
        assert path.read_bytes()[18:20] == b"\2\2", "the file format says WAL from the first moment"
    with open_store(str(path)) as store:
        store.put(make(request_code="R-1"))
    assert whole(path)
