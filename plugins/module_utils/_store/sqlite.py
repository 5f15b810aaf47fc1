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
from .._holder import Actor
from .._models import Enrollment, Revision, State
from . import event_rows, lease_rows, location, mounts, revision_rows, schema, search, session_rows
from .base import Lease, Store, makes_room_first, never, stale
from .connections import Connections
from .event import Chain, Event
from .explained import explained


class SqliteStore(Store):
    """The store in the file ``path``. Waits up to ``patience`` seconds for other writers."""

    def __init__(
        self,
        path: str,
        *,
        read_only: bool = False,
        actor: Actor | None = None,
        patience: float = 30.0,
        mountinfo: str = mounts.MOUNTINFO,
    ) -> None:
        self._path = location.real_path(path)
        self._actor = actor or Actor.here()
        self._heads = event_rows.Heads()
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

    def put(self, *revisions: Revision, why: str = "") -> tuple[Revision, ...]:
        if not revisions:
            return ()
        key = self._connections.sealing_key()
        now = utc_now()  # the clock of the store is that of this machine
        stored = [_next_generation(revision, now) for revision in revisions]
        with explained(self._path):
            rows = [
                (revision, revision_rows.to_row(revision, key)) for revision in sorted(stored, key=makes_room_first)
            ]
        events = list(event_rows.drafts(stored, revisions, self._actor, why))
        with self._transaction(f"put {revisions[0].state}", events) as connection:
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

    def events(self, service: str, name: str | None = None, after: int = 0) -> t.Iterator[Event]:
        while True:
            if name is None:
                page = self._select(event_rows.ALL, service, after)
            else:
                page = self._select(event_rows.OF_NAME, service, name, after)
            yield from map(event_rows.event_of, page)
            if len(page) < event_rows.PAGE:
                return
            after = event_rows.event_of(page[-1]).number

    def chain(self, service: str) -> Chain:
        found = event_rows.chain_of(service, self._select(event_rows.HEAD, service))
        self._heads.note(found)
        return found

    def prune_events(self, service: str, before: dt.datetime) -> int:
        with self._transaction("prune") as connection:
            return event_rows.prune(
                SqliteTransaction(connection),
                service,
                revision_rows.date_to_text(before),
                self._actor,
                self._heads,
                str(self._path),
            )

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

    def _select(self, statement: str, *values: object) -> list[tuple[t.Any, ...]]:
        with explained(self._path):
            connection = self._connections.reader()
            return [] if connection is None else connection.execute(statement, values).fetchall()

    def _read(self, rows: t.Iterable[tuple[t.Any, ...]]) -> list[Enrollment]:
        return revision_rows.enrollments(rows, str(self._path), self._connections.key)

    @contextlib.contextmanager
    def _transaction(self, verb: str, events: t.Sequence[Event] = ()) -> t.Iterator[sqlite3.Connection]:
        """Store all writes inside and the events, or none of them; ``verb`` is part of the names of its fault points.

        The events get their numbers at the end, when those of other threads have theirs.
        """
        writer = self._connections.writer()
        with explained(self._path):
            _fault_points.reach(f"store {verb} before")
            with writer.write(events, self._append) as connection:
                yield connection
                _fault_points.reach(f"store {verb} written")
            _fault_points.reach(f"store {verb} committed")

    def _append(self, connection: sqlite3.Connection, events: t.Sequence[Event]) -> t.Callable[[], None]:
        """Write the events of a group; return the call to make after its commit."""
        ends = event_rows.append(SqliteTransaction(connection), events, self._heads, str(self._path))

        def committed() -> None:
            for end in ends:
                self._heads.note(end)

        return committed


class SqliteTransaction:
    """A transaction of SQLite, which locks the whole file at its beginning."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: t.Sequence[object] = ()) -> int:
        return self._connection.execute(_without_locks(statement), t.cast("t.Any", values)).rowcount

    def rows(self, statement: str, values: t.Sequence[object] = ()) -> list[tuple[t.Any, ...]]:
        return self._connection.execute(_without_locks(statement), t.cast("t.Any", values)).fetchall()

    def many(self, statement: str, values: t.Iterable[t.Sequence[object]]) -> None:
        self._connection.executemany(statement, t.cast("t.Any", values))

    def clock(self, seconds: float = 0.0) -> str:
        return schema.clock(self._connection, seconds)


def _without_locks(statement: str) -> str:
    return statement.replace(" FOR UPDATE", "")


def _next_generation(revision: Revision, now: dt.datetime) -> Revision:
    """Return the revision as it is stored next; one without a date of creation begins now."""
    begun = revision.created_at if revision.generation else None
    return dataclasses.replace(
        revision,
        generation=revision.generation + 1,
        created_at=begun or now,
        updated_at=now,
        stored_as=revision.state,
    )
