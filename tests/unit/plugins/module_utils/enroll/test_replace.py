# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates are replaced, in which words, and that each is replaced once, wherever a run dies."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    Calendar,
    CertificateItem,
    CertificateStep,
    Criteria,
    Freeze,
    Incident,
    Incidents,
    Quota,
    RenewalPolicy,
    RenewItem,
    Survey,
    count,
    is_replaced,
    outlook,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.replace import BACKING_OFF, REJECTED
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    BackingOffError,
    PolicyError,
    RefusedError,
    SignerRejectedError,
    StoreError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    Enrollment,
    Outcome,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Replacement
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import thumbprint
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    DAY,
    KEY,
    LONGER,
    NAME,
    NOW,
    SPEC,
    Dead,
    World,
    certificate,
    kind,
    request_for,
    root,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import refusal

NEVER = RenewalPolicy.parse("never")
LATE = RenewalPolicy.parse("1d")
FROZEN = RenewalPolicy.parse("99%", None, Calendar((), (Freeze(NOW - DAY, NOW + 9 * DAY),)))
OLD = certificate(request_for(ec.generate_private_key(ec.SECP256R1())))
SERIAL = x509.load_der_x509_certificate(OLD).serial_number
BEGUN = NOW + 10 * DAY


def revision(**fields: t.Any) -> Revision:
    given = {"certificate": OLD, "created_at": NOW, "state": State.FINALIZED, "thumbprint": "A" * 40, **fields}
    name = given.pop("name", "www")
    return Revision("svc", name, given.pop("revision", 1), 1, given.pop("state"), given.pop("spec", SPEC), **given)


def renewed(world: World) -> str | None:
    """Return the thumbprint that the last request for a key pair was to renew."""
    bodies = [t.cast("dict[str, t.Any]", one.body) for one in world.transport.requests if one.step == "create"]
    return bodies[-1].get("thumbprintToRenew")


def incident(begun_at: dt.datetime = BEGUN, deadline: dt.datetime | None = None, **criteria: t.Any) -> Incident:
    chosen = Criteria(**(criteria or {"issuer": "www"}))
    return Incident(Replacement("svc", "an-incident", chosen.to_text(), begun_at, deadline, 1, "host"), chosen)


def enrollment(*revisions: Revision) -> Enrollment:
    return Enrollment("svc", revisions[0].name, revisions)


class TestCriteria:
    @pytest.mark.parametrize(
        ("criteria", "told"),
        [
            ({"issuer": "www"}, True),
            ({"issuer": "CN=www"}, True),
            ({"issuer": "CN=another"}, False),
            ({"issuer_certificate": root("www", NOW + DAY)}, True),
            ({"issuer_certificate": root("another", NOW + DAY)}, False),
            ({"serial_numbers": frozenset({1, SERIAL})}, True),
            ({"serial_numbers": frozenset({1, SERIAL + 1})}, False),
            ({"provider": "CA"}, True),
            ({"provider": "ca"}, False),
            ({"key_type": "RSA"}, True),
            ({"key_type": "EC"}, False),
            ({"issued_before": NOW + DAY}, True),
            ({"issued_before": NOW}, False),
            ({"names": frozenset({"a", "www"})}, True),
            ({"names": frozenset({"a"})}, False),
            ({"issuer": "www", "provider": "CA", "names": frozenset({"www"})}, True),
            ({"issuer": "www", "provider": "other"}, False),
        ],
    )
    def test_a_certificate_must_meet_each(self, criteria: dict[str, t.Any], told: bool) -> None:
        assert Criteria(**criteria).match(revision()) is told

    def test_what_the_store_does_not_have_cannot_be_told(self) -> None:
        unknown = revision(certificate=None)
        assert Criteria(issuer="www").match(unknown) is None
        assert Criteria(serial_numbers=frozenset({1})).match(revision(certificate=b"rubbish")) is None
        assert Criteria(issuer="www", provider="other").match(unknown) is False, "the other criterion says no"
        assert Criteria(issuer="www", provider="CA").match(unknown) is None
        assert Criteria(provider="CA").match(unknown) is True

    def test_the_time_is_that_of_the_signing_and_of_an_adopted_one_its_beginning(self) -> None:
        late = Criteria(issued_before=NOW + DAY)
        assert late.match(revision(signing_since=NOW + 2 * DAY)) is False
        assert late.match(revision(adopted=True, created_at=NOW + 9 * DAY, not_valid_before=NOW)) is True
        assert late.match(revision(adopted=True)) is None

    def test_all_is_read_as_it_was_written(self) -> None:
        criteria = Criteria("CN=a", OLD, frozenset({1, 0xABC}), "CA", "RSA", NOW, frozenset({"b", "a"}))
        assert Criteria.from_text(criteria.to_text()) == criteria
        assert criteria.to_text() == Criteria.from_text(criteria.to_text()).to_text()
        assert Criteria.from_text("{}") == Criteria()
        assert not Criteria()

    @pytest.mark.parametrize("text", ["", "[]", '{"colour": "red"}', '{"issued_before": "soon"}'])
    def test_one_of_a_newer_release_is_refused(self, text: str) -> None:
        with pytest.raises(StoreError, match="newer release"):
            Criteria.from_text(text)

    def test_the_same_criteria_have_the_same_id(self) -> None:
        first, second = (Criteria(issuer="CN=a", names=frozenset(names)) for names in (["a", "b"], ["b", "a"]))
        assert first.default_id == second.default_id
        assert first.default_id.startswith("names-")
        assert Criteria(serial_numbers=frozenset({1})).default_id.startswith("serial-numbers-")
        assert Criteria(issuer="CN=a").default_id != Criteria(issuer="CN=b").default_id

    def test_in_words(self) -> None:
        assert str(Criteria(issuer="CN=a", provider="CA", names=frozenset({"a"}))) == (
            "one of 1 names, of the provider CA, issued by CN=a"
        )


class TestWhatIsLeft:
    def test_one_that_was_obtained_before(self) -> None:
        assert incident().is_left(enrollment(revision())) is True

    def test_one_that_was_obtained_since_is_not_whatever_it_is_like(self) -> None:
        assert incident().is_left(enrollment(revision(created_at=BEGUN))) is False

    def test_an_adopted_one_is_older_than_its_row(self) -> None:
        later = BEGUN + DAY
        assert incident().is_left(enrollment(revision(adopted=True, created_at=later, not_valid_before=NOW))) is True
        assert incident().is_left(enrollment(revision(adopted=True, created_at=later))) is True
        since = revision(adopted=True, created_at=later, not_valid_before=BEGUN)
        assert incident().is_left(enrollment(since)) is False

    def test_one_without_a_certificate_cannot_be_told(self) -> None:
        assert incident().is_left(enrollment(revision(certificate=None))) is None

    @pytest.mark.parametrize("state", [State.SUPERSEDED, State.ABANDONED, State.REJECTED, State.CREATE_UNKNOWN])
    def test_one_that_is_not_in_use_is_not(self, state: State) -> None:
        assert incident().is_left(enrollment(revision(state=state))) is False

    def test_one_that_was_on_its_way_may_be_one(self) -> None:
        waiting = revision(state=State.SIGNING, certificate=None)
        assert incident().is_left(enrollment(waiting)) is True
        assert incident(provider="other").is_left(enrollment(waiting)) is False
        assert incident().is_left(enrollment(dataclasses.replace(waiting, created_at=BEGUN))) is False
        other = revision(certificate=None, revision=1)
        second = dataclasses.replace(waiting, revision=2)
        assert incident().is_left(enrollment(other, second)) is True


class TestCount:
    def counted(self, *enrollments: Enrollment, **given: t.Any) -> t.Any:
        (found,) = count(enrollments, [incident(**given)], NOW)
        return found

    def test_what_is_left_and_what_cannot_be_told(self) -> None:
        unknown = [enrollment(revision(name=f"n{number}", certificate=None)) for number in range(5)]
        found = self.counted(enrollment(revision()), enrollment(revision(created_at=BEGUN)), *unknown)
        assert (found.in_use, found.left, found.not_known) == (7, 1, 5)
        assert found.not_known_names == ["n0", "n1", "n2"]
        assert found.stuck == {}

    def test_what_is_stuck_and_why(self) -> None:
        failed = revision(revision=2, state=State.ABANDONED, failures=2, retry_at=NOW + 2 * DAY)
        rejected = revision(name="no", revision=2, state=State.REJECTED)
        enrollments = (enrollment(revision(), failed), enrollment(revision(name="no"), rejected))
        assert self.counted(*enrollments, deadline=NOW + DAY).stuck == {BACKING_OFF: 1, REJECTED: 1}
        later = self.counted(*enrollments, deadline=NOW + 3 * DAY)
        assert (later.stuck, later.stuck_names) == ({REJECTED: 1}, {"no"})
        assert self.counted(*enrollments).stuck == {REJECTED: 1}


class TestSurvey:
    def looked(self, *revisions: Revision, **criteria: t.Any) -> Survey:
        survey = Survey(incident(**criteria))
        for one in revisions:
            survey.add(enrollment(one))
        return survey

    def test_what_matches_nothing_and_what_is_there(self) -> None:
        survey = self.looked(revision(), revision(name="b"), issuer="CN=other", provider="CA", key_type="EC")
        assert survey.idle == ["with a key of type EC", "issued by CN=other"]
        assert survey.there() == (
            "the issuer of the certificates in use: CN=www (2); the key_type of the certificates in use: RSA (2)"
        )
        assert survey.matching == 0

    def test_certificates_that_the_store_does_not_have(self) -> None:
        survey = self.looked(revision(certificate=None), issuer="CN=other")
        assert survey.there() == "the issuer of the certificates in use: not known (1)"

    def test_parts_of_a_list_that_match_nothing(self) -> None:
        names = frozenset({"www", "a", "b", "c", "d"})
        survey = self.looked(revision(), names=names, serial_numbers=frozenset({SERIAL, 0xAB}))
        assert list(survey.warnings()) == [
            "4 names have no certificate: a, b, c, ...",
            "1 serial numbers match no certificate: AB",
        ]
        assert survey.matching == 1


class TestOutlook:
    def test_without_a_rate_and_a_deadline(self) -> None:
        ahead = outlook(10, {}, None, NOW, None)
        assert (ahead.done_by, ahead.will_miss, ahead.why) == (None, 0, ())

    def test_when_it_is_done(self) -> None:
        ahead = outlook(7200, {}, 2.0, NOW, NOW + DAY)
        assert (ahead.done_by, ahead.will_miss) == (NOW + dt.timedelta(hours=1), 0)

    def test_what_misses_the_deadline_and_why(self) -> None:
        ahead = outlook(1000, {REJECTED: 10}, 0.1, NOW, NOW + dt.timedelta(hours=1))
        assert ahead.will_miss == 10 + (990 - 360)
        assert ahead.why == (
            "630: 0.1 a second are too slow: the last one would be done by 2026-06-01 02:45 UTC",
            f"10: {REJECTED}",
        )

    def test_a_deadline_that_is_over(self) -> None:
        ahead = outlook(5, {REJECTED: 1}, 1.0, NOW, NOW)
        assert (ahead.will_miss, ahead.why[0]) == (5, "5: the deadline, 2026-06-01 00:00 UTC, is over")
        assert outlook(0, {}, 1.0, NOW, NOW).will_miss == 0

    def test_without_a_deadline_the_causes_are_told(self) -> None:
        assert outlook(5, {REJECTED: 1}, 1.0, NOW, None).why == (f"1: {REJECTED}",)

    def test_a_rate_of_next_to_nothing(self) -> None:
        ahead = outlook(10, {}, 1e-12, NOW, NOW + DAY)
        assert (ahead.done_by, ahead.will_miss) == (None, 10)


class Replacing:
    """A run of the whole way in a world, with an open replacement."""

    def __init__(self, world: World, **criteria: t.Any) -> None:
        self.world = world
        self.criteria = Criteria(**(criteria or {"issuer": "CN=www"}))
        world.store().put_replacement("svc", "an-incident", self.criteria.to_text(), total=1, actor="host")

    @property
    def incidents(self) -> Incidents:
        return Incidents([Incident.of(row) for row in self.world.store().replacements("svc") if row.ended_at is None])

    def run(self, spec: CertificateSpec | None = None, **renewal: t.Any) -> Outcome:
        steps: t.Any = self.world.certificate_step()
        step = CertificateStep(
            steps._store,
            dataclasses.replace(steps._steps, renew=self.world.renew_step(Quota(0))),
            now=lambda: self.world.now,
            tells_why_not=self.world.tells_why_not,
            incidents=self.incidents,
        )
        return self.world.run(step, CertificateItem(RenewItem("www", **{"policy": NEVER, **renewal}), spec))

    def left(self) -> int:
        incidents = list(self.incidents)
        return sum(one.left for one in count(self.world.store().find("svc"), incidents, self.world.now))


class TestTheWholeWay:
    @pytest.mark.parametrize("tells_why_not", [True, False])
    @pytest.mark.parametrize("spec", [None, SPEC])
    @pytest.mark.parametrize("policy", [NEVER, LATE, FROZEN])
    def test_it_is_renewed_by_thumbprint_once_whatever_the_policy(
        self, world: World, tells_why_not: bool, spec: CertificateSpec | None, policy: RenewalPolicy
    ) -> None:
        world.issue()
        world.tells_why_not = tells_why_not
        before = world.enrollment().current
        assert before is not None
        replacing = Replacing(world)
        assert replacing.left() == 1
        outcome = replacing.run(spec, policy=policy)
        assert outcome.error is None
        assert (outcome.action, outcome.reason) == ("renew", "replaced for an-incident: issued by CN=www")
        assert world.states() == ["1.1 superseded", "2.1 finalized"]
        assert renewed(world) == before.thumbprint
        assert replacing.left() == 0
        again = replacing.run(spec, policy=policy)
        assert (again.action, again.changed) == ("none", False), "the CA has the same name, and yet it does not loop"

    def test_one_that_meets_no_criteria_is_left_alone(self, world: World) -> None:
        world.issue()
        assert Replacing(world, provider="other").run().changed is False

    def test_one_whose_entry_differs_gets_what_the_entry_says(self, world: World) -> None:
        world.issue()
        replacing = Replacing(world)
        outcome = replacing.run(LONGER)
        assert (outcome.action, outcome.error) == ("replace", None)
        assert renewed(world)
        assert replacing.left() == 0

    def test_what_is_on_its_way_is_finished_first_and_then_judged(self, world: World) -> None:
        world.issue()
        world.request(LONGER)
        replacing = Replacing(world)
        assert replacing.left() == 1
        finished = replacing.run()
        assert (finished.action, finished.error) == ("finalize", None)
        assert world.states() == ["1.1 superseded", "2.1 finalized"]
        assert replacing.left() == 1, "its key was asked for before"
        assert replacing.run().action == "renew"
        assert replacing.left() == 0

    def test_what_another_ca_signs_meanwhile_is_not_replaced_again(self, world: World) -> None:
        other = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another CA")])

        def by_another(csr: bytes) -> bytes:
            key = x509.load_der_x509_csr(csr).public_key()
            builder = x509.CertificateBuilder(other, NAME, key, 7, NOW - DAY, NOW + 90 * DAY)
            return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

        world.request()
        replacing = Replacing(world)
        assert replacing.left() == 1, "it may become one of those"
        world.signer.answers = [by_another]
        assert replacing.run().action == "finalize"
        assert replacing.left() == 0
        assert replacing.run().changed is False

    def test_an_adopted_one_is_replaced_once(self, world: World) -> None:
        adopted = dataclasses.replace(
            Enrollment("svc", "www").next_revision(SPEC),
            state=State.FINALIZED,
            certificate=OLD,
            thumbprint=thumbprint(OLD),
            not_valid_before=NOW - DAY,
            not_valid_after=NOW + 300 * DAY,
            adopted=True,
        )
        replacing = Replacing(world)
        world.store().put(adopted)
        assert replacing.run().action == "renew"
        assert replacing.run().changed is False

    def test_a_wait_after_failures_holds(self, world: World) -> None:
        world.issue()
        replacing = Replacing(world)
        world.transport.replies["create"] = refusal("X", "no", 400)
        assert [kind(replacing.run()) for _run in range(2)] == [RefusedError, RefusedError]
        world.transport.replies["create"] = world._create
        assert kind(replacing.run()) is BackingOffError
        assert replacing.left() == 1
        world.now += DAY
        assert replacing.run().action == "renew"

    def test_a_rejection_waits_for_a_person(self, world: World) -> None:
        world.issue()
        replacing = Replacing(world)
        world.signer.answers = [SignerRejectedError("never")]
        assert kind(replacing.run()) is SignerRejectedError
        assert kind(replacing.run()) is PolicyError
        assert kind(replacing.run(force=True)) is None
        assert replacing.left() == 0

    def test_an_outcome_belongs_to_its_incident(self, world: World) -> None:
        world.issue()
        incidents = Replacing(world).incidents
        found = world.enrollment()
        assert incidents.of(Outcome("www", "none", "")) is None
        assert incidents.why(found).startswith("replaced for an-incident")
        mine = incidents.of(Outcome("www", "renew", ""))
        assert mine is not None
        assert not is_replaced(mine, Outcome("www", "renew", "", changed=True, in_use=found.current))
        later = dt.datetime.max.replace(tzinfo=NOW.tzinfo)
        new = dataclasses.replace(t.cast("Revision", found.current), created_at=later)
        done = Outcome("www", "renew", "", changed=True, in_use=new)
        assert is_replaced(mine, done)
        assert not is_replaced(mine, dataclasses.replace(done, error=PolicyError("no")))
        by_another = dataclasses.replace(found, revisions=(new,))
        assert incidents.why(by_another) == ""
        assert incidents.of(done) is None, "another run has replaced it"


def test_a_death_at_any_point_replaces_once(tmp_path: Path) -> None:
    def to_the_end(world: World) -> None:
        replacing = Replacing(world)
        for _run in range(3):
            replacing.run()

    def prepared(name: str) -> World:
        world = World(tmp_path / name / "store.db")
        world.issue()
        world.points = 0
        return world

    counting = prepared("counting")
    to_the_end(counting)
    assert counting.states() == ["1.1 superseded", "2.1 finalized"]
    counting.close()
    assert counting.points > 8
    for fatal in range(1, counting.points + 1):
        world = prepared(str(fatal))
        world.fatal = fatal
        with pytest.raises(Dead):
            to_the_end(world)
        world.close()
        world.fatal = None
        to_the_end(world)
        rows = world.enrollment().revisions
        assert [row.revision for row in rows if row.certificate_id] == [1, 2], fatal
        uploads = {base64.b64decode(upload) for _code, upload in world.uploads}
        assert len(uploads) == 2, fatal
        world.close()
