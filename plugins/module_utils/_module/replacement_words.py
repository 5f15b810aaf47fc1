# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a replacement: the result of the module, and lines for a person. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._clock import timestamp, to_the_minute
from .._enroll.api import Count, Outlook
from .._store.api import Replacement
from .opening import NOT_BEGUN


@dataclasses.dataclass(frozen=True)
class Told:
    """A replacement with the count of what is left at the end of the run."""

    row: Replacement
    count: Count

    def result(self, ahead: Outlook, failed: int) -> dict[str, t.Any]:
        """Return the result ``replacement``."""
        row = self.row
        return {
            "id": row.id,
            "begun_at": None if row.begun_at == NOT_BEGUN else timestamp(row.begun_at),
            "begun_by": row.actor,
            "deadline": timestamp(row.deadline),
            "ended_at": timestamp(row.ended_at),
            "total": self._total,
            "replaced": self._total - self.count.left,
            "left": self.count.left,
            "failed": failed,
            "not_judged": self.count.not_known,
            "done_by": timestamp(ahead.done_by),
            "will_miss": ahead.will_miss,
            "why": list(ahead.why),
        }

    @property
    def _total(self) -> int:
        return max(self.row.total, self.count.left)

    def lines(self, ahead: Outlook) -> list[str]:
        """Return lines for a person."""
        left = self.count.left
        said = [done(self.row, left), f"{left:,} left" if left else "it has ended"]
        said += [f"done by {to_the_minute(ahead.done_by)} at this rate"] if ahead.done_by is not None else []
        return [f"replacement {self.row.id}: {', '.join(said)}", *self._causes(ahead)]

    def rehearsed(self, ahead: Outlook, rate: float | None) -> list[str]:
        """Return lines for a person about what would be."""
        row, left = self.row, self.count.left
        said = [f"{left:,} of {self.count.in_use:,} certificates would be replaced"]
        if ahead.done_by is not None and rate:
            said.append(
                f"done by {to_the_minute(ahead.done_by)} if begun now, at {rate:.3g} a second as in the last run"
            )
        elif left:
            said.append("how long that takes is not known, as no run has brought a few dozen into use yet")
        if row.deadline is not None and left and not ahead.will_miss and ahead.done_by is not None:
            said.append(f"the deadline {to_the_minute(row.deadline)} would hold")
        return [f"replacement {row.id}: {', '.join(said)}", *self._causes(ahead)]

    def warnings(self) -> list[str]:
        """Return what somebody has to look at."""
        number, names = self.count.not_known, ", ".join(self.count.not_known_names)
        if not number:
            return []
        more = ", ..." if number > len(self.count.not_known_names) else ""
        words = f"{number:,} cannot be judged, as the store does not have the certificate: {names}{more}"
        return [f"replacement {self.row.id}: {words}"]

    def _causes(self, ahead: Outlook) -> list[str]:
        if not ahead.why:
            return []
        causes = "; ".join(ahead.why)
        if self.row.deadline is None:
            return [f"replacement {self.row.id}: not without a person: {causes}"]
        deadline = to_the_minute(self.row.deadline)
        return [f"replacement {self.row.id}: {ahead.will_miss:,} will miss the deadline {deadline}, because {causes}"]


def done(row: Replacement, left: int) -> str:
    total = max(row.total, left)
    return f"{total - left:,} of {total:,} replaced"


def ahead_in_words(ahead: Outlook) -> list[str]:
    """Return the end and the misses in words."""
    said = [f"done by {to_the_minute(ahead.done_by)}"] if ahead.done_by is not None else []
    if ahead.will_miss:
        said.append(f"{ahead.will_miss:,} will miss the deadline, because {'; '.join(ahead.why)}")
    return said
