# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which certificates are left to replace, and count them. Pure: no I/O, the time is passed in.

A replacement is an incident: a CA is compromised, keys of a kind are weak, a batch was issued wrongly. A certificate is
left to replace if it meets the criteria and was obtained before the replacement was begun. So one that was renewed
since then is not replaced again, even if it meets the criteria as before.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import functools
import typing as t

from .._errors import ConfigurationError
from .._models import Enrollment, Outcome, Revision, State
from .._store.api import Replacement
from .._x509.api import X500Name, issuer_and_serial, rfc4514
from .backoff import waits_until
from .criteria import Criteria, Told

_MOST_NAMES = 3
_MOST_VALUES = 5

REJECTED = "the CA rejected their last request: a person must look"
BACKING_OFF = "they failed several times, and wait until after the deadline"


@dataclasses.dataclass(frozen=True)
class Incident:
    """A replacement, with its criteria."""

    replacement: Replacement
    criteria: Criteria

    @classmethod
    def of(cls, replacement: Replacement) -> Incident:
        """Return the incident of a row in the store. Raises StoreError."""
        return cls(replacement, Criteria.from_text(replacement.selection))

    @property
    def why(self) -> str:
        """The reason of each renewal."""
        return f"replaced for {self.replacement.id}: {self.criteria}"

    def concerns(self, revision: Revision) -> Told:
        """Return whether this certificate has to be replaced; None where that cannot be told.

        It counts when its key was asked for. That is dated by the same clock as the beginning of the replacement, so a
        renewal is always later. An adopted certificate is older than its row.
        """
        since = revision.not_valid_before if revision.adopted else revision.created_at
        if since is not None and since >= self.replacement.begun_at:
            return False
        return self.criteria.match(revision)

    def is_left(self, enrollment: Enrollment) -> Told:
        """Return whether an enrollment is left to replace; None where that cannot be told.

        A certificate that was on its way when the replacement was begun may turn out to be one of those.
        """
        current, pending = enrollment.current, enrollment.pending
        told = self.concerns(current) if current is not None else False
        if not told and pending is not None and self.concerns(pending) is not False:
            return True
        return told


class Incidents:
    """The open replacements of a service. Usable from several threads."""

    def __init__(self, incidents: t.Sequence[Incident] = ()) -> None:
        self._incidents = incidents
        # The names that were found to be left, each with its incident.
        self._left: dict[str, Incident] = {}

    def __iter__(self) -> t.Iterator[Incident]:
        return iter(self._incidents)

    @property
    def has_found_any(self) -> bool:
        """Whether any certificate that was looked at is left to replace."""
        return bool(self._left)

    def why(self, enrollment: Enrollment) -> str:
        """Return why the certificate in use has to be replaced; empty if it has not.

        What is on its way is finished first.
        """
        if not self._incidents:
            return ""
        found = next((one for one in self._incidents if one.is_left(enrollment)), None)
        if found is None:
            self._left.pop(enrollment.name, None)
            return ""
        self._left[enrollment.name] = found
        current = enrollment.current
        return found.why if current is not None and enrollment.pending is None and found.concerns(current) else ""

    def of(self, outcome: Outcome) -> Incident | None:
        """Return the incident that an outcome belongs to."""
        return self._left.get(outcome.name)


def is_replaced(incident: Incident, outcome: Outcome) -> bool:
    """Return whether the certificate of an outcome is not left to replace any more."""
    used = outcome.in_use
    return outcome.error is None and outcome.changed and used is not None and incident.concerns(used) is False


@dataclasses.dataclass
class Count:
    """How many certificates are left to replace, as of ``now``.

    ``stuck`` are those that cannot be replaced before the deadline, by cause, ``stuck_names`` their names.
    ``not_known`` counts those that cannot be judged, ``not_known_names`` has the first of them.
    """

    now: dt.datetime
    in_use: int = 0
    left: int = 0
    stuck: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    stuck_names: set[str] = dataclasses.field(default_factory=set)
    not_known: int = 0
    not_known_names: list[str] = dataclasses.field(default_factory=list)

    def add(self, incident: Incident, enrollment: Enrollment) -> None:
        """Count an enrollment."""
        self.in_use += enrollment.current is not None
        told = incident.is_left(enrollment)
        if told is None:
            self.not_known += 1
            if self.not_known <= _MOST_NAMES:
                self.not_known_names.append(enrollment.name)
        elif told:
            self.left += 1
            cause = _why_stuck(enrollment, incident.replacement.deadline, self.now)
            if cause:
                self.stuck[cause] += 1
                self.stuck_names.add(enrollment.name)


class Survey:
    """What each criterion finds alone, so that a mistake in one of them is told."""

    def __init__(self, incident: Incident) -> None:
        self._incident = incident
        self._criteria = incident.criteria
        self._names = set(self._criteria.names or ())
        self._serials = set(self._criteria.serial_numbers or ())
        self._found = dict.fromkeys((check.option for check in self._criteria.checks), 0)
        self._there: dict[str, collections.Counter[str]] = {
            option: collections.Counter() for option in _VALUES if option in self._found
        }
        # How many certificates in use meet all criteria, whenever they were obtained.
        self.matching = 0

    def add(self, enrollment: Enrollment) -> None:
        """Look at an enrollment."""
        if enrollment.current is not None:
            self.matching += self._criteria.match(enrollment.current) is True
            for option, values in self._there.items():
                values[_VALUES[option](enrollment.current)] += 1
        for revision in filter(None, (enrollment.current, enrollment.pending)):
            for check in self._criteria.checks:
                self._found[check.option] += check.test(revision) is True
            self._names.discard(revision.name)
            if self._serials and revision.certificate is not None:
                self._serials.discard(_serial(revision.certificate) or 0)

    @property
    def idle(self) -> list[str]:
        """The criteria that match nothing, in words."""
        return [check.words for check in self._criteria.checks if not self._found[check.option]]

    def there(self) -> str:
        """Return the most frequent values that the certificates in use have instead, in words."""
        found = []
        for option, values in self._there.items():
            if not self._found[option] and values:
                most = ", ".join(f"{value} ({number:,})" for value, number in values.most_common(_MOST_VALUES))
                found.append(f"the {option} of the certificates in use: {most}")
        return "; ".join(found)

    def warnings(self) -> t.Iterator[str]:
        """Yield a sentence for each list of which a part matches nothing."""
        if self._names and self._found.get("names"):
            yield f"{len(self._names):,} names have no certificate: {_few(sorted(self._names))}"
        if self._serials and self._found.get("serial_numbers"):
            missing = [f"{number:X}" for number in sorted(self._serials)]
            yield f"{len(missing):,} serial numbers match no certificate: {_few(missing)}"


def count(
    enrollments: t.Iterable[Enrollment], incidents: t.Sequence[Incident], now: dt.datetime, survey: Survey | None = None
) -> list[Count]:
    """Count what is left of each incident, in one pass; ``survey`` looks at each enrollment as well."""
    counts = [Count(now) for _incident in incidents]
    for enrollment in enrollments:
        for incident, counted in zip(incidents, counts):
            counted.add(incident, enrollment)
        if survey is not None:
            survey.add(enrollment)
    return counts


def _why_stuck(enrollment: Enrollment, deadline: dt.datetime | None, now: dt.datetime) -> str:
    """Return why a certificate cannot be replaced before the deadline; empty if nothing is known against it."""
    latest = enrollment.pending or enrollment.latest
    if latest is None:
        return ""
    if latest.state is State.REJECTED:
        return REJECTED
    until = waits_until(latest, now)
    return BACKING_OFF if until is not None and deadline is not None and until > deadline else ""


def _serial(der: bytes) -> int | None:
    try:
        return issuer_and_serial(der)[1]
    except ConfigurationError:
        return None


@functools.lru_cache(maxsize=64)
def _issuer_text(issuer: X500Name) -> str:
    return rfc4514(issuer.dn())


def _issuer(revision: Revision) -> str:
    try:
        return _issuer_text(issuer_and_serial(revision.certificate or b"")[0])
    except ConfigurationError:
        return "not known"


# The values to show where a criterion matches nothing.
_VALUES: t.Mapping[str, t.Callable[[Revision], str]] = {
    "issuer": _issuer,
    "provider": lambda revision: revision.spec.provider,
    "key_type": lambda revision: revision.spec.key_type,
}


def _few(names: t.Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
