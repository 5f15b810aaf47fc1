# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report tells of a fleet: its enrollments, what happened lately, and the sums. Pure: no I/O."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import typing as t
from collections import Counter

from .._enroll.api import Attention

_DAY = dt.timedelta(days=1)
_WEEK = dt.timedelta(weeks=1)
# How many weeks the timeline by week has: a year and the rest of this week.
WEEKS = 53


class Status(str, enum.Enum):
    """What a person wants to know of an enrollment first. The order is the order of gravity."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    NEEDS_PERSON = "needs_person"
    FAILING = "failing"
    WAITING = "waiting"
    ENDS_SOON = "ends_soon"
    IN_USE = "in_use"
    NONE = "none"

    def __str__(self) -> str:
        return self.value

    @property
    def words(self) -> str:
        """Return the status as a person reads it."""
        return _WORDS[self]

    @property
    def gravity(self) -> int:
        """Return the place in the order of gravity; 0 is the gravest."""
        return _GRAVITY[self]


_WORDS = {
    Status.EXPIRED: "has ended",
    Status.REVOKED: "revoked",
    Status.NEEDS_PERSON: "needs a decision",
    Status.FAILING: "failing",
    Status.WAITING: "waiting",
    Status.ENDS_SOON: "ends soon",
    Status.IN_USE: "in use",
    Status.NONE: "no certificate",
}
_GRAVITY = {status: place for place, status in enumerate(Status)}
_GRAVE = frozenset({Status.EXPIRED, Status.REVOKED, Status.NEEDS_PERSON, Status.FAILING})


@dataclasses.dataclass(frozen=True)
class Entry:
    """One enrollment at a glance. Texts are empty where there is nothing to say; times are in UTC.

    ``state`` and ``provider`` are those of the latest revision. ``ca``, ``subject``, ``thumbprint``, ``revision``,
    ``not_valid_before`` and ``not_valid_after`` are those of the certificate in use. Without one, ``subject`` and
    ``revision`` are those of the latest revision. ``ca`` is the common name of the issuer, else its organization, else
    its whole name. ``key`` is such as ``RSA 2048``. ``renewal`` says in words when and why it is renewed.
    """

    service: str
    name: str
    status: Status
    state: str
    provider: str
    ca: str
    subject: str
    key: str
    thumbprint: str
    revision: int
    not_valid_before: dt.datetime | None
    not_valid_after: dt.datetime | None
    due_at: dt.datetime | None
    renew_at: dt.datetime | None
    renewal: str
    updated_at: dt.datetime | None
    attention: tuple[Attention, ...] = ()
    ends_soon: bool = False

    @property
    def needs_person(self) -> bool:
        """Return whether a person must look at it: it does not settle by itself, or not in time."""
        return self.status in _GRAVE or (self.status is Status.WAITING and self.ends_soon)


@dataclasses.dataclass(frozen=True)
class Happening:
    """An event for a person. ``why`` may be empty.

    ``what`` is issued, renewed, adopted, failed, rejected, unanswered, given_up, approved or revoked.
    """

    at: dt.datetime
    service: str
    name: str
    revision: int
    what: str
    why: str
    actor: str


@dataclasses.dataclass(frozen=True)
class Bar:
    """How many certificates end within a day, or a week, that begins on this date in UTC."""

    begins: dt.date
    count: int


Sums = t.Mapping[str, t.Mapping[str, int]]


@dataclasses.dataclass(frozen=True)
class View:
    """A fleet at one moment. ``release`` is that of the collection.

    ``entries`` are sorted by service and name, ``happenings`` by time, the latest first. ``attention`` are the entries
    that need a person, the gravest first. The sums count the entries by status, for each name; a status that does not
    occur is missing. ``by_status`` counts all entries, with zeros, in the order of gravity.
    """

    title: str
    taken_at: dt.datetime
    release: str
    soon: dt.timedelta
    services: tuple[str, ...]
    entries: t.Sequence[Entry]
    happenings: tuple[Happening, ...] = ()
    attention: tuple[Entry, ...] = ()
    by_status: t.Mapping[str, int] = dataclasses.field(default_factory=dict)
    by_ca: Sums = dataclasses.field(default_factory=dict)
    by_provider: Sums = dataclasses.field(default_factory=dict)
    by_service: Sums = dataclasses.field(default_factory=dict)


def view_of(
    title: str,
    taken_at: dt.datetime,
    release: str,
    soon: dt.timedelta,
    entries: t.Iterable[Entry],
    happenings: t.Iterable[Happening] = (),
    services: t.Iterable[str] = (),
) -> View:
    """Return the view of entries with its sums; ``services`` are known even if they have no entry."""
    ordered = sorted(entries, key=lambda entry: (entry.service, entry.name))
    sums: dict[str, dict[str, Counter[str]]] = {"ca": {}, "provider": {}, "service": {}}
    for name in services:
        sums["service"].setdefault(name, Counter())
    statuses = Counter(entry.status for entry in ordered)
    for entry in ordered:
        for field, found in sums.items():
            name = getattr(entry, field)
            if name:
                found.setdefault(name, Counter())[entry.status] += 1
    return View(
        title,
        taken_at,
        release,
        soon,
        tuple(sorted(sums["service"])),
        ordered,
        tuple(sorted(happenings, key=lambda one: one.at, reverse=True)),
        tuple(sorted((entry for entry in ordered if entry.needs_person), key=_by_gravity)),
        {status: statuses[status] for status in Status},
        *({name: dict(found[name]) for name in sorted(found)} for found in sums.values()),
    )


def ends_next(view: View, most: int) -> list[Entry]:
    """Return the entries whose certificates end next, soonest first; those that have ended are not among them."""
    import heapq  # few runs need it

    coming = (entry for entry in view.entries if entry.not_valid_after and entry.not_valid_after > view.taken_at)
    return heapq.nsmallest(most, coming, key=_by_end)


def timeline(view: View, unit: t.Literal["day", "week"]) -> list[Bar]:
    """Return how many certificates end in each day of ``soon``, or in each week of a year; weeks begin on Monday.

    The first bar is of today, or of this week, and counts what ends from now on.
    """
    today = view.taken_at.astimezone(dt.timezone.utc).date()
    if unit == "day":
        first, step, bars = today, _DAY, view.soon.days + 1
    else:
        first, step, bars = today - today.weekday() * _DAY, _WEEK, WEEKS
    counts: Counter[int] = Counter()
    for entry in view.entries:
        end = entry.not_valid_after
        if end is not None and end > view.taken_at:
            counts[(end.astimezone(dt.timezone.utc).date() - first) // step] += 1
    return [Bar(first + place * step, counts[place]) for place in range(bars)]


_LAST = dt.datetime.max.replace(tzinfo=dt.timezone.utc)


def _by_end(entry: Entry) -> tuple[dt.datetime, str, str]:
    return (entry.not_valid_after or _LAST, entry.service, entry.name)


def _by_gravity(entry: Entry) -> tuple[int, dt.datetime, str, str]:
    return (entry.status.gravity, *_by_end(entry))
