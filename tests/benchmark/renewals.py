# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulate the renewals of a fleet over a year, without a server: how many are renewed on each day, and how many end.

The moments are those of the collection's own policy. A run renews each certificate that is due then. The CA takes some
minutes, so that no two lives are quite the same.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import datetime as dt
import random

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    Calendar,
    Freeze,
    RenewalPolicy,
    Window,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.jitter import (
    EPOCH,
    Draw,
    Terms,
    own_moment,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.figures import Figure, Goal

DAY = 86400.0
HOUR = 3600.0
# A Monday.
BEGIN = dt.datetime(2027, 1, 4, tzinfo=dt.timezone.utc)
DAYS = 365
# How long the CA takes at most, and a night in which all are replaced.
_CA_SECONDS = 600.0
_NIGHT = 8 * HOUR
_SPEC = CertificateSpec("name", DistinguishedName((("cn", "name"),)), "CA")


@dataclasses.dataclass(frozen=True)
class Fleet:
    """A fleet, and how it is renewed. Times are in seconds.

    The first certificates are issued in one day, or ``spread`` over the time between two renewals. On the day
    ``replaced`` all are replaced within a night. A run comes ``every`` so often.
    """

    names: int
    policy: RenewalPolicy
    spread: bool = False
    replaced: int | None = None
    every: float = DAY
    life: float = 47 * DAY
    seed: int = 1


@dataclasses.dataclass(frozen=True)
class Year:
    """The renewals of each day, and how many certificates ended before they were renewed."""

    renewals: tuple[int, ...]
    ended: int

    def deviation(self, begin: int, end: int = DAYS) -> float:
        """Return how far the worst of these days is from their mean, in percent."""
        days = self.renewals[begin:end]
        mean = sum(days) / len(days)
        return 100 * max(abs(day - mean) for day in days) / mean


def simulate(fleet: Fleet) -> Year:
    """Return the year of a fleet."""
    chance = random.Random(fleet.seed)
    begin = (BEGIN - EPOCH).total_seconds()
    renewals, ended = [0] * DAYS, 0
    terms = _terms(fleet.policy, fleet.life)
    for number in range(fleet.names):
        for renewed, ends in _renewals(fleet, terms, f"name-{number}", begin, chance):
            day = int((renewed - begin) // DAY)
            ended += renewed >= ends
            if day >= DAYS:
                break
            if day >= 0:
                renewals[day] += 1
    return Year(tuple(renewals), ended)


def _renewals(
    fleet: Fleet, terms: Terms, name: str, begin: float, chance: random.Random
) -> c.Iterator[tuple[float, float]]:
    """Yield when each certificate of a name is renewed, and when it ends, without end."""
    draw = Draw.of("service", name)
    use = terms.latest - terms.since
    obtained = begin + (-chance.random() * use if fleet.spread else chance.random() * DAY)
    replaced = None if fleet.replaced is None else begin + fleet.replaced * DAY
    while True:
        answered = obtained + chance.random() * _CA_SECONDS
        due = own_moment(Terms(obtained, answered + use, terms.period, terms.window), draw)
        ends = answered + fleet.life
        renewed = _run_after(_allowed(fleet, name, _run_after(due, fleet), obtained, ends), fleet)
        if replaced is not None and renewed > replaced:
            renewed, replaced = replaced + chance.random() * _NIGHT, None
        yield renewed, ends
        obtained = renewed


def _terms(policy: RenewalPolicy, life: float) -> Terms:
    lives = dt.timedelta(seconds=life)
    return Terms.of(policy.renew_before, policy.jitter, EPOCH, EPOCH + lives, lives)


def _run_after(moment: float, fleet: Fleet) -> float:
    """Return when the next run comes."""
    return -(-moment // fleet.every) * fleet.every


def _allowed(fleet: Fleet, name: str, run: float, obtained: float, ends: float) -> float:
    """Return the first moment from a run on at which the windows and freezes allow a renewal."""
    if not fleet.policy.calendar:
        return run
    begins, at = (EPOCH + dt.timedelta(seconds=seconds) for seconds in (obtained, run))
    current = Revision(
        "service",
        name,
        1,
        1,
        State.FINALIZED,
        _SPEC,
        not_valid_before=begins,
        not_valid_after=EPOCH + dt.timedelta(seconds=ends),
        created_at=begins,
    )
    closed = fleet.policy.closed(current, at)
    return run if closed is None or closed.gives_way else (closed.opens - EPOCH).total_seconds()


def figures(names: int) -> list[Figure]:
    """Simulate the fleets that the documentation speaks of."""
    flat = RenewalPolicy.parse(None, "100%")
    goal = Goal(10)
    settled, replaced = 47, 180
    told = []
    for words, spread in (("all issued on one day", False), ("issued over time", True)):
        for runs, every in (("daily", DAY), ("hourly", HOUR)):
            year = simulate(Fleet(names, flat, spread=spread, replaced=replaced, every=every))
            each = sum(year.renewals) / names
            what = f"{names} names, {words}, {runs} runs: the worst day"
            note = f"{each:.1f} renewals of each name in the year, with those of the night"
            told += [
                Figure(what, year.deviation(settled, replaced), goal, "% from the mean", note=note),
                Figure(f"{what} after all were replaced", year.deviation(replaced + settled), goal, "% from the mean"),
            ]
    nights = Window(frozenset(range(5)), opens=22 * 60, closes=6 * 60)
    freeze = Freeze(BEGIN + dt.timedelta(days=180), BEGIN + dt.timedelta(days=194))
    for jitter in ("0", "10%", "100%"):
        policy = RenewalPolicy.parse(None, jitter, Calendar((nights,), (freeze,)))
        year = simulate(Fleet(names // 10, policy, every=HOUR))
        what = f"{names // 10} names, jitter {jitter}, in weeknights, with a freeze of two weeks: ended"
        told.append(Figure(what, year.ended, Goal(0), note=f"{max(year.renewals)} renewals on the busiest day"))
    return told
