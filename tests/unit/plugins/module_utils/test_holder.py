# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The holder of a lease, with real processes."""

from __future__ import annotations

import getpass
import os
import re
import socket
import subprocess
import sys

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _holder

ANOTHER = (
    "import sys; from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _holder;"
    "print(_holder.holder(), flush=True); sys.stdin.read()"
)


@pytest.fixture
def other() -> subprocess.Popen[str]:
    """Return a process that prints its own name, and lives until its input is closed."""
    environment = {**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"], "JOB_ID": "4711"}
    return subprocess.Popen(
        [sys.executable, "-c", ANOTHER], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def name_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def test_names_host_pid_and_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_ID", "42")
    assert re.match(rf"\S+ \(pid {os.getpid()}, job 42, ", _holder.holder())
    monkeypatch.delenv("JOB_ID")
    assert "job" not in _holder.holder()


@pytest.mark.parametrize(
    ("environment", "number", "is_in_job"),
    [
        ({}, None, False),
        ({"JOB_ID": "", "AWX_HOST": ""}, None, False),
        ({"JOB_ID": "42", "AWX_HOST": ""}, "42", True),
        ({"AWX_HOST": "https://awx.example.com"}, None, True),
    ],
)
def test_knows_a_job(
    environment: dict[str, str], number: str | None, is_in_job: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JOB_ID", "AWX_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (_holder.job_number(), _holder.is_in_job()) == (number, is_in_job)


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_names_the_place_also_of_a_user_without_an_entry(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_entry() -> str:
        raise error("uid not found")

    assert _holder.user_at_host() == f"{getpass.getuser()}@{socket.gethostname()}"
    monkeypatch.setattr(getpass, "getuser", no_entry)
    assert _holder.user_at_host() == f"{os.getuid()}@{socket.gethostname()}"


def test_two_runs_of_one_process_differ() -> None:
    assert _holder.holder() != _holder.holder()


def test_tells_a_process_that_lives_from_one_that_is_gone(other: subprocess.Popen[str]) -> None:
    with other:
        words = name_of(other)
        assert "job 4711" in words
        assert not _holder.is_gone(words)
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        assert _holder.is_gone(words), "it is over, though nobody has reaped it"
    assert _holder.is_gone(words)


def test_a_pid_that_came_again_is_another_process() -> None:
    words = _holder.holder()
    earlier = re.sub(r"/(\d+), run", "/1, run", words)
    assert earlier != words
    assert _holder.is_gone(earlier)
    assert not _holder.is_gone(words)


@pytest.mark.parametrize(
    ("pattern", "other"), [(r"process [0-9a-f]{8}", "process 00000000"), (r"/\d+/", "/1/"), (r"process .*?, ", "")]
)
def test_does_not_judge_what_it_cannot_see(pattern: str, other: str) -> None:
    gone = re.sub(r"pid \d+", "pid 999999999", _holder.holder())
    assert _holder.is_gone(gone)
    assert not _holder.is_gone(re.sub(pattern, other, gone))


def test_another_users_process_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    words = re.sub(r"/(\d+), run", "/1, run", _holder.holder())
    monkeypatch.setattr(os, "kill", refuse)
    assert not _holder.is_gone(words)
