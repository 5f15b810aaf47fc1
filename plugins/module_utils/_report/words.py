# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a report that several of its forms share."""

from __future__ import annotations

import datetime as dt
import typing as t

from .._clock import span
from .._models import PENDING
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
# What an enrollment waits for, by the state of its latest revision.
WAITS_FOR: t.Mapping[str, str] = {
    "intended": "for the service",
    "requested": "to be signed",
    "signing": "for the CA",
    "issued": "to be uploaded",
}

_ON_ITS_WAY = frozenset(str(state) for state in PENDING)
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


def left(moment: dt.datetime, now: dt.datetime) -> str:
    """Return how long it is until a moment, without a fraction: ``12 days``, ``47 hours``."""
    number, unit = span(max(moment - now, dt.timedelta())).split(" ")
    return f"{number.partition('.')[0]} {unit}"


def renewal(entry: Entry, now: dt.datetime) -> str:
    """Return when a certificate is renewed, in a few words."""
    if entry.renew_at is not None:
        return "next run" if entry.renew_at <= now else date(entry.renew_at)
    return "not planned" if entry.state not in _ON_ITS_WAY else "on its way"


def next_steps(entry: Entry) -> list[tuple[str, str]]:
    """Return each problem with its next step."""
    return [(one.problem, one.next_step) for one in entry.attention]


def waiting(view: View) -> list[Entry]:
    """Return the entries that wait for others and not for a person, the longest first."""
    found = [entry for entry in view.entries if entry.status is Status.WAITING and not entry.needs_person]
    return sorted(found, key=lambda entry: entry.updated_at or view.taken_at)
