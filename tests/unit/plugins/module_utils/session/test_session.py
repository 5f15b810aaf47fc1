# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log in, keep, refresh and end a session; the service is a script."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import email.utils
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerLostError,
    NotSentError,
    RefusedError,
    SessionError,
    StaleRevisionError,
    UnauthorizedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.retry import Retry
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpResponse,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Tokens
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.signing import Partner
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.credentials import (
    Credentials,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session import Session
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session_file import SessionFile
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    AnsweringTransport,
    Reply,
    answer,
    client,
    failed,
    play,
    raw,
    refusal,
    tokens,
)

START = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
LOGIN = Credentials(username="u", password="canary-password", domain="d")
TKN = Credentials(temporal_token="tkn")


class Service:
    """A service that hands out a session of three hours at each login or refresh, and counts them.

    ``now`` is the clock of the service; the clock of this machine is ``wrong`` by some hours.
    """

    def __init__(self, **replies: Reply) -> None:
        self.now = START
        self.wrong = dt.timedelta(0)
        self.monotonic = 0.0
        self.warnings: list[str] = []
        self.handed_out = 0
        triple = dict.fromkeys(("login", "exchange", "refresh"), self._triple)
        self.transport = AnsweringTransport(**{**triple, "logout": answer({}), **replies})
        self.registered: list[str] = []
        self.options: dict[str, t.Any] = {}

    def _triple(self, _request: HttpRequest) -> HttpResponse:
        self.handed_out += 1
        triple = tokens(self.handed_out, expiration=(self.now + dt.timedelta(hours=3)).isoformat())
        return dataclasses.replace(triple, headers={"date": email.utils.format_datetime(self.now, usegmt=True)})

    def later(self, hours: float) -> None:
        self.now += dt.timedelta(hours=hours)
        self.monotonic += hours * 3600

    def here(self) -> dt.datetime:
        return self.now + self.wrong

    def session(
        self, credentials: Credentials, path: Path | None, api_version: str = "4.42", jitter: float = 0.0
    ) -> Session:
        kept = SessionFile(str(path), credentials.key_material()) if path else None
        clocks: dict[str, t.Any] = {"monotonic": lambda: self.monotonic}
        one = client(self.transport, api_version, clock=lambda: self.here().timestamp(), **clocks, **self.options)
        return Session(
            one,
            credentials,
            kept,
            register=self.registered.append,
            now=self.here,
            jitter=lambda least, most: least + (most - least) * jitter,
            warn=self.warnings.append,
            **clocks,
        )

    def steps(self) -> list[str]:
        return self.transport.steps()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "one"


def access(session: Session) -> tuple[str, str]:
    opened = session.open()
    return opened.how, opened.tokens.access_token


class TestOpening:
    def test_login_once_and_kept_for_the_next_task(self, path: Path) -> None:
        service = Service()
        first = service.session(LOGIN, path)
        assert access(first) == access(first) == ("login", "access-1")
        assert access(service.session(LOGIN, path)) == ("kept", "access-1")
        assert service.steps() == ["login"]

    def test_a_temporary_token_is_exchanged_once(self, path: Path) -> None:
        service = Service()
        assert access(service.session(TKN, path, "4.33")) == ("exchange", "access-1")
        assert access(service.session(TKN, path, "4.33")) == ("kept", "access-1")
        assert service.steps() == ["exchange"]

    def test_a_temporary_token_counts_before_a_password(self, path: Path) -> None:
        both = Credentials(username="u", password="p", temporal_token="tkn")
        assert access(Service().session(both, path))[0] == "exchange"

    def test_a_given_token_is_used_as_it_is(self, path: Path) -> None:
        service = Service()
        given = Credentials(username="u", password="p", temporal_token="tkn", access_token="mine")
        assert access(service.session(given, path)) == ("given", "mine")
        assert service.steps() == []
        assert not path.exists()

    def test_another_password_does_not_open_the_kept_one(self, path: Path) -> None:
        service = Service()
        service.session(LOGIN, path).open()
        wrong = Credentials(username="u", password="wrong", domain="d")
        service.transport.replies["login"] = refusal("LOGIN_FAILED", "no")
        with pytest.raises(RefusedError):
            service.session(wrong, path).open()
        assert access(service.session(LOGIN, path)) == ("kept", "access-1")

    def test_nothing_to_log_in_with(self, path: Path) -> None:
        service = Service()
        for kept in (path, None):
            with pytest.raises(SessionError, match=r"there is no session and nothing to log in with: set username"):
                service.session(Credentials(), kept).open()

    def test_without_a_file_nothing_is_kept(self) -> None:
        service = Service()
        assert access(service.session(LOGIN, None))[0] == "login"
        assert service.session(LOGIN, None).is_kept()

    def test_every_token_is_registered_before_it_is_used(self, path: Path) -> None:
        service = Service()
        service.session(LOGIN, path).open()
        assert {"access-1", "refresh-1"} <= set(service.registered)
        service.registered.clear()
        service.session(LOGIN, path).open()
        assert {"access-1", "refresh-1"} <= set(service.registered)
        service.registered.clear()
        service.session(Credentials(access_token="mine"), None).open()
        assert service.registered == ["mine"]


class TestRefresh:
    def test_at_two_thirds_of_its_life(self, path: Path) -> None:
        service = Service()
        service.session(LOGIN, path).open()
        service.later(1.99)
        assert access(service.session(LOGIN, path)) == ("kept", "access-1")
        assert service.session(LOGIN, path).is_kept()
        service.later(0.02)
        assert not service.session(LOGIN, path).is_kept()
        assert access(service.session(LOGIN, path)) == ("refresh", "access-2")
        assert access(service.session(LOGIN, path)) == ("kept", "access-2")
        assert service.transport.requests[1].body == {"refreshToken": "refresh-1"}
        assert service.steps() == ["login", "refresh"]

    @pytest.mark.parametrize(("jitter", "hours"), [(0.0, 2.0), (0.5, 2.125), (1.0, 2.25)])
    def test_each_process_somewhat_later(self, path: Path, jitter: float, hours: float) -> None:
        service = Service()
        service.session(LOGIN, path).open()
        service.later(hours - 0.01)
        assert access(service.session(LOGIN, path, jitter=jitter))[0] == "kept"
        service.later(0.02)
        assert access(service.session(LOGIN, path, jitter=jitter))[0] == "refresh"

    def test_in_the_middle_of_a_list(self, path: Path) -> None:
        service = Service()
        session = service.session(LOGIN, path)
        used = []
        for _number in range(9):
            used.append(session.call(lambda given: given.access_token))
            service.later(0.9)
        assert used == [f"access-{number}" for number in (1, 1, 1, 2, 2, 2, 3, 3, 3)]
        assert service.steps() == ["login", "refresh", "refresh"]

    def test_for_all_threads_at_once(self, path: Path) -> None:
        service = Service()
        session = service.session(LOGIN, path)
        session.open()
        service.later(2.5)
        together = threading.Barrier(8)

        def one(_number: int) -> str:
            together.wait(20)
            return session.call(lambda given: given.access_token)

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(one, range(8))) == {"access-2"}
        assert service.steps() == ["login", "refresh"]

    def test_another_process_has_refreshed_already(self, path: Path) -> None:
        service = Service()
        late = service.session(LOGIN, path)
        late.open()
        service.later(2.5)
        service.session(LOGIN, path).open()
        assert access(late) == ("kept", "access-2")
        assert service.steps() == ["login", "refresh"]

    @pytest.mark.parametrize(
        "reply", [failed(NotSentError, "refresh"), failed(AnswerLostError, "refresh"), raw(b"", 401), raw(b"", 503)]
    )
    def test_a_session_that_lives_is_used_until_it_ends(self, path: Path, reply: Reply) -> None:
        """If only a person can log in, the rest of the session is not thrown away."""
        service = Service(refresh=reply)
        session = service.session(TKN, path, "4.33")
        session.open()
        service.transport.replies["exchange"] = refusal("TEMPORAL_TOKEN_INVALID", "used", 401)
        service.later(2.5)
        assert session.call(lambda given: given.access_token) == "access-1"
        (warning,) = service.warnings
        assert warning.startswith("there is no fresh session, so the one that is about to end is used until then: ")
        steps = service.steps()
        service.later(0.4)
        assert session.call(lambda given: given.access_token) == "access-1"
        assert service.steps() == steps
        service.later(0.2)
        words = r"(could not be refreshed|did not get the answer).* the login instead failed: .*TEMPORAL_TOKEN_INVALID"
        with pytest.raises(SessionError, match=words):
            session.call(lambda given: given.access_token)

    def test_a_process_that_comes_too_late_does_not_go_on_with_what_it_has(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The process was held while it refreshed, and another has a newer session."""
        service = Service()
        session = service.session(LOGIN, path)
        session.open()
        service.later(2.5)

        def stale(_self: SessionFile, _session: object) -> t.NoReturn:
            raise StaleRevisionError("another run was first")

        monkeypatch.setattr(SessionFile, "save", stale)
        with pytest.raises(StaleRevisionError):
            session.call(lambda given: given.access_token)
        assert service.steps() == ["login"]

    @pytest.mark.parametrize("status", [200, 400, 401, 403])
    def test_what_was_refused_is_not_used_up(self, path: Path, status: int) -> None:
        """A job with a wrong partner secret must not cost the others their session."""
        service = Service(refresh=refusal("SIGNATURE_INVALID", "no", status))
        keeper = Credentials(temporal_token="tkn", partner_secret=b"s")
        service.session(keeper, path, "4.33").open()
        service.later(2.5)
        alone = Credentials(partner_secret=b"s")
        with pytest.raises(SessionError, match=r"could not be refreshed \(refresh at .* SIGNATURE_INVALID, no\)"):
            service.session(alone, path, "4.33").open()
        assert service.steps() == ["exchange", "refresh"]
        service.transport.replies["refresh"] = service._triple
        assert access(service.session(alone, path, "4.33")) == ("refresh", "access-2")

    @pytest.mark.parametrize("reply", [failed(AnswerLostError, "refresh"), raw(b"", 500), raw(b"rubbish")])
    def test_after_a_lost_answer_the_token_is_never_sent_again(self, path: Path, reply: Reply) -> None:
        service = Service(refresh=reply)
        service.session(LOGIN, path).open()
        service.later(2.5)
        assert access(service.session(LOGIN, path)) == ("login", "access-2")
        assert service.steps() == ["login", "refresh", "login"]

    KEEPER: t.ClassVar = Credentials(temporal_token="tkn", partner_secret=b"s")
    ALONE: t.ClassVar = Credentials(partner_secret=b"s")

    def due(self, path: Path, refresh: Reply) -> Service:
        """Return a service with a kept session that only a person can replace, half an hour before its end."""
        service = Service(refresh=refresh)
        service.session(self.KEEPER, path, "4.33").open()
        service.later(2.5)
        return service

    @pytest.mark.parametrize("reply", [failed(AnswerLostError, "refresh"), raw(b"", 500), raw(b"", 502), raw(b"OK")])
    def test_where_only_a_person_can_log_in_it_is_used_to_its_end_and_refreshed_once_more(
        self, path: Path, reply: Reply
    ) -> None:
        service = self.due(path, reply)
        for number in range(3):
            session = service.session(self.ALONE, path, "4.33")
            assert access(session) == ("kept", "access-1")
            assert session.is_kept()
            assert not session.needs_person()
            assert len(service.warnings) == number + 1
        assert "could not be refreshed" in service.warnings[0]
        assert "its access token is used to its end, then the refresh token is tried once more" in service.warnings[0]
        assert "did not get the answer" in service.warnings[1]
        assert service.steps() == ["exchange", "refresh"]
        service.later(0.5)
        service.transport.replies["refresh"] = service._triple
        assert not service.session(self.ALONE, path, "4.33").is_kept()
        assert access(service.session(self.ALONE, path, "4.33")) == ("refresh", "access-2")
        assert service.steps() == ["exchange", "refresh", "refresh"]

    @pytest.mark.parametrize(
        "again", [failed(AnswerLostError, "refresh"), refusal("REFRESH_TOKEN_INVALID", "used", 401), raw(b"rubbish")]
    )
    def test_but_once_only(self, path: Path, again: Reply) -> None:
        service = self.due(path, failed(AnswerLostError, "refresh"))
        service.session(self.ALONE, path, "4.33").open()
        service.later(0.6)
        service.transport.replies["refresh"] = again
        for words in ("could not be refreshed", "did not get the answer", "did not get the answer"):
            session = service.session(self.ALONE, path, "4.33")
            with pytest.raises(SessionError, match=f"{words}.* and nothing to log in with: have a person sign in"):
                session.open()
            assert session.needs_person()
        assert service.steps() == ["exchange", "refresh", "refresh"]
        assert access(service.session(self.KEEPER, path, "4.33"))[0] == "exchange"

    @pytest.mark.parametrize("reply", [failed(NotSentError, "refresh"), raw(b"", 429), raw(b"<html>", 302)])
    def test_what_was_not_carried_out_is_no_try(self, path: Path, reply: Reply) -> None:
        service = self.due(path, failed(AnswerLostError, "refresh"))
        service.session(self.ALONE, path, "4.33").open()
        service.later(0.6)
        service.transport.replies["refresh"] = reply
        for _run in range(3):
            with pytest.raises(SessionError):
                service.session(self.ALONE, path, "4.33").open()
        service.transport.replies["refresh"] = service._triple
        assert access(service.session(self.ALONE, path, "4.33")) == ("refresh", "access-2")

    def test_a_temporary_token_comes_first(self, path: Path) -> None:
        """If it works, the refresh token is not sent twice. If it is used up, the refresh token is sent."""
        service = self.due(path, failed(AnswerLostError, "refresh"))
        service.session(self.ALONE, path, "4.33").open()
        service.later(0.6)
        service.transport.replies["refresh"] = service._triple
        fresh = service.transport.replies["exchange"]
        service.transport.replies["exchange"] = refusal("TEMPORAL_TOKEN_INVALID", "used", 401)
        assert access(service.session(self.KEEPER, path, "4.33"))[0] == "refresh"
        assert service.steps() == ["exchange", "refresh", "exchange", "refresh"]
        service.later(2.5)
        service.transport.replies.update(refresh=failed(AnswerLostError, "refresh"), exchange=fresh)
        service.session(self.ALONE, path, "4.33").open()
        service.later(0.6)
        assert access(service.session(self.KEEPER, path, "4.33"))[0] == "exchange"
        assert service.steps()[4:] == ["refresh", "exchange"]

    def test_one_that_is_not_accepted_any_more_is_refreshed_at_once(self, path: Path) -> None:
        service = self.due(path, failed(AnswerLostError, "refresh"))
        service.session(self.ALONE, path, "4.33").open()
        service.transport.replies["refresh"] = service._triple

        def send(given: Tokens) -> str:
            if given.access_token == "access-1":
                raise failed(UnauthorizedError, status=401)
            return given.access_token

        assert service.session(self.ALONE, path, "4.33").call(send) == "access-2"

    @pytest.mark.parametrize(
        "reply",
        [
            raw(b"", 503),
            raw(b"", 429),
            raw(b"", 503, retry_after="3600"),
            refusal("MUST_WAIT", "espere", 400),
            raw(b"<html>", 403),
            raw(b"<html>", 302, location="/signin"),
            failed(NotSentError, "refresh"),
        ],
    )
    @pytest.mark.parametrize("credentials", ["alone", "with the token that began it"])
    def test_what_says_that_nothing_was_done_costs_nothing(self, path: Path, reply: Reply, credentials: str) -> None:
        """This holds even with a used-up temporary token, since that is not the cause."""
        service = self.due(path, reply)
        service.transport.replies["exchange"] = refusal("TEMPORAL_TOKEN_INVALID", "used", 401)
        given = self.ALONE if credentials == "alone" else self.KEEPER
        session = service.session(given, path, "4.33")
        assert access(session) == ("kept", "access-1")
        assert "could not be refreshed (refresh at" in service.warnings[0]
        assert not session.needs_person()
        service.transport.replies["refresh"] = service._triple
        assert access(service.session(given, path, "4.33")) == ("refresh", "access-2")

    def test_a_service_that_is_busy_is_waited_for(self, path: Path) -> None:
        replies: list[Reply] = [raw(b"", 503, retry_after="7"), raw(b"", 429)]
        service = Service()
        waited: list[float] = []
        service.options = {"retry": Retry(30.0, clock=lambda: 0.0, sleep=waited.append, jitter=lambda _a, _b: 0.0)}
        service.session(LOGIN, path).open()
        service.later(2.5)

        def refresh(request: HttpRequest) -> HttpResponse:
            return play(replies.pop(0), request) if replies else service._triple(request)

        service.transport.replies["refresh"] = refresh
        assert access(service.session(LOGIN, path)) == ("refresh", "access-2")
        assert service.steps() == ["login", "refresh", "refresh", "refresh"]
        assert sum(waited) == 7.0

    @pytest.mark.parametrize("reply", [raw(b"", 503), failed(AnswerLostError, "refresh")])
    def test_where_nobody_is_needed_a_login_is_done_instead(self, path: Path, reply: Reply) -> None:
        service = Service(refresh=reply)
        service.session(LOGIN, path).open()
        service.later(2.5)
        assert access(service.session(LOGIN, path)) == ("login", "access-2")
        assert service.warnings == []

    def test_the_first_cause_is_named(self, path: Path) -> None:
        service = self.due(path, refusal("SESSION_ENDED", "over", 401))
        service.transport.replies["exchange"] = refusal("TEMPORARY_TOKEN_USED", "used", 401)
        with pytest.raises(SessionError) as caught:
            service.session(self.KEEPER, path, "4.33").open()
        words = str(caught.value)
        assert words.startswith("the session could not be refreshed (refresh at ")
        assert words.index("SESSION_ENDED") < words.index("the login instead failed") < words.index("TEMPORARY_TOKEN")

    def test_one_without_a_refresh_token_is_used_to_its_end(self, path: Path) -> None:
        triple = answer({"accessToken": "short", "expiration": "2026-06-01T03:00:00Z"})
        service = Service(exchange=triple)
        service.session(self.KEEPER, path, "4.33").open()
        service.later(2.5)
        assert access(service.session(self.ALONE, path, "4.33")) == ("kept", "short")
        service.later(0.6)
        with pytest.raises(
            SessionError, match=r"the kept session, whose .* has no refresh token and nothing to log in"
        ):
            service.session(self.ALONE, path, "4.33").open()

    def test_a_run_that_dies_meanwhile_has_used_the_token_up(self, path: Path) -> None:
        service = Service(refresh=KeyboardInterrupt())
        service.session(LOGIN, path).open()
        service.later(2.5)
        with pytest.raises(KeyboardInterrupt):
            service.session(LOGIN, path).open()
        assert not service.session(LOGIN, path).is_kept()
        assert access(service.session(LOGIN, path)) == ("login", "access-2")
        assert service.steps() == ["login", "refresh", "login"]

    def test_without_a_refresh_token_there_is_a_new_login(self, path: Path) -> None:
        service = Service(login=answer({"accessToken": "short", "expiration": "2026-06-01T00:00:01"}))
        service.session(LOGIN, path).open()
        service.later(1)
        service.session(LOGIN, path).open()
        assert service.steps() == ["login", "login"]


class TestClock:
    """The life of a session counts from the clock of the service, not from the clock of this machine."""

    @pytest.mark.parametrize("hours", [-5, -2, 2, 5, 24 * 365])
    def test_a_clock_that_is_hours_off(self, path: Path, hours: int) -> None:
        service = Service()
        service.wrong = dt.timedelta(hours=hours)
        session = service.session(LOGIN, path)
        assert access(session) == access(session) == ("login", "access-1")
        service.later(1.9)
        assert access(service.session(LOGIN, path)) == ("kept", "access-1")
        assert access(session) == ("login", "access-1")
        service.later(0.2)
        assert access(service.session(LOGIN, path)) == ("refresh", "access-2")
        assert access(session) == ("kept", "access-2")
        assert service.steps() == ["login", "refresh"]

    @pytest.mark.parametrize("hours", [-24, 24])
    def test_a_clock_that_jumps_once_a_token_is_held(self, path: Path, hours: int) -> None:
        service = Service()
        session = service.session(LOGIN, path)
        session.open()
        service.wrong = dt.timedelta(hours=hours)
        service.later(1.9)
        assert access(session) == ("login", "access-1")
        service.later(0.2)
        assert access(session)[1] == "access-2"
        service.later(1.9)
        assert access(session)[1] == "access-2"
        assert service.steps() == ["login", "refresh"]

    def test_a_kept_one_lives_no_longer_than_it_did_when_it_was_new(self, path: Path) -> None:
        """The clock was set back between two tasks, so the saved time lies in the future."""
        service = Service()
        service.session(LOGIN, path).open()
        service.wrong = dt.timedelta(hours=-24)
        session = service.session(LOGIN, path)
        assert access(session) == ("kept", "access-1")
        service.later(2.1)
        assert access(session)[1] == "access-2"

    @pytest.mark.parametrize("end", ["0001-01-01T00:00:00", "2026-05-01T00:00:00", "2026-06-01T00:00:00"])
    def test_one_that_is_over_when_it_comes_does_not_make_it_log_in_again_and_again(self, path: Path, end: str) -> None:
        service = Service(login=answer({"accessToken": "a", "refreshToken": "r", "expiration": end}))
        session = service.session(LOGIN, path)
        assert access(session) == access(session) == ("login", "a")
        assert service.steps() == ["login"]
        assert not service.session(LOGIN, path).is_kept()

    def test_an_end_that_is_beyond_all_calendars(self, path: Path) -> None:
        service = Service(login=answer({"accessToken": "a", "expiration": "9999-12-31T23:59:59"}))
        service.wrong = dt.timedelta(days=365 * 4000)
        assert access(service.session(LOGIN, path)) == ("login", "a")
        assert access(service.session(LOGIN, path)) == ("kept", "a")


class TestCalls:
    def test_401_opens_one_new_session_for_all_threads(self, path: Path) -> None:
        service = Service()
        session = service.session(LOGIN, path)
        together = threading.Barrier(8)

        def send(given: Tokens) -> str:
            if given.access_token == "access-1":
                together.wait(20)
                raise failed(UnauthorizedError, status=401)
            return given.access_token

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _number: session.call(send), range(8))) == {"access-2"}
        assert service.steps() == ["login", "refresh"]

    def test_401_for_a_kept_session_is_refreshed(self, path: Path) -> None:
        service = Service()
        service.session(LOGIN, path).open()
        session = service.session(LOGIN, path)

        def send(given: Tokens) -> str:
            if given.access_token == "access-1":
                raise failed(UnauthorizedError, status=401)
            return given.access_token

        assert session.call(send) == "access-2"
        assert access(service.session(LOGIN, path)) == ("kept", "access-2")

    def test_one_whose_refresh_was_lost_is_of_no_use_though_its_time_is_not_over(self, path: Path) -> None:
        """A run met a refusal, and died during the refresh that followed."""
        service = Service(refresh=KeyboardInterrupt())

        def refused(_given: Tokens) -> t.NoReturn:
            raise failed(UnauthorizedError, status=401)

        with pytest.raises(KeyboardInterrupt):
            service.session(LOGIN, path).call(refused)
        assert access(service.session(LOGIN, path)) == ("login", "access-2")
        assert service.steps() == ["login", "refresh", "login"]

    def test_another_process_was_faster(self, path: Path) -> None:
        """The run uses the session that the other kept; it sends no second refresh."""
        service = Service()
        late = service.session(LOGIN, path)
        late.open()
        service.later(2.5)
        service.session(LOGIN, path).open()

        def send(given: Tokens) -> str:
            if given.access_token == "access-1":
                raise failed(UnauthorizedError, status=401)
            return given.access_token

        assert late.call(send) == "access-2"
        assert service.steps() == ["login", "refresh"]

    def test_a_second_401_stands(self, path: Path) -> None:
        def never(_given: Tokens) -> t.NoReturn:
            raise failed(UnauthorizedError, status=401)

        service = Service()
        session = service.session(LOGIN, path)
        for _number in range(3):
            with pytest.raises(UnauthorizedError):
                session.call(never)
        assert service.steps() == ["login", "refresh"]

    def test_a_given_token_that_is_not_accepted_needs_a_person(self) -> None:
        def never(_given: Tokens) -> t.NoReturn:
            raise failed(UnauthorizedError, status=401)

        with pytest.raises(SessionError, match="does not accept access_token"):
            Service().session(Credentials(access_token="mine"), None).call(never)

    def test_other_errors_go_through(self, path: Path) -> None:
        service = Service()

        def refused(_given: Tokens) -> t.NoReturn:
            raise failed(RefusedError, status=403)

        with pytest.raises(RefusedError):
            service.session(LOGIN, path).call(refused)
        assert service.steps() == ["login"]

    def test_a_failed_login_is_not_repeated_by_the_other_threads(self, path: Path) -> None:
        service = Service(login=refusal("LOGIN_FAILED", "wrong password"))
        session = service.session(LOGIN, path)
        together = threading.Barrier(8)

        def one(_number: int) -> str:
            together.wait(20)
            with pytest.raises(RefusedError, match="wrong password") as caught:
                session.open()
            return str(caught.value)

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(one, range(8)))) == 1
        assert service.steps() == ["login"]

    def test_nor_one_that_ended_as_nobody_expected(self, path: Path) -> None:
        """A password or refresh token that was sent once must not be sent again for each certificate of a list."""
        service = Service(login=ValueError("nobody expected this"))
        session = service.session(LOGIN, path)
        with pytest.raises(ValueError, match="nobody expected"):
            session.open()
        for _thread in range(2):
            with pytest.raises(SessionError, match="an error that nobody expected ended the attempt"):
                session.open()
        assert service.steps() == ["login"]

    def test_a_session_that_cannot_be_kept_is_not_asked_for_again(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Otherwise each thread would log in."""
        service = Service()
        session = service.session(LOGIN, path)
        path.parent.mkdir(mode=0o700)
        path.mkdir()
        for _number in range(2):
            with pytest.raises(SessionError):
                session.open()
        assert len(service.steps()) <= 1


class TestByCertificate:
    CERTIFIED = Credentials(
        partner_secret=b"s", client_cert="/pki/user.pem", redirect_url="https://your-app.com", domain="d"
    )

    def service(self, *pages: HttpResponse) -> Service:
        left = list(pages)
        service = Service(login_request=lambda _request: left.pop(0))
        service.options = {"partner": Partner("CA", b"s")}
        return service

    def test_the_service_s_own_page_gives_the_token(self, path: Path) -> None:
        service = self.service(HttpResponse(302, {"location": "https://your-app.com?tkn=canary%3D"}, b""))
        assert access(service.session(self.CERTIFIED, path, "4.33")) == ("certificate", "access-1")
        assert service.steps() == ["login_request", "exchange"]
        assert service.transport.requests[1].body == {"temporalToken": "canary="}
        assert "canary=" in service.registered

    def test_and_again_when_the_session_is_over(self, path: Path) -> None:
        there = HttpResponse(302, {"location": "https://your-app.com?tkn=tkn"}, b"")
        service = self.service(there, there)
        service.session(self.CERTIFIED, path, "4.33").open()
        service.later(2.5)
        service.transport.replies["refresh"] = refusal("SESSION_ENDED", "over", 401)
        assert access(service.session(self.CERTIFIED, path, "4.33")) == ("certificate", "access-2")

    def test_a_form_is_named(self, path: Path) -> None:
        service = self.service(raw(b"<html></html>"))
        with pytest.raises(SessionError, match="asks for a form to be filled in, or for another login, instead of"):
            service.session(self.CERTIFIED, path, "4.33").open()

    def test_not_without_a_redirect_url(self, path: Path) -> None:
        with pytest.raises(SessionError, match="nothing to log in with"):
            self.service().session(dataclasses.replace(self.CERTIFIED, redirect_url=None), path, "4.33").open()


class TestStayingSignedIn:
    KEEPER = Credentials(partner_secret=b"s")

    def signed_in(self, path: Path, **replies: Reply) -> Service:
        service = Service(**replies)
        service.session(self.KEEPER, path, "4.33").sign_in("tkn")
        return service

    def test_whoever_signs_in_takes_the_place_of_what_is_kept(self, path: Path) -> None:
        service = self.signed_in(path)
        opened = service.session(self.KEEPER, path, "4.33").sign_in("tkn-2")
        assert (opened.how, opened.tokens.access_token) == ("exchange", "access-2")
        assert access(service.session(self.KEEPER, path, "4.33")) == ("kept", "access-2")
        assert "tkn-2" in service.registered

    def test_a_sign_in_that_fails_leaves_what_is_kept(self, path: Path) -> None:
        service = self.signed_in(path)
        service.transport.replies["exchange"] = refusal("TEMPORAL_TOKEN_INVALID", "used", 401)
        with pytest.raises(UnauthorizedError):
            service.session(self.KEEPER, path, "4.33").sign_in("tkn")
        assert access(service.session(self.KEEPER, path, "4.33")) == ("kept", "access-1")

    def test_it_is_refreshed_however_young(self, path: Path) -> None:
        service = self.signed_in(path)
        for number in (2, 3):
            opened = service.session(self.KEEPER, path, "4.33").renew()
            assert (opened.how, opened.tokens.access_token) == ("refresh", f"access-{number}")
        assert service.steps() == ["exchange", "refresh", "refresh"]

    def test_a_refusal_says_since_when(self, path: Path) -> None:
        service = self.signed_in(path, refresh=refusal("SESSION_ENDED", "over", 401))
        service.later(1)
        for _again in range(2):
            session = service.session(self.KEEPER, path, "4.33")
            with pytest.raises(SessionError, match=r"SESSION_ENDED, over\), first on 2026-06-01T01:00:00Z") as caught:
                session.renew()
            assert caught.value.details() == {"ended_at": "2026-06-01T01:00:00Z"}
            assert session.needs_person()
            assert not session.is_kept()
            service.later(0.1)

    def test_one_that_was_refused_is_tried_before_it_is_used(self, path: Path) -> None:
        """Another job may have caused the refusal."""
        service = self.signed_in(path, refresh=refusal("SIGNATURE_INVALID", "no", 401))
        with pytest.raises(SessionError):
            service.session(self.KEEPER, path, "4.33").renew()
        service.transport.replies["refresh"] = service._triple
        session = service.session(self.KEEPER, path, "4.33")
        assert access(session) == ("refresh", "access-2")
        assert not session.needs_person()

    @pytest.mark.parametrize("reply", [failed(NotSentError, "refresh"), refusal("BUSY", "later", 429), raw(b"", 503)])
    def test_a_service_that_is_away_needs_no_person(self, path: Path, reply: Reply) -> None:
        service = self.signed_in(path, refresh=reply)
        session = service.session(self.KEEPER, path, "4.33")
        with pytest.raises(SessionError, match="nothing is lost by that, the next run tries again"):
            session.renew()
        assert not session.needs_person()
        assert access(service.session(self.KEEPER, path, "4.33")) == ("kept", "access-1")

    @pytest.mark.parametrize("reply", [failed(AnswerLostError, "refresh"), raw(b"", 500)])
    def test_after_an_answer_that_was_lost_it_lives_and_is_not_kept_alive(self, path: Path, reply: Reply) -> None:
        service = self.signed_in(path, refresh=reply)
        for words in ("could not be refreshed", "did not get the answer"):
            session = service.session(self.KEEPER, path, "4.33")
            with pytest.raises(SessionError, match=f"{words}.*is used to its end, then the refresh token is tried"):
                session.renew()
            assert not session.needs_person()
        assert access(service.session(self.KEEPER, path, "4.33")) == ("kept", "access-1")
        assert service.steps() == ["exchange", "refresh"]
        service.later(3)
        service.transport.replies["refresh"] = service._triple
        assert service.session(self.KEEPER, path, "4.33").renew().how == "refresh"

    def test_nothing_that_is_kept_does(self, path: Path) -> None:
        session = Service().session(self.KEEPER, path, "4.33")
        with pytest.raises(SessionError, match="there is no session and nothing to log in with"):
            session.renew()
        assert session.needs_person()

    def test_somebody_else_s_session_is_left_to_them(self) -> None:
        session = Service().session(Credentials(access_token="canary"), None)
        for use in (session.renew, lambda: session.sign_in("tkn")):
            with pytest.raises(SessionError, match="access_token belongs to a session that somebody else keeps"):
                use()


class TestClosing:
    def test_logs_out_once_and_forgets(self, path: Path) -> None:
        service = Service()
        service.session(LOGIN, path).open()
        assert service.session(LOGIN, path).is_there()
        assert service.session(LOGIN, path).close() == "logout"
        assert not service.session(LOGIN, path).is_there()
        assert not service.session(LOGIN, path).close()
        assert service.steps() == ["login", "logout"]
        assert service.transport.requests[1].headers["Authorization"] == "Bearer access-1"

    @pytest.mark.parametrize(
        "reply",
        [
            failed(NotSentError, "logout"),
            failed(AnswerLostError, "logout"),
            raw(b"", 401),
            raw(b"", 503),
            raw(b"<html>"),
            refusal("ERR_CLOSING_SESSIONS", "no", 200),
        ],
    )
    def test_what_the_service_did_not_confirm_is_forgotten_with_a_warning(self, path: Path, reply: Reply) -> None:
        service = Service(logout=reply)
        service.session(LOGIN, path).open()
        assert service.session(LOGIN, path).close() == "forgotten"
        assert not path.exists()
        assert service.warnings[0].startswith(
            "the session was forgotten here, but its end at the service is not confir"
        )

    def test_a_status_is_enough(self, path: Path) -> None:
        service = Service(logout=raw(b"", 204))
        service.session(LOGIN, path).open()
        assert service.session(LOGIN, path).close() == "logout"
        assert service.warnings == []

    def test_one_whose_access_token_is_over_is_refreshed_first(self, path: Path) -> None:
        service = Service()
        service.session(LOGIN, path).open()
        service.later(3.1)
        assert service.session(LOGIN, path).close() == "logout"
        assert service.steps() == ["login", "refresh", "logout"]
        assert service.transport.requests[-1].headers["Authorization"] == "Bearer access-2"
        assert {"access-2", "refresh-2"} <= set(service.registered)

    def test_its_refresh_token_is_not_sent_a_second_time(self, path: Path) -> None:
        service = Service(refresh=failed(AnswerLostError, "refresh"))
        service.session(LOGIN, path).open()
        service.later(3.1)
        service.transport.replies["login"] = failed(NotSentError, "login")
        with pytest.raises(NotSentError):
            service.session(LOGIN, path).open()
        service.transport.replies["refresh"] = service._triple
        assert service.session(LOGIN, path).close() == "logout"
        assert service.steps() == ["login", "refresh", "login", "logout"]

    def test_so_is_one_that_the_service_does_not_accept(self, path: Path) -> None:
        service = Service()
        over = refusal("TOKEN_EXPIRED", "over", 401)
        service.transport.replies["logout"] = lambda request: (
            over if request.headers["Authorization"] == "Bearer access-1" else answer({})
        )
        service.session(LOGIN, path).open()
        assert service.session(LOGIN, path).close() == "logout"
        assert service.steps() == ["login", "logout", "refresh", "logout"]

    def test_one_that_cannot_be_refreshed_either_says_so(self, path: Path) -> None:
        service = Service(refresh=refusal("SESSION_ENDED", "over", 401))
        service.session(LOGIN, path).open()
        service.later(3.1)
        assert service.session(LOGIN, path).close() == "forgotten"
        assert "SESSION_ENDED" in service.warnings[0]
        assert not path.exists()

    def test_one_that_cannot_be_opened_is_forgotten(self, path: Path) -> None:
        service = Service()
        service.session(LOGIN, path).open()
        assert service.session(TKN, path).close() == "forgotten"
        assert not path.exists()
        assert service.steps() == ["login"]
        assert "not ended at the service: these credentials do not open it" in service.warnings[0]

    def test_one_that_is_about_to_end_is_still_there_to_be_ended(self, path: Path) -> None:
        service = Service()
        service.session(LOGIN, path).open()
        service.later(2.9)
        assert service.session(LOGIN, path).is_there()

    def test_a_given_token_is_not_ended(self, path: Path) -> None:
        service = Service()
        session = service.session(Credentials(access_token="mine"), None)
        assert not session.is_there()
        assert not session.close()
        assert service.steps() == []


def test_no_repr_shows_a_secret(path: Path) -> None:
    session = Service().session(LOGIN, path)
    assert "canary" not in repr((session, session.open()))


class Lock(SessionFile):
    """A file that notes in ``log`` when it is locked."""

    log: list[str]

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        with super().locked():
            self.log.append("locked")
            yield
            self.log.append("free")


class Admitting:
    """A throttle that notes in ``log`` when a thread waits, and when it sends."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self._has_one = False

    def may_wait(self) -> bool:
        return True

    def admit(self) -> str:
        if not self._has_one:
            self.log.append("waits")
            self._has_one = True
        return ""

    def spend(self) -> None:
        self.log.append("sends")
        self._has_one = False

    def block(self, seconds: float, why: str) -> None:
        pass


class TestWaiting:
    """Others wait for the lock of a session while a request is under way, but not while one waits for its turn."""

    def session(self, service: Service, path: Path, log: list[str]) -> Session:
        service.options["throttle"] = Admitting(log)
        session = service.session(LOGIN, path)
        storage = Lock(str(path), LOGIN.key_material())
        storage.log = log
        assert session._keeper is not None
        session._keeper = dataclasses.replace(session._keeper, storage=storage)
        return session

    def test_a_login_waits_before_it_takes_the_lock(self, path: Path) -> None:
        log: list[str] = []
        self.session(Service(), path, log).open()
        assert log == ["waits", "locked", "sends", "free"]

    def test_so_does_a_refresh(self, path: Path) -> None:
        service, log = Service(), list[str]()
        self.session(service, path, []).open()
        service.later(2.9)
        assert self.session(service, path, log).open().how == "refresh"
        assert log == ["waits", "locked", "sends", "free"]

    def test_so_does_a_sign_in(self, path: Path) -> None:
        log: list[str] = []
        self.session(Service(), path, log).sign_in("tkn")
        assert log == ["waits", "locked", "sends", "free"]

    def test_a_session_that_is_kept_waits_for_nothing(self, path: Path) -> None:
        service, log = Service(), list[str]()
        self.session(service, path, []).open()
        assert self.session(service, path, log).open().how == "kept"
        assert log == ["locked", "free"]
