# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commit the writes of many threads together: all that wait share one flush of the disk.

One connection writes, and the threads take turns at it. Each does its write itself, so its errors are its own. When
nobody waits for a turn, the last writer commits for the whole group. No thread returns before that.

The connection is one of any database, by the interface ``Connection``.
"""

from __future__ import annotations

import abc
import collections
import contextlib
import threading
import time
import typing as t

from .._errors import StoreError
from .database import BeforeCommit, Row, Transaction, Values

# A group that never ends would keep its first write waiting.
_LARGEST = 256


class Connection(abc.ABC):
    """A connection that writes. It implements Transaction for the write whose turn it is.

    ``errors`` has the classes of the errors of its driver. ``left`` has the items of ``at_end()``.
    """

    errors: tuple[type[Exception], ...]

    def __init__(self) -> None:
        self.left: list[object] = []

    @property
    @abc.abstractmethod
    def in_transaction(self) -> bool:
        """Whether a transaction is open; an error or a lost connection may have ended it."""

    @abc.abstractmethod
    def begin(self, patience: float) -> None:
        """Begin a transaction; wait up to ``patience`` seconds for others."""

    @abc.abstractmethod
    def save(self) -> None:
        """Begin one write: mark the point to which ``undo()`` leads back."""

    @abc.abstractmethod
    def keep(self) -> None:
        """End one write that is whole."""

    @abc.abstractmethod
    def undo(self) -> None:
        """Undo what was written since ``save()``, and nothing else."""

    @abc.abstractmethod
    def commit(self) -> None:
        """Commit the transaction: it is on the disk afterwards."""

    @abc.abstractmethod
    def rollback(self) -> None:
        """Undo the whole transaction."""

    @abc.abstractmethod
    def interrupted(self) -> Exception | None:
        """Return an error of the driver for those whose commit another thread did not finish.

        Return None if the commit is known to be done all the same.
        """

    @abc.abstractmethod
    def execute(self, statement: str, values: Values = ()) -> int:
        """Implement Transaction."""

    @abc.abstractmethod
    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        """Implement Transaction."""

    @abc.abstractmethod
    def many(self, statement: str, values: t.Iterable[Values]) -> None:
        """Implement Transaction."""

    @abc.abstractmethod
    def clock(self, seconds: float = 0.0) -> str:
        """Implement Transaction."""

    def at_end(self, item: object) -> None:
        """Implement Transaction."""
        self.left.append(item)


class _Turns:
    """A lock that threads get in the order in which they ask for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: collections.deque[threading.Lock] = collections.deque()
        self._is_taken = False

    def ask(self) -> threading.Lock:
        """Return a lock that can be acquired once it is this thread's turn."""
        gate = threading.Lock()
        with self._lock:
            if self._is_taken:
                gate.acquire()
                self._waiting.append(gate)
            self._is_taken = True
        return gate

    def withdraw(self, gate: threading.Lock) -> bool:
        """Wait no longer; return False if it is this thread's turn already."""
        with self._lock:
            if gate not in self._waiting:
                return False
            self._waiting.remove(gate)
            return True

    def pass_on(self) -> bool:
        """Give one's turn to the next thread; return False, and keep it, if there is none."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
                return True
            return False

    def end(self) -> None:
        """Give one's turn to the next thread, or to the next that will ask."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


class _Group:
    """The writes of one transaction. ``error`` says why none of them is stored."""

    def __init__(self, *, alone: bool = False) -> None:
        self.is_open = not alone
        self.writes = 0
        self.error: Exception | None = None
        self.done = threading.Event()


SomeConnection = t.TypeVar("SomeConnection", bound=Connection)


class GroupCommit(t.Generic[SomeConnection]):
    """Writes of all threads over one connection. A write waits up to ``patience`` seconds for other processes.

    ``check`` is called at the beginning of each transaction; what it raises ends the transaction. ``before_commit`` is
    called right before its end if a write has used ``at_end()``, see Database; what it raises fails all writes.
    """

    def __init__(
        self,
        connection: SomeConnection,
        patience: float,
        check: t.Callable[[], None] = lambda: None,
        before_commit: BeforeCommit | None = None,
    ) -> None:
        self.connection = connection
        self._patience = patience
        self._check = check
        self._before_commit = before_commit
        self._turns = _Turns()
        self._group: _Group | None = None

    @contextlib.contextmanager
    def write(self, *, alone: bool = False, patience: float | None = None) -> t.Iterator[Transaction]:
        """Store all that is done inside, or nothing of it. It is on the disk afterwards.

        A write that fails undoes itself alone. One that is ``alone`` has a transaction of its own. Raises an error of
        the driver when the transaction fails.
        """
        end = time.monotonic() + (self._patience if patience is None else patience)
        group: _Group | None = None
        gate = self._turns.ask()
        try:
            gate.acquire()
            group = self._join(end, alone=alone)
            with self._undone_alone(group):
                yield self.connection
        finally:
            if not self._turns.withdraw(gate):
                self._leave(group)
            if group is not None:
                group.done.wait()
        if group.error is not None:
            raise type(group.error)(*group.error.args) from group.error

    def _join(self, end: float, *, alone: bool) -> _Group:
        """Return the group whose transaction is open; begin one when there is none."""
        if alone and self._group is not None:
            self._finish(self._group)
        if self._group is None:
            # A thread that has waited for its turn has waited for other processes, too.
            self.connection.begin(max(0.0, end - time.monotonic()))
            with contextlib.ExitStack() as undo:
                undo.callback(self.connection.rollback)
                self._check()
                undo.pop_all()
            self.connection.left.clear()
            self._group = _Group(alone=alone)
        return self._group

    @contextlib.contextmanager
    def _undone_alone(self, group: _Group) -> t.Iterator[None]:
        """Undo what is done inside when it fails, and nothing else."""
        left = len(self.connection.left)
        is_whole = False
        try:
            self.connection.save()
            yield
            self.connection.keep()
            is_whole = True
            group.writes += 1
        except self.connection.errors as exc:
            # A full disk makes SQLite undo the whole transaction, as does a connection that is lost.
            if not self.connection.in_transaction:
                group.error = exc
            raise
        finally:
            if not is_whole:
                del self.connection.left[left:]
                if self.connection.in_transaction:
                    self._undo(group)

    def _undo(self, group: _Group) -> None:
        try:
            self.connection.undo()
        except self.connection.errors as exc:
            group.error = exc
            raise

    def _leave(self, group: _Group | None) -> None:
        """Let the next thread write; if none waits, or the group is over, end its transaction first."""
        more = group is not None and group.is_open and group.error is None and group.writes < _LARGEST
        if more and self._turns.pass_on():
            return
        try:
            if self._group is not None:
                self._finish(self._group)
        finally:
            self._turns.end()

    def _finish(self, group: _Group) -> None:
        """Commit the writes of a group, and tell its threads."""
        self._group = None
        expected: tuple[type[Exception], ...] = (*self.connection.errors, StoreError)
        is_interrupted = True
        try:
            if group.writes and group.error is None:
                self._commit()
            elif self.connection.in_transaction:
                self.connection.rollback()
            is_interrupted = False
        except expected as exc:
            is_interrupted = False
            group.error = group.error or exc
        finally:
            self._settle(group, is_interrupted=is_interrupted)

    def _commit(self) -> None:
        if self._before_commit is not None and self.connection.left:
            self._before_commit(self.connection, tuple(self.connection.left))
        self.connection.commit()

    def _settle(self, group: _Group, *, is_interrupted: bool) -> None:
        """Tell the threads of a group how it ended, even if an exception has interrupted that."""
        try:
            if is_interrupted:
                group.error = group.error or self.connection.interrupted()
            if self.connection.in_transaction:
                with contextlib.suppress(*self.connection.errors):
                    self.connection.rollback()
        finally:
            group.done.set()
