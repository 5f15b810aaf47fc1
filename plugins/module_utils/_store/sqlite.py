# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in one SQLite file: the default, for one machine."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import sqlite3
import typing as t

from .. import _fault_points
from .._clock import utc_now
from .._errors import ConfigurationError
from .._models import Enrollment, Revision, State
from . import lease_rows, location, mounts, note_rows, replacement_rows, revision_rows, schema, search, session_rows
from .base import Lease, Store, makes_room_first, never, stale
from .connections import Connections
from .explained import explained
from .replacement import Replacement


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
        self._connections = Connections(self._path, read_only=read_only, patience=patience, mountinfo=mountinfo)

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

    def names(self, service: str) -> list[str]:
        return [name for (name,) in self._select(search.NAMES, service)]

    def find(
        self,
        service: str,
        *,
        names: t.Sequence[str] | None = None,
        states: t.Sequence[State] | None = None,
        due_before: dt.datetime | None = None,
        after: str | None = None,
    ) -> t.Iterator[Enrollment]:
        conditions = search.Conditions(states, due_before)
        if names is None:
            return self._all_that_meet(conditions, service, after)
        return self._named_that_meet(conditions, service, names)

    def _all_that_meet(self, conditions: search.Conditions, service: str, after: str | None) -> t.Iterator[Enrollment]:
        while True:
            names, values = ("latest.name > ?", [after]) if after is not None else ("1", [])
            statement, parameters = conditions.statement(service, names, values)
            page = self._read(self._select(statement, *parameters))
            yield from page
            if len(page) < revision_rows.CHUNK:
                return
            after = page[-1].name

    def _named_that_meet(
        self, conditions: search.Conditions, service: str, names: t.Sequence[str]
    ) -> t.Iterator[Enrollment]:
        for start in range(0, len(names), revision_rows.CHUNK):
            end = start + revision_rows.CHUNK
            page = names[start:end]
            if not conditions:
                yield from self.enrollments(service, page)
                continue
            (chunk,) = revision_rows.chunks(page)
            statement, parameters = conditions.statement(service, revision_rows.ONE_OF, chunk)
            found = {enrollment.name: enrollment for enrollment in self._read(self._select(statement, *parameters))}
            yield from (found[name] for name in page if name in found)

    def put(self, *revisions: Revision) -> tuple[Revision, ...]:
        if not revisions:
            return ()
        key = self._connections.sealing_key()
        now = utc_now()  # the clock of the store is that of this machine
        stored = [_next_generation(revision, now) for revision in revisions]
        with explained(self._path):
            rows = [
                (revision, revision_rows.to_row(revision, key)) for revision in sorted(stored, key=makes_room_first)
            ]
        with self._transaction(f"put {revisions[0].state}") as connection:
            for revision, row in rows:
                self._write(connection, revision, row)
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

    def replacements(self, service: str) -> list[Replacement]:
        return [replacement_rows.from_row(row) for row in self._select(replacement_rows.SELECT, service)]

    def put_replacement(
        self,
        service: str,
        name: str,
        selection: str,
        *,
        total: int,
        actor: str,
        deadline: dt.datetime | dt.timedelta | None = None,
    ) -> Replacement:
        with self._transaction("replacement") as connection:
            wanted = (service, name, selection)
            return replacement_rows.put(_Tx(connection), wanted, total, actor, deadline)

    def end_replacement(self, service: str, name: str) -> bool:
        with self._transaction("replacement") as connection:
            return replacement_rows.end(_Tx(connection), service, name)

    def note(self, key: str) -> str | None:
        return next((str(value) for (value,) in self._select(note_rows.SELECT, key)), None)

    def put_note(self, key: str, value: str | None) -> None:
        with self._transaction("note") as connection:
            note_rows.put(_Tx(connection), key, value)

    def add_to_note(self, key: str, number: int) -> int:
        with self._transaction("note") as connection:
            return note_rows.add(_Tx(connection), key, number)

    def close(self) -> None:
        self._connections.close()

    def _write(self, connection: sqlite3.Connection, revision: Revision, row: t.Mapping[str, t.Any]) -> None:
        """Insert or update one row. ``revision`` has its new generation already."""
        before = revision.generation - 1
        if not revision_rows.write(connection, row, before):
            asked = dataclasses.replace(revision, generation=before)
            raise stale(asked, self._stored(connection, revision))

    def _stored(self, connection: sqlite3.Connection, revision: Revision) -> Enrollment:
        """Return the enrollment of a revision as it is in the transaction."""
        found = connection.execute(revision_rows.SELECT_NAME, (revision.service, revision.name)).fetchall()
        return next(iter(self._read(found)), Enrollment(revision.service, revision.name))

    def _select(self, statement: str, *values: str) -> list[tuple[t.Any, ...]]:
        with explained(self._path):
            connection = self._connections.reader()
            return [] if connection is None else connection.execute(statement, values).fetchall()

    def _read(self, rows: t.Iterable[tuple[t.Any, ...]]) -> list[Enrollment]:
        return revision_rows.enrollments(rows, str(self._path), self._connections.key)

    @contextlib.contextmanager
    def _transaction(self, verb: str) -> t.Iterator[sqlite3.Connection]:
        """Store all writes inside, or none of them; ``verb`` is part of the names of its fault points."""
        writer = self._connections.writer()
        with explained(self._path):
            _fault_points.reach(f"store {verb} before")
            with writer.write() as connection:
                yield connection
                _fault_points.reach(f"store {verb} written")
            _fault_points.reach(f"store {verb} committed")


def _next_generation(revision: Revision, now: dt.datetime) -> Revision:
    """Return the revision as it is stored next; one without a date of creation begins now."""
    begun = revision.created_at if revision.generation else None
    return dataclasses.replace(revision, generation=revision.generation + 1, created_at=begun or now, updated_at=now)


class _Tx:
    """Temporary until the store is refactored."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: t.Sequence[t.Any] = ()) -> int:
        return self._connection.execute(statement, values).rowcount

    def rows(self, statement: str, values: t.Sequence[t.Any] = ()) -> list[tuple[t.Any, ...]]:
        return self._connection.execute(statement.replace(" FOR UPDATE", ""), values).fetchall()

    def many(self, statement: str, values: t.Iterable[t.Sequence[t.Any]]) -> None:
        self._connection.executemany(statement, values)

    def clock(self, seconds: float = 0.0) -> str:
        return schema.clock(self._connection, seconds)

    def at_end(self, item: object) -> None:
        raise NotImplementedError
