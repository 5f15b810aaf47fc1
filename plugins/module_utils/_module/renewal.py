# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the options that say when certificates are renewed."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import re
import typing as t

from .._clock import parse_timestamp, utc_now
from .._enroll.api import Calendar, Freeze, Quota, RenewalPolicy, Window, instant
from .._errors import ConfigurationError
from .specs import WEEKDAYS
from .yaml_values import QUOTE_IN_YAML, reading

Params = t.Mapping[str, t.Any]

_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_AND_TIME = re.compile(_DATE.pattern + r"[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?")
_DAY = dt.timedelta(days=1)
_DAY_IN_MINUTES = 24 * 60


@dataclasses.dataclass(frozen=True)
class Renewals:
    """The options of a task: the policy of renewal, and how many renewals a run begins."""

    renew_before: str | None
    renew_jitter: str | None
    calendar: Calendar
    most: int | None

    @classmethod
    def read(cls, params: Params, now: dt.datetime | None = None) -> Renewals:
        """Read the options. Raises ConfigurationError, also where no renewal would ever be allowed."""
        most = params.get("max_renewals")
        if most is not None and most < 1:
            raise ConfigurationError(
                f"max_renewals must be at least 1, not {most}: with renew_before never nothing is renewed"
            )
        calendar = Calendar(
            tuple(_window(place, window) for place, window in _numbered(params, "renewal_windows")),
            tuple(_freeze(place, freeze) for place, freeze in _numbered(params, "renewal_freezes")),
        )
        calendar.next_open(now or utc_now())
        read = cls(params["renew_before"], params["renew_jitter"], calendar, most)
        read.standard  # noqa: B018
        return read

    @functools.cached_property
    def standard(self) -> RenewalPolicy:
        """The policy for a certificate without a ``renew_before`` of its own."""
        return RenewalPolicy.parse(self.renew_before, self.renew_jitter, self.calendar)

    def policy(self, renew_before: str | None) -> RenewalPolicy:
        """Return the policy for a certificate. Raises ConfigurationError if its ``renew_before`` cannot be used."""
        if not renew_before:
            return self.standard
        return RenewalPolicy.parse(renew_before, self.renew_jitter, self.calendar)

    def quota(self) -> Quota:
        """Return the quota of one run."""
        return Quota(self.most)


def _numbered(params: Params, option: str) -> t.Iterator[tuple[str, Params]]:
    for number, value in enumerate(params.get(option) or ()):
        yield f"{option}[{number}].", value


def _window(place: str, given: Params) -> Window:
    days = given["days"]
    if days is not None and not days:
        raise ConfigurationError(f"{place}days is empty, so the window never opens: leave it out for each day")
    return Window(
        frozenset(map(WEEKDAYS.index, WEEKDAYS if days is None else days)),
        _minutes(f"{place}from", given["from"]),
        _minutes(f"{place}to", given["to"], last=_DAY_IN_MINUTES),
        zone_of(f"{place}zone", given["zone"]),
    )


def _minutes(place: str, value: object, last: int = _DAY_IN_MINUTES - 1) -> int:
    """Read a time of the day, as minutes after midnight, of which ``last`` is the greatest.

    A number is refused. YAML reads 22:00 without quotes as 1320, but 13:20 may be meant as well.
    """
    found = _TIME_OF_DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    minutes = int(found[1]) * 60 + int(found[2]) if found else last + 1
    if minutes > last:
        shown = reading(value) or repr(value)
        raise ConfigurationError(f'{place} must be a time of the day such as "22:00", not {shown}: {_QUOTE_A_TIME}')
    return minutes


def _freeze(place: str, given: Params) -> Freeze:
    zone = zone_of(f"{place}zone", given["zone"])
    begins = _moment(f"{place}from", given["from"], zone)
    ends = _moment(f"{place}until", given["until"], zone, last=True)
    if ends <= begins:
        raise ConfigurationError(f"{place}until is not after {place}from: {given['until']} and {given['from']}")
    return Freeze(begins, ends, given["reason"] or "")


def _moment(place: str, value: object, zone: dt.tzinfo, *, last: bool = False) -> dt.datetime:
    """Read a date, or a date and a time, which may have an offset from UTC of its own.

    ``last`` takes the end of a day. YAML reads a date without quotes as a date, which has arrived as text here.
    """
    text = value.strip() if isinstance(value, str) else ""
    with contextlib.suppress(ValueError, OverflowError):
        if _DATE.fullmatch(text):
            day = dt.datetime.fromisoformat(text)
            return instant(day + _DAY if last else day, zone, last=last)
        if _DATE_AND_TIME.fullmatch(text):
            local = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
            return instant(local, zone, last=last) if local.tzinfo is None else parse_timestamp(text)
    shown = reading(value) or repr(value)
    examples = 'a date such as "2026-12-24", or a date and a time such as "2026-12-24 18:00"'
    raise ConfigurationError(f"{place} must be {examples}, not {shown}: {QUOTE_IN_YAML}")


def zone_of(place: str, name: str) -> dt.tzinfo:
    """Return a time zone. Raises ConfigurationError for one that this machine does not know."""
    if name == "UTC":
        return dt.timezone.utc
    import zoneinfo  # only for options that name a zone

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ConfigurationError(
            f"{place} is {name!r}, which is no time zone that this machine knows: give the IANA name of one, such as "
            "Europe/Madrid, and install the package tzdata for Python if the machine has no time zones"
        ) from exc


_QUOTE_A_TIME = 'quote it in YAML, as in from: "22:00", since YAML reads 22:00 without quotes as the number 1320'
