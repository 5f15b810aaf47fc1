# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credential types: accepted by AWX, complete, and what AWX's own injector makes of a credential."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.specs import CONNECTION, STORE
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import SIGNERS
from ansible_collections.redtrust.certificate_enroll.tests.awx import rules
from ansible_collections.redtrust.certificate_enroll.tests.awx.objects import credential_type

NAMES = ["connection", "store", "CA"]
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


class Given:
    """What AWX's own code gives to a job for a credential of a type."""

    def __init__(self, directory: Path, name: str, **inputs: str | bool) -> None:
        pytest.importorskip("awx_plugins.interfaces", reason="AWX's own injector needs Python 3.11")
        from ansible_collections.redtrust.certificate_enroll.tests.awx.jobs import MOUNT, inject

        assert rules.credential_problems(credential_type(name), inputs) == []
        self._folders = (MOUNT, str(directory))
        self.environment, self.shown, self.extra_vars = inject(directory, {name: inputs})

    def file(self, path: str) -> str:
        """Return the content of a file by its path in the container."""
        return Path(path.replace(*self._folders)).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_awx_accepts_it(name: str) -> None:
    assert rules.credential_type_problems(credential_type(name)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("inputs", "fields", 0, "type"), "integer"),
        (("inputs", "fields", 0, "id"), "tower"),
        (("inputs", "fields", 0, "id"), "api_version"),
        (("inputs", "fields", 0, "hint"), "text"),
        (("inputs", "fields", 1, "choices"), []),
        (("inputs", "dependencies"), {}),
        (("inputs", "required"), ["user"]),
        (("injectors", "env", "ANSIBLE_HOST_KEY_CHECKING"), "false"),
        (("injectors", "env", "JOB_ID"), "4711"),
        (("injectors", "env", "REDTRUST_HOST"), "{{ hots }}"),
        (("injectors", "env", "REDTRUST_HOST"), "{{ host"),
        (("injectors", "file", "template"), "{{ host }}"),
        (("injectors", "file", "ca"), "{{ host }}"),
    ],
)
def test_the_rules_refuse_what_awx_refuses(path: tuple[str | int, ...], value: object) -> None:
    kind = credential_type("connection")
    *way, last = path
    place: t.Any = kind
    for step in way:
        place = place[step]
    place[last] = value
    assert rules.credential_type_problems(kind)


def variables_of(*names: str) -> set[str]:
    return {variable for name in names for variable in credential_type(name)["injectors"]["env"]}


def test_each_option_of_the_connection_and_the_store_has_a_field() -> None:
    wanted = {variable for spec in (CONNECTION, STORE) for rule in spec.values() for variable in rule["fallback"][1]}
    wanted.add("REDTRUST_POLICY_FILE")  # so that a playbook cannot name another one
    assert wanted >= {"REDTRUST_HOST", "REDTRUST_STORE_DSN"}
    assert {name for name in variables_of("connection", "store") if name.startswith("REDTRUST_")} == wanted


def test_each_secret_of_a_signer_has_a_field() -> None:
    secrets = {
        f"REDTRUST_{signer.name}_{option}".upper()
        for signer in SIGNERS.values()
        for option, rule in signer.options.items()
        if rule.get("no_log")
    }
    assert variables_of("CA") == secrets


def test_no_variable_is_in_two_types() -> None:
    """A job has a credential of each, and the last one would win, even with an empty value."""
    kinds = [credential_type(name)["injectors"]["env"] for name in NAMES]
    assert sum(map(len, kinds)) == len(variables_of(*NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_used_and_every_secret_is_one(name: str) -> None:
    kind = credential_type(name)
    templates = "".join(text for group in kind["injectors"].values() for text in group.values())
    fields = {field["id"]: field for field in kind["inputs"]["fields"]}
    unused = [field for field in fields if f"{{{{ {field} }}}}" not in templates and f"if {field} " not in templates]
    assert unused == []
    words = ("password", "passphrase", "secret", "token", "private_key", "session_key", "store_key", "dsn", "proxy")
    open_ones = {"partner_secret_encoding"}
    wrong = [
        field
        for field, rule in fields.items()
        if any(word in field for word in words) and not rule.get("secret") and field not in open_ones
    ]
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_credential_sets_nothing(name: str, tmp_path: Path) -> None:
    """An unchecked box counts as not checked, so the certificate of the server is checked."""
    assert set(Given(tmp_path, name).environment.values()) == {""}


def test_a_certificate_becomes_a_file(tmp_path: Path) -> None:
    job = Given(
        tmp_path, "connection", host="redtrust.example.com", ca_certificates=PEM, client_private_key="a private key"
    )
    assert job.environment["REDTRUST_HOST"] == "redtrust.example.com"
    assert job.file(job.environment["REDTRUST_CA_PATH"]) == PEM
    assert job.file(job.environment["REDTRUST_CLIENT_KEY"]) == "a private key"
    assert job.environment["REDTRUST_CLIENT_CERT"] == ""
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "env").iterdir()} == {0o600}


def test_a_box_turns_the_check_of_the_server_off(tmp_path: Path) -> None:
    assert Given(tmp_path, "connection", no_validate_certs=True).environment["REDTRUST_VALIDATE_CERTS"] == "false"


def test_awx_does_not_show_a_secret(tmp_path: Path) -> None:
    inputs = {
        field["id"]: f"secret of {field['id']}"
        for field in credential_type("connection")["inputs"]["fields"]
        if field.get("secret")
    }
    job = Given(tmp_path, "connection", **inputs)
    assert "secret of" in str(job.environment)
    assert "secret of" not in str(job.shown)


def test_the_database_gets_its_files(tmp_path: Path) -> None:
    job = Given(tmp_path, "store", store_dsn="host=db.example.com", database_ca=PEM)
    assert job.file(job.environment["PGSSLROOTCERT"]) == PEM
    assert job.environment["PGSSLKEY"] == ""


def test_the_signer_gets_its_secret_and_its_files(tmp_path: Path) -> None:
    job = Given(tmp_path, "CA", secret_id="not for everybody", private_key="the key")
    assert job.environment["REDTRUST_OPENBAO_SECRET_ID"] == "not for everybody"
    assert "not for everybody" not in job.extra_vars.values()
    assert job.file(job.extra_vars["redtrust_ca_private_key"]) == "the key"


def test_a_credential_of_awx_itself_is_refused_by_its_fields() -> None:
    kind = credential_type("connection")
    assert rules.credential_problems(kind, {"api_version": "5", "user": "ana", "host": True}) == [
        "user: no such field",
        "api_version: not a choice",
        "host: type",
    ]
