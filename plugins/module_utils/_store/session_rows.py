# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kept sessions as rows of SQL. The caller holds the transaction.

A session that is forgotten leaves its row, empty. Its generation must not begin anew, or a run that read the old
session could write over the next one.
"""

from __future__ import annotations

from .._errors import StaleRevisionError
from .database import Transaction

SELECT = "SELECT generation, sealed FROM sessions WHERE key = ? AND sealed IS NOT NULL"
_STORED = "SELECT generation, sealed FROM sessions WHERE key = ? FOR UPDATE"
_INSERT = "INSERT INTO sessions (key, generation, sealed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_UPDATE = "UPDATE sessions SET generation = ?, sealed = ? WHERE key = ?"


def put(transaction: Transaction, key: str, sealed: bytes | None, generation: int) -> int:
    """Write a session by the rules of Store.put_session.

    An earlier try of the same write may have been committed. No ciphertext is made twice, so it tells whose it is. Who
    has forgotten a session makes no difference.
    """
    transaction.execute(_INSERT, (key, 0, None))
    ((stored, kept),) = transaction.rows(_STORED, (key,))
    # A run reads 0 where the session is forgotten.
    if generation == (0 if kept is None else stored):
        transaction.execute(_UPDATE, (stored + 1, sealed, key))
        return stored + 1 if sealed is not None else 0
    if kept == sealed and (sealed is not None or stored == generation + 1):
        return stored if sealed is not None else 0
    raise StaleRevisionError("the kept session was not changed: another run was first; nothing was written, run again")
