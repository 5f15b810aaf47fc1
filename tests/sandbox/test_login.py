# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The browser login: the signed link and its parameters, the form, the redirect with a temporary token."""

from __future__ import annotations

import time
import typing as t
import urllib.parse
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, problem, started

HTML = {"Accept": "text/html,application/xhtml+xml"}


def test_a_signed_link_shows_a_form(sandbox: Appliance) -> None:
    page = sandbox.send("GET", sandbox.login_url(), headers=HTML)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert 'type="password"' in page.text
    assert 'value="local.users"' in page.text


def test_the_domain_is_optional(sandbox: Appliance) -> None:
    answer = sandbox.submit(sandbox.form(Domain=None))
    assert answer.status_code == 302


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Consumer": None}, "CONSUMER_INVALID"),
        ({"Consumer": "OTHER"}, "CONSUMER_INVALID"),
        ({"Consumer": "ra_api"}, "CONSUMER_INVALID"),
        ({"RedirectUrl": None}, "REDIRECT_URL_MISSING"),
        ({"RedirectUrl": ""}, "REDIRECT_URL_MISSING"),
        ({"RedirectUrl": "https://attacker.example/"}, "REDIRECT_URL_NOT_REGISTERED"),
        ({"RedirectUrl": "https://your-app.com/"}, "REDIRECT_URL_NOT_REGISTERED"),
    ],
)
def test_the_parameters_are_checked(sandbox: Appliance, changes: dict[str, t.Any], code: str) -> None:
    assert problem(sandbox.send("GET", sandbox.login_url(**changes))) == (400, code)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"timestamp": None}, "SIGNATURE_MISSING"),
        ({"partner": None}, "SIGNATURE_MISSING"),
        ({"hmac": None}, "SIGNATURE_MISSING"),
        ({"timestamp": None, "partner": None, "hmac": None}, "SIGNATURE_MISSING"),
        ({"hmac": "c360"}, "SIGNATURE_MALFORMED"),
        ({"hmac": "0" * 64}, "SIGNATURE_INVALID"),
        ({"partner": "ca_demo"}, "PARTNER_UNKNOWN"),
    ],
)
def test_the_link_must_be_signed_in_both_generations(sandbox: Appliance, changes: dict[str, t.Any], code: str) -> None:
    assert problem(sandbox.send("GET", sandbox.login_url(**changes))) == (401, code)


def test_a_stale_link_is_refused(sandbox: Appliance) -> None:
    stale = sandbox.sign(time.time() - 310).query()
    assert problem(sandbox.send("GET", sandbox.login_url(**stale))) == (401, "TIMESTAMP_OUT_OF_WINDOW")


def test_the_headers_can_sign_the_link(sandbox: Appliance) -> None:
    unsigned = sandbox.login_url(timestamp=None, partner=None, hmac=None)
    assert sandbox.send("GET", unsigned, headers=sandbox.sign().headers()).status_code == 200


def test_both_signatures_of_a_link_must_be_valid(sandbox: Appliance) -> None:
    right, wrong = sandbox.sign(), sandbox.sign(secret="another")
    for query, headers in ((right, wrong), (wrong, right)):
        answer = sandbox.send("GET", sandbox.login_url(**query.query()), headers=headers.headers())
        assert problem(answer) == (401, "SIGNATURE_INVALID")


def test_a_browser_gets_a_page_that_says_why(sandbox: Appliance) -> None:
    page = sandbox.send("GET", sandbox.login_url(RedirectUrl="https://attacker.example/"), headers=HTML)
    assert page.status_code == 400
    assert page.headers["Content-Type"].startswith("text/html")
    assert "The redirect URL is not registered" in page.text
    assert sandbox.asked("status, error_code") == [(400, "REDIRECT_URL_NOT_REGISTERED")]


@pytest.mark.parametrize(
    ("redirect_url", "before_token"),
    [
        ("https://your-app.com", "https://your-app.com?tkn="),
        ("https://google.es?tkn=", "https://google.es?tkn="),
        ("https://your-app.com/landing?tenant=7&lang=es", "https://your-app.com/landing?tenant=7&lang=es&tkn="),
    ],
)
def test_the_redirect_appends_tkn(sandbox: Appliance, redirect_url: str, before_token: str) -> None:
    answer = sandbox.submit(sandbox.form(RedirectUrl=redirect_url))
    assert answer.status_code == 302
    location = answer.headers["Location"]
    assert location.startswith(before_token)
    token = urllib.parse.unquote(location[len(before_token) :])
    assert sandbox.one("SELECT COUNT(*) FROM secrets WHERE kind = 'temporary_token' AND value = ?", token) == 1
    assert sandbox.ask("exchange", {"temporalToken": token}, token).status_code == 200


def test_the_token_needs_quoting_and_is_quoted(sandbox: Appliance) -> None:
    location = sandbox.submit(sandbox.form()).headers["Location"]
    query = urllib.parse.urlsplit(location).query
    assert query.endswith("%3D")
    assert set(query.partition("=")[2]).isdisjoint("+/=")


@pytest.mark.parametrize(
    "changes", [{"password": "wrong"}, {"username": "nobody"}, {"domain": "other.users"}, {"password": ""}]
)
def test_wrong_credentials_show_the_form_again(sandbox: Appliance, changes: dict[str, str]) -> None:
    form = sandbox.form()
    page = sandbox.submit(form, **changes)
    assert page.status_code == 401
    assert "User, password or domain is wrong." in page.text
    assert "Location" not in page.headers
    assert sandbox.submit(form).status_code == 302


def test_a_form_works_once(sandbox: Appliance) -> None:
    form = sandbox.form()
    assert sandbox.submit(form).status_code == 302
    assert problem(sandbox.submit(form)) == (400, "LOGIN_FORM_INVALID")
    assert problem(sandbox.submit("made-up")) == (400, "LOGIN_FORM_INVALID")


def test_a_form_gets_too_old(sandbox: Appliance) -> None:
    sandbox.set(login_form_lifetime=0)
    assert problem(sandbox.submit(sandbox.form())) == (400, "LOGIN_FORM_INVALID")


def test_what_the_link_says_is_escaped_in_the_page(sandbox: Appliance) -> None:
    page = sandbox.send("GET", sandbox.login_url(Domain='"><script>alert(1)</script>'))
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


def test_each_partner_has_its_own_redirect_urls_and_secret(tmp_path: Path) -> None:
    config = {
        "partners": [
            {"name": "FIRST", "secret": "73656372657431", "secret_encoding": "hex", "redirect_urls": ["https://a/"]},
            {"name": "SECOND", "secret": "c2VjcmV0Mg==", "secret_encoding": "base64", "redirect_urls": ["https://b/"]},
        ],
        "users": [{"username": "maria", "password": "hers", "domain": "corp.example"}],
    }
    server = started(tmp_path, "4.33", config=config)
    try:
        for partner, secret, own, other in (
            ("FIRST", "secret1", "https://a/", "https://b/"),
            ("SECOND", "secret2", "https://b/", "https://a/"),
        ):
            signed = server.sign(partner=partner, secret=secret).query()
            refused = server.send("GET", server.login_url(RedirectUrl=other, **signed))
            assert problem(refused) == (400, "REDIRECT_URL_NOT_REGISTERED")
            form = server.form(RedirectUrl=own, **signed)
            assert server.submit(form).headers["Location"].startswith(own + "?tkn=")
        assert server.rows("SELECT partner, user, domain FROM temporary_tokens") == [
            ("FIRST", "maria", "corp.example"),
            ("SECOND", "maria", "corp.example"),
        ]
    finally:
        server.stop()
