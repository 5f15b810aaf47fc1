# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as the collection reads them: the one grammar of durations, and the clock of the service.

The clock of the service is known by the Date of its answers. The clock of this machine may be wrong, and may jump in
the middle of a run; the monotonic clock does neither, but tells no date. So what an answer says is pinned to the
monotonic clock. All clocks are passed in.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import threading
import time
import typing as t

from ._errors import ConfigurationError

# In seconds. Below it the clock of this machine counts: an answer may be on its way for a while, and Date is rounded.
TOLERANCE = 60.0

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)

_UNITS = {
    "y": dt.timedelta(days=365),
    "w": dt.timedelta(weeks=1),
    "d": dt.timedelta(days=1),
    "h": dt.timedelta(hours=1),
    "m": dt.timedelta(minutes=1),
    "s": dt.timedelta(seconds=1),
}
_DURATION = re.compile(r"\s*".join(rf"(?:([0-9]{{1,6}})\s*{unit})?" for unit in _UNITS))
# What is longer leads beyond the dates that a computer knows.
_LONGEST = 2000 * _UNITS["y"]


def parse_duration(option: str, text: str, *, instead: str = "") -> dt.timedelta:
    """Return a duration such as ``90d``, ``1y``, ``12h`` or ``1d12h``; y is 365 days and m is minutes.

    ``instead`` is what the option takes besides, in words. Raises ConfigurationError that names the option.
    """
    counts = _DURATION.fullmatch(text.strip())
    parts = zip(counts.groups(), _UNITS.values()) if counts and text.strip() else ()
    duration = sum((int(count) * unit for count, unit in parts if count), dt.timedelta())
    if not counts or not text.strip() or duration > _LONGEST:
        raise ConfigurationError(
            f"{option} must be a duration such as 90d, 1y, 12h or 1d12h{instead} (units in this order: y w d h m s; "
            f"m is minutes; at most 2000y), not {text!r}"
        )
    return duration


def http_date(text: str | None) -> float | None:
    """Read a date of HTTP in UNIX seconds; None for what is none.

    Of the three forms in RFC 9110, 5.6.7 only the one that may still be sent is read.
    """
    match = _HTTP_DATE.fullmatch((text or "").strip())
    if match is None or match[2] not in _MONTHS or not 1970 <= int(match[3]) < 9999:
        return None
    day, hour, minute, second = map(int, match.group(1, 4, 5, 6))
    month = _MONTHS.index(match[2]) + 1
    try:
        moment = dt.datetime(int(match[3]), month, day, hour, minute, second, tzinfo=dt.timezone.utc)
    except ValueError:
        return None
    return moment.timestamp()


@dataclasses.dataclass(frozen=True)
class Sending:
    """When a request was sent: ``time`` is what was taken for the time, in UNIX seconds, ``at`` the monotonic clock."""

    time: float
    at: float


class ServiceClock:
    """What time it is at the service; until an answer has told, what it is here. Usable from several threads.

    ``warn`` is called once, with a sentence, when the two differ by more than a minute.
    """

    def __init__(
        self,
        wall: t.Callable[[], float] = time.time,
        monotonic: t.Callable[[], float] = time.monotonic,
        warn: t.Callable[[str], None] = lambda _warning: None,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._warn = warn
        self._mutex = threading.Lock()
        self._warned = False
        # The time at the service, less the monotonic clock.
        self._offset: float | None = None

    def now(self) -> dt.datetime:
        """Return the time at the service."""
        known = self._wall() if self._offset is None else self._monotonic() + self._offset
        return dt.datetime.fromtimestamp(known, tz=dt.timezone.utc)

    def sending(self) -> Sending:
        """Return the time with which to sign now: that of this machine, unless it is known to be wrong."""
        at, here = self._monotonic(), self._wall()
        there = here if self._offset is None else at + self._offset
        return Sending(there if abs(there - here) > TOLERANCE else here, at)

    def heard(self, sending: Sending, date: str | None) -> bool:
        """Take note of the Date of an answer; return whether it shows that the request was sent with a wrong time.

        Date may be from any moment between sending and now, so an answer that took long shows nothing.
        """
        told = http_date(date)
        if told is None:
            return False
        at = self._monotonic()
        latest = sending.time + (at - sending.at)
        wrong_by = told - min(max(told, sending.time), latest)
        self._offset = latest + wrong_by - at
        self._tell(latest + wrong_by - self._wall())
        return abs(wrong_by) > TOLERANCE

    def _tell(self, ahead: float) -> None:
        """Warn once; ``ahead`` is by how many seconds the service is ahead of this machine."""
        with self._mutex:
            if self._warned or abs(ahead) <= TOLERANCE:
                return
            self._warned = True
        self._warn(
            f"the clock of this machine is {abs(ahead):.0f} seconds {'behind' if ahead > 0 else 'ahead of'} that of "
            "the service, which is used to sign requests and to know when a session ends: set this one by NTP"
        )
