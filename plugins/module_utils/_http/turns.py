# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let only so many threads have a connection at a time."""

from __future__ import annotations

import collections
import threading


class Turns:
    """A context that so many threads are in at a time; the others wait, and enter in the order in which they came.

    A thread that is in enters again at once.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._mutex = threading.Lock()
        self._waiting: collections.deque[threading.Lock] = collections.deque()
        self._own = _Own()

    def __enter__(self) -> None:
        if not self._own.depth:
            self._wait()
        self._own.depth += 1

    def __exit__(self, *_raised: object) -> None:
        self._own.depth -= 1
        if not self._own.depth:
            self._pass_on()

    def _wait(self) -> None:
        with self._mutex:
            if self._free:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()  # the thread that leaves releases it

    def _pass_on(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class _Own(threading.local):
    """How often the thread is in."""

    depth = 0
