# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that are not trusted any more: which they are, that they are renewed at once, and not for ever."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    Calendar,
    CertificateItem,
    Criteria,
    Distrust,
    Freeze,
    Quota,
    Reasons,
    RenewalPolicy,
    RenewItem,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.distrust import (
    MOST_REFUSED,
    renewed_again_from,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    BackingOffError,
    GateError,
    SignerError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Enrollment, Revision, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import certificate_facts
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    DAY,
    MONTH,
    NOW,
    SPEC,
    World,
    certificate,
    kind,
    request_for,
    root,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.x509.revocation_ca import (
    RevocationCa,
    der,
)

NEVER = RenewalPolicy.parse("never")
FROZEN = RenewalPolicy.parse("30d", None, Calendar((), (Freeze(NOW - DAY, NOW + 9 * DAY),)))
OLD_CA = Criteria(issuer="www")
LEAF = certificate(request_for(ec.generate_private_key(ec.SECP256R1())))
SERIAL = certificate_facts(LEAF).serial_number


def distrusted(*criteria: Criteria) -> Reasons:
    return Reasons(Distrust(criteria or (OLD_CA,)), now=lambda: NOW)


def used(number: int = 1, *, state: State = State.FINALIZED, days_ago: float = 40.0, **fields: t.Any) -> Revision:
    given = {"certificate": LEAF, "thumbprint": certificate_facts(LEAF).thumbprint, **fields}
    made = NOW - days_ago * DAY
    return Revision("svc", "www", number, 1, state, SPEC, created_at=made, signing_since=made, **given)


class TestWhich:
    def test_nothing_is_distrusted_without_criteria(self) -> None:
        assert not Distrust()
        assert Distrust().why(used()) == ""

    @pytest.mark.parametrize(
        ("criteria", "is_distrusted"),
        [
            (Criteria(issuer="www"), True),
            (Criteria(issuer="CN=www"), True),
            (Criteria(issuer="another"), False),
            (Criteria(issuer_certificate=root("www", NOW + DAY)), True),
            (Criteria(issuer_certificate=RevocationCa("www").der), False),
            (Criteria(serial_numbers=frozenset({SERIAL})), True),
            (Criteria(issuer="another", serial_numbers=frozenset({SERIAL})), False),
            (Criteria(issuer="www", issued_before=NOW - 39 * DAY), True),
            (Criteria(issuer="www", issued_before=NOW - 41 * DAY), False),
        ],
    )
    def test_all_of_one_entry_must_be_met(self, criteria: Criteria, is_distrusted: bool) -> None:
        assert bool(Distrust((criteria,)).why(used())) is is_distrusted

    def test_one_entry_of_several_is_enough(self) -> None:
        assert Distrust((Criteria(issuer="another"), OLD_CA)).why(used()) == (
            "it is not trusted any more (distrusted): issued by www"
        )

    def test_a_ca_above_counts_as_well(self) -> None:
        top, middle = RevocationCa("Root"), ec.generate_private_key(ec.SECP256R1())
        chain = (der(top.issue("Middle", key=middle.public_key())), top.der)
        revision = used(chain=chain)
        why = Distrust((Criteria(issuer="Root"),)).why(revision)
        assert why == "a CA above it is not trusted any more (distrusted): issued by Root"
        of_middle = Criteria(serial_numbers=frozenset({certificate_facts(chain[0]).serial_number}))
        assert Distrust((of_middle,)).why(revision).startswith("a CA above it")
        assert not Distrust((Criteria(issuer="Root", issued_before=NOW - 41 * DAY),)).why(revision)
        assert not Distrust((Criteria(issuer="Another"),)).why(revision)

    def test_of_one_that_the_store_does_not_have_nothing_is_known(self) -> None:
        distrust = Distrust((OLD_CA,))
        assert distrust.is_unknown(used(certificate=None, adopted=True))
        assert not distrust.is_unknown(used())
        reasons = distrusted()
        assert reasons.of(Enrollment("svc", "www", (used(certificate=None, adopted=True),))).kind is None
        (warning,) = reasons.warnings()
        assert warning == (
            "whether 1 certificate is distrusted is not known, since the store does not have the certificate: adopt it "
            "again with certificate_path: www"
        )


class TestRenewal:
    @pytest.mark.parametrize("policy", [MONTH, NEVER, FROZEN], ids=["not due", "never", "frozen"])
    @pytest.mark.parametrize("whole_way", [True, False])
    def test_it_is_renewed_whatever_the_time(self, world: World, policy: RenewalPolicy, whole_way: bool) -> None:
        world.issue()
        world.reasons = distrusted(Criteria(serial_numbers=frozenset({serial_in_use(world)})))
        world.tells_why_not = False
        outcome = world.certificate(policy=policy) if whole_way else world.renew(RenewItem("www", policy))
        assert (outcome.action, outcome.error, outcome.postponed) == ("renew", None, None)
        assert outcome.reason == "it is not trusted any more (distrusted): with one of 1 serial numbers"
        latest = world.enrollment().latest
        assert latest is not None
        assert latest.renewed_because == "distrusted"
        assert [*world.reasons.warnings()] == []

    def test_the_next_run_changes_nothing(self, world: World) -> None:
        world.issue()
        world.reasons = distrusted(Criteria(serial_numbers=frozenset({serial_in_use(world)})))
        assert world.certificate().action == "renew"
        assert world.certificate().action == "none"
        assert world.states() == ["1.1 superseded", "2.1 finalized"]

    def test_it_does_not_count_for_max_renewals(self, world: World) -> None:
        world.issue()
        world.reasons = distrusted()
        quota = Quota(1)
        assert quota.take("another")
        assert world.run(world.renew_step(quota), RenewItem("www", MONTH)).action == "renew"

    def test_a_wait_after_failures_holds(self, world: World) -> None:
        world.issue()
        world.reasons = distrusted(Criteria(serial_numbers=frozenset({serial_in_use(world)})))
        world.signer.answers = [SignerError("down"), SignerError("down")]
        assert [kind(world.certificate()) for _run in range(3)] == [SignerError, SignerError, BackingOffError]

    def test_a_changed_entry_is_replaced_for_that_reason(self, world: World) -> None:
        world.issue()
        world.reasons = distrusted()
        outcome = world.certificate(dataclasses.replace(SPEC, key_length=4096))
        assert outcome.action == "replace"


class TestInVain:
    """The renewal brought a certificate of the distrusted CA again."""

    def test_it_is_not_renewed_in_each_run(self, world: World) -> None:
        world.issue()
        world.reasons = distrusted()
        assert world.renew().action == "renew"
        for outcome in (world.sign(), world.finalize()):
            assert outcome.error is None
        again = world.renew()
        assert (again.action, again.changed) == ("none", False)
        assert "it is not trusted any more (distrusted): issued by www, as was the one before it: " in again.reason
        (warning,) = world.reasons.warnings()
        assert warning.startswith("renewed in vain: 1 certificate is distrusted or revoked again after the renewal")
        assert warning.endswith("have another CA sign, or correct the option distrusted: www")

    def test_force_does_not_wait(self, world: World) -> None:
        self.test_it_is_not_renewed_in_each_run(world)
        assert world.renew(RenewItem("www", MONTH, force=True)).action == "renew"
        latest = world.enrollment().latest
        assert latest is not None
        assert latest.renewed_because == "distrusted"

    @pytest.mark.parametrize(
        ("because", "wait"),
        [([], 0), ([None], 0), (["distrusted"], 1), (["distrusted", None], 0), (["revoked", "distrusted"], 2)]
        + [([None, *["distrusted"] * times], min(2 ** (times - 1), 32)) for times in (3, 4, 6, 7, 20)],
    )
    def test_each_wait_is_twice_as_long(self, because: list[str | None], wait: int) -> None:
        rows = [used(1, state=State.SUPERSEDED)]
        rows += [
            used(number, state=State.SUPERSEDED, renewed_because=kind)
            for number, kind in enumerate(because[:-1], start=2)
        ]
        last = because[-1] if because else None
        failed = used(len(because) + 2, state=State.ABANDONED, renewed_because="distrusted")
        enrollment = Enrollment("svc", "www", (*rows, used(len(because) + 1, renewed_because=last), failed))
        until = renewed_again_from(enrollment)
        assert (until and until - used().created_at) == (wait * DAY if wait else None)  # type: ignore[operator]

    def test_after_the_wait_it_is_renewed(self, world: World) -> None:
        first = used(1, state=State.SUPERSEDED)
        for days_ago, acts in ((0.9, False), (1.1, True)):
            enrollment = Enrollment("svc", "www", (first, used(2, days_ago=days_ago, renewed_because="distrusted")))
            world.reasons = distrusted()
            plan = world.renew_step().plan(RenewItem("www", NEVER), enrollment)
            assert (plan.action == "renew") is acts

    def test_a_certificate_that_is_due_does_not_wait(self, world: World) -> None:
        first, world.reasons = used(1, state=State.SUPERSEDED), distrusted()
        begins, ends = NOW - 40 * DAY, NOW + DAY
        current = used(2, days_ago=0.5, renewed_because="distrusted", not_valid_before=begins, not_valid_after=ends)
        enrollment, step = Enrollment("svc", "www", (first, current)), world.renew_step()
        assert step.plan(RenewItem("www", RenewalPolicy.parse("12h")), enrollment).action == "none"
        plan = step.plan(RenewItem("www", RenewalPolicy.parse("1d6h")), enrollment)
        assert (plan.action, plan.reason[:9]) == ("renew", "due since")


class TestGate:
    """What the signer gives must not be distrusted itself."""

    def test_it_is_not_uploaded_and_signed_again(self, world: World) -> None:
        world.issue()
        world.reasons = distrusted()
        outcome = world.certificate()
        assert kind(outcome) is GateError
        assert "of the signer is of no use: it is not trusted any more (distrusted): issued by" in str(outcome.error)
        assert "the next run has the same request signed again" in str(outcome.error)
        assert world.states() == ["1.1 finalized", "2.1 requested"]
        assert len(world.uploads) == 1

        fine = RevocationCa("new").issue
        world.signer.answers = [lambda csr: signed_by_new(csr, fine)]
        assert kind(world.certificate()) is None
        assert world.states() == ["1.1 superseded", "2.1 finalized"]

    def test_a_first_certificate_is_not_uploaded_either(self, world: World) -> None:
        world.reasons = distrusted()
        assert kind(world.certificate()) is GateError
        assert world.uploads == []

    def test_a_signer_that_gives_no_others_is_not_asked_for_the_whole_list(self, world: World) -> None:
        world.reasons = distrusted()
        step = world.certificate_step()
        for number in range(MOST_REFUSED):
            assert not step.why_down
            spec = dataclasses.replace(SPEC, name=f"www-{number}")
            assert kind(world.run(step, CertificateItem(RenewItem(spec.name, MONTH), spec))) is GateError
        assert step.why_down.startswith(f"{MOST_REFUSED} certificates in a row are of a CA that is not trusted")


def serial_in_use(world: World) -> int:
    current = world.enrollment().current
    assert current is not None
    assert current.certificate is not None
    return certificate_facts(current.certificate).serial_number


def signed_by_new(csr: bytes, issue: t.Any) -> bytes:
    key = x509.load_der_x509_csr(csr).public_key()
    return der(issue("www", key=key))
