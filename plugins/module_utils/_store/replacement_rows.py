# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacements as rows of SQL. The caller holds the transaction."""

from __future__ import annotations

import datetime as dt
import typing as t

from .._errors import StoreError
from .replacement import Replacement
from .revision_rows import date_from_text, date_to_text

if t.TYPE_CHECKING:
    from .database import Row, Transaction

_COLUMNS = "service, id, selection, begun_at, deadline, total, actor, ended_at"
SELECT = f"SELECT {_COLUMNS} FROM replacements WHERE service = ? ORDER BY begun_at, id"  # noqa: S608
_LOCK = f"SELECT {_COLUMNS} FROM replacements WHERE service = ? AND id = ? FOR UPDATE"  # noqa: S608
_BEGIN = """
    INSERT INTO replacements (service, id, selection, begun_at, deadline, total, actor) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (service, id) DO NOTHING
"""
_GO_ON = "UPDATE replacements SET deadline = ?, total = ?, ended_at = NULL WHERE service = ? AND id = ?"
_END = "UPDATE replacements SET ended_at = ? WHERE service = ? AND id = ? AND ended_at IS NULL"


def from_row(row: Row) -> Replacement:
    """Read a row. Raises StoreError."""
    service, name, selection, begun_at, deadline, total, actor, ended_at = row
    try:
        return Replacement(
            service,
            name,
            selection,
            date_from_text(begun_at),
            deadline and date_from_text(deadline),
            int(total),
            actor,
            ended_at and date_from_text(ended_at),
        )
    except (ValueError, TypeError, AttributeError) as exc:
        raise StoreError(f"the replacement {name!r} of {service} cannot be read ({exc}): restore a backup") from exc


def put(
    transaction: Transaction,
    wanted: tuple[str, str, str],
    total: int,
    actor: str,
    deadline: dt.datetime | dt.timedelta | None,
) -> Replacement:
    """Begin a replacement, or go on with it, by the rules of Store.put_replacement.

    ``wanted`` is service, id and selection.
    """
    service, name, selection = wanted
    begun_at = date_from_text(transaction.clock())
    until = _moment(begun_at, deadline)
    transaction.execute(_BEGIN, (*wanted, date_to_text(begun_at), until and date_to_text(until), total, actor))
    (row,) = transaction.rows(_LOCK, (service, name))
    found = from_row(row)
    if found.selection != selection:
        return found
    until = _moment(found.begun_at, deadline) or found.deadline
    transaction.execute(_GO_ON, (until and date_to_text(until), max(total, found.total), service, name))
    (row,) = transaction.rows(_LOCK, (service, name))
    return from_row(row)


def end(transaction: Transaction, service: str, name: str) -> bool:
    """Note the end of a replacement; return whether it was open."""
    return transaction.execute(_END, (transaction.clock(), service, name)) > 0


def _moment(begun_at: dt.datetime, deadline: dt.datetime | dt.timedelta | None) -> dt.datetime | None:
    return begun_at + deadline if isinstance(deadline, dt.timedelta) else deadline
