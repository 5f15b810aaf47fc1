# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that select enrollments of the store."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t

from .._clock import parse_duration
from .._enroll.api import attention
from .._models import Enrollment, State
from .specs import Spec

SELECTION: Spec = {
    "names": {"type": "list", "elements": "str"},
    "states": {"type": "list", "elements": "str", "choices": [str(state) for state in State]},
    "needs_attention": {"type": "bool", "default": False},
    "expires_within": {"type": "str"},
}


@dataclasses.dataclass(frozen=True)
class Selection:
    """The conditions on enrollments, as of ``now``. An enrollment must meet each condition that is set.

    ``until`` is the latest end of the certificate in use.
    """

    now: dt.datetime
    names: t.Sequence[str] | None = None
    states: t.Collection[str] | None = None
    needs_attention: bool = False
    until: dt.datetime | None = None

    @classmethod
    def read(cls, params: t.Mapping[str, t.Any], now: dt.datetime) -> Selection:
        """Read the options. Raises ConfigurationError."""
        until = _until(params["expires_within"], now)
        return cls(now, params["names"], params["states"], params["needs_attention"], until)

    def has(self, enrollment: Enrollment) -> bool:
        """Return whether an enrollment meets the conditions; the store checks the names."""
        latest, current = enrollment.latest, enrollment.current
        if self.needs_attention and not attention(enrollment, self.now):
            return False
        if self.states and (latest is None or str(latest.state) not in self.states):
            return False
        if self.until is None:
            return True
        end = current.not_valid_after if current else None
        return end is not None and end <= self.until


def _until(text: str | None, now: dt.datetime) -> dt.datetime | None:
    """Read ``expires_within``. A number without a unit is in days."""
    if text is None:
        return None
    if re.fullmatch(r"-?[0-9]{1,6}", text.strip()):
        return now + dt.timedelta(days=int(text))
    return now + parse_duration("expires_within", text, instead=", or a number of days")
