# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option replace: which certificates are to be replaced, until when, and under which name."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

from .._clock import parse_duration
from .._enroll.api import Criteria
from .._errors import ConfigurationError
from .criteria_options import CA_CRITERIA, OTHER_CRITERIA, Values, moment, read_criteria
from .specs import Spec

_CRITERIA: Spec = {**CA_CRITERIA, **OTHER_CRITERIA}
REPLACE: Spec = {
    "replace": {
        "type": "dict",
        "options": {
            "id": {"type": "str"},
            "state": {"type": "str", "choices": ["open", "ended"], "default": "open"},
            **_CRITERIA,
            "deadline": {"type": "str"},
        },
    },
}

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The replacement that a task names. ``criteria`` are empty if it only names one that was begun before.

    A deadline may be a time from the beginning of the replacement on.
    """

    id: str
    criteria: Criteria
    deadline: dt.datetime | dt.timedelta | None
    ends: bool

    @classmethod
    def read(cls, params: Values) -> Wanted | None:
        """Read the option; None where it is not set. Raises ConfigurationError."""
        given = params.get("replace")
        if given is None:
            return None
        name = given["id"]
        if name is not None and not _ID.fullmatch(name):
            raise ConfigurationError(
                "replace.id must be 1 to 64 letters, digits, blanks and . _ -, with a letter or digit first, not "
                f"{name!r}"
            )
        criteria = read_criteria("replace", given)
        if not criteria and name is None:
            raise ConfigurationError(f"replace needs an id, or at least one of {', '.join(_CRITERIA)}")
        return cls(name or criteria.default_id, criteria, _deadline(given["deadline"]), given["state"] == "ended")


def _deadline(text: str | None) -> dt.datetime | dt.timedelta | None:
    if text is None:
        return None
    if re.match(r"\s*\d{4}-", text):
        return moment("replace.deadline", text)
    instead = ", or a time such as 2026-01-31T06:00:00Z"
    duration = parse_duration("replace.deadline", text, instead=instead)
    if not duration:
        raise ConfigurationError(f"replace.deadline must be longer than no time at all, not {text!r}")
    return duration
