# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login, branch by branch: the service answers by script, and the browser talks to a fake listener."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import io
import json
import os
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerLostError,
    ConfigurationError,
    NotSentError,
    RefusedError,
    SessionError,
    StoreError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpResponse,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.signing import Partner
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session import kept as _kept_session
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.credentials import Credentials
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.lifetime import Opened
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session import Session
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session_file import SessionFile
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in.flow import (
    LoginFlow,
    LoginOptions,
    LoginResult,
    is_awaited,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in.listen_options import ListenOptions
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in.sign_in import (
    PageRequest,
    PageResponse,
    SignIn,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    AnsweringTransport,
    Reply,
    client,
    failed,
    play,
    raw,
    refusal,
    tokens,
)

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.timezone.utc)
URL = "http://127.0.0.1:8765/callback"
LINK = "https://rt.example.com:8083/authclient/auth/loginrequest"
PAGE = raw(b"<html><form></form></html>", content_type="text/html")
PARTNER = Partner("CA_DEMO", b"secret")
NO_SESSION = "there is no session and nothing to log in with"
Visit = t.Callable[["Browser"], object]


class Browser:
    """A person's browser in the sign-in; it keeps the cookie."""

    def __init__(self, sign_in: SignIn[Opened]) -> None:
        self._sign_in = sign_in
        self._headers = {"host": "127.0.0.1:8765"}

    def ask(self, target: str, method: str = "GET") -> PageResponse:
        answer = self._sign_in.answer(PageRequest(method, target, dict(self._headers)))
        if cookie := answer.headers.get("Set-Cookie"):
            self._headers["cookie"] = cookie.partition(";")[0]
        return answer

    def press(self) -> str:
        """Open the page, press the button, and return the target address."""
        self.ask("/callback")
        return self.ask("/start", "POST").headers["Location"]

    def come_back(self, token: str) -> str:
        return self.ask(f"/callback?tkn={token}").body.decode()

    def sign_in(self, token: str = "canary") -> str:
        self.press()
        return self.come_back(token)


class Desk:
    """The parts of a login, and the requests to each. ``visit`` is the person's action while the login listens."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "sessions" / "one"
        self.now = NOW
        self.numbers = iter(range(1, 99))
        self.transport = AnsweringTransport(
            login_request=PAGE, exchange=self.triple, refresh=self.triple, login=self.triple
        )
        self.credentials = Credentials(partner_secret=PARTNER.secret, redirect_url=URL)
        self.api_version = "4.33"
        self.visit: Visit = lambda _browser: None
        self.listened: list[tuple[ListenOptions, float]] = []
        self.sign_in: SignIn[Opened] | None = None

    def triple(self, _request: object) -> HttpResponse:
        return tokens(next(self.numbers), expiration=(self.now + dt.timedelta(hours=3)).isoformat())

    def login(self, **changes: t.Any) -> LoginFlow:
        options = LoginOptions(
            host="rt.example.com",
            partner=" ca_demo ",
            domain="local.users",
            redirect_url=URL,
            temporal_token=None,
            state="present",
            force=False,
            wait=True,
            login_timeout=300.0,
            job_template="Redtrust: sign in",
            listen_options=lambda: ListenOptions.at(URL),
        )
        service = client(self.transport, self.api_version, partner=PARTNER, clock=self.now.timestamp)
        session = Session(
            service,
            self.credentials,
            SessionFile(str(self.path), self.credentials.key_material()),
            register=lambda _secret: None,
            now=lambda: self.now,
            jitter=lambda least, _most: least,
        )
        return LoginFlow(dataclasses.replace(options, **changes), session, service, lambda: self.now, self.listen)

    def listen(self, where: ListenOptions, sign_in: SignIn[Opened]) -> Desk:
        self.sign_in = sign_in
        self.where = where
        return self

    def wait(self, seconds: float, is_wanted: t.Callable[[], bool]) -> None:
        assert is_wanted()
        assert self.sign_in is not None
        self.listened.append((self.where, seconds))
        self.visit(Browser(self.sign_in))
        self.sign_in.stop()

    def run(self, **changes: t.Any) -> LoginResult:
        return self.login(**changes).run()

    def has_session(self) -> None:
        """Begin with a kept session."""
        assert self.run(temporal_token="first").action == "exchange"
        self.transport.requests.clear()

    def later(self, hours: float) -> None:
        self.now += dt.timedelta(hours=hours)

    def answers(self, **replies: Reply) -> None:
        self.transport.replies.update(replies)

    def steps(self) -> list[str]:
        return self.transport.steps()

    def exchanged(self) -> list[str]:
        bodies = [request.body for request in self.transport.requests if request.step == "exchange"]
        return [body["temporalToken"] for body in bodies if isinstance(body, dict)]


@pytest.fixture(autouse=True)
def cheap_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the key derivation of a kept session fast."""
    monkeypatch.setattr(_kept_session, "_KEY_ITERATIONS", 1)


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run outside of AWX."""
    for name in ("JOB_ID", "AWX_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def with_certificate(desk: Desk) -> None:
    """Make the service recognize the user by a client certificate."""
    desk.answers(login_request=HttpResponse(302, {"location": f"{URL}?tkn=by-certificate"}, b""))


class TestTheSessionThatIsThere:
    def test_it_is_used_as_it_is(self, desk: Desk) -> None:
        desk.has_session()
        result = desk.run()
        assert (result.action, result.changed, result.url) == ("none", False, URL)
        assert result.opened is not None
        assert result.opened.tokens.expires_at == NOW + dt.timedelta(hours=3)
        assert (result.reason, result.failure, result.error, desk.steps()) == (None, None, None, [])

    def test_it_is_refreshed_when_it_is_time(self, desk: Desk) -> None:
        desk.has_session()
        desk.later(hours=2.5)
        result = desk.run()
        assert (result.action, result.changed, desk.steps()) == ("refresh", True, ["refresh"])
        assert result.opened is not None
        assert result.opened.tokens.access_token == "access-2"

    def test_a_given_token_is_no_change(self, desk: Desk) -> None:
        desk.credentials = Credentials(access_token="mine")
        result = desk.run(redirect_url=None)
        assert (result.action, result.changed, result.url, desk.steps()) == ("none", False, None, [])

    def test_force_begins_a_new_one(self, desk: Desk) -> None:
        desk.has_session()
        desk.visit = Browser.sign_in
        result = desk.run(force=True)
        assert (result.action, result.reason, desk.exchanged()) == ("login", "force is set", ["canary"])


class TestWithoutAPerson:
    def test_a_password(self, desk: Desk) -> None:
        desk.api_version = "4.42"
        desk.credentials = Credentials(username="u", password="p")
        result = desk.run()
        assert (result.action, result.changed, desk.steps()) == ("login", True, ["login"])

    def test_a_temporary_token_counts_before_the_kept_session(self, desk: Desk) -> None:
        desk.has_session()
        result = desk.run(temporal_token="pasted")
        assert (result.action, result.changed, desk.exchanged()) == ("exchange", True, ["pasted"])
        assert result.opened is not None
        assert result.opened.tokens.access_token == "access-2"

    def test_a_temporary_token_that_is_refused(self, desk: Desk) -> None:
        desk.answers(exchange=refusal("TOKEN_EXPIRED", "too old", 401))
        result = desk.run(temporal_token="pasted")
        assert (result.action, result.changed, result.opened, result.url) == (None, False, None, URL)
        assert isinstance(result.error, RefusedError)
        assert "the service refused (HTTP 401, TOKEN_EXPIRED, too old)" in str(result.failure)

    def test_a_service_in_trouble_has_refused_nobody(self, desk: Desk) -> None:
        desk.answers(exchange=refusal("DOWN", "later", 503))
        words = str(desk.run(temporal_token="pasted").failure)
        assert "Redtrust could not answer (HTTP 503, DOWN, later): sign in again in some minutes" in words
        assert "refused" not in words

    def test_a_certificate_is_asked_for_even_where_the_session_does_not_do_so(self, desk: Desk) -> None:
        with_certificate(desk)
        result = desk.run()
        assert (result.action, result.changed, desk.exchanged()) == ("certificate", True, ["by-certificate"])
        assert str(result.reason).startswith(NO_SESSION)
        assert desk.listened == []

    def test_a_certificate_of_the_session_s_own(self, desk: Desk) -> None:
        with_certificate(desk)
        desk.credentials = dataclasses.replace(desk.credentials, client_cert="/me.pem")
        result = desk.run()
        assert (result.action, result.reason, desk.steps()) == ("certificate", None, ["login_request", "exchange"])

    def test_nothing_listens_where_nobody_is_to_be_waited_for(self, desk: Desk) -> None:
        result = desk.run(wait=False, listen_options=lambda: pytest.fail("nobody is listened for"))
        assert (result.action, result.changed, result.opened, result.failure) == ("needed", False, None, None)
        assert str(result.login_url).startswith(f"{LINK}?Consumer=RA_API&Domain=local.users&RedirectUrl=http")
        assert str(result.reason).startswith(NO_SESSION)
        assert desk.steps() == ["login_request"]

    def test_without_a_redirect_url_nobody_can_sign_in(self, desk: Desk) -> None:
        with pytest.raises(ConfigurationError, match=f"^redirect_url is not set, so nobody can sign in; {NO_SESSION}"):
            desk.run(redirect_url=None)
        assert desk.steps() == []

    def test_an_address_that_cannot_be_listened_on_is_told_before_anything_is_sent(self, desk: Desk) -> None:
        with pytest.raises(ConfigurationError, match="listen_port"):
            desk.run(listen_options=lambda: ListenOptions.at(URL, port=0))
        assert desk.steps() == []

    def test_a_link_that_the_service_does_not_take_is_told_before_anybody_is_asked(self, desk: Desk) -> None:
        desk.answers(login_request=refusal("REDIRECT_URL_NOT_REGISTERED", "unknown", 403))
        result = desk.run()
        assert "REDIRECT_URL_NOT_REGISTERED" in str(result.failure)
        assert (result.action, result.reason, desk.listened) == (None, None, [])

    def test_the_end_of_the_last_session_is_told(self, desk: Desk) -> None:
        desk.has_session()
        desk.answers(refresh=refusal("NO", "over", 401))
        desk.later(hours=4)
        result = desk.run(wait=False)
        assert (result.action, result.ended_at) == ("needed", "2026-06-01T16:00:00Z")
        assert str(result.reason).startswith("the session could not be refreshed")


class TestAPerson:
    def test_signs_in(self, desk: Desk) -> None:
        links: list[str] = []

        def visit(browser: Browser) -> None:
            links.append(browser.press())
            assert "You are signed in" in browser.come_back("canary")

        desk.visit = visit
        result = desk.run()
        assert (result.action, result.changed, result.url, result.warnings) == ("login", True, URL, ())
        assert str(result.reason).startswith(NO_SESSION)
        assert result.opened is not None
        assert (desk.exchanged(), result.opened.tokens.access_token) == (["canary"], "access-1")
        assert desk.listened == [(ListenOptions("127.0.0.1", 8765), 300.0)]
        assert links[0].startswith(f"{LINK}?Consumer=RA_API&Domain=local.users&RedirectUrl=http")
        assert desk.run().action == "none"

    def test_reads_who_waits_for_whom_and_until_when(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JOB_ID", "4711")
        pages: list[str] = []
        desk.visit = lambda browser: pages.append(browser.ask("/callback").body.decode())
        desk.run(login_timeout=3600.0)
        for words in ("rt.example.com", "<strong>CA_DEMO</strong>", "Ansible job 4711", "2026-06-01T13:00:00Z"):
            assert words in pages[0]

    def test_reads_as_whom(self, desk: Desk) -> None:
        claims = base64.urlsafe_b64encode(json.dumps({"upn": "maria"}).encode()).decode().rstrip("=")
        desk.answers(exchange=tokens(accessToken=f"e30.{claims}.c2ln"))
        pages: list[str] = []
        desk.visit = lambda browser: pages.append(browser.sign_in())
        desk.run()
        assert "as <strong>maria</strong>" in pages[0]

    def test_does_not_come_in_time(self, desk: Desk) -> None:
        result = desk.run(login_timeout=2.5)
        assert (result.action, result.changed, result.opened) == (None, False, None)
        assert result.failure == f"nobody signed in at {URL} within 2.5 seconds"
        assert isinstance(result.error, SessionError)
        assert (result.url, str(result.reason).startswith(NO_SESSION)) == (URL, True)

    def test_tries_and_gives_up(self, desk: Desk) -> None:
        desk.answers(exchange=refusal("TOKEN_EXPIRED", "too old", 401))
        desk.visit = Browser.sign_in
        result = desk.run()
        assert str(result.failure).startswith(
            f"nobody signed in at {URL} within 300 seconds; the last one who tried failed: exchange at "
        )
        assert "TOKEN_EXPIRED" in str(result.failure)
        assert (result.action, result.error is not None) == (None, True)

    def test_succeeds_after_more_failures_than_the_breaker_allows(self, desk: Desk) -> None:
        """The last three attempts are warnings."""
        replies: list[Reply] = [failed(NotSentError, "exchange"), *(refusal("X", f"no {i}", 503) for i in range(4))]

        def exchange(request: HttpRequest) -> HttpResponse:
            return play(replies.pop(0) if replies else desk.triple, request)

        def visit(browser: Browser) -> None:
            for number in range(6):
                browser.sign_in(f"canary-{number}")

        desk.answers(exchange=exchange)
        desk.visit = visit
        result = desk.run()
        assert (result.action, desk.exchanged()[-1]) == ("login", "canary-5")
        assert len(result.warnings) == 3
        for number, warning in enumerate(result.warnings, 1):
            assert warning.startswith("an attempt to sign in failed before one succeeded: exchange at ")
            assert f"Redtrust could not answer (HTTP 503, X, no {number})" in warning

    def test_signs_in_and_the_session_cannot_be_kept(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_self: object, _session: object) -> None:
            raise StoreError("the disk is full")

        monkeypatch.setattr(SessionFile, "save", full)
        desk.visit = Browser.sign_in
        with pytest.raises(StoreError, match="the disk is full"):
            desk.run()


class TestKept:
    def test_a_session_lives_on_however_young_it_is(self, desk: Desk) -> None:
        desk.has_session()
        result = desk.run(state="kept")
        assert (result.action, result.changed, desk.steps()) == ("refresh", True, ["refresh"])

    def test_a_login_that_needs_nobody(self, desk: Desk) -> None:
        with_certificate(desk)
        desk.credentials = dataclasses.replace(desk.credentials, client_cert="/me.pem")
        assert (desk.run(state="kept").action, desk.listened) == ("certificate", [])

    @pytest.mark.parametrize(
        ("url", "variables", "next_step"),
        [
            (URL, {}, f"run the role login and open {URL}"),
            (f"{URL}?tkn=", {}, f"run the role login and open {URL}"),
            (None, {}, "run the role login"),
            (URL, {"JOB_ID": "4711"}, 'launch the job template "Sign in here"'),
            (URL, {"AWX_HOST": "https://awx"}, 'launch the job template "Sign in here"'),
        ],
    )
    def test_only_a_person_can_help(
        self,
        desk: Desk,
        monkeypatch: pytest.MonkeyPatch,
        url: str | None,
        variables: dict[str, str],
        next_step: str,
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        result = desk.run(state="kept", redirect_url=url, job_template="Sign in here")
        assert str(result.failure).startswith(f"a person has to sign in: {next_step}; {NO_SESSION}")
        assert isinstance(result.error, SessionError)
        assert (result.action, result.changed, result.ended_at) == (None, False, None)
        assert (str(result.reason) in str(result.failure), desk.steps(), desk.listened) == (True, [], [])

    def test_since_when_a_person_is_needed(self, desk: Desk) -> None:
        desk.has_session()
        desk.answers(refresh=refusal("NO", "over", 401))
        first = desk.run(state="kept")
        desk.later(hours=1)
        again = desk.run(state="kept")
        assert (first.ended_at, again.ended_at) == ("2026-06-01T12:00:00Z", "2026-06-01T12:00:00Z")
        assert f"open {URL}; the session had ended by 2026-06-01T12:00:00Z: the session" in str(again.failure)

    @pytest.mark.parametrize("trouble", [failed(NotSentError, "refresh"), failed(AnswerLostError, "refresh")])
    def test_what_passes_needs_nobody(self, desk: Desk, trouble: Exception) -> None:
        desk.has_session()
        desk.answers(refresh=trouble)
        with pytest.raises(SessionError, match="could not be refreshed"):
            desk.run(state="kept")


class TestCheckMode:
    @pytest.mark.parametrize(
        ("changes", "without", "with_one"),
        [
            ({}, "login", "none"),
            ({"force": True}, "login", "login"),
            ({"temporal_token": "pasted"}, "login", "login"),
            ({"wait": False}, "login", "none"),
            ({"state": "kept"}, "none", "refresh"),
        ],
    )
    def test_it_is_said_and_nothing_is_sent(
        self, desk: Desk, changes: dict[str, t.Any], without: str, with_one: str
    ) -> None:
        before = desk.login(**changes).predict()
        assert (before.action, before.changed, before.url) == (without, without != "none", URL)
        desk.has_session()
        after = desk.login(**changes).predict()
        assert (after.action, after.changed, after.opened) == (with_one, with_one != "none", None)
        assert (desk.steps(), desk.listened) == ([], [])


class TestOptions:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"login_timeout": 0.0}, "login_timeout is in seconds, at most 86400, not 0"),
            ({"login_timeout": 86400.5}, "login_timeout is in seconds, at most 86400, not 86400"),
            ({"force": True, "state": "kept"}, "force is for state=present; state=kept refreshes in any case"),
        ],
    )
    def test_what_contradicts_is_told_in_check_mode_as_well(
        self, desk: Desk, changes: dict[str, t.Any], words: str
    ) -> None:
        login = desk.login(**changes)
        for do in (login.run, login.predict):
            with pytest.raises(ConfigurationError, match=words):
                do()
        assert desk.steps() == []

    def test_a_day_is_not_too_long(self, desk: Desk) -> None:
        assert desk.login(login_timeout=86400.0).predict().action == "login"

    def test_no_secret_is_shown(self, desk: Desk) -> None:
        assert "canary" not in repr(desk.login(temporal_token="canary").options)


class TestWhetherSomebodyReadsOn:
    def test_a_pipe_until_its_reader_is_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reader, writer = os.pipe()
        with os.fdopen(writer, "w") as stdout:
            monkeypatch.setattr(sys, "stdout", stdout)
            assert is_awaited()
            os.close(reader)
            assert not is_awaited()

    def test_what_is_no_file_cannot_be_seen_to_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        assert is_awaited()
