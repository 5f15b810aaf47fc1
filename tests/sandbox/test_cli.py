# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: start, stop, one server per directory, nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import (
    PACKAGE_ROOT,
    Appliance,
    command,
    problem,
    started,
)


def is_running(pid: int) -> bool:
    """Tell whether a process is running. A zombie is not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def foreground(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """Run a server as a child of the test, and wait until it listens."""
    reading, writing = os.pipe()
    # With the parent's id the server ends even if the test dies first.
    place = ["serve", "--directory", str(directory), "--ready-fd", str(writing), "--parent-pid", str(os.getpid())]
    child = subprocess.Popen(
        [sys.executable, "-m", "redtrust_sandbox", *place, *arguments],
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
        pass_fds=[writing],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"ready"
    return child


@pytest.mark.parametrize("version", ["4.33", "4.42"])
def test_daemon_and_stop(tmp_path: Path, version: str) -> None:
    server = started(tmp_path, version)
    shown = json.loads(command("status", "--directory", str(tmp_path)).stdout)
    assert shown == {name: value for name, value in server.facts.items() if name not in ("partner_secret", "password")}
    ready = json.loads((tmp_path / "ready.json").read_text(encoding="utf-8"))
    assert is_running(ready["pid"])
    assert command("stop", "--directory", str(tmp_path)).stdout == "stopped\n"
    assert not is_running(ready["pid"])
    assert not (tmp_path / "ready.json").exists()
    assert command("stop", "--directory", str(tmp_path)).stdout == "not running\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ready["port"]), timeout=30)


def test_ready_json_says_what_a_client_needs(servers: t.Mapping[str, Appliance]) -> None:
    facts = servers["4.33"].facts
    assert facts | {"pid": 0, "port": 0, "auth_port": 0, "directory": "", "ca_path": "", "ledger_path": ""} == {
        "pid": 0,
        "api_version": "4.33",
        "host": "127.0.0.1",
        "port": 0,
        "auth_port": 0,
        "directory": "",
        "ca_path": "",
        "ledger_path": "",
        "partner": "CA_DEMO",
        "partner_secret": "sandbox-partner-secret",
        "partner_secret_encoding": "text",
        "redirect_url": "http://127.0.0.1:8765/callback",
        "username": "demo",
        "password": "sandbox-password",
        "domain": "local.users",
    }


def test_a_directory_has_one_server(tmp_path: Path) -> None:
    server = started(tmp_path, "4.42")
    try:
        second = command("serve", "--daemon", "--directory", str(tmp_path), check=False)
        assert second.returncode == 1
        assert "runs in" in second.stderr
        assert server.send("GET", server.url("/nothing")).status_code == 404
    finally:
        server.stop()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = command("serve", "--daemon", "--directory", str(tmp_path), "--port", port, check=False)
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert not (tmp_path / "ready.json").exists()


def test_ports_can_be_chosen(tmp_path: Path) -> None:
    with socket.socket() as first, socket.socket() as second:
        for spot in (first, second):
            spot.bind(("127.0.0.1", 0))
        port, auth_port = first.getsockname()[1], second.getsockname()[1]
    server = started(tmp_path, "4.33", "--port", str(port), "--auth-port", str(auth_port))
    try:
        assert (server.facts["port"], server.facts["auth_port"]) == (port, auth_port)
        server.created(server.access())
    finally:
        server.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_an_address_that_others_can_reach_is_refused(tmp_path: Path, host: str) -> None:
    done = command("serve", "--directory", str(tmp_path), "--host", host, check=False)
    assert done.returncode == 1
    assert "is not a loopback address; say --allow-remote" in done.stderr


def test_an_address_that_others_can_reach_can_be_asked_for(tmp_path: Path) -> None:
    server = started(tmp_path, "4.42", "--host", "0.0.0.0", "--allow-remote")
    try:
        assert (
            server.http.get(
                f"https://127.0.0.1:{server.facts['port']}/nothing", verify=server.facts["ca_path"], timeout=30
            ).status_code
            == 404
        )
    finally:
        server.stop()


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    child = foreground(tmp_path)
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=30)
    assert (child.returncode, errors) == (0, "")
    assert re.fullmatch(r"Redtrust sandbox 4\.33: https://127\.0\.0\.1:\d+, login on port \d+, directory .*\n", output)
    assert not (tmp_path / "ready.json").exists()


def test_it_ends_after_a_time(tmp_path: Path) -> None:
    child = foreground(tmp_path, "--stop-after", "0.1")
    assert child.wait(timeout=30) == 0
    child.communicate()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as parent:
        child = foreground(tmp_path, "--parent-pid", str(parent.pid))
        assert child.poll() is None
        parent.kill()
    assert child.wait(timeout=30) == 0
    child.communicate()


def test_it_does_not_start_without_its_parent(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as parent:
        parent.wait()
    child = foreground(tmp_path, "--parent-pid", str(parent.pid))
    assert child.wait(timeout=30) == 0
    child.communicate()


def test_stop_does_not_wait_for_a_client_that_hangs(tmp_path: Path) -> None:
    server = started(tmp_path, "4.42")
    server.set(trickle_interval=0.01)
    server.fault("create", "before", "trickle")
    verb, path = server.path("create")
    with server.send(verb, server.url(path), json={}, stream=True) as answer:
        assert answer.raw.read(1) == b" "
        server.stop()
    assert not is_running(server.facts["pid"])


def test_stop_of_a_server_that_was_killed(tmp_path: Path) -> None:
    server = started(tmp_path, "4.42")
    os.kill(server.facts["pid"], signal.SIGKILL)
    server.until(lambda: not is_running(server.facts["pid"]))
    assert command("stop", "--directory", str(tmp_path)).stdout == "not running\n"
    status = command("status", "--directory", str(tmp_path), check=False)
    assert (status.returncode, status.stderr) == (1, f"redtrust_sandbox: No server runs in {tmp_path}\n")


def test_the_ca_stays_the_same(tmp_path: Path) -> None:
    server = started(tmp_path, "4.42")
    server.stop()
    authority = (tmp_path / "ca.pem").read_bytes()
    again = started(tmp_path, "4.33")
    try:
        assert (tmp_path / "ca.pem").read_bytes() == authority
        again.access()
    finally:
        again.stop()


def test_a_temporary_token_comes_from_the_command_line(sandbox: Appliance) -> None:
    token = command("temp-token", "--directory", str(sandbox.directory)).stdout.strip()
    assert sandbox.ask("exchange", {"temporalToken": token}, token).status_code == 200
    assert [step for step, _status in sandbox.asked()] == ["login_request", "login_form", "exchange"]


def test_a_temporary_token_comes_with_a_moved_clock_too(v433: Appliance) -> None:
    v433.set(clock_offset=100_000)
    assert command("temp-token", "--directory", str(v433.directory)).stdout.strip()


def test_a_wrong_password_is_said(v433: Appliance) -> None:
    done = command("temp-token", "--directory", str(v433.directory), "--password", "wrong", check=False)
    assert done.returncode == 1
    assert "HTTP 401: User, password or domain is wrong." in done.stderr


def test_sessions_can_be_ended_from_outside(sandbox: Appliance) -> None:
    token = sandbox.access()
    assert command("end-sessions", "--directory", str(sandbox.directory)).stdout.endswith("ended\n")
    assert problem(sandbox.create(token)) == (401, "SESSION_ENDED")
    (session,) = sandbox.asked("session")[-2]
    assert sandbox.one("SELECT end_reason FROM sessions WHERE id = ?", session) == "command"


def test_a_full_key_pool_can_be_waited_for(tmp_path: Path) -> None:
    server = started(tmp_path, "4.42", "--key-pool", "3", "--fill-key-pool")
    try:
        token = server.access()
        assert len({server.created(token).code for _number in range(5)}) == 5
    finally:
        server.stop()


def test_it_works_without_a_key_pool(tmp_path: Path) -> None:
    server = started(tmp_path, "4.42", "--key-pool", "0", "--fill-key-pool")
    try:
        server.created(server.access())
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"partner": []}, "has no partner"),
        ({"partners": []}, "at least one partner"),
        ({"partners": [{"name": "x"}]}, "needs secret"),
        ({"partners": [{"name": "lower", "secret": "x"}]}, "must be in upper case"),
        ({"partners": [{"name": "X", "secret": "zz", "secret_encoding": "hex"}]}, "is not hex"),
        ({"partners": [{"name": "X", "secret": "z", "secret_encoding": "rot13"}]}, "must be one of text, hex, base64"),
        ({"users": [{"username": "x"}]}, "needs password"),
        ({"providers": {"X": "odd"}}, "provider.X must be one of"),
        ({"settings": {"colour": "red"}}, "There is no setting 'colour'"),
        ({"tls": {"colour": "red"}}, "has no colour"),
        ({"tls": {"protocol": "2.0"}}, "must be one of 1.0, 1.1, 1.2, 1.3"),
        ({"tls": {"client_cert": "wanted"}}, "must be one of none, optional, required"),
        ({"tls": {"client_cert": "required"}}, "needs client_ca_path"),
        ({"tls": {"client_ca_path": "x.pem"}}, "needs client_ca_path"),
        ({"tls": {"certificate_path": "/nowhere.pem"}}, "A file that tls names cannot be used"),
    ],
)
def test_a_wrong_configuration_is_explained(tmp_path: Path, config: t.Any, says: str) -> None:
    path = tmp_path / "given.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    done = command("serve", "--directory", str(tmp_path), "--config", str(path), check=False)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_configuration_sets_settings_and_providers(tmp_path: Path) -> None:
    config = {"settings": {"key_case": "pascal"}, "providers": {"CA_ONLY": "sha1"}}
    server = started(tmp_path, "4.42", config=config)
    try:
        stored = dict(server.rows("SELECT key, value FROM settings WHERE key IN ('key_case', 'bom') OR key LIKE '%.%'"))
        assert stored == {"key_case": "pascal", "bom": "no", "provider.CA_ONLY": "sha1"}
        assert server.send("GET", server.url("/nothing")).json()["ErrorCode"] == "NOT_FOUND"
    finally:
        server.stop()


def test_help_is_there_for_each_command() -> None:
    words = command("--help").stdout.split()
    for name in ("serve", "stop", "status", "fault", "set", "ledger", "temp-token", "openapi", "end-sessions"):
        assert name in words
        assert command(name, "--help").stdout.startswith(f"usage: python -m redtrust_sandbox {name} ")


def test_a_directory_without_a_ledger_is_named(tmp_path: Path) -> None:
    done = command("ledger", "--directory", str(tmp_path), check=False)
    assert (done.returncode, done.stderr) == (
        1,
        f"redtrust_sandbox: There is no ledger.sqlite3 in {tmp_path}\n",
    )


def test_a_home_directory_that_is_not_there_is_named() -> None:
    said = command("status", "--directory", "~nobody-of-this-name/sandbox", check=False)
    assert said.returncode == 2
    assert "~nobody-of-this-name/sandbox begins with a home directory, and there is none" in said.stderr
