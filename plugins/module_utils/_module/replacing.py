# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The replacements in which a run takes part: what is left, when it will be done, and what misses the deadline."""

from __future__ import annotations

import datetime as dt
import time
import typing as t

from .._clock import timestamp, to_the_minute
from .._enroll.api import Count, Incident, Incidents, Outlook, count, is_replaced, outlook
from .._errors import BackingOffError
from .._holder import holder
from .._models import Outcome, State
from .opening import Begun, Found, Opening, counter
from .pace import FEWEST, Pace, noted_rate
from .replace_options import Wanted
from .report import is_new_in_use

if t.TYPE_CHECKING:
    from .context import Context

# How often, in seconds, a run adds what it has replaced to the number that all runs share.
_SECONDS = 1.0
# In check mode the plan tells what will fail.
_FAILS = "they would fail, see the failures"


class Replacing:
    """The part of one run in the open replacements of its service.

    The first one is that of the task, or the oldest. Progress and result are about it.
    """

    def __init__(
        self, context: Context, wanted: Wanted | None, clock: t.Callable[[], float] = time.monotonic
    ) -> None:
        """Begin or join the replacement that the task names. Raises ConfigurationError."""
        self._context = context
        self._clock = clock
        self._store, self._service = context.store, context.service
        opening = Opening(self._store, self._service, holder(), context.now(), check_mode=context.check_mode)
        self._begun: Begun = opening.begin(wanted)
        for warning in self._begun.warnings:
            context.module.warn(warning)
        self._open = [found for found in self._begun.open if self._goes_on(found)]
        self.incidents = Incidents([found.incident for found in self._open])
        self._pace = Pace(clock)
        self._noted_rate = noted_rate(self._store, self._service) if self._open else None
        self._failed = 0
        self._fails = 0
        self._mine = 0
        self._not_told = 0
        self._began_at = self._told_at = clock()
        self._at_first = self._add_to_counter(0)
        self._all = self._at_first

    @property
    def changed(self) -> bool:
        """Whether this run has begun a replacement, or ended it by hand."""
        return self._begun.changed

    def add(self, outcome: Outcome) -> None:
        """Take note of an outcome."""
        if not self._context.check_mode and is_new_in_use(outcome):
            self._pace.add()
        incident = self.incidents.of(outcome)
        if incident is None or incident is not self._main.incident:
            return
        if outcome.error is not None:
            self._failed += 1
            waits = isinstance(outcome.error, BackingOffError)
            self._fails += not waits and outcome.name not in self._main.count.stuck_names
        elif is_replaced(incident, outcome) and not self._context.check_mode:
            self._mine += 1
            self._not_told += 1
        if self._clock() >= self._told_at + _SECONDS:
            self._tell()

    def line(self) -> str:
        """Return the progress in a line; empty where there is nothing to replace."""
        if not self._open:
            return ""
        found, now = self._main, self._context.now()
        left = max(0, found.count.left - (self._all - self._at_first) - self._not_told)
        row = found.incident.replacement
        ahead = outlook(left, found.count.stuck, self._rate(), now, row.deadline)
        parts = [f"{max(0, row.total - left):,} of {row.total:,} replaced"]
        parts += [f"{self._failed:,} failed"] if self._failed else []
        parts += [f"done by {to_the_minute(ahead.done_by)}"] if ahead.done_by else []
        parts += [_misses(ahead)] if ahead.will_miss else []
        return f"replacement {row.id}: {', '.join(parts)}"
