# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to PostgreSQL that is made anew where it is lost, and cut where no answer comes."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import socket
import threading
import time
import typing as t

from .database import Row, Values
from .postgresql_driver import Address, DriverError, connect, told

try:
    import psycopg
    from psycopg.pq import TransactionStatus
except ImportError:
    pass  # told by require()

# With ``?`` for values.
Statement = tuple[str, Values]

_POLL_SECONDS = 0.5
# For how long a failure to connect tells that the next try would fail as well.
_FRESH_SECONDS = 5.0


def pauses() -> t.Iterator[float]:
    """Yield the pauses between tries in seconds; they grow, and differ between runs."""
    pause = 0.05
    while True:
        yield pause * random.uniform(0.75, 1.25)
        pause = min(2 * pause, 2.0)


class Link:
    """One connection, of one thread at a time. An answer has ``answer_seconds`` to come.

    Neither a lock nor a slow disk takes that long, see the limits of a transaction. A server that hangs, or a network
    that drops everything, would otherwise keep the run waiting for ever.
    """

    def __init__(self, address: Address, answer_seconds: float) -> None:
        self.address = address
        self.answer_seconds = answer_seconds
        self._raw: psycopg.Connection[t.Any] | None = None
        self._failure = DriverError("")
        self._failed_at = -_FRESH_SECONDS
        self._due: float | None = None
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that is not known to be lost."""
        return self._raw is not None and not self._raw.closed

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, a failed one included. A connection that is in the middle of a call is cut."""
        if self._raw is None or self._raw.closed:
            return False
        status = self._raw.info.transaction_status
        if status == TransactionStatus.ACTIVE:
            self.cut()
        return status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def parameter(self, name: str) -> str | None:
        """Return a setting that the server has told of itself."""
        return None if self._raw is None else self._raw.info.parameter_status(name)

    def ssl_mode(self) -> str | None:
        """Return the mode of TLS of a connection over TCP, None for one over a socket."""
        if self._raw is None or self._raw.info.host.startswith(("/", "@")):
            return None
        return self._raw.info.get_parameters().get("sslmode", "prefer")

    def open(self, patience: float) -> None:
        """Connect, unless there is a connection; try for up to ``patience`` seconds. Raises DriverError.

        Hundreds of threads may have waited for one that tried in vain. They have no patience left, and get its error.
        """
        end = time.monotonic() + patience
        if patience <= 0 and not self.is_open and time.monotonic() - self._failed_at < _FRESH_SECONDS:
            raise DriverError(*self._failure.args)
        for pause in pauses():
            if self.is_open:
                return
            try:
                self._raw = connect(self.address)
            except DriverError as exc:
                self._failure, self._failed_at = exc, time.monotonic()
                if not exc.passes or time.monotonic() + pause > end:
                    raise
                self._closed.wait(pause)

    def run(self, statement: str, values: Values = ()) -> psycopg.Cursor[t.Any]:
        """Execute a statement with ``?`` for values; of several without values, return the first result."""
        with self._answered() as raw:
            return raw.execute(translated(statement) if values else statement, values or None)

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        """Return all rows that a statement selects."""
        with self._answered() as raw:
            text = translated(statement) if values else statement
            return raw.execute(text, values or None, binary=True).fetchall()

    def send(self, statements: t.Sequence[Statement]) -> psycopg.Cursor[t.Any]:
        """Execute statements, all sent at once; return the cursor of the last one."""
        with self._answered() as raw:
            if not any(values for _statement, values in statements):
                cursor = raw.execute("; ".join(statement for statement, _values in statements))
                while cursor.nextset():
                    pass
                return cursor
            together = len(statements) > 1 and psycopg.Pipeline.is_supported()
            with raw.pipeline() if together else contextlib.nullcontext():
                for statement, values in statements:
                    cursor = raw.execute(translated(statement) if values else statement, values or None, binary=True)
            return cursor

    def many(self, statement: str, values: t.Sequence[Values]) -> None:
        """Execute a statement once for each sequence of values; all are sent at once."""
        with self._answered() as raw:
            raw.cursor().executemany(translated(statement), values)

    def close(self) -> None:
        """Close the connection for good."""
        self._closed.set()
        raw, self._raw = self._raw, None
        if raw is not None:
            raw.close()

    def cut(self) -> None:
        """End the connection at once, whatever happens on it."""
        if self._raw is not None:
            self._raw.close()

    @contextlib.contextmanager
    def _answered(self) -> t.Iterator[psycopg.Connection[t.Any]]:
        raw = self._raw
        if raw is None or raw.closed:
            raise DriverError("the connection is closed", lost=True)
        if self._watch is None:
            self._watch = threading.Thread(target=self._cut_late, name="store watch", daemon=True)
            self._watch.start()
        self._due = time.monotonic() + self.answer_seconds
        try:
            with told(self.address, lambda: _is_lost(raw)):
                yield raw
        finally:
            self._due = None

    def _cut_late(self) -> None:
        """Cut the connection where an answer is late. libpq itself would wait for ever."""
        while not self._closed.wait(min(_POLL_SECONDS, self.answer_seconds / 4)):
            due, raw = self._due, self._raw
            if due is not None and raw is not None and not raw.closed and time.monotonic() > due:
                # The connection may end by itself at this moment, and has no file any more then.
                with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(raw.fileno())) as same:
                    same.shutdown(socket.SHUT_RDWR)


def _is_lost(raw: psycopg.Connection[t.Any]) -> bool:
    """Return whether a connection is of no use after an error.

    A server that ends a session in the middle of a pipeline may leave psycopg unable to leave that pipeline. The
    connection stays open then, and refuses all that follows.
    """
    is_stuck = raw.info.transaction_status == TransactionStatus.ACTIVE or raw.info.pipeline_status
    if is_stuck:
        raw.close()
    return bool(raw.closed)


@functools.lru_cache(maxsize=256)
def translated(statement: str) -> str:
    """Return a statement with the placeholders of psycopg."""
    return statement.replace("%", "%%").replace("?", "%s")
