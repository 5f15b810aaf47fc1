# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to a SQLite file that writes, as a group of writes uses it."""

from __future__ import annotations

import sqlite3
import typing as t

from . import schema
from .database import NotUniqueError, Row, Values, without_locks
from .group_commit import Connection


class SqliteConnection(Connection):
    """Writes over a connection of ``sqlite3`` that leaves transactions to the code."""

    errors = (sqlite3.Error,)

    def __init__(self, raw: sqlite3.Connection) -> None:
        super().__init__()
        self.raw = raw

    @property
    def in_transaction(self) -> bool:
        return self.raw.in_transaction

    def begin(self, patience: float) -> None:
        self.raw.execute(f"PRAGMA busy_timeout = {round(1000 * patience)}")
        self.raw.execute("BEGIN IMMEDIATE")

    def save(self) -> None:
        self.raw.execute("SAVEPOINT one_write")

    def keep(self) -> None:
        self.raw.execute("RELEASE one_write")

    def undo(self) -> None:
        self.raw.execute("ROLLBACK TO one_write")
        self.raw.execute("RELEASE one_write")

    def commit(self) -> None:
        self.raw.execute("COMMIT")

    def rollback(self) -> None:
        self.raw.execute("ROLLBACK")

    def interrupted(self) -> Exception | None:
        return sqlite3.OperationalError("the commit was interrupted") if self.in_transaction else None

    def execute(self, statement: str, values: Values = ()) -> int:
        try:
            return self.raw.execute(without_locks(statement), values).rowcount
        except sqlite3.IntegrityError as exc:
            if str(exc).startswith("UNIQUE"):
                raise NotUniqueError(f"{exc}; nothing was written") from exc
            raise

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        return self.raw.execute(without_locks(statement), values).fetchall()

    def many(self, statement: str, values: t.Iterable[Values]) -> None:
        self.raw.executemany(without_locks(statement), values)

    def clock(self, seconds: float = 0.0) -> str:
        return schema.clock(self.raw, seconds)
