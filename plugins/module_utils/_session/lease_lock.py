# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock between all runs of a store: a lease that is waited for."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._errors import LeaseHeldError, RedtrustError
from .._holder import is_gone
from .._store.api import LEASE_SECONDS, Store, heartbeat

_POLL = 0.1


class LeaseLock:
    """The lease named ``key``. The lease of a process that is gone is taken over, at once or after a minute.

    ``patience`` is how long the lease of a process that lives is waited for, in seconds. ``doing`` says in a message
    what its holder does.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        doing: str,
        *,
        holder: str,
        patience: float,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._key = key
        self._doing = doing
        self._holder = holder
        self._patience = patience
        self._clock = clock
        self._sleep = sleep

    @contextlib.contextmanager
    def held(self) -> t.Iterator[None]:
        """Hold the lease, renewed while the work goes on. Raises LeaseHeldError where another run keeps it."""
        self._acquire()
        try:
            with heartbeat(self._renew, LEASE_SECONDS):
                yield
        finally:
            with contextlib.suppress(RedtrustError):  # it runs out by itself
                self._store.release([self._key], self._holder)

    def _acquire(self) -> None:
        deadline = self._clock() + max(self._patience, LEASE_SECONDS)
        while True:
            others = self._store.acquire([self._key], self._holder, LEASE_SECONDS, is_gone)
            if not others:
                return
            if self._clock() >= deadline:
                held = others[self._key]
                raise LeaseHeldError(f"{held.holder} is {self._doing} and did not finish in time; {held.advice}")
            self._sleep(_POLL)

    def _renew(self) -> None:
        with contextlib.suppress(RedtrustError):
            self._store.renew(self._holder, LEASE_SECONDS)
