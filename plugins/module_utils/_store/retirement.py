# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a store is in use. Of two stores with the same enrollments only one may be, or certificates are made twice.

A store that was copied keeps a note that it is retired. So does a copy, until its source is retired. A run looks for
that note in each transaction that takes a lease or writes a revision, after its writes: a copy keeps those waiting.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from .._errors import StoreError

if t.TYPE_CHECKING:
    from .contents import Rows
    from .database import Transaction

RETIRED = "store_retired"
ORIGIN = "store_origin"
# Tells whether two connections lead to the same store.
PROBE = "store_probe"

SELECT = "SELECT value FROM notes WHERE key = ?"
_DELETE = "DELETE FROM notes WHERE key = ?"
_INSERT = "INSERT INTO notes (key, value) VALUES (?, ?)"


@dataclasses.dataclass(frozen=True)
class Handover:
    """One copy, as either store notes it. ``other`` is the other store, in words, and ``at`` the time by the source."""

    id: str
    other: str
    at: str
    unfinished: bool = False

    def to_text(self) -> str:
        """Return the handover as JSON."""
        return json.dumps(dataclasses.asdict(self))


def find(rows: Rows, key: str, store: str) -> Handover | None:
    """Return the handover in a note, None without one. Raises StoreError when the note cannot be read."""
    found = rows(SELECT, (key,))
    if not found:
        return None
    try:
        return Handover(**json.loads(found[0][0]))
    except (ValueError, TypeError) as exc:
        raise StoreError(
            f"store {store}: its note {key} cannot be read: it is damaged, or a newer release wrote it"
        ) from exc


def note(transaction: Transaction, key: str, value: str | None) -> None:
    """Write a note over what there is, or remove it."""
    transaction.execute(_DELETE, (key,))
    if value is not None:
        transaction.execute(_INSERT, (key, value))


def refuse(rows: Rows, store: str) -> None:
    """Raise StoreError when the store is not in use."""
    handover = find(rows, RETIRED, store)
    if handover is not None:
        raise retired(handover, store)


def retired(handover: Handover, store: str) -> StoreError:
    """Return the error for a store that is not in use."""
    if handover.unfinished:
        return StoreError(
            f"store {store}: it is an unfinished copy of {handover.other}; run redtrust_store with state: copied "
            "again, or go on with the other store"
        )
    return StoreError(
        f"store {store}: it was moved to {handover.other} at {handover.at}, and is not used any more; set "
        "store_path or store_dsn to that store. To go on here, copy that store back with redtrust_store. Only if it is "
        "lost, run redtrust_store with state: present and force: true"
    )
