# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The replacements in which a run takes part: what is left, when it will be done, and what misses the deadline."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from .._enroll.api import Count, Incidents, Outlook, count, is_replaced, outlook
from .._errors import BackingOffError, StoreError
from .._holder import Actor, holder
from .._models import Outcome, State
from .opening import Found, Opening, counter
from .pace import Pace, noted_rate
from .replace_options import Wanted
from .replacement_words import Told, ahead_in_words, done

if t.TYPE_CHECKING:
    from .context import Context

# How often, in seconds, a run adds what it has replaced to the number that all runs share.
_SECONDS = 1.0
# Fewer say little about the rate of all runs.
_FEWEST = 10
# In check mode the plan tells what will fail.
_FAILS = "they would fail, see the failures"
_SAME_CA = (
    "new certificates were issued by that CA again, which counts as replaced; if that CA must not be used any "
    "more, set another signer, and give the replacement another id"
)
_NEW = ("issue", "replace", "renew", "finalize")


@dataclasses.dataclass(frozen=True)
class Replaced:
    """What became of the replacements: the result about the first one, and lines and warnings about all."""

    result: dict[str, t.Any] | None
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Replacing:
    """The part of one run in the open replacements of its service.

    The first one is that of the task, or else the oldest. Progress and result are about it.
    """

    def __init__(self, context: Context, wanted: Wanted | None, clock: t.Callable[[], float] = time.monotonic) -> None:
        """Begin or join the replacement that the task names. Raises ConfigurationError."""
        self._context = context
        self._clock = clock
        self._store, self._service = context.store, context.service
        actor = f"{Actor.here(context.params.get('actor')).user} on {holder()}"
        opening = Opening(self._store, self._service, actor, context.now(), check_mode=context.check_mode)
        self._begun = opening.begin(wanted)
        for warning in self._begun.warnings:
            context.module.warn(warning)
        # One of which nothing is left needs no look at each certificate.
        self._open = [found for found in self._begun.open if found.count.left]
        self.incidents = Incidents([found.incident for found in self._open])
        self._pace = Pace(clock)
        self._noted_rate = noted_rate(self._store, self._service) if self._open else None
        self._failed = self._fails = self._not_told = self._same_ca = 0
        self._began_at = self._told_at = clock()
        self._at_first = self._all = self._share(0)

    @property
    def changed(self) -> bool:
        """Whether this run has begun a replacement, or ended it by hand."""
        return self._begun.changed

    def add(self, outcome: Outcome) -> None:
        """Take note of an outcome."""
        if _is_new(outcome) and not self._context.check_mode:
            self._pace.add()
        incident = self.incidents.of(outcome)
        if incident is None or incident is not self._open[0].incident:
            return
        if outcome.error is not None:
            self._failed += 1
            waits = isinstance(outcome.error, BackingOffError)
            self._fails += not waits and outcome.name not in self._open[0].count.stuck_names
        elif is_replaced(incident, outcome) and not self._context.check_mode:
            self._not_told += 1
            criteria, used = incident.criteria, outcome.in_use
            self._same_ca += criteria.name_a_ca and used is not None and criteria.match(used) is True
        if self._clock() >= self._told_at + _SECONDS:
            self._tell()

    def line(self) -> str:
        """Return the progress in a line; empty where the list of this run has nothing to replace."""
        if not self.incidents.has_found_any or self._context.check_mode:
            return ""
        found = self._open[0]
        row = found.incident.replacement
        left = max(0, found.count.left - self._since_begin())
        ahead = outlook(left, found.count.stuck, self._rate(), self._context.now(), row.deadline)
        failed = [f"{self._failed:,} failed"] if self._failed else []
        return f"replacement {row.id}: {', '.join([done(row, left), *failed, *ahead_in_words(ahead)])}"

    def finish(self) -> Replaced:
        """Count what is left, and end the replacements of which nothing is. Say what became of them.

        The certificates are done, so a store that cannot be used any more is no failure of the run.
        """
        if self._context.check_mode:
            return self._told([Told(found.incident.replacement, found.count) for found in self._begun.open])
        self._tell()
        with contextlib.suppress(StoreError):
            self._pace.note(self._store, self._service)
        try:
            return self._finished()
        except StoreError as exc:
            said = self._told([self._as_known(found) for found in self._open[:1]])
            warning = f"what is left to replace was not counted: {exc}"
            return dataclasses.replace(said, warnings=(warning, *said.warnings))

    def _as_known(self, found: Found) -> Told:
        """Return what is to be told of the first replacement without another look into the store."""
        left = max(0, found.count.left - self._since_begin())
        return Told(found.incident.replacement, dataclasses.replace(found.count, left=left))

    def _finished(self) -> Replaced:
        told = [self._ended(found, found.count) for found in self._begun.open if not found.count.left]
        if self._open:
            enrollments = self._store.find(self._service)
            counts = count(enrollments, [found.incident for found in self._open], self._context.now())
            told += [self._ended(found, counted) for found, counted in zip(self._open, counts)]
        return self._told(told)

    def _share(self, number: int) -> int:
        """Add to the number of those that all runs have replaced; return the sum."""
        if not self._open or self._context.check_mode:
            return 0
        return self._store.add_to_note(counter(self._service, self._open[0].incident.replacement.id), number)

    def _tell(self) -> None:
        self._told_at = self._clock()
        with contextlib.suppress(StoreError):
            self._all, self._not_told = self._share(self._not_told), 0

    def _since_begin(self) -> int:
        """Return how many certificates all runs have replaced since this one began."""
        return self._all - self._at_first + self._not_told

    def _rate(self) -> float | None:
        """Return the rate of all runs since this one began; of the last run while that says little."""
        done, elapsed = self._since_begin(), self._clock() - self._began_at
        return done / elapsed if done >= _FEWEST and elapsed > 0 else self._noted_rate

    def _ended(self, found: Found, counted: Count) -> Told:
        """Return what is to be told of a replacement, after its end if nothing is left."""
        row = found.incident.replacement
        if counted.left:
            return Told(row, counted)
        self._store.end_replacement(self._service, row.id)
        self._store.put_note(counter(self._service, row.id), None)
        rows = self._store.replacements(self._service)
        return Told(next(one for one in rows if one.id == row.id), counted)

    def _told(self, told: t.Sequence[Told]) -> Replaced:
        first = self._begun.open[0].incident.replacement.id if self._begun.open else None
        lines, warnings, result = list(self._begun.lines), [], None
        for one in sorted(told, key=lambda one: one.row.id != first):
            failed = self._failed if one.row.id == first else 0
            stuck = {**one.count.stuck}
            if self._context.check_mode and one.row.id == first and self._fails:
                stuck[_FAILS] = self._fails
            ahead = outlook(one.count.left, stuck, self._rate(), self._context.now(), one.row.deadline)
            result = result or one.result(ahead, failed)
            lines += one.rehearsed(ahead, self._rate()) if self._context.check_mode else one.lines(ahead)
            warnings += one.warnings()
        if self._same_ca and first is not None:
            warnings.insert(0, f"replacement {first}: {self._same_ca:,} {_SAME_CA}")
        if result is None and self._begun.ended is not None:
            result = Told(self._begun.ended, Count(self._context.now())).result(Outlook(None, 0, ()), 0)
        return Replaced(result, tuple(lines), tuple(warnings))


def _is_new(outcome: Outcome) -> bool:
    """Return whether a certificate has come into use."""
    revision = outcome.revision
    finalized = revision is not None and revision.state is State.FINALIZED
    return outcome.error is None and outcome.changed and finalized and outcome.action in _NEW
