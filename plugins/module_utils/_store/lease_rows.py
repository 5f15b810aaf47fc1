# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases as rows of SQL. The caller holds the transaction."""

from __future__ import annotations

import sqlite3
import typing as t

from . import revision_rows, schema
from .base import LEASE_SECONDS, Lease

HELD = "SELECT key, holder, expires_at FROM leases WHERE holder <> ?"
# A lease that has been over for so long is nobody's; the run that held it was killed.
_FORGOTTEN = -86400.0
_ACQUIRE = """
    INSERT INTO leases (key, holder, expires_at) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
    WHERE leases.holder = excluded.holder OR leases.expires_at <= ?
"""
# A value that is no time stays: _lease refuses it.
_SHORTEN = "UPDATE leases SET expires_at = ? WHERE expires_at > ? AND expires_at GLOB '[0-9][0-9][0-9][0-9]-*Z'"


def rivals(rows: t.Iterable[tuple[str, str, str]], wanted: t.Container[str]) -> list[str]:
    """Return the other holders of the wanted keys, from rows of HELD."""
    return sorted({holder for key, holder, _end in rows if key in wanted})


def acquire(
    connection: sqlite3.Connection, wanted: t.Collection[str], holder: str, seconds: float, gone: t.Iterable[str]
) -> dict[str, Lease]:
    """Take leases by the rules of Store.acquire; holders that are gone hold nothing.

    No run takes a lease for longer than LEASE_SECONDS, so one that ends later was dated by a wrong clock, and is cut. A
    holder that lives renews it long before its new end.
    """
    now, end = schema.clock(connection), schema.clock(connection, seconds)
    latest = schema.clock(connection, max(seconds, LEASE_SECONDS))
    connection.execute(_SHORTEN, (latest, latest))
    connection.execute("DELETE FROM leases WHERE expires_at < ?", (schema.clock(connection, _FORGOTTEN),))
    connection.executemany("DELETE FROM leases WHERE holder = ?", [(one,) for one in gone])
    connection.executemany(_ACQUIRE, [(key, holder, end, now) for key in sorted(wanted)])
    others = connection.execute(HELD, (holder,))
    return {key: _lease(key, rival, end) for key, rival, end in others if key in wanted}


def _lease(key: str, holder: str, end: str) -> Lease:
    try:
        return Lease(key, holder, revision_rows.date_from_text(end))
    except ValueError as exc:
        raise sqlite3.DatabaseError(f"the lease of {key!r} cannot be read") from exc


def renew(connection: sqlite3.Connection, holder: str, seconds: float) -> int:
    """Extend all leases of the holder; return how many there are."""
    end = schema.clock(connection, seconds)
    return connection.execute("UPDATE leases SET expires_at = ? WHERE holder = ?", (end, holder)).rowcount


def release(connection: sqlite3.Connection, keys: t.Iterable[str], holder: str) -> None:
    """Delete those of these leases that the holder has."""
    connection.executemany("DELETE FROM leases WHERE key = ? AND holder = ?", [(key, holder) for key in keys])
