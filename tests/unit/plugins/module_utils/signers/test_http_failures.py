# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA with a REST interface that fails, or gives answers that are none."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    Revocation,
    Signed,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Files,
    Loopback,
    reply,
)

from .rest_ca import Script, order, said, signer

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")

NUMBERED = {"certificate": "/certificate", "order_number": "/id", "reason": "/status"}
POLL = {
    "request": {"path": "/orders/${order_number}"},
    "answer": {**NUMBERED, "not_yet": {"when": {"/status": ["pending"]}}},
}


LOST = "the request was sent, the answer did not come"


# The answer, the words in the message, and whether the CA provably did not carry it out.
FAILURES: dict[str, tuple[bytes | None, str, bool]] = {
    "refused": (
        said({"error": "bad"}, "400 Bad"),
        r"the CA refused \(HTTP 400: .*bad.*\): where 400 is",
        True,
    ),
    "conflict": (said({}, "409 Conflict"), r"the CA refused \(HTTP 409", False),
    "wrong token": (said({"e": 1}, "401 No"), r"does not accept the credentials \(HTTP 401: .* at http\.token", True),
    "no rights": (said({"e": 1}, "403 No"), r"does not allow that \(HTTP 403: .*http\.token, and at the rights", True),
    "wrong path": (said({}, "404 Not Found"), r"HTTP 404: \{\}\): look at http\.url and http\.request\.path", True),
    "broken": (said({}, "500 Oops"), r"the CA failed \(HTTP 500.*the CA may then have issued two certificates", False),
    "page of a proxy": (reply(b"<html>Bad", "502 Bad"), r"HTTP 502: a page in HTML\): a proxy or a load bal", False),
    "page of a login": (
        reply(b"<html>login"),
        r"HTTP 200 has no certificate at its body \(a page in HTML\): ",
        False,
    ),
    "nothing": (reply(b""), r"HTTP 200 has no certificate at its body \(it is empty\): look at http\.answer", False),
    "redirect": (reply(b"", "302 F", Location="https://x.example.com/a?b=c"), r"to https://x\.example\.com \(", True),
    "redirect to nowhere": (reply(b"", "302 F"), r"redirects to https://127\.0\.0\.1:[0-9]+ \(HTTP 302\), which", True),
    "redirect to rubbish": (reply(b"", "302 F", Location="https://[x"), r"redirects to what is no address", True),
    "see other": (
        reply(b"", "303 See Other", Location="/orders/7"),
        r"\(HTTP 303\), as a CA may do .* put 303 into http\.request\.accept, .*; the next run asks again, and the CA ",
        False,
    ),
    "see elsewhere": (reply(b"", "303 S", Location="https://x.example.com/7"), r"to https://x\.example\.com \(", False),
    "found here": (reply(b"", "302 Found", Location="/orders/7"), r"\(HTTP 302\), as a CA may do", False),
    "moved": (reply(b"", "308 Moved", Location="/v2/sign"), r"\(HTTP 308\), which is not followed", True),
    "huge": (reply(b"x" * 1100000), r"the answer is larger than 1048576 bytes", False),
    "cut": (reply(b"abc", length=10), r"3 bytes read, 7 more expected", False),
    "packed": (reply(b"x", Content_Encoding="gzip"), r"compressed though that was not asked for", False),
    "long": (reply(b"x" * 6000, "500 Oops"), r"HTTP 500: a text of 6000 characters", False),
    "unprintable": (reply("\u202e\x1b[2J".encode(), "500 Oops"), r"HTTP 500: \?\?\[2J\)", False),
    "none": (None, LOST, False),
}


class TestFailures:
    @pytest.mark.parametrize("name", FAILURES)
    def test_says_what_and_whether_it_left(self, server: Loopback, files: Files, pki: Openssl, name: str) -> None:
        answer, words, not_sent = FAILURES[name]
        Script(server, answer)
        with pytest.raises(SignerError, match=words) as raised:
            signer(server, files.ca).sign(order(pki.csr("leaf")))
        assert not isinstance(raised.value, SignerRejectedError)
        assert raised.value.not_sent is not_sent
        assert re.match(rf"sign at https://127\.0\.0\.1:{server.port}", str(raised.value))
        assert len(server.seen) == 1

    def test_a_ca_that_does_not_run(self, server: Loopback, files: Files, pki: Openssl) -> None:
        asking = signer(server, files.ca)
        server.close()
        with pytest.raises(
            SignerError, match=r"nothing was sent.*: look at http\.url and whether the CA runs"
        ) as raised:
            asking.sign(order(pki.csr("leaf")))
        assert raised.value.not_sent

    def test_a_server_of_an_unknown_ca(self, server: Loopback, files: Files, pki: Openssl) -> None:
        with pytest.raises(SignerError, match=r"TLS was not agreed.*ca_path must name the CA") as raised:
            signer(server, files.unknown_ca).sign(order(pki.csr("leaf")))
        assert raised.value.not_sent
        assert isinstance(raised.value, SignerError)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({}, "the next run asks again, and the CA may then have issued two certificates"),
            (
                {"request": {"path": "/s", "headers": {"Idempotency-Key": "${request_uuid}"}, "json": {}}},
                "the next run asks again, with the same id of the request",
            ),
            ({"find": {"request": {"path": "/f"}}}, "the next run looks for its certificate at the CA first"),
            ({"lost_answer": "stop"}, r"the next run does not ask again \(http\.lost_answer is stop\)"),
        ],
    )
    def test_a_lost_answer_says_what_comes_next(
        self, server: Loopback, files: Files, pki: Openssl, changes: dict[str, t.Any], words: str
    ) -> None:
        Script(server, None)
        with pytest.raises(SignerError, match=f"{LOST}.*{words}"):
            signer(server, files.ca, **changes).sign(order(pki.csr("leaf")))

    @pytest.mark.parametrize("status", ["429 Slow", "503 Busy"])
    def test_a_ca_that_wants_to_be_left_alone(self, server: Loopback, files: Files, pki: Openssl, status: str) -> None:
        Script(server, said({}, status, Retry_After="90"))
        with pytest.raises(SignerError, match=r"has no time now .*it asks to wait 90 seconds") as raised:
            signer(server, files.ca, retry_timeout=30).sign(order(pki.csr("leaf")))
        assert (raised.value.retry_after, raised.value.not_sent, len(server.seen)) == (90.0, True, 1)


class TestPagesOfOthers:
    """A proxy, a firewall or a login page answers in HTML with any status: that is no word of a CA that speaks JSON."""

    JSON: t.ClassVar[dict[str, t.Any]] = {"certificate": "/certificate", "never": {"status": [403]}}
    PAGE = "<!DOCTYPE html><html><head><title>Blocked</title>"

    def test_one_is_no_refusal_for_good(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, reply(self.PAGE.encode(), "403 Forbidden"))
        with pytest.raises(SignerError, match=r"HTTP 403: a page in HTML\): a proxy or a load balancer may") as raised:
            signer(server, files.ca, answer=self.JSON).sign(order(pki.csr("leaf")))
        assert not isinstance(raised.value, SignerRejectedError)

    def test_but_of_a_ca_that_speaks_html_it_is(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, reply(self.PAGE.encode(), "403 Forbidden"))
        with pytest.raises(SignerRejectedError):
            signer(server, files.ca, answer={"never": {"status": [403]}}).sign(order(pki.csr("leaf")))

    def test_one_does_not_tell_that_there_is_no_certificate(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, reply(self.PAGE.encode()))
        asking = signer(server, files.ca, answer=self.JSON, find={"request": {"path": "/find"}})
        with pytest.raises(SignerError, match=r"find at .*HTTP 200 is a page in HTML.*look at http\.url") as raised:
            asking.sign(order(pki.csr("leaf"), again=True))
        assert not raised.value.not_sent
        assert [seen.path for seen in server.seen] == ["/find"]

    @pytest.mark.parametrize("options", [{"answer": JSON}, {}])
    def test_one_is_no_revocation(
        self, server: Loopback, files: Files, pki: Openssl, options: dict[str, t.Any]
    ) -> None:
        Script(server, reply(self.PAGE.encode()))
        revoke = {"request": {"path": "/revoke", "json": {}}, "answer": {"reason": "/message"}}
        asking = signer(server, files.ca, revoke=revoke, **options)
        with pytest.raises(SignerError, match=r"revoke at .*HTTP 200 is a page in HTML"):
            asking.revoke(Revocation("john doe", 3, pki.der("leaf")))


class TestAgain:
    @pytest.mark.parametrize("status", ["429 Slow", "503 Busy"])
    def test_what_was_not_carried_out_is_sent_again(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], status: str
    ) -> None:
        pauses: list[float] = []
        asking = signer(server, files.ca, clock=pauses, retry_timeout=30)
        Script(server, said({}, status), said({}, status), reply(pem["leaf"].encode()))
        assert isinstance(asking.sign(order(pki.csr("leaf"))), Signed)
        assert pauses == [0.5, 1.0]

    def test_until_the_time_is_over(self, server: Loopback, files: Files, pki: Openssl) -> None:
        pauses: list[float] = []
        Script(server, said({"m": "busy"}, "503 Busy"))
        with pytest.raises(SignerError, match=r"has no time now .HTTP 503") as raised:
            signer(server, files.ca, clock=pauses, retry_timeout=5).sign(order(pki.csr("leaf")))
        assert (raised.value.retry_after, raised.value.not_sent) == (None, False)
        assert pauses == [0.5, 1.0, 1.0, 1.0]

    @pytest.mark.parametrize("answer", [None, said({}, "502 Bad"), said({}, "504 Bad")])
    def test_what_may_have_been_carried_out_is_not(
        self, server: Loopback, files: Files, pki: Openssl, answer: bytes | None
    ) -> None:
        Script(server, answer)
        with pytest.raises(SignerError):
            signer(server, files.ca, retry_timeout=30).sign(order(pki.csr("leaf")))
        assert len(server.seen) == 1

    @pytest.mark.parametrize("answer", [None, said({}, "502 Bad")])
    def test_a_question_is(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], answer: bytes | None
    ) -> None:
        pauses: list[float] = []
        Script(server, answer, said({"certificate": pem["leaf"]}))
        asking = signer(server, files.ca, clock=pauses, retry_timeout=30, answer=NUMBERED, poll=POLL)
        assert isinstance(asking.sign(order(pki.csr("leaf"), order_number="1")), Signed)
        assert pauses == [0.5]

    def test_a_ca_that_is_down_is_soon_asked_once(self, server: Loopback, files: Files, pki: Openssl) -> None:
        pauses: list[float] = []
        asking = signer(server, files.ca, clock=pauses, retry_timeout=1)
        server.close()
        for _number in range(5):
            with pytest.raises(SignerError, match="nothing was sent"):
                asking.sign(order(pki.csr("leaf")))
        assert pauses == [0.5, 0.5, 0.5]
