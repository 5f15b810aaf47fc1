# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many certificates a second a run brings into use; the next runs estimate with it."""

from __future__ import annotations

import json
import time
import typing as t

from .._clock import timestamp, utc_now
from .._store.api import Store

# A rate of fewer certificates says little.
FEWEST = 24


class Pace:
    """The rate of one run: from the first new certificate to the last one."""

    def __init__(self, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._first = self._last = 0.0

    def add(self) -> None:
        """Count a certificate that has come into use now."""
        self._last = self._clock()
        self._first = self._first if self._count else self._last
        self._count += 1

    @property
    def rate(self) -> float | None:
        """The certificates a second; None while there are too few."""
        elapsed = self._last - self._first
        return (self._count - 1) / elapsed if self._count >= FEWEST and elapsed > 0 else None

    def note(self, store: Store, service: str) -> None:
        """Leave the rate for later runs, if there is one."""
        if self.rate is not None:
            noted = {"per_second": self.rate, "certificates": self._count, "ended_at": timestamp(utc_now())}
            store.put_note(_key(service), json.dumps(noted))


def noted_rate(store: Store, service: str) -> float | None:
    """Return the rate of the last run; None where no run has left one."""
    try:
        rate = float(json.loads(store.note(_key(service)) or "null")["per_second"])
    except (ValueError, TypeError, KeyError):
        return None
    return rate if rate > 0 else None


def _key(service: str) -> str:
    return f"rate/{service}"
