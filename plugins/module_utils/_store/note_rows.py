# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes as rows of SQL: a short text under a key, for later runs. The caller holds the transaction."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .database import Transaction

SELECT = "SELECT value FROM notes WHERE key = ?"
_SELECT_SOME = "SELECT key, value FROM notes WHERE key >= ? AND key < ?"
_LOCKED = f"{SELECT} FOR UPDATE"
_PUT = "INSERT INTO notes (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
# Text that is no number counts as the digits at its beginning in SQLite, and is an error in PostgreSQL.
_ADD = """
    INSERT INTO notes (key, value) VALUES (?, ?)
    ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(notes.value AS BIGINT) + CAST(excluded.value AS BIGINT) AS TEXT)
"""


def put(transaction: Transaction, key: str, value: str | None) -> None:
    """Write a note; None removes it."""
    if value is None:
        transaction.execute("DELETE FROM notes WHERE key = ?", (key,))
    else:
        transaction.execute(_PUT, (key, value))


def add(transaction: Transaction, key: str, number: int) -> int:
    """Add to the number in a note, 0 where there is none; return the sum."""
    transaction.execute(_ADD, (key, str(number)))
    ((value,),) = transaction.rows(SELECT, (key,))
    return int(value)


def beginning_with(prefix: str) -> tuple[str, list[object]]:
    """Return the statement that reads all notes below a prefix with a slash at its end, and its values."""
    return _SELECT_SOME, [prefix, prefix[:-1] + chr(ord("/") + 1)]


def put_all(transaction: Transaction, notes: t.Mapping[str, str | None], guard: str, expected: str) -> bool:
    """Write notes by the rules of Store.put_notes.

    An earlier try of the same write may have been committed. Then the guard has its new value already.
    """
    stored = next((value for (value,) in transaction.rows(_LOCKED, (guard,))), None)
    if stored is None or stored not in (expected, notes.get(guard)):
        return False
    for key in sorted(notes):
        put(transaction, key, notes[key])
    return True
