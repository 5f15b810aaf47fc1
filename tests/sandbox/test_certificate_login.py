# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users with a certificate sign in without a form: two redirects, a cookie, and the certificate both times."""

from __future__ import annotations

import json
import typing as t
import urllib.parse
from pathlib import Path

import pytest
import requests

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, command, problem, started
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import Authority

MARIA = {"username": "maria", "password": "hers", "domain": "corp.example", "certificate_cn": "maria.example"}
PEDRO = {"username": "pedro", "password": "his", "domain": "corp.example", "certificate_cn": "pedro.example"}
PAGE = "/authclient/auth/certificate?form="


class People(t.NamedTuple):
    """Certificates with their keys: of two users, of an unknown name, and for a user's name from another CA."""

    ca_path: str
    maria: str
    pedro: str
    nobody: str
    forged: str


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    """Issue the certificates."""
    folder = tmp_path_factory.mktemp("people")
    known = Authority(folder, "known")
    return People(
        ca_path=known.path,
        maria=known.issue("maria.example"),
        pedro=known.issue("pedro.example"),
        nobody=known.issue("nobody.example"),
        forged=Authority(folder, "elsewhere").issue("maria.example"),
    )


@pytest.fixture(scope="module", params=["4.33", "4.42"])
def running(request: pytest.FixtureRequest, people: People, tmp_path_factory: pytest.TempPathFactory) -> t.Any:
    """Run a server of each generation, with optional client certificates."""
    tls = {"client_cert": "optional", "client_ca_path": people.ca_path}
    folder = tmp_path_factory.mktemp("server")
    server = started(folder, request.param, "--key-pool", "0", config={"users": [MARIA, PEDRO], "tls": tls})
    yield server
    server.stop()


@pytest.fixture
def server(running: Appliance) -> Appliance:
    """Return the server in its initial state, with a client without certificate and cookies."""
    return shown(running.reset(), None)


def shown(server: Appliance, certificate: str | None) -> Appliance:
    """Send the next requests over a new connection with this certificate, and without cookies."""
    server.http.close()
    server.http.cert = certificate
    server.http.cookies.clear()
    return server


def begun(server: Appliance, certificate: str, **changes: t.Any) -> str:
    """Open the signed link with a certificate, and return the address of the redirect."""
    answer = shown(server, certificate).send("GET", server.login_url(**changes))
    assert answer.status_code == 302, answer.text
    return urllib.parse.urljoin(answer.url or "", answer.headers["Location"])


def handed_out(server: Appliance) -> int:
    """Return the number of temporary tokens."""
    count: int = server.one("SELECT COUNT(*) FROM temporary_tokens")
    return count


def test_a_user_with_a_certificate_sees_no_form(server: Appliance, people: People) -> None:
    first = shown(server, people.maria).send("GET", server.login_url())
    assert first.status_code == 302
    assert first.headers["Location"].startswith(PAGE)
    assert (first.headers["Cache-Control"], first.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    pair, *attributes = first.headers["Set-Cookie"].split("; ")
    assert {word.lower() for word in attributes} == {"httponly", "secure", "samesite=lax", "path=/authclient"}
    assert server.one("SELECT COUNT(*) FROM secrets WHERE kind = 'login_cookie' AND value = ?", pair.split("=")[1]) == 1

    second = server.send("GET", server.url(first.headers["Location"]))
    assert second.status_code == 302
    before, _name, token = second.headers["Location"].partition("?tkn=")
    assert before == server.facts["redirect_url"]
    token = urllib.parse.unquote(token)
    assert server.ask("exchange", {"temporalToken": token}, token).status_code == 200
    assert server.asked("step, path, status, partner, user") == [
        ("login_request", "/authclient/auth/loginrequest", 302, "CA_DEMO", "maria"),
        ("login_certificate", "/authclient/auth/certificate", 302, "CA_DEMO", "maria"),
        ("exchange", "/authapi/v1/login_by_temp_token", 200, "CA_DEMO", "maria"),
    ]


def test_the_certificate_says_who_it_is(server: Appliance, people: People) -> None:
    server.send("GET", begun(server, people.pedro))
    assert server.asked("step, user") == [("login_request", "pedro"), ("login_certificate", "pedro")]


def test_a_client_that_drops_cookies_fails(server: Appliance, people: People) -> None:
    address, before = begun(server, people.maria), handed_out(server)
    server.http.cookies.clear()
    assert problem(server.send("GET", address)) == (400, "LOGIN_COOKIE_MISSING")
    wrong = {"Cookie": "redtrust_login=made-up", "Accept": "text/html"}
    page = server.send("GET", address, headers=wrong)
    assert "The cookie that was set when the sign-in began is missing" in page.text
    assert server.asked("step, status, error_code, user")[1:] == [
        ("login_certificate", 400, "LOGIN_COOKIE_MISSING", None),
        ("login_certificate", 400, "LOGIN_COOKIE_MISSING", None),
    ]
    assert handed_out(server) == before


@pytest.mark.parametrize("other", ["pedro", "nobody", None])
def test_the_certificate_is_wanted_again(server: Appliance, people: People, other: str | None) -> None:
    address, before = begun(server, people.maria), handed_out(server)
    cookies = server.http.cookies.copy()
    shown(server, getattr(people, other) if other else None)
    server.http.cookies = cookies
    assert problem(server.send("GET", address)) == (401, "CERTIFICATE_MISSING")
    assert server.asked("step, error_code, user")[1:] == [("login_certificate", "CERTIFICATE_MISSING", None)]
    assert handed_out(server) == before


@pytest.mark.parametrize("who", ["nobody", None])
def test_who_is_not_known_gets_the_form(server: Appliance, people: People, who: str | None) -> None:
    shown(server, getattr(people, who) if who else None)
    answer = server.send("GET", server.login_url())
    assert 'type="password"' in answer.text
    assert "Set-Cookie" not in answer.headers
    assert server.asked("step, status, user") == [("login_request", 200, None)]


def test_a_name_counts_only_where_the_chain_does(server: Appliance, people: People) -> None:
    shown(server, people.forged)
    with pytest.raises(requests.exceptions.ConnectionError):
        server.send("GET", server.login_url())
    assert server.asked() == []


def test_a_server_that_asks_for_no_certificate_shows_the_form(sandbox: Appliance, people: People) -> None:
    assert sandbox.send("GET", sandbox.login_url(), cert=people.maria).status_code == 200
    assert sandbox.asked("step, status, user") == [("login_request", 200, None)]


@pytest.mark.parametrize(("domain", "status"), [("corp.example", 302), (None, 302), ("other.example", 200)])
def test_the_domain_of_the_link_counts(server: Appliance, people: People, domain: str | None, status: int) -> None:
    shown(server, people.maria).send("GET", server.login_url(Domain=domain))
    assert server.asked() == [("login_request", status)]


def test_it_can_ask_everybody_for_the_form(server: Appliance, people: People) -> None:
    server.set(certificate_login="form")
    shown(server, people.maria)
    assert server.submit(server.form()).status_code == 302
    assert server.asked("step, status, user") == [("login_request", 200, None), ("login_form", 302, "maria")]


@pytest.mark.parametrize("elsewhere", ["https://other.example/sso", "http://127.0.0.1:9/sso?tenant=7"])
def test_it_can_lead_to_another_host_first(server: Appliance, people: People, elsewhere: str) -> None:
    server.set(login_redirect=elsewhere)
    address = begun(server, people.maria)
    assert address.startswith(elsewhere + ("&" if "?" in elsewhere else "?") + "back=")
    (back,) = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["back"]
    assert back.startswith(server.url(PAGE))
    assert "tkn=" in server.send("GET", back).headers["Location"]
    assert server.asked() == [("login_request", 302), ("login_certificate", 302)]


def test_the_way_back_works_once_and_not_for_ever(server: Appliance, people: People) -> None:
    address = begun(server, people.maria)
    assert server.send("GET", address).status_code == 302
    assert problem(server.send("GET", address)) == (400, "LOGIN_FORM_INVALID")
    server.set(login_form_lifetime=0)
    assert problem(server.send("GET", begun(server, people.maria))) == (400, "LOGIN_FORM_INVALID")
    assert [status for step, status in server.asked() if step == "login_certificate"] == [302, 400, 400]


def test_a_form_for_a_password_is_no_way_around_it(server: Appliance, people: People) -> None:
    form = server.form()
    begun(server, people.maria)  # sets the cookie
    for number in (form, "made-up", ""):
        assert problem(server.send("GET", server.url(PAGE + number))) == (400, "LOGIN_FORM_INVALID")
    assert [step for step, status in server.asked() if status == 400] == ["login_certificate"] * 3


def test_a_signature_that_is_not_needed_is_still_checked(server: Appliance, people: People) -> None:
    address = begun(server, people.maria)
    wrong = server.sign(secret="another").headers()
    assert problem(server.send("GET", address, headers=wrong)) == (401, "SIGNATURE_INVALID")
    assert server.send("GET", address, headers=server.sign().headers()).status_code == 302
    assert server.asked()[1:] == [("login_certificate", 401), ("login_certificate", 302)]


def test_the_second_step_can_fail_when_told_to(server: Appliance, people: People) -> None:
    server.fault("login_certificate", "before", "status:599")
    assert server.send("GET", begun(server, people.maria)).status_code == 599
    assert server.asked("step, fault")[1:] == [("login_certificate", "before:status:599")]


def test_where_a_certificate_is_required_the_command_can_show_one(tmp_path: Path, people: People) -> None:
    tls = {"client_cert": "required", "client_ca_path": people.ca_path}
    server = started(tmp_path, "4.33", "--key-pool", "0", config={"users": [MARIA, PEDRO], "tls": tls})
    place = ["temp-token", "--directory", str(server.directory)]
    try:
        without = command(*place, check=False)
        assert (without.returncode, server.asked()) == (1, [])
        assert "The server cannot be asked" in without.stderr
        token = command(*place, "--client-cert", people.pedro, "--client-key", people.pedro).stdout.strip()
        assert server.one("SELECT user FROM temporary_tokens WHERE token = ?", token) == "pedro"
        command(*place, "--client-cert", people.nobody)
        assert server.asked("step, user") == [
            ("login_request", "pedro"),
            ("login_certificate", "pedro"),
            ("login_request", None),
            ("login_form", "maria"),
        ]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--client-key", "x.pem"], "--client-key needs --client-cert"),
        (["--client-cert", "nowhere.pem"], "The client certificate cannot be used"),
    ],
)
def test_a_certificate_that_cannot_be_shown_is_said(v433: Appliance, arguments: list[str], says: str) -> None:
    done = command("temp-token", "--directory", str(v433.directory), *arguments, check=False)
    assert (done.returncode, v433.asked()) == (1, [])
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_does_not_leave_the_server(server: Appliance, people: People) -> None:
    server.set(login_redirect="http://127.0.0.1:9/sso")
    done = command("temp-token", "--directory", str(server.directory), "--client-cert", people.maria, check=False)
    assert done.returncode == 1
    assert "The login led to http://127.0.0.1:9/sso without a token" in done.stderr
    assert server.asked() == [("login_request", 302)]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"users": [MARIA]}, "needs a client_cert of tls that is optional or required"),
        ({"users": [MARIA, {**PEDRO, "certificate_cn": "maria.example"}]}, "cannot have the same certificate_cn"),
    ],
)
def test_users_that_cannot_be_told_apart_are_refused(tmp_path: Path, config: t.Any, says: str) -> None:
    path = tmp_path / "given.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    done = command("serve", "--directory", str(tmp_path), "--config", str(path), check=False)
    assert done.returncode == 1
    assert says in done.stderr
