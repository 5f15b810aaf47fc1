# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many certificates of a list there are of each kind, and the first names of each. Pure.

Notifications and later jobs take these. They must stay small, however long the list is.
"""

from __future__ import annotations

import datetime as dt
import typing as t

from .._clock import timestamp

Entry = t.Mapping[str, t.Any]

# Each certificate is of one of these kinds. The words are those of the summary, in its order.
IN_WORDS: t.Mapping[str, str] = {
    "issued": "issued",
    "renewed": "renewed",
    "adopted": "adopted",
    "unchanged": "unchanged",
    "postponed": "postponed",
    "written": "with files written",
    "waiting": "waiting",
    "without_certificate": "without a certificate",
    "failed": "failed",
}
# These count certificates again.
OTHERS = ("changed", "to_approve", "newly_waiting", "newly_to_approve", "ending")
MOST_NAMES = 100
# A certificate in use ends soon if it has no more time than this.
SOON = dt.timedelta(days=7)


class Kinds:
    """The counts, names and requests. Names of unchanged certificates are not kept, since they may be all."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys((*IN_WORDS, *OTHERS), 0)
        self.names: dict[str, list[str]] = {kind: [] for kind in self.counts if kind != "unchanged"}
        self.requests: list[dict[str, str]] = []

    def add(self, kind: str, name: str) -> None:
        """Add a certificate of a kind."""
        self.counts[kind] += 1
        names = self.names.get(kind)
        if names is not None and len(names) < MOST_NAMES:
            names.append(name)

    def add_waiting(self, entry: Entry) -> None:
        """Add a request that waits, for the CA or for people."""
        name, csr_sha256 = str(entry["name"]), lacks_approval(entry) and entry["approval"]["csr_sha256"]
        self.add("waiting", name)
        if entry["changed"]:
            self.add("newly_waiting", name)
        if not csr_sha256:
            return
        self.add("to_approve", name)
        if entry["changed"]:
            self.add("newly_to_approve", name)
        if len(self.requests) < MOST_NAMES:
            self.requests.append({"name": name, "csr_sha256": str(csr_sha256)})

    def to_json(self) -> dict[str, t.Any]:
        """Return them as the module ``redtrust_certificate`` does."""
        return {"counts": self.counts, "names": self.names, "requests": self.requests}

    @classmethod
    def from_json(cls, value: t.Mapping[str, t.Any]) -> Kinds:
        """Read what ``to_json`` returned."""
        kinds = cls()
        kinds.counts.update(value["counts"])
        kinds.names.update({kind: list(names) for kind, names in value["names"].items()})
        kinds.requests.extend(value["requests"])
        return kinds


def lacks_approval(entry: Entry) -> bool:
    """Return whether a request waits for people."""
    return bool(entry.get("approval")) and entry["approval"]["missing"] > 0


def ends_soon(entry: Entry, now: dt.datetime) -> bool:
    """Return whether the certificate in use ends soon, or has ended.

    The entry is that of a certificate that was to be renewed and was not, or of one that failed.
    """
    until = entry.get("in_use_until") or (entry["not_valid_after"] if entry["state"] == "finalized" else None)
    # in one format and in UTC, so the order of the texts is that of the times
    return until is not None and until <= timestamp(now + SOON)
