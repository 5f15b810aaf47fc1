# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of one run to the file of a SQLite store: one that writes, and one for each thread that reads."""

from __future__ import annotations

import pathlib
import sqlite3
import threading
import time

from .._errors import StoreError
from . import last_check, location, schema, sqlite_file
from .database import BeforeCommit
from .explained import explained
from .group_commit import GroupCommit
from .key_file import Key
from .sqlite_connection import SqliteConnection


class Connections:
    """Opens the file ``path`` and checks it before anything is written; makes the file when it is missing.

    With ``read_only`` nothing is made or written. A file that is missing may then be there later.
    """

    def __init__(
        self,
        path: pathlib.Path,
        *,
        read_only: bool,
        patience: float,
        mountinfo: str,
        before_commit: BeforeCommit | None = None,
    ) -> None:
        self.key: Key | None = None
        self._before_commit = before_commit
        self._path = path
        self._patience = patience
        self._mountinfo = mountinfo
        self._own = threading.local()
        self._lock = threading.Lock()
        self._opened: list[sqlite3.Connection] | None = []
        self._beside = {suffix: location.beside(path, suffix) for suffix in ("", location.KEY, "-wal")}
        self._known: dict[pathlib.Path, tuple[int, int]] = {}
        self._writer: GroupCommit[SqliteConnection] | None = None
        self._checked_at = 0.0
        exists = location.check(path, mountinfo)
        if not read_only:
            if not exists:
                self._make()
            with explained(path):
                self._writer = self._open_writer()
        elif exists:
            with explained(path):
                self.reader()

    def reader(self) -> sqlite3.Connection | None:
        """Return this thread's connection, which only reads; None where there is no store yet."""
        opened = self._still_open()
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is not None:
            return found
        if opened:
            self._refuse_replaced("", "-wal")  # SQLite would make a log that is missing anew
        elif location.check(self._path, self._mountinfo):
            schema.require_newest(self._inspect(), str(self._path))
        else:
            return None
        with sqlite_file.connected(self._path, self._patience) as connection:
            connection.execute("PRAGMA query_only = ON")
        self._own.connection = connection
        with self._lock:
            opened.append(connection)
        return connection

    def writer(self) -> GroupCommit[SqliteConnection]:
        """Return the connection that writes for all threads."""
        self._still_open()
        if self._writer is None:
            raise self._is_read_only()
        return self._writer

    def sealing_key(self) -> Key:
        """Return the key that seals what is written."""
        if self.key is None:
            raise self._is_read_only()
        return self.key

    def close(self) -> None:
        """Close all connections; other threads must have ended their work."""
        with self._lock:
            opened, self._opened = self._opened or [], None
        with explained(self._path):
            for connection in opened:
                connection.close()
        if opened and self._writer is not None and location.identity(self._path) == self._known.get(self._path):
            last_check.note(self._path, self._checked_at)

    def _still_open(self) -> list[sqlite3.Connection]:
        with self._lock:
            if self._opened is None:
                raise StoreError(f"store {self._path}: it was closed")
            return self._opened

    def _is_read_only(self) -> StoreError:
        return StoreError(f"store {self._path}: it was opened to be read only; nothing was written")

    def _make(self) -> None:
        location.make_directory(self._path.parent)
        if not location.check(self._path, self._mountinfo):
            with explained(self._path):
                sqlite_file.create(self._path, self._patience)

    def _open_writer(self) -> GroupCommit[SqliteConnection]:
        self._inspect()
        self.key = sqlite_file.key_of(self._path, self._patience)
        self._refuse_replaced(location.KEY)
        with sqlite_file.connected(self._path, self._patience) as connection:
            schema.upgrade(connection, self.key)
            sqlite_file.log_ahead(connection)
        self._still_open().append(connection)
        writing = SqliteConnection(connection)
        return GroupCommit(writing, self._patience, self._refuse_any_replaced, self._before_commit)

    def _refuse_any_replaced(self) -> None:
        self._refuse_replaced("", location.KEY, "-wal")

    def _inspect(self) -> int:
        """Check the file before anything is written, and remember which file it is; return its version."""
        self._refuse_replaced("")
        now = time.time()
        checked_at = last_check.moment(self._path)
        version = sqlite_file.inspect(self._path, self._patience, as_a_whole=checked_at is None)
        self._checked_at = now if checked_at is None else checked_at
        return version

    def _refuse_replaced(self, *suffixes: str) -> None:
        """Raise StoreError when a file is no longer the one that was opened: the old one takes all writes with it."""
        for path in (self._beside[suffix] for suffix in suffixes):
            found = location.identity(path)
            known = self._known.get(path, found)
            if found != known:
                raise StoreError(
                    f"store {self._path}: {path} was removed or replaced while this run used it; nothing was written; "
                    "stop all jobs, put the right files back, then run again"
                )
            if known is not None:
                self._known[path] = known
