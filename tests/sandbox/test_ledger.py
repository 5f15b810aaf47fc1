# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger is correct: the requests, their users and connections, and all secrets."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import threading
from pathlib import Path

import pytest
import requests

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import (
    Appliance,
    certificate_for,
    command,
    der,
    started,
    thumbprint,
)

pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be|Country names should be")


def issue_and_renew(sandbox: Appliance) -> dict[str, str]:
    """Sign in, issue, renew, refresh and sign out; return the last tokens."""
    tokens = sandbox.tokens()
    old = sandbox.issued(tokens["accessToken"])
    renewal = sandbox.created(tokens["accessToken"], "renew", thumbprintToRenew=thumbprint(old))
    sandbox.finalize(tokens["accessToken"], renewal, der(certificate_for(renewal.csr.public_key())))
    bearer = tokens["accessToken"] if sandbox.is_433 else None
    answer = sandbox.ask("refresh", {"refreshToken": tokens["refreshToken"]}, bearer)
    fresh: dict[str, str] = answer.json()["data"]
    sandbox.ask("logout", token=fresh["accessToken"])
    return fresh


def test_each_request_is_one_row(sandbox: Appliance) -> None:
    issue_and_renew(sandbox)
    assert sandbox.asked("step, mutating, status, error_code") == [
        ("login_request", 0, 200, None),
        ("login_form", 0, 302, None),
        ("exchange", 0, 200, None),
        ("create", 1, 200, None),
        ("finalize", 1, 200, None),
        ("create", 1, 200, None),
        ("finalize", 1, 200, None),
        ("refresh", 0, 200, None),
        ("logout", 0, 200, None),
    ]


def test_the_row_says_how_and_where(sandbox: Appliance) -> None:
    sandbox.create(sandbox.access())
    facts = sandbox.facts
    assert sandbox.asked("method, path, port") == [
        ("GET", "/authclient/auth/loginrequest", facts["auth_port"]),
        ("POST", "/authclient/auth/login", facts["auth_port"]),
        (sandbox.create_verb, "/authapi/v1/login_by_temp_token", facts["auth_port"]),
        (sandbox.create_verb, "/raapi/v1/csr/create", facts["port"]),
    ]


def test_the_row_says_who_as_far_as_it_was_proved(sandbox: Appliance) -> None:
    token = sandbox.access()
    (session,) = sandbox.asked("session")[-1]
    assert session
    sandbox.create(token)
    sandbox.create("forged")
    sandbox.ask("create", {}, token, sandbox.sign(secret="another").headers())
    assert sandbox.asked("partner, user, session, error_code")[-3:] == [
        ("CA_DEMO", "demo", session, None),
        ("CA_DEMO", None, None, "TOKEN_INVALID"),
        (None, None, None, "SIGNATURE_INVALID"),
    ]


def test_a_path_that_is_not_served_is_other(sandbox: Appliance) -> None:
    sandbox.send("GET", sandbox.url("/raapi/v1/nothing"))
    sandbox.send("PATCH", sandbox.url("/raapi/v1/csr/create"), json={})
    assert sandbox.asked("step, mutating, status, error_code") == [
        ("other", 0, 404, "NOT_FOUND"),
        ("other", 0, 405, "METHOD_NOT_ALLOWED"),
    ]


def test_connections_are_told_apart(sandbox: Appliance) -> None:
    token = sandbox.access()
    for _number in range(2):
        sandbox.create(token)
    kept = sandbox.asked("connection")[-2:]
    assert kept[0] == kept[1]
    sandbox.http.close()
    sandbox.create(token)
    assert sandbox.asked("connection")[-1] > kept[1]


def test_each_connection_is_one_row_that_tells_whether_it_was_resumed(sandbox: Appliance) -> None:
    before = sandbox.one("SELECT COALESCE(MAX(id), 0) FROM connections")
    context = ssl.create_default_context(cafile=sandbox.facts["ca_path"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # the session is known as soon as the handshake is done
    session: ssl.SSLSession | None = None
    for _number in range(2):
        with (
            socket.create_connection(("127.0.0.1", sandbox.facts["port"]), timeout=30) as raw,
            context.wrap_socket(raw, server_hostname="localhost", session=session) as connection,
        ):
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
            session = connection.session
    rows = sandbox.rows("SELECT id, port, resumed FROM connections WHERE id > ? ORDER BY id", before)
    assert [row[1:] for row in rows] == [(sandbox.facts["port"], 0), (sandbox.facts["port"], 1)]
    assert [(number,) for number, _port, _resumed in rows] == sandbox.asked("connection")


def test_a_connection_without_a_request_is_a_row_too(sandbox: Appliance) -> None:
    before = sandbox.one("SELECT COUNT(*) FROM connections")
    context = ssl.create_default_context(cafile=sandbox.facts["ca_path"])
    with (
        socket.create_connection(("127.0.0.1", sandbox.facts["port"]), timeout=30) as raw,
        context.wrap_socket(raw, server_hostname="localhost"),
    ):
        sandbox.until(lambda: sandbox.one("SELECT COUNT(*) FROM connections") == before + 1)
    assert sandbox.asked() == []


def test_every_secret_that_was_handed_out_is_listed(sandbox: Appliance) -> None:
    def secrets(kind: str) -> set[str]:
        return {value for (value,) in sandbox.rows("SELECT value FROM secrets WHERE kind = ?", kind)}

    temporary = sandbox.temporary_token()
    tokens = sandbox.ask("exchange", {"temporalToken": temporary}, temporary).json()["data"]
    request = sandbox.created(tokens["accessToken"])
    assert temporary in secrets("temporary_token")
    assert tokens["accessToken"] in secrets("access_token")
    assert tokens["refreshToken"] in secrets("refresh_token")
    assert request.code in secrets("request_code")


def test_the_row_is_there_before_the_answer(sandbox: Appliance) -> None:
    token = sandbox.access()
    sandbox.fault("create", "before", "delay:20")
    patient = threading.Thread(target=lambda: silent(sandbox, token))
    patient.start()
    sandbox.until(lambda: sandbox.asked("step, status")[-1] == ("create", None))
    patient.join()


def silent(sandbox: Appliance, token: str) -> None:
    """Create, and do not wait for the answer."""
    verb, path = sandbox.path("create")
    headers = {**sandbox.sign().headers(), "Authorization": f"Bearer {token}"}
    trusted = sandbox.facts["ca_path"]
    try:
        requests.request(verb, sandbox.url(path), json={}, headers=headers, verify=trusted, timeout=(30, 0.5))
    except requests.exceptions.ReadTimeout:
        return


def test_a_request_that_breaks_off_is_told_from_one_that_arrived(sandbox: Appliance) -> None:
    verb, path = sandbox.path("create")
    before = sandbox.one("SELECT COUNT(*) FROM keys")
    lines = [f"{verb} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {sandbox.access()}"]
    lines += [f"{name}: {value}" for name, value in sandbox.sign().headers().items()]
    lines += ["Content-Type: application/json", "Content-Length: 1000", "", "{"]
    context = ssl.create_default_context(cafile=sandbox.facts["ca_path"])
    with (
        socket.create_connection(("127.0.0.1", sandbox.facts["port"]), timeout=30) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        connection.sendall("\r\n".join(lines).encode())
    sandbox.until(lambda: sandbox.asked("step, error_code")[-1] == ("create", "REQUEST_INCOMPLETE"))
    assert sandbox.one("SELECT COUNT(*) FROM keys") == before


def test_many_at_once_are_all_counted(sandbox: Appliance) -> None:
    token = sandbox.access()
    before = sandbox.one("SELECT COUNT(*) FROM keys")
    workers = [threading.Thread(target=in_own_connections, args=(sandbox, token, 5)) for _number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sandbox.one("SELECT COUNT(*) FROM keys") - before == 20
    assert [row for row in sandbox.asked() if row[0] == "create"] == [("create", 200)] * 20


def in_own_connections(sandbox: Appliance, token: str, times: int) -> None:
    """Create several times, each over a new connection."""
    verb, path = sandbox.path("create")
    headers = {**sandbox.sign().headers(), "Authorization": f"Bearer {token}"}
    trusted = sandbox.facts["ca_path"]
    body = sandbox.create_body()
    for _number in range(times):
        requests.request(verb, sandbox.url(path), json=body, headers=headers, verify=trusted, timeout=60)


def test_the_command_prints_counts(tmp_path: Path) -> None:
    server = started(tmp_path, "4.42")
    try:
        issue_and_renew(server)
        server.created(server.access())
        server.fault("logout", "before", "drop")
        with pytest.raises(requests.exceptions.ConnectionError):
            server.ask("logout")
        place = ("--directory", str(tmp_path))
        counts = json.loads(command("ledger", *place, "--json").stdout)
        assert counts == {
            "requests": 14,
            "steps": {
                "create": 3,
                "exchange": 2,
                "finalize": 2,
                "login_form": 2,
                "login_request": 2,
                "logout": 2,
                "refresh": 1,
            },
            "mutating": 5,
            "unanswered": 1,
            "refused": 0,
            "connections": 1,
            "connections_resumed": 0,
            "keys": 3,
            "keys_not_finalized": 1,
            "certificates": 2,
            "certificates_current": 1,
            "certificates_replaced": 1,
            "sessions": 2,
            "sessions_open": 1,
            "refresh_reuses": 0,
        }
        words = command("ledger", *place).stdout
        assert "mutating                 5\n" in words
        assert "create 3, exchange 2" in words
    finally:
        server.stop()


def test_the_ledger_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    server = started(tmp_path, "4.42")
    try:
        token = server.access()
        request = server.created(token)
        os.kill(server.facts["pid"], signal.SIGKILL)
        again = started(tmp_path, "4.42")
        try:
            again.http.close()
            assert again.one("SELECT COUNT(*) FROM keys WHERE request_code = ?", request.code) == 1
            data = der(certificate_for(request.csr.public_key()))
            assert again.finalize(token, request, data).status_code == 200
        finally:
            again.stop()
    finally:
        server.stop()
