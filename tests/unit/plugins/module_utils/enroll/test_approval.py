# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that wait for people, with a service, a signer and a real store."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import CertificateItem, RenewItem
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.approval import (
    ApprovalRule,
    counted,
    missing,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.attention import attention
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    PolicyError,
    SignerError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Approval, Revision, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import NotYet
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.told import predict
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    LONGER,
    MONTH,
    NOW,
    SPEC,
    Dead,
    World,
    certificate,
    kind,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import refusal

TWO = ApprovalRule(2)
FOUR_EYES = ApprovalRule(1, four_eyes=True)


@pytest.fixture
def held(world: World) -> World:
    """Return a world whose requests need one approval."""
    world.approval = ApprovalRule()
    return world


def of_attention(world: World) -> tuple[str, str]:
    (found,) = attention(world.enrollment(), world.now)
    return found.kind, f"{found.problem} | {found.next_step}"


def history(world: World) -> list[tuple[str | None, str, str, str | None]]:
    return [(event.was, event.state, event.actor, event.why) for event in world.store().events("svc", "www")]


class TestHeld:
    def test_a_request_waits_and_costs_one_write(self, held: World) -> None:
        held.request()
        waits = held.sign()
        assert (waits.action, waits.reason) == ("wait", "waits for approval: 0 of 1 given")
        assert (waits.error, waits.changed) == (None, True)
        held.writes.clear()
        again = held.sign()
        assert (again.action, again.reason, again.changed) == ("wait", waits.reason, False)
        assert (held.writes, held.signer.orders) == ([], [])
        assert held.states() == ["1.1 requested"]

    def test_the_signer_gets_it_after_the_last_approval(self, held: World) -> None:
        held.approval = TWO
        held.request()
        held.sign()
        assert held.settle("approved", "ben", "change 4711").reason == "approved by ben: change 4711; 1 of 2 given"
        assert held.sign().reason == "waits for approval: 1 of 2 given (ben)"
        assert held.settle("approved", "eva").reason == "approved by eva; 2 of 2 given"
        assert held.sign().action == "sign"
        assert held.finalize().error is None
        assert held.states() == ["1.1 finalized"]
        (row,) = held.enrollment().revisions
        assert row.approvals == (Approval("ben", NOW, "change 4711"), Approval("eva", NOW))

    def test_the_events_tell_who_and_why(self, held: World) -> None:
        held.request()
        held.sign()
        held.settle("approved", "ben", "change 4711")
        assert history(held)[-2:] == [
            ("requested", "requested", "ana", "waits for approval: 0 of 1 given"),
            ("requested", "requested", "ben", "approved by ben: change 4711; 1 of 1 given"),
        ]

    def test_the_whole_way_stops_at_the_request(self, held: World) -> None:
        waits = held.certificate()
        assert (waits.action, waits.reason, waits.changed) == ("wait", "waits for approval: 0 of 1 given", True)
        assert held.writes == ["intended", "requested"]
        held.writes.clear()
        again = held.certificate()
        assert (again.action, again.reason, again.changed) == ("wait", waits.reason, False)
        assert held.writes == []
        held.settle("approved", "ben")
        assert held.certificate().action == "finalize"
        assert held.states() == ["1.1 finalized"]
        assert len(held.ledger) == 1

    def test_the_plan_says_so(self, held: World) -> None:
        held.approval = ApprovalRule(2, four_eyes=True)

        def predicted() -> tuple[str, str]:
            item = CertificateItem(RenewItem("www", MONTH), SPEC)
            (one,) = predict(held.certificate_step(), [item], held.store())
            return one.action, one.reason

        words = "not in the store yet; the request then waits for 2 approvals by somebody else than the person who asks"
        assert predicted() == ("issue", f"{words} for it")
        held.certificate()
        assert predicted() == ("wait", "waits for approval: 0 of 2 given; ana asked for the key and may not approve it")

    def test_each_renewal_needs_its_own(self, held: World) -> None:
        held.certificate()
        held.settle("approved", "ben")
        held.certificate()
        held.now += dt.timedelta(days=80)
        assert held.certificate().reason == "waits for approval: 0 of 1 given"
        assert held.states() == ["1.1 finalized", "2.1 requested"]

    def test_what_is_asked_for_anew_needs_new_ones(self, held: World) -> None:
        held.approval = TWO
        held.certificate()
        held.settle("approved", "ben")
        assert held.certificate(LONGER).reason == "waits for approval: 0 of 2 given"
        assert held.states() == ["1.1 abandoned", "1.2 requested"]

    def test_force_does_not_go_round_it(self, held: World) -> None:
        held.certificate()
        assert held.certificate(force=True).action == "wait"
        held.request(force=True)
        assert held.sign().action == "wait"
        assert held.signer.orders == []

    def test_a_refused_certificate_is_signed_again_with_the_same_approvals(self, held: World) -> None:
        held.certificate()
        held.settle("approved", "ben")
        held.signer.answers = [lambda csr: certificate(csr, start=NOW - dt.timedelta(days=200))]
        assert held.certificate().error is not None
        assert held.states() == ["1.1 requested"]
        assert held.certificate().error is None
        assert held.states() == ["1.1 finalized"]

    def test_one_that_is_at_the_signer_is_asked_for_again(self, world: World) -> None:
        world.signer.answers = [NotYet(), NotYet()]
        world.certificate()
        world.approval = TWO
        assert world.certificate().reason == "the signer says: not yet"

    def test_one_that_was_never_sent_waits_again_where_more_is_wanted(self, held: World) -> None:
        held.certificate()
        held.settle("approved", "ben")
        held.signer.answers = [SignerError("no route", not_sent=True)]
        assert held.certificate().error is not None
        held.approval = TWO
        assert held.certificate().reason == "waits for approval: 1 of 2 given (ben)"

    def test_a_run_without_the_option_does_not_hand_it_over(self, held: World) -> None:
        held.certificate()
        held.approval = None
        assert held.certificate().reason == "waits for approval: 0 of 1 given"
        assert held.sign().action == "wait"
        held.settle("approved", "ben")
        assert held.sign().action == "sign"

    def test_a_certificate_that_is_given_does_not_go_round_it(self, held: World) -> None:
        held.certificate()
        (row,) = held.enrollment().revisions
        given = held.finalize(certificate(t.cast("bytes", row.csr)))
        assert (given.action, given.reason) == ("none", "requested, waits for approval: 0 of 1 given")
        assert held.uploads == []

    @pytest.mark.parametrize("number", [0, -1, 101])
    def test_an_impossible_number(self, number: int) -> None:
        with pytest.raises(ConfigurationError, match="approvals must be from 1 to 100"):
            ApprovalRule.read({"approvals": number, "four_eyes": False})

    def test_a_run_may_die_anywhere(self, tmp_path: t.Any) -> None:
        """Whenever a run dies, the next ones issue one certificate for one key, and not before the approval."""
        fatal = 1
        while True:
            world = World(tmp_path / str(fatal) / "store.db")
            world.approval = ApprovalRule()
            world.fatal = fatal
            died = False
            for user, act in (
                ("ana", world.certificate),
                ("ben", lambda world=world: world.settle("approved", "ben")),
                ("ana", world.certificate),
            ):
                world.user = user
                try:
                    act()
                except Dead:
                    died = True
                    world.fatal = None
                    act()
            world.certificate()
            if world.enrollment().current is None:
                world.settle("approved", "ben")
                world.certificate()
            (issued,) = [row for row in world.enrollment().revisions if row.certificate]
            assert issued.state is State.FINALIZED
            assert [approval.by for approval in issued.approvals] == ["ben"]
            world.close()
            if not died:
                return
            fatal += 1


class TestFourEyes:
    @pytest.fixture(autouse=True)
    def four_eyes(self, world: World) -> None:
        world.approval = FOUR_EYES

    @pytest.mark.parametrize("by", ["ana", "Ana"])
    def test_who_asked_may_not_approve(self, world: World, by: str) -> None:
        world.certificate()
        refused = world.settle("approved", by)
        assert kind(refused) is PolicyError
        assert "may not approve it, since" in str(refused.error)
        assert world.settle("approved", "ben").error is None
        assert world.certificate().action == "finalize"

    def test_an_early_approval_of_who_asked_does_not_count(self, world: World) -> None:
        world.request()
        assert world.settle("approved", "ana").error is None
        waits = world.sign()
        assert waits.reason == "waits for approval: 0 of 1 given; ana asked for the key and may not approve it"

    def test_the_run_that_signs_is_not_who_asked(self, world: World) -> None:
        world.request()
        world.user = "cron"
        assert world.sign().reason.endswith("; ana asked for the key and may not approve it")
        assert world.settle("approved", "cron").error is None

    def test_who_asked_last_for_a_row_that_is_used_again(self, world: World) -> None:
        """An attempt without a key leaves its row to the next one, which somebody else begins."""
        creates = world.transport.replies["create"]
        world.transport.replies["create"] = refusal("ERR_INVALID_PARAMETER", "no", 400)
        assert world.request().error is not None
        world.transport.replies["create"] = creates
        world.user = "ben"
        assert world.request(force=True).error is None
        assert world.states() == ["1.1 requested"]
        assert world.sign().reason.endswith("; ben asked for the key and may not approve it")

    def test_one_more_where_nobody_knows_who_asked(self, world: World) -> None:
        row = Revision("svc", "www", 1, 1, State.REQUESTED, SPEC, csr=b"csr")
        world.store().put(row)
        assert world.sign().reason == "waits for approval: 0 of 2 given"
        world.settle("approved", "ana")
        world.settle("approved", "ben")
        assert missing(world.enrollment().revisions[0]) == 0
        world.writes.clear()
        assert world.sign().action == "sign"


class TestVerdict:
    def test_before_a_run_says_that_it_is_needed(self, held: World) -> None:
        held.request()
        assert held.settle("approved", "ben").reason == "approved by ben"
        assert held.sign().action == "sign"

    @pytest.mark.parametrize("by", ["ben", "BEN"])
    def test_the_same_person_counts_once(self, held: World, by: str) -> None:
        held.approval = TWO
        held.certificate()
        held.settle("approved", "ben")
        held.writes.clear()
        again = held.settle("approved", by)
        when = "2026-06-01 00:00 UTC"
        words = f"{by} approved revision 1 at {when} already; it waits for approval: 1 of 2 given (ben)"
        assert (again.action, again.reason, again.changed) == ("none", words, False)
        assert held.writes == []

    def test_again_after_it_was_issued(self, held: World) -> None:
        held.certificate()
        held.settle("approved", "ben")
        held.certificate()
        again = held.settle("approved", "ben")
        assert again.reason == "ben approved revision 1 at 2026-06-01 00:00 UTC already; it is finalized"

    def test_two_rows_of_the_same_person_count_once(self) -> None:
        given = (Approval("ben", NOW), Approval("Ben", NOW), Approval("eva", NOW))
        row = Revision("svc", "www", 1, 1, State.REQUESTED, SPEC, approvals=given, approvals_needed=3)
        assert [approval.by for approval in counted(row)] == ["ben", "eva"]
        assert missing(row) == 1

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            (State.INTENDED, "revision 1 has no request yet"),
            (State.SIGNING, "revision 1 is at the signer already"),
            (State.ISSUED, "revision 1 is signed already"),
            (State.FINALIZED, "revision 1 is finalized"),
            (State.ABANDONED, "revision 1 is abandoned"),
            (State.CREATE_UNKNOWN, "revision 1 is create_unknown"),
        ],
    )
    @pytest.mark.parametrize("verdict", ["approved", "denied"])
    def test_where_nothing_waits(self, world: World, state: State, words: str, verdict: t.Any) -> None:
        world.store().put(Revision("svc", "www", 1, 1, state, SPEC))
        refused = world.settle(verdict, "ben", "no")
        assert kind(refused) is PolicyError
        assert f"nothing waits for approval: {words}" in str(refused.error)

    def test_a_name_that_is_not_known(self, world: World) -> None:
        assert str(world.settle("approved", "ben").error) == "the store does not know this name"

    def test_one_denial_is_enough(self, held: World) -> None:
        held.approval = TWO
        held.certificate()
        held.settle("approved", "ben")
        denied = held.settle("denied", "eva", "not ordered")
        assert (denied.action, denied.reason, denied.changed) == ("deny", "denied by eva: not ordered", True)
        assert held.states() == ["1.1 rejected"]
        assert history(held)[-1] == ("requested", "rejected", "eva", "denied by eva: not ordered")
        again = held.settle("denied", "eva", "not ordered")
        assert again.reason == "revision 1 is rejected already (denied by eva: not ordered)"
        assert not again.changed
        refused = held.certificate()
        assert kind(refused) is PolicyError
        assert "revision 1 was denied by eva: not ordered: change what is asked for" in str(refused.error)
        assert of_attention(held)[0] == "rejected"
        assert of_attention(held)[1].startswith("it was denied by eva: not ordered | ")
        assert kind(held.settle("approved", "ben")) is PolicyError
        assert held.certificate(dataclasses.replace(SPEC, key_length=4096)).action == "wait"

    def test_only_what_was_looked_at(self, held: World) -> None:
        held.certificate()
        (row,) = held.enrollment().revisions
        seen = hashlib.sha256(t.cast("bytes", row.csr)).hexdigest()
        held.certificate(LONGER)
        refused = held.settle("approved", "ben", csr_sha256=seen)
        assert kind(refused) is PolicyError
        assert "csr_sha256 is of another request" in str(refused.error)
        now = hashlib.sha256(t.cast("bytes", held.enrollment().revisions[-1].csr)).hexdigest()
        assert held.settle("approved", "ben", csr_sha256=now.upper()).error is None


class TestAttention:
    def test_nobody_yet(self, held: World) -> None:
        held.certificate()
        what, words = of_attention(held)
        assert what == "unapproved"
        assert words.startswith("it waits for approval: 0 of 1 given | look at what is asked for; then somebody runs")
        assert "redtrust_enrollment with state=approved" in words

    def test_who_did_and_who_may_not(self, held: World) -> None:
        held.approval = ApprovalRule(2, four_eyes=True)
        held.certificate()
        assert "2 people (not ana) run redtrust_enrollment" in of_attention(held)[1]
        held.settle("approved", "ben")
        words = of_attention(held)[1]
        assert "1 of 2 given (ben); ana asked for the key and may not approve it" in words
        assert "one more person (not ana, ben) runs redtrust_enrollment" in words

    def test_what_failed_before(self, held: World) -> None:
        held.certificate()
        held.settle("approved", "ben")
        held.signer.answers = [SignerError("no route", not_sent=True)]
        held.certificate()
        held.approval = TWO
        held.certificate()
        assert "; the last attempt failed (no route)" in of_attention(held)[1]

    def test_one_that_is_approved_waits_for_the_signer(self, held: World) -> None:
        held.certificate()
        held.settle("approved", "ben")
        assert of_attention(held)[0] == "waiting"
