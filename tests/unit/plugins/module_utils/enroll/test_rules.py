# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps under a policy, and with expectations of what the signer gives."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

import pytest
from cryptography import x509

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    Adoption,
    BatchOptions,
    CertificateItem,
    Lengths,
    Patterns,
    Quota,
    RenewItem,
    Rule,
    Rules,
    predict,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    BackingOffError,
    DeniedError,
    GateError,
    PolicyError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Outcome, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import Expectations, thumbprint
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.told import Given, run
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    DAY,
    LONGER,
    MONTH,
    NAME,
    NOW,
    SPEC,
    World,
    certificate,
    kind,
)

ANY = Rule("all", Patterns(["*"]), {}, other_dn=Patterns(["*"]))
STRICT = dataclasses.replace(ANY, name="strict", key_types={"RSA": Lengths(4096)})
TOLD = "policy rule strict: key_length is 2048, allowed: at least 4096 for RSA; no key was made"
LATER = NOW + 70 * DAY


def deny(world: World) -> None:
    world.rules = Rules([STRICT])


def assert_denied(outcome: Outcome) -> None:
    assert (kind(outcome), str(outcome.error), outcome.changed, outcome.action) == (DeniedError, TOLD, False, "none")


class TestPolicy:
    def test_it_is_a_kind_of_policy_error(self) -> None:
        assert issubclass(DeniedError, PolicyError)
        assert not issubclass(DeniedError, BackingOffError)

    @pytest.mark.parametrize("step", ["request", "certificate"])
    def test_nothing_is_sent_or_written_for_a_denied_certificate(self, world: World, step: str) -> None:
        deny(world)
        for _time in range(5):
            assert_denied(world.request() if step == "request" else world.certificate())
        assert (world.points, world.ledger) == (0, {})
        world.rules = Rules([ANY])
        assert world.certificate().action == "issue"
        assert world.states() == ["1.1 finalized"]

    def test_check_mode_says_the_same(self, world: World) -> None:
        deny(world)
        options = BatchOptions("svc", "run", now=lambda: world.now)
        item = CertificateItem(RenewItem("www", MONTH), SPEC)
        ((_position, outcome),) = predict(world.certificate_step(), Given([item]), world.store(), options)
        assert_denied(outcome)

    def test_a_denied_one_leaves_the_others(self, world: World) -> None:
        world.rules = Rules([dataclasses.replace(ANY, names=Patterns(["www-*"]))])
        items = [
            CertificateItem(RenewItem(name, MONTH), dataclasses.replace(SPEC, name=name))
            for name in ("www-1", "mail", "www-2")
        ]
        options = BatchOptions("svc", "run", now=lambda: world.now)
        outcomes = run(world.certificate_step(), items, world.store(), options)
        assert [kind(outcome) for outcome in outcomes] == [None, DeniedError, None]
        assert str(outcomes[1].error) == (
            "the policy denies it: no rule is about the name 'mail', allowed: www-*; no key was made"
        )
        assert len(world.ledger) == 2

    def test_a_certificate_in_use_is_left_as_it_is(self, world: World) -> None:
        world.issue()
        deny(world)
        assert (kind(world.certificate()), kind(world.request()), kind(world.renew())) == (None, None, None)

    def test_a_renewal_under_a_stricter_policy_is_denied(self, world: World) -> None:
        world.issue()
        deny(world)
        world.now, writes = LATER, len(world.writes)
        for outcome in (world.renew(), world.certificate(), world.certificate(None), world.renew(forced())):
            assert_denied(outcome)
        assert len(world.writes) == writes
        assert world.states() == ["1.1 finalized"]
        world.rules = Rules([ANY])
        assert world.certificate().action == "renew"

    def test_what_replaces_a_certificate_is_checked_not_the_one_in_use(self, world: World) -> None:
        world.issue()
        deny(world)
        assert world.certificate(LONGER).action == "replace"
        assert_denied(world.certificate(SPEC))

    def test_what_has_its_key_is_completed(self, world: World) -> None:
        world.request()
        deny(world)
        assert world.certificate().action == "finalize"
        assert world.states() == ["1.1 finalized"]

    def test_a_request_that_would_be_given_up_stays(self, world: World) -> None:
        world.request()
        deny(world)
        denied = world.certificate(dataclasses.replace(SPEC, key_length=3072))
        assert "key_length is 3072" in str(denied.error)
        assert world.states() == ["1.1 requested"]

    def test_a_certificate_whose_renewal_is_denied_is_not_adopted(self, world: World) -> None:
        deny(world)
        item = RenewItem("www", MONTH, adoption=lambda: Adoption(SPEC, "A" * 40, not_valid_after=NOW + DAY))
        assert_denied(world.renew(item))
        assert world.states() == []
        later = RenewItem("www", MONTH, adoption=lambda: Adoption(SPEC, "A" * 40, not_valid_after=NOW + 90 * DAY))
        assert world.renew(later).action == "adopt"

    def test_a_denied_renewal_takes_no_place_of_max_renewals(self, world: World) -> None:
        for name in ("a", "b"):
            item = RenewItem(
                name,
                MONTH,
                adoption=lambda name=name: Adoption(  # type: ignore[misc]
                    dataclasses.replace(SPEC, name=name), "A" * 40, not_valid_after=NOW + 60 * DAY
                ),
            )
            assert world.renew(item).action == "adopt"
        world.now = NOW + 50 * DAY
        world.rules = Rules([dataclasses.replace(ANY, names=Patterns(["b"]))])
        items = [RenewItem("a", MONTH), RenewItem("b", MONTH)]
        options = BatchOptions("svc", "run", now=lambda: world.now)
        denied, renewed = run(world.renew_step(Quota(1)), items, world.store(), options)
        assert (kind(denied), renewed.action) == (DeniedError, "renew")

    def test_a_limit_counts_what_is_in_use_or_on_its_way(self, world: World) -> None:
        world.issue()
        store = world.store()
        world.rules = Rules([dataclasses.replace(ANY, max_certificates=2)], names=lambda: store.names("svc"))
        options = BatchOptions("svc", "run", now=lambda: world.now)
        items = [
            CertificateItem(RenewItem(name, MONTH), dataclasses.replace(SPEC, name=name)) for name in ("a", "b", "www")
        ]
        outcomes = run(world.certificate_step(), items, store, options)
        assert [outcome.action for outcome in outcomes] == ["issue", "none", "none"]
        assert "2 of its certificates are in use or on their way, allowed: at most 2" in str(outcomes[1].error)
        assert outcomes[2].error is None


def forced() -> RenewItem:
    return RenewItem("www", MONTH, force=True)


class TestExpectations:
    """The fake signer gives certificates of 90 days, dated back by a day, and without extensions."""

    def test_a_lifetime_that_is_not_as_expected_goes_back_to_the_signer(self, world: World) -> None:
        world.expected = Expectations(lifetime=365 * DAY, on_lifetime="refuse")
        refused = world.certificate()
        assert kind(refused) is GateError
        assert "lives 89 days, 276 days shorter than the expected 365 days (see expect.on_lifetime)" in str(
            refused.error
        )
        assert "the next run has the same request signed again" in str(refused.error)
        assert world.states() == ["1.1 requested"]
        world.signer.answers = [lambda csr: certificate(csr, 366)]
        assert world.certificate().error is None
        assert (world.states(), len(world.ledger)) == (["1.1 finalized"], 1)

    def test_a_warning_is_told_and_the_certificate_is_used(self, world: World) -> None:
        world.expected = Expectations(lifetime=365 * DAY, on_lifetime="warn")
        done = world.certificate()
        assert (done.error, world.states()) == (None, ["1.1 finalized"])
        assert done.warnings == (
            "the certificate lives 89 days, 276 days shorter than the expected 365 days (see expect.on_lifetime)",
        )

    def test_the_time_before_the_request_does_not_count(self, world: World) -> None:
        world.expected = Expectations(lifetime=89 * DAY, tolerance=dt.timedelta(minutes=1), on_lifetime="refuse")
        assert world.certificate().warnings == ()

    def test_by_default_a_missing_name_is_warned_of(self, world: World) -> None:
        spec = dataclasses.replace(SPEC, subject_alt_name=("DNS:www.example.com",))
        done = world.certificate(spec)
        assert done.error is None
        (told,) = done.warnings
        assert "has nothing as subject_alt_name, but DNS:www.example.com was asked for (see expect.on_" in told

    def test_a_certificate_that_is_given_is_only_refused(self, world: World) -> None:
        world.request()
        world.expected = Expectations(key_usage=("digitalSignature",))
        csr = t.cast("bytes", world.enrollment().revisions[0].csr)
        refused = world.finalize(certificate(csr))
        assert "has nothing as key usage, but digitalSignature is expected" in str(refused.error)
        pending = world.enrollment().pending
        assert pending is not None
        assert (pending.state, pending.note, pending.failures) == (State.REQUESTED, None, 0)
        world.expected = Expectations()
        given = certificate(csr, subject=x509.Name(NAME.rdns))
        assert world.finalize(given).error is None
        current = world.enrollment().current
        assert current is not None
        assert current.thumbprint == thumbprint(given)

    def test_what_is_not_valid_yet_and_otherwise_not_as_expected_is_refused_at_once(self, world: World) -> None:
        world.expected = Expectations(lifetime=365 * DAY, on_lifetime="refuse")
        world.signer.answers = [lambda csr: certificate(csr, 90, start=NOW + DAY)]
        assert "the next run has the same request signed again" in str(world.certificate().error)
        assert world.states() == ["1.1 requested"]
