# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A time limit for each test, so that a test that hangs fails."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import typing as t

import pytest

# Much longer than any test takes. A module that tests that something ends may set a shorter limit.
LIMIT_SECONDS = 300
# They start a worker of the store, another run, or a shell in a mount namespace of its own.
PROCESS_FIXTURES = frozenset(("worker", "other", "mounted"))


@pytest.fixture(autouse=True)
def limit(request: pytest.FixtureRequest) -> t.Iterator[None]:
    """End a test that takes too long, wherever it waits; the tested code cannot catch that."""
    seconds: int = getattr(request.module, "LIMIT_SECONDS", LIMIT_SECONDS)

    def end(_signal: int, _frame: object) -> t.NoReturn:
        pytest.fail(f"it still runs after {seconds} seconds")

    if threading.current_thread() is not threading.main_thread():  # only the main thread can handle a signal
        yield
        return
    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests with a fixture that starts a program, so that ``-m "not process"`` leaves them out."""
    for item in items:
        if PROCESS_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("process")


@pytest.fixture(autouse=True)
def no_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test without the mark ``process`` that starts a program other than openssl, which makes its input."""
    if request.node.get_closest_marker("process"):
        return

    start = subprocess.Popen.__init__

    def start_openssl(process: subprocess.Popen[t.Any], command: t.Any, *others: t.Any, **options: t.Any) -> None:
        if command[0] != "openssl":
            refuse()
        start(process, command, *others, **options)

    def refuse() -> t.NoReturn:
        pytest.fail("it starts a process: mark it with pytest.mark.process, and make quick leaves it out")

    monkeypatch.setattr(subprocess.Popen, "__init__", start_openssl)
    monkeypatch.setattr(os, "fork", refuse)
