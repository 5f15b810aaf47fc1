# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit for each test, so that one that hangs is one that fails."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import typing as t

import pytest

# Much longer than any of them takes. A module may set a shorter one, where what it tests is that something ends.
LIMIT_SECONDS = 300
# They start a worker of the store, another run, or a shell in a mount namespace of its own.
PROCESS_FIXTURES = frozenset(("worker", "other", "mounted"))


@pytest.fixture(autouse=True)
def limit(request: pytest.FixtureRequest) -> t.Iterator[None]:
    """End a test that takes too long, wherever it waits; what it tests cannot catch that."""
    seconds: int = getattr(request.module, "LIMIT_SECONDS", LIMIT_SECONDS)

    def end(_signal: int, _frame: object) -> t.NoReturn:
        pytest.fail(f"it still runs after {seconds} seconds")

    if threading.current_thread() is not threading.main_thread():  # only there a signal can be handled
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
    """Mark what asks for a fixture that starts a program, so that ``-m "not process"`` leaves it out."""
    for item in items:
        if PROCESS_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("process")


@pytest.fixture(autouse=True)
def no_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test that is not marked with ``process`` start nothing but openssl, which makes its input."""
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
