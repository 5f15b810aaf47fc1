# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role starts a server, changes nothing the second time, restarts it for other options, and stops it.

The tests include check mode.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, command
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import Authority

PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: redtrust.certificate_enroll.sandbox
    - ansible.builtin.copy:
        content: "{{ sandbox_service | to_json }}"
        dest: "{{ fact_path }}"
        mode: "0600"
      check_mode: false
      changed_when: false
"""


class Play(t.NamedTuple):
    """The result of one run of the playbook."""

    status: int
    changed: int
    fact: dict[str, t.Any]
    output: str


def play(directory: Path, *arguments: str, **variables: t.Any) -> Play:
    """Run the role once."""
    directory.mkdir(exist_ok=True)
    playbook, fact = directory / "play.yml", directory / "fact.json"
    playbook.write_text(PLAYBOOK, encoding="utf-8")
    fact.unlink(missing_ok=True)
    given = {
        "sandbox_directory": str(directory / "data"),
        "sandbox_parent_pid": os.getpid(),
        "fact_path": str(fact),
        "ansible_python_interpreter": sys.executable,
        **variables,
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), str(playbook), "-e", json.dumps(given), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_NOCOLOR": "1"},
    )
    changed = re.search(r"changed=(\d+)", done.stdout)
    told = json.loads(fact.read_text(encoding="utf-8")) if fact.exists() else {}
    return Play(done.returncode, int(changed.group(1)) if changed else -1, told, done.stdout + done.stderr)


def test_the_life_of_a_server(tmp_path: Path) -> None:
    ready = tmp_path / "data" / "ready.json"

    planned = play(tmp_path, "--check")
    assert planned.status == 0, planned.output
    assert planned.changed > 0
    assert not (tmp_path / "data").exists()
    assert planned.fact["api_version"] == "4.33"

    first = play(tmp_path)
    try:
        assert first.status == 0, first.output
        assert first.changed > 0
        place = first.fact["python_path"]
        assert (Path(place) / "redtrust_sandbox" / "__main__.py").is_file()
        running = json.loads(ready.read_text(encoding="utf-8"))
        assert first.fact == {**running, "python_path": place}
        assert first.fact["password"] not in first.output

        again = play(tmp_path)
        assert (again.status, again.changed) == (0, 0), again.output
        assert again.fact == first.fact

        looked = play(tmp_path, "--check", sandbox_api_version="4.42")
        assert looked.changed > 0
        assert json.loads(ready.read_text(encoding="utf-8")) == running

        other = play(tmp_path, sandbox_api_version="4.42", sandbox_password="changed")
        assert other.changed > 0
        assert other.fact["pid"] != first.fact["pid"]
        assert (other.fact["api_version"], other.fact["password"]) == ("4.42", "changed")
        assert not Path(f"/proc/{first.fact['pid']}").exists() or "Z" in state(first.fact["pid"])

        assert play(tmp_path, "--check", sandbox_state="stopped").changed > 0
        assert ready.exists()
    finally:
        last = play(tmp_path, sandbox_state="stopped")
    assert (last.status, last.fact) == (0, {})
    assert last.changed > 0
    assert not ready.exists()
    assert play(tmp_path, sandbox_state="stopped").changed == 0


def test_its_user_can_sign_in_with_a_certificate(tmp_path: Path) -> None:
    people = Authority(tmp_path, "people")
    certificate = people.issue("demo.example")
    tls = {"client_cert": "required", "client_ca_path": people.path}
    ran = play(tmp_path, sandbox_certificate_cn="demo.example", sandbox_tls=tls, sandbox_key_pool=0)
    try:
        assert ran.status == 0, ran.output
        command("temp-token", "--directory", str(tmp_path / "data"), "--client-cert", certificate)
        server = Appliance(ran.fact)
        assert server.asked("step, user") == [("login_request", "demo"), ("login_certificate", "demo")]
        server.http.close()
    finally:
        play(tmp_path, sandbox_state="stopped")


def state(pid: int) -> str:
    """Return the state letter of a process."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def test_missing_packages_are_named(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    refused = play(tmp_path, sandbox_python=str(bare / "bin" / "python"))
    assert refused.status != 0
    text = " ".join(refused.output.split())
    assert f"{bare}/bin/python -m pip install cryptography fastapi pyjwt uvicorn" in text


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"sandbox_host": "192.0.2.1"}, "is not a loopback address"),
        ({"sandbox_state": "running"}, "value of sandbox_state must be one of"),
    ],
)
def test_what_cannot_be_is_refused_with_words(tmp_path: Path, variables: dict[str, t.Any], says: str) -> None:
    refused = play(tmp_path, **variables)
    assert refused.status != 0
    assert says in refused.output


def test_the_specification_has_every_default_and_the_same() -> None:
    role = Path(__file__).resolve().parents[2] / "roles" / "sandbox"
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    options = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    specified = options["argument_specs"]["main"]["options"]
    assert set(specified) == set(defaults)
    assert all(name.startswith("sandbox_") for name in specified)
    for name, option in specified.items():
        if name != "sandbox_python":  # computed from the variables of the play
            assert option["default"] == defaults[name], name
