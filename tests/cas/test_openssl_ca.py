# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``openssl ca`` through the signer ``command`` and the script of the examples."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import Revocation
from ansible_collections.redtrust.certificate_enroll.tests.robustness.launcher import Fault

from .desk import LEGACY, entry, subject
from .servers import until

if t.TYPE_CHECKING:
    from .conftest import NewDesk
    from .openssl_ca import OpenSslCa


def test_it_issues_and_renews_with_the_subject_of_the_order(openssl_ca: OpenSslCa, new_desk: NewDesk) -> None:
    desk = new_desk("command", **openssl_ca.options())
    dn = (("c", "ES"), ("o", "Example, S.L."), ("ou", "a/b"), ("ou", "c+d"), ("serialNumber", "IDCES-1"), ("cn", "Añá"))
    names = ["DNS:www.example.com", "email:ana@example.com"]
    desk.have(entry("ana", *dn, subject_alt_name=names))
    desk.have(entry("ana", *dn, subject_alt_name=names), force=True)
    (ana,) = desk.in_use()
    assert subject(ana) == [
        ("C", "ES"), ("O", "Example, S.L."), ("OU", "a/b"), ("OU", "c+d"), ("2.5.4.5", "IDCES-1"), ("CN", "Añá")
    ]  # fmt: skip
    found = ana.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["www.example.com"]
    assert found.get_values_for_type(x509.RFC822Name) == ["ana@example.com"]
    assert desk.signed_for(openssl_ca.certificates()) == [1, 1]


def test_it_takes_a_csr_with_an_empty_subject_and_sha1(openssl_ca: OpenSslCa, new_desk: NewDesk) -> None:
    desk = new_desk("command", **openssl_ca.options())
    desk.have(entry("ana", provider=LEGACY, key_type="RSA", key_length=2048))
    assert [subject(one) for one in desk.in_use()] == [[("CN", "ana"), ("O", "Example"), ("C", "ES")]]


@pytest.mark.parametrize("point", ["sign before", "sign after"])
def test_each_request_has_one_certificate_after_a_kill(openssl_ca: OpenSslCa, new_desk: NewDesk, point: str) -> None:
    desk = new_desk("command", **openssl_ca.options())
    entries = [entry(f"kill-{number}") for number in range(4)]
    assert desk.enroll(*entries, fault=Fault(point, "kill", skip=1)).status == -9
    desk.have(*entries)
    assert desk.signed_for(openssl_ca.certificates()) == [1, 1, 1, 1]
    assert len(desk.in_use()) == 4


def test_a_killed_run_leaves_openssl_to_finish_and_the_next_one_takes_its_certificate(
    openssl_ca: OpenSslCa, new_desk: NewDesk, tmp_path: Path
) -> None:
    slow = tmp_path / "openssl"
    slow.write_text('#!/bin/sh\nsleep 0.5\nexec /usr/bin/openssl "$@"\n', encoding="ascii")
    slow.chmod(0o700)
    options = openssl_ca.options()
    desk = new_desk("command", argv=["env", f"PATH={tmp_path}:/usr/bin:/bin", *options["argv"]])
    running = desk.start_enrolling(entry("ana"))
    until((openssl_ca.directory / ".lock").exists, lambda: "the script was not started")
    running.kill()
    assert running.wait().status == -9
    desk.have(entry("ana"))
    assert desk.signed_for(openssl_ca.certificates()) == [1]


def test_what_its_policy_forbids_is_rejected(openssl_ca: OpenSslCa, new_desk: NewDesk) -> None:
    desk = new_desk("command", **openssl_ca.options())
    ran = desk.enroll(entry("nobody", ("o", "Example")))
    assert ran.entries["nobody"]["msg"] == (
        "the CA refused the request: The commonName field needed to be supplied and was missing"
    )
    assert [row["state"] for row in desk.revisions()] == ["rejected"]
    assert openssl_ca.index() == []


def test_a_request_waits_for_a_person(openssl_ca: OpenSslCa, new_desk: NewDesk, tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    desk = new_desk("command", **openssl_ca.options("--approval", str(waiting)))
    both = (entry("ana"), entry("bob"))
    ran = desk.enroll(*both)
    assert {one["action"] for one in ran.entries.values()} == {"wait"}
    numbers = {row["name"]: row["order_number"] for row in desk.revisions()}
    assert f"request {numbers['ana']} waits for approval" in ran.entries["ana"]["reason"]
    assert (waiting / f"{numbers['ana']}.txt").read_text(encoding="utf-8").startswith("ana\n")
    (waiting / f"{numbers['ana']}.approved").touch()
    (waiting / f"{numbers['bob']}.denied").write_text("bob left the company", encoding="utf-8")
    ran = desk.enroll(*both)
    assert "bob left the company" in ran.entries["bob"]["msg"]
    assert {row["name"]: row["state"] for row in desk.revisions()} == {"ana": "finalized", "bob": "rejected"}
    assert desk.signed_for(openssl_ca.certificates()) == [0, 1]


def test_it_revokes(openssl_ca: OpenSslCa, new_desk: NewDesk) -> None:
    desk = new_desk("command", **openssl_ca.options())
    desk.have(entry("ana"))
    (ana,) = desk.in_use()
    assert desk.revoke("ana", "keyCompromise").changed
    desk.built_signer().revoke(Revocation("ana", 1, ana.public_bytes(Encoding.DER)))
    assert [status for status, _serial in openssl_ca.index()] == ["R"]
    assert "keyCompromise" in (openssl_ca.directory / "index.txt").read_text(encoding="ascii")


@pytest.mark.parametrize(("point", "status"), [("revoke before", "V"), ("revoke after", "R")])
def test_a_revocation_that_is_cut_off_is_made_good(
    openssl_ca: OpenSslCa, new_desk: NewDesk, point: str, status: str
) -> None:
    desk = new_desk("command", **openssl_ca.options())
    desk.have(entry("ana"))
    cut_off = desk.start("redtrust_enrollment", Fault(point, "kill"), **desk.revocation("ana", "superseded")).wait()
    assert cut_off.status == -9
    assert [found for found, _serial in openssl_ca.index()] == [status]
    assert [row["revoked_at"] for row in desk.revisions()] == [None]
    assert desk.revoke("ana", "superseded").changed
    assert [found for found, _serial in openssl_ca.index()] == ["R"]
    assert [row["revoked_at"] is None for row in desk.revisions()] == [False]
