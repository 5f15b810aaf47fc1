# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep to a rate, and to the pauses that a service or a CA asks for, together with all runs of the store."""

from __future__ import annotations

import collections
import contextlib
import math
import random
import threading
import time
import typing as t

from .._clock import timestamp
from .._errors import StoreError
from .._rate import Rate
from .base import LONGEST_WAIT, Block, Store

# In seconds. A wait is interrupted this often, and so often a run looks for pauses.
_GLANCE = 1.0
# The next tokens are drawn so long before the last one may be used. A run that is killed takes no more with it.
_AHEAD = 0.25
# A token that was not used for so long is given up: many of them at once would be more than the rate allows.
_FRESH = 5.0


class Blocks:
    """The pauses in the store, which are read at most once a second, and only when somebody asks."""

    def __init__(self, store: Store, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._mutex = threading.Lock()
        self._found: dict[str, Block] = {}
        self._read_at = -math.inf

    def of(self, key: str) -> Block | None:
        """Return the pause of a key, None where there is none or it is over."""
        with self._mutex:
            since = self._clock() - self._read_at
            if since >= _GLANCE:
                self._found, self._read_at, since = self._store.blocks(), self._clock(), 0.0
            found = self._found.get(key)
        if found is None or found.seconds <= since:
            return None
        return found._replace(seconds=found.seconds - since)

    def put(self, key: str, seconds: float, why: str) -> None:
        """Tell all runs of a pause."""
        self._store.block(key, seconds, why)
        with self._mutex:
            self._read_at = -math.inf


class TokenBucket:
    """The right to ask a service or a CA, one token for each request. Usable from several threads.

    ``key`` names the bucket in the store, ``who`` the one that is asked, in messages. Without a ``rate`` only pauses
    are kept. A pause that lasts longer than ``patience``, in seconds, is not waited for. ``at_once`` bounds how many
    tokens are drawn together. ``why_over`` tells why the run asks nobody any more; it is empty while it does. ``warn``
    is told once of each pause.
    """

    def __init__(
        self,
        store: Store,
        blocks: Blocks,
        key: str,
        who: str,
        *,
        rate: Rate | None = None,
        patience: float = 30.0,
        at_once: int = 1,
        why_over: t.Callable[[], str] = lambda: "",
        warn: t.Callable[[str], None] = lambda _warning: None,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
        jitter: t.Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._store = store
        self._blocks = blocks
        self._key = key
        self._who = who
        self._rate = rate
        self._patience = patience
        self._at_once = at_once
        self._why_over = why_over
        self._warn = warn
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        # Why this run asks no more: a pause that is too long for it.
        self.why_down = ""
        self._own = _Own()
        self._turn = threading.Lock()
        self._mutex = threading.Lock()
        self._waiting = 0
        self._told: set[str] = set()
        # When each token that is drawn and not handed out may be used, by the clock of this process.
        self._tokens: collections.deque[float] = collections.deque()
        self._last = -math.inf

    def may_wait(self) -> bool:
        """Return whether ``admit`` may have to wait."""
        return self._is_blocked() or (self._rate is not None and not self._own.is_fresh(self._clock()))

    def admit(self) -> str:
        """Wait for a token, which is then this thread's. Return why there is none, an empty text where there is one.

        A thread that has one already waits only for the end of a pause.
        """
        if self.why_down or (self._own.is_fresh(self._clock()) and not self._is_blocked()):
            return self.why_down
        end = self._clock() + self._patience
        while True:
            why = self._blocked(end)
            since = self._clock()
            if not why and self._rate is not None:
                since, why = self._token(self._rate)
                why = why or self._until(since)
            if why:
                return why
            now = self._clock()
            # A token from before a pause is of no use after it: all threads of all runs would use theirs at once.
            if now - since < _FRESH and not self._is_blocked():
                self._own.since = now
                return ""

    def spend(self) -> None:
        """Use the token of this thread."""
        self._own.since = -math.inf

    def block(self, seconds: float, why: str) -> None:
        """Stop all runs for so many seconds, since the other side asks for that."""
        with contextlib.suppress(StoreError):  # the next run that is told so says it again
            self._blocks.put(self._key, seconds, why)

    def _is_blocked(self) -> bool:
        return self._blocks.of(self._key) is not None

    def _blocked(self, end: float) -> str:
        """Wait for the end of a pause, if it comes before ``end``. Return why this run cannot go on."""
        waited = False
        while (found := self._blocks.of(self._key)) is not None:
            words = f"{self._who} asked all runs to wait until {timestamp(found.until)} ({found.why})"
            if self._clock() + found.seconds > end:
                self.why_down = words
                return words
            self._tell(words)
            why = self._until(self._clock() + min(found.seconds, _GLANCE))
            if why:
                return why
            waited = True
        # All runs wait for the same moment. A rate spreads them.
        return self._until(self._clock() + self._jitter(0.0, _GLANCE)) if waited and self._rate is None else ""

    def _tell(self, words: str) -> None:
        with self._mutex:
            is_new = words not in self._told
            self._told.add(words)
        if is_new:
            self._warn(words)

    def _token(self, rate: Rate) -> tuple[float, str]:
        """Return when the next token may be used, by the clock of this process, or why there is none.

        One thread draws for all that wait, and nothing is drawn for nobody.
        """
        with self._mutex:
            self._waiting += 1
        try:
            with self._turn:
                why = "" if self._tokens else self._draw(rate)
                return (0.0, why) if why else (self._tokens.popleft(), "")
        finally:
            with self._mutex:
                self._waiting -= 1

    def _draw(self, rate: Rate) -> str:
        """Draw tokens for the threads that wait. Return why there are none."""
        why = self._until(self._last - _AHEAD)
        while not why:
            count = min(self._waiting, self._at_once, rate.of_a_second)
            wait = self._store.draw(self._key, count, rate)
            now = self._clock()
            if wait <= LONGEST_WAIT:
                self._tokens.extend(max(now, now + wait + number / rate.per_second) for number in range(count))
                self._last = self._tokens[-1]
                return ""
            why = self._until(now + wait - LONGEST_WAIT + self._jitter(0.0, _GLANCE))
        return why

    def _until(self, moment: float) -> str:
        """Sleep until then. Return why the run asks nobody any more, as soon as that is so."""
        while not (why := self._why_over()) and (left := moment - self._clock()) > 0:
            self._sleep(min(left, _GLANCE))
        return why


class _Own(threading.local):
    """The token of a thread: since when it has it."""

    since = -math.inf

    def is_fresh(self, now: float) -> bool:
        return now - self.since < _FRESH
