# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events that are handed to others, as JSON types. Pure: no I/O.

Each has an ``id`` that is the same however often it is told. None has a secret in it.
"""

from __future__ import annotations

import datetime as dt
import typing as t
import uuid

from .._clock import timestamp
from .._models import Enrollment, Revision, State
from .._store.api import Chain, Event
from .conditions import CONDITIONS, Condition

# Kinds of events that are read from the events of the store.
ISSUED, RENEWED, MISSED = "issued", "renewed", "missed"
KINDS = tuple(sorted(CONDITIONS | {ISSUED, RENEWED, MISSED}))

Told = dict[str, t.Any]


def of_condition(enrollment: Enrollment, condition: Condition, reminder: int, now: dt.datetime) -> Told:
    """Return the event of a condition; ``reminder`` is how often it was told before."""
    place = [enrollment.service, enrollment.name, condition.kind, condition.occurrence]
    again = f"#{reminder}" if reminder else ""
    return {
        **_head("/".join(place) + again, condition.kind, timestamp(now)),
        **_certificate(enrollment, condition.revision),
        "why": condition.why,
        "next_step": condition.next_step,
        "reminder": reminder,
        "actor": None,
        "job": None,
    }


def kind_of_event(event: Event) -> str | None:
    """Return the kind of an event of the store; None for one that is not told as it is.

    An adopted certificate is neither issued nor renewed. A revocation leaves the state as it is.
    """
    is_new = event.state == State.FINALIZED and event.was not in (None, State.FINALIZED)
    return (RENEWED if event.revision > 1 else ISSUED) if is_new else None


def of_event(event: Event, kind: str, enrollment: Enrollment) -> Told:
    """Return what is told of an event of the store. The enrollment may have changed since."""
    rows = [row for row in enrollment.revisions if (row.revision, row.attempt) == (event.revision, event.attempt)]
    known = _certificate(enrollment, rows[0]) if rows else {"service": event.service, "name": event.name}
    return {
        **_head(f"{event.service}/{event.name}/{kind}/{event.number}-{event.hash.hex()[:16]}", kind, event.at),
        **known,
        "state": event.state,
        "why": event.why,
        "next_step": None,
        "reminder": 0,
        "actor": event.actor,
        "job": event.job,
    }


def of_gap(first: int, last: Chain, now: dt.datetime) -> Told:
    """Return what is told where events, from the number ``first`` to ``last``, were removed before they were told."""
    return {
        **_head(f"{last.service}/{MISSED}/{first}-{last.number}", MISSED, timestamp(now)),
        "service": last.service,
        "first": first,
        "last": last.number,
        "why": f"the events {first} to {last.number} were removed from the store before they were told",
    }


def _head(name: str, kind: str, at: str) -> Told:
    """Return what each event has; ``meta.uuid`` is the name under which ansible-rulebook knows it."""
    return {"kind": kind, "id": name, "at": at, "meta": {"uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, name))}}


def _certificate(enrollment: Enrollment, revision: Revision) -> Told:
    return {
        "service": enrollment.service,
        "name": enrollment.name,
        "revision": revision.revision,
        "attempt": revision.attempt,
        "state": str(revision.state),
        "provider": revision.spec.provider,
        "subject": str(revision.spec.dn),
        "thumbprint": revision.thumbprint,
        "not_valid_before": timestamp(revision.not_valid_before),
        "not_valid_after": timestamp(revision.not_valid_after),
        "failures": revision.failures,
        "retry_at": timestamp(revision.retry_at),
    }
