# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spread the renewals of a fleet: each name has a moment of its own, the same in each run. Pure: no I/O.

Time is divided into periods, as long as a certificate may be in use before it has to be renewed. In each of them a name
has one moment, as its hash says. A certificate is renewed at the last such moment before it has to be, if the jitter
reaches back so far. So a name keeps its moment and its whole period, however the first certificates were spread.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import hashlib
import re
import typing as t

from .._clock import parse_duration
from .due import LEAST_USED, RenewBefore

_NONE = ("", "0", "none")
_UNITS = tuple(dt.timedelta(seconds=seconds) for seconds in (604800, 86400, 14400, 3600, 600, 60, 10))
# A life is rounded to the largest unit of which it has so many: half a unit is 2.5 % of it then.
_LEAST_UNITS = 20
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_SECOND = dt.timedelta(seconds=1)


@dataclasses.dataclass(frozen=True)
class Jitter:
    """The option renew_jitter: by how much a renewal may come earlier. Either ``fixed``, or ``percent`` of the life."""

    fixed: dt.timedelta = dt.timedelta()
    percent: int = 0

    @classmethod
    def parse(cls, text: str) -> Jitter:
        """Read ``9d``, ``1d12h``, ``10%``, ``0`` or ``none``; raise ConfigurationError otherwise."""
        shown = text.strip()
        if shown in _NONE:
            return cls()
        share = re.fullmatch(r"([0-9]{1,2}|100)\s*%", shown)
        if share:
            return cls(percent=int(share[1]))
        others = ", a share of the certificate's life from 0% to 100%, 0 or none"
        return cls(fixed=parse_duration("renew_jitter", shown, instead=others))

    def __bool__(self) -> bool:
        return bool(self.fixed or self.percent)

    def window(self, life: dt.timedelta) -> dt.timedelta:
        """Return by how much the renewal of a certificate with this life may come earlier."""
        return self.fixed or life * self.percent / 100


class Draw(t.NamedTuple):
    """The two random numbers of a name, from 0 up to 1: the place of its moment in a period, and one for other uses."""

    place: float
    other: float

    @classmethod
    def of(cls, service: str, name: str) -> Draw:
        """Return the numbers of a name, which are the same on each machine and in each release."""
        digest = hashlib.sha256(f"{service}\0{name}".encode("utf-8", "surrogatepass")).digest()
        place, other = (int.from_bytes(part, "big") / 2**64 for part in (digest[:8], digest[8:16]))
        return cls(place, other)


class Terms(t.NamedTuple):
    """The bounds of one renewal, in seconds: ``since`` and ``latest`` since 1970, ``period`` and ``window`` as spans.

    ``period`` is hardly shorter than the time from ``since`` to ``latest``, and the same for each certificate of a
    name.
    """

    since: float
    latest: float
    period: float
    window: float

    @classmethod
    def of(cls, rule: RenewBefore, jitter: Jitter, since: dt.datetime, ends: dt.datetime, whole: dt.timedelta) -> Terms:
        """Return the bounds for a certificate. It is used for the least share of its life, however long the jitter."""
        life = ends - since
        latest = ends - rule.before(life, whole)
        room = latest - since - life * LEAST_USED
        window = min(jitter.window(life), max(room, dt.timedelta()))
        return cls((since - EPOCH) / _SECOND, (latest - EPOCH) / _SECOND, _period(rule, life, whole), window / _SECOND)


def own_moment(terms: Terms, draw: Draw) -> float:
    """Return when a certificate is due, in seconds since 1970.

    Where the moment of the name does not lie in the window, it is another one, from which the moment can be reached by
    the next renewal if that is possible.
    """
    since, latest, period, window = terms
    own = latest - (latest - draw.place * period) % period
    earliest = latest - window
    if own >= earliest:
        return own
    reaching = min(latest, own + period - (latest - since - window))
    until = reaching if reaching > earliest else latest
    return until - draw.other * (until - earliest)


def _period(rule: RenewBefore, life: dt.timedelta, whole: dt.timedelta) -> float:
    """Return the time between two renewals, in seconds.

    The moments of a name are counted in periods from 1970, so the period must be the same for each of its certificates,
    although their lives differ by the time that the CA took. So it is that of a rounded life. Half a unit less makes
    sure that it fits into the life of each of them, with the time that passes until a run comes.
    """
    unit = next((unit for unit in _UNITS if life >= _LEAST_UNITS * unit), _SECOND)
    return _rounded_period(rule, unit, max(1, round(life / unit)), max(1, round(whole / unit)))


@functools.lru_cache(256)
def _rounded_period(rule: RenewBefore, unit: dt.timedelta, life: int, whole: int) -> float:
    rounded = life * unit - unit / 2
    return (rounded - rule.before(rounded, whole * unit)) / _SECOND
