# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times: how they are written and read, the grammar of durations, and the clock of the service.

The Date of its answers tells the clock of the service. The clock of this machine may be wrong, and may jump in the
middle of a run. The monotonic clock does neither, but tells no date. So the time in an answer is pinned to the
monotonic clock. All clocks are passed in.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import re
import threading
import time
import typing as t

from ._errors import ConfigurationError

# In seconds. Below it the clock of this machine counts: an answer may be on its way for a while, and Date is rounded.
TOLERANCE = 60.0

_UNITS = {
    "y": dt.timedelta(days=365),
    "w": dt.timedelta(weeks=1),
    "d": dt.timedelta(days=1),
    "h": dt.timedelta(hours=1),
    "m": dt.timedelta(minutes=1),
    "s": dt.timedelta(seconds=1),
}
_DURATION = re.compile(r"\s*".join(rf"(?:([0-9]{{1,6}})\s*{unit})?" for unit in _UNITS))
# A longer one leads beyond the dates that a computer knows.
_LONGEST = 2000 * _UNITS["y"]


def utc_now() -> dt.datetime:
    """Return the time by the clock of this machine."""
    return dt.datetime.now(tz=dt.timezone.utc)


@t.overload
def timestamp(moment: dt.datetime) -> str: ...


@t.overload
def timestamp(moment: dt.datetime | None) -> str | None: ...


def timestamp(moment: dt.datetime | None) -> str | None:
    """Return a time as results and messages have it: UTC, ISO 8601, whole seconds; None for none."""
    return f"{_in_utc(moment).isoformat(timespec='seconds')}Z" if moment else None


def to_the_minute(moment: dt.datetime) -> str:
    """Return a time as reasons have it, for which seconds are of no interest: UTC, whole minutes."""
    return f"{_in_utc(moment).isoformat(' ', 'minutes')} UTC"


def _in_utc(moment: dt.datetime) -> dt.datetime:
    in_utc = moment if moment.tzinfo is dt.timezone.utc else moment.astimezone(dt.timezone.utc)
    return in_utc.replace(tzinfo=None)


def parse_timestamp(text: str) -> dt.datetime:
    """Read ISO 8601 with up to six fractional digits; without an offset it is UTC. Raises ValueError."""
    moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        return moment.replace(tzinfo=dt.timezone.utc)
    try:
        return moment.astimezone(dt.timezone.utc)
    except OverflowError as exc:
        raise ValueError(f"{text} is beyond the dates that a computer knows") from exc


def parse_duration(option: str, text: str, *, instead: str = "") -> dt.timedelta:
    """Return a duration such as ``90d``, ``1y``, ``12h`` or ``1d12h``; y is 365 days and m is minutes.

    ``instead`` names the other values that the option takes. Raises ConfigurationError that names the option.
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


def span(duration: dt.timedelta) -> str:
    """Return a duration in words, in the largest unit of which it has at least two."""
    for unit, seconds in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if duration.total_seconds() >= 2 * seconds:
            return f"{duration.total_seconds() / seconds:.1f}".removesuffix(".0") + f" {unit}"
    return f"{duration.total_seconds():.0f} seconds"


@functools.lru_cache(16)
def http_date(text: str | None) -> float | None:
    """Read a date of HTTP in UNIX seconds; return None for anything else.

    Of the three forms in RFC 9110, 5.6.7 only the one that may still be sent is read.
    """
    import email.utils  # slow to import, and only for answers

    date = (text or "").strip()
    try:
        moment = email.utils.parsedate_to_datetime(date)
        written = email.utils.format_datetime(moment, usegmt=True)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # The library reads other forms as well. It writes this one alone; the day of the week is of no use here.
    is_http = written[3:] == date[3:] and 1970 <= moment.year < 9999
    return moment.timestamp() if is_http else None


@dataclasses.dataclass(frozen=True)
class Sending:
    """The moment of a request: ``time`` in UNIX seconds as it was signed, ``at`` by the monotonic clock."""

    time: float
    at: float


class ServiceClock:
    """The time at the service; before the first answer, the time of this machine. Usable from several threads.

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
        """Note the Date of an answer; return whether it shows that the request was signed with a wrong time.

        Date may be of any moment between sending and now, so a slow answer proves nothing.
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
