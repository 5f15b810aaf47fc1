# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin the replacement that a task names, or join it, and find the other open ones of the service."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._clock import timestamp
from .._enroll.api import Count, Incident, Survey, count
from .._errors import ConfigurationError
from .._store.api import Replacement, Store
from .replace_options import Wanted

# A replacement that is not begun yet concerns every certificate.
NOT_BEGUN = dt.datetime.max.replace(tzinfo=dt.timezone.utc)


@dataclasses.dataclass(frozen=True)
class Found:
    """An open replacement with the count of what is left; ``mine`` is that of the task."""

    incident: Incident
    count: Count
    mine: bool = False


@dataclasses.dataclass(frozen=True)
class Begun:
    """The open replacements, that of the task first; lines and warnings about it; whether the store was changed.

    ``ended`` is that of the task, where it has ended.
    """

    open: tuple[Found, ...] = ()
    ended: Replacement | None = None
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    changed: bool = False


class Opening:
    """Find the open replacements of a service; ``now`` is the time. In check mode nothing is written."""

    def __init__(self, store: Store, service: str, actor: str, now: dt.datetime, *, check_mode: bool) -> None:
        self._store = store
        self._service = service
        self._actor = actor
        self._now = now
        self._check_mode = check_mode

    def begin(self, wanted: Wanted | None) -> Begun:
        """Find those that are open, and begin, join or end the one that the task names. Raises ConfigurationError."""
        rows = self._store.replacements(self._service)
        if wanted is None:
            return Begun(self._counted([Incident.of(row) for row in rows if row.ended_at is None]))
        found = next((row for row in rows if row.id == wanted.id), None)
        others = [Incident.of(row) for row in rows if row.ended_at is None and row.id != wanted.id]
        if wanted.ends:
            return self._end(found, wanted, rows, others)
        return self._join(self._mine(found, wanted, rows), wanted, others, is_new=found is None)

    def _end(
        self,
        found: Replacement | None,
        wanted: Wanted,
        rows: t.Sequence[Replacement],
        others: t.Sequence[Incident],
    ) -> Begun:
        found = found or _unknown(wanted, rows)
        ends = found.ended_at is None
        if ends and not self._check_mode:
            self._store.end_replacement(self._service, found.id)
            self._store.put_note(counter(self._service, found.id), None)
        words = "would be ended" if self._check_mode else "was ended"
        said = f"replacement {found.id}: it {words} by hand" if ends else _over(found)
        return Begun(self._counted(others), lines=(said,), changed=ends)

    def _mine(self, found: Replacement | None, wanted: Wanted, rows: t.Sequence[Replacement]) -> Incident:
        """Return the replacement of the task, which may not have begun yet."""
        if found is None and not wanted.criteria:
            _unknown(wanted, rows)
        selection = wanted.criteria.to_text()
        if found is not None and wanted.criteria and found.selection != selection:
            theirs = Incident.of(found).criteria
            raise ConfigurationError(
                f"replace: the replacement {found.id} was begun for other certificates ({theirs}): give this one "
                "another id"
            )
        return Incident.of(found or self._not_begun(wanted, selection))

    def _not_begun(self, wanted: Wanted, selection: str) -> Replacement:
        deadline = wanted.deadline
        if isinstance(deadline, dt.datetime) and deadline <= self._now:
            raise ConfigurationError(f"replace.deadline is over, {timestamp(deadline)}")
        until = self._now + deadline if isinstance(deadline, dt.timedelta) else deadline
        return Replacement(self._service, wanted.id, selection, NOT_BEGUN, until, 0, self._actor)

    def _join(self, mine: Incident, wanted: Wanted, others: t.Sequence[Incident], *, is_new: bool) -> Begun:
        row = mine.replacement
        survey = Survey(mine) if is_new or row.ended_at is not None else None
        counted = self._counted([mine, *others], survey)
        left = counted[0].count.left
        if is_new and not left:
            if any(one.id == row.id for one in self._store.replacements(self._service)):
                return self.begin(wanted)  # another run has begun it meanwhile, and has replaced all
            raise ConfigurationError(_matches_none(mine, counted[0].count, t.cast("Survey", survey)))
        if row.ended_at is not None and not left:
            stay = _stay(survey.matching) if survey is not None else ()
            return Begun(tuple(counted[1:]), ended=row, lines=(_over(row), *stay))
        put = self._put(row, wanted, left) if not self._check_mode else _as_put(row, wanted, left)
        first = dataclasses.replace(counted[0], incident=dataclasses.replace(mine, replacement=put), mine=True)
        warnings = tuple(f"replace: {said}" for said in survey.warnings()) if survey is not None else ()
        return Begun((first, *counted[1:]), warnings=warnings, changed=is_new or row.ended_at is not None)

    def _put(self, row: Replacement, wanted: Wanted, left: int) -> Replacement:
        """Begin it, open it again, or change its deadline, if any of it is needed."""
        if row == _as_put(row, wanted, left):
            return row
        put = self._store.put_replacement(
            self._service, row.id, row.selection, total=left, actor=self._actor, deadline=wanted.deadline
        )
        if put.selection != row.selection:
            raise ConfigurationError(f"replace: another run has begun {row.id} for other certificates: run again")
        return put

    def _counted(self, incidents: t.Sequence[Incident], survey: Survey | None = None) -> tuple[Found, ...]:
        if not incidents:
            return ()
        counts = count(self._store.find(self._service), incidents, self._now, survey)
        return tuple(map(Found, incidents, counts))


def known_replacements(store: Store, service: str, now: dt.datetime) -> list[dict[str, t.Any]]:
    """Return all replacements of a service, open and ended, for a person; of those that are open, what is left."""
    rows = store.replacements(service)
    incidents = [Incident.of(row) for row in rows if row.ended_at is None]
    counts = count(store.find(service), incidents, now) if incidents else []
    left = {one.replacement.id: counted.left for one, counted in zip(incidents, counts)}
    return [
        {
            "id": row.id,
            "criteria": str(Incident.of(row).criteria),
            "begun_at": timestamp(row.begun_at),
            "begun_by": row.actor,
            "deadline": timestamp(row.deadline),
            "ended_at": timestamp(row.ended_at),
            "total": row.total,
            "left": left.get(row.id, 0),
        }
        for row in rows
    ]


def counter(service: str, name: str) -> str:
    """Return the key of the note with the number of certificates that the runs have replaced."""
    return f"replaced/{service}/{name}"


def _as_put(row: Replacement, wanted: Wanted, left: int) -> Replacement:
    deadline = row.deadline if wanted.deadline is None else wanted.deadline
    if isinstance(deadline, dt.timedelta):
        deadline = row.deadline if row.begun_at == NOT_BEGUN else row.begun_at + deadline
    return dataclasses.replace(row, deadline=deadline, total=max(left, row.total), ended_at=None)


def _unknown(wanted: Wanted, rows: t.Sequence[Replacement]) -> t.NoReturn:
    known = ", ".join(row.id for row in rows) or "there is none"
    raise ConfigurationError(f"replace: no replacement {wanted.id} was begun for this service; known: {known}")


def _over(row: Replacement) -> str:
    return f"replacement {row.id}: it has ended, at {timestamp(row.ended_at)}"


def _stay(matching: int) -> tuple[str, ...]:
    """Say that a replacement that has ended does not concern what was obtained since it was begun."""
    if not matching:
        return ()
    said = f"{matching:,} certificates that meet the criteria were obtained since it was begun, and stay"
    return (f"{said}; to replace those, give the replacement another id",)


def _matches_none(incident: Incident, counted: Count, survey: Survey) -> str:
    """Say that there is nothing to replace, and what there is: a mistake must not look like a success."""
    of = f"none of {counted.in_use:,} certificates in use"
    idle = [f"{words} matches {of}" for words in survey.idle]
    said = "; ".join(idle) or f"{incident.criteria}: all of it together matches {of}"
    if counted.not_known:
        said += f"; {counted.not_known:,} cannot be judged, as the store does not have the certificate"
    there = survey.there()
    return f"replace: {said}{f' ({there})' if there else ''}; nothing was done"
