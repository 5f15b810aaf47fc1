# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a copy of a store takes along, row by row, and a checksum that is the same however a store seals it."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from .._errors import StoreError
from . import event, revision_rows
from .database import Row, Values

# Transaction.rows, or Database.select
Rows = t.Callable[[str, Values], list[Row]]
# Seals or unseals the request code of a row, which is named by its key.
Change = t.Callable[[t.Any, Row], object]

# How many rows are in memory at a time.
PAGE = 500


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the store, with its primary key. ``condition`` leaves out rows that no copy has."""

    # Only constants of this file are put together here, never a value.

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    condition: str = "TRUE"

    @property
    def count(self) -> str:
        """The statement that counts the rows."""
        return f"SELECT COUNT(*) FROM {self.name} WHERE {self.condition}"  # noqa: S608

    @property
    def insert(self) -> str:
        """The statement that inserts a row."""
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({', '.join('?' * len(self.columns))})"  # noqa: S608

    @property
    def delete(self) -> str:
        """The statement that deletes the rows."""
        return f"DELETE FROM {self.name} WHERE {self.condition}"  # noqa: S608

    def pages(self, rows: Rows) -> t.Iterator[list[Row]]:
        """Yield all rows in the order of the key, some at a time."""
        key = ", ".join(self.key)
        first = f"SELECT {', '.join(self.columns)} FROM {self.name} WHERE {self.condition}"  # noqa: S608
        later = f"{first} AND ({key}) > ({', '.join('?' * len(self.key))})"
        end = f" ORDER BY {key} LIMIT {PAGE}"
        page = rows(first + end, ())
        while page:
            yield page
            last = dict(zip(self.columns, page[-1]))
            page = rows(later + end, [last[column] for column in self.key]) if len(page) == PAGE else []


# The nonce of a row is of use only to the put that wrote it.
REVISIONS = Table("revisions", revision_rows.KEY, revision_rows.STORED)
TABLES = (
    REVISIONS,
    Table("sessions", ("key",), ("key", "generation", "sealed")),
    Table("events", ("service", "number"), (*event.VALUES, "hash")),
    Table("chains", ("service",), ("service", "number", "hash", "pruned_number", "pruned_hash", "pruned_at")),
    Table(
        "replacements",
        ("service", "id"),
        ("service", "id", "selection", "begun_at", "deadline", "total", "actor", "ended_at"),
    ),
    # notes with such a key say something about the very store in which they are
    Table("notes", ("key",), ("key", "value"), "substr(key, 1, 6) <> 'store_'"),
)
# Both are over before a copy can begin, or soon after it.
NOT_COPIED = ("leases", "limits")

_ENROLLMENTS = "SELECT COUNT(*) FROM (SELECT DISTINCT service, name FROM revisions) AS named"


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a store holds: the number of enrollments and of rows in each table.

    ``checksum`` is SHA-256, as hex, over all rows with the request codes in clear; None if they were only counted.
    """

    counts: t.Mapping[str, int]
    checksum: str | None = None


class Sum:
    """Sums up rows as they pass."""

    def __init__(self) -> None:
        self._counts = {"enrollments": 0, **{table.name: 0 for table in TABLES}}
        self._hash = hashlib.sha256()
        self._last: Row = ()

    def add(self, table: Table, row: Row) -> None:
        """Add a row, with its request code in clear. Tables come one after another, as in TABLES."""
        self._counts[table.name] += 1
        if table is REVISIONS and row[:2] != self._last:
            self._last = row[:2]
            self._counts["enrollments"] += 1
        self._hash.update(revision_rows.checksum((table.name, *row)))

    def contents(self) -> Contents:
        """Return the sum of all rows so far."""
        return Contents(dict(self._counts), self._hash.hexdigest())


def counts(rows: Rows) -> dict[str, int]:
    """Return how many enrollments there are, and how many rows in each table. A store that is missing has none."""
    asked = {"enrollments": _ENROLLMENTS, **{table.name: table.count for table in TABLES}}
    return {name: sum(row[0] for row in rows(statement, ())) for name, statement in asked.items()}


def hidden(_code: t.Any, _row: Row) -> object:
    """Stand for each request code."""
    return "a request code"


def summed(rows: Rows, store: str, unseal: Change = hidden) -> Contents:
    """Read a whole store. Raises StoreError when a row is damaged, or a request code cannot be opened."""
    found = Sum()
    for table in TABLES:
        for page in table.pages(rows):
            for row in page:
                found.add(table, opened(table, row, store, unseal))
    return found.contents()


def opened(table: Table, row: Row, store: str, unseal: Change) -> Row:
    """Return a row with its request code in clear and without its checksum, which is over the sealed code."""
    if table is not REVISIONS:
        return row
    if revision_rows.checksum(row[:-1]) != row[-1]:
        raise StoreError(
            f"store {store}: the row of {row[1]!r}, revision {row[2]!r}, is damaged; restore a backup, then copy that"
        )
    return _with_code(row[:-1], unseal)


def sealed(table: Table, row: Row, seal: Change) -> Row:
    """Return the row of ``opened`` as another store keeps it."""
    if table is not REVISIONS:
        return row
    kept = _with_code(row, seal)
    return (*kept, revision_rows.checksum(kept))


_CODE = revision_rows.STORED.index("request_code")


def _with_code(row: Row, change: Change) -> Row:
    code = row[_CODE]
    if code is None:
        return row
    return (*row[:_CODE], change(code, row[: len(revision_rows.KEY)]), *row[_CODE + 1 :])
