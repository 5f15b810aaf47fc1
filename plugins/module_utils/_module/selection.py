# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that select enrollments of the store, and the counts of those selected."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t
from collections import Counter

from .._clock import parse_duration
from .._enroll.api import attention
from .._errors import ConfigurationError
from .._models import Enrollment, State
from .._store.api import Store
from .specs import Spec

SELECTION: Spec = {
    "names": {"type": "list", "elements": "str"},
    "states": {"type": "list", "elements": "str", "choices": [str(state) for state in State]},
    "needs_attention": {"type": "bool", "default": False},
    "expires_within": {"type": "str"},
    "limit": {"type": "int"},
    "after": {"type": "str"},
    "counts_only": {"type": "bool", "default": False},
}
# A list of names has its own order and length.
SELECTION_RULES: t.Mapping[str, t.Any] = {"mutually_exclusive": [("names", "limit"), ("names", "after")]}


@dataclasses.dataclass(frozen=True)
class Selection:
    """The conditions on enrollments, as of ``now``. An enrollment must meet each condition that is set.

    ``until`` is the latest end of the certificate in use. ``limit`` and ``after`` select one page of the enrollments.
    """

    now: dt.datetime
    names: t.Sequence[str] | None = None
    states: t.Sequence[State] | None = None
    needs_attention: bool = False
    until: dt.datetime | None = None
    limit: int | None = None
    after: str | None = None
    counts_only: bool = False

    @classmethod
    def read(cls, params: t.Mapping[str, t.Any], now: dt.datetime) -> Selection:
        """Read the options. Raises ConfigurationError."""
        limit = params["limit"]
        if limit is not None and limit < 1:
            raise ConfigurationError(f"limit must be at least 1, not {limit}")
        return cls(
            now,
            params["names"],
            [State(state) for state in params["states"] or ()] or None,
            params["needs_attention"],
            _until(params["expires_within"], now),
            limit,
            params["after"],
            params["counts_only"],
        )

    def find(self, store: Store, service: str) -> t.Iterator[Enrollment]:
        """Yield the enrollments that meet the conditions, one after the other, beyond the limit too."""
        found = store.find(service, names=self.names, states=self.states, due_before=self.until, after=self.after)
        return (one for one in found if not self.needs_attention or attention(one, self.now))


class Counts:
    """The counts of the enrollments that were added, as of ``now``."""

    def __init__(self, now: dt.datetime) -> None:
        self._now = now
        self._count = 0
        self._unknown_creates = 0
        self._summary: Counter[str] = Counter()
        self._attention: Counter[str] = Counter()

    def add(self, enrollment: Enrollment) -> None:
        """Count an enrollment."""
        self._count += 1
        self._unknown_creates += enrollment.unknown_creates
        self._summary.update([str(enrollment.latest.state)] if enrollment.latest else [])
        self._attention.update(found.kind for found in attention(enrollment, self._now))

    def values(self) -> dict[str, t.Any]:
        """Return the counts as results of a module."""
        return {
            "count": self._count,
            "attention": dict(self._attention),
            "summary": dict(self._summary),
            "unknown_creates": self._unknown_creates,
        }


def _until(text: str | None, now: dt.datetime) -> dt.datetime | None:
    """Read ``expires_within``. A number without a unit is in days."""
    if text is None:
        return None
    if re.fullmatch(r"-?[0-9]{1,6}", text.strip()):
        return now + dt.timedelta(days=int(text))
    return now + parse_duration("expires_within", text, instead=", or a number of days")
