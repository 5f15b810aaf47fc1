# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a session lives by the clocks of this machine, and when it is time to refresh it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import random
import time
import typing as t

from .._models import Tokens
from .kept import KeptSession

How = t.Literal["given", "kept", "login", "exchange", "certificate", "refresh"]

# A session is refreshed when two thirds of its life are over: early enough that it never ends under a request, late
# enough that a short job needs no refresh. Each process draws how much later it does so, up to three quarters: of the
# processes that share a session the one with the smallest draw refreshes. The others find a fresh session when their
# time comes. Otherwise all would queue up for the lock in the same moment.
_REFRESH_AT = 2 / 3
_SPREAD = 1 / 12
# No session is believed to live longer.
_LONGEST_LIFE = dt.timedelta(days=3650)


@dataclasses.dataclass(frozen=True)
class Opened:
    """A session that is open, and how it was opened. The times are of the monotonic clock, which nobody can set."""

    tokens: Tokens
    how: How
    refresh_at: float = math.inf
    ends_at: float = math.inf

    def used_to_its_end(self) -> Opened:
        """Return it as one that is not refreshed any more."""
        return dataclasses.replace(self, refresh_at=self.ends_at)


class Lifetimes:
    """The lives of sessions by two clocks of this machine: ``now`` tells the date, ``monotonic`` is never set."""

    def __init__(
        self,
        now: t.Callable[[], dt.datetime],
        monotonic: t.Callable[[], float] = time.monotonic,
        jitter: t.Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.now = now
        self.monotonic = monotonic
        self._refresh_share = _REFRESH_AT + jitter(0.0, _SPREAD)

    def begin(self, tokens: Tokens, service_time: dt.datetime) -> KeptSession:
        """Return the session that begins now.

        The service tells its end by its own clock. The time that is left is counted from now by the clock of this
        machine.
        """
        now = self.now()
        ends_at = None
        if tokens.expires_at is not None:
            ends_at = now + min(max(tokens.expires_at - service_time, dt.timedelta(0)), _LONGEST_LIFE)
        return KeptSession(tokens, now, ends_at)

    def opened(self, session: KeptSession, how: How) -> Opened:
        """Pin the end of a session to the monotonic clock. No session has longer to live than from its beginning."""
        if session.ends_at is None:
            return Opened(session.tokens, how)
        life = (session.ends_at - session.opened_at).total_seconds()
        ends_at = self.monotonic() + min((session.ends_at - self.now()).total_seconds(), life)
        return Opened(session.tokens, how, ends_at - life * (1 - self._refresh_share), ends_at)

    def is_due(self, session: KeptSession) -> bool:
        """Return whether it is time to refresh a session."""
        return session.refresh_due(self.now(), self._refresh_share)

    def is_dead(self, session: KeptSession, rejected: Tokens | None) -> bool:
        """Return whether its access token is of no more use: it is over, or it is the one that was rejected."""
        return session.tokens == rejected or session.has_ended(self.now())
