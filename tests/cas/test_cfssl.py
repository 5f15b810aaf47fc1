# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real cfssl, through the preset of this name."""

from __future__ import annotations

import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import Revocation
from ansible_collections.redtrust.certificate_enroll.tests.robustness.launcher import Fault

from .cfssl import AUTH_KEY
from .desk import LEGACY, entry, subject

if t.TYPE_CHECKING:
    from .cfssl import Cfssl
    from .conftest import NewDesk


def options(cfssl: Cfssl, **others: t.Any) -> dict[str, t.Any]:
    """Return a signer for the CA."""
    place = {"url": cfssl.url, "ca_path": str(cfssl.tls.ca_path), "retry_timeout": 0}
    return {"signer": "cfssl", **place, "profile": "people", "auth_key": AUTH_KEY, **others}


def test_it_issues_and_renews_with_the_subject_of_the_order(cfssl: Cfssl, new_desk: NewDesk) -> None:
    desk = new_desk(**options(cfssl))
    dn = [("cn", "Añá"), ("ou", "a"), ("OU", "b, c"), ("o", "Example, S.L."), ("serialNumber", "ID-1")]
    dn += [("l", "Madrid"), ("st", "Aragón"), ("c", "ES")]
    names = ["DNS:www.example.com", "email:ana@example.com", "IP:192.0.2.1"]
    desk.have(entry("ana", *dn, subject_alt_name=names))
    desk.have(entry("ana", *dn, subject_alt_name=names), force=True)
    assert desk.signed_for(cfssl.certificates()) == [1, 1]
    (ana,) = desk.in_use()
    assert {value for _name, value in subject(ana)} == {value for _name, value in dn}
    found = ana.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in found} == {"www.example.com", "ana@example.com", "192.0.2.1"}
    assert desk.revisions()[-1]["chain"] != "[]"


def test_it_takes_a_csr_with_an_empty_subject_and_sha1(cfssl: Cfssl, new_desk: NewDesk) -> None:
    desk = new_desk(**options(cfssl))
    desk.have(entry("ana", provider=LEGACY, key_type="RSA", key_length=2048))
    assert [sorted(subject(one)) for one in desk.in_use()] == [[("C", "ES"), ("CN", "ana"), ("O", "Example")]]


def test_a_kill_before_the_request_leaves_one_certificate_each(cfssl: Cfssl, new_desk: NewDesk) -> None:
    desk = new_desk(**options(cfssl))
    entries = [entry(f"before-{number}") for number in range(4)]
    assert desk.enroll(*entries, fault=Fault("sign before", "kill")).status == -9
    desk.have(*entries)
    assert desk.signed_for(cfssl.certificates()) == [1, 1, 1, 1]


def test_an_old_cfssl_never_records_a_second_certificate_and_says_where_the_first_is(
    cfssl: Cfssl, new_desk: NewDesk
) -> None:
    desk = new_desk(**options(cfssl))
    assert desk.enroll(entry("ana"), fault=Fault("sign after", "kill")).status == -9
    for _time in range(2):
        ran = desk.enroll(entry("ana"))
        assert "take it from the database of the CA" in ran.entries["ana"]["msg"], ran
    assert desk.signed_for(cfssl.certificates()) == [1]


@pytest.mark.parametrize("point", ["sign before", "sign after"])
def test_each_request_has_one_serial_number_after_a_kill(
    cfssl_without_records: Cfssl, new_desk: NewDesk, point: str
) -> None:
    desk = new_desk(**options(cfssl_without_records))
    entries = [entry(f"kill-{number}") for number in range(4)]
    before = len(set(cfssl_without_records.signatures()))
    assert desk.enroll(*entries, fault=Fault(point, "kill", skip=1)).status == -9
    desk.have(*entries)
    signatures = cfssl_without_records.signatures()
    assert len(set(signatures)) - before == 4
    assert {str(one.serial_number) for one in desk.in_use()} <= set(signatures)
    assert len(desk.in_use()) == 4


def test_without_serial_numbers_a_lost_answer_is_a_choice(cfssl: Cfssl, new_desk: NewDesk) -> None:
    desk = new_desk(**options(cfssl, profile="plain", auth_key=None, serial_numbers=False))
    assert desk.enroll(entry("ana"), fault=Fault("sign after", "kill")).status == -9
    ran = desk.enroll(entry("ana"))
    assert "may have had this request before, and cfssl.lost_answer is stop" in ran.entries["ana"]["msg"]
    assert desk.signed_for(cfssl.certificates()) == [1]
    desk.signer["lost_answer"] = "repeat"
    assert "may have issued two certificates" in str(desk.have(entry("ana")).said["warnings"])
    assert desk.signed_for(cfssl.certificates()) == [2]


def test_a_profile_that_chooses_serial_numbers_itself_is_told(cfssl: Cfssl, new_desk: NewDesk) -> None:
    desk = new_desk(**options(cfssl, profile="plain", auth_key=None))
    assert "set ClientProvidesSerialNumbers in the profile plain" in str(desk.have(entry("ana")).said["warnings"])


def test_a_wrong_key_leaves_the_request_as_it_was(cfssl: Cfssl, new_desk: NewDesk) -> None:
    desk = new_desk(**options(cfssl, auth_key="00" * 16))
    assert "the CA refused (HTTP 400: invalid token)" in desk.enroll(entry("ana")).entries["ana"]["msg"]
    desk.signer["auth_key"] = None
    assert "the CA refused (HTTP 400: authentication required)" in desk.enroll(entry("ana")).entries["ana"]["msg"]
    assert [row["state"] for row in desk.revisions()] == ["requested"]
    desk.signer["auth_key"] = "no digits"
    assert "cfssl.auth_key must be hexadecimal digits" in desk.enroll(entry("ana")).said["msg"]
    desk.signer["auth_key"] = AUTH_KEY
    desk.have(entry("ana"))
    assert desk.signed_for(cfssl.certificates()) == [1]


def test_a_ca_that_is_down_gets_the_request_later(cfssl: Cfssl, new_desk: NewDesk) -> None:
    desk = new_desk(**options(cfssl))
    with cfssl.down():
        assert "Connection refused" in desk.enroll(entry("ana")).entries["ana"]["msg"]
    desk.have(entry("ana"))
    assert desk.signed_for(cfssl.certificates()) == [1]


def test_a_name_that_the_profile_does_not_allow_is_refused(cfssl: Cfssl, new_desk: NewDesk) -> None:
    desk = new_desk(**options(cfssl, profile="strict", auth_key=None))
    ran = desk.enroll(entry("ana", ("cn", "ana.example.org")), entry("bob", ("cn", "bob.example.com")))
    assert (ran.entries["ana"]["failed"], ran.entries["bob"]["failed"]) == (True, False)
    assert ran.entries["ana"]["msg"].endswith(
        "refused the request for good (HTTP 400, Request does not match policy whitelist)"
    )
    assert {row["name"]: row["state"] for row in desk.revisions()} == {"ana": "rejected", "bob": "finalized"}


@pytest.mark.parametrize(
    ("attribute", "words"),
    [(("givenName", "Ana"), "a subject with givenName"), (("cn", "b"), "a subject with more than one cn")],
)
def test_a_subject_that_it_cannot_issue_is_not_sent(
    cfssl: Cfssl, new_desk: NewDesk, attribute: tuple[str, str], words: str
) -> None:
    desk = new_desk(**options(cfssl))
    assert words in desk.enroll(entry("ana", ("cn", "ana"), attribute)).entries["ana"]["msg"]
    assert desk.revisions() == []
    assert not [step for (step,) in desk.appliance.asked("step") if step == "create"]


def test_it_revokes(cfssl: Cfssl, new_desk: NewDesk) -> None:
    desk = new_desk(**options(cfssl))
    desk.have(entry("ana"))
    (ana,) = desk.in_use()
    before = cfssl.statuses().count("revoked")
    assert desk.revoke("ana", "keyCompromise").changed
    desk.built_signer().revoke(Revocation("ana", 1, ana.public_bytes(Encoding.DER)))
    assert cfssl.statuses().count("revoked") == before + 1
    assert desk.have(entry("ana")).entries["ana"]["action"] == "renew"


@pytest.mark.parametrize("point", ["sign before", "sign after"])
def test_a_new_cfssl_hands_out_the_certificate_of_a_lost_answer(
    new_cfssl: Cfssl, new_desk: NewDesk, point: str
) -> None:
    desk = new_desk(**options(new_cfssl))
    entries = [entry(f"kill-{number}") for number in range(4)]
    assert desk.enroll(*entries, fault=Fault(point, "kill", skip=1)).status == -9
    desk.have(*entries)
    assert desk.signed_for(new_cfssl.certificates()) == [1, 1, 1, 1]
    assert len(new_cfssl.signatures()) == 4
    desk.built_signer().revoke(Revocation("kill", 1, desk.in_use()[0].public_bytes(Encoding.DER)))
    assert sorted(new_cfssl.statuses()) == ["good", "good", "good", "revoked"]
