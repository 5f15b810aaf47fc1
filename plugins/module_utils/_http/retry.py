# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try calls again where that is safe, with growing pauses, until a deadline. Clock and sleep are passed in."""

from __future__ import annotations

import dataclasses
import random
import re
import threading
import time
import typing as t

from .._clock import http_date
from .._errors import AnswerLostError, NotSentError, NotTriedError, RefusedError, ServiceError, TlsError

Value = t.TypeVar("Value")

# Statuses with which a service, or a proxy before it, says that it cannot serve now.
_BUSY = (429, 502, 503, 504)
# In seconds: a pause is interrupted this often, to see whether other threads have found the service to be down.
_GLANCE = 1.0


def may_repeat(error: ServiceError, *, repeatable: bool, when_busy: bool = False) -> bool:
    """Return whether the request may be sent again after this failure.

    A request that provably never left may always be sent again, except where TLS was not agreed: that does not mend
    itself. One that may have been carried out is ``repeatable`` only if doing it twice does no harm. ``when_busy``: a
    whole 429 or 503 says that it was not carried out. A failure that concerns all requests is never tried again.
    """
    if isinstance(error, NotSentError):
        return not isinstance(error, (TlsError, NotTriedError))
    if isinstance(error, RefusedError):
        mends = error.status in _BUSY if repeatable else when_busy and error.is_busy
        return mends and not error.concerns_all
    return repeatable and _had_no_answer(error)


def _had_no_answer(error: ServiceError) -> bool:
    """Return whether nothing came back; an answer that settles nothing would only come again."""
    return isinstance(error, AnswerLostError) and error.status is None


def seconds_to_wait(headers: t.Mapping[str, str], now: t.Callable[[], float]) -> float | None:
    """Read Retry-After in seconds; one that is a date counts from the Date of the answer (RFC 9110, 10.2.3).

    ``now`` returns UNIX seconds, for an answer without a Date. Return None where the header says nothing.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}", value):
        return float(value)
    moment = http_date(value) if value else None
    if moment is None:
        return None
    told = http_date(headers.get("date"))
    return max(0.0, moment - (now() if told is None else told))


class Breaker:
    """Know when a service is plainly down: ``threshold`` calls in a row failed for good. Usable from several threads.

    An answer of the service itself resets the count. An answer that concerns all requests opens the breaker at once.
    ``reason`` is the reason in words why nothing is sent any more.
    """

    def __init__(self, threshold: int = 3) -> None:
        self._threshold = threshold
        self._mutex = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all reports."""
        with self._mutex:
            self._failures = 0
            self._ended = False
            self.reason = "the service is down"

    def is_open(self) -> bool:
        """Return whether to stop asking the service."""
        return self._ended or self._failures >= self._threshold

    def report(self, error: ServiceError | None) -> None:
        """Report the result of a call after all its attempts; None is success."""
        if isinstance(error, NotTriedError):
            return
        with self._mutex:
            if error is not None and error.concerns_all:
                self._ended, self.reason = True, "another was refused in a way that concerns all"
            self._failures = self._failures + 1 if error is not None and _is_down(error) else 0


def _is_down(error: ServiceError) -> bool:
    return isinstance(error, NotSentError) or _had_no_answer(error) or error.status in _BUSY


@dataclasses.dataclass(frozen=True)
class Retry:
    """Exponential back-off with full jitter, in seconds.

    ``deadline`` limits pauses and attempts together: no attempt begins after it; 0 sends once. A ``Retry-After`` that
    fits into the time left is obeyed; otherwise the failure stands.
    """

    deadline: float = 30.0
    first_pause: float = 0.5
    longest_pause: float = 10.0
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep
    jitter: t.Callable[[float, float], float] = random.uniform

    def call(
        self,
        send: t.Callable[[], Value],
        *,
        repeatable: bool,
        when_busy: bool = False,
        breaker: Breaker | None = None,
        admit: t.Callable[[], None] = lambda: None,
    ) -> Value:
        """Send until it succeeds, may not be repeated (``may_repeat``), or the deadline would be passed.

        A breaker that opens ends the pause: then the failure stands as well. ``admit`` is called before each attempt.
        Its time does not count. What it raises ends the call, unless there is a failure that stands.
        """
        admit()
        end = self.clock() + self.deadline
        pause = self.first_pause
        while True:
            try:
                return send()
            except ServiceError as error:
                # Many clients may have been given the same time, so the jitter comes on top.
                wait = (error.retry_after or 0.0) + self.jitter(0.0, pause)
                again = may_repeat(error, repeatable=repeatable, when_busy=when_busy)
                if not again or self.clock() + wait >= end:
                    raise
                self._pause(wait, breaker)
                since = self.clock()
                try:
                    admit()
                except NotTriedError:
                    raise error from None
                end += self.clock() - since
                if breaker is not None and breaker.is_open():
                    raise
                pause = min(2 * pause, self.longest_pause)

    def _pause(self, seconds: float, breaker: Breaker | None) -> None:
        while breaker is not None and seconds > _GLANCE and not breaker.is_open():
            self.sleep(_GLANCE)
            seconds -= _GLANCE
        if breaker is None or not breaker.is_open():
            self.sleep(seconds)
