# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy a store into another one, of the same kind or not, and retire the source.

At no moment can a run use both. The copy is written first, as one that is not in use. Then the source is retired, and
then the copy is put to use. Each of these is one transaction, and the source is locked during the first two. A copy
that was interrupted is run again: it begins anew, or only finishes what is left.
"""

from __future__ import annotations

import dataclasses
import enum
import os
import typing as t

from .._clock import utc_now
from .._errors import ConfigurationError, LeaseHeldError, StoreError
from . import contents, retirement
from .contents import Contents, Rows
from .retirement import Handover
from .revision_rows import date_to_text

if t.TYPE_CHECKING:
    from .database import Database, Transaction

_HELD = "SELECT key, holder FROM leases WHERE expires_at > ? ORDER BY holder, key"
_MOST_NAMED = 5


class Action(str, enum.Enum):
    """What a copy does. FINISH leaves the contents as they are: the target has them already."""

    COPY = "copy"
    FINISH = "finish"
    NONE = "none"


@dataclasses.dataclass(frozen=True)
class Copied:
    """What a copy did, and what the stores hold afterwards."""

    action: Action
    source: Contents
    target: Contents


@dataclasses.dataclass(frozen=True)
class Standing:
    """What the notes of a store say of copies from and to it, and whether it is empty."""

    store: str
    retired: Handover | None
    origin: Handover | None
    is_empty: bool

    @classmethod
    def of(cls, rows: Rows, store: str) -> Standing:
        """Read the notes."""
        retired = retirement.find(rows, retirement.RETIRED, store)
        origin = retirement.find(rows, retirement.ORIGIN, store)
        return cls(store, retired, origin, not any(contents.counts(rows).values()))


def plan(source: Standing, target: Standing, is_same: t.Callable[[], bool]) -> Action:
    """Return what is to be done. Raises StoreError when it would lose something, or make two stores of one."""
    if source.retired is not None:
        return _plan_the_rest(source.retired, source, target)
    if target.retired is not None:
        came_from_there = source.origin is not None and source.origin.id == target.retired.id
        if target.retired.unfinished or came_from_there:
            return Action.COPY
        raise StoreError(
            f"store {target.store}: it was moved to {target.retired.other} at {target.retired.at}, so only a copy of "
            "that store may take its place; choose an empty store"
        )
    if target.is_empty:
        return Action.COPY
    if is_same():
        return Action.FINISH
    raise StoreError(
        f"store {target.store}: it is in use, and does not hold the same as store {source.store}; nothing was written; "
        "choose an empty store"
    )


def _plan_the_rest(retired: Handover, source: Standing, target: Standing) -> Action:
    """Return what is to be done when the source is retired already."""
    if retired.unfinished or target.origin is None or target.origin.id != retired.id:
        raise retirement.retired(retired, source.store)
    if target.retired is None:
        return Action.NONE
    if target.retired.id == retired.id:
        return Action.FINISH
    raise retirement.retired(target.retired, target.store)


def predict(source: Database, target: Database, is_gone: t.Callable[[str], bool]) -> Copied:
    """Return what ``copy`` would do, without a lock and without a write. The leases are judged by the clock here."""
    if source.name == target.name:
        raise _is_itself(source)
    here, there = (Standing.of(database.select, database.name) for database in (source, target))

    def is_same() -> bool:
        found, held = (contents.summed(database.select, database.name) for database in (source, target))
        return found == held

    action = plan(here, there, is_same)
    if action is not Action.NONE:
        for database in (source, target):
            _refuse_leases(database, database.select, date_to_text(utc_now()), is_gone)
    found, held = (Contents(contents.counts(database.select)) for database in (source, target))
    return Copied(action, found, found if action is Action.COPY else held)


def copy(source: Database, target: Database, is_gone: t.Callable[[str], bool]) -> Copied:
    """Copy the source into the target, and retire the source.

    Raises StoreError when leases are held in either, when the target holds something else, and when it does not hold
    the same afterwards; then nothing is written. ``is_gone`` tells of a holder of a lease whether it has ended.
    """
    _refuse_itself(source, target)
    predicted = predict(source, target, is_gone)
    if predicted.action is Action.NONE:
        return predicted
    identity = os.urandom(8).hex()

    def retire(transaction: Transaction) -> Copied:
        _lock(source, transaction)
        _refuse_leases(source, transaction.rows, transaction.clock(), is_gone)
        standing = Standing.of(transaction.rows, source.name)
        done = Handover(identity, source.name, transaction.clock())
        filling = _Filling(source, target, transaction.rows, standing, done, is_gone)
        copied = target.write("copied", filling.fill)
        if standing.retired is None:
            there = dataclasses.replace(done, other=target.name).to_text()
            retirement.note(transaction, retirement.RETIRED, there)
        return copied

    copied = source.write("retired", retire)
    target.write("in use", lambda transaction: retirement.note(transaction, retirement.RETIRED, None))
    return copied


@dataclasses.dataclass(frozen=True)
class _Filling:
    """The part of a copy that writes the target, while the source is locked; ``rows`` reads the source."""

    source: Database
    target: Database
    rows: Rows
    standing: Standing
    done: Handover
    is_gone: t.Callable[[str], bool]

    def fill(self, transaction: Transaction) -> Copied:
        """Bring the target to what the plan says; it is not in use afterwards, unless there is nothing to do."""
        _lock(self.target, transaction)
        _refuse_leases(self.target, transaction.rows, transaction.clock(), self.is_gone)
        standing = Standing.of(transaction.rows, self.target.name)
        action = plan(self.standing, standing, lambda: self._source() == self._target(transaction))
        found = self._written(transaction) if action is Action.COPY else self._source()
        held = self._target(transaction)
        if action is Action.COPY and held != found:
            raise StoreError(
                f"store {self.target.name}: it does not hold what was copied from store {self.source.name}; nothing "
                "was written; run again"
            )
        if self.standing.retired is None:
            unfinished = dataclasses.replace(self.done, unfinished=True)
            retirement.note(transaction, retirement.RETIRED, unfinished.to_text())
            retirement.note(transaction, retirement.ORIGIN, self.done.to_text())
        return Copied(action, found, held)

    def _source(self) -> Contents:
        return contents.summed(self.rows, self.source.name, _opener(self.source))

    def _target(self, transaction: Transaction) -> Contents:
        return contents.summed(transaction.rows, self.target.name, _opener(self.target))

    def _written(self, transaction: Transaction) -> Contents:
        """Write all rows over what there is, and return their sum."""
        found = contents.Sum()
        key, unseal = self.target.sealing_key(), _opener(self.source)
        for table in contents.TABLES:
            transaction.execute(table.delete)
            for page in table.pages(self.rows):
                rows = [contents.opened(table, row, self.source.name, unseal) for row in page]
                for row in rows:
                    found.add(table, row)
                transaction.many(table.insert, [contents.sealed(table, row, key.seal) for row in rows])
        return found.contents()


def _lock(database: Database, transaction: Transaction) -> None:
    if database.lock is not None:
        transaction.execute(database.lock)


def _opener(database: Database) -> contents.Change:
    """Return what opens the request codes of a store."""
    return database.sealing_key().unseal


def _refuse_leases(database: Database, rows: Rows, now: str, is_gone: t.Callable[[str], bool]) -> None:
    """Raise StoreError when a run that may live works with the store."""
    held: dict[str, list[str]] = {}
    for key, holder in rows(_HELD, (now,)):
        held.setdefault(holder, []).append(key)
    living = [holder for holder in held if not is_gone(holder)]
    if living:
        named = "; ".join(f"{holder} holds {_some(held[holder])}" for holder in living[:_MOST_NAMED])
        more = f"; and {len(living) - _MOST_NAMED} more" if len(living) > _MOST_NAMED else ""
        raise LeaseHeldError(
            f"store {database.name}: jobs work with it: {named}{more}. Nothing was written; let them end, and run "
            "again. The leases of a job that was killed are over after a minute at most"
        )


def _some(keys: t.Sequence[str]) -> str:
    more = f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
    return ", ".join(keys[:_MOST_NAMED]) + more


def _refuse_itself(source: Database, target: Database) -> None:
    """Raise ConfigurationError when both are the same store, however each is named; it would wait for itself."""
    probe = os.urandom(8).hex()
    source.write("probe", lambda transaction: retirement.note(transaction, retirement.PROBE, probe))
    found = target.select(retirement.SELECT, (retirement.PROBE,))
    source.write("probe", lambda transaction: retirement.note(transaction, retirement.PROBE, None))
    if found == [(probe,)]:
        raise _is_itself(source)


def _is_itself(source: Database) -> ConfigurationError:
    return ConfigurationError(f"source is {source.name}, the store itself: give the store to copy from")
