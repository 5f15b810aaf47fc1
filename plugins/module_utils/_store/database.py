# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of a database of SQL: what the statements of a store need, and no more.

Statements are written once, for PostgreSQL, with ``?`` for values, and `` FOR UPDATE`` or `` FOR UPDATE SKIP LOCKED``
where rows must be locked. SQLite leaves the latter out, as it locks the whole file. Times are texts as
``date_to_text()`` writes them.
"""

from __future__ import annotations

import abc
import contextlib
import functools
import typing as t

from .._errors import StoreError
from .key_file import Key

Done = t.TypeVar("Done")
Row = tuple[t.Any, ...]
Values = t.Sequence[object]


class NotUniqueError(StoreError):
    """A statement would have made a second row where an index allows one; the write must end with this error."""


class Transaction(t.Protocol):
    """The statements of one write."""

    def execute(self, statement: str, values: Values = ()) -> int:
        """Return how many rows the statement has changed. Raises NotUniqueError."""

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        """Return all rows that the statement selects."""

    def many(self, statement: str, values: t.Iterable[Values]) -> None:
        """Execute a statement once for each sequence of values, in this order."""

    def clock(self, seconds: float = 0.0) -> str:
        """Return the time ``seconds`` from the moment of this write, by the clock of the store."""

    def at_end(self, item: object) -> None:
        """Hand an item to ``Database.before_commit``; a write that fails hands over nothing."""


# Called with the items that all writes of a transaction have handed over, in their order, right before COMMIT.
BeforeCommit = t.Callable[[Transaction, t.Sequence[t.Any]], None]


class Database(abc.ABC):
    """Connections to one database, for all threads of a process.

    ``name`` names it in messages. ``before_commit`` belongs to the store: it is called right before the COMMIT of a
    transaction in which a write has used ``Transaction.at_end``. It writes what must be written in the order of the
    commits, so that a lock that all runs want is held for a short time. What it raises fails all writes of that
    transaction. ``lock`` is a statement that lets no other transaction write a row until this one ends, None where
    none can anyway. ``key`` seals request codes; it is None where the store can only be read.
    """

    name: str
    before_commit: BeforeCommit | None = None
    lock: str | None = None

    @property
    @abc.abstractmethod
    def key(self) -> Key | None:
        """Return the key that opens what was sealed, None where there is none."""

    @abc.abstractmethod
    def sealing_key(self) -> Key:
        """Return the key that seals what is written. Raises StoreError where the database can only be read."""

    @abc.abstractmethod
    def select(self, statement: str, values: Values = ()) -> list[Row]:
        """Return all rows that the statement selects, as they are committed. Raises StoreError."""

    @abc.abstractmethod
    def write(self, verb: str, work: t.Callable[[Transaction], Done], *, alone: bool = False) -> Done:
        """Commit all that ``work`` writes, or none of it, and return its result.

        Writes of other threads may share the transaction, unless this one is ``alone``. One that locks rows that other
        runs lock as well is to be alone, and to lock them in the order of their keys: two runs never wait for each
        other in a circle then.

        ``work`` is called again, in a new transaction, where the connection is lost, even if what it wrote before was
        committed. So it must find out by itself whether it was, and have no other effects. ``verb`` is part of the
        names of the fault points. Raises StoreError.
        """

    @abc.abstractmethod
    def explained(self) -> contextlib.AbstractContextManager[None]:
        """Turn errors of the database, the system and the codec into a StoreError that names the store."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close all connections; other threads must have ended their work."""


@functools.lru_cache(maxsize=256)
def without_locks(statement: str) -> str:
    """Return a statement as SQLite knows it: without locks of rows."""
    return statement.replace(" FOR UPDATE SKIP LOCKED", "").replace(" FOR UPDATE", "")
