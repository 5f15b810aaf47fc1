# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client makes of answers, refusals and failures."""

from __future__ import annotations

import json
import traceback
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._client import Client
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerInvalidError,
    AnswerLostError,
    NotSentError,
    RefusedError,
    ServiceError,
    TlsError,
    UnauthorizedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Finalized,
    Tokens,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._retry import Retry
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signing import Partner
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._transport import HttpResponse
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
    tokens,
)

# Named, so that a traceback that shows a line of this file does not show them.
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
        transport = script(refusal("PROVIDER_UNKNOWN", "There is no such provider", 400))
        with pytest.raises(RefusedError) as caught:
            create(client(transport))
        assert str(caught.value) == (
            "create at https://rt.example.com:8082/raapi/v1/csr/create: "
            "the service refused (HTTP 400, PROVIDER_UNKNOWN, There is no such provider)"
        )
        assert caught.value.details() == {
            "step": "create",
            "url": "https://rt.example.com:8082/raapi/v1/csr/create",
            "status": 400,
            "error_code": "PROVIDER_UNKNOWN",
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
    def test_a_proxys_page_is_a_refusal_without_words(self, step: str) -> None:
        with pytest.raises(RefusedError, match=r"the service refused \(HTTP 502\)$") as caught:
            CALLS[step](client(script(HTML)))
        assert caught.value.details().keys() == {"step", "url", "status"}

    @pytest.mark.parametrize(("value", "expected"), [("7", 7.0), ("0", 0.0), ("", None), ("soon", None), ("-1", None)])
    def test_retry_after_is_read_in_seconds(self, value: str, expected: float | None) -> None:
        with pytest.raises(RefusedError) as caught:
            create(client(script(raw(b"", 503, retry_after=value))))
        assert caught.value.retry_after == expected


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
        replies = {"create": created(), "finalize": answer(), "logout": answer()}
        transport = script(failed(NotSentError), failed(NotSentError), replies.get(step, tokens()))
        CALLS[step](client(transport, retry=patient()))
        assert len(transport.requests) == 3

    @pytest.mark.parametrize("step", CALLS)
    def test_what_may_be_sent_once_is_not_sent_again(self, step: str) -> None:
        replies = {"finalize": answer(), "logout": answer(), "login": tokens()}
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

    def test_the_second_generation_says_more(self) -> None:
        reply = answer({"idCertificate": 7, "thumbprint": "B" * 40})
        assert finalize(client(script(reply))) == Finalized("7", "B" * 40)

    @pytest.mark.parametrize("body", [b"<html>Sign in", b"\xef\xbb\xbf \r\n<!DOCTYPE html>"])
    def test_a_page_for_people_is_no_success(self, body: bytes) -> None:
        """A proxy in between answers 200 with a page; nothing was uploaded then."""
        with pytest.raises(AnswerInvalidError, match="a page for people"):
            finalize(client(script(raw(body)), "4.33"))

    ALREADY: t.ClassVar = [
        ("REQUEST_ALREADY_FINALIZED", "no"),
        ("X", "The request is already finalized"),
        ("X", "Request has already been finalised."),
    ]

    @pytest.mark.parametrize(("code", "message"), ALREADY)
    @pytest.mark.parametrize("first", [failed(AnswerLostError), HTML, refusal("X", "oops", 503)])
    def test_already_finalized_counts_after_an_answer_that_was_lost(
        self, code: str, message: str, first: Reply
    ) -> None:
        transport = script(first, refusal(code, message, 409))
        assert finalize(client(transport, retry=patient())) == Finalized(confirmed_by_second_answer=True)

    @pytest.mark.parametrize(("code", "message"), ALREADY)
    def test_already_finalized_counts_when_an_earlier_run_lost_the_answer(self, code: str, message: str) -> None:
        done = finalize(client(script(refusal(code, message, 200))), lost=True)
        assert done.confirmed_by_second_answer

    @pytest.mark.parametrize(("code", "message"), ALREADY)
    def test_already_finalized_does_not_count_otherwise(self, code: str, message: str) -> None:
        with pytest.raises(RefusedError):
            finalize(client(script(refusal(code, message, 409))))
        with pytest.raises(RefusedError):
            finalize(client(script(failed(NotSentError), refusal(code, message, 409)), retry=patient()))

    def test_another_refusal_after_a_lost_answer_settles_nothing(self) -> None:
        """The first upload may have been carried out, whatever is said of the second one."""
        for second in (refusal("BUSY", "later", 400), failed(TlsError)):
            with pytest.raises(AnswerLostError, match="an earlier upload had no answer") as caught:
                finalize(client(script(failed(AnswerLostError), second), retry=patient()))
            assert caught.value.status == (400 if isinstance(second, HttpResponse) else None)

    def test_401_after_a_lost_answer_stays_401(self) -> None:
        with pytest.raises(UnauthorizedError):
            finalize(client(script(failed(AnswerLostError), raw(b"", 401)), retry=patient()))


class TestSecrets:
    """A service that repeats what it was sent must not make it known."""

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
