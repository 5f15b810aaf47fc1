# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places of a store: a file, or a database on PostgreSQL. Tests read both with plain SQL."""

from __future__ import annotations

import abc
import contextlib
import sqlite3
import typing as t
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Store,
    open_postgresql,
    open_store,
)

STORE_KEY = "a key of stores, for tests"


class Place(abc.ABC):
    """The place of a store, whose tables are the same everywhere.

    ``suffixes`` are those of the names of its files, beside one another. ``patches`` make it fast.
    """

    suffixes: tuple[str, ...] = ()
    patches: t.Mapping[str, t.Any] = {}

    @property
    @abc.abstractmethod
    def options(self) -> dict[str, t.Any]:
        """The options that name it to the modules."""

    @property
    @abc.abstractmethod
    def is_there(self) -> bool:
        """Whether a run has made the tables."""

    @abc.abstractmethod
    def rows(self, statement: str) -> list[dict[str, t.Any]]:
        """Execute a statement, and return its rows by the names of their columns."""

    @abc.abstractmethod
    def opened(self) -> Store:
        """Open the store with the product's code."""

    @property
    @abc.abstractmethod
    def now(self) -> str:
        """The time by the clock of the store, in the form of its dates."""


class File(Place):
    """A store in a file of SQLite."""

    suffixes = ("", "-wal", "-shm", ".key", ".checked")

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def options(self) -> dict[str, t.Any]:
        return {"store_path": str(self.path)}

    @property
    def is_there(self) -> bool:
        return self.path.exists()

    def rows(self, statement: str) -> list[dict[str, t.Any]]:
        with contextlib.closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement)]

    def opened(self) -> Store:
        return open_store(str(self.path))

    @property
    def now(self) -> str:
        (row,) = self.rows("SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') AS now")
        return str(row["now"])


class Database(Place):
    """A store in a database of PostgreSQL. ``through`` is the connection string of what lies between, if anything."""

    patches: t.Mapping[str, t.Any] = {"_store.postgresql_key._ITERATIONS": 1}

    def __init__(self, dsn: str, through: str | None = None) -> None:
        self.dsn = dsn
        self.through = through or dsn

    @property
    def options(self) -> dict[str, t.Any]:
        return {"store_dsn": self.through, "store_key": STORE_KEY}

    @property
    def is_there(self) -> bool:
        (row,) = self.rows("SELECT to_regclass('revisions') AS found")
        return row["found"] is not None

    def rows(self, statement: str) -> list[dict[str, t.Any]]:
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def opened(self) -> Store:
        return open_postgresql(self.dsn, STORE_KEY, warn=lambda _warning: None)

    @property
    def now(self) -> str:
        utc = "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        (row,) = self.rows(f"SELECT {utc} AS now")
        return str(row["now"])
