# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases as rows of SQL. The caller holds the transaction."""

from __future__ import annotations

import typing as t

from .._errors import StoreError
from . import revision_rows
from .base import LEASE_SECONDS, Lease
from .database import Row, Transaction

HELD = "SELECT key, holder, expires_at FROM leases WHERE holder <> ?"
# A lease that has been over for so long is nobody's; the run that held it was killed.
_FORGOTTEN = -86400.0
_ACQUIRE = """
    INSERT INTO leases (key, holder, expires_at) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
    WHERE leases.holder = excluded.holder OR leases.expires_at <= ?
"""
_SHORTEN = "UPDATE leases SET expires_at = ? WHERE key = ? AND expires_at = ?"


def rivals(rows: t.Iterable[Row], wanted: t.Container[str]) -> list[str]:
    """Return the other holders of the wanted keys, from rows of HELD."""
    return sorted({holder for key, holder, _end in rows if key in wanted})


def acquire(
    transaction: Transaction, wanted: t.Collection[str], holder: str, seconds: float, gone: t.Iterable[str]
) -> list[Row]:
    """Take leases by the rules of Store.acquire; holders that are gone hold nothing. Return rows of HELD.

    No run takes a lease for longer than LEASE_SECONDS, so one that ends later was dated by a wrong clock, and is cut. A
    holder that lives renews it long before its new end.
    """
    now, end = transaction.clock(), transaction.clock(seconds)
    _shorten(transaction, holder, transaction.clock(max(seconds, LEASE_SECONDS)))
    transaction.execute("DELETE FROM leases WHERE expires_at < ?", (transaction.clock(_FORGOTTEN),))
    transaction.many("DELETE FROM leases WHERE holder = ?", [(one,) for one in sorted(gone)])
    transaction.many(_ACQUIRE, [(key, holder, end, now) for key in sorted(wanted)])
    return [row for row in transaction.rows(HELD, (holder,)) if row[0] in wanted]


def _shorten(transaction: Transaction, holder: str, latest: str) -> None:
    """Cut the leases of others to ``latest``. A value that is no time stays: ``lease()`` refuses it."""
    far = sorted(row for row in transaction.rows(HELD, (holder,)) if row[2] > latest and _is_time(row[2]))
    transaction.many(_SHORTEN, [(latest, key, end) for key, _holder, end in far])


def _is_time(text: str) -> bool:
    try:
        revision_rows.date_from_text(text)
    except ValueError:
        return False
    return True


def lease(store: str, key: str, holder: str, end: str) -> Lease:
    """Read a row of HELD. Raises StoreError, naming the store, when it cannot be read."""
    try:
        return Lease(key, holder, revision_rows.date_from_text(end))
    except ValueError as exc:
        raise StoreError(
            f"store {store}: the lease of {key!r} cannot be read; it is damaged; keep a copy of it and restore a backup"
        ) from exc


def renew(transaction: Transaction, holder: str, seconds: float) -> int:
    """Extend all leases of the holder; return how many there are."""
    end = transaction.clock(seconds)
    return transaction.execute("UPDATE leases SET expires_at = ? WHERE holder = ?", (end, holder))


def release(transaction: Transaction, keys: t.Iterable[str], holder: str) -> None:
    """Delete those of these leases that the holder has."""
    transaction.many("DELETE FROM leases WHERE key = ? AND holder = ?", [(key, holder) for key in keys])
