# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was told already, kept in the store: a position in the events, and a note for each condition that goes on.

A lease lets one process tell at a time. Each write also checks that the position is as this process has left it: a
process that was paused for longer than its lease writes nothing any more.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import typing as t
import urllib.parse

from .._clock import parse_timestamp, timestamp
from .._errors import StoreError
from .._holder import is_gone
from .._store.api import LEASE_SECONDS, Chain, Store


class LostPositionError(StoreError):
    """Another process tells instead of this one."""


@dataclasses.dataclass(frozen=True)
class Told:
    """A condition that was told: which occurrence of it, when it was told last, and how often."""

    occurrence: str
    at: dt.datetime
    times: int = 1

    def to_text(self) -> str:
        """Return the form that the store keeps."""
        return json.dumps({"occurrence": self.occurrence, "at": timestamp(self.at), "times": self.times})

    @classmethod
    def parse(cls, text: str) -> Told:
        """Read ``to_text()``. Raises StoreError."""
        try:
            read = json.loads(text)
            return cls(str(read["occurrence"]), parse_timestamp(read["at"]), int(read["times"]))
        except (ValueError, KeyError, TypeError) as exc:
            raise StoreError(f"a note of what was told cannot be read: {text!r}") from exc


class Position:
    """The position with a name, in the events of a service. ``holder`` names this process."""

    def __init__(self, store: Store, service: str, name: str, holder: str) -> None:
        self._store = store
        self.service = service
        self._holder = holder
        self._key = f"told/{name}/{urllib.parse.quote(service, safe='')}"
        self._text = ""
        self._unkept: StoreError | None = None
        self.chain = Chain(service)
        self.told: dict[str, dict[str, Told]] = {}

    def take(self) -> str | None:
        """Take the position; return the holder if another process has it.

        Without a position so far, it is the end of the events.
        """
        rivals = self._store.acquire([self._key], self._holder, LEASE_SECONDS, is_gone)
        if rivals:
            return rivals[self._key].holder
        kept = self._store.note(self._key)
        self.chain = _chain(kept) if kept is not None else _bare(self._store.chain(self.service))
        self._text = self._position(self.chain)
        self._store.put_note(self._key, self._text)
        self.told = self._read_told()
        return None

    def check_kept(self) -> None:
        """Raise the StoreError with which the lease could not be extended last.

        Only a write finds that the file of a store was replaced. Reading goes on in the file that was there before.
        """
        if self._unkept is not None:
            raise self._unkept

    def check(self) -> None:
        """Raise LostPositionError where the store has another position than the one that this process has left."""
        if self._store.note(self._key) != self._text:
            raise LostPositionError("the position in the store is not where this process has left it")

    def keep(self) -> None:
        """Extend the lease, in another thread. A failure is kept for ``check_kept``; the next call may do better."""
        try:
            self._store.renew(self._holder, LEASE_SECONDS)
        except StoreError as exc:
            self._unkept = exc
        else:
            self._unkept = None

    def give_back(self) -> None:
        """Let another process go on at once."""
        with contextlib.suppress(StoreError):
            self._store.release([self._key], self._holder)

    def move(self, chain: Chain) -> None:
        """Note that all events up to a place were told. Raises LostPositionError."""
        if chain != self.chain:
            text = self._position(chain)
            self._put({self._key: text})
            self._text, self.chain = text, chain

    def note(self, name: str, topic: str, told: Told) -> None:
        """Note that a condition was told. Raises LostPositionError."""
        self._put({self._told_key(name, topic): told.to_text()})
        self.told.setdefault(name, {})[topic] = told

    def forget(self, name: str, topics: t.Collection[str]) -> None:
        """Note that conditions are over. Raises LostPositionError."""
        if not topics:
            return
        self._put({self._told_key(name, topic): None for topic in topics})
        for topic in topics:
            del self.told[name][topic]
        if not self.told[name]:
            del self.told[name]

    def _put(self, notes: t.Mapping[str, str | None]) -> None:
        if not self._store.put_notes(notes, guard=self._key, expected=self._text):
            raise LostPositionError("another process has taken the position over")

    def _position(self, chain: Chain) -> str:
        return json.dumps({"by": self._holder, "events": str(chain)})

    def _told_key(self, name: str, topic: str) -> str:
        return f"{self._key}/{topic}/{name}"

    def _read_told(self) -> dict[str, dict[str, Told]]:
        prefix = f"{self._key}/"
        found: dict[str, dict[str, Told]] = {}
        for key, text in self._store.notes(prefix).items():
            topic, _slash, name = key[len(prefix) :].partition("/")
            found.setdefault(name, {})[topic] = Told.parse(text)
        return found


def _bare(end: Chain) -> Chain:
    return Chain(end.service, end.number, end.hash)


def _chain(text: str) -> Chain:
    """Read a position. Raises StoreError."""
    try:
        return Chain.parse(json.loads(text)["events"])
    except (ValueError, KeyError, TypeError) as exc:
        raise StoreError(f"the position cannot be read: {text!r}") from exc
