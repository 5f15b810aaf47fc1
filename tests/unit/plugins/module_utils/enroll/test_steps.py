# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of an enrollment on a real store: each state, each failure, and a death at each write and each send."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime as dt
import re
import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll import request
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    Adoption,
    FinalizeItem,
    FinalizeStep,
    RenewItem,
    RequestItem,
    RequestStep,
    SignItem,
    SignStep,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.renewal import RenewalPolicy
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerLostError,
    BackingOffError,
    ConfigurationError,
    GateError,
    InternalError,
    NotSentError,
    PolicyError,
    RefusedError,
    ServiceError,
    SignerError,
    SignerRejectedError,
    StaleRevisionError,
    UnauthorizedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.retry import Retry
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpResponse,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    DistinguishedName,
    Outcome,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    NotYet,
    SigningOrder,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import encode_upload, thumbprint
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.told import predict
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    DAY,
    KEY,
    LONGER,
    MONTH,
    NAME,
    NOW,
    SPEC,
    Dead,
    World,
    certificate,
    digest,
    expired_root,
    kind,
    request_for,
    root,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    client,
    failed,
    play,
    raw,
    refusal,
    stored,
    tokens,
)


class TestTheHappyWay:
    def test_issue_and_again(self, world: World) -> None:
        asked, signed, done = world.request(), world.sign(), world.finalize()
        assert [one.action for one in (asked, signed, done)] == ["issue", "sign", "finalize"]
        assert all(one.changed for one in (asked, signed, done))
        assert "canary-0" in world.registered
        current = world.enrollment().current
        assert current is not None
        assert current.certificate is not None
        assert current.thumbprint == thumbprint(current.certificate)
        assert current.certificate_id == "7"
        assert current.not_valid_after == NOW + 89 * DAY
        assert done.in_use == current
        assert asked.after == {"revision": 1, "state": "requested", **SPEC.asked_for()}
        assert done.after == {
            "revision": 1,
            "state": "finalized",
            "thumbprint": current.thumbprint,
            "not_valid_after": "2026-08-29T00:00:00+00:00",
            **SPEC.asked_for(),
        }
        steps = world.transport.steps()
        again = [world.request(), world.sign(), world.finalize(), world.renew()]
        assert [one.action for one in again] == ["none"] * 4
        assert [one.revision for one in again] == [current] * 4
        assert again[2].reason == "finalized"
        assert not any(one.changed or one.error for one in again)
        assert world.transport.steps() == steps == ["login", "create", "login", "finalize"]

    def test_renew_and_replace(self, world: World) -> None:
        world.issue()
        first = world.enrollment().current
        assert first is not None
        world.now = NOW + 60 * DAY
        renewed = world.renew()
        assert (renewed.action, renewed.in_use) == ("renew", first)
        assert t.cast("dict[str, t.Any]", world.transport.requests[-1].body)["thumbprintToRenew"] == first.thumbprint
        assert world.request().action == "resume"
        world.sign()
        outcome = world.finalize()
        assert (outcome.before or {})["revision"] == 2
        assert world.states() == ["1.1 superseded", "2.1 finalized"]
        assert world.request(LONGER).action == "replace"
        assert world.states()[-1] == "3.1 requested"

    def test_a_request_code_goes_with_the_renewal_that_has_it(self, world: World) -> None:
        world.issue()
        world.renew(RenewItem("www", MONTH, force=True, request_code="MINE"))
        bodies = [t.cast("dict[str, t.Any]", request.body) for request in world.transport.requests]
        asked = [body for body in bodies if "keyType" in body]
        assert [body.get("requestCode") for body in asked] == [None, "MINE"]

    def test_a_certificate_from_elsewhere(self, world: World) -> None:
        asked = world.request()
        assert asked.revision is not None
        assert asked.revision.csr is not None
        waits = world.finalize()
        assert (waits.action, waits.reason, waits.revision) == (
            "none",
            "requested, waits for its certificate",
            asked.revision,
        )
        given = certificate(asked.revision.csr)
        assert world.finalize(given).action == "finalize"
        again = world.finalize(given)
        assert (again.action, again.error) == ("none", None)
        assert kind(world.finalize(certificate(asked.revision.csr))) is GateError
        assert world.states() == ["1.1 finalized"]
        world.renew(RenewItem("www", MONTH, force=True))
        assert world.finalize(given).reason == "requested, waits for its certificate"

    def test_of_several_the_one_that_is_valid_now(self, world: World) -> None:
        world.now = dt.datetime(2001, 1, 10, tzinfo=dt.timezone.utc)
        world.request()
        csr = t.cast("bytes", pending_of(world).csr)
        valid, later = certificate(csr, start=world.now - DAY), certificate(csr, start=world.now + DAY)
        assert world.finalize(later, valid).action == "finalize"
        current = world.enrollment().current
        assert current is not None
        assert current.certificate == valid

    def test_what_is_uploaded_and_written_down(self, world: World) -> None:
        world.request()
        leaf, issuer = certificate(t.cast("bytes", pending_of(world).csr)), root("www", NOW + 99 * DAY)
        world.transport.replies["finalize"] = stored(thumbprint(leaf))
        step = FinalizeStep(**world._tools(), subject_match="contains", encoding="pem")
        outcome = world.run(step, FinalizeItem("www", lambda: [issuer, leaf]))
        assert world.transport.requests[-1].body == {
            "requestCode": "canary-0",
            "dataInB64": encode_upload(leaf, (issuer,), "pem"),
            "provider": "CA",
        }
        current = world.enrollment().current
        assert current is not None
        assert outcome.revision == current
        assert (current.certificate, current.chain, current.thumbprint) == (leaf, (issuer,), thumbprint(leaf))
        assert (current.not_valid_before, current.not_valid_after) == (NOW - DAY, NOW + 89 * DAY)

    def test_adopted_by_thumbprint(self, world: World) -> None:
        dates: dict[str, t.Any] = {"not_valid_before": NOW - 60 * DAY, "not_valid_after": NOW + 31 * DAY}
        adoption = Adoption(SPEC, "A" * 40, b"certificate", **dates)
        item = RenewItem("www", MONTH, adoption=lambda: adoption)
        outcome = world.renew(item)
        assert (outcome.action, outcome.changed, outcome.before) == ("adopt", True, {})
        (adopted,) = world.enrollment().revisions
        assert outcome.revision == outcome.in_use == adopted
        assert adopted == Revision(
            "svc",
            "www",
            1,
            1,
            State.FINALIZED,
            SPEC,
            generation=1,
            certificate=b"certificate",
            thumbprint="A" * 40,
            **dates,
            adopted=True,
            note="adopted",
            created_at=adopted.created_at,
            updated_at=adopted.updated_at,
        )
        assert not world.renew(item).changed
        world.now += 2 * DAY
        assert world.renew(item).action == "renew"
        assert t.cast("dict[str, t.Any]", world.transport.requests[-1].body)["thumbprintToRenew"] == "A" * 40

    def test_adopted_and_due_at_once(self, world: World) -> None:
        adoption = Adoption(SPEC, "A" * 40, not_valid_after=NOW)
        outcome = world.renew(RenewItem("www", MONTH, adoption=lambda: adoption))
        assert outcome.action == "renew"
        assert outcome.reason.startswith("adopted, the store did not know it; due since")
        assert world.states() == ["1.1 finalized", "2.1 requested"]
        assert outcome.in_use == world.enrollment().current

    def test_nothing_to_renew(self, world: World) -> None:
        assert kind(world.renew()) is PolicyError
        assert world.transport.steps() == []


def test_check_mode_tells_that_it_will_be_asked_for(world: World) -> None:
    step = RequestStep(**world._tools(), register=print)
    (outcome,) = predict(step, [RequestItem(SPEC)], world.store())
    assert (outcome.action, outcome.reason, outcome.changed) == ("issue", "not in the store yet", True)
    assert outcome.after is not None
    assert outcome.after["state"] == "requested"
    assert world.states() == []


def test_warnings_are_told_with_the_request(world: World) -> None:
    world.issue()
    spec = dataclasses.replace(SPEC, dn=DistinguishedName((("cn", "www"), ("c", "Spain"))))
    (warning,) = world.request(spec).warnings
    assert "country code of two letters" in warning


def test_a_warning_about_the_time_of_renewal_is_told(world: World) -> None:
    world.issue()
    late = RenewalPolicy.parse("89d")
    for now, action in ((NOW, "none"), (NOW + 80 * DAY, "renew")):
        world.now = now
        outcome = world.renew(RenewItem("www", late))
        assert outcome.action == action
        assert [warning.partition(" leaves")[0] for warning in outcome.warnings] == ["renew_before 89d"]


def test_a_request_on_its_way_is_shown_again(world: World) -> None:
    world.issue()
    world.request(LONGER)
    for force in (False, True):
        again = world.request(LONGER, force=force)
        assert (again.action, again.reason, again.changed) == ("resume", "requested, to be signed", False)
        assert again.revision == pending_of(world)


def test_a_request_that_is_given_up_makes_room_for_the_next(world: World) -> None:
    world.issue()
    world.request(LONGER)
    assert world.request(dataclasses.replace(SPEC, key_length=8192)).action == "replace"
    assert world.states() == ["1.1 finalized", "2.1 abandoned", "2.2 requested"]


def test_a_certificate_that_expired_before_its_upload_takes_its_failures_along(world: World) -> None:
    world.request()
    world.sign()
    world.store().put(dataclasses.replace(pending_of(world), failures=2))
    world.now += 90 * DAY
    world.transport.replies["create"] = refusal("X", "no", 400)
    assert kind(world.request()) is RefusedError
    assert [row.failures for row in world.enrollment().revisions] == [0, 1]


class TestCreateFails:
    @pytest.mark.parametrize(
        ("reply", "state"),
        [
            (failed(NotSentError), "abandoned"),
            (failed(AnswerLostError), "create_unknown"),
            (raw(b"rubbish"), "create_unknown"),
            (raw(b"", 500), "create_unknown"),
            (raw(b"", 503), "create_unknown"),
            (raw(b"", 502, retry_after="1"), "create_unknown"),
            (refusal("UNKNOWN_ERROR", "error", 500), "create_unknown"),
            (raw(b"<html>"), "create_unknown"),
            (raw(b"", 503, retry_after="1"), "abandoned"),
            (raw(b"", 429), "abandoned"),
            (raw(b"", 429, retry_after="1"), "abandoned"),
            (raw(b"", 302, location="https://elsewhere.example/"), "abandoned"),
            (raw(b"<html>", 307, location="/signin"), "abandoned"),
            (raw(b"<html>", 413), "abandoned"),
            (refusal("SLAVE_SERVER", "no", 503), "abandoned"),
            (refusal("SLAVE_SERVER", "no", 500), "abandoned"),
            (refusal("X", "canary-of-the-service", 400), "abandoned"),
            (refusal("X", "no", 200), "abandoned"),
            (failed(UnauthorizedError, status=401), "abandoned"),
        ],
    )
    def test_what_it_leaves_behind(self, world: World, reply: HttpResponse | ServiceError, state: str) -> None:
        world.transport.replies["create"] = reply
        outcome = world.request()
        assert outcome.error is not None
        assert not outcome.changed
        assert world.states() == [f"1.1 {state}"]
        assert outcome.revision is not None
        assert str(outcome.revision.state) == state
        assert outcome.revision.note == str(outcome.error)
        world.transport.replies["create"] = world._create
        assert world.request().action == "issue"
        unknown = state == "create_unknown"
        assert world.states() == (["1.1 create_unknown", "1.2 requested"] if unknown else ["1.1 requested"])
        assert world.enrollment().unknown_creates == unknown

    @pytest.mark.parametrize(
        "reply",
        [
            raw(b"", 503, retry_after="1"),
            raw(b"", 429),
            raw(b"", 302),
            raw(b"<html>", 413),
            *(refusal(code, "no", 400) for code in ("SLAVE_SERVER", "ERR_LICENSE_EXCEEDED", "REQUIRE_PAYMENT")),
            refusal("MUST_WAIT", "no", 403),
        ],
    )
    def test_what_is_not_its_own_failure_is_tried_by_each_run(self, world: World, reply: HttpResponse) -> None:
        world.transport.replies["create"] = reply
        assert [kind(world.request()) for _run in range(3)] == [RefusedError] * 3
        assert world.transport.steps().count("create") == 3

    def test_a_failed_login_leaves_nothing(self, world: World) -> None:
        world.transport.replies["login"] = refusal("LOGIN_FAILED", "no")
        assert kind(world.request()) is RefusedError
        assert world.states() == []

    def test_a_login_that_is_lost_after_a_create_that_was_refused_leaves_no_key(self, world: World) -> None:
        replies: list[object] = [tokens(), failed(AnswerLostError, "login")]
        world.transport.replies["login"] = lambda request: play(t.cast("HttpResponse", replies.pop(0)), request)
        world.transport.replies["create"] = refusal("TOKEN_EXPIRED", "over", 401)
        assert kind(world.request()) is AnswerLostError
        assert world.states() == ["1.1 abandoned"]

    def test_a_failed_renewal_leaves_the_current_one(self, world: World) -> None:
        world.issue()
        world.transport.replies["create"] = refusal("X", "no", 400)
        outcome = world.request(LONGER)
        assert outcome.error is not None
        assert world.states() == ["1.1 finalized", "2.1 abandoned"]
        assert outcome.revision == world.enrollment().current

    def test_group_ids_where_there_is_no_field_for_them(self, world: World) -> None:
        spec = dataclasses.replace(SPEC, group_ids=(1,))
        step = RequestStep(**{**world._tools(), "client": client(world, "4.33")}, register=print)
        assert kind(world.run(step, RequestItem(spec))) is ConfigurationError
        assert world.states() == []

    def test_a_name_that_no_certificate_can_have(self, world: World) -> None:
        assert (
            kind(world.request(dataclasses.replace(SPEC, subject_alt_name=("www.example.com",)))) is ConfigurationError
        )
        assert world.states() == []


class TestSign:
    def test_not_yet_and_then(self, world: World) -> None:
        world.request()
        world.signer.answers = [None, None]
        first = world.sign()
        began = pending_of(world)
        second = world.sign()
        assert [(one.action, one.changed) for one in (first, second)] == [("wait", True), ("wait", False)]
        assert first.revision == second.revision == began == pending_of(world), "nothing new is written down"
        assert world.states() == ["1.1 signing"]
        world.now += DAY
        signed = world.sign()
        assert (signed.action, signed.reason) == ("sign", "at the signer, to be asked again")
        assert len({(order.request_id, order.since) for order in world.signer.orders}) == 1
        assert "canary" not in world.signer.orders[0].request_id

    def test_rejected(self, world: World) -> None:
        world.request()
        world.signer.answers = [SignerRejectedError("policy 7")]
        outcome = world.sign()
        assert kind(outcome) is SignerRejectedError
        assert outcome.revision is not None
        assert (outcome.revision.state, outcome.revision.note) == (State.REJECTED, "policy 7")
        assert kind(world.request()) is PolicyError
        assert world.request(LONGER).action == "issue"
        assert world.states() == ["1.1 rejected", "1.2 requested"]

    def test_a_failure_of_a_renewal_is_about_the_renewal(self, world: World) -> None:
        world.issue()
        world.renew(RenewItem("www", MONTH, force=True))
        world.signer.answers = [SignerError("down")]
        assert world.sign().revision == pending_of(world)

    def test_a_failure_is_tried_again(self, world: World) -> None:
        world.request()
        world.signer.answers = [SignerError("down")]
        assert kind(world.sign()) is SignerError
        assert world.states() == ["1.1 signing"]
        assert world.sign().action == "sign"

    def test_the_order_for_the_signer(self, world: World) -> None:
        """Its id is the same in all versions: after an upgrade the signer knows it again."""
        world.request(dataclasses.replace(SPEC, subject_alt_name=("DNS:www.example.com",)))
        world.sign()
        csr = t.cast("bytes", pending_of(world).csr)
        assert world.signer.orders == [
            SigningOrder(
                request_id=digest(b"svc", b"www", b"1", b"1", csr),
                name="www",
                revision=1,
                csr=csr,
                dn=SPEC.dn,
                since=NOW,
                subject_alt_name=("DNS:www.example.com",),
            )
        ]

    def test_what_is_written_down_of_a_certificate(self, world: World) -> None:
        world.request()
        world.signer.answers = [SignerError("down")]
        world.signer.chain = (expired_root("www"),)
        world.sign()
        signed = world.sign()
        issued = pending_of(world)
        assert issued.certificate is not None
        assert signed.revision == issued
        assert issued.chain == world.signer.chain
        assert issued.thumbprint == thumbprint(issued.certificate)
        assert (issued.not_valid_before, issued.not_valid_after) == (NOW - DAY, NOW + 89 * DAY)
        assert (issued.state, issued.failures, issued.note) == ("issued", 0, None)

    def test_an_earlier_failure_is_known_until_the_signer_answers(self, world: World) -> None:
        world.request()
        world.store().put(dataclasses.replace(pending_of(world), failures=1, note="not read"))
        world.signer.answers = [Dead()]
        with pytest.raises(Dead):
            world.sign()
        row = pending_of(world)
        assert (row.state, row.failures, row.note, row.signing_since) == ("signing", 1, "not read", NOW)

    def test_not_yet_ends_a_failure(self, world: World) -> None:
        world.request()
        world.signer.answers = [SignerError("down"), None]
        world.sign()
        assert (pending_of(world).failures, pending_of(world).note) == (1, "down")
        world.sign()
        assert (pending_of(world).failures, pending_of(world).note) == (0, None)

    @pytest.mark.parametrize("failure", [SignerError("no answer"), Dead(), None])
    def test_an_order_number_is_stored_before_the_signer_goes_on(self, world: World, failure: object) -> None:
        world.request()
        world.signer.numbers = ["17"]
        world.signer.answers = [failure]
        with contextlib.suppress(Dead):
            world.sign()
        assert (pending_of(world).state, pending_of(world).order_number) == ("signing", "17")
        world.sign()
        assert [order.order_number for order in world.signer.orders] == [None, "17"]
        assert (pending_of(world).state, pending_of(world).order_number) == ("issued", "17")

    def test_a_signer_is_told_that_the_ca_may_have_had_the_request(self, world: World) -> None:
        world.request()
        world.signer.answers = [SignerError("no answer"), None]
        for _run in range(3):
            world.sign()
        assert [order.again for order in world.signer.orders] == [False, True, True]
        assert world.states() == ["1.1 issued"]

    def test_a_request_that_did_not_reach_the_ca_is_as_before(self, world: World) -> None:
        world.request()
        world.signer.answers = [SignerError("refused to connect", not_sent=True), Dead()]
        assert kind(world.sign()) is SignerError
        row = pending_of(world)
        assert (row.state, row.failures, row.note) == ("requested", 1, "refused to connect")
        with pytest.raises(Dead):
            world.sign()
        world.signer.answers = [SignerError("refused to connect", not_sent=True)]
        assert kind(world.sign()) is SignerError
        assert pending_of(world).state == "signing", "the run that died may have sent it"
        world.now += 2 * DAY
        world.sign()
        assert [order.again for order in world.signer.orders] == [False, False, True, True]

    def test_what_the_ca_says_of_the_wait_is_told(self, world: World) -> None:
        world.request()
        world.signer.answers = [NotYet("taken under submission")]
        assert world.sign().reason == "the signer says: not yet (taken under submission)"

    def test_check_mode_tells_that_it_will_be_signed(self, world: World) -> None:
        world.request()
        step = SignStep(world.store(), world.signer, now=lambda: world.now)
        (outcome,) = predict(step, [SignItem("www")], world.store())
        assert (outcome.action, outcome.reason, outcome.changed) == ("sign", "requested, to be signed", True)
        assert outcome.after is not None
        assert outcome.after["state"] == "issued"
        assert world.signer.orders == []

    def test_an_order_that_can_never_be_signed_can_be_changed(self, world: World) -> None:
        """Otherwise it would have to be finished first, and that is not possible."""
        world.request()
        world.signer.answers = [ConfigurationError("c must have two letters")]
        assert kind(world.sign()) is ConfigurationError
        assert world.states() == ["1.1 requested"]
        assert world.request(LONGER).action == "issue"
        assert world.states() == ["1.1 abandoned", "1.2 requested"]

    def test_one_that_the_signer_has_had_before_is_not_given_back(self, world: World) -> None:
        world.request()
        world.signer.answers = [None, ConfigurationError("c must have two letters")]
        world.sign()
        before = pending_of(world)
        assert kind(world.sign()) is ConfigurationError
        assert pending_of(world) == before

    def test_nothing_was_requested(self, world: World) -> None:
        assert kind(world.sign()) is PolicyError

    def test_states_with_nothing_to_sign(self, world: World) -> None:
        def told() -> tuple[str, str, bool]:
            outcome = world.sign()
            known = world.enrollment().pending or world.enrollment().current or world.enrollment().latest
            assert outcome.revision == known
            return outcome.action, outcome.reason, outcome.changed

        world.store().put(Revision("svc", "www", 1, 1, State.INTENDED, SPEC))
        assert told() == ("none", "not requested yet: run redtrust_csr again", False)
        world.request()
        world.sign()
        assert told() == ("none", "signed, to be finalized", False)
        world.finalize()
        assert told() == ("none", "nothing to sign", False)
        world.transport.replies["create"] = refusal("X", "no", 400)
        world.request(LONGER)
        assert told() == ("none", "nothing to sign", False)

    def test_nothing_to_sign_after_a_rejection(self, world: World) -> None:
        world.request()
        world.signer.answers = [SignerRejectedError("policy 7")]
        world.sign()
        outcome = world.sign()
        assert (outcome.action, outcome.reason) == ("none", "nothing to sign")
        assert outcome.revision == world.enrollment().latest


def test_check_mode_tells_that_it_will_be_uploaded(world: World) -> None:
    world.request()
    world.sign()
    step = FinalizeStep(**world._tools(), subject_match="contains", encoding="der")
    (outcome,) = predict(step, [FinalizeItem("www")], world.store())
    assert (outcome.action, outcome.reason, outcome.changed) == ("finalize", "signed, to be uploaded", True)
    assert outcome.after is not None
    assert outcome.after["state"] == "finalized"
    assert world.uploads == []


def test_no_secret_is_in_a_plan(world: World) -> None:
    world.request()
    world.sign()
    step = FinalizeStep(**world._tools(), subject_match="contains", encoding="der")
    assert "canary" not in repr(step.plan(FinalizeItem("www"), world.enrollment()))
    item = RenewItem("www", MONTH, request_code="canary")
    assert "canary" not in repr(item)
    assert "canary" not in repr(Adoption(SPEC, "A" * 40, certificate=b"canary"))


def test_what_the_signer_warns_of_is_told(world: World) -> None:
    world.signer.told = ("left out",)
    world.request()
    assert world.sign().warnings == ("left out",)


class TestFinalizeFails:
    def signed(self, world: World) -> None:
        world.request()
        world.sign()

    def started(self, world: World) -> bool:
        pending = world.enrollment().pending
        assert pending is not None
        return pending.upload_started

    def note(self, world: World) -> str:
        pending = world.enrollment().pending
        assert pending is not None
        return pending.note or ""

    def test_a_lost_answer_is_confirmed_by_the_second(self, world: World) -> None:
        self.signed(world)
        world.transport.replies["finalize"] = failed(AnswerLostError, "finalize")
        assert kind(world.finalize()) is AnswerLostError
        assert self.started(world)
        world.transport.replies["finalize"] = world._finalize
        assert world.finalize().reason == "uploaded once without an answer"
        assert world.states() == ["1.1 finalized"]

    def test_a_code_that_is_named_confirms_it_and_nothing_else_does(self, world: World) -> None:
        """No run backs off, so the code can be given at any time."""
        self.signed(world)
        world.transport.replies["finalize"] = raw(b"OK")
        assert kind(world.finalize()) is AnswerLostError
        world.transport.replies["finalize"] = refusal("ERR_INVALID_STATE", "already finalized", 409)
        for _run in range(3):
            assert kind(world.finalize()) is AnswerLostError
            assert self.started(world)
            assert "put ERR_INVALID_STATE into finalized_codes" in self.note(world)
        world.finalized_codes = ["err_invalid_state"]
        outcome = world.finalize()
        assert outcome.reason == "uploaded once without an answer; confirmed by the second answer"
        assert world.states() == ["1.1 finalized"]

    def test_401_between_a_lost_answer_and_the_next_forgets_nothing(self, world: World) -> None:
        """A new session is opened, and the upload still has no answer."""
        self.signed(world)
        replies = [raw(b"OK"), raw(b"", 401), refusal("E7", "no", 409)]
        world.transport.replies["finalize"] = lambda _request: replies.pop(0)
        world.retry = Retry(1.0, sleep=lambda _seconds: None)
        assert kind(world.finalize()) is AnswerLostError
        assert self.started(world)
        assert replies == []

    @pytest.mark.parametrize(
        "reply",
        [
            refusal("X", "already finalized", 409),
            failed(NotSentError, "finalize"),
            raw(b"", 503, retry_after="9"),
            raw(b"", 429),
            raw(b"<html>", 302, location="/signin"),
            raw(b"<html>", 413),
            refusal("SLAVE_SERVER", "no", 500),
        ],
    )
    def test_what_was_refused_or_not_sent_was_not_uploaded(
        self, world: World, reply: HttpResponse | ServiceError
    ) -> None:
        self.signed(world)
        world.transport.replies["finalize"] = reply
        assert world.finalize().error is not None
        assert not self.started(world)
        world.transport.replies["finalize"] = world._finalize
        assert world.finalize().reason == "signed, to be uploaded"

    def test_a_failed_login_was_no_upload(self, world: World) -> None:
        self.signed(world)
        before = pending_of(world)
        world.transport.replies["login"] = refusal("LOGIN_FAILED", "no")
        assert world.finalize().error is not None
        assert pending_of(world) == before

    def test_5xx_may_have_been_an_upload(self, world: World) -> None:
        self.signed(world)
        world.transport.replies["finalize"] = raw(b"", 500)
        assert world.finalize().error is not None
        assert self.started(world)

    def test_another_certificate_is_not_uploaded_over_one_whose_answer_was_lost(self, world: World) -> None:
        """The service may have the first one; a code that confirms it would count for the second."""
        self.signed(world)
        world.transport.replies["finalize"] = failed(AnswerLostError, "finalize")
        world.finalize()
        pending = world.enrollment().pending
        assert pending is not None
        assert pending.csr is not None
        assert pending.certificate is not None
        world.finalized_codes = ["X"]
        world.transport.replies["finalize"] = refusal("X", "no", 409)
        outcome = world.finalize(certificate(pending.csr, days=80))
        assert kind(outcome) is GateError
        assert f"{pending.thumbprint}, was uploaded" in str(outcome.error)
        assert world.finalize(pending.certificate).action == "finalize"

    def test_what_is_left_out_of_the_chain_is_told(self, world: World) -> None:
        world.request()
        pending = world.enrollment().pending
        assert pending is not None
        assert pending.csr is not None
        leaf, other = certificate(pending.csr), expired_root("Other")
        outcome = world.finalize(other, leaf)
        assert outcome.action == "finalize"
        (warning,) = outcome.warnings
        assert thumbprint(other) in warning
        current = world.enrollment().current
        assert current is not None
        assert (current.certificate, current.chain) == (leaf, ())

    def test_a_root_that_expired_since_it_was_signed_is_left_out(self, world: World) -> None:
        self.signed(world)
        pending = world.enrollment().pending
        assert pending is not None
        root = expired_root("www")
        world.store().put(dataclasses.replace(pending, chain=(root,)))
        (warning,) = world.finalize().warnings
        assert f"{thumbprint(root)}), which expired at" in warning
        current = world.enrollment().current
        assert current is not None
        assert current.chain == ()

    def test_the_gate_is_before_the_upload(self, world: World) -> None:
        world.request()
        other = certificate(request_for(ec.generate_private_key(ec.SECP256R1())))
        assert kind(world.finalize(other)) is GateError
        assert world.transport.steps().count("finalize") == 0
        assert world.states() == ["1.1 requested"]

    def test_so_is_it_where_the_key_is_the_right_one(self, world: World) -> None:
        world.request()
        pending = world.enrollment().pending
        assert pending is not None
        assert pending.csr is not None
        assert kind(world.finalize(certificate(pending.csr, days=1, start=NOW - 30 * DAY))) is GateError
        assert world.transport.steps().count("finalize") == 0
        assert world.finalize(certificate(pending.csr)).action == "finalize"

    def test_the_service_stored_something_else(self, world: World) -> None:
        self.signed(world)
        world.transport.replies["finalize"] = stored("B" * 40)
        outcome = world.finalize()
        assert kind(outcome) is GateError
        assert "B" * 40 in str(outcome.error)
        pending = pending_of(world)
        assert (pending.state, pending.failures, pending.note) == ("issued", 1, str(outcome.error))
        assert pending.upload_started, "whatever is in use, it was uploaded"
        assert kind(world.finalize()) is GateError
        assert pending_of(world).retry_at == NOW + dt.timedelta(hours=1)

    @pytest.mark.parametrize("told", ["as it is", "with colons"])
    def test_the_service_writes_a_thumbprint_in_its_own_way(self, world: World, told: str) -> None:
        self.signed(world)
        own = t.cast("str", pending_of(world).thumbprint).lower()
        world.transport.replies["finalize"] = stored(own if told == "as it is" else ":".join(re.findall("..", own)))
        assert world.finalize().action == "finalize"

    def test_a_service_that_tells_no_thumbprint(self, world: World) -> None:
        self.signed(world)
        world.transport.replies["finalize"] = raw(b"")
        tools = {**world._tools(), "client": client(world, "4.33")}
        outcome = world.run(FinalizeStep(**tools, subject_match="contains", encoding="der"), FinalizeItem("www"))
        assert (outcome.action, outcome.error) == ("finalize", None)
        assert world.states() == ["1.1 finalized"]

    def test_nothing_waits(self, world: World) -> None:
        assert kind(world.finalize()) is PolicyError
        world.store().put(Revision("svc", "www", 1, 1, State.INTENDED, SPEC))
        assert world.finalize().action == "none"
        assert kind(world.finalize(certificate(request_for(KEY)))) is PolicyError

    @pytest.mark.parametrize(("missing", "words"), [("csr", "has no CSR yet"), ("request_code", "no request code")])
    def test_a_request_that_is_not_whole(self, world: World, missing: str, words: str) -> None:
        self.signed(world)
        world.store().put(dataclasses.replace(pending_of(world), **t.cast("dict[str, t.Any]", {missing: None})))
        outcome = world.finalize()
        assert (kind(outcome), words in str(outcome.error)) == (PolicyError, True)
        assert world.transport.steps().count("finalize") == 0
        assert not self.started(world)

    def test_check_mode_has_no_key_and_predicts_the_upload(self, world: World) -> None:
        self.signed(world)
        step = FinalizeStep(**world._tools(), subject_match="contains", encoding="der")
        with contextlib.closing(SqliteStore(str(world.path), read_only=True)) as store:
            pending = store.enrollment("svc", "www").pending
            assert pending is not None
            assert pending.request_code is None
            (outcome,) = predict(step, [FinalizeItem("www")], store)
        assert (outcome.action, outcome.error) == ("finalize", None)

    def test_another_run_was_first(self, world: World) -> None:
        self.signed(world)

        def finalized_meanwhile(request: HttpRequest) -> HttpResponse:
            pending = world.enrollment().pending
            assert pending is not None
            world.store().put(pending.moved(State.FINALIZED))
            return world._finalize(request)

        world.transport.replies["finalize"] = finalized_meanwhile
        assert kind(world.finalize()) is StaleRevisionError


class TestWaiting:
    def test_a_name_that_keeps_failing_is_asked_for_less_and_less(self, world: World) -> None:
        world.transport.replies["create"] = refusal("X", "no", 400)
        sent = []
        for _hour in range(10):
            world.request()
            sent.append(world.transport.steps().count("create"))
            world.now += dt.timedelta(hours=1)
        # the first failure allows another attempt at once; then 1, 2 and 4 hours pass
        assert sent == [1, 2, 3, 3, 4, 4, 4, 4, 5, 5]
        assert kind(world.request()) is BackingOffError
        world.transport.replies["create"] = world._create
        assert world.request(force=True).action == "issue"
        pending = world.enrollment().pending
        assert pending is not None
        assert (pending.failures, pending.retry_at) == (0, None)
        assert world.states() == ["1.1 requested"]

    def test_lost_answers_cost_a_key_each_and_less_and_less_often(self, world: World) -> None:
        world.transport.replies["create"] = failed(AnswerLostError)
        for _run in range(5):
            world.request()
        assert world.states() == ["1.1 create_unknown", "1.2 create_unknown"]
        assert world.request(LONGER).action == "issue", "something else is asked for"
        assert len(world.states()) == 3

    def test_a_signer_that_keeps_failing(self, world: World) -> None:
        world.request()
        world.signer.answers = [SignerError("down")] * 2
        assert [kind(world.sign()) for _run in range(3)] == [SignerError, SignerError, BackingOffError]
        assert len(world.signer.orders) == 2
        assert not world.request().changed
        lifted = world.request(force=True)
        assert (lifted.action, lifted.changed) == ("resume", True)
        assert world.sign().action == "sign"
        assert world.transport.steps().count("create") == 1

    def test_a_signer_that_answers_not_yet_has_not_failed(self, world: World) -> None:
        world.request()
        world.signer.answers = [SignerError("down"), None, SignerError("down"), None]
        assert [kind(world.sign()) for _run in range(4)] == [SignerError, None, SignerError, None]

    def test_an_upload_that_keeps_being_refused(self, world: World) -> None:
        world.request()
        world.sign()
        world.transport.replies["finalize"] = refusal("X", "no", 400)
        assert [kind(world.finalize()) for _run in range(3)] == [RefusedError, RefusedError, BackingOffError]
        assert world.transport.steps().count("finalize") == 2
        world.now += dt.timedelta(hours=1)
        world.transport.replies["finalize"] = world._finalize
        assert world.finalize().action == "finalize"
        current = world.enrollment().current
        assert current is not None
        assert (current.failures, current.retry_at, current.note) == (0, None, None)

    def test_an_upload_without_an_answer_is_repeated_at_once(self, world: World) -> None:
        world.request()
        world.sign()
        world.transport.replies["finalize"] = failed(AnswerLostError, "finalize")
        assert [kind(world.finalize()) for _run in range(3)] == [AnswerLostError] * 3


def without_the_name(csr: bytes) -> bytes:
    """Return a certificate that lacks the subject of the request."""
    return certificate(csr, subject=x509.Name([]))


def impostor() -> bytes:
    """Return a CA with the right name and another key."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(NAME, NAME, key.public_key(), x509.random_serial_number())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = builder.not_valid_before(NOW - DAY).not_valid_after(NOW + 90 * DAY).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def pending_of(world: World) -> Revision:
    pending = world.enrollment().pending
    assert pending is not None
    return pending


class TestRefused:
    """The gate refuses the certificate of the signer. The request is still good."""

    def refused(self, world: World, *answers: object) -> Outcome:
        world.request()
        world.signer.answers = list(answers or [without_the_name])
        assert world.sign().error is None
        return world.finalize()

    def test_it_is_told_noted_and_goes_to_the_signer_again(self, world: World) -> None:
        outcome = self.refused(world)
        assert kind(outcome) is GateError
        assert (outcome.action, outcome.reason) == ("none", "the gate refused its certificate")
        assert not outcome.changed
        assert outcome.revision == pending_of(world)
        assert "lacks [cn=www]" in str(outcome.error)
        assert "the next run has the same request signed again" in str(outcome.error)
        row = pending_of(world)
        assert (row.state, row.failures, row.retry_at, row.thumbprint, row.refused) == (
            "requested",
            1,
            None,
            None,
            True,
        )
        assert row.note is not None
        assert row.note.startswith("the gate refused the certificate ")
        assert "lacks [cn=www]" in row.note
        assert world.request().action == "resume"
        signed = world.sign()
        assert (signed.action, signed.reason) == (
            "sign",
            "requested, to be signed; the gate refused its last certificate",
        )
        assert world.finalize().action == "finalize"
        assert world.states() == ["1.1 finalized"]
        assert world.transport.steps().count("create") == 1
        current = world.enrollment().current
        assert current is not None
        assert (current.failures, current.retry_at, current.note) == (0, None, None)

    def test_a_ca_that_is_not_mended_is_asked_less_and_less(self, world: World) -> None:
        world.request()
        asked = []
        for _hour in range(10):
            world.signer.answers = [without_the_name]
            world.sign()
            world.finalize()
            asked.append(len(world.signer.orders))
            world.now += dt.timedelta(hours=1)
        assert asked == [1, 2, 3, 3, 4, 4, 4, 4, 5, 5]
        outcome = world.sign()
        assert kind(outcome) is BackingOffError
        assert "the gate refused the certificate" in str(outcome.error)
        assert world.states() == ["1.1 requested"]

    def test_with_force_at_once_and_with_the_same_request(self, world: World) -> None:
        self.refused(world, without_the_name, without_the_name)
        world.sign()
        outcome = world.finalize()
        assert "signed again from 2026-06-01 01:00 UTC on, or at once when redtrust_csr" in str(outcome.error)
        assert kind(world.sign()) is BackingOffError
        lifted = world.request(force=True)
        assert (lifted.action, lifted.changed) == ("resume", True)
        assert world.sign().action == "sign"
        assert world.finalize().action == "finalize"
        assert world.transport.steps().count("create") == 1
        assert [code for code, _data in world.uploads] == ["canary-0"]

    def test_force_of_a_renewal(self, world: World) -> None:
        world.issue()
        world.now += 61 * DAY
        world.renew()
        for _run in range(2):
            world.signer.answers = [without_the_name]
            world.sign()
            world.finalize()
        assert kind(world.sign()) is BackingOffError
        assert world.renew(RenewItem("www", MONTH, force=True)).action == "resume"
        world.sign()
        assert world.finalize().action == "finalize"
        assert world.transport.steps().count("create") == 2

    def test_an_order_number_belongs_to_one_order(self, world: World) -> None:
        """The CA would give the certificate again that the gate has refused."""
        world.request()
        world.signer.numbers = ["17", "18"]
        world.signer.answers = [None, without_the_name, None]
        world.sign()
        assert pending_of(world).order_number == "17"
        world.sign()
        assert kind(world.finalize()) is GateError
        assert pending_of(world).order_number is None
        world.sign()
        assert [order.order_number for order in world.signer.orders] == [None, "17", None]
        assert pending_of(world).order_number == "18"

    def test_another_certificate_is_another_order_and_the_same_after_a_death(self, world: World) -> None:
        """For the same order a signer may return the same certificate again."""
        self.refused(world, without_the_name, None, None, without_the_name)
        world.now += DAY
        first, (second, third) = world.signer.orders[0], [world.sign(), world.sign()]
        assert [one.action for one in (second, third)] == ["wait", "wait"]
        one, again = world.signer.orders[1:]
        assert (one.request_id, one.since) == (again.request_id, again.since)
        assert one.request_id != first.request_id
        refused = t.cast("bytes", pending_of(world).certificate)
        assert one.request_id == digest(b"svc", b"www", b"1", b"1", one.csr, refused)
        assert one.since == world.now
        world.sign()
        world.finalize()
        world.now += DAY
        world.sign()
        assert len({order.request_id for order in world.signer.orders}) == 3
        assert len({order.csr for order in world.signer.orders}) == 1

    def test_what_the_signer_fails_with_counts_on(self, world: World) -> None:
        self.refused(world, without_the_name, SignerError("down"))
        assert kind(world.sign()) is SignerError
        assert pending_of(world).failures == 2
        assert kind(world.sign()) is BackingOffError

    def test_it_is_forgotten_while_the_signer_has_the_request_again(self, world: World) -> None:
        self.refused(world, without_the_name, Dead())
        with pytest.raises(Dead):
            world.sign()
        row = pending_of(world)
        assert (row.state, row.failures, row.note, row.refused) == ("signing", 1, None, True)

    def test_not_yet_ends_neither_the_refusal_nor_its_count(self, world: World) -> None:
        self.refused(world, without_the_name, SignerError("down"), None)
        world.sign()
        world.now += DAY
        assert world.sign().action == "wait"
        assert world.finalize().reason == "signing, waits for its certificate"
        row = pending_of(world)
        assert (row.failures, row.note, row.refused) == (2, None, True)

    def test_an_order_that_can_never_be_signed_is_still_refused(self, world: World) -> None:
        self.refused(world, without_the_name, ConfigurationError("c must have two letters"))
        before = pending_of(world)
        world.sign()
        after = pending_of(world)
        assert (after.state, after.note, after.failures) == (before.state, before.note, before.failures)
        assert after.refused

    def test_something_else_can_be_asked_for(self, world: World) -> None:
        self.refused(world)
        assert world.request(LONGER).action == "issue"
        assert world.states() == ["1.1 abandoned", "1.2 requested"]

    def test_it_is_let_through_after_all_by_another_choice_of_options(self, world: World) -> None:
        self.refused(world)
        again = world.finalize()
        assert kind(again) is GateError
        assert "signed again" in str(again.error)
        assert pending_of(world).failures == 1, "it is the same refusal"
        assert world.finalize(subject_match="ignore").action == "finalize"
        assert len(world.signer.orders) == 1

    def test_check_mode_tells_it_and_writes_nothing(self, world: World) -> None:
        world.request()
        world.signer.answers = [without_the_name]
        world.sign()
        before = pending_of(world)
        step = FinalizeStep(**world._tools(), subject_match="contains", encoding="der")
        (outcome,) = predict(step, [FinalizeItem("www")], world.store())
        assert (kind(outcome), outcome.changed) == (GateError, False)
        assert pending_of(world) == before

    def test_one_that_expired_in_the_store(self, world: World) -> None:
        world.request()
        world.sign()
        world.now += 90 * DAY
        assert "expired" in str(world.finalize().error)
        world.signer.answers = [lambda csr: certificate(csr, start=world.now - DAY)]
        world.sign()
        assert world.finalize().action == "finalize"
        assert world.transport.steps().count("create") == 1

    def test_one_that_is_not_valid_yet_waits(self, world: World) -> None:
        outcome = self.refused(world, lambda csr: certificate(csr, start=NOW + DAY))
        assert kind(outcome) is GateError
        assert "it is uploaded by the first run after that" in str(outcome.error)
        assert world.states() == ["1.1 issued"]
        assert pending_of(world).failures == 0
        assert world.sign().action == "none"
        world.now += 2 * DAY
        assert world.finalize().action == "finalize"
        assert len(world.signer.orders) == 1

    def test_one_that_is_not_valid_yet_is_replaced_with_force(self, world: World) -> None:
        self.refused(world, lambda csr: certificate(csr, start=NOW + 1000 * DAY))
        assert not world.request().changed
        assert world.request(force=True).action == "resume"
        assert world.sign().action == "sign"
        assert world.finalize().action == "finalize"
        assert world.transport.steps().count("create") == 1

    def test_one_that_is_wrong_and_not_valid_yet_is_wrong(self, world: World) -> None:
        self.refused(world, lambda csr: certificate(csr, start=NOW + DAY, subject=x509.Name([])))
        assert pending_of(world).refused

    def test_what_may_be_in_use_is_never_given_up_for_another(self, world: World) -> None:
        world.request()
        world.sign()
        world.transport.replies["finalize"] = failed(AnswerLostError, "finalize")
        world.finalize()
        world.now += 90 * DAY
        before = pending_of(world)
        assert kind(world.finalize()) is GateError
        assert pending_of(world) == before
        assert world.sign().action == "none"

    def test_what_the_caller_gives_is_only_refused(self, world: World) -> None:
        world.request()
        before = pending_of(world)
        csr = t.cast("bytes", before.csr)
        for _run in range(3):
            assert kind(world.finalize(without_the_name(csr))) is GateError
        assert pending_of(world) == before
        assert world.finalize(certificate(csr)).action == "finalize"

    def test_a_chain_that_is_given_and_wrong_is_no_fault_of_what_the_signer_left(self, world: World) -> None:
        world.request()
        subject = x509.Name([*NAME, x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example")])
        world.signer.answers = [lambda csr: certificate(csr, subject=subject)]
        world.sign()
        before = pending_of(world)
        assert kind(world.finalize(t.cast("bytes", before.certificate), impostor())) is GateError
        assert pending_of(world) == before
        assert world.finalize().action == "finalize"

    def test_the_one_that_the_signer_left_is_refused_also_when_it_is_given(self, world: World) -> None:
        world.request()
        world.signer.answers = [without_the_name]
        world.sign()
        assert kind(world.finalize(t.cast("bytes", pending_of(world).certificate))) is GateError
        assert pending_of(world).refused

    def test_another_certificate_than_the_one_that_keeps_being_refused_need_not_wait(self, world: World) -> None:
        world.request()
        world.sign()
        world.transport.replies["finalize"] = refusal("X", "no", 400)
        assert [kind(world.finalize()) for _run in range(3)] == [RefusedError, RefusedError, BackingOffError]
        world.transport.replies["finalize"] = world._finalize
        csr = t.cast("bytes", pending_of(world).csr)
        assert world.finalize(certificate(csr, days=80)).action == "finalize"

    def test_another_certificate_that_is_given_need_not_wait(self, world: World) -> None:
        self.refused(world, without_the_name, without_the_name)
        world.sign()
        world.finalize()
        csr = t.cast("bytes", pending_of(world).csr)
        assert world.finalize(certificate(csr)).action == "finalize"

    def test_the_one_that_the_service_refused_waits_also_when_it_is_given_again(self, world: World) -> None:
        world.request()
        given = certificate(t.cast("bytes", pending_of(world).csr))
        world.transport.replies["finalize"] = refusal("X", "no", 400)
        assert [kind(world.finalize(given)) for _run in range(3)] == [RefusedError, RefusedError, BackingOffError]
        assert world.transport.steps().count("finalize") == 2


class Counting:
    """Call a function and count the calls."""

    def __init__(self, function: t.Callable[..., t.Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *args: t.Any, **options: t.Any) -> t.Any:
        self.calls += 1
        return self.function(*args, **options)


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> dict[str, Counting]:
    """Count the decisions of policy."""
    counting = {name: Counting(getattr(request, name)) for name in ("decide_issue", "decide_renewal")}
    for name, function in counting.items():
        monkeypatch.setattr(request, name, function)
    return counting


class TestADecisionIsMadeOnce:
    """Policy decides once without the lease, to find the items that act, and once under it."""

    def test_for_what_is_requested(self, world: World, decisions: dict[str, Counting]) -> None:
        assert world.request().action == "issue"
        assert decisions["decide_issue"].calls == 2
        assert world.request().action == "resume"
        assert decisions["decide_issue"].calls == 3

    def test_for_what_waits_no_longer(self, world: World, decisions: dict[str, Counting]) -> None:
        world.request()
        world.store().put(dataclasses.replace(pending_of(world), failures=2, retry_at=NOW + DAY))
        before = decisions["decide_issue"].calls
        assert world.request(force=True).changed
        assert decisions["decide_issue"].calls == before + 2

    def test_for_what_is_renewed(self, world: World, decisions: dict[str, Counting]) -> None:
        world.issue()
        assert world.renew().action == "none"
        assert decisions["decide_renewal"].calls == 1
        assert world.renew(RenewItem("www", MONTH, force=True)).action == "renew"
        assert decisions["decide_renewal"].calls == 3

    @pytest.mark.parametrize(("end", "action"), [(NOW + 90 * DAY, "adopt"), (NOW, "renew")])
    def test_for_what_is_adopted_and_its_file_is_read_once(
        self, world: World, decisions: dict[str, Counting], end: dt.datetime, action: str
    ) -> None:
        reading = Counting(lambda: Adoption(SPEC, "A" * 40, not_valid_before=NOW - DAY, not_valid_after=end))
        assert world.renew(RenewItem("www", MONTH, adoption=reading)).action == action
        assert (decisions["decide_renewal"].calls, reading.calls) == (2, 1)
        world.renew(RenewItem("www", MONTH, adoption=reading))
        assert reading.calls == 1, "the store knows it now"

    def test_a_file_is_not_read_for_what_the_store_knows(self, world: World) -> None:
        world.issue()
        reading = Counting(lambda: None)
        world.renew(RenewItem("www", MONTH, adoption=reading))
        assert reading.calls == 0

    def test_for_what_is_given_and_its_file_is_read_once(self, world: World) -> None:
        world.request()
        given = certificate(t.cast("bytes", pending_of(world).csr))
        reading = Counting(lambda: [given])
        step = FinalizeStep(**world._tools(), subject_match="contains", encoding="der")
        assert world.run(step, FinalizeItem("www", reading)).action == "finalize"
        assert reading.calls == 1

    def test_check_mode_decides_once(self, world: World, decisions: dict[str, Counting]) -> None:
        step = RequestStep(**world._tools(), register=print)
        (outcome,) = predict(step, [RequestItem(SPEC)], world.store())
        assert (outcome.action, outcome.changed) == ("issue", True)
        assert decisions["decide_issue"].calls == 1

    def test_a_stale_plan_has_nothing_signed(self, world: World) -> None:
        """A run that seemed dead goes on with its plan after another run."""
        world.request()
        step = SignStep(world.store(), world.signer, now=lambda: world.now)
        plan = step.plan(SignItem("www"), world.enrollment())
        assert plan.decision is not None
        world.store().put(dataclasses.replace(pending_of(world), note="another run was here"))
        with pytest.raises(StaleRevisionError):
            step.act(plan, plan.decision)
        assert world.signer.orders == []

    def test_a_stale_plan_asks_for_no_key_pair(self, world: World) -> None:
        step = RequestStep(**world._tools(), register=print)
        plan = step.plan(RequestItem(SPEC), world.enrollment())
        assert plan.decision is not None
        world.request()
        with pytest.raises(StaleRevisionError):
            step.act(plan, plan.decision)
        assert world.transport.steps().count("create") == 1

    @pytest.mark.parametrize("answers", [[], [without_the_name]])
    def test_a_stale_plan_uploads_nothing_and_refuses_nothing(self, world: World, answers: list[object]) -> None:
        world.request()
        world.signer.answers = answers
        world.sign()
        step = FinalizeStep(**world._tools(), subject_match="contains", encoding="der")
        plan = step.plan(FinalizeItem("www"), world.enrollment())
        assert plan.decision is not None
        world.store().put(dataclasses.replace(pending_of(world), note="another run was here"))
        before = pending_of(world)
        with pytest.raises(StaleRevisionError):
            step.act(plan, plan.decision)
        assert (world.uploads, pending_of(world)) == ([], before)


class Odd(str):
    """An option that fails when the gate compares it."""

    __slots__ = ()

    def __eq__(self, _other: object) -> bool:
        raise RuntimeError("nobody expected this")

    __hash__ = str.__hash__


NOBODY = RuntimeError("nobody expected this")


class TestAnErrorThatNobodyExpected:
    def test_while_a_key_pair_is_asked_for(self, world: World) -> None:
        world.transport.replies["create"] = NOBODY
        assert [kind(world.request()) for _run in range(3)] == [InternalError, InternalError, BackingOffError]
        assert world.states() == ["1.1 create_unknown", "1.2 create_unknown"]
        assert world.transport.steps().count("create") == 2
        world.transport.replies["create"] = world._create
        assert world.request(force=True).action == "issue"

    def test_while_the_answer_is_written_down(self, world: World) -> None:
        def fail(_secret: str) -> None:
            raise NOBODY

        step = RequestStep(**world._tools(), register=fail)
        assert kind(world.run(step, RequestItem(SPEC))) is InternalError
        assert world.states() == ["1.1 create_unknown"]

    def test_before_anything_is_asked_for(self, world: World) -> None:
        spec = dataclasses.replace(SPEC, info={"odd": NOBODY})
        assert kind(world.request(spec)) is InternalError
        assert world.states() == []
        assert world.transport.steps().count("create") == 0

    def test_while_a_certificate_is_adopted(self, world: World) -> None:
        def fail() -> Adoption:
            raise NOBODY

        assert [kind(world.renew(RenewItem("www", MONTH, adoption=fail))) for _run in range(3)] == [InternalError] * 3
        assert world.states() == []

    def test_while_what_was_adopted_is_renewed(self, world: World) -> None:
        item = RenewItem("www", MONTH, adoption=lambda: Adoption(SPEC, "A" * 40, not_valid_after=NOW))
        world.transport.replies["create"] = NOBODY
        assert [kind(world.renew(item)) for _run in range(3)] == [InternalError, InternalError, BackingOffError]
        assert world.states() == ["1.1 finalized", "2.1 create_unknown", "2.2 create_unknown"]

    def test_while_the_signer_signs(self, world: World) -> None:
        world.request()
        world.signer.answers = [NOBODY, NOBODY]
        assert [kind(world.sign()) for _run in range(3)] == [InternalError, InternalError, BackingOffError]
        assert len(world.signer.orders) == 2
        assert world.states() == ["1.1 signing"]
        world.now += dt.timedelta(hours=1)
        assert world.sign().action == "sign"
        assert len({order.request_id for order in world.signer.orders}) == 1

    def test_in_the_gate(self, world: World) -> None:
        world.request()
        world.sign()
        outcomes = [world.finalize(subject_match=Odd("contains")) for _run in range(3)]
        assert [kind(one) for one in outcomes] == [InternalError, InternalError, BackingOffError]
        assert "_x509/gate.py, line" in str(outcomes[0].error)
        assert world.sign().action == "none", "the CA is not asked again for what is our mistake"
        assert world.request(force=True).action == "resume"
        assert world.finalize().action == "finalize"

    def test_while_it_is_uploaded(self, world: World) -> None:
        world.request()
        world.sign()
        world.transport.replies["finalize"] = NOBODY
        assert [kind(world.finalize()) for _run in range(3)] == [InternalError, InternalError, BackingOffError]
        assert pending_of(world).upload_started, "it may be in use at the service"
        assert world.transport.steps().count("finalize") == 2

    def test_while_what_is_given_is_read(self, world: World) -> None:
        def fail() -> t.Sequence[bytes]:
            raise NOBODY

        world.request()
        step = FinalizeStep(**world._tools(), subject_match="contains", encoding="der")
        assert kind(world.run(step, FinalizeItem("www", fail))) is InternalError
        assert world.states() == ["1.1 requested"]
        given = certificate(t.cast("bytes", pending_of(world).csr))
        assert world.finalize(given).action == "finalize"


def test_the_request_code_is_forgotten_once_the_certificate_is_in_use(world: World) -> None:
    world.request()
    pending = world.enrollment().pending
    assert pending is not None
    assert pending.request_code == "canary-0"
    world.sign()
    world.finalize()
    assert [row.request_code for row in world.enrollment().revisions] == [None]


def to_the_end(world: World) -> None:
    """Run the steps of a job: a certificate and its renewal."""
    world.now = NOW
    world.request()
    world.sign()
    world.finalize()
    world.now = NOW + 61 * DAY
    world.renew()
    world.sign()
    world.finalize()


def test_a_death_at_any_point_loses_and_doubles_nothing(tmp_path: Path) -> None:
    counting = World(tmp_path / "counting" / "store.db")
    to_the_end(counting)
    counting.close()
    assert counting.states() == ["1.1 superseded", "2.1 finalized"]
    counting.close()
    for fatal in range(1, counting.points + 1):
        world = World(tmp_path / str(fatal) / "store.db")
        world.fatal = fatal
        with pytest.raises(Dead):
            to_the_end(world)
        world.close()
        world.fatal = None
        to_the_end(world)
        rows = world.enrollment().revisions
        finalized = collections.Counter(row.revision for row in rows if row.certificate_id or row.state in _DONE)
        assert finalized == {1: 1, 2: 1}, fatal
        unused = [code for code, upload in world.ledger.items() if upload is None]
        assert len(unused) <= world.enrollment().unknown_creates <= 1, fatal
        assert len({upload for _code, upload in world.uploads}) == 2, fatal
        assert {row.state for row in rows} <= {*_DONE, State.CREATE_UNKNOWN}, fatal
        steps = world.transport.steps()
        to_the_end(world)
        assert world.transport.steps() == steps, fatal
        world.close()


_DONE = (State.SUPERSEDED, State.FINALIZED)
