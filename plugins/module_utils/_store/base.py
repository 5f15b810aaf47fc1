# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store does, whatever keeps it."""

from __future__ import annotations

import abc
import dataclasses
import datetime as dt
import types
import typing as t

from .._errors import StaleRevisionError
from .._models import PENDING, Enrollment, Revision, State

SomeStore = t.TypeVar("SomeStore", bound="Store")

# For how long a run takes a lease. It is renewed three times in its life, so one missed renewal does not lose it.
LEASE_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class Lease:
    """The right of one holder to work on what ``key`` names, until ``expires_at`` by the clock of the store."""

    key: str
    holder: str
    expires_at: dt.datetime

    @property
    def advice(self) -> str:
        """Say until when it holds, and what to do about it."""
        end = self.expires_at.astimezone(dt.timezone.utc)
        return (
            f"end that process if it hangs; unless it lives, this can be had after {end:%Y-%m-%dT%H:%M:%SZ}: run again"
        )


def never(_holder: str) -> bool:
    """Know of no holder that it is gone."""
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
    def put(self, *revisions: Revision) -> tuple[Revision, ...]:
        """Write all revisions or none, each only over the generation that it was read with.

        Generation 0 creates the row. The order of the revisions makes no difference. Returns them in that
        order as they are stored now: the next generation, ``created_at`` and ``updated_at`` by the clock of
        the store. ``spec.request_code`` is not stored. Raises StaleRevisionError when another run was first.
        """

    @abc.abstractmethod
    def acquire(
        self, keys: t.Iterable[str], holder: str, seconds: float, is_gone: t.Callable[[str], bool] = never
    ) -> dict[str, Lease]:
        """Take the leases, or extend one's own, to ``seconds`` from now; return those that others hold.

        All that can be had are taken, among them those of others that are over, and those of holders that
        ``is_gone`` knows to be so. It is asked once for each of them, and may take its time. From now on no lease of
        another lasts longer than LEASE_SECONDS, or ``seconds`` if that is more, whatever the clock was before.
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
        """Return the generation of a kept session and what it was sealed to, None when there is none."""

    @abc.abstractmethod
    def put_session(self, key: str, sealed: bytes | None, generation: int) -> int:
        """Keep a session, or with None forget it, over the generation that was read; 0 where there was none.

        Returns the generation to go on from, which is 0 once it is forgotten. Raises StaleRevisionError when
        another run was first, even one that has forgotten it and kept a new one.
        """

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
    """Sort revisions so that "at most one" holds after each write: what leaves a state before what enters it."""
    if revision.state in PENDING:
        return 2
    return 1 if revision.state is State.FINALIZED else 0


def stale(revision: Revision, stored: Enrollment) -> StaleRevisionError:
    """Return the error that says who was first."""
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
