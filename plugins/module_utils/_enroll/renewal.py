# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of renewal: when a certificate is due, and when it may be renewed. Pure: no I/O."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading

from .._clock import span, to_the_minute
from .._models import Revision
from .calendar import Calendar
from .due import Due, RenewBefore, in_use_since, validity
from .jitter import EPOCH, Draw, Jitter, Terms, own_moment

# Without renew_before, and without renew_jitter.
_DEFAULT_JITTER = Jitter(percent=10)
# A renewal is not left until less than this, or less than this share of the life, is left before the end. A day is
# time for the run of that day and, if it fails, for a person. A certificate of a few days has no such time.
_SPARE = dt.timedelta(days=1)
_SPARE_SHARE = 10


@dataclasses.dataclass(frozen=True)
class Closed:
    """A time at which the windows and freezes allow no renewal.

    ``opens`` is the next moment that they allow. ``option`` is the one that does not allow it now. ``gives_way`` says
    that ``opens`` is too late for the certificate, so that it is renewed at once.
    """

    opens: dt.datetime
    option: str
    words: str
    gives_way: bool


@dataclasses.dataclass(frozen=True)
class RenewalPolicy:
    """When certificates are renewed. The parts are those of the options."""

    renew_before: RenewBefore = dataclasses.field(default_factory=RenewBefore)
    jitter: Jitter = dataclasses.field(default_factory=Jitter)
    calendar: Calendar = dataclasses.field(default_factory=Calendar)

    @classmethod
    def parse(
        cls, renew_before: str | None = None, renew_jitter: str | None = None, calendar: Calendar | None = None
    ) -> RenewalPolicy:
        """Read the options. A time that is set has no jitter, unless that is set too. Raises ConfigurationError."""
        before = RenewBefore.parse(renew_before)
        given = (renew_jitter or "").strip()
        default = Jitter() if before.text else _DEFAULT_JITTER
        return cls(before, Jitter.parse(given) if given else default, calendar or Calendar())

    def due(self, current: Revision) -> Due | None:
        """Return when a certificate is due; None if it is not known when it ends."""
        latest = self._latest(current)
        terms = latest and self._terms(current)
        if not terms or not latest:
            return latest
        at = _own(terms, current)
        moved, window = span(latest.at - at), span(dt.timedelta(seconds=terms.window))
        rule = f"{latest.rule}, and {moved} of its jitter of {window} earlier"
        return dataclasses.replace(latest, at=at, rule=rule)

    def is_due(self, current: Revision, now: dt.datetime) -> bool:
        """Return whether a certificate is due, or its rule is to be warned of. It is quicker than ``due``."""
        latest = self._latest(current)
        if latest is None or latest.at <= now or latest.warning:
            return True
        begins, ends = current.not_valid_before, current.not_valid_after
        if begins and ends and now < latest.at - self.jitter.window(ends - begins):
            return False
        terms = self._terms(current)
        return terms is not None and _own(terms, current) <= now

    def closed(self, current: Revision, at: dt.datetime) -> Closed | None:
        """Return why a certificate that is due may not be renewed at a time; None where it may."""
        opens = self.calendar.next_open(at) if self.calendar else at
        if opens <= at:
            return None
        freeze, when = self.calendar.freeze_at(at), to_the_minute(opens)
        awaited = f"the window that opens {when}"
        if freeze is not None:
            why = f" ({freeze.reason})" if freeze.reason else ""
            awaited = f"{when}, when the freeze{why} is over"
        gives_way = current.not_valid_after is not None and opens + _spare(current) > current.not_valid_after
        words = f"does not wait for {awaited}, too late before its end" if gives_way else f"waits for {awaited}"
        return Closed(opens, "renewal_freezes" if freeze else "renewal_windows", words, gives_way)

    def _latest(self, current: Revision) -> Due | None:
        """Return by when a certificate is due, without jitter."""
        begins, ends = current.not_valid_before, current.not_valid_after
        return self.renew_before.due(begins, ends, obtained_after(current)) if ends else None

    def _terms(self, current: Revision) -> Terms | None:
        """Return the bounds of the jitter; None without jitter, or if the life of the certificate is not known."""
        begins, ends = current.not_valid_before, current.not_valid_after
        since = in_use_since(begins, ends, obtained_after(current)) if ends and self.jitter else None
        if ends is None or since is None:
            return None
        return Terms.of(self.renew_before, self.jitter, since, ends, validity(begins, ends, since))

    def ends_soon(self, current: Revision, now: dt.datetime) -> bool:
        """Return whether a certificate that is left for a later run ends within days."""
        ends = current.not_valid_after
        return ends is not None and ends - now < 2 * _spare(current)


def obtained_after(current: Revision) -> dt.datetime | None:
    """Return the latest known moment at which a certificate did not exist yet."""
    if current.adopted:
        return None
    return max(filter(None, (current.created_at, current.signing_since)), default=None)


def _own(terms: Terms, current: Revision) -> dt.datetime:
    return EPOCH + dt.timedelta(seconds=own_moment(terms, Draw.of(current.service, current.name)))


def _spare(current: Revision) -> dt.timedelta:
    """Return the least time that has to be left before the end of a certificate when it is renewed."""
    ends = current.not_valid_after
    since = ends and in_use_since(current.not_valid_before, ends, obtained_after(current))
    return min(_SPARE, (ends - since) / _SPARE_SHARE) if ends and since else _SPARE


class Quota:
    """The option max_renewals: how many renewals one run begins. Usable from several threads.

    A run plans a certificate more than once, first to see whether it acts. So the names are kept, and one that is not
    to be renewed after all makes room for another.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self._names: set[str] = set()
        self._mutex = threading.Lock()

    def take(self, name: str) -> bool:
        """Return whether the certificate may be renewed in this run."""
        with self._mutex:
            if self.most is not None and name not in self._names and len(self._names) >= self.most:
                return False
            self._names.update([name] if self.most is not None else [])
            return True

    def give_back(self, name: str) -> None:
        """Note that the certificate is not renewed."""
        with self._mutex:
            self._names.discard(name)
