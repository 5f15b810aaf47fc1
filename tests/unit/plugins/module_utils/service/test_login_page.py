# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client's own request to the login page, and its results."""

from __future__ import annotations

import email.utils
import typing as t
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerInvalidError,
    ConfigurationError,
    RefusedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpResponse,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.login_page import (
    MAX_HOPS,
    ask_login_page,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.signing import Partner
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    AnsweringTransport,
    client,
    raw,
    refusal,
)

REDIRECT_URL = "https://your-app.com/in?tkn="
PARTNER = Partner("CA_DEMO", b"secret")
PAGE = raw(b"<html><form></form></html>", content_type="text/html")


class Site:
    """Answers in order."""

    def __init__(self, *answers: HttpResponse) -> None:
        self.answers = list(answers)
        self.transport = AnsweringTransport(login_request=lambda _request: self.answers.pop(0))

    def ask(self, **options: t.Any) -> str | None:
        one = client(self.transport, "4.33", **{"partner": PARTNER, **options})
        return ask_login_page(one, REDIRECT_URL, "local.users")

    @property
    def asked(self) -> list[HttpRequest]:
        return self.transport.requests


def to(location: str, status: int = 302, **cookies: str) -> HttpResponse:
    return HttpResponse(status, {"location": location}, b"", cookies)


def test_the_link_is_the_vendor_s_and_the_headers_are_signed() -> None:
    site = Site(PAGE)
    assert site.ask(clock=lambda: 1744719496.0) is None
    request = site.asked[0]
    assert (request.verb, request.body) == ("GET", None)
    assert request.url.startswith("https://rt.example.com:8083/authclient/auth/loginrequest?Consumer=RA_API&")
    query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
    assert (query["Domain"], query["RedirectUrl"], query["partner"]) == ("local.users", REDIRECT_URL, "CA_DEMO")
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["x-request-timestamp"] == query["timestamp"] == "1744719496"
    assert headers["x-hmac-signature"] == query["hmac"]
    assert headers["x-partner-name"] == "CA_DEMO"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_is_taken_from_where_it_leads(status: int) -> None:
    site = Site(to("https://your-app.com/in?tkn=canary%3D", status))
    assert site.ask() == "canary="
    assert len(site.asked) == 1


def test_redirects_are_followed_on_the_host_with_its_cookies() -> None:
    site = Site(
        to("/cert?step=1", first="1"), to("https://rt.example.com:8443/cert", second="2"), to(f"{REDIRECT_URL}canary")
    )
    assert site.ask() == "canary"
    assert [request.headers.get("Cookie") for request in site.asked] == [None, "first=1", "first=1; second=2"]
    urls = ["https://rt.example.com:8083/cert?step=1", "https://rt.example.com:8443/cert"]
    assert [request.url for request in site.asked[1:]] == urls
    assert all("x-hmac-signature" in request.headers for request in site.asked)


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.example/sso",
        "http://rt.example.com:8083/in",
        "https://rt.example.com.elsewhere.example/",
        "//elsewhere.example/",
        "https://[",
        "javascript:alert(1)",
        "https://your-app.com/other?tkn=canary",
    ],
)
def test_nothing_is_sent_anywhere_else(location: str) -> None:
    site = Site(to(location))
    assert site.ask() is None
    assert len(site.asked) == 1


def test_a_form_after_a_redirect() -> None:
    site = Site(to("/form"), PAGE)
    assert site.ask() is None


def test_a_refusal_in_the_words_of_the_service() -> None:
    site = Site(refusal("REDIRECT_URL_NOT_REGISTERED", "The redirect URL is not registered"))
    with pytest.raises(RefusedError, match=r"login_request at https://\S+/loginrequest: .*REDIRECT_URL_NOT_REGISTERED"):
        site.ask()


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([to("https://your-app.com/in")], "leads back to redirect_url without a tkn"),
        ([to("https://your-app.com/in?tkn=canary1&tkn=canary2")], "more than one tkn"),
        ([to("/again")] * (MAX_HOPS + 1), f"more than {MAX_HOPS} redirects"),
    ],
)
def test_answers_that_the_contract_does_not_know(answers: list[HttpResponse], words: str) -> None:
    with pytest.raises(AnswerInvalidError, match=words) as caught:
        Site(*answers).ask()
    assert "canary" not in str(caught.value)


def test_a_clock_that_is_wrong_is_set_right_by_the_refusal() -> None:
    there = email.utils.formatdate(1_744_719_496, usegmt=True)
    site = Site(refusal("TIMESTAMP_OUT_OF_WINDOW", "too old", 401, date=there), PAGE)
    assert site.ask(clock=lambda: 1_744_700_000.0, monotonic=lambda: 0.0) is None
    stamps = [parse_qs(urlsplit(request.url).query)["timestamp"] for request in site.asked]
    assert stamps == [["1744700000"], ["1744719496"]]


def test_without_a_partner_there_is_no_link() -> None:
    with pytest.raises(ConfigurationError, match="needs partner and partner_secret"):
        Site().ask(partner=None)
