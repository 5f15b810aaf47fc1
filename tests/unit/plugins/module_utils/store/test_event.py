# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of events: its hashes, its checkpoints, and the problems that its check finds."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import tracemalloc
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.event import (
    BEGINNING,
    PRUNED,
    Chain,
    Event,
    removal,
    removed_up_to,
    verify,
)

EVENT = Event(
    service="redtrust",
    number=1,
    at="2026-01-31T12:00:00.000000Z",
    name="www",
    revision=1,
    attempt=1,
    was=None,
    state="intended",
    host="node1",
    pid=4711,
    job="42",
    actor="ana",
    why="there is no certificate",
    csr_sha256=None,
    certificate_sha256=None,
)


def chained(count: int, begin: Chain | None = None, **values: t.Any) -> t.Iterator[Event]:
    """Yield events that follow each other."""
    last = begin or Chain("redtrust")
    for number in range(last.number + 1, last.number + 1 + count):
        event = dataclasses.replace(EVENT, **values).chained(number, last.hash)
        last = Chain("redtrust", number, event.hash)
        yield event


def end_of(events: t.Sequence[Event], pruned: Chain | None = None) -> Chain:
    return Chain("redtrust", events[-1].number, events[-1].hash, pruned)


EVENTS = list(chained(5))
END = end_of(EVENTS)


def test_the_hash_is_over_the_kind_and_length_of_each_value() -> None:
    text = (
        b"b32," + BEGINNING + b",t8,redtrust,1,t27,2026-01-31T12:00:00.000000Z,t3,www,1,1,-,t8,intended,t5,node1,4711,"
        b"t2,42,t3,ana,t23,there is no certificate,-,-"
    )
    assert EVENTS[0].hash == hashlib.sha256(text).digest()


def test_a_chain_is_whole() -> None:
    assert verify(EVENTS, END) is None
    assert verify([], Chain("redtrust")) is None


def test_a_checkpoint_may_be_any_place_of_the_chain() -> None:
    for event in EVENTS:
        assert verify(EVENTS, END, Chain("redtrust", event.number, event.hash)) is None
    assert verify(EVENTS, END, Chain("redtrust")) is None


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Event)])
def test_a_changed_value_is_found(field: str) -> None:
    for at, event in enumerate(EVENTS):
        value = getattr(event, field)
        other: t.Any = value + 1 if isinstance(value, int) else b"\1" + value[1:] if field == "hash" else f"{value}x"
        found = verify([*EVENTS[:at], dataclasses.replace(event, **{field: other}), *EVENTS[at + 1 :]], END)
        assert found is not None
        assert str(event.number) in found


@pytest.mark.parametrize("value", [4711.0, 4711.5, True, "4711", b"4711", None])
def test_a_value_of_another_kind_is_found(value: object) -> None:
    event = dataclasses.replace(EVENT, pid=t.cast("int", value))
    with_it = dataclasses.replace(event, hash=EVENTS[0].hash)
    found = verify([with_it, *EVENTS[1:]], END)
    assert found is not None
    assert "event 1 is not as it was written" in found


def test_a_missing_event_is_found() -> None:
    for at in range(4):
        found = verify(EVENTS[:at] + EVENTS[at + 1 :], END)
        assert found == f"event {at + 1} is missing, {at + 2} follows {at}"


def test_two_events_in_the_place_of_each_other_are_found() -> None:
    for one, two in itertools.combinations(range(5), 2):
        events = [*EVENTS]
        events[one], events[two] = (
            dataclasses.replace(EVENTS[two], number=one + 1),
            dataclasses.replace(EVENTS[one], number=two + 1),
        )
        assert verify(events, END) is not None


def test_an_event_too_many_is_found() -> None:
    more = [*EVENTS, *chained(1, END)]
    assert verify(more, END) == "event 6 is beyond the end of the chain, which is 5"
    assert verify([EVENTS[0], *EVENTS], END) == "event 2 is missing, 1 follows 1"


def test_a_cut_end_is_found() -> None:
    assert verify(EVENTS[:3], END) == "the end is missing: events 4 to 5"
    assert verify([], END) == "the end is missing: events 1 to 5"


def test_a_checkpoint_finds_a_cut_end_that_the_store_does_not_know() -> None:
    cut = EVENTS[:3]
    assert verify(cut, end_of(cut)) is None
    found = verify(cut, end_of(cut), END)
    assert found == f"the end is missing: the chain ends with event 3, before the checkpoint {END}"
    assert verify([], Chain("redtrust"), END) is not None


def test_a_checkpoint_finds_a_chain_that_was_written_anew() -> None:
    anew = list(chained(5, actor="somebody else"))
    assert verify(anew, end_of(anew)) is None
    found = verify(anew, end_of(anew), Chain("redtrust", 3, EVENTS[2].hash))
    assert found is not None
    assert "event 3 has another hash than the checkpoint redtrust:3:" in found


def test_a_checkpoint_of_another_service_is_found() -> None:
    found = verify(EVENTS, END, Chain("other", 5, END.hash))
    assert found == "the checkpoint is of the service other, not of redtrust"


def test_an_end_that_was_changed_is_found() -> None:
    assert verify(EVENTS, dataclasses.replace(END, hash=BEGINNING)) is not None


class TestTheBeginning:
    """Events may be removed from the beginning; an event tells of it."""

    removed = Chain("redtrust", 2, EVENTS[1].hash)
    note = dataclasses.replace(EVENT, name="", state=PRUNED, why=removal(removed))
    kept: t.ClassVar[list[Event]] = [*EVENTS[2:], note.chained(6, END.hash)]

    def test_that_was_removed_is_told(self) -> None:
        assert verify(self.kept, end_of(self.kept, self.removed)) is None
        assert removed_up_to(self.kept[-1]) == self.removed

    def test_that_was_cut_is_found(self) -> None:
        found = verify(EVENTS[2:], end_of(EVENTS, self.removed))
        assert found == "the beginning is missing: events up to 2, and no event tells of their removal"

    def test_that_was_cut_further_is_found(self) -> None:
        third = Chain("redtrust", 3, EVENTS[2].hash)
        found = verify(self.kept[1:], end_of(self.kept, third))
        assert found is not None
        assert "the beginning is missing: events up to 3" in found

    def test_that_the_store_has_forgotten_is_found(self) -> None:
        assert verify(self.kept, end_of(self.kept)) == "event 1 is missing, 3 follows 0"
        assert verify([*EVENTS, self.kept[-1]], end_of(self.kept)) is not None

    def test_has_no_checkpoint_any_more(self) -> None:
        end = end_of(self.kept, self.removed)
        assert verify(self.kept, end, self.removed) is None
        found = verify(self.kept, end, Chain("redtrust", 1, EVENTS[0].hash))
        assert found == "the checkpoint is of event 1, and events up to 2 were removed: use a newer one"


def test_a_chain_is_checked_without_keeping_it_in_memory() -> None:
    seen = 0

    def events() -> t.Iterator[Event]:
        nonlocal seen
        for seen, event in enumerate(chained(20_000), 1):  # noqa: B007
            yield event

    tracemalloc.start()
    verify(events(), Chain("redtrust", 20_000))
    _size, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == 20_000
    assert peak < 1_000_000


@pytest.mark.parametrize("service", ["redtrust.example.com", "[::1]:8443", "a service: with words"])
def test_a_checkpoint_is_read_as_it_is_written(service: str) -> None:
    place = Chain(service, 41212, EVENTS[0].hash)
    assert Chain.parse(f" {place}\n") == place


@pytest.mark.parametrize("text", ["", "redtrust", "redtrust:1", "redtrust:x:" + "0" * 64, "redtrust:1:" + "0" * 63])
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="a checkpoint is a service, a number and 64 hex digits"):
        Chain.parse(text)


def test_an_event_as_json() -> None:
    shown = EVENTS[0].to_json()
    assert list(shown)[:5] == ["service", "number", "at", "name", "revision"]
    assert shown["hash"] == EVENTS[0].hash.hex()
    assert shown["was"] is None
