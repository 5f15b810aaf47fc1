# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a report that several of its forms share."""

from __future__ import annotations

import datetime as dt
import typing as t

from .._clock import span
from .view import Entry, Status, View

# What a happening is called.
HAPPENED: t.Mapping[str, str] = {
    "issued": "issued",
    "renewed": "renewed",
    "adopted": "adopted",
    "failed": "failed",
    "rejected": "rejected",
    "unanswered": "had no answer",
    "given_up": "given up",
    "approved": "approved",
    "revoked": "revoked",
}
_NOTHING = "The store has no enrollment yet."


def summary(view: View) -> str:
    """Return how many enrollments there are, and how many need a person."""
    if not view.entries:
        return _NOTHING
    services = f"{len(view.services):,} services" if len(view.services) > 1 else view.services[0]
    total = f"{counted(len(view.entries), 'enrollment')} of {services}"
    need = len(view.attention)
    if not need:
        return f"{total}, none needs a person."
    return f"{total}, {need:,} {'needs' if need == 1 else 'need'} a person."


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def date(moment: dt.datetime | None) -> str:
    """Return the date in UTC; empty where there is none."""
    return moment.astimezone(dt.timezone.utc).date().isoformat() if moment else ""


def distance(moment: dt.datetime, now: dt.datetime) -> str:
    """Return how far a moment is from now, such as ``in 12 days`` or ``3 hours ago``."""
    if moment > now:
        return f"in {_whole(moment - now)}"
    return f"{_whole(now - moment)} ago"


def renewal(entry: Entry, now: dt.datetime) -> str:
    """Return when a certificate is renewed, in a few words."""
    if entry.renew_at is not None:
        return "with the next run" if entry.renew_at <= now else date(entry.renew_at)
    return "on its way" if entry.status is Status.WAITING or " is on its way" in entry.renewal else "not planned"


def next_steps(entry: Entry) -> list[tuple[str, str]]:
    """Return each problem with its next step."""
    return [(one.problem, one.next_step) for one in entry.attention]


def waiting(view: View) -> list[Entry]:
    """Return the entries that wait for others and not for a person, the longest first."""
    found = [entry for entry in view.entries if entry.status is Status.WAITING and not entry.needs_person]
    return sorted(found, key=lambda entry: entry.updated_at or view.taken_at)


def _whole(duration: dt.timedelta) -> str:
    """Return a duration in the largest unit of which it has at least two, without a fraction."""
    number, unit = span(duration).split(" ")
    return f"{number.partition('.')[0]} {unit}"
