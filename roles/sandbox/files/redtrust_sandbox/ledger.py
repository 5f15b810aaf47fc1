# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger: one SQLite file with the requests to the server, its settings and its faults."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import time
import typing as t

from redtrust_sandbox import settings as settings_module
from redtrust_sandbox.schema import TABLES
from redtrust_sandbox.settings import Settings

FILE_NAME = "ledger.sqlite3"

Row = tuple[t.Any, ...]


class Ledger:
    """A connection to the ledger. The server uses one, in the thread of its event loop."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.path = directory / FILE_NAME
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        self.connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode=WAL")
        # What a process has written survives the process. Only a machine that loses power can damage the file.
        self.connection.execute("PRAGMA synchronous=OFF")
        self.connection.executescript(TABLES)
        self._version = 0
        self._kept: dict[str, list[Row]] = {}
        self._seen: tuple[list[Row], Settings] = ([], Settings())

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> t.Iterator[None]:
        """Commit all changes of the block, or none of them. The block must not await anything."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def run(self, sql: str, *values: t.Any) -> int:
        """Run one statement; return how many rows it changed."""
        return self.connection.execute(sql, values).rowcount

    def row(self, sql: str, *values: t.Any) -> Row | None:
        """Return the first row, if any."""
        found: Row | None = self.connection.execute(sql, values).fetchone()
        return found

    def rows(self, sql: str, *values: t.Any) -> list[Row]:
        """Return all rows."""
        return self.connection.execute(sql, values).fetchall()

    def foreign(self, sql: str) -> list[Row]:
        """Return the rows of a query on what only other connections change. Read them again when one has written."""
        ((version,),) = self.rows("PRAGMA data_version")
        if version != self._version:
            self._version, self._kept = version, {}
        if sql not in self._kept:
            self._kept[sql] = self.rows(sql)
        return self._kept[sql]

    def insert(self, table: str, values: t.Mapping[str, t.Any]) -> int:
        """Insert one row; return its rowid."""
        names = ", ".join(values)
        marks = ", ".join("?" for _value in values)
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names come from this package only
        cursor = self.connection.execute(sql, tuple(values.values()))
        return int(cursor.lastrowid or 0)

    def secret(self, kind: str, value: str) -> None:
        """Record a secret before the server issues it."""
        self.insert("secrets", {"kind": kind, "value": value, "at": time.time()})

    def settings(self) -> Settings:
        """Read the settings; raises ConfigError if one has an unusable value."""
        rows = self.foreign("SELECT key, value FROM settings ORDER BY key")
        if rows is not self._seen[0]:
            self._seen = (rows, Settings.from_rows(rows))
        return self._seen[1]

    def set(self, key: str, value: str) -> None:
        """Change one setting; raises ConfigError."""
        settings_module.parse(key, value)
        self._kept = {}
        self.run(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value
        )

    def prepare(self, initial: t.Mapping[str, str]) -> None:
        """Write the settings of a configuration. The others keep their values, or get their defaults."""
        with self.transaction():
            for key, value in settings_module.defaults().items():
                self.run("INSERT OR IGNORE INTO settings VALUES (?, ?)", key, value)
            for key, value in initial.items():
                self.set(key, value)


def summary(ledger: Ledger) -> dict[str, t.Any]:
    """Return the counts that the command ``ledger`` prints."""

    def count(sql: str) -> int:
        row = ledger.row(sql)
        return int(row[0]) if row else 0

    return {
        "requests": count("SELECT COUNT(*) FROM requests"),
        "steps": dict(ledger.rows("SELECT step, COUNT(*) FROM requests GROUP BY step ORDER BY step")),
        "mutating": count("SELECT COUNT(*) FROM requests WHERE mutating = 1"),
        "unanswered": count("SELECT COUNT(*) FROM requests WHERE status IS NULL"),
        "refused": count("SELECT COUNT(*) FROM requests WHERE status >= 400"),
        "connections": count("SELECT COUNT(*) FROM connections"),
        "connections_resumed": count("SELECT COUNT(*) FROM connections WHERE resumed = 1"),
        "keys": count("SELECT COUNT(*) FROM keys"),
        "keys_not_finalized": count("SELECT COUNT(*) FROM keys WHERE finalized_at IS NULL"),
        "certificates": count("SELECT COUNT(*) FROM certificates"),
        "certificates_current": count("SELECT COUNT(*) FROM certificates WHERE state = 'current'"),
        "certificates_replaced": count("SELECT COUNT(*) FROM certificates WHERE state = 'replaced'"),
        "sessions": count("SELECT COUNT(*) FROM sessions"),
        "sessions_open": count("SELECT COUNT(*) FROM sessions WHERE ended IS NULL"),
        "refresh_reuses": count("SELECT COALESCE(SUM(refresh_reuses), 0) FROM sessions"),
    }
