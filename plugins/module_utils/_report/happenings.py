# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the events of the store as happenings for a person."""

from __future__ import annotations

import heapq
import typing as t

from .._clock import parse_timestamp
from .._models import State
from .._store.api import Event, Store
from .view import Happening

# Most events are steps on a way that ends well. How many are read for each happening at first, and at most.
_EVENTS_EACH = 8
_MOST_EVENTS = 20_000


def latest_happenings(store: Store, services: t.Iterable[str], most: int) -> list[Happening]:
    """Return the last happenings of all services, the latest first."""
    if most < 1:
        return []
    found = (happening for service in services for happening in _of_service(store, service, most))
    # events of the same second stay in their order
    return heapq.nlargest(most, found, key=lambda one: one.at)


def _of_service(store: Store, service: str, most: int) -> list[Happening]:
    """Return the last happenings of a service, or as many as are among its last events; the latest first."""
    end = store.chain(service)
    count = most * _EVENTS_EACH
    while True:
        after = max(end.begin.number, end.number - count)
        found = [happening for happening in map(happening_of, store.events(service, after=after)) if happening]
        if len(found) >= most or after == end.begin.number or count >= _MOST_EVENTS:
            return found[: -most - 1 : -1]
        count = min(4 * count, _MOST_EVENTS)


def happening_of(event: Event) -> Happening | None:
    """Return an event as a happening; None for one that a person need not know of."""
    what = _what(event)
    if not what:
        return None
    at = parse_timestamp(event.at)
    return Happening(at, event.service, event.name, event.revision, what, event.why or "", event.actor)


def _what(event: Event) -> str:
    """Return what an event is to a person; empty for a step on the way."""
    was, state, why = event.was, event.state, event.why or ""
    if was in (State.FINALIZED, State.SUPERSEDED) and why.startswith("revoked ("):
        return "revoked"
    if was == state:
        return _of_the_same(state, why)
    if state == State.FINALIZED:
        if was is None:
            return "adopted"
        return "renewed" if event.revision > 1 else "issued"
    if state == State.ABANDONED:
        return "failed" if was == State.INTENDED else "given_up"
    known = {State.REJECTED: "rejected", State.CREATE_UNKNOWN: "unanswered"}
    if state in known:
        return known[State(state)]
    goes_back = was in (State.SIGNING, State.ISSUED) and state in (State.REQUESTED, State.SIGNING)
    return "failed" if goes_back and why else ""


def _of_the_same(state: str, why: str) -> str:
    """Return what an event without a change of the state is: a failure, or the word of a person."""
    if state == State.REQUESTED:
        if why.startswith("approved by"):
            return "approved"
        return "failed" if why.startswith("the gate refused") else ""
    return "failed" if why and state in (State.INTENDED, State.SIGNING, State.ISSUED) else ""
