# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup of a certificate, loaded in the same way as by Ansible."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader

from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.stored import SERVICE, VARIABLES, filled


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(filled(tmp_path_factory.mktemp("state") / "store.db"))


def look_up(*terms: t.Any, **options: t.Any) -> list[dict[str, t.Any]]:
    plugin = lookup_loader.get("redtrust.certificate_enroll.certificate")
    found: list[dict[str, t.Any]] = plugin.run(list(terms), {}, **options)
    return found


def openssl(pem: str, *wanted: str) -> str:
    command = ["openssl", "x509", "-noout", "-nameopt", "RFC2253,-esc_msb,utf8", *wanted]
    done = subprocess.run(command, input=pem, capture_output=True, text=True, check=True)
    return done.stdout.strip().partition("=")[2]


def test_it_is_as_openssl_reads_it(store: str) -> None:
    (found,) = look_up("ana garcia", store_path=store, service=SERVICE)
    pem = found["certificate"]
    assert found["subject"] == openssl(pem, "-subject")
    assert found["issuer"] == openssl(pem, "-issuer")
    assert int(found["serial_number"], 16) == int(openssl(pem, "-serial"), 16)
    assert found["certificate_sha256"] == openssl(pem, "-fingerprint", "-sha256").replace(":", "").lower()
    assert openssl(found["chain"], "-subject") == openssl(pem, "-issuer")


def test_the_rest_is_from_the_store(store: str) -> None:
    (found,) = look_up("ana garcia", store_path=store, service=SERVICE)
    assert found["fullchain"] == found["certificate"] + found["chain"]
    assert (found["name"], found["revision"], found["provider"]) == ("ana garcia", 1, "CA_DEMO")
    assert (found["certificate_id"], found["revoked_at"]) == ("17", None)
    assert found["not_valid_before"] < found["not_valid_after"]
    assert found["dn"] == [{"attribute": "cn", "value": "ana garcia"}]


def test_several_names_in_their_order(store: str) -> None:
    found = look_up("due", ["ana garcia", "ended"], store_path=store, host=SERVICE)
    assert [one["name"] for one in found] == ["due", "ana garcia", "ended"]
    assert look_up(store_path=store, host=SERVICE) == []


def test_the_store_and_the_service_may_come_from_the_environment(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # AWX sets a variable for each field of a credential, also for an empty one
    values = {"STORE_PATH": store, "STORE_DSN": "", "STORE_KEY": "", "SERVICE": "", "HOST": SERVICE}
    for name, value in values.items():
        monkeypatch.setenv(f"REDTRUST_{name}", value)
    assert look_up("due")[0]["name"] == "due"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", "nobody: the store has no enrollment of this name for rt.example.com$"),
        ("waits", "waits: no certificate is in use: it is at the signer$"),
        ("adopted", "adopted: the store has no copy of the certificate in use, only its thumbprint [0-9A-F]{40}$"),
        (5, "a name is text, not 5: quote it in YAML$"),
        ("", "a name is text, not '': quote it in YAML$"),
    ],
)
def test_a_name_without_a_certificate_is_an_error(store: str, name: object, words: str) -> None:
    with pytest.raises(AnsibleLookupError, match=f"^certificate: {words}"):
        look_up("due", name, store_path=store, service=SERVICE)


def test_an_unknown_option_is_not_ignored(store: str) -> None:
    with pytest.raises(AnsibleLookupError, match="there is no option 'stor_path'; did you mean store_path"):
        look_up("due", stor_path=store, service=SERVICE)


def test_nothing_is_made_where_there_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "state" / "store.db"
    with pytest.raises(AnsibleLookupError, match=f"^certificate: there is no store at {path}: set store_path"):
        look_up("due", store_path=str(path), service=SERVICE)
    assert not path.parent.exists()
