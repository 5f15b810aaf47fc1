# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep leases alive while their holder works."""

from __future__ import annotations

import contextlib
import threading
import typing as t

# One renewal may be missed, and a second one be late, before the lease is over.
_BEATS = 3


@contextlib.contextmanager
def heartbeat(renew: t.Callable[[], object], seconds: float) -> t.Iterator[None]:
    """Call ``renew`` in another thread, three times in ``seconds``, the life of a lease, until the work is done.

    ``renew`` itself deals with its errors: the next call may do better, and a run that lost its lease changes nothing,
    as each write is checked.
    """
    done = threading.Event()

    def beat() -> None:
        while not done.wait(seconds / _BEATS):
            renew()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
