# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say when a replacement will be done, and how many certificates miss its deadline, and why. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import typing as t

from .._clock import to_the_minute


@dataclasses.dataclass(frozen=True)
class Outlook:
    """When all that can be replaced will be; how many miss the deadline; and the causes, each with its number.

    ``done_by`` is None if no rate is known, or nothing is left that can be replaced.
    """

    done_by: dt.datetime | None
    will_miss: int
    why: tuple[str, ...]


def outlook(
    left: int,
    stuck: t.Mapping[str, int],
    rate: float | None,
    now: dt.datetime,
    deadline: dt.datetime | None,
) -> Outlook:
    """Return the outlook on ``left`` certificates; ``stuck`` of them cannot be replaced in time, by cause.

    ``rate`` is in certificates a second.
    """
    causes = dict(stuck)
    possible = max(0, left - sum(causes.values()))
    done_by = _after(now, possible / rate) if rate and possible else None
    if deadline is not None and left and deadline <= now:
        return Outlook(done_by, left, (f"{left:,}: the deadline, {to_the_minute(deadline)}, is over", *_told(causes)))
    if deadline is not None and rate:
        late = possible - min(possible, math.floor((deadline - now).total_seconds() * rate))
        if late:
            causes[f"{rate:.3g} a second are too slow: the last one would be done by {_until(done_by)}"] = late
    will_miss = sum(causes.values()) if deadline is not None else 0
    return Outlook(done_by, will_miss, tuple(_told(causes)))


def _told(causes: t.Mapping[str, int]) -> t.Iterator[str]:
    """Yield each cause with its number, the most frequent first."""
    for cause, number in sorted(causes.items(), key=lambda one: -one[1]):
        yield f"{number:,}: {cause}"


def _after(now: dt.datetime, seconds: float) -> dt.datetime | None:
    try:
        return now + dt.timedelta(seconds=math.ceil(seconds))
    except OverflowError:
        return None


def _until(moment: dt.datetime | None) -> str:
    return to_the_minute(moment) if moment is not None else "a time beyond all dates"
