# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client's results for answers, refusals and failures."""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import itertools
import json
import traceback
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerInvalidError,
    AnswerLostError,
    NotSentError,
    NotTriedError,
    RefusedError,
    ServiceError,
    TlsError,
    UnauthorizedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.retry import Retry
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpResponse,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Finalized,
    Tokens,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.client import Client
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.signing import Partner
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    ANY,
    AnsweringTransport,
    Reply,
    Scene,
    ScriptedTransport,
    answer,
    client,
    created,
    failed,
    raw,
    refusal,
    stored,
    tokens,
)

# Variables, so that a traceback that shows a line of this file does not show the values.
CANARIES = ("canary-password", "canary-tkn", "canary-access", "canary-refresh", "canary-code", "canary-own")
PASSWORD, TKN, ACCESS, REFRESH, CODE, OWN = CANARIES
TOKENS = Tokens(ACCESS, REFRESH)
SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA", request_code=OWN)
HTML = raw(b"<!DOCTYPE html><title>Bad gateway</title>", 502)


def create(one: Client) -> object:
    return one.create(TOKENS, SPEC)


def finalize(one: Client, *, lost: bool = False) -> Finalized:
    return one.finalize(TOKENS, CODE, "CA", "AAAA", lost=lost)


CALLS: dict[str, t.Callable[[Client], object]] = {
    "login": lambda one: one.login("u", PASSWORD, "d"),
    "exchange": lambda one: one.exchange(TKN),
    "refresh": lambda one: one.refresh(TOKENS),
    "logout": lambda one: one.logout(TOKENS),
    "create": create,
    "finalize": finalize,
}


def script(*replies: Reply) -> ScriptedTransport:
    return ScriptedTransport(*(Scene(ANY, ANY, reply) for reply in replies))


def patient() -> Retry:
    """Return a retry that takes no time."""
    return Retry(deadline=100.0, clock=lambda: 0.0, sleep=lambda _seconds: None)


class TestRefusals:
    def test_it_carries_the_services_own_words(self) -> None:
        transport = script(refusal("ERR_NOT_FOUND", "There is no such provider", 400))
        with pytest.raises(RefusedError) as caught:
            create(client(transport))
        assert str(caught.value) == (
            "create at https://rt.example.com:8082/raapi/v1/csr/create: "
            "the service refused (HTTP 400, ERR_NOT_FOUND, There is no such provider)"
        )
        assert caught.value.details() == {
            "step": "create",
            "url": "https://rt.example.com:8082/raapi/v1/csr/create",
            "status": 400,
            "error_code": "ERR_NOT_FOUND",
            "service_message": "There is no such provider",
        }

    @pytest.mark.parametrize("step", CALLS)
    def test_an_error_envelope_with_http_200_is_a_refusal(self, step: str) -> None:
        with pytest.raises(RefusedError, match=r"HTTP 200, E7, no") as caught:
            CALLS[step](client(script(refusal("E7", "no", 200))))
        assert (caught.value.step, caught.value.status) == (step, 200)

    @pytest.mark.parametrize("step", CALLS)
    def test_401_is_unauthorized(self, step: str) -> None:
        for reply in (refusal("TOKEN_EXPIRED", "over", 401), raw(b"", 401)):
            with pytest.raises(UnauthorizedError, match="HTTP 401"):
                CALLS[step](client(script(reply)))

    @pytest.mark.parametrize("step", CALLS)
    def test_403_is_not_unauthorized(self, step: str) -> None:
        with pytest.raises(RefusedError) as caught:
            CALLS[step](client(script(refusal("X", "no", 403))))
        assert caught.type is RefusedError

    @pytest.mark.parametrize("step", CALLS)
    @pytest.mark.parametrize("status", [403, 413, 500, 502])
    @pytest.mark.parametrize(
        ("body", "what"),
        [
            (b"<!DOCTYPE html><title>Bad gateway</title>", "a page in HTML"),
            (b"\xef\xbb\xbf\r\n<html>", "a page in HTML"),
            (b"upstream connect error", "text that is no JSON"),
            (b'{"message": "no route"}', "JSON that has no errorCode, no route"),
            (b'{"fault": 1}', "JSON that has no errorCode"),
        ],
    )
    def test_what_is_not_of_the_service_says_so_and_what_to_look_at(
        self, step: str, status: int, body: bytes, what: str
    ) -> None:
        with pytest.raises(RefusedError) as caught:
            CALLS[step](client(script(raw(body, status))))
        words = f"this answer is not Redtrust's (HTTP {status} with {what}): look at host and port, and at the proxy"
        assert words in str(caught.value)
        assert caught.value.foreign
        assert "GET" not in str(caught.value)

    @pytest.mark.parametrize("status", [400, 403, 405, 411, 413, 501])
    @pytest.mark.parametrize("body", [b"", b"<html>"])
    @pytest.mark.parametrize("step", ["create", "exchange"])
    def test_a_get_with_a_body_is_what_some_proxies_refuse(self, step: str, body: bytes, status: int) -> None:
        with pytest.raises(
            RefusedError, match=r"not Redtrust's .* some do not pass a GET with a body, which api_version"
        ):
            CALLS[step](client(script(raw(body, status)), "4.33"))
        with pytest.raises(RefusedError) as caught:
            CALLS["finalize"](client(script(raw(body, status)), "4.33"))
        assert "GET" not in str(caught.value)

    @pytest.mark.parametrize("step", CALLS)
    @pytest.mark.parametrize(
        ("location", "place"),
        [
            ("/signin?x=1", "https://rt.example.com:8082"),
            ("https://user:word@elsewhere.example/x", "https://elsewhere.example"),
            ("https://[bad/", "what is no address"),
            ("", "what is no address"),
        ],
    )
    def test_a_redirect_is_not_followed_and_shows_where_it_leads(self, step: str, location: str, place: str) -> None:
        transport = script(raw(b"<html>", 302, location=location))
        with pytest.raises(RefusedError, match=r"which is not followed, so nothing was done: look at host") as caught:
            CALLS[step](client(transport, retry=patient()))
        assert f"redirects to {place} (HTTP 302)" in str(caught.value).replace(":8083", ":8082")
        assert caught.value.not_done
        assert len(transport.requests) == 1

    @pytest.mark.parametrize("step", CALLS)
    @pytest.mark.parametrize("status", [200, 400, 403, 500, 503])
    @pytest.mark.parametrize(
        ("code", "advice"),
        [
            ("SLAVE_SERVER", "nothing was done: set host to the primary"),
            ("slave_server ", "nothing was done: set host to the primary"),
            ("MUST_WAIT", "wait some minutes before the next run"),
            ("CHANGE_PASSWORD", "this user has to change the password first"),
            ("ERR_CERTIFICATES_GROUP_MANDATORY", "set group_ids"),
            ("ERR_LICENSE_EXCEEDED", "before the licence of the appliance is settled"),
            ("REQUIRE_PAYMENT", "before the licence of the appliance is settled"),
            ("ERR_INACTIVE_MODULE", "before the module for it is active"),
        ],
    )
    def test_what_is_known_of_a_code_is_said_beside_the_services_words(
        self, step: str, status: int, code: str, advice: str
    ) -> None:
        transport = script(refusal(code, "No se puede", status))
        with pytest.raises(RefusedError, match=f"{advice}") as caught:
            CALLS[step](client(transport, retry=patient() if code != "ERR_CERTIFICATES_GROUP_MANDATORY" else None))
        assert f"(HTTP {status}, {code}, No se puede)" in str(caught.value)
        assert len(transport.requests) == 1

    def test_of_other_codes_nothing_is_guessed(self) -> None:
        with pytest.raises(RefusedError, match=r"the service refused \(HTTP 409, ERR_DUPLICATED_NAME, ya existe\)$"):
            create(client(script(refusal("ERR_DUPLICATED_NAME", "ya existe", 409))))

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("7", 7.0),
            ("0", 0.0),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("100000000", 1e8),
            ("Sun, 06 Nov 1994 08:51:37 GMT", 120.0),
            ("Sun, 06 Nov 1994 08:49:00 GMT", 0.0),
        ],
    )
    def test_retry_after_is_read_in_seconds_or_as_a_date(self, value: str, expected: float | None) -> None:
        """A date counts from the clock of the service, not from the clock of this machine."""
        reply = raw(b"", 503, retry_after=value, date="Sun, 06 Nov 1994 08:49:37 GMT")
        with pytest.raises(RefusedError) as caught:
            create(client(script(reply)))
        assert caught.value.retry_after == expected
        wait = f" and asks to wait {expected:.0f} seconds" if expected else ""
        assert str(caught.value).endswith(f"the service refused (HTTP 503){wait}")

    def test_without_a_date_to_count_from_this_machine_has_the_time(self) -> None:
        reply = raw(b"", 503, retry_after="Sun, 06 Nov 1994 08:51:37 GMT")
        with pytest.raises(RefusedError) as caught:
            create(client(script(reply), clock=lambda: 784111777.0))
        assert caught.value.retry_after == 120.0


class TestAnswersThatAreNone:
    @pytest.mark.parametrize("step", ["login", "exchange", "refresh", "create"])
    @pytest.mark.parametrize(
        "reply", [raw(b""), raw(b"<html>"), raw(b"", 204), answer(None), answer("canary"), raw(b"[]")]
    )
    def test_they_are_refused(self, step: str, reply: HttpResponse) -> None:
        with pytest.raises(AnswerInvalidError, match="is not one that the contract knows") as caught:
            CALLS[step](client(script(reply)))
        assert caught.value.details()["status"] == reply.status

    def test_a_csr_that_is_none(self) -> None:
        with pytest.raises(AnswerInvalidError, match="not a PKCS#10 certificate request"):
            create(client(script(created(csr=b"rubbish"))))

    def test_they_are_not_asked_for_again(self) -> None:
        transport = script(raw(b""))
        with pytest.raises(AnswerInvalidError):
            create(client(transport, retry=patient()))
        assert len(transport.requests) == 1


class TestRetries:
    @pytest.mark.parametrize("step", CALLS)
    def test_what_never_left_is_sent_again(self, step: str) -> None:
        replies = {"create": created(), "finalize": stored(), "logout": answer()}
        transport = script(failed(NotSentError), failed(NotSentError), replies.get(step, tokens()))
        CALLS[step](client(transport, retry=patient()))
        assert len(transport.requests) == 3

    @pytest.mark.parametrize("step", CALLS)
    def test_what_may_be_sent_once_is_not_sent_again(self, step: str) -> None:
        replies = {"finalize": stored(), "logout": answer(), "login": tokens()}
        transport = script(failed(AnswerLostError), *([replies[step]] if step in replies else []))
        if step in replies:
            CALLS[step](client(transport, retry=patient()))
        else:
            with pytest.raises(AnswerLostError):
                CALLS[step](client(transport, retry=patient()))
        assert transport.scenes == []

    def test_where_tls_is_not_agreed_nothing_is_tried_again(self) -> None:
        transport = script(failed(TlsError))
        with pytest.raises(TlsError):
            create(client(transport, retry=patient()))
        assert len(transport.requests) == 1

    def test_each_attempt_is_signed_anew(self) -> None:
        times = iter((100.9, 200.1))
        transport = script(failed(NotSentError), created())
        partner = Partner("P", b"s")
        create(client(transport, retry=patient(), partner=partner, clock=lambda: next(times)))
        seen = [{name: request.headers[name] for name in partner.headers(0)} for request in transport.requests]
        assert seen == [partner.headers(100), partner.headers(200)]

    def test_without_a_partner_nothing_is_signed(self) -> None:
        transport = script(created())
        create(client(transport))
        assert transport.requests[0].headers.keys() == {"Authorization"}


class TestClock:
    """The clock of the service is in 1994, the one of this machine at another time."""

    DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
    THERE = 784111777

    def refused(self, status: int = 401) -> HttpResponse:
        return raw(b"", status, date=self.DATE)

    def fine(self, step: str) -> HttpResponse:
        replies = {"create": created(), "finalize": stored(), "logout": answer()}
        return dataclasses.replace(replies.get(step, tokens()), headers={"date": self.DATE})

    def one(self, transport: ScriptedTransport, here: float, *, signs: bool = True) -> Client:
        partner = Partner("P", b"s") if signs else None
        return client(transport, partner=partner, clock=lambda: here, monotonic=lambda: 7.0)

    def times(self, transport: ScriptedTransport) -> list[str]:
        return [request.headers["x-request-timestamp"] for request in transport.requests]

    @pytest.mark.parametrize("step", CALLS)
    @pytest.mark.parametrize("status", [401, 403])
    @pytest.mark.parametrize("off", [-7200, 7200])
    def test_a_time_that_was_wrong_is_made_good_once(self, step: str, status: int, off: int) -> None:
        """It holds for a create as well: a refused request was not carried out."""
        transport = script(self.refused(status), self.fine(step))
        CALLS[step](self.one(transport, self.THERE + off))
        assert self.times(transport) == [str(self.THERE + off), str(self.THERE)]

    @pytest.mark.parametrize("step", CALLS)
    def test_but_not_twice(self, step: str) -> None:
        transport = script(self.refused(), self.refused())
        with pytest.raises(UnauthorizedError):
            CALLS[step](self.one(transport, 0.0))
        assert len(transport.requests) == 2

    def test_nor_when_it_is_known_already(self) -> None:
        transport = script(self.fine("create"), self.refused())
        one = self.one(transport, 0.0)
        create(one)
        with pytest.raises(UnauthorizedError):
            create(one)
        assert self.times(transport) == ["0", str(self.THERE)]

    @pytest.mark.parametrize("step", CALLS)
    @pytest.mark.parametrize("status", [401, 403])
    def test_a_wrong_password_is_sent_once(self, step: str, status: int) -> None:
        for here in (self.THERE, self.THERE - 59, self.THERE + 59):
            transport = script(self.refused(status))
            with pytest.raises(RefusedError):
                CALLS[step](self.one(transport, here))
            assert len(transport.requests) == 1

    def test_nothing_is_made_good_where_nothing_is_signed(self) -> None:
        transport = script(self.refused())
        with pytest.raises(UnauthorizedError):
            create(self.one(transport, 0.0, signs=False))

    @pytest.mark.parametrize("status", [400, 404, 500, 503])
    def test_another_refusal_is_none_of_the_clock(self, status: int) -> None:
        transport = script(self.refused(status))
        with pytest.raises(RefusedError):
            create(self.one(transport, 0.0))
        assert len(transport.requests) == 1

    def test_the_time_of_the_service_is_known(self) -> None:
        one = self.one(script(self.fine("create")), 0.0)
        create(one)
        assert one.now().timestamp() == self.THERE

    def test_a_warning_is_passed_on(self) -> None:
        warnings: list[str] = []
        one = client(script(self.fine("create")), clock=lambda: 0.0, warn=warnings.append)
        create(one)
        assert len(warnings) == 1


class TestBreaker:
    def test_after_three_failures_nothing_is_sent(self) -> None:
        transport = script(failed(NotSentError, "login"), failed(AnswerLostError), raw(b"", 503))
        one = client(transport)
        for step in ("login", "create", "finalize"):
            assert not one.breaker.is_open()
            with pytest.raises(ServiceError):
                CALLS[step](one)
        assert one.breaker.is_open()
        for step, call in CALLS.items():
            with pytest.raises(NotTriedError, match="nothing was sent, since the service is down") as caught:
                call(one)
            assert caught.value.step == step
        assert transport.scenes == []

    def test_an_answer_in_between_shows_that_it_lives(self) -> None:
        down = failed(NotSentError)
        one = client(script(down, down, created(), down, down, raw(b"", 400), down, down))
        for reply in "ddaddrdd":
            with contextlib.nullcontext() if reply == "a" else pytest.raises(ServiceError):
                create(one)
        assert not one.breaker.is_open()

    def test_attempts_that_are_made_good_count_for_nothing(self) -> None:
        down = failed(NotSentError)
        one = client(script(down, down, down, down, created()), retry=patient())
        create(one)
        assert not one.breaker.is_open()

    @pytest.mark.parametrize("code", ["ERR_LICENSE_EXCEEDED", "REQUIRE_PAYMENT", "ERR_INACTIVE_MODULE", "SLAVE_SERVER"])
    def test_a_refusal_that_concerns_all_is_enough(self, code: str) -> None:
        """A later answer to a request that was under way does not undo it."""
        one = client(script(refusal(code, "no", 400)))
        with pytest.raises(RefusedError, match=code):
            create(one)
        one.breaker.report(None)
        with pytest.raises(NotTriedError, match="since another was refused in a way that concerns all"):
            create(one)

    def test_an_upload_that_may_have_been_carried_out_stays_one(self) -> None:
        """The breaker opens while the upload waits for its retry."""
        transport = script(failed(AnswerLostError, "finalize"))

        def others_fail(_seconds: float) -> None:
            for _number in range(3):
                one.breaker.report(failed(NotSentError))

        one = client(transport, retry=Retry(deadline=100.0, clock=lambda: 0.0, sleep=others_fail))
        with pytest.raises(AnswerLostError):
            finalize(one)


class Waiting(ScriptedTransport):
    """A transport at which a call waits for its turn; ``meanwhile`` happens before it has it."""

    def __init__(self, meanwhile: c.Callable[[], None], *replies: Reply) -> None:
        super().__init__(*(Scene(ANY, ANY, reply) for reply in replies))
        self.meanwhile = meanwhile
        self.turns = 0

    @contextlib.contextmanager
    def turn(self) -> t.Iterator[None]:
        self.meanwhile()
        self.turns += 1
        try:
            yield
        finally:
            self.turns -= 1

    def send(self, request: HttpRequest) -> HttpResponse:
        assert self.turns == 1
        return super().send(request)


class TestTurns:
    def test_a_call_is_signed_when_it_has_its_turn(self) -> None:
        now = [100.0]
        partner = Partner("P", b"s")
        transport = Waiting(lambda: now.append(now[-1] + 3600), created())
        create(client(transport, partner=partner, clock=lambda: now[-1], monotonic=lambda: now[-1]))
        assert transport.requests[0].headers.items() >= partner.headers(3700).items()

    def test_its_retries_are_limited_from_then_on(self) -> None:
        now = [0.0]
        transport = Waiting(lambda: now.append(3600.0), failed(NotSentError), created())
        create(client(transport, retry=Retry(deadline=30.0, clock=lambda: now[-1], sleep=lambda _seconds: None)))
        assert len(transport.requests) == 2

    @pytest.mark.parametrize("step", CALLS)
    def test_a_service_that_went_down_meanwhile_is_not_asked(self, step: str) -> None:
        def others_fail() -> None:
            for _number in range(3):
                one.breaker.report(failed(NotSentError))

        one = client(Waiting(others_fail))
        with pytest.raises(NotTriedError):
            CALLS[step](one)

    def test_the_next_one_knows_of_the_failure(self) -> None:
        """The failure is reported before the turn ends."""
        open_then: list[bool] = []

        class Noting(Waiting):
            @contextlib.contextmanager
            def turn(self) -> t.Iterator[None]:
                with super().turn():
                    try:
                        yield
                    finally:
                        open_then.append(one.breaker.is_open())

        one = client(Noting(lambda: None, *[failed(NotSentError)] * 3))
        for _number in range(3):
            with pytest.raises(NotSentError):
                create(one)
        assert open_then == [False, False, True]


THUMBPRINT = "B" * 40
LOST: list[Reply] = [failed(AnswerLostError), HTML, refusal("X", "oops", 504), raw(b"", 503), raw(b"OK")]


class TestFinalize:
    @pytest.mark.parametrize(
        "reply",
        [
            raw(b""),
            raw(b"", 204),
            raw(b"\xef\xbb\xbf"),
            raw(b"null"),
            raw(b'"OK"'),
            raw(b"OK"),
            answer(None),
            answer("x", messageType="IGNORE"),
        ],
    )
    def test_a_status_is_all_that_the_first_generation_promises(self, reply: HttpResponse) -> None:
        assert finalize(client(script(reply), "4.33")) == Finalized()

    @pytest.mark.parametrize(
        "reply",
        [
            stored(THUMBPRINT),
            stored("\u200ebb:bb" + " bb" * 18),
            answer(json.dumps({"idCertificate": 7, "thumbprint": THUMBPRINT})),
            answer(None, Data={"IdCertificate": "7", "Thumbprint": THUMBPRINT.lower()}),
            dataclasses.replace(stored(THUMBPRINT), body=b"\xef\xbb\xbf" + stored(THUMBPRINT).body),
        ],
    )
    def test_the_second_generation_says_what_it_stored(self, reply: HttpResponse) -> None:
        assert finalize(client(script(reply))) == Finalized("7", THUMBPRINT)

    @pytest.mark.parametrize(
        ("reply", "lacks"),
        [
            (raw(b""), "no thumbprint"),
            (raw(b"", 202), "no thumbprint"),
            (raw(b"", 204), "no thumbprint"),
            (raw(b"OK"), "no thumbprint"),
            (raw(b"null"), "no thumbprint"),
            (raw(b"{}"), "no thumbprint"),
            (raw(b"[]"), "no thumbprint"),
            (answer(None), "no thumbprint"),
            (answer({}), "no thumbprint"),
            (answer("OK"), "no thumbprint"),
            (answer({"idCertificate": 7}), "no thumbprint"),
            (stored(""), "no thumbprint"),
            (stored("A" * 39), "no thumbprint"),
            (stored("A" * 64), "no thumbprint"),
            (answer({"thumbprint": THUMBPRINT}), "no idCertificate"),
            (stored(THUMBPRINT, idCertificate=None), "no idCertificate"),
            (stored(THUMBPRINT, idCertificate=" "), "no idCertificate"),
            (raw(b"<html>Sign in"), "no thumbprint, but a page in HTML: look at host and port"),
        ],
    )
    def test_and_what_does_not_say_so_is_asked_once_more_and_then_lost(self, reply: HttpResponse, lacks: str) -> None:
        transport = script(reply, reply)
        one = client(transport, retry=patient())
        with pytest.raises(AnswerLostError, match=f"does not confirm the upload, it has {lacks}") as caught:
            finalize(one)
        assert caught.value.status == reply.status
        assert transport.scenes == []
        assert finalize(client(script(reply, stored(THUMBPRINT)), retry=patient())).thumbprint == THUMBPRINT
        with pytest.raises(AnswerLostError):
            finalize(client(script(reply)))  # without a retry

    def test_a_service_that_confirms_nothing_is_not_down(self) -> None:
        one = client(AnsweringTransport(finalize=raw(b"OK")))
        for _number in range(4):
            with pytest.raises(AnswerLostError):
                finalize(one)
        assert not one.breaker.is_open()

    @pytest.mark.parametrize("body", [b"<html>Sign in", b"\xef\xbb\xbf \r\n<!DOCTYPE html>"])
    def test_a_page_for_people_is_no_success(self, body: bytes) -> None:
        """A proxy in between answers 200 with a page, and nothing was uploaded."""
        with pytest.raises(AnswerInvalidError, match="a page for people"):
            finalize(client(script(raw(body)), "4.33"))

    @pytest.mark.parametrize("code", ["ERR_INVALID_STATE", "err_invalid_state"])
    @pytest.mark.parametrize("status", [200, 400, 409, 500])
    @pytest.mark.parametrize("first", LOST)
    def test_a_code_that_is_named_counts_after_an_answer_that_was_lost(
        self, code: str, status: int, first: Reply
    ) -> None:
        transport = script(first, refusal(code, "El certificado ya existe", status))
        one = client(transport, retry=patient(), finalized_codes=["OTHER", " Err_Invalid_State "])
        assert finalize(one) == Finalized(confirmed_by_second_answer=True)

    def test_it_counts_when_an_earlier_run_lost_the_answer(self) -> None:
        one = client(script(refusal("E7", "no", 409)), finalized_codes=["E7"])
        assert finalize(one, lost=True).confirmed_by_second_answer

    @pytest.mark.parametrize("first", [failed(NotSentError), raw(b"", 503, retry_after="0"), raw(b"", 429)])
    def test_it_does_not_count_where_no_upload_can_have_been_carried_out(self, first: Reply) -> None:
        for replies in ([], [first]):
            one = client(script(*replies, refusal("E7", "no", 409)), retry=patient(), finalized_codes=["E7"])
            with pytest.raises(RefusedError, match="E7") as caught:
                finalize(one)
            assert not caught.value.unanswered

    @pytest.mark.parametrize("words", ["already finalized", "ya finalizado", "ja finalitzat", ""])
    @pytest.mark.parametrize("lost", [True, False])
    def test_words_decide_nothing(self, words: str, lost: bool) -> None:
        replies = [refusal("ERR_INVALID_STATE", words, 409)]
        one = client(script(*([] if lost else [failed(AnswerLostError)]), *replies), retry=patient())
        with pytest.raises(AnswerLostError, match="and now the service refuses it with ERR_INVALID_STATE") as caught:
            finalize(one, lost=lost)
        assert "put ERR_INVALID_STATE into finalized_codes and run again" in str(caught.value)
        assert words in str(caught.value)
        assert (caught.value.status, caught.value.error_code) == (409, "ERR_INVALID_STATE")

    @pytest.mark.parametrize("code", ["", "OK"])
    def test_without_a_code_there_is_none_to_name(self, code: str) -> None:
        with pytest.raises(AnswerLostError, match="refuses it without a code") as caught:
            finalize(client(script(refusal(code, "ya", 409)), finalized_codes=["X"]), lost=True)
        assert "finalized_codes" not in str(caught.value)
        assert "redtrust_enrollment and state=accepted" in str(caught.value)

    def test_what_is_not_about_the_request_settles_nothing_and_says_what_it_is(self) -> None:
        """The first upload may have been carried out, whatever the answer to the second one."""
        for second in (raw(b"", 429), failed(TlsError), refusal("SLAVE_SERVER", "x", 409)):
            with pytest.raises(AnswerLostError, match="an earlier upload had no answer, and then: ") as caught:
                finalize(client(script(failed(AnswerLostError), second), retry=twice()))
            assert "finalized_codes" not in str(caught.value)
            assert caught.value.status == (second.status if isinstance(second, HttpResponse) else None)

    def test_what_is_said_now_is_the_cause_where_an_earlier_run_lost_the_answer(self) -> None:
        for now in (raw(b"", 503), raw(b"", 429), refusal("SLAVE_SERVER", "x", 409), raw(b"<html>", 403)):
            with pytest.raises(RefusedError) as caught:
                finalize(client(script(now)), lost=True)
            assert caught.value.unanswered

    def test_401_after_a_lost_answer_stays_401(self) -> None:
        with pytest.raises(UnauthorizedError) as caught:
            finalize(client(script(failed(AnswerLostError), raw(b"", 401)), retry=patient()))
        assert caught.value.unanswered


def twice() -> Retry:
    """Return a retry that has time for two attempts."""
    times = itertools.count()
    return Retry(1.0, clock=lambda: next(times) * 0.4, sleep=lambda _seconds: None, jitter=lambda _least, _most: 0.3)


class TestSecrets:
    """A service that repeats the secrets it received must not expose them."""

    def test_nor_does_a_traceback_where_it_stands_for_a_name(self) -> None:
        with pytest.raises(AnswerInvalidError, match=r"no requestCode, only \*{8}") as caught:
            create(client(AnsweringTransport(create=answer({ACCESS: 1}))))
        assert ACCESS not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize("step", CALLS)
    @pytest.mark.parametrize("status", [200, 400, 401, 500])
    def test_no_error_shows_what_was_sent(self, step: str, status: int) -> None:
        def echo(request: t.Any) -> HttpResponse:
            said = json.dumps(request.body or {}) + str(request.headers)
            return refusal(f"E {said}", f"do not know {said}", status)

        with pytest.raises(ServiceError) as caught:
            CALLS[step](client(AnsweringTransport(**{step: echo})))
        error = caught.value
        shown = "".join(traceback.format_exception(error)) + repr(error) + json.dumps(error.details())
        assert "do not know" in shown
        assert [canary for canary in CANARIES if canary in shown] == []

    def test_no_repr_of_a_request_or_an_answer_shows_any(self) -> None:
        transport = script(created("canary-code"))
        made = client(transport).create(TOKENS, SPEC)
        assert made.request_code == "canary-code"
        shown = repr((made, transport.requests, created("canary-code"), TOKENS, SPEC, client(transport)))
        assert [canary for canary in CANARIES if canary in shown] == []


class Ledger:
    """A throttle that keeps in mind what it was asked."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        self.admitted = 0
        self.spent = 0
        self.blocks: list[tuple[float, str]] = []

    def may_wait(self) -> bool:
        return True

    def admit(self) -> str:
        self.admitted += 1
        return self.why

    def spend(self) -> None:
        self.spent += 1

    def block(self, seconds: float, why: str) -> None:
        self.blocks.append((seconds, why))


GOOD: dict[str, Reply] = {
    "login": tokens(),
    "exchange": tokens(),
    "refresh": tokens(),
    "logout": answer({}),
    "create": created(),
    "finalize": stored(),
}


class TestThrottle:
    @pytest.mark.parametrize("step", CALLS)
    def test_each_request_spends_one_token(self, step: str) -> None:
        ledger = Ledger()
        transport = script(GOOD[step])
        CALLS[step](client(transport, throttle=ledger))
        assert ledger.spent == len(transport.requests) == 1

    def test_so_does_each_attempt(self) -> None:
        ledger = Ledger()
        transport = script(refusal("E", "no", 503), refusal("E", "no", 503), tokens())
        CALLS["login"](client(transport, retry=patient(), throttle=ledger))
        assert ledger.spent == len(transport.requests) == 3

    def test_an_upload_that_is_sent_once_more_spends_two(self) -> None:
        ledger = Ledger()
        transport = script(raw(b"OK"), stored())
        finalize(client(transport, retry=patient(), throttle=ledger))
        assert ledger.spent == len(transport.requests) == 2

    def test_so_does_a_request_that_was_signed_with_a_wrong_time(self) -> None:
        ledger = Ledger()
        late = raw(refusal("E", "no", 401).body, 401, date="Mon, 01 Jun 2026 12:00:00 GMT")
        transport = script(late, created())
        partner = Partner("A", b"secret")
        create(client(transport, partner=partner, clock=lambda: 0.0, throttle=ledger))
        assert ledger.spent == len(transport.requests) == 2

    @pytest.mark.parametrize("step", CALLS)
    def test_without_one_nothing_is_sent(self, step: str) -> None:
        transport = AnsweringTransport()
        one = client(transport, throttle=Ledger("the service asked all runs to wait"))
        with pytest.raises(NotTriedError, match="nothing was sent, since the service asked all runs to wait"):
            CALLS[step](one)
        assert transport.requests == []

    def test_a_caller_may_wait_beforehand(self) -> None:
        ledger = Ledger()
        one = client(AnsweringTransport(), throttle=ledger)
        one.admit(one.contract.create)
        assert (ledger.admitted, ledger.spent) == (1, 0)
        ledger.why = "the signer failed"
        with pytest.raises(NotTriedError, match="since the signer failed") as caught:
            one.admit(one.contract.create)
        assert caught.value.step == "create"

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_pause_that_the_service_wants_is_for_all(self, status: int) -> None:
        ledger = Ledger()
        busy = refusal("ERR_BUSY", f"come back, {ACCESS}", status, retry_after="40")
        with pytest.raises(RefusedError):
            client(AnsweringTransport(create=busy), throttle=ledger).create(TOKENS, SPEC)
        assert ledger.blocks == [(40.0, f"HTTP {status}, ERR_BUSY, come back, ********")]

    @pytest.mark.parametrize(
        "reply",
        [
            refusal("E", "no", 500, retry_after="40"),
            refusal("E", "no", 429),
            refusal("E", "no", 429, retry_after="0"),
            refusal("E", "no", 429, retry_after="soon"),
        ],
    )
    def test_nothing_else_is_a_pause(self, reply: HttpResponse) -> None:
        ledger = Ledger()
        with pytest.raises(RefusedError):
            client(AnsweringTransport(create=reply), throttle=ledger).create(TOKENS, SPEC)
        assert ledger.blocks == []
