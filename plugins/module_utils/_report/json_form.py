# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as JSON, for programs. One enrollment is one line."""

from __future__ import annotations

import json
import typing as t

from .._clock import timestamp
from .view import Entry, Happening, View, timeline

Facts = dict[str, t.Any]


def render(view: View) -> t.Iterator[str]:
    """Yield the report as one object in JSON."""
    head: Facts = {
        "title": view.title,
        "taken_at": timestamp(view.taken_at),
        "release": view.release,
        "soon_seconds": int(view.soon.total_seconds()),
        "services": list(view.services),
        "count": len(view.entries),
        "needs_person": len(view.attention),
        "by_status": _sum(view.by_status),
        **{name: {one: _sum(found) for one, found in getattr(view, name).items()} for name in _SUMS},
        "ends_by_day": _bars(view, "day"),
        "ends_by_week": _bars(view, "week"),
    }
    yield "{\n"
    for name, value in head.items():
        yield f"{json.dumps(name)}: {_json(value)},\n"
    yield from _list("happenings", map(happening_facts, view.happenings))
    yield ",\n"
    yield from _list("enrollments", map(entry_facts, view.entries))
    yield "\n}\n"


def entry_facts(entry: Entry) -> Facts:
    """Return an entry as JSON types; what is empty or not known is None."""
    return {
        "service": entry.service,
        "name": entry.name,
        "status": str(entry.status),
        "needs_person": entry.needs_person,
        "ends_soon": entry.ends_soon,
        "state": entry.state or None,
        "provider": entry.provider or None,
        "ca": entry.ca or None,
        "subject": entry.subject or None,
        "key": entry.key or None,
        "thumbprint": entry.thumbprint or None,
        "revision": entry.revision or None,
        "not_valid_before": timestamp(entry.not_valid_before),
        "not_valid_after": timestamp(entry.not_valid_after),
        "due_at": timestamp(entry.due_at),
        "renew_at": timestamp(entry.renew_at),
        "renewal": entry.renewal or None,
        "updated_at": timestamp(entry.updated_at),
        "attention": [
            {"kind": one.kind, "since": timestamp(one.since), "problem": one.problem, "next_step": one.next_step}
            for one in entry.attention
        ],
    }


def happening_facts(happening: Happening) -> Facts:
    """Return a happening as JSON types."""
    return {
        "at": timestamp(happening.at),
        "service": happening.service,
        "name": happening.name,
        "revision": happening.revision,
        "what": happening.what,
        "why": happening.why or None,
        "actor": happening.actor,
    }


_SUMS = ("by_ca", "by_provider", "by_service")
_json = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def _sum(found: t.Mapping[str, int]) -> Facts:
    return {str(status): count for status, count in found.items()}


def _bars(view: View, unit: t.Literal["day", "week"]) -> list[Facts]:
    return [{"begins": one.begins.isoformat(), "count": one.count} for one in timeline(view, unit)]


def _list(name: str, values: t.Iterable[Facts]) -> t.Iterator[str]:
    yield f"{json.dumps(name)}: ["
    separator = "\n"
    for value in values:
        yield separator + _json(value)
        separator = ",\n"
    yield "\n]"
