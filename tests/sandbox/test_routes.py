# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports, paths, verbs, bodies that are not JSON, and TLS."""

from __future__ import annotations

import socket
import ssl
import stat

import pytest
import requests
from cryptography import x509

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, problem

AUTH_PATHS = ["/authclient/auth/loginrequest", "/authapi/v1/login_by_temp_token", "/authapi/v1/refresh-token"]
RA_PATHS = ["/raapi/v1/csr/create", "/raapi/v2/csr/create", "/raapi/v1/csr/finalize"]


@pytest.mark.parametrize(
    ("port", "path"), [("port", path) for path in AUTH_PATHS] + [("auth_port", path) for path in RA_PATHS]
)
def test_433_serves_each_path_on_its_own_port_only(v433: Appliance, port: str, path: str) -> None:
    verb = "PUT" if path.endswith(("finalize", "refresh-token")) else "GET"
    headers = v433.sign().headers()
    wrong = v433.send(verb, f"https://127.0.0.1:{v433.facts[port]}{path}", headers=headers)
    assert problem(wrong) == (404, "NOT_FOUND")
    right = v433.send(verb, v433.url(path), headers=headers)
    assert problem(right)[0] in (400, 401)


def test_433_has_two_ports_and_442_one(v433: Appliance, v442: Appliance) -> None:
    assert v433.facts["port"] != v433.facts["auth_port"]
    assert v442.facts["port"] == v442.facts["auth_port"]


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "/authapi/v1/login_by_temp_token"),
        ("POST", "/authapi/v1/refresh-token"),
        ("GET", "/authapi/v1/logout"),
        ("POST", "/raapi/v1/csr/create"),
        ("POST", "/raapi/v2/csr/create"),
        ("POST", "/raapi/v1/csr/finalize"),
        ("PUT", "/authclient/auth/loginrequest"),
    ],
)
def test_433_refuses_another_verb(v433: Appliance, verb: str, path: str) -> None:
    answer = v433.send(verb, v433.url(path), json={}, headers=v433.sign().headers())
    assert problem(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/authapi/v1/login_by_temp_token"),
        ("POST", "/raapi/v1/auth/refresh-token"),
        ("PUT", "/raapi/v1/auth/login"),
        ("POST", "/raapi/v1/auth/logout"),
        ("GET", "/raapi/v1/csr/create"),
        ("GET", "/raapi/v1/csr/finalize"),
    ],
)
def test_442_refuses_another_verb(v442: Appliance, verb: str, path: str) -> None:
    assert problem(v442.send(verb, v442.url(path), json={})) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "/raapi/v2/csr/create"),
        ("GET", "/raapi/v2/csr/create"),
        ("PUT", "/authapi/v1/refresh-token"),
        ("DELETE", "/authapi/v1/logout"),
        ("POST", "/raapi/v1/csr/create/"),
    ],
)
def test_442_does_not_have_the_paths_of_433(v442: Appliance, verb: str, path: str) -> None:
    assert problem(v442.send(verb, v442.url(path), json={})) == (404, "NOT_FOUND")


def test_433_does_not_have_v2_finalize(v433: Appliance) -> None:
    headers = v433.sign().headers()
    assert problem(v433.send("PUT", v433.url("/raapi/v2/csr/finalize"), json={}, headers=headers)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_must_be_labelled_as_json(sandbox: Appliance, content_type: str) -> None:
    headers = {**sandbox.sign().headers(), "Authorization": f"Bearer {sandbox.access()}", "Content-Type": content_type}
    verb, path = sandbox.path("create")
    answer = sandbox.send(verb, sandbox.url(path), data=b"{}", headers=headers)
    assert problem(answer) == (415, "CONTENT_TYPE_INVALID")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b'"text"', b"null"])
def test_a_body_that_is_not_the_json_object_is_refused(sandbox: Appliance, body: bytes) -> None:
    headers = {
        **sandbox.sign().headers(),
        "Authorization": f"Bearer {sandbox.access()}",
        "Content-Type": "application/json; charset=utf-8",
    }
    verb, path = sandbox.path("create")
    answer = sandbox.send(verb, sandbox.url(path), data=body, headers=headers)
    assert problem(answer) == (400, "ERR_INVALID_PARAM")
    assert sandbox.asked("step, status")[-1] == ("create", 400)


def test_a_body_above_one_megabyte_is_refused(sandbox: Appliance) -> None:
    body = sandbox.create_body(provider="x" * 1_100_000)
    assert problem(sandbox.ask("create", body, sandbox.access())) == (413, "BODY_TOO_LARGE")


def test_no_token_is_asked_for_before_the_body_is_looked_at(sandbox: Appliance) -> None:
    verb, path = sandbox.path("create")
    headers = {**sandbox.sign().headers(), "Content-Type": "application/json"}
    assert problem(sandbox.send(verb, sandbox.url(path), data=b"{", headers=headers)) == (401, "TOKEN_MISSING")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_certificate_is_for_the_names_of_this_machine(sandbox: Appliance, host: str) -> None:
    url = f"https://{host}:{sandbox.facts['port']}/nothing"
    assert sandbox.send("GET", url).status_code == 404


def test_the_certificate_names_each_loopback_address(sandbox: Appliance) -> None:
    pem = ssl.get_server_certificate(("127.0.0.1", sandbox.facts["port"]))
    names = x509.load_pem_x509_certificate(pem.encode()).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_nobody_trusts_the_certificate_without_the_ca(sandbox: Appliance) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        sandbox.http.get(f"https://127.0.0.1:{sandbox.facts['port']}/nothing", timeout=30)
    assert sandbox.asked() == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("port", ["port", "auth_port"])
def test_old_protocols_are_refused(sandbox: Appliance, port: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(sandbox.facts["ca_path"])
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", sandbox.facts[port]), timeout=30) as raw,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(raw, server_hostname="localhost")


def test_plain_http_is_not_answered(sandbox: Appliance) -> None:
    with pytest.raises(requests.exceptions.ConnectionError):
        sandbox.http.get(f"http://127.0.0.1:{sandbox.facts['port']}/nothing", timeout=30)
    assert sandbox.asked() == []


def test_files_are_private(sandbox: Appliance) -> None:
    assert stat.S_IMODE(sandbox.directory.stat().st_mode) == 0o700
    secret = ["ready.json", "ledger.sqlite3", "jwt.key", "server.pem", "ca-key.pem", "server.log", "lock"]
    assert {name: stat.S_IMODE((sandbox.directory / name).stat().st_mode) for name in secret} == dict.fromkeys(
        secret, 0o600
    )
