# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of a store, and the rules that every kind of store follows."""

from __future__ import annotations

import abc
import dataclasses
import datetime as dt
import types
import typing as t

from .._errors import StaleRevisionError
from .._models import PENDING, Enrollment, Revision, State
from .._rate import Rate
from .event import Chain, Event
from .replacement import Replacement

SomeStore = t.TypeVar("SomeStore", bound="Store")

# For how long a run takes a lease. It is renewed three times in its life, so one missed renewal does not lose it.
LEASE_SECONDS = 60.0
# For how long a token is reserved ahead of its time, and for how long a service or a CA may stop all runs, in seconds.
LONGEST_WAIT = 60.0
LONGEST_BLOCK = 86400.0


@dataclasses.dataclass(frozen=True)
class Lease:
    """The right of one holder to work on the thing named ``key``, until ``expires_at`` by the clock of the store."""

    key: str
    holder: str
    expires_at: dt.datetime

    @property
    def advice(self) -> str:
        """Return a sentence with the end of the lease and the next step."""
        end = self.expires_at.astimezone(dt.timezone.utc)
        return (
            f"end that process if it hangs; unless it lives, this can be had after {end:%Y-%m-%dT%H:%M:%SZ}: run again"
        )


class Block(t.NamedTuple):
    """A pause that all runs keep: how many seconds are left, why, and its end by the clock of the store."""

    seconds: float
    why: str
    until: dt.datetime


def never(_holder: str) -> bool:
    """Take every holder for alive."""
    return False


class Store(abc.ABC):
    """Keep enrollments, leases and sessions; usable from several threads and processes at once.

    No transaction outlives the call that began it. Every method raises StoreError when the store cannot be used.
    """

    def enrollment(self, service: str, name: str) -> Enrollment:
        """Return one enrollment, without revisions when there are none."""
        return self.enrollments(service, [name])[0]

    @abc.abstractmethod
    def enrollments(self, service: str | None = None, names: t.Sequence[str] | None = None) -> list[Enrollment]:
        """Return one enrollment for each of ``names``, in that order, those without revisions included.

        Without names return all that the service has, sorted by name; without a service those of every
        service, sorted by service and name. Raises ConfigurationError for names without a service.
        """

    @abc.abstractmethod
    def services(self) -> list[str]:
        """Return the names of all services that have an enrollment, sorted."""

    @abc.abstractmethod
    def names(self, service: str) -> list[str]:
        """Return the names of all enrollments of a service that have or await a certificate, sorted.

        No certificate is read for that, so the names of a large store take little time and memory.
        """

    @abc.abstractmethod
    def find(
        self,
        service: str,
        *,
        names: t.Sequence[str] | None = None,
        states: t.Sequence[State] | None = None,
        due_before: dt.datetime | None = None,
        after: str | None = None,
    ) -> t.Iterator[Enrollment]:
        """Yield the enrollments of a service that meet each condition that is set, sorted by name.

        ``states`` are those of the latest revision. ``due_before`` is the latest end of the certificate in use; no
        enrollment without one meets it. ``after`` leaves out that name and all before it. With ``names`` the
        enrollments have that order, ``after`` is of no use, and one without revisions is yielded unless there is
        another condition. The enrollments are read a few hundred at a time, each time as they are then.
        """

    @abc.abstractmethod
    def put(self, *revisions: Revision, why: str = "") -> tuple[Revision, ...]:
        """Write all revisions or none, each only over the generation that it was read with, and an event of each.

        ``why`` is the reason for a person, by default the note of the revision.

        Generation 0 creates the row. The order of the revisions makes no difference. Returns them in that
        order as they are stored now: the next generation, ``created_at`` and ``updated_at`` by the clock of
        the store. ``spec.request_code`` is not stored. Raises StaleRevisionError when another run was first. Raises
        StoreError when the store went back to an earlier state since this process has seen it.
        """

    @abc.abstractmethod
    def acquire(
        self, keys: t.Iterable[str], holder: str, seconds: float, is_gone: t.Callable[[str], bool] = never
    ) -> dict[str, Lease]:
        """Take the leases for ``seconds`` from now, or extend one's own; return those that others hold.

        A lease of another holder is taken when it is over, or when ``is_gone`` says that its holder is. ``is_gone`` is
        called once for each holder, and may take its time. Leases of others are cut to LEASE_SECONDS, or to ``seconds``
        if that is more: a longer one was dated by a wrong clock.
        """

    @abc.abstractmethod
    def renew(self, holder: str, seconds: float) -> int:
        """Extend every lease of the holder to ``seconds`` from now; return how many there are.

        One that is over is extended as well, unless another holder has taken it since.
        """

    @abc.abstractmethod
    def release(self, keys: t.Iterable[str], holder: str) -> None:
        """Give the leases back; those of others stay."""

    @abc.abstractmethod
    def session(self, key: str) -> tuple[int, bytes] | None:
        """Return the generation of a kept session and its ciphertext, None when there is none."""

    @abc.abstractmethod
    def put_session(self, key: str, sealed: bytes | None, generation: int) -> int:
        """Write a session over the generation that was read, 0 where there was none; None forgets it.

        Returns the generation to go on from, which is 0 once it is forgotten. Raises StaleRevisionError when
        another run was first, even one that has forgotten it and kept a new one.
        """

    @abc.abstractmethod
    def events(self, service: str, name: str | None = None, after: int = 0) -> t.Iterator[Event]:
        """Yield the events of a service, or of one name of it, after a number, by number. They are read in pages."""

    @abc.abstractmethod
    def chain(self, service: str) -> Chain:
        """Return the end of the chain of a service's events."""

    @abc.abstractmethod
    def prune_events(self, service: str, before: dt.datetime) -> int:
        """Remove events from the beginning of the chain, at most once a day; return how many were removed.

        Each of them, and the end of its certificate, is older than ``before``. Events stay as well if they come after
        one that stays, if they are few, or if their revision is pending or of unknown outcome.
        """

    @abc.abstractmethod
    def draw(self, key: str, count: int, rate: Rate) -> float:
        """Reserve tokens of a bucket that all runs share; return in how many seconds the first may be used.

        The next ones may be used ``1 / rate.per_second`` later each. Below 0: the first was free before. More than
        LONGEST_WAIT: nothing is reserved, draw again by then. ``count`` is at most ``rate.of_a_second``.
        """

    @abc.abstractmethod
    def block(self, key: str, seconds: float, why: str) -> None:
        """Stop all runs that ask what the key names, at most for LONGEST_BLOCK; 0 lets them go on.

        A pause that is longer already stays. ``why`` must not have a secret in it.
        """

    @abc.abstractmethod
    def blocks(self) -> dict[str, Block]:
        """Return the pauses that are not over, by key."""

    def blocked(self, key: str) -> Block | None:
        """Return the pause of one key, None where there is none."""
        return self.blocks().get(key)

    @abc.abstractmethod
    def mark(self, secret: bytes) -> str:
        """Return a hash of a secret, in hex: it takes the key of the store to guess the secret from it."""

    @abc.abstractmethod
    def replacements(self, service: str) -> list[Replacement]:
        """Return all replacements of a service, open and ended, in the order in which they were begun."""

    @abc.abstractmethod
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
        """Begin a replacement with this name, or go on with the one that is there; return it as it is stored.

        A new one begins now by the clock of the store; a deadline may be a time from then on. One that is there keeps
        its beginning, and its deadline where there is no other; its total only grows; one that has ended is open again.
        One with another selection stays as it is.
        """

    @abc.abstractmethod
    def end_replacement(self, service: str, name: str) -> bool:
        """Note that a replacement has ended; return whether it was open."""

    @abc.abstractmethod
    def note(self, key: str) -> str | None:
        """Return a note that a run has left for later runs."""

    @abc.abstractmethod
    def put_note(self, key: str, value: str | None) -> None:
        """Leave a note for later runs, in place of the one with this key; None removes it."""

    @abc.abstractmethod
    def notes(self, prefix: str) -> dict[str, str]:
        """Return all notes whose keys begin with ``prefix``, which ends with a slash."""

    @abc.abstractmethod
    def put_notes(self, notes: t.Mapping[str, str | None], *, guard: str, expected: str) -> bool:
        """Leave all these notes, as ``put_note`` does, or none of them.

        They are written only while the note ``guard`` is ``expected``, or is already as ``notes`` has it; return
        whether it was.
        """

    @abc.abstractmethod
    def add_to_note(self, key: str, number: int) -> int:
        """Add to the number in a note, which runs share; return the sum. A note that is not there counts as 0."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close every connection; other threads must have ended their work."""

    def __enter__(self: SomeStore) -> SomeStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()


def makes_room_first(revision: Revision) -> int:
    """Sort revisions so that "at most one" holds after each write: those that leave a state come first."""
    if revision.state in PENDING:
        return 2
    return 1 if revision.state is State.FINALIZED else 0


def stale(revision: Revision, stored: Enrollment) -> StaleRevisionError:
    """Return the error for a revision that another run has changed first."""
    what = f"{revision.label}, attempt {revision.attempt}"
    rows = {(row.revision, row.attempt): row for row in stored.revisions}
    row = rows.get((revision.revision, revision.attempt))
    if row is not None and row.generation != revision.generation:
        found = f"another run has changed it to {row.state}"
    elif row is None and revision.generation:
        found = "it is no longer in the store"
    else:
        rival = stored.pending if revision.state in PENDING else stored.current
        found = f"{rival.label}, attempt {rival.attempt} is {rival.state} already" if rival else "another run was first"
    return StaleRevisionError(
        f"{what} was not changed to {revision.state}: {found}; nothing was written, run again to go on from there"
    )
