# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say by when a certificate is due for renewal, from the option renew_before. Pure: no I/O."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

from .._clock import parse_duration, span

_BEGINNING = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
_MONTH = dt.timedelta(days=30)
# The share of its life for which a certificate is in use at least. It is a little under a tenth: CAs date certificates
# back by minutes, and 90% should be taken as it is all the same.
LEAST_USED = 0.095


@dataclasses.dataclass(frozen=True)
class Due:
    """The moment from which on a certificate is due, the rule in words, and a warning about the rule."""

    at: dt.datetime
    rule: str
    warning: str | None = None


@dataclasses.dataclass(frozen=True)
class RenewBefore:
    """The option renew_before: a fixed time before the end of a certificate, ``percent`` of its life, or never.

    Without any of them it is the default, the smaller of 30 days and a third of the life. A certificate that was just
    obtained is never due: a value that leaves it less than a tenth of its life counts as a third.
    """

    text: str = ""
    fixed: dt.timedelta | None = None
    percent: int | None = None
    never: bool = False

    @classmethod
    def parse(cls, text: str | None) -> RenewBefore:
        """Read ``30d``, ``1d12h``, ``33%``, ``never`` or nothing; raise ConfigurationError otherwise."""
        shown = (text or "").strip()
        if not shown:
            return cls()
        if shown == "never":
            return cls(shown, never=True)
        share = re.fullmatch(r"([0-9]{1,2})\s*%", shown)
        if share and int(share[1]):
            return cls(shown, percent=int(share[1]))
        others = ", a share of the certificate's life from 1% to 99%, or never"
        return cls(shown, fixed=parse_duration("renew_before", shown, instead=others))

    def due(self, begins: dt.datetime | None, ends: dt.datetime, obtained: dt.datetime | None = None) -> Due:
        """Return when a certificate is due.

        CAs date certificates back, so its life begins with the later of ``begins`` and ``obtained``, a moment at which
        it did not exist yet. Where neither is known, a fixed time counts as it is, and a share as no time at all.
        """
        since = in_use_since(begins, ends, obtained)
        if since is None:
            fixed = self.fixed or (dt.timedelta() if self.text else _MONTH)
            return Due(ends - min(fixed, ends - _BEGINNING), self._rule())
        life, whole = ends - since, validity(begins, ends, since)
        before = self.before(life, whole)
        if before == self._wanted(life, whole):
            is_third = not self.text and life < 3 * _MONTH
            return Due(ends - before, _third(life) if is_third else self._rule(), self._short(before, life))
        return Due(
            ends - before,
            f"{_third(life)}, as renew_before {self.text} leaves no time",
            f"renew_before {self.text} leaves no time to use a certificate that lives {span(life)}, so it is due a "
            "third of its life before its end: set a shorter renew_before, or leave it out",
        )

    def before(self, life: dt.timedelta, whole: dt.timedelta) -> dt.timedelta:
        """Return how long before its end a certificate is due.

        ``life`` begins when it was obtained, ``whole`` with its validity.
        """
        wanted = self._wanted(life, whole)
        return life / 3 if life - wanted < life * LEAST_USED else wanted

    def _wanted(self, life: dt.timedelta, whole: dt.timedelta) -> dt.timedelta:
        if self.fixed is not None:
            return self.fixed
        return min(life / 3, _MONTH) if self.percent is None else whole * self.percent / 100

    def _rule(self) -> str:
        if not self.text:
            return "30 days before its end"
        return f"{self.text} {'before its end' if self.percent is None else 'of its life before its end'}"

    def _short(self, before: dt.timedelta, life: dt.timedelta) -> str | None:
        """Return a warning about a time so short that hardly a run falls into it, such as a month written ``1m``."""
        if before >= dt.timedelta(hours=1) or before * 1000 >= life:
            return None
        return (
            f"renew_before {self.text} is only {span(before)} of a life of {span(life)}, and a certificate ends "
            "unless a run comes just then (m is minutes)"
        )


def in_use_since(begins: dt.datetime | None, ends: dt.datetime, obtained: dt.datetime | None) -> dt.datetime | None:
    """Return the moment with which the life of a certificate begins; None where it is not known."""
    return max((moment for moment in (begins, obtained) if moment and moment < ends), default=None)


def validity(begins: dt.datetime | None, ends: dt.datetime, since: dt.datetime) -> dt.timedelta:
    """Return the whole time of validity, also that before the certificate was obtained."""
    return ends - (begins if begins and begins < ends else since)


def _third(life: dt.timedelta) -> str:
    return f"a third of its life of {span(life)} before its end"
