# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand over what is to be told, one event after the other, as ansible-rulebook wants it.

The store is used in another thread, one call at a time, so that the rulebook goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import functools
import logging
import time
import typing as t

from .._errors import RedtrustError, StoreError
from .._holder import holder
from .._store.api import LEASE_SECONDS, Store, heartbeat
from .conditions import Rules
from .happenings import Told
from .position import LostPositionError, Position
from .watcher import Watcher

# For how long a store may fail before the source gives up, in seconds. A database that restarts is back sooner.
OUTAGE_SECONDS = 600.0
# ansible-rulebook itself ends when its actions take no event for an hour.
FEEDBACK_SECONDS = 2 * 3600.0
# How often to look whether ansible-rulebook has taken an event, in seconds.
_GLANCE = 0.02

_log = logging.getLogger(__name__)
Done = t.TypeVar("Done")


class NotTakenError(RedtrustError):
    """The rules have not taken an event."""


@dataclasses.dataclass(frozen=True)
class Source:
    """What is watched: the service, the name of the position, and how many seconds to wait when nothing is new."""

    open_store: t.Callable[[], Store]
    service: str
    position: str
    rules: Rules
    interval: float


class Outlet:
    """The queue of ansible-rulebook; ``feedback`` gives each event back once the rules have it."""

    def __init__(self, queue: t.Any, feedback: asyncio.Queue[t.Any] | None = None) -> None:
        self._queue = queue
        self._feedback = feedback

    async def hand_over(self, event: Told) -> None:
        """Return once the rules have the event, not while it is still in the queue."""
        await self._queue.put(event)
        if self._feedback is not None:
            try:
                await asyncio.wait_for(self._returned(self._feedback, event["id"]), FEEDBACK_SECONDS)
            except asyncio.TimeoutError as exc:
                raise NotTakenError(f"ansible-rulebook has not taken the event {event['id']} in time") from exc
            return
        # ansible-rulebook wraps its queue, which has room for one event
        waiting = getattr(self._queue, "queue", self._queue)
        while isinstance(waiting, asyncio.Queue) and not waiting.empty():
            await asyncio.sleep(_GLANCE)

    async def _returned(self, feedback: asyncio.Queue[t.Any], name: str) -> None:
        while (await feedback.get()).get("id") != name:
            pass


def warn(words: str) -> None:
    """Log what a person should know."""
    _log.warning("%s", words)


async def tell(source: Source, outlet: Outlet) -> None:
    """Hand over events until the task is cancelled.

    Raises StoreError when the store cannot be used at the beginning, or for OUTAGE_SECONDS later on.
    """
    # the same for each opening: after an outage the lease of the one before may still be in the store
    me = holder()
    with concurrent.futures.ThreadPoolExecutor(1, "store") as pool:
        worked_at: float | None = None
        while True:
            teller = _Teller(source, outlet, pool, me)
            try:
                await teller.tell()
            except LostPositionError as exc:
                _log.warning("position %s of %s: %s", source.position, source.service, exc)
            except StoreError as exc:
                worked_at = teller.worked_at or worked_at
                if worked_at is None or time.monotonic() - worked_at > OUTAGE_SECONDS:
                    raise
                _log.warning("%s; it is tried again in %s seconds", exc, source.interval)
            await asyncio.sleep(source.interval)


class _Teller:
    """One opening of the store. ``worked_at`` is when it could be used last, by the monotonic clock."""

    def __init__(self, source: Source, outlet: Outlet, pool: concurrent.futures.Executor, me: str) -> None:
        self._source = source
        self._outlet = outlet
        self._pool = pool
        self._me = me
        self.worked_at: float | None = None

    async def tell(self) -> None:
        store = await self._run(self._source.open_store)
        position = Position(store, self._source.service, self._source.position, self._me)
        try:
            await self._take(position)
            with heartbeat(position.keep, LEASE_SECONDS):
                await self._hand_over_all(Watcher(store, position, self._source.rules), position)
        finally:
            # a cancelled task may have left a call in the thread: these come after it
            self._pool.submit(position.give_back)
            self._pool.submit(store.close).result()

    async def _take(self, position: Position) -> None:
        """Wait until no other process has the position."""
        said = ""
        while rival := await self._run(position.take):
            if rival != said:
                _log.warning("position %s is in use by %s; waiting for it", self._source.position, rival)
                said = rival
            await asyncio.sleep(min(self._source.interval, LEASE_SECONDS / 3))

    async def _hand_over_all(self, watcher: Watcher, position: Position) -> None:
        events = watcher.events()
        following = functools.partial(next, events)
        while True:
            event = await self._run(following)
            position.check_kept()
            self.worked_at = time.monotonic()
            if event is None:
                await asyncio.sleep(self._source.interval)
            else:
                await self._outlet.hand_over(event)

    async def _run(self, work: t.Callable[[], Done]) -> Done:
        """Do something in the thread of the store."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
