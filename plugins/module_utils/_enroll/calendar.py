# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say when renewals are allowed: windows in a week, and freezes between two dates. Pure: no I/O."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools

from .._errors import ConfigurationError

_MINUTE = dt.timedelta(minutes=1)
_DAY = dt.timedelta(days=1)
# A window lasts a day at most, and one that opens on one day of the week opens within a week. It opens a week later
# where its hour is skipped because the clocks go forward.
_DAYS_BACK, _DAYS_AHEAD = 2, 15
# Where nothing is open for so long, nothing ever is: no certificate would wait for it.
_FAR = dt.timedelta(days=3650)
# Some certificates "never end", which is at the end of the year 9999. A computer knows no dates beyond it.
_END_OF_TIME = dt.datetime(9980, 1, 1, tzinfo=dt.timezone.utc)


@dataclasses.dataclass(frozen=True)
class Window:
    """The hours of a week in which renewals are allowed.

    ``days`` are the days on which it opens, from 0 for Monday. ``opens`` and ``closes`` are minutes after midnight by
    the clocks of ``zone``. It closes on the next day if ``closes`` is not later than ``opens``.
    """

    days: frozenset[int] = frozenset(range(7))
    opens: int = 0
    closes: int = 0
    zone: dt.tzinfo = dt.timezone.utc

    def next_open(self, moment: dt.datetime) -> dt.datetime:
        """Return the first moment from ``moment`` on at which the window is open, in UTC."""
        today = moment.astimezone(self.zone).date()
        for ahead in range(-_DAYS_BACK, _DAYS_AHEAD):
            day = today + ahead * _DAY
            if day.weekday() in self.days:
                opens, closes = _opening(self, day)
                if moment < closes and opens < closes:
                    return max(moment, opens)
        raise ConfigurationError("a window of renewal_windows never opens, since the clocks always skip its hours")


@functools.lru_cache(4096)
def _opening(window: Window, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Return when a window that opens on a day opens and closes, in UTC."""
    midnight = dt.datetime.combine(day, dt.time())
    end = midnight + _DAY if window.closes <= window.opens else midnight
    return (
        instant(midnight + window.opens * _MINUTE, window.zone),
        instant(end + window.closes * _MINUTE, window.zone, last=True),
    )


@dataclasses.dataclass(frozen=True)
class Freeze:
    """A time in which nothing is renewed: from ``begins`` until before ``ends``."""

    begins: dt.datetime
    ends: dt.datetime
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Calendar:
    """The windows and the freezes. Without windows, renewals are allowed at any time outside of the freezes."""

    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.windows or self.freezes)

    def freeze_at(self, moment: dt.datetime) -> Freeze | None:
        """Return the freeze at a moment; of several, the one that ends last."""
        now = (freeze for freeze in self.freezes if freeze.begins <= moment < freeze.ends)
        return max(now, key=lambda freeze: freeze.ends, default=None)

    def next_open(self, moment: dt.datetime) -> dt.datetime:
        """Return the first moment from ``moment`` on at which renewals are allowed.

        Raises ConfigurationError where there is none within ten years.
        """
        at = moment
        if moment > _END_OF_TIME:
            return moment
        while at - moment < _FAR:
            frozen = self.freeze_at(at)
            opens = frozen.ends if frozen else min((window.next_open(at) for window in self.windows), default=at)
            if opens == at:
                return at
            at = opens
        raise ConfigurationError(
            "renewal_windows and renewal_freezes together allow no renewal within ten years: correct one of them"
        )


def instant(local: dt.datetime, zone: dt.tzinfo, *, last: bool = False) -> dt.datetime:
    """Return when the clocks of a zone show a time, in UTC.

    Where they go back they show it twice, and it is the first of them, or the ``last``. Where they go forward and skip
    it, it is the moment of the change.
    """
    one, other = (local.replace(tzinfo=zone, fold=fold).astimezone(dt.timezone.utc) for fold in (0, 1))
    if one <= other:
        return other if last else one
    while other.astimezone(zone).replace(tzinfo=None) < local:
        other += _MINUTE
    return other
