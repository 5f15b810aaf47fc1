# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the events of a store, and say what is to be told.

All enrollments are read once, at the beginning. From then on only those are read that have a new event, or whose time
has come. So a store in which nothing happens costs one statement each time, however large it is.
"""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
import typing as t

from .._clock import utc_now
from .._errors import StoreError
from .._models import Enrollment
from .._store.api import Chain, Event, Store
from . import happenings
from .conditions import CONDITIONS, Condition, Rules, Seen, kind_of, look
from .happenings import MISSED
from .position import Position, Told

# How many events, or names, are dealt with at a time.
_PAGE = 500


class Watcher:
    """What is to be told of a service.

    An event is noted as told once the next one is asked for. So a process that ends in between tells it again.
    """

    def __init__(
        self, store: Store, position: Position, rules: Rules, now: t.Callable[[], dt.datetime] = utc_now
    ) -> None:
        self._store = store
        self._service = position.service
        self._position = position
        self._rules = rules
        self._now = now
        self._agenda = _Agenda()
        self._watches_enrollments = bool(CONDITIONS & rules.kinds)

    def events(self) -> t.Iterator[happenings.Told | None]:
        """Yield what is to be told, without end; None where there is nothing to tell for now.

        Ask for the next one only after this one was handed over. Raises LostPositionError.
        """
        yield from self._look_at_all()
        while True:
            yield from self._follow()
            yield from self._look_at_time()
            yield None

    def _look_at_all(self) -> t.Iterator[happenings.Told]:
        if self._watches_enrollments:
            for enrollment in self._store.find(self._service):
                yield from self._judge(enrollment)

    def _look_at_time(self) -> t.Iterator[happenings.Told]:
        names = self._agenda.take(self._now())
        for start in range(0, len(names), _PAGE):
            yield from self._look_at(names[start : start + _PAGE])

    def _look_at(self, names: t.Sequence[str]) -> t.Iterator[happenings.Told]:
        if self._watches_enrollments:
            for enrollment in self._store.find(self._service, names=names):
                yield from self._judge(enrollment)

    # -- conditions -----------------------------------------------------------------------------------------------

    def _judge(self, enrollment: Enrollment) -> t.Iterator[happenings.Told]:
        """Tell what holds for an enrollment and was not told, and forget what is over."""
        while True:
            now = self._now()
            seen = look(enrollment, self._rules, now)
            news = next((one for one in seen.conditions if self._is_news(enrollment.name, one, now)), None)
            if news is None:
                break
            # It may take long until an event is handed over, so this may have been read long ago.
            fresh = self._store.enrollment(self._service, enrollment.name)
            if fresh != enrollment:
                enrollment = fresh
                continue
            yield from self._tell(enrollment, news, now)
        self._forget(enrollment.name, seen)
        self._agenda.put(enrollment.name, self._next_look(enrollment.name, seen))

    def _is_news(self, name: str, condition: Condition, now: dt.datetime) -> bool:
        told = self._told(name, condition)
        return told is None or self._reminds(told, now)

    def _told(self, name: str, condition: Condition) -> Told | None:
        """Return when this very occurrence was told."""
        told = self._position.told.get(name, {}).get(condition.topic)
        return told if told is not None and told.occurrence == condition.occurrence else None

    def _reminds(self, told: Told, now: dt.datetime) -> bool:
        return self._rules.remind is not None and told.at + self._rules.remind <= now

    def _tell(self, enrollment: Enrollment, condition: Condition, now: dt.datetime) -> t.Iterator[happenings.Told]:
        before = self._told(enrollment.name, condition)
        times = before.times if before else 0
        yield happenings.of_condition(enrollment, condition, times, now)
        self._position.note(enrollment.name, condition.topic, Told(condition.occurrence, now, times + 1))

    def _forget(self, name: str, seen: Seen) -> None:
        """Forget what is over, of the kinds that are watched."""
        holds = {condition.topic for condition in seen.conditions}
        told = self._position.told.get(name, {})
        self._position.forget(name, [one for one in told if one not in holds and kind_of(one) in self._rules.kinds])

    def _next_look(self, name: str, seen: Seen) -> dt.datetime | None:
        moments = [seen.again_at] if seen.again_at is not None else []
        if self._rules.remind is not None:
            told = filter(None, (self._told(name, condition) for condition in seen.conditions))
            moments += [one.at + self._rules.remind for one in told]
        return min(moments, default=None)

    # -- the events of the store ----------------------------------------------------------------------------------

    def _follow(self) -> t.Iterator[happenings.Told]:
        """Tell what the events since the position say. The event of the position is read too: it must be the same."""
        here = self._position.chain
        events = self._store.events(self._service, after=max(0, here.number - 1))
        first = next(events, None)
        if first is not None and first.number == here.number and first.hash == here.hash:
            yield from self._tell_pages(events)
        elif here.number == 0 and (first is None or first.number == 1):
            yield from self._tell_pages(itertools.chain(filter(None, [first]), events))
        else:
            yield from self._tell_gap(here)

    def _tell_pages(self, events: t.Iterator[Event]) -> t.Iterator[happenings.Told]:
        while page := list(itertools.islice(events, _PAGE)):
            yield from self._tell_page(page)

    def _tell_page(self, page: t.Sequence[Event]) -> t.Iterator[happenings.Told]:
        for event in page:
            kind = happenings.kind_of_event(event)
            if kind is not None and kind in self._rules.kinds:
                yield happenings.of_event(event, kind, self._store.enrollment(self._service, event.name))
                self._position.move(_place(event))
        # the event of a removal has no name
        yield from self._look_at(list(dict.fromkeys(event.name for event in page if event.name)))
        self._position.move(_place(page[-1]))

    def _tell_gap(self, here: Chain) -> t.Iterator[happenings.Told]:
        """Go on where the event of the position is no longer in the store, and say which events cannot be told."""
        begin = self._store.chain(self._service).begin
        if begin.number == here.number and begin.hash == here.hash:
            yield from self._tell_pages(self._store.events(self._service, after=here.number))
            return
        if begin.number < here.number:
            self._position.check()  # a store that was restored has the position of that time
            raise StoreError(
                f"the events of {self._service} do not go on from {here}, up to which they were told: run "
                "redtrust_enrollment_info with verify_events, then give another position"
            )
        if MISSED in self._rules.kinds:
            yield happenings.of_gap(here.number + 1, begin, self._now())
        self._position.move(Chain(self._service, begin.number, begin.hash))
        yield from self._follow()


def _place(event: Event) -> Chain:
    return Chain(event.service, event.number, event.hash)


class _Agenda:
    """The moments at which enrollments are to be looked at."""

    def __init__(self) -> None:
        self._moments: dict[str, dt.datetime] = {}
        self._queue: list[tuple[dt.datetime, str]] = []

    def put(self, name: str, moment: dt.datetime | None) -> None:
        """Note the next moment of an enrollment, in place of the one before."""
        if moment is None:
            self._moments.pop(name, None)
        elif self._moments.get(name) != moment:
            self._moments[name] = moment
            heapq.heappush(self._queue, (moment, name))

    def take(self, now: dt.datetime) -> list[str]:
        """Remove and return the names whose moment has come."""
        names = []
        while self._queue and self._queue[0][0] <= now:
            moment, name = heapq.heappop(self._queue)
            if self._moments.get(name) == moment:
                del self._moments[name]
                names.append(name)
        return names
