# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in a PostgreSQL database, which many machines share."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

from .. import _fault_points
from .._errors import StoreError
from .._holder import Actor
from . import postgresql_key, postgresql_schema
from .database import Database, Done, Row, Transaction, Values
from .group_commit import GroupCommit
from .key_file import Key
from .postgresql_connection import PostgresqlConnection
from .postgresql_driver import WEAKER_THAN_DEFAULT, Address, DriverError, require
from .postgresql_explained import explained
from .postgresql_link import Link, pauses
from .postgresql_server import ServerCheck
from .sql import SqlStore

Warn = t.Callable[[str], None]

# How long a write waits for a database that is away, or for locks of other runs.
PATIENCE_SECONDS = 30.0
# The part of the patience in which a write waits for a lock, and for an answer, so that it can be tried again.
_LOCK_PART = 1 / 3
_ANSWER_PART = 1 / 2
# All rows of a large store come in one answer, and tables are upgraded in one.
_LONG_PART = 10
_PLACE = "SELECT value FROM notes WHERE key = 'store_place'"
_PUT_PLACE = """
    INSERT INTO notes (key, value) VALUES ('store_place', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""


class PostgresqlDatabase(Database):
    """The database of a connection string. Waits up to ``patience`` seconds where it is lost, or locked by others.

    A process has two connections: one that writes, and one that reads. With ``read_only`` nothing is made or written,
    and there is one. Tables that are missing may then be there later.
    """

    # A statement that locks may wait for the last writes of jobs; what is done under the lock may take long.
    lock = (
        f"LOCK TABLE {', '.join(postgresql_schema.TABLES)} IN SHARE ROW EXCLUSIVE MODE; "
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 3600000"
    )

    def __init__(self, dsn: str, store_key: str, *, read_only: bool, patience: float, warn: Warn) -> None:
        require()
        address = Address.read(dsn)
        self.name = address.name
        self._store_key = store_key
        self._patience = patience
        self._warn = warn
        self._key: Key | None = None
        self._place_before: str | None = None
        self._has_tables = False
        self._is_closed = False
        self._turn = threading.Lock()
        self._reader = Link(address, _LONG_PART * patience)
        self._writer: GroupCommit[PostgresqlConnection] | None = None
        self._writing = Link(address, _LONG_PART * patience)
        with self._closed_on_error(), self.explained():
            self._until_done(patience, self._look if read_only else self._prepare)

    @property
    def key(self) -> Key | None:
        return self._key

    def sealing_key(self) -> Key:
        self._require_writer()
        if self._key is None:
            raise self._is_read_only()
        return self._key

    def select(self, statement: str, values: Values = ()) -> list[Row]:
        end = time.monotonic() + self._patience
        with self.explained(), self._turn:
            # A thread that has waited for its turn has waited for the database, too.
            rest = max(0.0, end - time.monotonic())
            return self._until_done(rest, lambda patience: self._selected(statement, values, patience))

    def write(self, verb: str, work: t.Callable[[Transaction], Done], *, alone: bool = False) -> Done:
        writer = self._require_writer()

        def once(patience: float) -> Done:
            with writer.write(alone=alone, patience=patience) as transaction:
                result = work(transaction)
                _fault_points.reach(f"store {verb} written")
            return result

        with self.explained():
            _fault_points.reach(f"store {verb} before")
            result = self._until_done(self._patience, once)
            _fault_points.reach(f"store {verb} committed")
        return result

    def explained(self) -> contextlib.AbstractContextManager[None]:
        return explained(self.name)

    def close(self) -> None:
        self._is_closed = True
        for link in (self._writing, self._reader):
            link.close()

    def _require_writer(self) -> GroupCommit[PostgresqlConnection]:
        self._require_open()
        if self._writer is None:
            raise self._is_read_only()
        return self._writer

    def _require_open(self) -> None:
        if self._is_closed:
            raise StoreError(f"store {self.name}: it was closed")

    def _is_read_only(self) -> StoreError:
        return StoreError(f"store {self.name}: it was opened to be read only; nothing was written")

    def _until_done(self, patience: float, work: t.Callable[[float], Done]) -> Done:
        """Return the result of ``work``, which gets the seconds that are left; repeat it after errors that pass.

        Once a connection was lost, the last error says so, too: nobody knows what became of the try before.
        """
        end, pause = time.monotonic() + patience, pauses()
        was_lost = False
        while True:
            try:
                return work(max(0.0, end - time.monotonic()))
            except DriverError as exc:
                wait, was_lost = next(pause), was_lost or exc.lost
                if not exc.passes or time.monotonic() + wait > end:
                    raise DriverError(exc.said, exc.state, was_lost) from exc
            time.sleep(wait)

    def _selected(self, statement: str, values: Values, patience: float) -> list[Row]:
        self._require_open()
        self._reader.open(patience)
        if self._has_tables or self._look_for_tables():
            return self._reader.rows(statement, values)
        return []

    def _look(self, patience: float) -> None:
        """Look at a store that is only read."""
        self._reader.open(patience)
        self._check_connection(self._reader)
        self._look_for_tables()

    def _look_for_tables(self) -> bool:
        """Return whether there is a store; a wrong store_key is told then."""
        found = postgresql_schema.version(self._reader, self.name)
        if found:
            postgresql_schema.require_newest(found, self.name)
            postgresql_schema.refuse_other_tables(self._reader, self.name)
            postgresql_key.load(self._reader, self.name, self._store_key)
        self._has_tables = bool(found)
        return self._has_tables

    def _prepare(self, patience: float) -> None:
        """Make or upgrade the tables, and all that is needed to write."""
        link = self._writing
        link.open(patience)
        self._check_connection(link)
        found = postgresql_schema.version(link, self.name)
        key = postgresql_key.load(link, self.name, self._store_key) if found else None
        postgresql_schema.upgrade(link, found)
        postgresql_schema.refuse_other_tables(link, self.name)
        self._key = key or postgresql_key.make(link, self.name, self._store_key)
        self._has_tables = True
        server = ServerCheck(link, self.name)
        link.answer_seconds = _ANSWER_PART * self._patience
        writing = PostgresqlConnection(link, server, _LOCK_PART * self._patience)
        self._writer = GroupCommit(writing, self._patience, before_commit=self._end)
        self._note_place(self._writer, server)

    def _check_connection(self, link: Link) -> None:
        encoding = link.parameter("server_encoding")
        if encoding not in ("UTF8", None):
            raise StoreError(
                f"store {self.name}: the database has the encoding {encoding}, which does not hold all texts; make one "
                "with ENCODING 'UTF8'"
            )
        mode = link.ssl_mode()
        if mode in WEAKER_THAN_DEFAULT:
            self._warn(
                f"store_dsn has sslmode={mode}: others on the way to the database may read or change the store; set up "
                "sslmode=verify-full, see docs/postgresql.md"
            )

    def _note_place(self, writer: GroupCommit[PostgresqlConnection], server: ServerCheck) -> None:
        """Note which server this is; warn if it is another one than that of the last run."""
        with writer.write() as transaction:
            noted = [value for (value,) in transaction.rows(_PLACE)]
            if server.place is not None and noted != [server.place]:
                transaction.execute(_PUT_PLACE, (server.place,))
                # kept for the next try: the answer to the COMMIT may be lost
                self._place_before = noted[0] if noted else None
        if self._place_before is not None:
            self._warn(
                f"store {self.name}: since the last run the database went over to another server or was restored "
                f"({self._place_before} before, {server.place} now); unless its replication is synchronous, what was "
                "written last may be lost: see docs/postgresql.md"
            )

    @contextlib.contextmanager
    def _closed_on_error(self) -> t.Iterator[None]:
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            yield
            undo.pop_all()

    def _end(self, transaction: Transaction, left: t.Sequence[t.Any]) -> None:
        if self.before_commit is not None:
            self.before_commit(transaction, left)


class PostgresqlStore(SqlStore):
    """The store in the database of a connection string."""

    def __init__(
        self,
        dsn: str,
        store_key: str,
        *,
        read_only: bool = False,
        actor: Actor | None = None,
        patience: float | None = None,
        warn: Warn = lambda _warning: None,
    ) -> None:
        waits = PATIENCE_SECONDS if patience is None else patience
        database = PostgresqlDatabase(dsn, store_key, read_only=read_only, patience=waits, warn=warn)
        super().__init__(database, actor)
