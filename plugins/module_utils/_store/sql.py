# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store over any database of SQL: the one place of its statements, with the files of rows."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
import typing as t

from .._errors import ConfigurationError
from .._holder import Actor
from .._models import Enrollment, Revision, State
from .._rate import Rate
from . import (
    event_rows,
    lease_rows,
    limit_rows,
    note_rows,
    replacement_rows,
    retirement,
    revision_rows,
    search,
    session_rows,
)
from .base import Block, Lease, Store, never, stale
from .database import Database, Done, Row, Transaction
from .event import Chain, Event
from .event_log import EventLog, Left
from .own_thread import OwnThread
from .replacement import Replacement
from .revision_rows import ConflictError, Write


class SqlStore(Store):
    """The store in ``database``, which it closes. Events name the ``actor``, by default this process and its user."""

    def __init__(self, database: Database, actor: Actor | None = None) -> None:
        self.database = database
        self._events = EventLog(database.name, actor or Actor.here())
        self._writing = OwnThread()
        database.before_commit = self._end
        with contextlib.ExitStack() as undo:
            undo.callback(database.close)
            retirement.refuse(database.select, database.name)
            undo.pop_all()

    def enrollments(self, service: str | None = None, names: t.Sequence[str] | None = None) -> list[Enrollment]:
        if names is None:
            if service is None:
                return self._read(self.database.select(revision_rows.SELECT))
            return self._read(self.database.select(revision_rows.SELECT_SERVICE, (service,)))
        if service is None:
            raise ConfigurationError("names were given without the service that they belong to")
        chunks = revision_rows.chunks(names)
        select = functools.partial(self.database.select, revision_rows.SELECT_NAMES)
        found = {one.name: one for chunk in chunks for one in self._read(select((service, *chunk)))}
        return [found.get(name, Enrollment(service, name)) for name in names]

    def services(self) -> list[str]:
        return [service for (service,) in self.database.select(search.SERVICES)]

    def names(self, service: str) -> list[str]:
        return [name for (name,) in self.database.select(search.NAMES, (service, service))]

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
            names, values = ("latest.name > ?", [after]) if after is not None else ("TRUE", [])
            page = self._read(self.database.select(*conditions.statement(service, names, values)))
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
            rows = self.database.select(*conditions.statement(service, revision_rows.ONE_OF, chunk))
            found = {enrollment.name: enrollment for enrollment in self._read(rows)}
            yield from (found[name] for name in page if name in found)

    def put(self, *revisions: Revision, why: str = "") -> tuple[Revision, ...]:
        if not revisions:
            return ()
        key = self.database.sealing_key()
        nonce = os.urandom(8).hex()
        with self.database.explained():
            writes = [Write(revision, key, nonce) for revision in revisions]
        left = Left(sorted(writes, key=Write.order), why)
        try:
            self._write(f"put {revisions[0].state}", functools.partial(_put, left))
        except ConflictError as exc:
            asked = exc.asked
            raise stale(asked, self.enrollment(asked.service, asked.name)) from exc
        self._events.note(left)
        return tuple(write.stored for write in writes)

    def acquire(
        self, keys: t.Iterable[str], holder: str, seconds: float, is_gone: t.Callable[[str], bool] = never
    ) -> dict[str, Lease]:
        wanted = frozenset(keys)
        rivals = lease_rows.rivals(self.database.select, wanted, holder)
        gone = frozenset(rival for rival in rivals if is_gone(rival))
        others = self._write(
            "acquire", lambda transaction: lease_rows.acquire(transaction, wanted, holder, seconds, gone)
        )
        return {row[0]: lease_rows.lease(self.database.name, *row) for row in others}

    def renew(self, holder: str, seconds: float) -> int:
        return self._write("renew", lambda transaction: lease_rows.renew(transaction, holder, seconds))

    def release(self, keys: t.Iterable[str], holder: str) -> None:
        given = sorted(set(keys))
        self._write("release", lambda transaction: lease_rows.release(transaction, given, holder))

    def session(self, key: str) -> tuple[int, bytes] | None:
        for generation, sealed in self.database.select(session_rows.SELECT, (key,)):
            return generation, sealed
        return None

    def put_session(self, key: str, sealed: bytes | None, generation: int) -> int:
        return self._write("session", lambda transaction: session_rows.put(transaction, key, sealed, generation))

    def events(self, service: str, name: str | None = None, after: int = 0) -> t.Iterator[Event]:
        while True:
            statement, values = event_rows.page(service, name, after)
            page = [Event(*row) for row in self.database.select(statement, values)]
            yield from page
            if len(page) < event_rows.PAGE:
                return
            after = page[-1].number

    def chain(self, service: str) -> Chain:
        found = event_rows.chain_of(service, self.database.select(event_rows.HEAD, (service,)))
        self._events.heads.note(found)
        return found

    def prune_events(self, service: str, before: dt.datetime) -> int:
        limit = revision_rows.date_to_text(before)
        if not event_rows.last_removable(self.database.select, self.chain(service), limit):
            return 0  # without a lock
        return self._write("prune", lambda transaction: self._events.prune(transaction, service, limit), alone=True)

    def draw(self, key: str, count: int, rate: Rate) -> float:
        draw = limit_rows.Draw(key, count, rate)
        self._write("draw", draw.begin)
        return draw.seconds

    def block(self, key: str, seconds: float, why: str) -> None:
        self._write("block", lambda transaction: limit_rows.block(transaction, key, seconds, why))

    def blocks(self) -> dict[str, Block]:
        # Mostly there is none. Only a write knows the time of the store.
        return self._write("pauses", limit_rows.blocks) if self.database.select(limit_rows.BLOCKED) else {}

    def mark(self, secret: bytes) -> str:
        return self.database.sealing_key().mark(secret)

    def replacements(self, service: str) -> list[Replacement]:
        rows = self.database.select(replacement_rows.SELECT, (service,))
        return [replacement_rows.from_row(row) for row in rows]

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
        wanted = (service, name, selection)
        return self._write(
            "replacement", lambda transaction: replacement_rows.put(transaction, wanted, total, actor, deadline)
        )

    def end_replacement(self, service: str, name: str) -> bool:
        return self._write("replacement", lambda transaction: replacement_rows.end(transaction, service, name))

    def note(self, key: str) -> str | None:
        return next((str(value) for (value,) in self.database.select(note_rows.SELECT, (key,))), None)

    def put_note(self, key: str, value: str | None) -> None:
        self._write("note", lambda transaction: note_rows.put(transaction, key, value))

    def notes(self, prefix: str) -> dict[str, str]:
        return dict(self.database.select(*note_rows.beginning_with(prefix)))

    def put_notes(self, notes: t.Mapping[str, str | None], *, guard: str, expected: str) -> bool:
        return self._write(
            "note", lambda transaction: note_rows.put_all(transaction, notes, guard, expected), alone=True
        )

    def add_to_note(self, key: str, number: int) -> int:
        return self._write("note", lambda transaction: note_rows.add(transaction, key, number))

    def close(self) -> None:
        self._writing.end()
        self.database.close()

    def _write(self, verb: str, work: t.Callable[[Transaction], Done], *, alone: bool = False) -> Done:
        """Commit what ``work`` writes, unless the store was retired since it was opened."""

        def checked(transaction: Transaction) -> Done:
            transaction.at_end(None)
            return work(transaction)

        return self._writing.do(lambda: self.database.write(verb, checked, alone=alone))

    def _end(self, transaction: Transaction, left: t.Sequence[object]) -> None:
        """End a transaction: write what all runs want the same rows for, so that those are locked for a short time.

        Once a transaction has written something, no copy can begin before its COMMIT.
        """
        retirement.refuse(transaction.rows, self.database.name)
        limit_rows.fill(transaction, [item for item in left if isinstance(item, limit_rows.Draw)])
        self._events.append_all(transaction, [item for item in left if isinstance(item, Left)])

    def _read(self, rows: t.Iterable[Row]) -> list[Enrollment]:
        return revision_rows.enrollments(rows, self.database.name, self.database.key)


def _put(left: Left, transaction: Transaction) -> None:
    """Write all rows and their events. An earlier try of the same writes may have committed them, all or none."""
    done = [revision_rows.write(transaction, write) for write in left.writes]
    if any(done):
        transaction.at_end(left)
