# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enrollments become entries of a report: the status, what ends soon, and when it is renewed."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import RenewalPolicy
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Enrollment, Revision, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.entries import Terms, entry_of
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.view import Entry, Status

from ..conftest import Openssl
from .stored import DAY, SERVICE, fleet, in_use, row

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.timezone.utc)


def entry(*rows: Revision, soon: float = 30, renew_before: str | None = None) -> Entry:
    policy = RenewalPolicy.parse(renew_before, "none")
    return entry_of(Enrollment(SERVICE, "www", rows), Terms(NOW, soon * DAY, policy))


def of_fleet() -> dict[str, Entry]:
    found: dict[str, tuple[Revision, ...]] = {}
    for one in fleet(NOW):
        found[one.name] = (*found.get(one.name, ()), one)
    return {name: entry(*rows) for name, rows in found.items()}


@pytest.mark.parametrize(
    ("name", "status", "needs_person"),
    [
        ("over", Status.EXPIRED, True),
        ("was-revoked", Status.REVOKED, True),
        ("lost", Status.NEEDS_PERSON, True),
        ("rejected", Status.NEEDS_PERSON, True),
        ("to-approve", Status.NEEDS_PERSON, True),
        ("fails", Status.FAILING, True),
        ("waits-too-long", Status.WAITING, True),
        ("waits", Status.WAITING, False),
        ("soon", Status.ENDS_SOON, False),
        ("short-lived", Status.IN_USE, False),
        ("server-00", Status.IN_USE, False),
        ("given-up", Status.NONE, False),
    ],
)
def test_the_status_is_the_gravest_that_is_true(name: str, status: Status, *, needs_person: bool) -> None:
    found = of_fleet()[name]
    assert (found.status, found.needs_person) == (status, needs_person)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("upload_unknown", [row("www", State.ISSUED, upload_started=True)]),
        ("certificate_refused", [row("www", State.REQUESTED, certificate=b"c", failures=1, note="no OU")]),
    ],
)
def test_what_the_next_run_may_settle_is_failing(kind: str, rows: list[Revision]) -> None:
    found = entry(*rows)
    assert [one.kind for one in found.attention] == [kind]
    assert found.status is Status.FAILING


def test_the_gravest_problem_comes_first() -> None:
    found = entry(row("www", State.CREATE_UNKNOWN), in_use("www", NOW, -1, revision=2))
    assert [one.kind for one in found.attention] == ["expired", "create_unknown"]
    assert found.status is Status.EXPIRED


@pytest.mark.parametrize(
    ("days", "life", "soon", "is_soon"),
    [
        (30, 365, 30, True),
        (30.1, 365, 30, False),
        # a third of its life is left
        (2, 6, 30, True),
        (2.1, 6, 30, False),
        (2, 365, 1, False),
    ],
)
def test_what_ends_soon(days: float, life: float, soon: float, *, is_soon: bool) -> None:
    found = entry(in_use("www", NOW, days, life=life), soon=soon)
    assert found.ends_soon == is_soon
    assert found.status is (Status.ENDS_SOON if is_soon else Status.IN_USE)


def test_a_certificate_of_unknown_end_does_not_end_soon() -> None:
    found = entry(row("www", State.FINALIZED, adopted=True, thumbprint="AB"))
    assert (found.status, found.not_valid_after, found.thumbprint) == (Status.IN_USE, None, "AB")


def test_the_facts_are_those_of_the_certificate_in_use() -> None:
    old, new = in_use("www", NOW, 100), row("www", State.SIGNING, 2, provider="CA_NEW", updated_at=NOW)
    found = entry(old, new)
    assert (found.revision, found.thumbprint, found.not_valid_after) == (1, old.thumbprint, NOW + 100 * DAY)
    assert (found.state, found.provider, found.updated_at) == ("signing", "CA_NEW", NOW)
    assert (found.subject, found.key) == ("cn=www, o=Example SL, c=ES", "RSA 2048")
    assert (found.due_at, found.renew_at) == (NOW + 70 * DAY, None)


def test_what_is_due_keeps_the_time_at_which_it_was_due() -> None:
    """Otherwise each report of a certificate that is due would differ from the one before."""
    found = entry(in_use("www", NOW, 10))
    assert found.renew_at == found.due_at == NOW - 20 * DAY
    assert entry(in_use("www", NOW, 10), renew_before="never").renew_at is None


def test_no_revision_is_no_certificate() -> None:
    found = entry()
    assert (found.status, found.revision, found.state) == (Status.NONE, 0, "")


def test_the_ca_has_its_common_name(pki: Openssl) -> None:
    def ca_of(certificate: bytes) -> str:
        return entry(in_use("www", NOW, 10, certificate=certificate)).ca

    issuer = pki.text("x509", "-in", "leaf.crt", "-noout", "-issuer", "-nameopt", "multiline,utf8,-esc_msb")
    (name,) = (line.partition("= ")[2] for line in issuer.splitlines() if "commonName" in line)
    assert ca_of(pki.der("leaf")) == name
    assert ca_of(b"no certificate") == ""


@pytest.mark.parametrize(
    ("subject", "label"), [("/O=Only O/C=ES", "Only O"), ("/C=ES/L=Madrid", "c=ES, l=Madrid"), ("/CN=a\tb", "a b")]
)
def test_a_ca_without_a_common_name_has_another(openssl: Openssl, subject: str, label: str) -> None:
    openssl.root("ca", subject)
    assert entry(in_use("www", NOW, 10, certificate=openssl.der("ca"))).ca == label


def test_each_status_has_words_and_a_place() -> None:
    assert [status.gravity for status in Status] == list(range(len(Status)))
    assert len({status.words for status in Status}) == len(Status)
    places: t.Sequence[str] = [*Status]
    assert places[0] == "expired"
