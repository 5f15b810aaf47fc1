# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try again what may be tried again, with growing pauses, until a deadline. Clock and sleep are passed in."""

from __future__ import annotations

import dataclasses
import random
import time
import typing as t

from ._errors import AnswerLostError, NotSentError, RefusedError, ServiceError, TlsError

Answer = t.TypeVar("Answer")


def may_repeat(error: ServiceError, *, repeatable: bool) -> bool:
    """Return whether the request may be sent again after this failure.

    One that provably never left may always be, except where TLS was not agreed: that does not mend itself.
    One that may have been carried out only when doing it twice does no harm.
    """
    if isinstance(error, NotSentError):
        return not isinstance(error, TlsError)
    if not repeatable:
        return False
    if isinstance(error, RefusedError):
        return error.status in (429, 502, 503, 504)
    return isinstance(error, AnswerLostError)


@dataclasses.dataclass(frozen=True)
class Retry:
    """Exponential back-off with full jitter, in seconds.

    ``deadline`` bounds all pauses together; 0 sends once. ``Retry-After`` is obeyed where it fits into what
    is left, otherwise the failure stands.
    """

    deadline: float = 30.0
    first_pause: float = 0.5
    longest_pause: float = 10.0
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep
    jitter: t.Callable[[float, float], float] = random.uniform

    def call(self, send: t.Callable[[], Answer], *, repeatable: bool) -> Answer:
        """Send until it succeeds, may not be repeated, or the deadline would be passed."""
        end = self.clock() + self.deadline
        pause = self.first_pause
        while True:
            try:
                return send()
            except ServiceError as error:
                wait = max(error.retry_after or 0.0, self.jitter(0.0, pause))
                if not may_repeat(error, repeatable=repeatable) or self.clock() + wait >= end:
                    raise
                self.sleep(wait)
                pause = min(2 * pause, self.longest_pause)
