# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to PostgreSQL that writes, as a group of writes uses it.

What has no result is sent together with what comes next: so a write takes three round trips, for the beginning of its
transaction, its statement, and its COMMIT. Each write has been answered before the COMMIT is sent. So one that is done
anew, since no answer to the COMMIT came, waits for the locks of the first one.

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
from .postgresql_link import Link, Statement
from .postgresql_server import ServerCheck

if t.TYPE_CHECKING:
    import psycopg

_COMMIT: Statement = ("COMMIT", ())
# More values than these for one statement are sent on their own, for which the driver has a faster way.
_FEW = 20
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
        self._ahead: list[Statement] = []
        self._is_begun = False
        # Each write has a savepoint of its own name. What fails before it is made must not undo the write before.
        self._number = 0
        # What the clock of the server told, as the time since 1970, and when that was heard.
        self._told, self._told_at = dt.timedelta(), 0.0

    @property
    def in_transaction(self) -> bool:
        if not self._is_begun or not self.link.is_open:
            return False
        return self._is_unsent or self.link.in_transaction

    @property
    def _is_unsent(self) -> bool:
        return self._ahead[:1] == [(self._begin, ())]

    @property
    def _saved(self) -> Statement:
        return f"SAVEPOINT write_{self._number}", ()

    @property
    def _kept(self) -> Statement:
        return f"RELEASE SAVEPOINT write_{self._number}", ()

    def begin(self, patience: float) -> None:
        self._server.require_same()
        self._is_begun = False
        if self.link.in_transaction:  # its ROLLBACK has failed
            self.link.cut()
        self.link.open(patience)
        self._ahead = [(self._begin, ())]
        self._is_begun = True

    def save(self) -> None:
        self._number += 1
        self._ahead.append(self._saved)

    def keep(self) -> None:
        if self._ahead[-1:] == [self._saved]:
            self._ahead.pop()  # nothing was written
            return
        self._flush()  # what fails is an error of this write
        self._ahead.append(self._kept)

    def undo(self) -> None:
        if self._saved in self._ahead:
            del self._ahead[self._ahead.index(self._saved) :]
        else:
            # the savepoint stays until the COMMIT
            self._ahead = [(f"ROLLBACK TO SAVEPOINT write_{self._number}", ())]

    def commit(self) -> None:
        self._server.require_same()
        ahead, unsent = self._ahead, self._is_unsent
        self._ahead = []
        # An error before the COMMIT leaves the transaction open, since the server then skips what was sent with it.
        if not unsent and self.link.send([*ahead, _COMMIT]).statusmessage != "COMMIT":
            raise DriverError("the server has undone the transaction", "40001")
        self._is_begun = False

    def rollback(self) -> None:
        is_needed = self.link.in_transaction and not self._is_unsent
        self._ahead, self._is_begun = [], False
        if is_needed:
            self.link.send([("ROLLBACK", ())])

    def interrupted(self) -> Exception:
        self.link.cut()
        return DriverError("the commit was interrupted", lost=True)

    def execute(self, statement: str, values: Values = ()) -> int:
        return self._answer((statement, values)).rowcount

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        return self._answer((statement, values)).fetchall()

    def many(self, statement: str, values: t.Iterable[Values]) -> None:
        each = list(values)
        if each:
            self._tell_begin()
        if len(each) <= _FEW:
            self._ahead += [(statement, some) for some in each]
        else:
            self._flush()
            self.link.many(statement, each)

    def clock(self, seconds: float = 0.0) -> str:
        self._tell_begin()
        elapsed = time.monotonic() - self._told_at
        return revision_rows.date_to_text(_EPOCH + self._told + (elapsed + seconds) * _SECOND)

    def _answer(self, last: Statement) -> psycopg.Cursor[t.Any]:
        """Send what is ahead and the last statement, and return its cursor."""
        self._tell_begin()
        return self.link.send([*self._taken(), last])

    def _flush(self) -> None:
        """Send what is ahead."""
        ahead = self._taken()
        if ahead:
            self.link.send(ahead)

    def _taken(self) -> list[Statement]:
        """Return what is to be sent now.

        Of several writes in a transaction, an earlier one may have met another server. What is written at the end of a
        transaction may go into the savepoint of its last write.
        """
        self._server.require_same()
        if self._ahead == [self._kept]:
            return []
        ahead, self._ahead = self._ahead, []
        return ahead

    def _tell_begin(self) -> None:
        """Begin the transaction at the server, unless it is begun; read its clock and its state."""
        if not self._is_unsent:
            return
        ahead, self._ahead = self._ahead, []
        cursor = self.link.run("; ".join(statement for statement, _values in ahead))
        while cursor.description is None and cursor.nextset():
            pass
        row = cursor.fetchone()
        if row is None:
            raise DriverError("the server has not told the time")
        self._told, self._told_at = int(row[0]) * _MICROSECOND, time.monotonic()
        self._server.hear(row[1:])
