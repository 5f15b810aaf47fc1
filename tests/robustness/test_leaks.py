# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for secrets in all files and outputs of a playbook: there are none, and planted ones are found."""

from __future__ import annotations

import base64
import json
import sys
import typing as t
import urllib.parse
from pathlib import Path

from .canaries import Search
from .guarded import GIVEN, WRITTEN
from .watched import Watched

if t.TYPE_CHECKING:
    from .conftest import GetGuarded

CODE = "ABCDEFGHIJ0123456789"
TOKEN = "header.eyJqdGkiOiAiYSJ9.c2lnbmF0dXJl"
PLACES = {
    "result": ("stdout", "log", "events", "junit", "facts"),
    "diff": ("stdout", "log", "events", "junit", "facts"),
    "warning": ("stderr", "log", "events"),
    "traceback": ("stdout", "log", "events", "junit", "facts"),
    "stderr": ("stdout", "log", "events", "junit", "facts"),
    "syslog": ("audit",),
    "process": ("audit",),
    "temporary": ("remote",),
}
# Names that no store knows. With them a list is so long that it is handed over in a file.
UNKNOWN = [{"name": f"unknown {number}"} for number in range(119)]
# Not a YAML file: only this test knows the module, and ansible-lint rejects a module that it does not know.
PLANTED = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "planted": {"place": "{{ item.place }}", "text": "{{ item.text }}"},
                "loop": "{{ planted }}",
                "loop_control": {"label": "{{ item.place }}"},
                "register": "shown",
                "ignore_errors": True,
            },
            {"ansible.builtin.set_fact": {"everything": "{{ shown }}", "cacheable": True}},
        ],
    }
]


def test_planted_secrets_are_found_in_every_place(tmp_path: Path) -> None:
    """Without this test, a search that finds nothing would prove nothing."""
    kinds = {**GIVEN, "token": TOKEN, "code": CODE}
    secrets = {f"{kind} in {place}": f"{secret}-{place}" for kind, secret in kinds.items() for place in PLACES}
    texts = {place: "\n".join(secrets[f"{kind} in {place}"] for kind in kinds) for place in PLACES}
    # reversed, so that the search does not find it where the test only passes it on
    planted = [
        {"place": place, "text": base64.b64encode(text.encode()).decode()[::-1]} for place, text in texts.items()
    ]
    run = Watched.at(tmp_path)
    playbook = run.given / "planted.json"
    playbook.write_text(json.dumps(PLANTED), encoding="utf-8")
    status = run.play(str(playbook), {"planted": planted}, {"ANSIBLE_KEEP_REMOTE_FILES": "True"})
    assert status == 0, run.text("stdout")
    found = {(finding.secret, finding.place.split("/")[0]) for finding in Search(secrets).look_in(run.seen)}
    expected = {(f"{kind} in {place}", file) for place, files in PLACES.items() for kind in kinds for file in files}
    assert expected <= found, expected - found


# -- playbooks --------------------------------------------------------------------------------------------------------

PROGRAM = """
import os, pathlib, sys
seen = pathlib.Path(sys.argv[1])
seen.write_bytes(b"\\0".join([*map(os.fsencode, sys.orig_argv), *(b"=".join(pair) for pair in os.environb.items())]))
sys.exit("this one signs nothing")
"""


def test_secrets_of_the_environment_are_nowhere(guarded: GetGuarded, sealed_ca: dict[str, str], tmp_path: Path) -> None:
    """AWX hands secrets over like this. Ansible's kept files and the arguments of tasks have none of them."""
    server, run = guarded("4.42"), Watched.at(tmp_path)
    mark = server.mark()
    environment = server.environment(
        partner_secret=WRITTEN["hex"],
        partner_secret_encoding="hex",
        username="demo",
        password=GIVEN["password"],
        session_key=GIVEN["session_key"],
        local_ca_passphrase=GIVEN["passphrase"],
        store_path=str(run.seen / "state" / "store.sqlite3"),
    )
    (run.given / "program.py").write_text(PROGRAM, encoding="utf-8")
    variables = {
        "local_ca": sealed_ca,
        "program": [sys.executable, str(run.given / "program.py"), str(run.seen / "program")],
        "directory": str(run.seen / "certificates"),
        "unknown": UNKNOWN,
    }
    status = run.play("environment.yml", variables, {**environment, "ANSIBLE_KEEP_REMOTE_FILES": "True"})
    assert status == 0, run.text("stdout")
    assert server.kinds(mark) == {"access_token", "refresh_token", "request_code"}
    assert "REDTRUST_NAME=two" in run.text("program")
    assert "Invoked with" in run.text("audit/syslog.syslog")
    assert list((run.seen / "remote").glob("*/AnsiballZ_redtrust_csr.py"))
    (handed_over,) = (run.seen / "remote").glob("*/certificates.jsonl")
    assert len(handed_over.read_text(encoding="utf-8").splitlines()) == 120
    assert sorted(path.name for path in (run.seen / "certificates").iterdir()) == ["one-chain.pem", "one.pem"]
    assert Search(server.secrets()).look_in(run.seen) == []


def failures(sealed_ca: dict[str, str], session_path: str) -> dict[str, dict[str, t.Any]]:
    """Return sets of options that make a module fail, each for another reason."""
    nobody = {"username": "", "password": ""}
    proxy = "http://someone:{}@127.0.0.1:1"
    return {
        "a wrong password": {"password": GIVEN["passphrase"]},
        "an access token that is none": {"access_token": GIVEN["access_token"]},
        "a temporary token that is none": {**nobody, "temporal_token": GIVEN["temporal_token"]},
        **{
            f"a partner secret in {encoding} that is none": {
                "partner_secret": WRITTEN["text"],
                "partner_secret_encoding": encoding,
                "session_path": f"{session_path}.{encoding}",
            }
            for encoding in ("hex", "base64")
        },
        "a session in two places": {"session_key": GIVEN["session_key"], "session_path": session_path},
        "a pasted address that leads elsewhere": {
            **nobody,
            "temporal_token": f"https://elsewhere.example/?tkn={urllib.parse.quote(GIVEN['temporal_token'], safe='')}",
            "redirect_url": "https://your-app.com",
        },
        "a passphrase for nothing": {"client_key_passphrase": GIVEN["passphrase"]},
        "a passphrase for another key": {
            "client_cert": sealed_ca["certificate_path"],
            "client_key": sealed_ca["private_key_path"],
            "client_key_passphrase": GIVEN["wrong_passphrase"],
            "session_path": f"{session_path}.key",
        },
        "another CA": {"ca_path": sealed_ca["certificate_path"], "session_path": f"{session_path}.tls"},
        "no proxy there": {"proxy": proxy.format(urllib.parse.quote(GIVEN["proxy_password"], safe=""))},
        "no address of a proxy": {"proxy": proxy.format(GIVEN["proxy_password"])},
        "an option that Ansible refuses": {"port": "none"},
    }


def test_secrets_in_options_are_shown_to_nobody(guarded: GetGuarded, sealed_ca: dict[str, str], tmp_path: Path) -> None:
    """Ansible itself hands options to modules in files, and passes them to callbacks. No module can change that."""
    server, run = guarded("4.42"), Watched.at(tmp_path)
    before = server.appliance.one("SELECT COUNT(*) FROM certificates")
    options = failures(sealed_ca, str(run.seen / "session"))
    entry = {"name": "odd in a file", "dn": {"cn": "odd"}, "provider": "NONE", "request_code": GIVEN["request_code"]}
    (run.given / "list.jsonl").write_text(json.dumps(entry) + "\n", encoding="utf-8")
    variables = {
        "server": {**server.appliance.facts, "partner_secret": ""},
        "secrets": {**GIVEN, "partner_secret": WRITTEN["base64"]},
        "store_path": str(run.seen / "state" / "store.sqlite3"),
        "local_ca": sealed_ca,
        "failures": options,
        "list_file": str(run.given / "list.jsonl"),
        "unknown": UNKNOWN,
    }
    environment = {"HTTPS_PROXY": f"http://someone:{GIVEN['proxy_password']}@127.0.0.1:1", "NO_PROXY": "127.0.0.1"}
    assert run.play("options.yml", variables, environment) == 0, run.text("stdout")
    said = run.text("stdout")
    assert "ERR_NOT_FOUND" in said
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in said
    assert [name for name in options if f"(item={name})" not in said] == []
    assert server.appliance.one("SELECT COUNT(*) FROM certificates") == before + 2, "the roles did not get to their end"
    assert list(run.seen.rglob("certificates.jsonl")) == []
    assert Search(server.secrets()).look_in(run.seen, without=[run.seen / "events" / "arguments"]) == []


def test_secrets_of_the_environment_are_in_no_artifact_of_ansible_runner(
    guarded: GetGuarded, sealed_ca: dict[str, str], tmp_path: Path
) -> None:
    """AWX runs a job so. ansible-runner writes the environment into the file ``command``, for its own user alone."""
    server, run = guarded("4.33"), Watched.at(tmp_path)
    mark = server.mark()
    environment = server.environment(
        partner_secret=WRITTEN["base64"],
        partner_secret_encoding="base64",
        temporal_token=server.appliance.temporary_token(),
        local_ca_passphrase=GIVEN["passphrase"],
        store_path=str(run.seen / "state" / "store.sqlite3"),
    )
    variables = {"local_ca": sealed_ca, "other_session": str(run.seen / "other" / "session")}
    assert run.play_with_runner("runner.yml", variables, environment) == 0, run.text("stdout")
    assert server.kinds(mark) == {"temporary_token", "access_token", "refresh_token", "request_code"}
    artifacts = run.seen / "runner" / "artifacts" / "job"
    assert len(list((artifacts / "job_events").iterdir())) > 10
    search = Search(server.secrets())
    written = json.loads((artifacts / "command").read_text(encoding="utf-8"))
    assert search.look("command", json.dumps(written.pop("env")).encode()) != []
    assert search.look("command", json.dumps(written).encode()) == []
    assert search.look_in(run.seen, without=[artifacts / "command"]) == []
