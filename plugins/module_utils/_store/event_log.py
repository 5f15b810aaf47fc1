# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events that one process leaves in a store."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import typing as t

from .._errors import StoreError
from .._holder import Actor
from .._printable import printable
from . import event_rows
from .database import Transaction
from .event import PRUNED, Chain, Event, removal
from .revision_rows import Write


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

    def refuse_earlier(self, transaction: Transaction, found: Chain, store: str) -> None:
        """Raise StoreError when a chain does not go on from where this process has seen it.

        A copy that was put back, or a standby that lacks the last commits, may not know of a key that was requested.
        The next request would be for a second one.
        """
        known = self._known.get(found.service)
        if known is None or event_rows.is_at(transaction, found, known):
            return
        now = f"the last one is {found.number}" if found.number < known.number else "another one is in its place"
        raise StoreError(
            f"store {store}: it went back to an earlier state: this run has seen event {known.number} of "
            f"{known.service}, and now {now}; nothing was written; stop all jobs, and go on as docs/postgresql.md says "
            "under After a failover"
        )


@dataclasses.dataclass
class Left:
    """The rows that one put writes, of which events are left, and the ends of the chains once it has left them."""

    writes: t.Sequence[Write]
    why: str
    ends: t.Sequence[Chain] = ()


class EventLog:
    """Writes the events of one process to the store that ``store`` names."""

    def __init__(self, store: str, actor: Actor) -> None:
        self.heads = Heads()
        self._store = store
        self._actor = actor

    def append_all(self, transaction: Transaction, puts: t.Sequence[Left]) -> None:
        """Write the events of all puts of a transaction to the ends of their chains, which stay locked.

        Raises StoreError when the store is not what this process has seen.
        """
        services: dict[str, list[Event]] = {}
        for left in puts:
            for write in left.writes:
                event = self._of(write, left.why)
                services.setdefault(event.service, []).append(event)
        # in one order for all processes, or two could wait for each other
        ends = [self._append(transaction, service, services[service]) for service in sorted(services)]
        for left in puts:
            left.ends = ends

    def note(self, left: Left) -> None:
        """Remember the ends of the chains, once they are committed."""
        for end in left.ends:
            self.heads.note(end)

    def prune(self, transaction: Transaction, service: str, before: str) -> int:
        """Remove events from the beginning of a chain, and tell of it by an event; return how many were removed."""
        chain = event_rows.locked(transaction, service)
        if chain.pruned_at is not None and chain.pruned_at > transaction.clock(-event_rows.A_DAY):
            return 0
        last = event_rows.last_removable(transaction.rows, chain, before)
        if not last:
            return 0
        removed = event_rows.place(transaction, service, last, self._store)
        now = transaction.clock()
        self._append(transaction, service, [self._removal(removed, now)])
        event_rows.remove(transaction, removed, now)
        return last - chain.begin.number

    def _append(self, transaction: Transaction, service: str, new: t.Sequence[Event]) -> Chain:
        head = event_rows.locked(transaction, service)
        self.heads.refuse_earlier(transaction, head, self._store)
        return event_rows.append(transaction, head, new)

    def _of(self, write: Write, why: str) -> Event:
        """Return the event of a revision. Secrets in its note are masked already."""
        asked, stored = write.asked, write.stored
        reason = why or stored.note
        return self._event(
            service=stored.service,
            at=str(write.row["updated_at"]),
            name=stored.name,
            revision=stored.revision,
            attempt=stored.attempt,
            was=str(asked.stored_as) if asked.stored_as else None,
            state=str(stored.state),
            why=printable(reason) if reason else None,
            csr_sha256=_sha256(stored.csr),
            certificate_sha256=_sha256(stored.certificate),
        )

    def _removal(self, removed: Chain, now: str) -> Event:
        """Return the event that tells of a removal. It belongs to no certificate."""
        return self._event(
            service=removed.service,
            at=now,
            name="",
            revision=0,
            attempt=0,
            was=None,
            state=PRUNED,
            why=removal(removed),
            csr_sha256=None,
            certificate_sha256=None,
        )

    def _event(self, **values: t.Any) -> Event:
        actor = self._actor
        return Event(number=0, host=actor.host, pid=actor.pid, job=actor.job, actor=actor.user, **values)


def _sha256(der: bytes | None) -> str | None:
    return None if der is None else hashlib.sha256(der).hexdigest()
