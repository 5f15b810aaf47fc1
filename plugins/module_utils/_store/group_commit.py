# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commit the writes of many threads together: all that wait share one flush of the disk.

One connection writes, and the threads take turns at it. Each does its write itself, so its errors are its own. When
nobody waits for a turn, the last writer commits for the whole group. No thread returns before that.
"""

from __future__ import annotations

import collections
import contextlib
import sqlite3
import threading
import time
import typing as t

from .._errors import StoreError

Drafts = t.Sequence[t.Any]
# Writes the drafts of a group before its commit, and returns the call to make after it.
Complete = t.Callable[[sqlite3.Connection, Drafts], t.Callable[[], None]]

# A group that never ends would keep its first write waiting.
_LARGEST = 256


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

    def __init__(self) -> None:
        self.writes = 0
        self.drafts: list[t.Any] = []
        self.complete: Complete | None = None
        self.error: sqlite3.Error | StoreError | None = None
        self.done = threading.Event()


class GroupCommit:
    """Writes of all threads over one connection. A write waits up to ``patience`` seconds for other processes.

    ``check`` is called at the beginning of each transaction; what it raises ends the transaction.
    """

    def __init__(self, connection: sqlite3.Connection, patience: float, check: t.Callable[[], None]) -> None:
        self.connection = connection
        self._patience = patience
        self._check = check
        self._turns = _Turns()
        self._group: _Group | None = None

    @contextlib.contextmanager
    def write(self, drafts: Drafts = (), complete: Complete | None = None) -> t.Iterator[sqlite3.Connection]:
        """Store all that is done inside, or nothing of it. It is on the disk afterwards.

        ``complete`` writes the drafts at the end of the group, with those of the other writes.
        A write that fails undoes itself alone. Raises sqlite3.Error when the transaction fails.
        """
        end = time.monotonic() + self._patience
        group: _Group | None = None
        gate = self._turns.ask()
        try:
            gate.acquire()
            group = self._join(end)
            with self._undone_alone(group):
                yield self.connection
            if drafts:
                group.drafts += drafts
                group.complete = complete
        finally:
            if not self._turns.withdraw(gate):
                self._leave(group)
            if group is not None:
                group.done.wait()
        if group.error is not None:
            raise type(group.error)(*group.error.args) from group.error

    def _join(self, end: float) -> _Group:
        """Return the group whose transaction is open; begin one when there is none."""
        if self._group is None:
            # A thread that has waited for its turn has waited for other processes, too.
            rest = max(0, round(1000 * (end - time.monotonic())))
            self.connection.execute(f"PRAGMA busy_timeout = {rest}")
            self.connection.execute("BEGIN IMMEDIATE")
            with contextlib.ExitStack() as undo:
                undo.callback(self.connection.execute, "ROLLBACK")
                self._check()
                undo.pop_all()
            self._group = _Group()
        return self._group

    @contextlib.contextmanager
    def _undone_alone(self, group: _Group) -> t.Iterator[None]:
        """Undo what is done inside when it fails, and nothing else."""
        self.connection.execute("SAVEPOINT one_write")
        is_whole = False
        try:
            yield
            self.connection.execute("RELEASE one_write")
            is_whole = True
            group.writes += 1
        except sqlite3.Error as exc:
            if not self.connection.in_transaction:  # a full disk makes SQLite undo the whole transaction
                group.error = exc
            raise
        finally:
            if not is_whole and self.connection.in_transaction:
                self._undo(group)

    def _undo(self, group: _Group) -> None:
        try:
            self.connection.execute("ROLLBACK TO one_write")
            self.connection.execute("RELEASE one_write")
        except sqlite3.Error as exc:
            group.error = exc
            raise

    def _leave(self, group: _Group | None) -> None:
        """Let the next thread write; if none waits, or the group is over, end its transaction first."""
        if group is not None and group.error is None and group.writes < _LARGEST and self._turns.pass_on():
            return
        try:
            if self._group is not None:
                self._finish(self._group)
        finally:
            self._turns.end()

    def _finish(self, group: _Group) -> None:
        """Commit the writes of a group, and tell its threads."""
        self._group = None
        try:
            if group.writes == 0 or group.error is not None:
                self.connection.execute("ROLLBACK")
                return
            noted = group.complete(self.connection, group.drafts) if group.complete else lambda: None
            self.connection.execute("COMMIT")
            noted()
        except (sqlite3.Error, StoreError) as exc:
            group.error = group.error or exc
        finally:
            self._settle(group)

    def _settle(self, group: _Group) -> None:
        """Tell the threads of a group how it ended, even if an exception has interrupted that."""
        try:
            if self.connection.in_transaction:
                group.error = group.error or sqlite3.OperationalError("the commit was interrupted")
                with contextlib.suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")
        finally:
            group.done.set()
