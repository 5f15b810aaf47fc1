# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real OpenBao, through the presets ``openbao`` and ``vault``. Vault itself is not tried: its API is the same."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import Revocation
from ansible_collections.redtrust.certificate_enroll.tests.robustness.launcher import Fault

from .desk import LEGACY, entry, public_key, subject

if t.TYPE_CHECKING:
    from .conftest import NewDesk
    from .openbao import OpenBao

# Each way to ask, with the type of the signer.
WAYS = {
    "sign": ("openbao", {"endpoint": "sign", "role": "people"}),
    "cel": ("openbao", {"endpoint": "cel", "role": "people"}),
    "vault": ("vault", {"endpoint": "sign", "role": "people"}),
}


def options(openbao: OpenBao, way: str = "sign", **others: t.Any) -> dict[str, t.Any]:
    """Return a signer for the CA, with the token of the administrator unless others say so."""
    signer, own = WAYS[way]
    token = {} if "role_id" in others else {"token": openbao.token}
    place = {"url": openbao.url, "ca_path": str(openbao.tls.ca_path), "retry_timeout": 0}
    return {"signer": signer, **place, **token, **own, **others}


@pytest.mark.parametrize("way", WAYS)
def test_it_issues_and_renews(openbao: OpenBao, new_desk: NewDesk, way: str) -> None:
    desk = new_desk(**options(openbao, way, validity="90d"))
    desk.have(entry("ana"))
    desk.have(entry("ana"), force=True)
    assert desk.signed_for(openbao.certificates()) == [1, 1]
    (ana,) = desk.in_use()
    assert sorted(subject(ana)) == [("C", "ES"), ("CN", "ana"), ("O", "Example")]
    assert abs((ana.not_valid_after_utc - ana.not_valid_before_utc).total_seconds() - 90 * 86400) <= 60
    assert ana.issuer == x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example CA")])
    assert desk.revisions()[-1]["chain"] != "[]"


@pytest.mark.parametrize("way", WAYS)
def test_it_takes_a_csr_with_an_empty_subject_and_sha1(openbao: OpenBao, new_desk: NewDesk, way: str) -> None:
    desk = new_desk(**options(openbao, way))
    desk.have(entry("ana", provider=LEGACY, key_type="RSA", key_length=2048))
    assert [sorted(subject(one)) for one in desk.in_use()] == [[("C", "ES"), ("CN", "ana"), ("O", "Example")]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("point", ["sign before", "sign after"])
def test_each_request_has_one_certificate_after_a_kill(
    openbao: OpenBao, new_desk: NewDesk, way: str, point: str
) -> None:
    desk = new_desk(**options(openbao, way))
    entries = [entry(f"kill-{number}") for number in range(4)]
    assert desk.enroll(*entries, fault=Fault(point, "kill", skip=1)).status == -9
    desk.have(*entries)
    assert desk.signed_for(openbao.certificates()) == [1, 1, 1, 1]
    assert len(desk.in_use()) == 4


def test_a_search_finds_the_certificate_among_many_pages(openbao: OpenBao, new_desk: NewDesk) -> None:
    desk = new_desk(**options(openbao))
    others = [entry(f"page-{number}") for number in range(7)]
    desk.have(*others)
    assert desk.enroll(entry("ana"), fault=Fault("sign after", "kill")).status == -9
    ran = desk.enroll(entry("ana"), patches={"_signers.openbao_code._PAGE": 2})
    assert (ran.status, desk.signed_for(openbao.certificates())) == (0, [1] * 8), ran


def test_without_a_search_a_lost_answer_is_a_choice(openbao: OpenBao, new_desk: NewDesk) -> None:
    desk = new_desk(**options(openbao, lost_answer="stop"))
    assert desk.enroll(entry("ana"), fault=Fault("sign after", "kill")).status == -9
    ran = desk.enroll(entry("ana"))
    assert "may have had this request before, and openbao.lost_answer is stop" in ran.entries["ana"]["msg"]
    assert desk.signed_for(openbao.certificates()) == [1]
    desk.signer["lost_answer"] = "repeat"
    ran = desk.enroll(entry("ana"))
    assert "may have issued two certificates" in str(ran.said["warnings"])
    assert desk.signed_for(openbao.certificates()) == [2]


def test_a_revoked_certificate_is_not_what_was_lost(openbao: OpenBao, new_desk: NewDesk) -> None:
    desk = new_desk(**options(openbao))
    assert desk.enroll(entry("ana"), fault=Fault("sign after", "kill")).status == -9
    (key,) = (public_key(x509.load_der_x509_csr(row["csr"])) for row in desk.revisions())
    (lost,) = (one for one in openbao.certificates() if public_key(one) == key)
    openbao.ask("POST", "pki/revoke", {"serial_number": openbao.serial(lost)})
    desk.have(entry("ana"))
    assert [one.serial_number == lost.serial_number for one in desk.in_use()] == [False]


def test_an_approle_logs_in_again_when_its_token_is_used_up(openbao: OpenBao, new_desk: NewDesk) -> None:
    openbao.ask("POST", "auth/approle/role/once", {"token_policies": ["redtrust"], "token_num_uses": 1})
    desk = new_desk(**options(openbao, **openbao.approle("once")))
    ran = desk.enroll(*(entry(f"once-{number}") for number in range(4)), workers=1)
    assert (ran.status, len(desk.in_use())) == (0, 4), ran


def test_an_approle_logs_in_again_when_its_token_has_ended(openbao: OpenBao, new_desk: NewDesk) -> None:
    openbao.ask("POST", "auth/approle/role/short", {"token_policies": ["redtrust"], "token_ttl": "1s"})
    desk = new_desk(**options(openbao, **openbao.approle("short")), rate="1/s", burst=1)
    ran = desk.enroll(*(entry(f"short-{number}") for number in range(3)))
    assert (ran.status, len(desk.in_use())) == (0, 3), ran


def test_a_wrong_credential_fails_once_and_leaves_the_request_as_it_was(openbao: OpenBao, new_desk: NewDesk) -> None:
    names = [f"wrong-{number}" for number in range(3)]
    desk = new_desk(**options(openbao, token="s.wrong"))
    ran = desk.enroll(*map(entry, names), workers=1)
    assert all("the CA does not allow that (HTTP 403: permission denied)" in one["msg"] for one in ran.entries.values())
    assert "s.wrong" not in ran.stdout.replace('"token": "s.wrong"', "")
    desk.signer.pop("token")
    desk.signer.update(openbao.approle("redtrust"), secret_id="a wrong secret")
    ran = desk.enroll(*map(entry, names), workers=1)
    assert "look at the credentials of openbao" in ran.entries[names[0]]["msg"]
    assert {row["state"] for row in desk.revisions()} == {"requested"}
    desk.signer.update(openbao.approle("redtrust"))
    desk.have(*map(entry, names))
    assert desk.signed_for(openbao.certificates()) == [1, 1, 1]


def test_a_token_comes_from_a_file_that_an_agent_writes(openbao: OpenBao, new_desk: NewDesk, tmp_path: Path) -> None:
    sink = tmp_path / "sink"
    desk = new_desk(**options(openbao, token=None, token_path=str(sink)))
    assert f"{sink} cannot be read" in desk.enroll(entry("ana")).said["msg"]
    sink.write_text(f"{openbao.token}\n", encoding="ascii")
    desk.have(entry("ana"))


def test_it_signs_in_a_namespace(openbao: OpenBao, new_desk: NewDesk) -> None:
    openbao.ask("POST", "sys/namespaces/team", {})
    openbao.follow_the_guide("Set up OpenBao", namespace="team")
    desk = new_desk(**options(openbao, "cel", namespace="team", **openbao.approle("redtrust", namespace="team")))
    assert desk.enroll(entry("ana"), fault=Fault("sign after", "kill")).status == -9
    desk.have(entry("ana"))
    assert desk.signed_for(openbao.certificates(namespace="team")) == [1]
    assert desk.signed_for(openbao.certificates()) == [0]


def test_a_ca_that_is_down_or_sealed_gets_the_request_later(openbao: OpenBao, new_desk: NewDesk) -> None:
    desk = new_desk(**options(openbao))
    with openbao.down():
        ran = desk.enroll(entry("ana"))
        assert "Connection refused" in ran.entries["ana"]["msg"]
    openbao.ask("PUT", "sys/seal")
    ran = desk.enroll(entry("ana"))
    assert "Vault is sealed" in ran.entries["ana"]["msg"], ran
    openbao.unseal()
    desk.have(entry("ana"))
    assert desk.signed_for(openbao.certificates()) == [1]


def test_a_name_that_the_role_does_not_allow_is_rejected(openbao: OpenBao, new_desk: NewDesk) -> None:
    role = {
        "allowed_domains": ["example.com"],
        "allow_bare_domains": True,
        "use_csr_common_name": False,
        "key_type": "any",
    }
    openbao.ask("POST", "pki/roles/strict", role)
    desk = new_desk(**options(openbao, role="strict"))
    ran = desk.enroll(entry("ana", ("cn", "ana.example.org")), entry("bob", ("cn", "example.com")))
    assert ran.entries["ana"]["msg"].endswith(
        "refused the request for good (HTTP 400, common name ana.example.org not allowed by this role)"
    )
    assert {row["name"]: row["state"] for row in desk.revisions()} == {"ana": "rejected", "bob": "finalized"}


def test_a_wrong_role_leaves_the_request_as_it_was(openbao: OpenBao, new_desk: NewDesk) -> None:
    desk = new_desk(**options(openbao, role="nobody"))
    assert "unknown role: nobody" in desk.enroll(entry("ana")).entries["ana"]["msg"]
    desk.signer["role"] = "people"
    desk.have(entry("ana"))
    assert desk.signed_for(openbao.certificates()) == [1]


def test_a_cel_role_says_no_in_its_own_words(openbao: OpenBao, new_desk: NewDesk) -> None:
    desk = new_desk(**options(openbao, "cel", validity="2y"))
    assert "this role issues certificates of at most one year" in desk.enroll(entry("ana")).entries["ana"]["msg"]
    desk.signer["validity"] = "1y"
    desk.have(entry("ana"))


def test_a_cel_role_issues_the_whole_subject(openbao: OpenBao, new_desk: NewDesk) -> None:
    desk = new_desk(**options(openbao, "cel"))
    dn = [("cn", "Añá"), ("ou", "a"), ("OU", "b, c"), ("o", "Example, S.L."), ("serialNumber", "ID-1")]
    dn += [("l", "Madrid"), ("st", "Aragón"), ("c", "ES")]
    names = ["DNS:www.example.com", "email:ana@example.com"]
    desk.have(entry("ana", *dn, subject_alt_name=names))
    (ana,) = desk.in_use()
    assert {value for _name, value in subject(ana)} == {value for _name, value in dn}
    found = ana.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in found] == ["www.example.com", "ana@example.com"]


def test_a_role_issues_cn_serial_number_uid_and_the_names(openbao: OpenBao, new_desk: NewDesk) -> None:
    desk = new_desk(**options(openbao))
    dn = (("cn", "Ana, García"), ("serialNumber", "IDCES-1"), ("uid", "ana"), ("uid", "garcia"), ("o", "Example"))
    names = ["DNS:www.example.com", "email:ana@example.com", "IP:192.0.2.1", "URI:https://example.com/a"]
    desk.have(entry("ana", *dn, subject_alt_name=names))
    (ana,) = desk.in_use()
    assert {value for _name, value in subject(ana)} == {"Ana, García", "IDCES-1", "ana", "garcia", "Example", "ES"}
    found = ana.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in found} == {
        "www.example.com",
        "ana@example.com",
        "192.0.2.1",
        "https://example.com/a",
    }


@pytest.mark.parametrize(
    ("way", "attribute", "words"),
    [
        ("sign", ("givenName", "Ana"), "the endpoint sign cannot issue a subject with givenName"),
        ("cel", ("uid", "ana"), "the endpoint cel cannot issue a subject with uid"),
        ("sign", ("cn", "another"), "the endpoint sign cannot issue a subject with 2 of cn"),
    ],
)
def test_a_subject_that_no_role_can_issue_is_not_sent(
    openbao: OpenBao, new_desk: NewDesk, way: str, attribute: tuple[str, str], words: str
) -> None:
    desk = new_desk(**options(openbao, way))
    assert words in desk.enroll(entry("ana", ("cn", "ana"), attribute)).entries["ana"]["msg"]
    assert desk.revisions() == []
    assert not [step for (step,) in desk.appliance.asked("step") if step == "create"]


def test_sign_verbatim_takes_the_subject_of_a_csr_that_has_one(openbao: OpenBao, new_desk: NewDesk) -> None:
    desk = new_desk(**options(openbao, endpoint="sign_verbatim", role=None))
    dn = (("e", "ana@example.com"), ("cn", "ana"))
    ran = desk.enroll(entry("ana", *dn), entry("bob", *dn, provider=LEGACY))
    assert "copies the subject of the CSR, and that CSR has none" in ran.entries["bob"]["msg"]
    assert [subject(one) for one in desk.in_use()] == [[("1.2.840.113549.1.9.1", "ana@example.com"), ("CN", "ana")]]


@pytest.mark.parametrize("way", ["sign", "vault"])
def test_it_revokes(openbao: OpenBao, new_desk: NewDesk, way: str) -> None:
    desk = new_desk(**options(openbao, way))
    desk.have(entry("ana"))
    (ana,) = desk.in_use()
    assert desk.revoke("ana", "keyCompromise").changed
    assert openbao.is_revoked(ana)
    desk.built_signer().revoke(Revocation("ana", 1, ana.public_bytes(Encoding.DER)))
    assert desk.have(entry("ana")).entries["ana"]["action"] == "renew"
    assert [openbao.is_revoked(one) for one in desk.in_use()] == [False]
