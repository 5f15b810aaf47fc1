# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA with a REST interface that takes its time, or says no: "not yet" with a number and without one, and "never"."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    NotYet,
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

NUMBERED: dict[str, t.Any] = {"certificate": "/certificate", "order_number": "/id", "reason": "/status"}
POLL: dict[str, t.Any] = {
    "request": {"path": "/orders/${order_number}"},
    "answer": {**NUMBERED, "not_yet": {"when": {"/status": ["pending"]}}},
}


class TestNotYet:
    @pytest.mark.parametrize(
        ("answer", "rules", "why"),
        [
            (said({}, "202 Accepted"), {}, ""),
            (said({"state": "waits for Ana"}, "202 Accepted"), {"reason": "/state"}, "waits for Ana"),
            (said({"done": False}), {"not_yet": {"when": {"/done": [False]}}}, ""),
            (said({"a": [{"b/c": 3}]}), {"not_yet": {"when": {"/x": "y", "/a/0/b~1c": [2, 3]}}}, ""),
            (
                reply(b"... Disposition: pending ..."),
                {"not_yet": {"when": {"regex:Disposition: (\\w+)": "pending"}}},
                "",
            ),
            (said({}, "404 Not Found"), {"not_yet": {"status": [404]}}, ""),
        ],
    )
    def test_by_status_or_by_value(
        self, server: Loopback, files: Files, pki: Openssl, answer: bytes, rules: dict[str, t.Any], why: str
    ) -> None:
        Script(server, answer)
        assert signer(server, files.ca, answer=rules).sign(order(pki.csr("leaf"))) == NotYet(why)

    def test_202_with_a_certificate_is_done(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        Script(server, reply(pem["leaf"].encode(), "202 Accepted"))
        assert isinstance(signer(server, files.ca).sign(order(pki.csr("leaf"))), Signed)

    def test_a_number_is_kept_before_it_is_asked_for_and_asked_for_at_once(
        self, server: Loopback, files: Files, pki: Openssl
    ) -> None:
        known: list[tuple[str, int]] = []
        Script(server, said({"id": 17, "status": "new"}), said({"id": 17, "status": "pending"}))
        asking = signer(server, files.ca, answer=NUMBERED, poll=POLL)
        given = order(pki.csr("leaf"), keep_order_number=lambda number: known.append((number, len(server.seen))))
        assert asking.sign(given) == NotYet("pending")
        assert known == [("17", 1)]
        assert [seen.path for seen in server.seen] == ["/sign", "/orders/17"]

    def test_a_later_run_asks_by_the_number_alone(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        Script(server, said({"id": 17, "certificate": pem["leaf"]}))
        asking = signer(server, files.ca, answer=NUMBERED, poll=POLL)
        assert isinstance(asking.sign(order(pki.csr("leaf"), again=True, order_number="17")), Signed)
        assert [(seen.verb, seen.path) for seen in server.seen] == [("GET", "/orders/17")]

    def test_a_run_may_wait_for_it(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        later = said({"certificate": pem["leaf"]})
        Script(server, said({"id": 7}), said({"status": "pending"}), said({"status": "pending"}), later)
        pauses: list[float] = []
        asking = signer(server, files.ca, clock=pauses, answer=NUMBERED, poll={**POLL, "wait": 10})
        assert isinstance(asking.sign(order(pki.csr("leaf"))), Signed)
        assert pauses == [1.0, 2.0]

    def test_a_run_waits_no_longer_than_it_may(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({"id": 7}), said({"status": "pending"}))
        pauses: list[float] = []
        asking = signer(server, files.ca, clock=pauses, answer=NUMBERED, poll={**POLL, "wait": 20})
        assert asking.sign(order(pki.csr("leaf"))) == NotYet("pending")
        assert pauses == [1.0, 2.0, 4.0, 8.0]

    def test_a_number_that_is_an_address(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        kept: list[str] = []
        url = server.url("/orders/a%20b?x=1")
        Script(server, said({}, "202 Accepted", Location=url), reply(pem["leaf"].encode()))
        asking = signer(
            server, files.ca, answer={"order_number": "header:Location"}, poll={"request": {"path": "${order_number}"}}
        )
        assert isinstance(asking.sign(order(pki.csr("leaf"), keep_order_number=kept.append)), Signed)
        assert kept == [url]
        assert server.seen[1].path == "/orders/a%20b?x=1"

    def test_a_redirect_to_the_result_may_be_the_address(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        Script(server, reply(b"", "303 See Other", Location="/orders/7"), reply(pem["leaf"].encode()))
        request = {"path": "/sign", "body": "${csr_pem}", "accept": [303]}
        poll = {"request": {"path": "${order_number}"}}
        asking = signer(server, files.ca, request=request, answer={"order_number": "header:Location"}, poll=poll)
        assert isinstance(asking.sign(order(pki.csr("leaf"))), Signed)
        assert [(seen.verb, seen.path) for seen in server.seen] == [("POST", "/sign"), ("GET", "/orders/7")]

    @pytest.mark.parametrize(
        "place", ["https://elsewhere.example.com/o", "//elsewhere.example.com/o", "https://u:p@127.0.0.1/"]
    )
    def test_an_address_elsewhere_is_not_asked(self, server: Loopback, files: Files, pki: Openssl, place: str) -> None:
        Script(server, said({}, "202 Accepted", Location=place))
        asking = signer(
            server, files.ca, answer={"order_number": "header:Location"}, poll={"request": {"path": "${order_number}"}}
        )
        with pytest.raises(SignerError, match=r"http.poll.request.path: the address of the CA is at another host"):
            asking.sign(order(pki.csr("leaf")))

    @pytest.mark.parametrize("number", ["a\nb", "x" * 1001, [1], {"a": 1}])
    def test_what_is_no_number(self, server: Loopback, files: Files, pki: Openssl, number: object) -> None:
        Script(server, said({"id": number}))
        with pytest.raises(SignerError, match=r"what is at http.answer.order_number must be one line of at most 1000"):
            signer(server, files.ca, answer=NUMBERED, poll=POLL).sign(order(pki.csr("leaf")))

    def test_a_number_without_a_way_to_ask(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({"id": 17}))
        with pytest.raises(SignerError, match=r"the CA named the request 17: set http\.poll to ask for it"):
            signer(server, files.ca, answer=NUMBERED).sign(order(pki.csr("leaf")))

    def test_a_value_that_a_poll_lacks_is_no_order_that_never_left(
        self, server: Loopback, files: Files, pki: Openssl
    ) -> None:
        Script(server, said({"id": 17}))
        poll = {**POLL, "request": {"path": "/orders/${order_number}/${dn.uid}"}}
        with pytest.raises(SignerError, match=r"has no value for \$\{dn.uid\}") as raised:
            signer(server, files.ca, answer=NUMBERED, poll=poll).sign(order(pki.csr("leaf")))
        assert not raised.value.not_sent


class TestNever:
    @pytest.mark.parametrize(
        ("answer", "rules"),
        [
            (said({"message": "no such profile"}, "422 No"), {"never": {"status": [400, 422]}, "reason": "/message"}),
            (said({"state": "denied", "why": "no such profile"}), {"never": {"when": {"/state": ["denied"]}}}),
            (said({"state": "denied", "why": "no such profile"}, "202 A"), {"never": {"when": {"/state": "denied"}}}),
        ],
    )
    def test_by_status_or_by_value(
        self, server: Loopback, files: Files, pki: Openssl, answer: bytes, rules: dict[str, t.Any]
    ) -> None:
        Script(server, answer)
        with pytest.raises(SignerRejectedError, match=r"the CA refused the request for good \(HTTP .*no such profile"):
            signer(server, files.ca, answer=rules).sign(order(pki.csr("leaf")))

    def test_of_an_order(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({"status": "rejected by Ana"}, "410 Gone"))
        poll = {**POLL, "answer": {**POLL["answer"], "never": {"status": 410}}}
        with pytest.raises(SignerRejectedError, match=r"poll at .*\(http\.poll\.request\): .*rejected by Ana"):
            signer(server, files.ca, answer=NUMBERED, poll=poll).sign(order(pki.csr("leaf"), order_number="1"))
