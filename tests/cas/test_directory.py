# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person with openssl serves the folders of the signer ``directory``."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest
from cryptography import x509

from ansible_collections.redtrust.certificate_enroll.tests.robustness.launcher import Fault

from .desk import LEGACY, Desk, entry, subject
from .servers import program, root

if t.TYPE_CHECKING:
    from .conftest import NewDesk


class Person:
    """Signs what is in the folder of requests, as the JSON beside each says, and moves it away."""

    def __init__(self, directory: Path) -> None:
        self.requests, self.answers, self.own = (directory / name for name in ("requests", "answers", "person"))
        for path in (self.requests, self.answers, self.own):
            path.mkdir(0o700, parents=True)
        self._openssl = program("openssl", "openssl")
        self._ca, self._key = root(self.own, "a person")
        self.signed: list[x509.Certificate] = []

    def options(self) -> dict[str, str]:
        """Return the options of the signer."""
        return {"requests_path": str(self.requests), "answers_path": str(self.answers)}

    def serve(self) -> int:
        """Sign all requests; return how many."""
        found = sorted(self.requests.glob("*.csr"))
        for csr in found:
            told = json.loads(csr.with_suffix(".json").read_text(encoding="utf-8"))
            name = "".join(f"/{one['attribute'].upper()}={one['value']}" for one in told["dn"])
            certificate = self.own / f"{csr.stem}.crt"
            self._run("x509", "-req", "-in", str(csr), "-days", "30", "-subj", name, "-out", str(certificate))
            self.signed.append(x509.load_pem_x509_certificate(certificate.read_bytes()))
            (self.answers / f"{csr.stem}.crt").write_bytes(certificate.read_bytes() + self._ca.read_bytes())
            csr.unlink()
        return len(found)

    def _run(self, *arguments: str) -> None:
        ca = ("-CA", str(self._ca), "-CAkey", str(self._key), "-CAcreateserial")
        subprocess.run([self._openssl, *arguments, *ca], check=True, capture_output=True, cwd=self.own)


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path / "folders")


def states(desk: Desk) -> list[str]:
    return [row["state"] for row in desk.revisions()]


@pytest.mark.parametrize("provider", ["CA_DEMO", LEGACY])
def test_it_issues_and_renews(person: Person, new_desk: NewDesk, provider: str) -> None:
    desk = new_desk("directory", **person.options())
    ana = entry("ana", ("c", "ES"), ("cn", "ana"), provider=provider, key_type="RSA", key_length=2048)
    ran = desk.enroll(ana)
    assert ran.entries["ana"]["action"] == "wait"
    assert f"written to {person.requests}" in ran.entries["ana"]["reason"]
    assert person.serve() == 1
    assert desk.enroll(ana).status == 0
    assert desk.enroll(ana, force=True).entries["ana"]["action"] == "wait"
    assert person.serve() == 1
    assert desk.enroll(ana).status == 0
    assert states(desk) == ["superseded", "finalized"]
    assert [subject(one) for one in desk.in_use()] == [[("C", "ES"), ("CN", "ana")]]
    assert desk.signed_for(person.signed) == [1, 1]
    assert [path.name for path in person.answers.iterdir()] == ["done"]


def test_a_request_that_waits_is_handed_over_once(person: Person, new_desk: NewDesk) -> None:
    """The person takes the requests away, and several runs pass before the answers come."""
    desk = new_desk("directory", **person.options())
    both = entry("ana"), entry("bob")
    desk.enroll(*both)
    for path in person.requests.iterdir():
        path.rename(person.own / path.name)
    for _run in range(2):
        assert {one["action"] for one in desk.enroll(*both).entries.values()} == {"wait"}
        assert list(person.requests.iterdir()) == []
    for path in person.own.glob("*.csr"):
        path.with_suffix(".json").rename(person.requests / path.with_suffix(".json").name)
        path.rename(person.requests / path.name)
    assert person.serve() == 2
    assert desk.enroll(*both).status == 0
    assert desk.signed_for(person.signed) == [1, 1]


@pytest.mark.parametrize("point", ["directory prepared", "directory kept", "sign after"])
def test_a_run_that_is_killed_hands_over_once(person: Person, new_desk: NewDesk, point: str) -> None:
    desk = new_desk("directory", **person.options())
    entries = [entry(f"name-{number}") for number in range(3)]
    assert desk.enroll(*entries, fault=Fault(point, "kill", skip=1)).status == -9
    # A key whose answer was lost is given up, so its name begins anew after the kill.
    for _run in range(3):
        person.serve()
        assert desk.enroll(*entries).status == 0
    assert desk.signed_for(person.signed) == [1, 1, 1]
    assert len(desk.in_use()) == 3


@pytest.mark.parametrize("point", ["directory moved", "sign after"])
def test_a_run_that_is_killed_loses_no_answer(person: Person, new_desk: NewDesk, point: str) -> None:
    desk = new_desk("directory", **person.options())
    entries = [entry(f"name-{number}") for number in range(3)]
    desk.enroll(*entries)
    person.serve()
    assert desk.enroll(*entries, fault=Fault(point, "kill", skip=1)).status == -9
    assert desk.enroll(*entries).status == 0
    assert person.serve() == 0
    assert desk.signed_for(person.signed) == [1, 1, 1]
    assert len(desk.in_use()) == 3


def test_never(person: Person, new_desk: NewDesk) -> None:
    desk = new_desk("directory", **person.options())
    desk.enroll(entry("ana"))
    (csr,) = person.requests.glob("*.csr")
    (person.answers / f"{csr.stem}.rejected").write_text("she left the company", encoding="utf-8")
    ran = desk.enroll(entry("ana"))
    assert ran.entries["ana"]["msg"] == "the CA refused the request: she left the company"
    assert states(desk) == ["rejected"]


def test_a_folder_that_is_gone_is_told_before_a_key_is_made(person: Person, new_desk: NewDesk) -> None:
    desk = new_desk("directory", **person.options())
    person.answers.rmdir()
    ran = desk.enroll(entry("ana"))
    assert f"directory.answers_path: {person.answers} cannot be used" in ran.said["msg"]
    assert desk.revisions() == []
