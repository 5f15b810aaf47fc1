# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The browser login: the signed link and its parameters, the form, the redirect with a temporary token."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import time
import typing as t
import urllib.parse
from pathlib import Path

import pytest
import requests

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, command, problem, started

HTML = {"Accept": "text/html,application/xhtml+xml"}

Attributes = dict[str, str | None]


class Page(html.parser.HTMLParser):
    """The parts of a page that matter to a browser."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.inputs: dict[str, Attributes] = {}
        self.labels: list[str | None] = []
        self.buttons: list[Attributes] = []
        self.language: str | None = None
        self.viewport: str | None = None
        self.alert: str | None = None
        self.title = ""
        self.style = ""

    @classmethod
    def of(cls, answer: requests.Response) -> Page:
        """Read the page of an answer."""
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        page = cls()
        page.feed(answer.text)
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element."""
        found = dict(attrs)
        self.tags.append(tag)
        self.attributes.update(found)
        if tag == "input":
            self.inputs[str(found["name"])] = found
        elif tag == "label":
            self.labels.append(found["for"])
        elif tag == "button":
            self.buttons.append(found)
        elif tag == "html":
            self.language = found["lang"]
        elif found.get("name") == "viewport":
            self.viewport = found["content"]
        if found.get("role") == "alert":
            self.alert = found["id"]

    def handle_data(self, data: str) -> None:
        """Record the title and the style in the head."""
        if self.tags and self.tags[-1] in ("title", "style"):
            last = self.tags[-1]
            setattr(self, last, getattr(self, last) + data)

    def handle_endtag(self, tag: str) -> None:
        """End a title or style, so that later text does not belong to it."""
        if tag in ("title", "style"):
            self.tags.append("")


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
        ({"Consumer": None}, "ERR_INVALID_PARAM"),
        ({"Consumer": "OTHER"}, "ERR_INVALID_PARAM"),
        ({"Consumer": "ra_api"}, "ERR_INVALID_PARAM"),
        ({"RedirectUrl": None}, "MISSING_PARAM"),
        ({"RedirectUrl": ""}, "MISSING_PARAM"),
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
    page = sandbox.send("GET", sandbox.login_url(**stale), headers=HTML)
    assert "The timestamp is too old or in the future" in page.text
    refused = ("login_request", 401, "TIMESTAMP_OUT_OF_WINDOW", None)
    assert sandbox.asked("step, status, error_code, partner") == [refused, refused]


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
    assert sandbox.asked("step, status, error_code, user")[1:] == [
        ("login_form", 401, "ERR_INVALID_AUTH", None),
        ("login_form", 302, None, "demo"),
    ]


def test_a_wrong_password_leaves_what_else_was_typed(sandbox: Appliance) -> None:
    page = Page.of(sandbox.submit(sandbox.form(), username='de"mo', domain="corp.example"))
    assert page.title.startswith("Not signed in")
    assert page.inputs["username"]["value"] == 'de"mo'
    assert page.inputs["username"]["aria-describedby"] == page.alert
    assert page.inputs["domain"]["value"] == "corp.example"
    assert "value" not in page.inputs["password"]


@pytest.mark.parametrize(
    "redirect_url",
    ["http://127.0.0.1:8765/callback", "https://google.es?tkn=", "https://your-app.com/landing?tenant=7&lang=es"],
)
def test_who_cancels_comes_back_without_a_token(sandbox: Appliance, redirect_url: str) -> None:
    before = sandbox.one("SELECT COUNT(*) FROM temporary_tokens")
    form = sandbox.form(RedirectUrl=redirect_url)
    answer = sandbox.submit(form, username="", password="", cancel="yes")
    assert (answer.status_code, answer.headers["Location"]) == (302, redirect_url)
    assert sandbox.one("SELECT COUNT(*) FROM temporary_tokens") == before
    assert problem(sandbox.submit(form)) == (400, "LOGIN_FORM_INVALID")
    assert sandbox.asked("step, status, error_code, user")[1:] == [
        ("login_form", 302, None, None),
        ("login_form", 400, "LOGIN_FORM_INVALID", None),
    ]


def test_who_cancels_is_not_signed_in_by_what_was_typed(sandbox: Appliance) -> None:
    assert "tkn=" not in sandbox.submit(sandbox.form(), cancel="yes").headers["Location"]
    assert sandbox.asked("user")[1:] == [(None,)]


@pytest.mark.parametrize(
    ("style", "redirect_url", "location"),
    [
        ("appended", "https://your-app.com", "https://your-app.com?tkn={}"),
        ("appended", "https://google.es?tkn=", "https://google.es?tkn=?tkn={}"),
        (
            "appended",
            "https://your-app.com/landing?tenant=7&lang=es",
            "https://your-app.com/landing?tenant=7&lang=es?tkn={}",
        ),
        ("last", "https://your-app.com", "https://your-app.com?state=1&tkn={}&lang=es"),
        ("last", "https://google.es?tkn=", "https://google.es?state=1&tkn={}&lang=es"),
        (
            "last",
            "https://your-app.com/landing?tenant=7&lang=es",
            "https://your-app.com/landing?tenant=7&lang=es&state=1&tkn={}&lang=es",
        ),
    ],
)
def test_the_token_comes_back_in_the_form_that_is_set(
    sandbox: Appliance, style: str, redirect_url: str, location: str
) -> None:
    sandbox.set(tkn_style=style)
    came = sandbox.submit(sandbox.form(RedirectUrl=redirect_url)).headers["Location"]
    token = sandbox.rows("SELECT token FROM temporary_tokens ORDER BY rowid DESC")[0][0]
    assert came == location.format(urllib.parse.quote(token, safe=""))
    assert sandbox.ask("exchange", {"temporalToken": token}, token).status_code == 200
    command_token = command("temp-token", "--directory", str(sandbox.directory)).stdout.strip()
    assert sandbox.one("SELECT COUNT(*) FROM temporary_tokens WHERE token = ?", command_token) == 1


def test_the_form_is_fit_for_a_person(sandbox: Appliance) -> None:
    answer = sandbox.send("GET", sandbox.login_url(), headers=HTML)
    page = Page.of(answer)
    assert page.language == "en"
    assert page.title == "Sign in to Redtrust"
    assert page.viewport == "width=device-width, initial-scale=1"
    assert [tag for tag in page.tags if tag in ("main", "h1", "script", "style", "link", "img")] == [
        "style",
        "main",
        "h1",
    ]
    visible = {name: found for name, found in page.inputs.items() if found.get("type") != "hidden"}
    assert list(visible) == ["username", "password", "domain"]
    assert page.labels == [found["id"] for found in visible.values()]
    assert page.buttons == [{"class": "first"}, {"name": "cancel", "value": "yes", "formnovalidate": None}]
    assert page.alert is None


def test_the_only_style_is_that_of_the_policy(sandbox: Appliance) -> None:
    for address, status in ((sandbox.login_url(), 200), (sandbox.login_url(RedirectUrl="https://x.example"), 400)):
        answer = sandbox.send("GET", address, headers=HTML)
        assert answer.status_code == status
        page = Page.of(answer)
        digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert f"style-src 'sha256-{digest}'" in policy
        assert "default-src 'none'" in policy
        assert not any(name in page.attributes for name in ("style", "onclick", "onload", "onsubmit"))
        assert "color-scheme: light dark" in page.style
    assert [status for _step, status in sandbox.asked()] == [200, 400]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/authclient/auth/login", 405, "METHOD_NOT_ALLOWED"), ("/authclient/auth/nothing", 404, "NOT_FOUND")],
)
def test_a_browser_that_is_lost_gets_a_page(sandbox: Appliance, path: str, status: int, code: str) -> None:
    page = Page.of(sandbox.send("GET", sandbox.url(path), headers=HTML))
    assert page.alert == "problem"
    assert page.title == "Sign-in is not possible - Redtrust"
    assert problem(sandbox.send("GET", sandbox.url(path))) == (status, code)
    assert sandbox.asked("status, error_code") == [(status, code)] * 2


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
