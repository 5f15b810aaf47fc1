# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of certificates, chained by hash, and the check of a chain. Pure: no I/O.

The events of a service are numbered from 1 without gaps. The hash of each is over the hash before it and all its
values, so a change of one shows in all that follow. ``docs/events.md`` describes the form for other programs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import operator
import re
import typing as t

from .._errors import ConfigurationError

# The hash before the first event.
BEGINNING = bytes(32)
# The state of the event that tells of the removal of old events. It belongs to no certificate.
PRUNED = "pruned"

_CHECKPOINT = re.compile(r"(?P<service>.+):(?P<number>[0-9]{1,18}):(?P<hash>[0-9a-fA-F]{64})", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Event:
    """One transition of a certificate, as it is stored: times and states are text, in the form of the store.

    ``was`` is the state before, None for a new revision. ``why`` is a sentence for a person. The hashes of the CSR and
    of the certificate are those of the DER, in hex.
    """

    service: str
    number: int
    at: str
    name: str
    revision: int
    attempt: int
    was: str | None
    state: str
    host: str
    pid: int
    job: str | None
    actor: str
    why: str | None
    csr_sha256: str | None
    certificate_sha256: str | None
    hash: bytes = b""

    def chained(self, number: int, before: bytes) -> Event:
        """Return the event with its number and its hash; ``before`` is the hash of the event before it."""
        service, _number, *rest = _values(self)
        values = (service, number, *rest)
        row = (*values, _hash(before, values))
        return Event(*row)

    def hash_after(self, before: bytes) -> bytes:
        """Return the hash that the event must have after the one with the hash ``before``.

        Raises ValueError where a value is of a kind that is never stored.
        """
        return _hash(before, _values(self))

    def row(self) -> tuple[t.Any, ...]:
        """Return the values and the hash, in the order of the fields."""
        return (*_values(self), self.hash)

    def to_json(self) -> dict[str, t.Any]:
        """Return the event as JSON types; the hash is hex."""
        return {**{name: getattr(self, name) for name in VALUES}, "hash": self.hash.hex()}


# The names of the values of an event, in the order of its hash.
VALUES = tuple(field.name for field in dataclasses.fields(Event) if field.name != "hash")
_values = operator.attrgetter(*VALUES)


@dataclasses.dataclass(frozen=True)
class Chain:
    """A place in the chain of a service: the last event up to there and its hash. As text it is a checkpoint.

    ``pruned`` is the place up to which events were removed, and ``pruned_at`` when. Only the end of a chain has them.
    """

    service: str
    number: int = 0
    hash: bytes = BEGINNING
    pruned: Chain | None = None
    pruned_at: str | None = None

    def __str__(self) -> str:
        return f"{self.service}:{self.number}:{self.hash.hex()}"

    @property
    def begin(self) -> Chain:
        """Return the place before the first event that is kept."""
        return self.pruned or Chain(self.service)

    @classmethod
    def parse(cls, text: str) -> Chain:
        """Read a checkpoint. Raises ConfigurationError."""
        found = _CHECKPOINT.fullmatch(text.strip())
        if found is None:
            raise ConfigurationError(
                f"a checkpoint is a service, a number and 64 hex digits with colons between them, not {text!r}"
            )
        return cls(found["service"], int(found["number"]), bytes.fromhex(found["hash"]))


def verify(events: t.Iterable[Event], chain: Chain, checkpoint: Chain | None = None) -> str | None:
    """Return the first problem of a chain, None if there is none.

    ``events`` are all that are kept of the service, by number. They are taken one at a time. ``chain`` is the end that
    the store has noted. ``checkpoint`` is a place that somebody else has noted, and must still be in the chain.
    """
    return _Check(chain, checkpoint).problem(events)


class _Check:
    """The check of one chain."""

    def __init__(self, chain: Chain, checkpoint: Chain | None) -> None:
        self._chain = chain
        self._checkpoint = checkpoint
        self._last = chain.begin
        self._removed: Chain | None = None

    def problem(self, events: t.Iterable[Event]) -> str | None:
        found = self._wrong_service() or self._missed_checkpoint()
        if found:
            return found
        for event in events:
            found = self._next(event) or self._missed_checkpoint()
            if found:
                return found
        return self._wrong_end() or self._wrong_beginning()

    def _next(self, event: Event) -> str | None:
        """Go on to an event; return the problem with it."""
        number, expected = event.number, self._last.number + 1
        if number != expected:
            return f"event {expected} is missing, {number!r} follows {self._last.number}"
        if number > self._chain.number:
            return f"event {number} is beyond the end of the chain, which is {self._chain.number}"
        try:
            computed = event.hash_after(self._last.hash)
        except ValueError as exc:
            return f"event {number} is not as it was written: {exc}"
        if event.service != self._chain.service or event.hash != computed:
            return f"event {number} is not as it was written, or does not follow the one before it"
        if event.state == PRUNED:
            self._removed = removed_up_to(event)
        self._last = Chain(event.service, number, computed)
        return None

    def _wrong_service(self) -> str | None:
        asked = self._checkpoint
        if asked is None or asked.service == self._chain.service:
            return None
        return f"the checkpoint is of the service {asked.service}, not of {self._chain.service}"

    def _missed_checkpoint(self) -> str | None:
        """Return the problem if the checkpoint is here, or before the events that are kept."""
        asked, here = self._checkpoint, self._last
        if asked is None or asked.number > here.number:
            return None
        if asked.number == here.number:
            is_same = asked.hash == here.hash
            self._checkpoint = None
            return None if is_same else f"event {here.number} has another hash than the checkpoint {asked}"
        return (
            f"the checkpoint is of event {asked.number}, and events up to {here.number} were removed: use a newer one"
        )

    def _wrong_end(self) -> str | None:
        last, end, asked = self._last, self._chain, self._checkpoint
        if last.number != end.number:
            return f"the end is missing: events {last.number + 1} to {end.number}"
        if last.hash != end.hash:
            return f"event {last.number} is not the end of the chain that the store has noted"
        if asked is not None:
            return f"the end is missing: the chain ends with event {last.number}, before the checkpoint {asked}"
        return None

    def _wrong_beginning(self) -> str | None:
        """Return the problem if the last event of a removal does not name the place at which the chain begins."""
        begin, removed = self._chain.begin, self._removed or Chain(self._chain.service)
        if (begin.number, begin.hash) == (removed.number, removed.hash):
            return None
        return f"the beginning is missing: events up to {begin.number}, and no event tells of their removal"


def removal(last: Chain) -> str:
    """Return the words of an event that tells of the removal of all events up to ``last``."""
    return f"removed all events up to {last}"


def removed_up_to(event: Event) -> Chain | None:
    """Return up to where events were removed, from an event that tells of it."""
    try:
        return Chain.parse(str(event.why).rpartition(" up to ")[2])
    except ConfigurationError:
        return None


def _hash(before: bytes, values: t.Iterable[object]) -> bytes:
    """Return SHA-256 over the hash before and values: of each its kind, its length, itself. Millions are hashed."""
    parts = [b"b%d" % len(before), before]
    for value in values:
        if value is None:
            parts.append(b"-")
        elif isinstance(value, str):
            content = value.encode()
            parts += (b"t%d" % len(content), content)
        elif value.__class__ is int:
            parts.append(b"%d" % value)
        elif isinstance(value, bytes):
            parts += (b"b%d" % len(value), value)
        else:
            raise ValueError(f"a value is of the kind {type(value).__name__}")
    return hashlib.sha256(b",".join(parts)).digest()
