# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role tells others at its end: handlers of the play, and later jobs of a workflow. Pure."""

from __future__ import annotations

import typing as t

from .kinds import SOON, Kinds
from .report import listed

# The handler topics, and the kind of which there is a certificate then. A role that fails notifies FAILED.
TOPICS: t.Mapping[str, str] = {
    "redtrust certificates changed": "changed",
    "redtrust certificates issued": "issued",
    "redtrust certificates renewed": "renewed",
    "redtrust certificates waiting": "newly_waiting",
    "redtrust certificates to approve": "newly_to_approve",
    "redtrust certificates ending": "ending",
}
FAILED = "redtrust certificates failed"
# Later jobs get these.
_IN_STATS = (
    "issued",
    "renewed",
    "changed",
    "unchanged",
    "postponed",
    "waiting",
    "to_approve",
    "ending",
    "without_certificate",
    "failed",
)
# A mail has the title as its subject.
_LONGEST_TITLE = 200


def topics_of(kinds: Kinds, failure: str) -> list[str]:
    """Return the topics to notify."""
    found = [topic for topic, kind in TOPICS.items() if kinds.counts[kind]]
    return [*found, FAILED] if failure else found


def notice_of(
    role: str, kinds: Kinds, *, count: int, lines: t.Sequence[str], failure: str, stopped: str
) -> dict[str, t.Any]:
    """Return what a handler needs, as the filter ``outcome`` documents it; ``lines`` are the summary."""
    title = lines[0] if lines else failure
    return {
        "role": role,
        "topics": topics_of(kinds, failure),
        "title": title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 3]}...",
        "text": "\n".join([*(lines or [failure]), *_ending(kinds)]),
        "failure": failure,
        "stopped": stopped,
        "counts": {"certificates": count, **kinds.counts},
        "names": kinds.names,
        "requests": kinds.requests,
    }


def stats_of(notice: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the data for ``set_stats``, from a notice.

    All are numbers and lists. With ``aggregate`` Ansible adds those of several runs of a role up. Of two mappings it
    would keep one, and texts and truth values it would join without sense.
    """
    begin = f"redtrust_{notice['role']}_"
    counts, names = notice["counts"], notice["names"]
    return {
        **{f"{begin}{kind}_count": counts[kind] for kind in ("certificates", *_IN_STATS)},
        **{f"{begin}{kind}_names": names[kind] for kind in _IN_STATS if kind in names},
        f"{begin}requests": notice["requests"],
        f"{begin}failures": [notice["failure"]] if notice["failure"] else [],
    }


def _ending(kinds: Kinds) -> list[str]:
    count = kinds.counts["ending"]
    if not count:
        return []
    first = kinds.names["ending"]
    among = listed(first) if count == len(first) else f"{count:,} certificates, among them {', '.join(first[:3])}"
    return [f"in use, with an end within {SOON.days} days: {among}"]
