# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One certificate the whole way: from any state to one in use, with a death at any point."""

from __future__ import annotations

import collections
import dataclasses
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll import finalize
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    Adoption,
    BatchOptions,
    CertificateItem,
    RenewalPolicy,
    RenewItem,
    SignItem,
    SignStep,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.ca_down import (
    MOST_FAILURES,
    MOST_OF_ALL,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    BackingOffError,
    ConfigurationError,
    GateError,
    NotTriedError,
    PolicyError,
    RefusedError,
    SessionError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Outcome, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import thumbprint
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.told import run
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    DAY,
    KEY,
    LONGER,
    NOW,
    SPEC,
    Dead,
    World,
    certificate,
    kind,
    request_for,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import refusal

NEVER = RenewalPolicy.parse("never")


class TestOnePass:
    def test_a_certificate_is_issued_and_then_left_alone(self, world: World) -> None:
        outcome = world.certificate()
        assert (outcome.action, outcome.changed, outcome.error) == ("issue", True, None)
        assert outcome.reason == "not in the store yet"
        assert world.states() == ["1.1 finalized"]
        assert outcome.in_use == world.enrollment().current == outcome.revision
        assert outcome.before == {}
        assert (outcome.after or {})["state"] == "finalized"
        steps = world.transport.steps()
        again = world.certificate()
        assert (again.action, again.changed, again.revision) == ("none", False, outcome.revision)
        assert again.reason.startswith("due from ")
        assert world.transport.steps() == steps == ["login", "create", "finalize"]

    def test_of_one_that_needs_nothing_no_reason_need_be_told(self, world: World) -> None:
        world.tells_why_not = False
        assert world.certificate().reason == "not in the store yet"
        outcome = world.certificate()
        assert (outcome.action, outcome.changed, outcome.error) == ("none", False, None)
        assert (outcome.reason, outcome.in_use) == ("in use as asked for, and not due", world.enrollment().current)
        assert world.certificate(force=True).action == "replace"
        assert world.certificate(LONGER).action == "replace"

    def test_four_writes_do(self, world: World) -> None:
        world.certificate()
        assert world.writes == ["intended", "signing", "issued", "finalized"]

    def test_it_is_renewed_when_it_is_due(self, world: World) -> None:
        world.certificate()
        first = world.enrollment().current
        world.now = NOW + 60 * DAY
        outcome = world.certificate()
        assert (outcome.action, outcome.changed) == ("renew", True)
        assert outcome.reason.startswith("due since ")
        assert (outcome.before or {})["revision"] == 1
        assert world.states() == ["1.1 superseded", "2.1 finalized"]
        asked = [t.cast("dict[str, t.Any]", request.body) for request in world.transport.requests]
        assert first is not None
        assert [body["thumbprintToRenew"] for body in asked if "thumbprintToRenew" in body] == [first.thumbprint]

    def test_never_is_never(self, world: World) -> None:
        world.certificate(policy=NEVER)
        world.now = NOW + 300 * DAY
        outcome = world.certificate(policy=NEVER)
        assert (outcome.action, outcome.changed) == ("none", False)
        assert "expired since" in outcome.reason
        alone = world.certificate(None, policy=NEVER)
        assert (alone.action, alone.reason[:21]) == ("none", "renew_before is never")

    def test_it_is_replaced_when_something_else_is_asked_for(self, world: World) -> None:
        world.certificate()
        outcome = world.certificate(LONGER)
        assert (outcome.action, outcome.reason) == ("replace", "asked for now and then differ in key_length")
        assert world.states() == ["1.1 superseded", "2.1 finalized"]

    def test_force(self, world: World) -> None:
        world.certificate()
        assert world.certificate(force=True).action == "replace"
        assert world.certificate(None, force=True).action == "renew"
        assert world.states() == ["1.1 superseded", "2.1 superseded", "3.1 finalized"]

    def test_one_that_is_only_renewed_is_not_compared(self, world: World) -> None:
        world.certificate(LONGER)
        assert world.certificate(None).action == "none"

    def test_one_that_nobody_knows_cannot_be_renewed(self, world: World) -> None:
        outcome = world.certificate(None)
        assert kind(outcome) is PolicyError
        assert str(outcome.error) == (
            "there is no certificate to renew; the module requests a first one if the entry has a dn and renew_only is "
            "not set"
        )
        assert world.transport.steps() == []

    def test_warnings_of_all_steps_are_told(self, world: World) -> None:
        world.signer.told = ("the signer says so",)
        odd = dataclasses.replace(SPEC, dn=dataclasses.replace(SPEC.dn, attributes=(("cn", "www"), ("zz", "x"))))
        world.subject_match = "ignore"
        outcome = world.certificate(odd)
        assert "the signer says so" in outcome.warnings
        assert any("zz" in warning for warning in outcome.warnings)


class TestAdoption:
    def adoption(self, **facts: t.Any) -> Adoption:
        der = certificate(request_for(KEY))
        return Adoption(SPEC, thumbprint(der), der, NOW - DAY, NOW + 89 * DAY, **facts)

    @pytest.mark.parametrize("spec", [None, SPEC])
    def test_one_that_is_not_due_is_taken_over(self, world: World, spec: t.Any) -> None:
        outcome = world.certificate(spec, adoption=self.adoption)
        assert (outcome.action, outcome.changed, outcome.error) == ("adopt", True, None)
        assert world.states() == ["1.1 finalized"]
        assert world.certificate(spec, adoption=self.adoption).action == "none"
        assert world.transport.steps() == []

    def test_one_that_is_due_is_renewed_at_once(self, world: World) -> None:
        world.now = NOW + 80 * DAY
        outcome = world.certificate(adoption=self.adoption)
        assert (outcome.action, outcome.changed) == ("renew", True)
        assert outcome.reason.startswith("adopted, the store did not know it; due since")
        assert world.states() == ["1.1 superseded", "2.1 finalized"]

    def test_one_of_which_only_the_thumbprint_is_known(self, world: World) -> None:
        def adoption() -> Adoption:
            return Adoption(SPEC, "AB" * 20)

        assert world.certificate(adoption=adoption, policy=NEVER).action == "adopt"
        assert world.certificate(adoption=adoption).action == "renew"


class TestOneThatIsOnItsWay:
    @pytest.mark.parametrize("done", [("request",), ("request", "sign")])
    def test_it_is_completed(self, world: World, done: tuple[str, ...]) -> None:
        for step in done:
            assert getattr(world, step)().error is None
        outcome = world.certificate()
        assert (outcome.action, outcome.changed, outcome.error) == ("finalize", True, None)
        assert world.states() == ["1.1 finalized"]
        assert world.transport.steps().count("create") == 1
        assert len(world.signer.orders) == 1

    def test_the_steps_complete_what_it_began(self, world: World) -> None:
        world.signer.answers = [None]
        world.certificate()
        assert world.states() == ["1.1 signing"]
        assert [world.sign().action, world.finalize().action] == ["sign", "finalize"]
        assert world.states() == ["1.1 finalized"]

    def test_a_signer_that_is_not_done_is_asked_again(self, world: World) -> None:
        world.signer.answers = [None, None]
        first = world.certificate()
        assert (first.action, first.changed, first.reason) == ("wait", True, "the signer says: not yet")
        second = world.certificate()
        assert (second.action, second.changed, second.reason) == ("wait", False, "the signer says: not yet")
        third = world.certificate()
        assert (third.action, third.changed) == ("finalize", True)
        assert len({order.request_id for order in world.signer.orders}) == 1
        assert world.transport.steps().count("create") == 1

    def test_one_that_changed_meanwhile_is_finished_first(self, world: World) -> None:
        world.signer.answers = [None]
        world.certificate()
        outcome = world.certificate(LONGER)
        assert (outcome.action, outcome.error) == ("finalize", None)
        assert "the change of key_length takes effect in the run after" in outcome.reason
        assert world.certificate(LONGER).action == "replace"

    def test_force_ends_a_wait_and_goes_on(self, world: World) -> None:
        world.signer.answers = [SignerError("no"), SignerError("no")]
        world.certificate()
        world.certificate()
        assert kind(world.certificate()) is BackingOffError
        outcome = world.certificate(force=True)
        assert (outcome.action, outcome.error) == ("resume", None)
        assert world.states() == ["1.1 finalized"]


class TestFailures:
    def test_a_refusal_of_the_service(self, world: World) -> None:
        world.transport.replies["create"] = lambda _request: refusal("ERR_DN", "no such attribute")
        outcome = world.certificate()
        assert kind(outcome) is RefusedError
        assert outcome.action == "issue"
        assert world.states() == ["1.1 abandoned"]
        assert world.signer.orders == []

    def test_a_failure_of_the_signer(self, world: World) -> None:
        world.signer.answers = [SignerError("the CA is down")]
        outcome = world.certificate()
        assert kind(outcome) is SignerError
        assert world.states() == ["1.1 signing"]
        assert world.certificate().action == "finalize"
        assert world.transport.steps().count("create") == 1

    def test_a_rejection_of_the_signer(self, world: World) -> None:
        world.signer.answers = [SignerRejectedError("never")]
        assert kind(world.certificate()) is SignerRejectedError
        assert world.states() == ["1.1 rejected"]
        assert kind(world.certificate()) is PolicyError
        assert world.transport.steps().count("create") == 1

    def test_what_the_signer_never_got_can_change(self, world: World) -> None:
        world.signer.answers = [ConfigurationError("no such profile")]
        assert kind(world.certificate()) is ConfigurationError
        assert world.states() == ["1.1 requested"]
        outcome = world.certificate(LONGER)
        assert (outcome.action, outcome.error) == ("issue", None)
        assert world.states() == ["1.1 abandoned", "1.2 finalized"]

    def test_a_certificate_that_the_gate_refuses_goes_back_to_the_signer(self, world: World) -> None:
        world.signer.answers = [lambda csr: certificate(csr, days=90, start=NOW - 200 * DAY)]
        outcome = world.certificate()
        assert kind(outcome) is GateError
        assert world.states() == ["1.1 requested"]
        assert "finalize" not in world.transport.steps()
        assert world.certificate().action == "finalize"
        assert world.transport.steps().count("create") == 1
        assert len({order.request_id for order in world.signer.orders}) == 2

    def test_a_certificate_is_kept_where_the_session_ended_before_its_upload(self, world: World) -> None:
        def ended(csr: bytes) -> bytes:
            world.session_failure = SessionError("only a person can log in")
            return certificate(csr)

        world.signer.answers = [ended]
        outcome = world.certificate()
        assert kind(outcome) is SessionError
        (row,) = world.enrollment().revisions
        assert (row.state, row.upload_started) == (State.ISSUED, False)
        world.session_failure = None
        assert world.certificate().action == "finalize"
        assert len(world.signer.orders) == 1, "the signer is not asked for another one"

    def test_a_certificate_is_kept_where_the_gate_fails_unexpectedly(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_arguments: object, **_options: object) -> t.NoReturn:
            raise ValueError("nobody expected this")

        with monkeypatch.context() as patch:
            patch.setattr(finalize, "check_certificate", broken)
            assert world.certificate().error is not None
        assert world.states() == ["1.1 issued"]
        world.now += 40 * DAY
        assert world.certificate().action == "finalize"
        assert len(world.signer.orders) == 1


class TestASignerThatIsDown:
    NAMES = tuple(f"n{number:02}" for number in range(60))

    def run(self, world: World, step: t.Any, items: t.Iterable[t.Any]) -> list[Outcome]:
        options = BatchOptions("svc", "a run", workers=2, now=lambda: world.now, why_down=lambda: step.why_down)
        return run(step, items, world.store(), options)

    def items(self) -> list[CertificateItem]:
        specs = [dataclasses.replace(SPEC, name=name) for name in self.NAMES]
        return [CertificateItem(RenewItem(spec.name, NEVER), spec) for spec in specs]

    def test_the_rest_of_the_list_gets_no_key(self, world: World) -> None:
        world.signer.answers = [SignerError("the CA is down")] * 100
        outcomes = self.run(world, world.certificate_step(), self.items())
        asked = world.transport.steps().count("create")
        assert MOST_FAILURES <= asked <= MOST_FAILURES + 3
        assert collections.Counter(map(kind, outcomes)) == {SignerError: asked, NotTriedError: 60 - asked}
        words = {str(outcome.error) for outcome in outcomes if kind(outcome) is NotTriedError}
        why = f"the signer failed {MOST_FAILURES} times in a row, the last time: the CA is down"
        assert words == {f"issue at svc: not tried, since {why}"}, "it is one cause"
        world.signer.answers = []
        again = self.run(world, world.certificate_step(), self.items())
        assert {outcome.error for outcome in again} == {None}
        assert world.transport.steps().count("create") == 60, "the keys that were made are used"

    def test_fewer_failures_are_enough_where_they_are_not_about_one_certificate(self, world: World) -> None:
        world.signer.answers = [SignerError("nothing listens there", not_sent=True, concerns_all=True)] * 100
        outcomes = self.run(world, world.certificate_step(), self.items())
        asked = world.transport.steps().count("create")
        assert MOST_OF_ALL <= asked <= MOST_OF_ALL + 3
        assert collections.Counter(map(kind, outcomes)) == {SignerError: asked, NotTriedError: 60 - asked}
        for _run in range(3):
            self.run(world, world.certificate_step(), self.items())
        world.signer.answers = []
        again = self.run(world, world.certificate_step(), self.items())
        assert {outcome.error for outcome in again} == {None}, "none waits for what was not its own failure"

    def test_one_that_signs_in_between_is_not_down(self, world: World) -> None:
        some = [SignerError("not this one")] * (MOST_FAILURES - 1)
        world.signer.answers = [*some, None, *some, SignerRejectedError("never"), *some]
        outcomes = self.run(world, world.certificate_step(), self.items())
        assert NotTriedError not in set(map(kind, outcomes))

    def test_the_step_alone_stops_as_well(self, world: World) -> None:
        world.signer.answers = [None] * 60
        self.run(world, world.certificate_step(), self.items())
        world.signer.answers = [SignerError("the CA is down")] * 100
        step = SignStep(world.store(), world.signer, now=lambda: world.now)
        outcomes = self.run(world, step, [SignItem(name) for name in self.NAMES])
        assert list(map(kind, outcomes)).count(NotTriedError) >= 60 - MOST_FAILURES - 3


def to_the_end(world: World) -> None:
    """Run a job that issues, and another that renews."""
    world.now = NOW
    world.certificate()
    world.now = NOW + 61 * DAY
    world.certificate()


def test_a_death_at_any_point_loses_and_doubles_nothing(tmp_path: Path) -> None:
    counting = World(tmp_path / "counting" / "store.db")
    to_the_end(counting)
    counting.close()
    assert counting.states() == ["1.1 superseded", "2.1 finalized"]
    counting.close()
    assert counting.points > 20
    for fatal in range(1, counting.points + 1):
        world = World(tmp_path / str(fatal) / "store.db")
        world.fatal = fatal
        with pytest.raises(Dead):
            to_the_end(world)
        world.close()
        world.fatal = None
        to_the_end(world)
        rows = world.enrollment().revisions
        finalized = collections.Counter(row.revision for row in rows if row.certificate_id)
        assert finalized == {1: 1, 2: 1}, fatal
        unused = [code for code, upload in world.ledger.items() if upload is None]
        assert len(unused) <= world.enrollment().unknown_creates <= 1, fatal
        assert len({upload for _code, upload in world.uploads}) == 2, fatal
        steps = world.transport.steps()
        to_the_end(world)
        assert world.transport.steps() == steps, fatal
        world.close()
