# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kept sessions as rows of SQL. The caller holds the transaction.

A session that is forgotten leaves its row, empty. Its generation must not begin anew, or a run that read the old
session could write over the next one.
"""

from __future__ import annotations

import sqlite3

from .._errors import StaleRevisionError

SELECT = "SELECT generation, sealed FROM sessions WHERE key = ? AND sealed IS NOT NULL"
# The generation of the row, and the one that a run must have read: it reads 0 where the session is forgotten.
_STORED = "SELECT generation, CASE WHEN sealed IS NULL THEN 0 ELSE generation END FROM sessions WHERE key = ?"
_WRITE = "INSERT OR REPLACE INTO sessions (key, generation, sealed) VALUES (?, ?, ?)"


def put(connection: sqlite3.Connection, key: str, sealed: bytes | None, generation: int) -> int:
    """Write a session by the rules of Store.put_session."""
    stored, expected = connection.execute(_STORED, (key,)).fetchone() or (0, 0)
    if generation != expected:
        raise StaleRevisionError(
            "the kept session was not changed: another run was first; nothing was written, run again"
        )
    connection.execute(_WRITE, (key, stored + 1, sealed))
    return stored + 1 if sealed is not None else 0
