# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written down when a request has to wait: never that it is on its way before it is."""

from __future__ import annotations

import collections.abc as c
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import NotTriedError, SignerError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Outcome
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    Dead,
    World,
    kind,
)


class Throttle:
    """Note the states in the store each time a request waits; die, or say no, at one of them."""

    def __init__(self, world: World, *, waits: bool = True) -> None:
        self.world = world
        self.waits = waits
        self.seen: list[list[str]] = []
        self.dies_at = -1
        self.why_at: dict[int, str] = {}
        self.blocks: list[tuple[float, str]] = []
        self._has_one = False

    def may_wait(self) -> bool:
        return self.waits and not self._has_one

    def admit(self) -> str:
        if self._has_one:
            return ""
        number = len(self.seen)
        self.seen.append(self.world.states())
        if number == self.dies_at:
            raise Dead
        why = self.why_at.get(number, "")
        self._has_one = not why
        return why

    def spend(self) -> None:
        self._has_one = False

    def block(self, seconds: float, why: str) -> None:
        self.blocks.append((seconds, why))


@pytest.fixture
def world(tmp_path: Path) -> c.Iterator[World]:
    one = World(tmp_path / "store.sqlite3")
    yield one
    one.close()


def issue(world: World, one_pass: bool) -> list[Outcome]:
    return [world.certificate()] if one_pass else [world.request(), world.sign(), world.finalize()]


@pytest.mark.parametrize("one_pass", [True, False])
def test_the_store_says_nothing_of_a_request_that_waits(world: World, *, one_pass: bool) -> None:
    world.throttle = Throttle(world)
    assert [outcome.error for outcome in issue(world, one_pass)] == [None] * (1 if one_pass else 3)
    login, create, finalize = world.throttle.seen[0], world.throttle.seen[1], world.throttle.seen[-1]
    assert (login, create, finalize) == ([], [], ["1.1 issued"])
    assert world.enrollment().pending is None


def test_an_upload_that_does_not_wait_costs_no_write(world: World) -> None:
    world.throttle = Throttle(world, waits=False)
    assert world.certificate().error is None
    assert world.writes == ["intended", "signing", "issued", "finalized"]


def test_one_that_waits_costs_one(world: World) -> None:
    world.throttle = Throttle(world)
    assert world.certificate().error is None
    assert world.writes == ["intended", "signing", "issued", "issued", "finalized"]


def test_a_run_that_dies_while_it_waits_loses_nothing(world: World) -> None:
    """At each wait: for the login, for a key, for the signer, for the upload."""
    for number in range(8):
        throttle = Throttle(world)
        throttle.dies_at = number
        world.throttle = world.signer_throttle = throttle
        try:
            outcome = world.certificate(force=True)
        except Dead:
            assert world.enrollment().unknown_creates == 0
            continue
        assert outcome.error is None
        break
    assert len(world.signer.orders) == len(world.ledger) == len(world.uploads) == 1


def test_what_may_not_be_sent_leaves_the_request_where_it_is(world: World) -> None:
    throttle = Throttle(world)
    throttle.why_at = {1: "the service asked all runs to wait"}
    world.throttle = throttle
    outcome = world.certificate()
    assert kind(outcome) is NotTriedError
    assert world.states() == []
    assert world.ledger == {}


def test_what_may_not_be_signed_was_never_at_the_signer(world: World) -> None:
    throttle = Throttle(world)
    throttle.why_at = {0: "the CA asked all runs to wait"}
    world.signer_throttle = throttle
    outcome = world.certificate()
    assert kind(outcome) is NotTriedError
    assert world.states() == ["1.1 requested"]
    assert world.signer.orders == []
    world.signer_throttle = None
    assert world.certificate().error is None
    assert len(world.ledger) == 1


def test_what_was_at_the_signer_stays_there(world: World) -> None:
    world.signer.answers = [None]
    assert world.certificate().action == "wait"
    throttle = Throttle(world)
    throttle.why_at = {0: "the CA asked all runs to wait"}
    world.signer_throttle = throttle
    assert kind(world.certificate()) is NotTriedError
    assert world.states() == ["1.1 signing"]


def test_a_signer_that_wants_a_pause_stops_all_runs_and_is_no_failure_of_the_certificate(world: World) -> None:
    throttle = Throttle(world)
    world.signer_throttle = throttle
    world.signer.answers = [SignerError("the CA is busy", retry_after=40.0)]
    assert kind(world.certificate()) is SignerError
    assert throttle.blocks == [(40.0, "the CA is busy")]
    pending = world.enrollment().pending
    assert pending is not None
    assert (pending.failures, pending.note) == (0, "the CA is busy")
    assert world.certificate().error is None


def test_a_certificate_that_waits_for_its_upload_is_not_lost(world: World) -> None:
    throttle = Throttle(world)
    throttle.why_at = {2: "the service asked all runs to wait"}
    world.throttle = throttle
    assert kind(world.certificate()) is NotTriedError
    assert world.states() == ["1.1 issued"]
    pending = world.enrollment().pending
    assert pending is not None
    assert not pending.upload_started
    world.throttle = None
    assert world.certificate().error is None
    assert len(world.signer.orders) == 1
