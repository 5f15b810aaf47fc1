# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements that find enrollments by conditions. All values are parameters."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._models import PENDING, State
from . import revision_rows

# The partial indices answer both halves. The states are written as in the indices, or SQLite would not see that.
_IN_USE = "state = 'finalized'"
_PENDING = f"state IN ({', '.join(repr(str(state)) for state in State if state in PENDING)})"
NAMES = " UNION ".join(f"SELECT name FROM revisions WHERE service = ? AND {part}" for part in (_IN_USE, _PENDING))  # noqa: S608
NAMES = f"{NAMES} ORDER BY name"  # its parameters: the service, twice

SERVICES = "SELECT DISTINCT service FROM revisions ORDER BY service"

_IS_LATEST = """
    NOT EXISTS (
        SELECT 1 FROM revisions AS later WHERE later.service = latest.service AND later.name = latest.name
        AND (later.revision, later.attempt) > (latest.revision, latest.attempt)
    )
"""
_ENDS_BY = """
    EXISTS (
        SELECT 1 FROM revisions AS used WHERE used.service = latest.service AND used.name = latest.name
        AND used.state = 'finalized' AND used.not_valid_after <= ?
    )
"""


@dataclasses.dataclass(frozen=True)
class Conditions:
    """The conditions on an enrollment, see Store.find."""

    states: t.Sequence[State] | None = None
    due_before: dt.datetime | None = None

    def __bool__(self) -> bool:
        return self.states is not None or self.due_before is not None

    def statement(self, service: str, names: str, values: t.Sequence[str]) -> tuple[str, list[str]]:
        """Return the statement that reads the rows of the enrollments, and its parameters.

        ``names`` limits them by a condition on ``latest.name``, which has ``values`` as parameters.
        """
        found = "SELECT latest.name FROM revisions AS latest WHERE latest.service = ?"
        wanted = [f"{found} AND {names}", _IS_LATEST]
        parameters = [service, service, *values]
        if self.states is not None:
            one_of = f"latest.state IN ({', '.join('?' * len(self.states))})"
            wanted.append(one_of if self.states else "FALSE")
            parameters += map(str, self.states)
        if self.due_before is not None:
            wanted.append(_ENDS_BY)
            parameters.append(revision_rows.date_to_text(self.due_before))
        some = f"{' AND '.join(wanted)} ORDER BY latest.name LIMIT {revision_rows.CHUNK}"
        return f"{revision_rows.SELECT_SERVICE} AND name IN ({some})", parameters
