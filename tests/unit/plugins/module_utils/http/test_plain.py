# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain http, which is spoken with this machine alone: the limits and the errors are those of https."""

from __future__ import annotations

import socket
import threading
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerInvalidError,
    AnswerLostError,
    NotSentError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.options import (
    TransportOptions,
    is_this_machine,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpsTransport,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Connection,
    Loopback,
    reply,
)

pytestmark = pytest.mark.usefixtures("no_proxies")


@pytest.fixture
def agent(start: t.Callable[..., Loopback]) -> Loopback:
    return start(None)


def request(agent: Loopback, host: str = "127.0.0.1", body: bytes | None = b"raw") -> HttpRequest:
    return HttpRequest("sign", "POST", f"http://{host}:{agent.port}/v1/sign", {"Content-Type": "text/plain"}, body)


def sent(given: HttpRequest, **options: t.Any) -> t.Any:
    return HttpsTransport(TransportOptions(**{"timeout": 10.0, **options})).send(given)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_body_goes_as_it_is(agent: Loopback, host: str) -> None:
    agent.answer(reply(b"done", X_Thing="Value"))
    answer = sent(request(agent, host))
    assert (answer.status, answer.body, answer.headers["x-thing"]) == (200, b"done", "Value")
    (seen,) = agent.seen
    assert (seen.verb, seen.path, seen.body) == ("POST", "/v1/sign", b"raw")
    assert (seen.headers["content-type"], seen.headers["content-length"]) == ("text/plain", "3")


def test_a_connection_is_kept(agent: Loopback) -> None:
    transport = HttpsTransport(TransportOptions(timeout=10.0))
    for _number in range(3):
        transport.send(request(agent))
    assert [seen.connection for seen in agent.seen] == [1, 1, 1]


def test_no_proxy_is_asked(agent: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert sent(request(agent), proxy="http://127.0.0.1:9").status == 200


@pytest.mark.parametrize("host", ["192.0.2.1", "ca.example.com", "127.0.0.1.example.com", "[2001:db8::1]"])
def test_nothing_is_sent_to_another_machine(agent: Loopback, host: str) -> None:
    with pytest.raises(NotSentError, match="only https is spoken"):
        sent(request(agent, host))


def test_a_name_of_this_machine_that_leads_elsewhere(agent: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", agent.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: found)
    with pytest.raises(NotSentError, match="plain http is spoken with this machine only"):
        sent(request(agent, "localhost"))


def test_one_that_does_not_listen(agent: Loopback) -> None:
    given = request(agent)
    agent.close()
    with pytest.raises(NotSentError, match=r"nothing was sent \(.*refused"):
        sent(given)


def test_an_answer_that_does_not_come(agent: Loopback) -> None:
    def hang_up(_seen: object, connection: Connection) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    agent.behaviour = hang_up
    with pytest.raises(AnswerLostError, match="the request was sent, the answer did not come"):
        sent(request(agent))
    with pytest.raises(AnswerLostError):
        sent(request(agent, body=None))


def test_one_that_is_slow(agent: Loopback) -> None:
    def wait(_seen: object, _connection: Connection) -> None:
        agent.over.wait(20)

    agent.behaviour = wait
    with pytest.raises(AnswerLostError, match=r"timed out after 0\.2 seconds"):
        sent(request(agent), timeout=0.2)


def test_one_that_drips(start: t.Callable[..., Loopback]) -> None:
    def drip(connection: Connection, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.05):
            connection.sendall(b"x")

    with pytest.raises(AnswerLostError, match=r"timed out after 0\.5 seconds"):
        sent(request(start(None, raw=drip)), timeout=0.5)


def test_a_huge_head(agent: Loopback) -> None:
    agent.answer(b"HTTP/1.1 200 OK\r\n" + b"X-Y: " + b"z" * 80000 + b"\r\n\r\n")
    with pytest.raises((AnswerInvalidError, AnswerLostError)):
        sent(request(agent))


def test_a_huge_body(agent: Loopback) -> None:
    agent.answer(reply(b"x" * 1100000))
    with pytest.raises(AnswerInvalidError, match="larger than 1048576 bytes"):
        sent(request(agent))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_is_this_machine(host: str, expected: bool) -> None:
    assert is_this_machine(host) is expected
