# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events and the ends of their chains as rows of SQL. The caller holds the transaction."""

from __future__ import annotations

import typing as t

from .._errors import StoreError
from .._models import PENDING, State
from .database import Transaction
from .event import BEGINNING, VALUES, Chain, Event

# How many events are read at a time.
PAGE = 500
# A removal is an event as well, so it should remove more than a few. And it locks the chain, so it is not endless.
FEWEST_REMOVED = 100
MOST_REMOVED = 100_000
A_DAY = 86400.0

# Returns the rows of a query with its values.
Select = t.Callable[[str, t.Sequence[object]], list[tuple[t.Any, ...]]]

_COLUMNS = (*VALUES, "hash")
HEAD = "SELECT number, hash, pruned_number, pruned_hash, pruned_at FROM chains WHERE service = ?"
_BEGIN = """
    INSERT INTO chains (service, number, hash, pruned_number, pruned_hash) VALUES (?, 0, ?, 0, ?)
    ON CONFLICT (service) DO NOTHING
"""
_MOVE = "UPDATE chains SET number = ?, hash = ? WHERE service = ?"
# Only the constants above are put together here, never a value.
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM events WHERE service = ?"  # noqa: S608
_ALL = f"{_SELECT} AND number > ? ORDER BY number LIMIT {PAGE}"
_OF_NAME = f"{_SELECT} AND name = ? AND number > ? ORDER BY number LIMIT {PAGE}"
_INSERT = f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_HASH = "SELECT hash FROM events WHERE service = ? AND number = ?"

# The first event that must be kept: it is young, or its certificate has not ended for long enough.
_UNSETTLED = ", ".join(repr(str(state)) for state in State if state in PENDING or state is State.CREATE_UNKNOWN)
_FIRST_KEPT = f"""
    SELECT e.number FROM events AS e LEFT JOIN revisions AS r
        ON r.service = e.service AND r.name = e.name AND r.revision = e.revision AND r.attempt = e.attempt
    WHERE e.service = ? AND e.number > ? AND e.number <= ? AND (
        e.at >= ? OR r.state IN ({_UNSETTLED}) OR (r.state = 'finalized' AND r.not_valid_after IS NULL)
        OR COALESCE(r.not_valid_after, r.updated_at, e.at) >= ?
    )
    ORDER BY e.number LIMIT 1
"""  # noqa: S608
_REMOVE = "DELETE FROM events WHERE service = ? AND number <= ?"
_NOTE_REMOVAL = "UPDATE chains SET pruned_number = ?, pruned_hash = ?, pruned_at = ? WHERE service = ?"


def page(service: str, name: str | None, after: int) -> tuple[str, list[object]]:
    """Return the statement that reads the next events of a service, or of one name, and its values."""
    return (_ALL, [service, after]) if name is None else (_OF_NAME, [service, name, after])


def locked(transaction: Transaction, service: str) -> Chain:
    """Return the end of a chain, and lock it until the transaction ends."""
    query = f"{HEAD} FOR UPDATE"
    rows = transaction.rows(query, (service,))
    if not rows:
        transaction.execute(_BEGIN, (service, BEGINNING, BEGINNING))
        rows = transaction.rows(query, (service,))
    return chain_of(service, rows)


def chain_of(service: str, rows: t.Sequence[t.Sequence[t.Any]]) -> Chain:
    """Read the row of ``HEAD``; without one the chain has no event yet."""
    if not rows:
        return Chain(service)
    number, digest, pruned_number, pruned_hash, pruned_at = rows[0]
    pruned = Chain(service, pruned_number, pruned_hash) if pruned_number else None
    return Chain(service, number, digest, pruned, pruned_at)


def append(transaction: Transaction, head: Chain, new: t.Sequence[Event]) -> Chain:
    """Write events of one service to the end of its chain, which is locked; return the new end."""
    number, digest, rows = head.number, head.hash, []
    for event in new:
        number += 1
        chained = event.chained(number, digest)
        digest = chained.hash
        rows.append(chained.row())
    transaction.many(_INSERT, rows)
    transaction.many(_MOVE, [(number, digest, head.service)])
    return Chain(head.service, number, digest, head.pruned, head.pruned_at)


def is_at(transaction: Transaction, found: Chain, known: Chain) -> bool:
    """Return whether a place is in the chain that ends with ``found``. One that was removed counts as being in it."""
    for place in (found, found.begin):
        if place.number == known.number:
            return place.hash == known.hash
    if not found.begin.number < known.number < found.number:
        return known.number < found.begin.number
    return transaction.rows(_HASH, (known.service, known.number)) == [(known.hash,)]


def last_removable(select: Select, chain: Chain, before: str) -> int:
    """Return the number of the last event that may be removed, see Store.prune_events; 0 if there are only a few."""
    begin = chain.begin.number
    most = min(chain.number, begin + MOST_REMOVED)
    kept = select(_FIRST_KEPT, (chain.service, begin, most, before, before))
    last = int(kept[0][0]) - 1 if kept else most
    return last if last - begin >= FEWEST_REMOVED else 0


def place(transaction: Transaction, service: str, number: int, store: str) -> Chain:
    """Return the place of an event. Raises StoreError where it is missing."""
    rows = transaction.rows(_HASH, (service, number))
    if not rows:
        raise StoreError(
            f"store {store}: event {number} of {service} is missing, and no event was removed: run "
            "redtrust_enrollment_info with verify_events"
        )
    return Chain(service, number, rows[0][0])


def remove(transaction: Transaction, last: Chain, now: str) -> None:
    """Remove all events up to a place, and note it."""
    transaction.execute(_REMOVE, (last.service, last.number))
    transaction.execute(_NOTE_REMOVAL, (last.number, last.hash, now, last.service))
