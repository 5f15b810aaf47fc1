# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say when a certificate is due for renewal, from the option renew_before. Pure: no I/O."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

from .._clock import parse_duration

_BEGINNING = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
_MONTH = dt.timedelta(days=30)
# The share of its life for which a certificate is in use at least. It is a little under a tenth: CAs date certificates
# back by minutes, and 90% should be taken as it is all the same.
_LEAST_LEFT = 0.095


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
        known = [moment for moment in (begins, obtained) if moment and moment < ends]
        if not known:
            fixed = self.fixed or (dt.timedelta() if self.text else _MONTH)
            return Due(ends - min(fixed, ends - _BEGINNING), self._rule())
        life = ends - max(known)
        third = Due(ends - life / 3, f"a third of its life of {_span(life)} before its end")
        if self.fixed is not None:
            before = self.fixed
        elif self.percent is not None:
            before = (ends - known[0]) * self.percent / 100
        else:
            return third if life < 3 * _MONTH else Due(ends - _MONTH, self._rule())
        if life - before < life * _LEAST_LEFT:
            return dataclasses.replace(
                third,
                rule=f"{third.rule}, as renew_before {self.text} leaves no time",
                warning=f"renew_before {self.text} leaves no time to use a certificate that lives {_span(life)}, so it "
                "is due a third of its life before its end: set a shorter renew_before, or leave it out",
            )
        return Due(ends - before, self._rule(), self._short(before, life))

    def _rule(self) -> str:
        if not self.text:
            return "30 days before its end"
        return f"{self.text} {'before its end' if self.percent is None else 'of its life before its end'}"

    def _short(self, before: dt.timedelta, life: dt.timedelta) -> str | None:
        """Return a warning about a time so short that hardly a run falls into it, such as a month written ``1m``."""
        if before >= dt.timedelta(hours=1) or before * 1000 >= life:
            return None
        return (
            f"renew_before {self.text} is only {_span(before)} of a life of {_span(life)}, and a certificate ends "
            "unless a run comes just then (m is minutes)"
        )


def _span(duration: dt.timedelta) -> str:
    """Return a duration in words, in the largest unit of which it has at least two."""
    for unit, seconds in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if duration.total_seconds() >= 2 * seconds:
            return f"{duration.total_seconds() / seconds:.1f}".removesuffix(".0") + f" {unit}"
    return f"{duration.total_seconds():.0f} seconds"
