# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a backup as docs/store.md describes, while several processes write: it opens, and is complete."""

from __future__ import annotations

import collections.abc as c
import contextlib
import os
import shutil
import sqlite3
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_store

if t.TYPE_CHECKING:
    from .conftest import StartWorker

pytestmark = pytest.mark.process

DOCUMENT = Path(__file__).resolve().parents[5] / "docs" / "store.md"
NAMES = ("a", "b", "c")


def documented() -> dict[str, str]:
    """Return the shell commands of the page that copy a store, by the word that distinguishes them."""
    lines = [line.strip() for line in DOCUMENT.read_text(encoding="utf-8").splitlines()]
    commands = {word: [line for line in lines if line.startswith("(umask") and word in line] for word in METHODS}
    assert {word: len(found) for word, found in commands.items()} == dict.fromkeys(METHODS, 1)
    return {word: found[0] for word, found in commands.items()}


def by_python(path: Path, copy: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    shutil.copy(f"{path}.key", f"{copy}.key")
    copy.chmod(0o600)


METHODS = ("VACUUM INTO", ".backup")


def by_shell(word: str) -> c.Callable[[Path, Path], None]:
    def run(path: Path, copy: Path) -> None:
        command = documented()[word].replace("store.sqlite3", "$STORE").replace("copy.sqlite3", "$COPY")
        places = {**os.environ, "STORE": path.name, "COPY": copy.name}
        subprocess.run(["sh", "-ec", command], cwd=path.parent, env=places, check=True, timeout=60)

    return run


NEEDS_SHELL = pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 command here")
WAYS = [
    pytest.param(by_python, id="python"),
    *(pytest.param(by_shell(word), id=word, marks=NEEDS_SHELL) for word in METHODS),
]


@pytest.mark.parametrize("copied", WAYS)
def test_a_backup_taken_while_jobs_run_is_whole(
    tmp_path: Path, worker: StartWorker, copied: c.Callable[[Path, Path], None]
) -> None:
    path = tmp_path / "store.db"
    jobs = {name: worker("renew", path, name) for name in NAMES}
    for job in jobs.values():
        assert job.stdin is not None
        job.stdin.write("\n")
        job.stdin.flush()
    for number in range(3):
        heard = {name: last_line(job, 5) for name, job in jobs.items()}
        copy = tmp_path / f"copy{number}.db"
        copied(path, copy)
        assert all(job.poll() is None for job in jobs.values()), "the jobs went on"
        assert_whole(copy, heard)


def last_line(job: subprocess.Popen[str], count: int) -> int:
    """Return the last number that a job reports as committed, after this many lines."""
    assert job.stdout is not None
    lines = [job.stdout.readline().strip() for _number in range(count)]
    return int(lines[-1]) if lines[-1].isdigit() else 0


def assert_whole(copy: Path, heard: dict[str, int]) -> None:
    with open_store(str(copy)) as store:
        for name, number in heard.items():
            revisions = store.enrollment("redtrust", name).revisions
            states = [revision.state for revision in revisions]
            assert states == [State.SUPERSEDED] * (len(states) - 1) + [State.FINALIZED]
            assert len(revisions) >= number
            (stored,) = store.put(revisions[-1].moved(State.FINALIZED, request_code="R-1"))
            assert store.enrollment("redtrust", name).latest == stored
