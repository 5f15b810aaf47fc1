# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers to a browser, without a socket: beginning, return, and the content of each answer."""

from __future__ import annotations

import datetime as dt
import re
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerLostError,
    NotSentError,
    RedtrustError,
    RefusedError,
    StoreError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in.pages import About
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in.sign_in import (
    PageRequest,
    PageResponse,
    SignIn,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import failed

UNTIL = dt.datetime(2026, 1, 31, 12, 0, 5, tzinfo=dt.timezone.utc)
LINK = "https://rt.example.com:8083/authclient/auth/loginrequest?hmac=c3"


class Desk:
    """A sign-in, with its outcome."""

    def __init__(self, redirect_url: str = "http://127.0.0.1:8765/callback") -> None:
        self.links = 0
        self.exchanged: list[str] = []
        self.trouble: RedtrustError | None = None
        self.sign_in: SignIn[str] = SignIn(
            redirect_url,
            self._link,
            self._exchange,
            about=About("rt.example.com", "CA <DEMO>", "maria@build01"),
            person=lambda session: session.rpartition(" ")[2].upper(),
            until=UNTIL,
        )
        self.host = redirect_url.partition("://")[2].partition("/")[0]
        self.path = "/" + redirect_url.partition("://")[2].partition("/")[2].partition("?")[0]

    def _link(self) -> str:
        self.links += 1
        return f"{LINK}&timestamp={self.links}"

    def _exchange(self, token: str) -> str:
        self.exchanged.append(token)
        if self.trouble:
            raise self.trouble
        return f"session of {token}"


class Browser:
    """A browser that keeps its cookie."""

    def __init__(self, desk: Desk, **headers: str) -> None:
        self.desk = desk
        self.headers = {"host": desk.host, **{name.replace("_", "-"): value for name, value in headers.items()}}

    def ask(self, target: str, method: str = "GET", **headers: str) -> PageResponse:
        answer = self.desk.sign_in.answer(PageRequest(method, target, {**self.headers, **headers}))
        if cookie := answer.headers.get("Set-Cookie"):
            self.headers["cookie"] = cookie.partition(";")[0]
        return answer

    def press(self) -> PageResponse:
        return self.ask("/start", "POST")

    def started(self) -> Browser:
        self.ask(self.desk.path)
        assert self.press().status == 303
        return self


def says(answer: PageResponse) -> str:
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", answer.body.decode(), re.DOTALL)
    assert heading is not None
    return heading[1].strip()


class TestTheWayThrough:
    def test_from_the_landing_page_to_the_session(self) -> None:
        desk = Desk()
        browser = Browser(desk)
        landing = browser.ask("/callback")
        assert landing.status == 200
        assert b'<form method="post" action="/start">' in landing.body
        assert b"CA &lt;DEMO&gt;" in landing.body
        assert desk.links == 0
        start = browser.press()
        assert (start.status, start.headers["Location"]) == (303, f"{LINK}&timestamp=1")
        assert not desk.sign_in.done.is_set()
        back = browser.ask("/callback?tkn=can%2Bary%3D")
        assert back.status == 200
        assert desk.exchanged == ["can+ary="]
        assert desk.sign_in.done.is_set()
        assert desk.sign_in.result == "session of can+ary="
        assert b"You are signed in" in back.body
        assert b"close this window" in back.body

    def test_the_link_is_signed_at_each_press(self) -> None:
        desk = Desk()
        browser = Browser(desk)
        browser.ask("/callback")
        links = [browser.press().headers["Location"] for _press in range(3)]
        assert links == [f"{LINK}&timestamp={number}" for number in (1, 2, 3)]

    @pytest.mark.parametrize(
        ("redirect_url", "target"),
        [
            ("http://localhost:8765/callback?tkn=", "/callback?tkn=canary"),
            ("http://localhost:8765/callback?tkn=", "/callback?tkn=?tkn=canary"),
            ("http://127.0.0.1:8765/?tenant=7&lang=es", "/?tenant=7&lang=es&tkn=canary"),
            ("http://127.0.0.1:8765/", "/?state=1&tkn=canary&x=2"),
            ("https://a.example/deep/path", "/deep/path?tkn=canary"),
        ],
    )
    def test_each_form_of_the_redirect(self, redirect_url: str, target: str) -> None:
        desk = Desk(redirect_url)
        assert Browser(desk).started().ask(target).status == 200
        assert desk.exchanged == ["canary"]

    @pytest.mark.parametrize(
        ("languages", "words", "code"),
        [
            ("es-MX,es;q=0.9", "sesi", "es"),
            ("pt-BR", "Voc", "pt-BR"),
            ("pt-PT", "Sess", "pt-PT"),
            ("de", "You", "en"),
            ("", "You", "en"),
        ],
    )
    def test_in_the_language_of_the_browser(self, languages: str, words: str, code: str) -> None:
        page = Browser(Desk(), accept_language=languages).started().ask("/callback?tkn=canary")
        assert page.headers["Content-Language"] == code
        assert words in page.body.decode()


class TestWhatOthersSend:
    """A host has cookies of other applications, other people's names, and accidental requests."""

    @pytest.mark.parametrize(
        "cookies",
        [
            'theme={"a":"b"}; OURS',
            "OURS; name=Jos\xc3\xa9",
            "name=Jos\xe9; OURS",
            'quoted="a;b"; OURS; other="',
            "=nameless; ; a; OURS",
            "a[b]=c; d,e=f; g h=i; OURS",
            "OURS;",
            "x=OURS; OURS",
            "NAME=somebody else's; OURS; NAME=; NAME=started.00.00",
            "; ".join(f"_ga_{number}=GS1.{'x' * 100}" for number in range(300)) + "; OURS",
            "a=1;OURS;b=2",
        ],
    )
    def test_cookies_of_others(self, cookies: str) -> None:
        desk = Desk()
        browser = Browser(desk)
        for target, method in (("/callback", "GET"), ("/start", "POST"), ("/callback?tkn=canary", "GET")):
            ours = browser.headers.get("cookie", "a=b")
            sent = cookies.replace("OURS", ours).replace("NAME", ours.partition("=")[0])
            answer = desk.sign_in.answer(PageRequest(method, target, {**browser.headers, "cookie": sent}))
            if cookie := answer.headers.get("Set-Cookie"):
                browser.headers["cookie"] = cookie.partition(";")[0]
        assert desk.exchanged == ["canary"]

    @pytest.mark.parametrize(
        ("redirect_url", "host"),
        [("http://localhost:80/callback", "localhost"), ("https://a.example:443/", "a.example")],
    )
    def test_the_usual_port(self, redirect_url: str, host: str) -> None:
        desk = Desk(redirect_url)
        assert Browser(desk, host=host).started().ask(f"{desk.path}?tkn=canary").status == 200

    @pytest.mark.parametrize("value", ["%00", "%0d%0aHost:%20x", "a%20b", "caf%C3%A9", "x" * 9000])
    def test_what_can_be_no_token(self, value: str) -> None:
        desk = Desk()
        browser = Browser(desk).started()
        answer = browser.ask(f"/callback?tkn={value}")
        assert answer.status == 400
        assert says(answer) == "The address you came back with is damaged"
        assert b'action="/start"' in answer.body
        assert desk.exchanged == []
        assert browser.ask("/callback?tkn=canary").status == 200

    def test_head_uses_nothing_up(self) -> None:
        desk = Desk()
        browser = Browser(desk).started()
        for target in ("/callback", "/callback?tkn=canary", "/start"):
            assert browser.ask(target, "HEAD").status == 200
        assert Browser(desk).ask("/callback", "HEAD").headers.get("Set-Cookie") is None
        assert Browser(desk).ask("/other", "HEAD").status == 404
        assert desk.exchanged == []
        assert browser.ask("/callback?tkn=canary").status == 200
        assert Browser(desk).ask("/callback", "HEAD").status == 410

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
        ],
    )
    def test_a_guess_of_the_browser_uses_nothing_up(self, name: str, value: str) -> None:
        desk = Desk()
        browser = Browser(desk).started()
        assert browser.ask("/callback?tkn=canary", **{name: value}).status == 503
        assert desk.exchanged == []
        assert browser.ask("/callback?tkn=canary").status == 200


class TestWhoComesTooLate:
    def test_the_second_is_told(self) -> None:
        desk = Desk()
        first, second, third = Browser(desk).started(), Browser(desk).started(), Browser(desk)
        third.ask("/callback")
        assert not desk.sign_in.is_told()
        first.ask("/callback?tkn=one")
        assert not desk.sign_in.is_told()
        assert says(second.ask("/callback?tkn=two")) == "Somebody has signed in already"
        assert not desk.sign_in.is_told()
        assert says(third.press()) == "Somebody has signed in already"
        assert desk.sign_in.is_told()

    def test_nobody_else_is_waited_for(self) -> None:
        desk = Desk()
        Browser(desk).ask("/callback", "HEAD")
        Browser(desk).started().ask("/callback?tkn=one")
        assert desk.sign_in.is_told()

    def test_whoever_reloads_the_last_page_sees_it_again(self) -> None:
        desk = Desk()
        browser = Browser(desk).started()
        pages = [browser.ask("/callback?tkn=one").body for _time in range(2)]
        assert pages[0] == pages[1]
        assert b"<strong>ONE</strong>" in pages[0]  # the person in the session
        assert desk.exchanged == ["one"]

    def test_after_a_failure_it_is_not_the_time_that_is_over(self) -> None:
        desk = Desk()
        desk.trouble = StoreError("the disk is full")
        Browser(desk).started().ask("/callback?tkn=one")
        assert says(Browser(desk).ask("/callback")) == "The job has failed"

    def test_the_page_says_until_when(self) -> None:
        assert b"12:00:05 UTC" in Browser(Desk()).ask("/callback").body


class TestWhoMayComeBack:
    def test_a_browser_that_did_not_begin_here(self) -> None:
        """An attacker sends the browser to the callback with a token of the attacker's own."""
        desk = Desk()
        answer = Browser(desk).ask("/callback?tkn=foreign")
        assert answer.status == 403
        assert desk.exchanged == []
        assert not desk.sign_in.done.is_set()

    def test_one_that_has_only_seen_the_page(self) -> None:
        """Another site can take a browser no further than this."""
        desk = Desk()
        browser = Browser(desk)
        browser.ask("/callback")
        assert browser.ask("/callback?tkn=foreign").status == 403
        assert desk.exchanged == []

    def test_another_site_cannot_press_the_button(self) -> None:
        """The cookie is SameSite=Lax, so a form of another site does not send it."""
        desk = Desk()
        browser = Browser(desk)
        assert "SameSite=Lax" in browser.ask("/callback").headers["Set-Cookie"]
        assert Browser(desk).press().status == 403
        assert desk.links == 0

    @pytest.mark.parametrize(
        "forge",
        [
            lambda value: value.replace("seen", "started"),
            lambda value: value[:-1] + ("0" if value[-1] != "0" else "1"),
            lambda value: value.rpartition(".")[0],
            lambda _value: "started.00.",
            lambda value: "\xff" + value,
            lambda _value: '"',
        ],
    )
    def test_a_mark_of_one_s_own_making(self, forge: t.Callable[[str], str]) -> None:
        desk = Desk()
        browser = Browser(desk)
        browser.ask("/callback")
        name, _equals, value = browser.headers["cookie"].partition("=")
        browser.headers["cookie"] = f"{name}={forge(value)}"
        assert browser.ask("/callback?tkn=foreign").status == 403
        assert desk.exchanged == []

    def test_a_mark_of_another_sign_in(self) -> None:
        other, desk = Browser(Desk()).started(), Desk()
        other.desk = desk
        assert other.ask("/callback?tkn=foreign").status == 403
        assert desk.exchanged == []

    def test_under_another_name(self) -> None:
        """Another person's host name leads to this machine."""
        desk = Desk()
        answer = Browser(desk, host="evil.example:8765").ask("/callback")
        assert answer.status == 421
        assert "Set-Cookie" not in answer.headers
        assert b"http://127.0.0.1:8765/callback" in answer.body

    def test_only_one_of_two(self) -> None:
        desk = Desk()
        first, second = Browser(desk).started(), Browser(desk).started()
        assert first.ask("/callback?tkn=one").status == 200
        assert second.ask("/callback?tkn=two").status == 410
        assert second.press().status == 410
        assert desk.exchanged == ["one"]

    def test_only_one_of_many_at_once(self) -> None:
        desk = Desk()
        browsers = [Browser(desk).started() for _number in range(8)]
        barrier, another = threading.Barrier(8), threading.Event()
        exchange = desk._exchange

        def hesitating(token: str) -> str:
            done = exchange(token)
            if len(desk.exchanged) > 1:
                another.set()
            another.wait(0.5)  # for a second exchange, which must not come
            return done

        desk.sign_in._exchange = hesitating

        def come_back(browser: Browser) -> int:
            barrier.wait()
            return browser.ask("/callback?tkn=tkn").status

        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(pool.map(come_back, browsers))
        assert statuses == [200] + [410] * 7
        assert desk.exchanged == ["tkn"]


class TestWhatGoesWrong:
    def test_a_refusal_may_be_tried_again(self) -> None:
        desk = Desk()
        desk.trouble = RefusedError(
            "no", step="exchange", url="https://x/", status=401, service_message="It was <used>"
        )
        browser = Browser(desk).started()
        answer = browser.ask("/callback?tkn=one")
        assert answer.status == 403
        assert b"It was &lt;used&gt;" in answer.body
        assert b'action="/start"' in answer.body
        assert desk.sign_in.failures == [desk.trouble]
        assert not desk.sign_in.done.is_set()
        desk.trouble = None
        assert browser.press().status == 303
        assert browser.ask("/callback?tkn=two").status == 200

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    @pytest.mark.parametrize("kind", [RefusedError, AnswerLostError])
    def test_a_server_in_trouble_has_refused_nobody(self, status: int, kind: type[RefusedError]) -> None:
        for language in ("en", "es", "pt-BR", "pt-PT"):
            desk = Desk()
            desk.trouble = kind("it broke", step="exchange", url="https://x/", status=status)
            answer = Browser(desk, accept_language=language).started().ask("/callback?tkn=one")
            assert answer.status == 502
            assert f"HTTP {status}" in answer.body.decode()
            assert "it broke" not in answer.body.decode()
            assert (says(answer) == "Redtrust could not answer") == (language == "en")
            assert b'action="/start"' in answer.body
            assert not desk.sign_in.done.is_set()

    @pytest.mark.parametrize("language", ["es", "pt-BR", "pt-PT"])
    def test_no_english_on_pages_in_other_languages(self, language: str) -> None:
        for trouble, shown in (
            (RefusedError("no", step="exchange", url="https://x/", status=401, service_message="It was"), "HTTP 401<"),
            (failed(AnswerLostError, "exchange"), ""),
            (StoreError("It was the disk"), ""),
        ):
            desk = Desk()
            desk.trouble = trouble
            page = Browser(desk, accept_language=language).started().ask("/callback?tkn=one").body.decode()
            assert shown in page
            assert str(trouble) not in page
            assert "It was" not in page

    @pytest.mark.parametrize("kind", [NotSentError, AnswerLostError])
    def test_so_may_a_service_that_is_away(self, kind: type[NotSentError]) -> None:
        desk = Desk()
        desk.trouble = failed(kind, "exchange")
        answer = Browser(desk).started().ask("/callback?tkn=one")
        assert answer.status == 502
        assert b'action="/start"' in answer.body
        assert not desk.sign_in.done.is_set()

    def test_a_session_that_cannot_be_kept_ends_it(self) -> None:
        desk = Desk()
        desk.trouble = StoreError("the disk is full")
        answer = Browser(desk).started().ask("/callback?tkn=one")
        assert answer.status == 500
        assert b"the disk is full" in answer.body
        assert b'action="/start"' not in answer.body
        assert desk.sign_in.done.is_set()
        assert desk.sign_in.failure is desk.trouble

    @pytest.mark.parametrize("target", ["/callback?tkn=", "/callback?tkn=&x=1", "/callback"])
    def test_somebody_who_cancels(self, target: str) -> None:
        desk = Desk()
        browser = Browser(desk).started()
        answer = browser.ask(target, **{"sec-fetch-site": "cross-site"})
        assert b'action="/start"' in answer.body
        assert says(answer) != says(Browser(Desk()).ask("/callback"))
        assert browser.press().status == 303

    def test_somebody_who_opens_the_page_again(self) -> None:
        desk = Desk()
        browser = Browser(desk).started()
        answer = browser.ask("/callback", **{"sec-fetch-site": "none"})
        assert says(answer) == says(Browser(Desk()).ask("/callback"))
        assert browser.ask("/callback?tkn=one").status == 200  # from the other tab

    def test_two_tokens(self) -> None:
        desk = Desk()
        assert Browser(desk).started().ask("/callback?tkn=one&tkn=two").status == 400
        assert desk.exchanged == []

    def test_after_the_time(self) -> None:
        desk = Desk()
        browser = Browser(desk).started()
        desk.sign_in.stop()
        for answer in (browser.ask("/callback"), browser.press(), browser.ask("/callback?tkn=one")):
            assert answer.status == 410
        assert desk.exchanged == []

    @pytest.mark.parametrize(
        ("method", "target"),
        [("GET", "/"), ("GET", "/favicon.ico"), ("POST", "/callback"), ("PUT", "/start"), ("GET", "http://x/callback")],
    )
    def test_there_is_nothing_else(self, method: str, target: str) -> None:
        assert Browser(Desk()).ask(target, method).status == 404


@pytest.mark.parametrize("redirect_url", ["http://127.0.0.1:8765/callback", "https://a.example/callback"])
def test_what_each_answer_carries(redirect_url: str) -> None:
    desk = Desk(redirect_url)
    browser = Browser(desk)
    answers = [
        browser.ask("/nothing"),
        browser.ask("/callback?tkn=canary-foreign"),
        browser.ask("/callback"),
        browser.press(),
        browser.ask("/callback?tkn="),
        browser.ask("/callback?tkn=canary"),
        browser.ask("/callback"),
    ]
    assert [answer.status for answer in answers] == [404, 403, 200, 303, 200, 200, 200]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert b"<script" not in answer.body
        assert b"canary" not in answer.body
    cookies = [answer.headers["Set-Cookie"] for answer in answers if "Set-Cookie" in answer.headers]
    assert len(cookies) == 2
    for cookie in cookies:
        assert "; Path=/; HttpOnly; SameSite=Lax" in cookie
        assert cookie.endswith("; Secure") == redirect_url.startswith("https")
        assert cookie.startswith("__Host-") == redirect_url.startswith("https")
