# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revoking by hand, with a signer and a real store, and what the next runs make of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    SettleItem,
    Terms,
    forecast,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.attention import attention
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.policy import (
    decide_issue,
    decide_renewal,
    is_settled,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.renewal import RenewalPolicy
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.revoke import RevokeStep
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    NotTriedError,
    PolicyError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Revision, State
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.told import predict
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    DAY,
    MONTH,
    NOW,
    SPEC,
    Dead,
    World,
    kind,
)

ALL = Terms("cACompromise", "all")
GONE = Terms("cessationOfOperation", comment="she left", renew=False)
NEVER = RenewalPolicy.parse("never")
WHEN = "2026-06-01 00:00 UTC"


def row(state: State, revision: int = 1, **fields: t.Any) -> Revision:
    known = {"certificate": b"certificate %d" % revision, "thumbprint": f"{revision:040X}", **fields}
    return Revision("svc", "www", revision, 1, state, SPEC, **known)


def revoked(world: World) -> list[int]:
    """Return the revisions that the CA has revoked, in its order."""
    return [one.revision for one in world.signer.revoked]


class TestRevoke:
    def test_the_certificate_in_use_once(self, world: World) -> None:
        world.issue()
        done = world.revoke()
        assert (done.action, done.reason, done.changed) == ("revoke", "revision 1, keyCompromise", True)
        (order,) = world.signer.revoked
        current = world.enrollment().current
        assert current is not None
        assert (order.certificate, order.reason, order.revision) == (current.certificate, "keyCompromise", 1)
        assert (current.state, current.revoked_at) == (State.FINALIZED, NOW)
        assert [event.why for event in world.store().events("svc", "www")][-1] == "revoked (keyCompromise)"
        world.writes.clear()
        again = world.revoke()
        assert (again.action, again.reason, again.changed) == ("none", f"revision 1 was revoked at {WHEN}", False)
        assert (world.writes, revoked(world)) == ([], [1])

    def test_check_mode_revokes_nothing(self, world: World) -> None:
        world.issue()
        step = RevokeStep(world.store(), world.signer, Terms(), now=lambda: NOW)
        (expected,) = predict(step, [SettleItem("www")], world.store())
        assert (expected.action, expected.reason, expected.changed) == ("revoke", "revision 1, unspecified", True)
        assert expected.after is not None
        assert expected.after["revoked_at"] == NOW.isoformat()
        assert revoked(world) == []

    @pytest.mark.parametrize(("which", "expected"), [("current", [3]), ("superseded", [1, 2]), ("all", [1, 2, 3, 4])])
    def test_which(self, world: World, which: t.Any, expected: list[int]) -> None:
        world.store().put(row(State.SUPERSEDED), row(State.SUPERSEDED, 2), row(State.FINALIZED, 3))
        world.store().put(row(State.ABANDONED, 4), row(State.ISSUED, 5))
        assert world.revoke(Terms("superseded", which)).error is None
        assert revoked(world) == expected
        assert world.enrollment().revisions[-1].revoked_at is None

    def test_one_that_has_ended_needs_none(self, world: World) -> None:
        world.store().put(
            row(State.SUPERSEDED, not_valid_after=NOW), row(State.FINALIZED, 2, not_valid_after=NOW + DAY)
        )
        assert world.revoke(ALL).error is None
        assert revoked(world) == [2]
        assert world.revoke(ALL).reason == f"revision 2 was revoked at {WHEN}; revision 1 ended before"

    def test_the_one_with_a_thumbprint(self, world: World) -> None:
        """The same task never revokes the certificate that has taken its place."""
        world.issue()
        old = world.enrollment().current
        assert old is not None
        assert world.revoke(thumbprint=old.thumbprint).error is None
        assert world.certificate().error is None
        again = world.revoke(thumbprint=(old.thumbprint or "").lower())
        assert (again.action, again.changed) == ("none", False)
        assert revoked(world) == [1]
        assert kind(world.revoke(thumbprint="A" * 40)) is PolicyError

    @pytest.mark.parametrize(
        ("rows", "terms", "words"),
        [
            ((row(State.REQUESTED),), Terms(), "no certificate is in use"),
            ((row(State.FINALIZED),), Terms(which="superseded"), "no certificate was superseded"),
            ((row(State.REQUESTED),), ALL, "there is no certificate"),
        ],
    )
    def test_nothing_to_revoke(self, world: World, rows: tuple[Revision, ...], terms: Terms, words: str) -> None:
        world.store().put(*rows)
        outcome = world.revoke(terms)
        assert (outcome.action, outcome.reason, outcome.error) == ("none", words, None)

    def test_a_name_that_is_not_known(self, world: World) -> None:
        assert str(world.revoke().error) == "the store does not know this name"

    def test_one_that_only_the_ca_has(self, world: World) -> None:
        world.store().put(row(State.FINALIZED, certificate=None, adopted=True))
        assert "revision 1, only its thumbprint: revoke it at the CA" in str(world.revoke().error)

    def test_one_that_only_the_ca_has_does_not_keep_the_others(self, world: World) -> None:
        world.store().put(row(State.SUPERSEDED, certificate=None), row(State.SUPERSEDED, 2), row(State.FINALIZED, 3))
        done = world.revoke(ALL)
        assert revoked(world) == [2, 3]
        assert kind(done) is PolicyError
        assert "the store has no certificate of revision 1, only its thumbprint" in str(done.error)

    def test_one_that_was_revoked_is_given_up_also_where_only_the_ca_has_it(self, world: World) -> None:
        world.store().put(row(State.FINALIZED, certificate=None, revoked_at=NOW))
        assert world.revoke(GONE).error is None
        assert world.enrollment().current is None
        assert revoked(world) == []

    def test_the_rest_goes_on_after_a_failure(self, world: World) -> None:
        world.store().put(row(State.SUPERSEDED), row(State.SUPERSEDED, 2), row(State.FINALIZED, 3))
        world.signer.refusals = [None, SignerRejectedError("unknown serial"), None]
        failed = world.revoke(ALL)
        assert (kind(failed), str(failed.error), failed.changed) == (SignerRejectedError, "unknown serial", True)
        assert [bool(one.revoked_at) for one in world.enrollment().revisions] == [True, False, True]
        assert world.revoke(ALL).error is None
        assert revoked(world) == [1, 3, 2]

    def test_failures_of_several_are_all_told(self, world: World) -> None:
        world.store().put(row(State.SUPERSEDED), row(State.FINALIZED, 2))
        world.signer.refusals = [SignerError("a"), SignerError("b")]
        failed = world.revoke(ALL)
        assert (kind(failed), str(failed.error), failed.changed) == (SignerError, "a; b", False)

    def test_a_signer_that_cannot(self, world: World) -> None:
        world.issue()
        world.signer.refusals = [ConfigurationError("www: this signer cannot revoke")]
        failed = world.revoke()
        assert (kind(failed), failed.changed) == (ConfigurationError, False)

    def test_a_ca_that_wants_to_be_left_alone(self, world: World) -> None:
        class Closed:
            def may_wait(self) -> bool:
                return True

            def admit(self) -> str:
                return "the CA is closed"

            def spend(self) -> None:
                raise AssertionError

            def block(self, seconds: float, why: str) -> None:
                raise AssertionError

        world.issue()
        world.signer_throttle = Closed()
        assert kind(world.revoke()) is NotTriedError
        assert revoked(world) == []

    def test_a_ca_that_is_down_is_not_asked_for_all(self, world: World) -> None:
        world.store().put(*(row(State.SUPERSEDED, number) for number in range(1, 22)))
        world.signer.refusals = [SignerError("down")] * 21
        step = RevokeStep(world.store(), world.signer, ALL, now=lambda: NOW)
        world.run(step, SettleItem("www"))
        assert step.why_down == "the signer failed 20 times in a row, the last time: down"

    def test_a_run_that_dies_in_between_does_no_harm(self, world: World) -> None:
        world.issue()
        world.fatal = world.points + 1
        with pytest.raises(Dead):
            world.revoke()
        assert revoked(world) == [1]
        world.fatal = None
        assert world.revoke().changed
        assert revoked(world) == [1, 1]


class TestNotRenewed:
    def test_it_is_given_up(self, world: World) -> None:
        world.issue()
        world.revoke()
        done = world.revoke(GONE)
        assert (done.error, done.changed, revoked(world)) == (None, True, [1])
        assert world.states() == ["1.1 abandoned"]
        assert world.enrollment().revisions[0].note == "revoked (cessationOfOperation); she left; it is not renewed"
        assert world.store().names("svc") == []
        again = world.revoke(GONE)
        assert (again.action, again.changed) == ("none", False)

    def test_who_asks_for_it_again_gets_the_next_number(self, world: World) -> None:
        world.issue()
        world.now += 80 * DAY
        assert world.certificate().error is None
        world.revoke(GONE)
        assert world.certificate().error is None
        assert world.states() == ["1.1 superseded", "2.1 abandoned", "2.2 finalized"]

    def test_what_is_on_its_way_is_told(self, world: World) -> None:
        world.issue()
        world.request(dataclasses.replace(SPEC, key_length=4096))
        done = world.revoke(GONE)
        assert done.warnings == (
            "revision 2 is on its way and is not given up: run redtrust_enrollment with state=abandoned for it",
        )


class TestDue:
    @pytest.mark.parametrize("policy", [MONTH, NEVER])
    def test_at_once(self, world: World, policy: RenewalPolicy) -> None:
        world.issue()
        world.revoke()
        enrollment = world.enrollment()
        assert not is_settled(SPEC, enrollment, policy, NOW)
        decided = decide_renewal(enrollment, policy, NOW)
        assert (decided.action, decided.reason) == ("renew", f"it was revoked at {WHEN}")
        foreseen = forecast(enrollment, policy, NOW + DAY)
        assert foreseen is not None
        assert (foreseen.due_at, foreseen.renew_at) == (NOW, NOW + DAY)
        assert decide_issue(SPEC, enrollment, NOW).reason == f"finalized as asked for; revoked at {WHEN}"

    @pytest.mark.parametrize("tells_why_not", [False, True])
    @pytest.mark.parametrize("policy", [MONTH, NEVER])
    def test_the_whole_way_replaces_it_once(self, world: World, policy: RenewalPolicy, tells_why_not: bool) -> None:
        world.tells_why_not = tells_why_not
        world.issue()
        world.revoke()
        replaced = world.certificate(policy=policy)
        assert (replaced.action, replaced.reason) == ("renew", f"it was revoked at {WHEN}")
        assert world.states() == ["1.1 superseded", "2.1 finalized"]
        assert world.certificate(policy=policy).action == "none"

    def test_the_step_of_the_renewal(self, world: World) -> None:
        world.issue()
        world.revoke()
        assert world.renew().reason == f"it was revoked at {WHEN}"

    def test_a_person_is_told_until_it_is_replaced(self, world: World) -> None:
        world.issue()
        world.revoke()
        (found,) = attention(world.enrollment(), NOW)
        assert (found.kind, found.since) == ("revoked", NOW)
        assert "renews it at once" in found.next_step
        world.certificate()
        assert attention(world.enrollment(), NOW + dt.timedelta(hours=1)) == []
