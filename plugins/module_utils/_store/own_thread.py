# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a signal from interrupting a write.

Python raises KeyboardInterrupt in the main thread, between any two steps. In the middle of a write it would leave the
other threads of the same transaction without an answer, or with a wrong one. So the main thread lets another thread
write, and waits for it.
"""

from __future__ import annotations

import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor

Done = t.TypeVar("Done")


class OwnThread:
    """The thread that does what the main thread must not be interrupted at. Usable from several threads."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def do(self, work: t.Callable[[], Done]) -> Done:
        """Return the result of ``work``. It goes on to its end even if the main thread is interrupted meanwhile."""
        if threading.current_thread() is not threading.main_thread():
            return work()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "store write")
        return self._pool.submit(work).result()

    def end(self) -> None:
        """Wait for the end of all work."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
