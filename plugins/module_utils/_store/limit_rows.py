# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Token buckets and pauses as rows of SQL: what all runs of a store share. The caller holds the transaction.

A bucket is one time, ``free_at``: then it is full again. That is the generic cell rate algorithm (GCRA).
"""

from __future__ import annotations

import datetime as dt
import math
import typing as t

from .._errors import StoreError
from .._rate import Rate
from . import revision_rows
from .base import LONGEST_BLOCK, LONGEST_WAIT, Block
from .database import Transaction

BLOCKED = "SELECT key, blocked_until, why FROM limits WHERE blocked_until IS NOT NULL"
_FREE_AT = "SELECT free_at FROM limits WHERE key = ? FOR UPDATE"
_BEGIN = "INSERT INTO limits (key, free_at) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
_RESERVE = "UPDATE limits SET free_at = ? WHERE key = ?"
_LIFT = "UPDATE limits SET blocked_until = NULL, why = NULL WHERE key = ?"
# The later end counts, unless a wrong clock dated it.
_BLOCK = """
    INSERT INTO limits (key, free_at, blocked_until, why) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET blocked_until = excluded.blocked_until, why = excluded.why
    WHERE limits.blocked_until IS NULL OR limits.blocked_until < excluded.blocked_until OR limits.blocked_until > ?
"""
_END = "UPDATE limits SET blocked_until = NULL, why = NULL WHERE blocked_until <= ?"
# A bucket that has been full for long, and a pause that is over, are the same as no row.
_FORGET = "DELETE FROM limits WHERE (blocked_until IS NULL OR blocked_until <= ?) AND free_at < ?"
_FORGOTTEN = -86400.0
_MICROSECOND = dt.timedelta(microseconds=1)
_SECOND = 1_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def reserve(now: int, free_at: int, count: int, rate: Rate) -> tuple[int, int]:
    """Return the new ``free_at`` of a bucket, and how long the first of ``count`` tokens has to wait.

    The next tokens wait ``step_of(rate)`` longer each. A wait below 0 says that the first was free before. All times
    are in microseconds. Used no sooner than that, at most ``rate.per_second * span + rate.burst`` tokens are used in
    any span of time. ``count`` is at most ``rate.of_a_second``. Nothing is reserved where the wait is longer than
    LONGEST_WAIT: so a run that dies takes little with it, and a ``free_at`` that is further away was dated by a wrong
    clock.
    """
    step = step_of(rate)
    depth = (rate.burst - 1) * step
    longest = round(LONGEST_WAIT * _SECOND)
    known = free_at if free_at - now <= depth + longest + _SECOND + step else now
    begin = max(known, now)
    wait = begin - depth - now
    return (begin + count * step if wait <= longest else known), wait


def step_of(rate: Rate) -> int:
    """Return the time between two tokens in microseconds."""
    return math.ceil(_SECOND / rate.per_second)


class Draw:
    """A wish for tokens, by the rules of Store.draw, and after the commit how long to wait for the first of them."""

    def __init__(self, key: str, count: int, rate: Rate) -> None:
        self.key = key
        self.count = count
        self.rate = rate
        self.error: StoreError | None = None
        self._begun_at = ""
        self._microseconds = 0

    @property
    def seconds(self) -> float:
        """How long to wait for the first token. Raises StoreError where the bucket cannot be read."""
        if self.error is not None:
            raise self.error
        return self._microseconds / _SECOND

    def begin(self, transaction: Transaction) -> None:
        """Wish for the tokens, which ``fill`` reserves at the end of the transaction."""
        self._begun_at = transaction.clock()
        transaction.at_end(self)

    def fill(self, transaction: Transaction) -> None:
        """Reserve the tokens. What cannot be read is an error of this wish alone."""
        found = transaction.rows(_FREE_AT, (self.key,))
        if not found:
            transaction.execute(_BEGIN, (self.key, self._begun_at))
            found = transaction.rows(_FREE_AT, (self.key,))
        ((stored,),) = found
        try:
            free_at = _to_microseconds(_moment(self.key, stored))
        except StoreError as exc:
            self.error = exc
            return
        now = _to_microseconds(revision_rows.date_from_text(self._begun_at))
        after, self._microseconds = reserve(now, free_at, self.count, self.rate)
        transaction.execute(_RESERVE, (_to_text(after), self.key))


def fill(transaction: Transaction, draws: t.Iterable[Draw]) -> None:
    """Reserve the tokens of all draws of a transaction, right before its end: all runs want to lock these few rows.

    They are locked in the order of their keys, so that two runs never wait for each other.
    """
    for one in sorted(draws, key=lambda draw: draw.key):
        one.fill(transaction)


def block(transaction: Transaction, key: str, seconds: float, why: str) -> None:
    """Stop or go on by the rules of Store.block."""
    if seconds <= 0:
        transaction.execute(_LIFT, (key,))
        return
    now = transaction.clock()
    transaction.execute(_FORGET, (now, transaction.clock(_FORGOTTEN)))
    until, latest = transaction.clock(min(seconds, LONGEST_BLOCK)), transaction.clock(LONGEST_BLOCK)
    transaction.execute(_BLOCK, (key, now, until, why, latest))


def blocks(transaction: Transaction) -> dict[str, Block]:
    """Return the pauses that are not over, and end the others. One that lasts too long was dated by a wrong clock."""
    clock = transaction.clock()
    transaction.execute(_END, (clock,))
    now = revision_rows.date_from_text(clock)
    read = [(key, _moment(key, until), why or "") for key, until, why in transaction.rows(BLOCKED)]
    found = {key: Block((until - now).total_seconds(), why, until) for key, until, why in read}
    return {key: one for key, one in found.items() if 0 < one.seconds <= LONGEST_BLOCK + 1}


def _moment(key: str, text: str) -> dt.datetime:
    try:
        return revision_rows.date_from_text(text)
    except ValueError as exc:
        raise StoreError(
            f"a time of the limit {key!r} in the store cannot be read; delete its row from the table limits, nothing "
            "else is lost with it"
        ) from exc


def _to_microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _to_text(microseconds: int) -> str:
    return revision_rows.date_to_text(_EPOCH + microseconds * _MICROSECOND)
