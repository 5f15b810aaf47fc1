# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to PostgreSQL that writes, as a group of writes uses it.

What begins and ends transactions and writes is sent together with what comes next, so that a write takes three round
trips: its beginning, its statement, its COMMIT. The statements of a write have been answered before its COMMIT is sent:
so a write that is done anew, since no answer to the COMMIT came, waits for the locks of the first one.

Nothing is left in the session, and no transaction relies on another one, so a pooler may serve each by another
connection. For the same reason each transaction looks at the server with which it speaks.
"""

from __future__ import annotations

import datetime as dt
import time
import typing as t

from . import revision_rows
from .database import Row, Values
from .group_commit import Connection
from .postgresql_driver import DriverError
from .postgresql_link import Link
from .postgresql_server import ServerCheck

_SAVE = "SAVEPOINT one_write"
_KEEP = "RELEASE SAVEPOINT one_write"
_UNDO = "ROLLBACK TO SAVEPOINT one_write; RELEASE SAVEPOINT one_write"
# A session whose run is gone without a word, with its machine, must not keep its locks.
_IDLE_MS = 60_000
_SECOND = dt.timedelta(seconds=1)
_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


class PostgresqlConnection(Connection):
    """Writes over ``link``. A statement waits up to ``lock_seconds`` for locks of other runs."""

    errors = (DriverError,)

    def __init__(self, link: Link, server: ServerCheck, lock_seconds: float) -> None:
        super().__init__()
        self.link = link
        self._server = server
        limit = max(1, round(1000 * lock_seconds))  # in milliseconds
        # SAVEPOINT comes later: an undone write would take settings that were made after it back.
        self._begin = (
            "BEGIN ISOLATION LEVEL READ COMMITTED; "
            f"SET LOCAL lock_timeout = {limit}; SET LOCAL statement_timeout = {limit * 5 // 4}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {_IDLE_MS}; {server.QUESTION}"
        )
        self._ahead: list[str] = []
        self._is_begun = False
        # What the clock of the server told, as the time since 1970, and when that was heard.
        self._told, self._told_at = dt.timedelta(), 0.0

    @property
    def in_transaction(self) -> bool:
        if not self._is_begun or not self.link.is_open:
            return False
        return self._is_unsent or self.link.in_transaction

    @property
    def _is_unsent(self) -> bool:
        return self._ahead[:1] == [self._begin]

    def begin(self, patience: float) -> None:
        self._server.require_same()
        self._is_begun = False
        self.link.open(patience)
        self._ahead = [self._begin]
        self._is_begun = True

    def save(self) -> None:
        self._ahead.append(_SAVE)

    def keep(self) -> None:
        self._end_write(_KEEP)

    def undo(self) -> None:
        self._end_write(_UNDO)

    def commit(self) -> None:
        self._server.require_same()
        ahead, unsent = [*self._ahead, "COMMIT"], self._is_unsent
        self._forget()
        if not unsent and self._send(ahead) != "COMMIT":
            raise DriverError("the server has undone the transaction", "40001")

    def rollback(self) -> None:
        needed = self.link.in_transaction and not self._is_unsent
        self._forget()
        if needed:
            self._send(["ROLLBACK"])

    def interrupted(self) -> Exception:
        self.link.cut()
        return DriverError("the commit was interrupted", lost=True)

    def execute(self, statement: str, values: Values = ()) -> int:
        self._flush()
        return self.link.run(statement, values).rowcount

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        self._flush()
        return self.link.rows(statement, values)

    def many(self, statement: str, values: t.Iterable[Values]) -> None:
        each = list(values)
        if each:
            self._flush()
            self.link.many(statement, each)

    def clock(self, seconds: float = 0.0) -> str:
        if self._is_unsent:
            self._flush()
        elapsed = time.monotonic() - self._told_at
        return revision_rows.date_to_text(_EPOCH + self._told + (elapsed + seconds) * _SECOND)

    def _end_write(self, ending: str) -> None:
        """End the write; one that sent nothing leaves nothing to end."""
        if self._ahead[-1:] == [_SAVE]:
            self._ahead.pop()
        else:
            self._ahead.append(ending)

    def _forget(self) -> None:
        self._ahead, self._is_begun = [], False

    def _flush(self) -> None:
        """Send what is ahead, and read the clock and the state of the server from its answers.

        Of several writes in a transaction, the first one may have met another server.
        """
        self._server.require_same()
        # What is written at the end of a transaction may go into the savepoint of its last write.
        if self._ahead not in ([], [_KEEP]):
            ahead, self._ahead = self._ahead, []
            self._send(ahead)

    def _send(self, statements: t.Sequence[str]) -> str | None:
        """Send statements at once; return the status of the last one."""
        cursor = self.link.run("; ".join(statements))
        while True:
            if cursor.description:
                self._hear(cursor.fetchone() or ())
            status = cursor.statusmessage
            if not cursor.nextset():
                return status

    def _hear(self, row: Row) -> None:
        """Take the answer to the question at the beginning of a transaction: the time, and which server this is."""
        self._told, self._told_at = int(row[0]) * _MICROSECOND, time.monotonic()
        self._server.hear(row[1:])
