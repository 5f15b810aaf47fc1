# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in one SQLite file: the default, for one machine."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import errno
import pathlib
import sqlite3
import threading
import typing as t

from .. import _fault_points
from .._errors import ConfigurationError, StoreError
from .._models import Enrollment, Revision
from . import lease_rows, location, mounts, revision_rows, schema, session_rows, sqlite_file
from .base import Lease, Store, makes_room_first, never, stale
from .key_file import Key

_DAMAGED = "it is damaged; keep a copy of it and restore a backup"
_FULL = "look for a full or failing disk, then run again"
_CLOSED = "make the file and its directory readable and writable"
# The beginnings of SQLite's messages, and the next step for each.
_ADVICE = (
    ("database is locked", "another process keeps it locked; look for a job that hangs, then run again"),
    ("locking protocol", "another process keeps it locked; look for a job that hangs, then run again"),
    ("database or disk is full", "nothing was written; make room on that file system, then run again"),
    ("disk I/O error", "nothing was written; look for a full or failing disk (dmesg), then run again"),
    ("attempt to write a readonly database", f"nothing was written; {_CLOSED}"),
    ("unable to open database file", _CLOSED),
    ("database disk image is malformed", _DAMAGED),
    ("malformed database schema", _DAMAGED),
    ("unsupported file format", _DAMAGED),
    ("Could not decode to UTF-8", _DAMAGED),
    ("the lease of", _DAMAGED),
    ("table revisions already exists", _DAMAGED),
    ("file is not a database", "this is not a store, or a damaged one; restore a backup or choose another path"),
)


class SqliteStore(Store):
    """The store in the file ``path``. Waits up to ``patience`` seconds for other writers."""

    def __init__(
        self,
        path: str,
        *,
        read_only: bool = False,
        patience: float = 30.0,
        mountinfo: str = mounts.MOUNTINFO,
    ) -> None:
        self._path = location.real_path(path)
        self._read_only = read_only
        self._patience = patience
        self._mountinfo = mountinfo
        self._own = threading.local()
        self._lock = threading.Lock()
        self._opened: list[sqlite3.Connection] | None = []
        self._key: Key | None = None
        self._known: dict[pathlib.Path, tuple[int, int]] = {}
        exists = location.check(self._path, mountinfo)
        if not exists and not read_only:
            self._make()
        if exists or not read_only:
            with self._explained():
                self._connection()

    def enrollments(self, service: str | None = None, names: t.Sequence[str] | None = None) -> list[Enrollment]:
        if names is None:
            if service is None:
                return self._read(self._select(revision_rows.SELECT))
            return self._read(self._select(revision_rows.SELECT_SERVICE, service))
        if service is None:
            raise ConfigurationError("names were given without the service that they belong to")
        chunks = revision_rows.chunks(names)
        rows = [row for chunk in chunks for row in self._select(revision_rows.SELECT_NAMES, service, *chunk)]
        found = {enrollment.name: enrollment for enrollment in self._read(rows)}
        return [found.get(name, Enrollment(service, name)) for name in names]

    def put(self, *revisions: Revision) -> tuple[Revision, ...]:
        if not revisions:
            return ()
        with self._transaction(f"put {revisions[0].state}") as connection:
            now = revision_rows.date_from_text(schema.clock(connection))
            stored = [_next_generation(revision, now) for revision in revisions]
            for revision in sorted(stored, key=makes_room_first):
                self._write(connection, revision)
        return tuple(stored)

    def acquire(
        self, keys: t.Iterable[str], holder: str, seconds: float, is_gone: t.Callable[[str], bool] = never
    ) -> dict[str, Lease]:
        wanted = frozenset(keys)
        rivals = lease_rows.rivals(self._select(lease_rows.HELD, holder), wanted)
        gone = [rival for rival in rivals if is_gone(rival)]
        with self._transaction("acquire") as connection:
            return lease_rows.acquire(connection, wanted, holder, seconds, gone)

    def renew(self, holder: str, seconds: float) -> int:
        with self._transaction("renew") as connection:
            return lease_rows.renew(connection, holder, seconds)

    def release(self, keys: t.Iterable[str], holder: str) -> None:
        with self._transaction("release") as connection:
            lease_rows.release(connection, keys, holder)

    def session(self, key: str) -> tuple[int, bytes] | None:
        return next(iter(self._select(session_rows.SELECT, key)), None)

    def put_session(self, key: str, sealed: bytes | None, generation: int) -> int:
        with self._transaction("session") as connection:
            return session_rows.put(connection, key, sealed, generation)

    def close(self) -> None:
        with self._lock:
            opened, self._opened = self._opened or [], None
        with self._explained():
            for connection in opened:
                connection.close()

    def _write(self, connection: sqlite3.Connection, revision: Revision) -> None:
        """Insert or update one row. ``revision`` has its new generation already."""
        before = revision.generation - 1
        if not revision_rows.write(connection, revision_rows.to_row(revision, self._own_key()), before):
            asked = dataclasses.replace(revision, generation=before)
            raise stale(asked, self.enrollment(revision.service, revision.name))

    def _select(self, statement: str, *values: str) -> list[tuple[t.Any, ...]]:
        with self._explained():
            if self._is_missing():
                return []
            return self._connection().execute(statement, values).fetchall()

    def _read(self, rows: t.Iterable[tuple[t.Any, ...]]) -> list[Enrollment]:
        return revision_rows.enrollments(rows, str(self._path), self._key)

    @contextlib.contextmanager
    def _transaction(self, verb: str) -> t.Iterator[sqlite3.Connection]:
        """Commit all writes inside, or none of them; ``verb`` is part of the names of its fault points."""
        if self._read_only:
            raise StoreError(f"store {self._path}: it was opened to be read only; nothing was written")
        with self._explained():
            connection = self._connection()
            _fault_points.reach(f"store {verb} before")
            with schema.transaction(connection):
                self._refuse_replaced("", location.KEY, "-wal")
                yield connection
                _fault_points.reach(f"store {verb} written")
            _fault_points.reach(f"store {verb} committed")

    def _is_missing(self) -> bool:
        if not self._read_only or hasattr(self._own, "connection"):
            return False
        return not location.check(self._path, self._mountinfo)

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection; it stays open until the store is closed."""
        with self._lock:
            if self._opened is None:
                raise StoreError(f"store {self._path}: it was closed")
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = self._open()
            with self._lock:
                self._opened.append(found)
        return found

    def _open(self) -> sqlite3.Connection:
        if not self._opened:
            self._inspect()
        with sqlite_file.connected(self._path, self._patience) as connection:
            if self._read_only:
                connection.execute("PRAGMA query_only = ON")
            else:
                schema.upgrade(connection, self._own_key())
                sqlite_file.log_ahead(connection)
        return connection

    def _inspect(self) -> None:
        """Check the files before anything is written, and remember which files they are."""
        self._refuse_replaced("")
        version = sqlite_file.inspect(self._path, self._patience)
        if self._read_only:
            schema.require_newest(version, str(self._path))
        else:
            self._key = sqlite_file.key_of(self._path, self._patience)
            self._refuse_replaced(location.KEY)

    def _own_key(self) -> Key:
        if self._key is None:
            raise StoreError(f"store {self._path}: it was opened to be read only; nothing was written")
        return self._key

    def _make(self) -> None:
        location.make_directory(self._path.parent)
        if not location.check(self._path, self._mountinfo):
            with self._explained():
                sqlite_file.create(self._path, self._patience)

    def _refuse_replaced(self, *suffixes: str) -> None:
        """Raise StoreError when a file is no longer the one that was opened: the old one takes all writes with it."""
        for path in (location.beside(self._path, suffix) for suffix in suffixes):
            found = location.identity(path)
            known = self._known.get(path, found)
            if found != known:
                raise StoreError(
                    f"store {self._path}: {path} was removed or replaced while this run used it; nothing was written; "
                    "stop all jobs, put the right files back, then run again"
                )
            if known is not None:
                self._known[path] = known

    @contextlib.contextmanager
    def _explained(self) -> t.Iterator[None]:
        """Turn errors of SQLite, the system and the codec into a StoreError that names the file."""
        try:
            yield
        except sqlite3.Error as exc:
            said = str(exc).partition(" with text ")[0]
            advice = next((advice for words, advice in _ADVICE if said.startswith(words)), "nothing was written")
            raise StoreError(f"store {self._path}: {said}; {advice}") from exc
        except OSError as exc:
            refused = exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            raise StoreError(f"store {self._path}: {exc.strerror}; {_CLOSED if refused else _FULL}") from exc
        except UnicodeEncodeError as exc:
            raise StoreError(f"store {self._path}: a text is not Unicode ({exc.reason}); nothing was written") from exc


def _next_generation(revision: Revision, now: dt.datetime) -> Revision:
    """Return the revision as it is stored next; one without a date of creation begins now."""
    begun = revision.created_at if revision.generation else None
    return dataclasses.replace(revision, generation=revision.generation + 1, created_at=begun or now, updated_at=now)
