# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events and the ends of their chains as rows of SQL. The caller holds the transaction."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import typing as t

from .._errors import StoreError
from .._holder import Actor
from .._models import PENDING, Revision, State
from .._printable import printable
from .database import Transaction
from .event import BEGINNING, PRUNED, VALUES, Chain, Event, removal
from .revision_rows import date_to_text

# How many events are read at a time.
PAGE = 500
# A removal is an event as well, so it should remove more than a few. And it locks the chain, so it is not endless.
FEWEST_REMOVED = 100
MOST_REMOVED = 100_000
_DAY = 86400.0

_COLUMNS = (*VALUES, "hash")
HEAD = "SELECT number, hash, pruned_number, pruned_hash, pruned_at FROM chains WHERE service = ?"
_BEGIN = """
    INSERT INTO chains (service, number, hash, pruned_number, pruned_hash) VALUES (?, 0, ?, 0, ?)
    ON CONFLICT (service) DO NOTHING
"""
_MOVE = "UPDATE chains SET number = ?, hash = ? WHERE service = ?"
# Only the constants above are put together here, never a value.
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM events WHERE service = ?"  # noqa: S608
ALL = f"{_SELECT} AND number > ? ORDER BY number LIMIT {PAGE}"
OF_NAME = f"{_SELECT} AND name = ? AND number > ? ORDER BY number LIMIT {PAGE}"
_INSERT = f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_HASH = "SELECT hash FROM events WHERE service = ? AND number = ?"

# The first event that must be kept: it is young, or its certificate has not ended for long enough.
_UNSETTLED = ", ".join(repr(str(state)) for state in State if state in PENDING or state is State.CREATE_UNKNOWN)
_FIRST_KEPT = f"""
    SELECT e.number FROM events AS e LEFT JOIN revisions AS r
        ON r.service = e.service AND r.name = e.name AND r.revision = e.revision AND r.attempt = e.attempt
    WHERE e.service = ? AND e.number > ? AND e.number <= ? AND (
        e.at >= ? OR r.state IN ({_UNSETTLED}) OR (r.state = 'finalized' AND r.not_valid_after IS NULL)
        OR COALESCE(r.not_valid_after, r.updated_at, e.at) >= ?
    )
    ORDER BY e.number LIMIT 1
"""  # noqa: S608
_REMOVE = "DELETE FROM events WHERE service = ? AND number <= ?"
_NOTE_REMOVAL = "UPDATE chains SET pruned_number = ?, pruned_hash = ?, pruned_at = ? WHERE service = ?"


class Heads:
    """The ends of chains that this process saw committed. A chain grows, and never goes back. Usable from threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Chain] = {}

    def note(self, chain: Chain) -> None:
        """Remember an end that is committed."""
        with self._lock:
            known = self._known.get(chain.service)
            if known is None or known.number < chain.number:
                self._known[chain.service] = chain

    def known(self, service: str) -> Chain | None:
        """Return the latest end that was noted."""
        return self._known.get(service)


def drafts(revisions: t.Iterable[Revision], before: t.Iterable[Revision], actor: Actor, why: str) -> t.Iterator[Event]:
    """Yield the events of revisions as they are stored now, without numbers; ``before`` are those that were given.

    The reason is that of the caller, or the note of the revision. Secrets in a note are masked already.
    """
    for revision, given in zip(revisions, before):
        reason = why or revision.note
        yield Event(
            service=revision.service,
            number=0,
            at=date_to_text(t.cast("t.Any", revision.updated_at)),
            name=revision.name,
            revision=revision.revision,
            attempt=revision.attempt,
            was=str(given.stored_as) if given.stored_as else None,
            state=str(revision.state),
            host=actor.host,
            pid=actor.pid,
            job=actor.job,
            actor=actor.user,
            why=printable(reason) if reason else None,
            csr_sha256=_sha256(revision.csr),
            certificate_sha256=_sha256(revision.certificate),
        )


def append(transaction: Transaction, new: t.Iterable[Event], heads: Heads, store: str) -> list[Chain]:
    """Write events to the ends of their chains, which stay locked; return the new ends.

    Call ``heads.note`` with them after the commit. Raises StoreError when the store is not what this process has seen.
    """
    services: dict[str, list[Event]] = {}
    for event in new:
        services.setdefault(event.service, []).append(event)
    # in one order for all processes, or two could wait for each other
    return [_append(transaction, services[service], heads, store) for service in sorted(services)]


def _append(transaction: Transaction, new: t.Sequence[Event], heads: Heads, store: str) -> Chain:
    service = new[0].service
    head = locked(transaction, service)
    _refuse_earlier(transaction, head, heads.known(service), store)
    rows = []
    for event in new:
        chained = event.chained(head.number + 1, head.hash)
        rows.append(_row(chained))
        head = dataclasses.replace(head, number=chained.number, hash=chained.hash)
    transaction.many(_INSERT, rows)
    transaction.execute(_MOVE, (head.number, head.hash, service))
    return head


def locked(transaction: Transaction, service: str) -> Chain:
    """Return the end of a chain, and lock it until the transaction ends."""
    query = f"{HEAD} FOR UPDATE"
    rows = transaction.rows(query, (service,))
    if not rows:
        transaction.execute(_BEGIN, (service, BEGINNING, BEGINNING))
        rows = transaction.rows(query, (service,))
    return chain_of(service, rows)


def chain_of(service: str, rows: t.Sequence[t.Sequence[t.Any]]) -> Chain:
    """Read the row of ``HEAD``; without one the chain has no event yet."""
    if not rows:
        return Chain(service)
    number, digest, pruned_number, pruned_hash, pruned_at = rows[0]
    pruned = Chain(service, pruned_number, pruned_hash) if pruned_number else None
    return Chain(service, number, digest, pruned, pruned_at)


def event_of(values: t.Sequence[t.Any]) -> Event:
    """Read a row of ``ALL`` or ``OF_NAME``. Nothing is checked: ``verify`` does that."""
    return Event(*values)


def _row(event: Event) -> tuple[t.Any, ...]:
    return tuple(getattr(event, name) for name in _COLUMNS)


def _refuse_earlier(transaction: Transaction, found: Chain, known: Chain | None, store: str) -> None:
    """Raise StoreError when a chain does not go on from where this process has seen it.

    A copy that was put back, or a standby that lacks the last commits, may not know of a key that was requested. The
    next request would be for a second one.
    """
    if known is None or _is_at(transaction, found, known):
        return
    raise StoreError(
        f"store {store}: it went back to an earlier state: this run has seen event {known.number} of {known.service}, "
        f"and now the last one is {found.number}, or another one is in its place; nothing was written; stop all jobs, "
        "then see docs/postgresql.md, After a failover"
    )


def _is_at(transaction: Transaction, found: Chain, known: Chain) -> bool:
    """Return whether the known place is in the chain."""
    for place in (found, found.begin):
        if place.number == known.number:
            return place.hash == known.hash
    if not found.begin.number < known.number < found.number:
        return known.number < found.begin.number
    return transaction.rows(_HASH, (known.service, known.number)) == [(known.hash,)]


def last_removable(transaction: Transaction, chain: Chain, before: str) -> int:
    """Return the number of the last event to remove: those up to it are of certificates that ended before a time.

    Return 0 where hardly any can be removed, or some were removed within a day.
    """
    if chain.pruned_at is not None and chain.pruned_at > transaction.clock(-_DAY):
        return 0
    begin = chain.begin.number
    most = min(chain.number, begin + MOST_REMOVED)
    kept = transaction.rows(_FIRST_KEPT, (chain.service, begin, most, before, before))
    last = int(kept[0][0]) - 1 if kept else most
    return last if last - begin >= FEWEST_REMOVED else 0


def prune(transaction: Transaction, service: str, before: str, actor: Actor, heads: Heads, store: str) -> int:
    """Remove events from the beginning of a chain, and tell of it by an event; return how many were removed."""
    chain = locked(transaction, service)
    last = last_removable(transaction, chain, before)
    if not last:
        return 0
    removed = _place(transaction, service, last, store)
    now = transaction.clock()
    append(transaction, [_removal(removed, now, actor)], heads, store)
    transaction.execute(_REMOVE, (service, last))
    transaction.execute(_NOTE_REMOVAL, (last, removed.hash, now, service))
    return last - chain.begin.number


def _place(transaction: Transaction, service: str, number: int, store: str) -> Chain:
    rows = transaction.rows(_HASH, (service, number))
    if not rows:
        raise StoreError(
            f"store {store}: event {number} of {service} is missing, and no event was removed: run "
            "redtrust_enrollment_info with verify_events"
        )
    return Chain(service, number, rows[0][0])


def _removal(removed: Chain, now: str, actor: Actor) -> Event:
    return Event(
        service=removed.service,
        number=0,
        at=now,
        name="",
        revision=0,
        attempt=0,
        was=None,
        state=PRUNED,
        host=actor.host,
        pid=actor.pid,
        job=actor.job,
        actor=actor.user,
        why=removal(removed),
        csr_sha256=None,
        certificate_sha256=None,
    )


def _sha256(der: bytes | None) -> str | None:
    return None if der is None else hashlib.sha256(der).hexdigest()
