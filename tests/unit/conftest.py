# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit for each test, so that one that hangs is one that fails."""

from __future__ import annotations

import signal
import threading
import typing as t

import pytest

# Much longer than any of them takes. A module may set a shorter one, where what it tests is that something ends.
LIMIT_SECONDS = 300


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
