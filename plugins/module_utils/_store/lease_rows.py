# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases as rows of SQL. The caller holds the transaction."""

from __future__ import annotations

import typing as t

from .._errors import StoreError
from . import revision_rows
from .base import LEASE_SECONDS, Lease
from .database import Row, Transaction, Values

# A lease that has been over for so long is nobody's; the run that held it was killed.
_FORGOTTEN = -86400.0
# How many keys one query asks for.
_CHUNK = 500
_INSERT = "INSERT INTO leases (key, holder, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_UPDATE = "UPDATE leases SET holder = ?, expires_at = ? WHERE key = ?"
# Dated by a wrong clock, or of a run that was killed long ago.
_ODD = """
    SELECT key, expires_at FROM leases WHERE (holder <> ? AND expires_at > ?) OR expires_at < ?
    ORDER BY key FOR UPDATE SKIP LOCKED
"""
_SHORTEN = "UPDATE leases SET expires_at = ? WHERE key = ?"
_DELETE = "DELETE FROM leases WHERE key = ?"
_RENEW = """
    UPDATE leases SET expires_at = ?
    WHERE holder = ? AND key IN (SELECT key FROM leases WHERE holder = ? ORDER BY key FOR UPDATE)
"""


def _of(rows: t.Callable[[str, Values], list[Row]], keys: t.Iterable[str], lock: str = "") -> dict[str, Row]:
    """Return the leases of these keys: key, holder and end of each."""
    wanted, found = sorted(keys), []
    for start in range(0, len(wanted), _CHUNK):
        end = start + _CHUNK
        some = wanted[start:end]
        one_of = f"key IN ({', '.join('?' * len(some))})"
        found += rows(f"SELECT key, holder, expires_at FROM leases WHERE {one_of} ORDER BY key{lock}", some)  # noqa: S608
    return {row[0]: row for row in found}


def rivals(rows: t.Callable[[str, Values], list[Row]], wanted: t.Iterable[str], holder: str) -> list[str]:
    """Return the other holders of the wanted keys; ``rows`` selects."""
    return sorted({rival for _key, rival, _end in _of(rows, wanted).values()} - {holder})


def acquire(
    transaction: Transaction, wanted: t.Collection[str], holder: str, seconds: float, gone: t.Container[str]
) -> list[Row]:
    """Take leases by the rules of Store.acquire; holders that are gone hold nothing. Return the leases of others.

    No run takes a lease for longer than LEASE_SECONDS, so one that ends later was dated by a wrong clock, and is cut. A
    holder that lives renews it long before its new end.

    A row that another run has locked is another run's: this never waits for one. Only of two runs that take the same
    key anew, the second waits for the commit of the first.
    """
    now, end = transaction.clock(), transaction.clock(seconds)
    _tidy(transaction, holder, transaction.clock(max(seconds, LEASE_SECONDS)))

    def is_free(row: Row) -> bool:
        return row[1] == holder or row[1] in gone or row[2] <= now

    seen = _of(transaction.rows, wanted)
    free = [key for key, row in seen.items() if is_free(row)]
    locked = _of(transaction.rows, free, " FOR UPDATE SKIP LOCKED")
    transaction.many(_UPDATE, [(holder, end, key) for key, row in locked.items() if is_free(row)])
    transaction.many(_INSERT, [(key, holder, end) for key in sorted(wanted) if key not in seen])
    after = _of(transaction.rows, wanted)
    # One that was given back in between had a holder, and is looked at again by who wants it.
    found = [after.get(key) or seen.get(key) or (key, "another run", now) for key in sorted(wanted)]
    return [row for row in found if row[1] != holder or row[0] not in after]


def _tidy(transaction: Transaction, holder: str, latest: str) -> None:
    """Cut the leases of others to ``latest``, and delete forgotten ones.

    A value that is no time stays: ``lease()`` refuses it.
    """
    forgotten = transaction.clock(_FORGOTTEN)
    odd = transaction.rows(_ODD, (holder, latest, forgotten))
    transaction.many(_DELETE, [(key,) for key, end in odd if end < forgotten])
    transaction.many(_SHORTEN, [(latest, key) for key, end in odd if end > latest and _is_time(end)])


def _is_time(text: str) -> bool:
    try:
        revision_rows.date_from_text(text)
    except ValueError:
        return False
    return True


def lease(store: str, key: str, holder: str, end: str) -> Lease:
    """Return the lease of a row. Raises StoreError, naming the store, when it cannot be read."""
    try:
        return Lease(key, holder, revision_rows.date_from_text(end))
    except ValueError as exc:
        raise StoreError(
            f"store {store}: the lease of {key!r} cannot be read; it is damaged; keep a copy of it and restore a backup"
        ) from exc


def renew(transaction: Transaction, holder: str, seconds: float) -> int:
    """Extend all leases of the holder; return how many there are."""
    return transaction.execute(_RENEW, (transaction.clock(seconds), holder, holder))


def release(transaction: Transaction, keys: t.Iterable[str], holder: str) -> None:
    """Delete those of these leases that the holder has."""
    transaction.many("DELETE FROM leases WHERE key = ? AND holder = ?", [(key, holder) for key in keys])
