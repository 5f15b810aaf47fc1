# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits in time and size against servers without limits, over real sockets."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import itertools
import socket
import threading
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _fault_points
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerInvalidError,
    AnswerLostError,
    ConfigurationError,
    NotSentError,
    TlsError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.options import (
    MAX_ANSWER_BYTES,
    TransportOptions,
    check_files,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    MAX_HEAD_BYTES,
    READ_AHEAD,
    HttpRequest,
    HttpsTransport,
)
from ansible_collections.redtrust.certificate_enroll.tests.robustness.fault_points import UnexpectedError
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Connection,
    Files,
    Loopback,
    Seen,
    reply,
    server_context,
)

# Most of these tests wait for something that only the client ends.
LIMIT_SECONDS = 60

Start = t.Callable[..., Loopback]
Body: t.TypeAlias = "dict[str, str] | None"

pytestmark = pytest.mark.usefixtures("no_proxies")

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n\r\n{}"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
# The first bytes, and the bytes that then repeat for ever.
ENDLESS = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "header": (OK + b"A: ", b"x"),
    "headers": (OK, b"A: x\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "header of an interim answer": (b"HTTP/1.1 100 Continue\r\nA: ", b"x"),
    "body": (OK + b"\r\n", b"x"),
    "announced body": (OK + b"Content-Length: 1000000000\r\n\r\n", b"x"),
    "chunks": (OK + CHUNKED + b"\r\n", b"1\r\nx\r\n"),
    "size of a chunk": (OK + CHUNKED + b"\r\n", b"0"),
    "extensions of chunks": (OK + CHUNKED + b"\r\n", b"1;" + b"e" * 60000 + b"\r\nx\r\n"),
    "trailers": (OK + CHUNKED + b"\r\n0\r\n", b"A: x\r\n"),
}
endless = pytest.mark.parametrize(("begin", "rest"), ENDLESS.values(), ids=list(ENDLESS))
BODIES = pytest.mark.parametrize("body", [{"a": "b"}, None], ids=["body", "no body"])


def request(server: Loopback, body: Body = None, path: str = "/p") -> HttpRequest:
    return HttpRequest("create", "PUT", server.url(path), {"Authorization": "Bearer canary"}, body)


def clocked(files: Files, timeout: float = 20.0, **options: t.Any) -> HttpsTransport:
    """Return a transport whose clock moves a second with each reading."""
    ticks = itertools.count()
    return HttpsTransport(TransportOptions(ca_path=files.ca, timeout=timeout, **options), lambda: float(next(ticks)))


def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the bytes that any socket of a transport delivers, as they reach the transport's own count."""
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http import connection as _connection

    sizes: list[int] = []
    original = _connection.Bounds.count

    def count(self: _connection.Bounds, size: int) -> None:
        sizes.append(size)
        original(self, size)

    monkeypatch.setattr(_connection.Bounds, "count", count)
    return sizes


@BODIES
class TestTime:
    @endless
    def test_a_trickle_ends(self, files: Files, start: Start, body: Body, begin: bytes, rest: bytes) -> None:
        """The answer never ends, and comes in the smallest pieces."""
        server = start(server_context(files.server))

        def trickle(_seen: Seen, connection: Connection) -> None:
            connection.sendall(begin)
            for place in itertools.count():
                connection.sendall(rest[place % len(rest) :][:1])

        server.behaviour = trickle
        with pytest.raises((AnswerLostError, AnswerInvalidError)):
            clocked(files).send(request(server, body))
        assert len(server.seen) == 1

    def test_a_handshake_that_trickles(self, files: Files, start: Start, body: Body) -> None:
        def trickle(connection: Connection, over: threading.Event) -> None:
            connection.recv(65536)
            connection.sendall(b"\x16\x03\x03\x40\x00")  # a handshake record of 16 KiB
            while not over.wait(0.02):
                connection.sendall(b"\x02")

        server = start(None, raw=trickle)
        with pytest.raises(NotSentError, match=r"timed out after 0\.3 seconds") as caught:
            HttpsTransport(TransportOptions(ca_path=files.ca, timeout=0.3)).send(request(server, body))
        assert not isinstance(caught.value, TlsError)

    def test_a_handshake_has_what_is_left(self, files: Files, start: Start, body: Body) -> None:
        """Almost the whole hour passes before the handshake. If the client waited, the server would hang up."""

        def trickle(connection: Connection, over: threading.Event) -> None:
            connection.recv(65536)
            connection.sendall(b"\x16\x03\x03\x40\x00")
            for _number in range(200):
                connection.sendall(b"\x02")
                over.wait(0.02)

        server = start(None, raw=trickle)
        times = itertools.chain([0.0, 0.0], itertools.repeat(3599.8))
        transport = HttpsTransport(TransportOptions(ca_path=files.ca, timeout=3600.0), lambda: next(times))
        with pytest.raises(NotSentError, match="timed out"):
            transport.send(request(server, body))

    def test_a_proxy_that_trickles(self, files: Files, start: Start, body: Body) -> None:
        def trickle(connection: Connection, _over: threading.Event) -> None:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                connection.sendall(b"A: x\r\n")

        server, proxy = start(server_context(files.server)), start(None, raw=trickle)
        with pytest.raises(NotSentError, match="timed out after 4 seconds"):
            clocked(files, 4.0, proxy=f"http://127.0.0.1:{proxy.port}").send(request(server, body))
        assert server.connections == 0

    def test_addresses_share_the_time(
        self, files: Files, body: Body, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name has very many addresses, and none of them answers."""
        tried = []

        def refuse(_self: socket.socket, address: object) -> t.NoReturn:
            tried.append(address)
            raise ConnectionRefusedError("refused")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 1))] * 1000
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: found)
        server = start(None)
        with pytest.raises(NotSentError, match="timed out after 20 seconds"):
            clocked(files).send(request(server, body))
        assert 0 < len(tried) < 20


@BODIES
class TestSize:
    @endless
    def test_a_flood_ends(
        self, files: Files, start: Start, monkeypatch: pytest.MonkeyPatch, body: Body, begin: bytes, rest: bytes
    ) -> None:
        server = start(server_context(files.server))
        sizes = measured(monkeypatch)

        def flood(_seen: Seen, connection: Connection) -> None:
            connection.sendall(begin)
            while True:
                connection.sendall(rest * (65536 // len(rest) + 1))

        server.behaviour = flood
        with pytest.raises((AnswerLostError, AnswerInvalidError)) as caught:
            HttpsTransport(TransportOptions(ca_path=files.ca, timeout=60.0)).send(request(server, body))
        assert "timed out" not in str(caught.value)
        assert len(str(caught.value)) < 400
        assert sum(sizes) <= MAX_ANSWER_BYTES + 2 * MAX_HEAD_BYTES + 2 * READ_AHEAD

    @pytest.mark.parametrize("begin", ["status line", "header", "headers", "interim answers"])
    def test_the_head_has_less(
        self, files: Files, start: Start, monkeypatch: pytest.MonkeyPatch, body: Body, begin: str
    ) -> None:
        server = start(server_context(files.server))
        sizes = measured(monkeypatch)
        first, rest = ENDLESS[begin]
        server.answer(first + rest * (2**21 // len(rest)))
        with pytest.raises((AnswerLostError, AnswerInvalidError)):
            HttpsTransport(TransportOptions(ca_path=files.ca, timeout=60.0)).send(request(server, body))
        assert sum(sizes) <= MAX_HEAD_BYTES + 2 * READ_AHEAD

    def test_a_proxy_that_floods(self, files: Files, start: Start, body: Body) -> None:
        server, proxy = start(server_context(files.server)), start(None)
        proxy.answer(b"HTTP/1.1 200 OK\r\n" + b"A: x\r\n" * 10**6)
        options = TransportOptions(ca_path=files.ca, timeout=60.0, proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(NotSentError, match="more than 64 KiB came before a body"):
            HttpsTransport(options).send(request(server, body))
        assert server.connections == 0

    def test_many_small_chunks_are_an_answer(self, files: Files, start: Start, body: Body) -> None:
        server = start(server_context(files.server))
        server.answer(OK + CHUNKED + b"\r\n" + b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n")
        transport = HttpsTransport(TransportOptions(ca_path=files.ca, timeout=60.0))
        assert transport.send(request(server, body)).body == b"x" * 5000


@pytest.mark.parametrize("length", [10, 5000])
def test_what_is_no_http_is_shown_where_it_is_short(files: Files, start: Start, length: int) -> None:
    server = start(server_context(files.server))
    server.answer(b"\x1b[31m" + b"x" * length + b"\r\n\r\n")
    with pytest.raises(AnswerLostError) as caught:
        HttpsTransport(TransportOptions(ca_path=files.ca, timeout=10.0)).send(request(server))
    shown = str(caught.value)
    assert ("xxxxxxxxxx" in shown) == (length == 10)
    assert shown.isprintable()
    assert len(shown) < 400


class TestAnAnswerBelongsToItsRequest:
    def test_an_interim_answer_is_none(self, files: Files, start: Start) -> None:
        """4.33 could take Early Hints without a body for a finalize that worked; the real answer comes late."""
        server = start(server_context(files.server))

        def hint(_seen: Seen, connection: Connection) -> None:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            connection.sendall(reply(b"late"))

        server.behaviour = hint
        transport = HttpsTransport(TransportOptions(ca_path=files.ca, timeout=10.0))
        with pytest.raises(AnswerInvalidError, match="HTTP 103 is not an answer"):
            transport.send(request(server))
        server.answer(reply(b"own"))
        assert transport.send(request(server)).body == b"own"

    @pytest.mark.parametrize("surplus", [1, 5000, 12000])
    def test_what_follows_an_answer_is_dropped(self, files: Files, start: Start, surplus: int) -> None:
        server = start(server_context(files.server))
        server.answer(reply(b"first") + b" " * (surplus - len(reply(b"forged"))) + reply(b"forged"))
        transport = HttpsTransport(TransportOptions(ca_path=files.ca, timeout=10.0))
        assert transport.send(request(server)).body == b"first"
        server.answer(reply(b"own"))
        assert transport.send(request(server)).body == b"own"

    def test_no_cookie_is_kept(self, files: Files, start: Start) -> None:
        server = start(server_context(files.server))
        server.answer(reply(Set_Cookie="a=b; Path=/"))
        transport = HttpsTransport(TransportOptions(ca_path=files.ca, timeout=10.0))
        for _number in range(2):
            transport.send(request(server))
        assert ["cookie" in seen.headers for seen in server.seen] == [False, False]


class TestProxy:
    LOGIN = "someone:p%40ss%2Fcanary"

    def options(self, files: Files, proxy: str) -> TransportOptions:
        return TransportOptions(ca_path=files.ca, timeout=10.0, proxy=proxy)

    def test_one_that_wants_to_know_who_asks(self, files: Files, start: Start) -> None:
        """The proxy repeats the credentials in each way that it can."""
        server, proxy = start(server_context(files.server)), start(None)

        def refuse(seen: Seen, connection: Connection) -> None:
            told = seen.headers["proxy-authorization"].split(" ")[1]
            words = f"{told} {base64.b64decode(told).decode()} \x1b[31m"
            connection.sendall(reply(b"", f"407 Proxy Authentication Required {words}"))

        proxy.behaviour = refuse
        transport = HttpsTransport(self.options(files, f"http://{self.LOGIN}@127.0.0.1:{proxy.port}"))
        with pytest.raises(NotSentError, match="the proxy wants a user and a password, or others") as caught:
            transport.send(request(server, {"a": "b"}))
        assert base64.b64decode(proxy.seen[0].headers["proxy-authorization"].split(" ")[1]) == b"someone:p@ss/canary"
        shown = str(caught.value)
        assert "canary" not in shown
        assert base64.b64encode(b"someone:p@ss/canary").decode() not in shown
        assert shown.isprintable()
        assert server.connections == 0

    def test_one_that_is_not_there(self, files: Files, start: Start) -> None:
        server = start(server_context(files.server))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        transport = HttpsTransport(self.options(files, f"http://{self.LOGIN}@127.0.0.1:{port}"))
        with pytest.raises(NotSentError, match=r"the proxy gives no connection .*refused") as caught:
            transport.send(request(server, {"a": "b"}))
        assert "canary" not in str(caught.value)

    @pytest.mark.parametrize(
        "address",
        [
            "http://someone:canary@127.0.0.1:port",
            "http://someone:ca/nary@127.0.0.1:1",
            "http://someone:canary@[::1:1",
            "socks5://someone:canary@127.0.0.1:1",
            "http://",
            "http://someone:canary@",
        ],
    )
    def test_an_address_that_is_none(
        self, files: Files, start: Start, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        server = start(server_context(files.server))
        with pytest.raises(ConfigurationError, match="must be an address such as") as said:
            check_files(self.options(files, address))
        monkeypatch.setenv("HTTPS_PROXY", address)
        with pytest.raises(NotSentError, match="must be an address such as") as caught:
            HttpsTransport(TransportOptions(ca_path=files.ca, timeout=10.0)).send(request(server))
        assert "canary" not in f"{said.value} {caught.value}"
        assert server.connections == 0

    def test_one_that_speaks_tls(self, files: Files, start: Start) -> None:
        """The client checks its certificate before the CONNECT, and does not show it the client certificate."""
        server = start(server_context(files.server))
        stranger = start(server_context(files.unknown_server))
        with pytest.raises(TlsError):
            HttpsTransport(self.options(files, f"https://127.0.0.1:{stranger.port}")).send(request(server))
        assert stranger.seen == []
        proxy = start(server_context(files.server))
        proxy.answer(reply(b"", "403 Forbidden"))
        with pytest.raises(NotSentError, match="403 Forbidden"):
            HttpsTransport(self.options(files, f"https://127.0.0.1:{proxy.port}")).send(request(server))
        assert [seen.verb for seen in proxy.seen] == ["CONNECT"]
        assert "authorization" not in proxy.seen[0].headers
        nosy = start(server_context(files.server, client_ca=files.ca))
        options = self.options(files, f"https://127.0.0.1:{nosy.port}")
        with pytest.raises(NotSentError):
            HttpsTransport(dataclasses.replace(options, client_cert=files.elsewhere)).send(request(server))
        assert nosy.seen == []
        assert server.connections == 0


def tunnel(connection: Connection, _over: threading.Event) -> None:
    """Connect to the requested address, and carry bytes both ways until either end stops."""
    host, port = connection.recv(65536).split(b" ")[1].decode().rsplit(":", 1)
    with socket.create_connection((host, int(port)), 20) as other:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

        def back() -> None:
            with contextlib.suppress(OSError):  # an end that has hung up
                while piece := other.recv(65536):
                    connection.sendall(piece)

        carrier = threading.Thread(target=back, daemon=True)
        carrier.start()
        while piece := connection.recv(65536):
            other.sendall(piece)
        other.shutdown(socket.SHUT_RDWR)
        carrier.join()


class TestThroughAProxy:
    def test_an_answer(self, files: Files, start: Start) -> None:
        server, proxy = start(server_context(files.server)), start(None, raw=tunnel)
        options = TransportOptions(ca_path=files.ca, timeout=10.0, proxy=f"http://a:b@127.0.0.1:{proxy.port}")
        transport = HttpsTransport(options)
        for _number in range(2):
            assert transport.send(request(server, {"a": "b"})).body == b"{}"
        assert [seen.connection for seen in server.seen] == [1, 1]
        assert "proxy-authorization" not in server.seen[0].headers


class TestFaultPoints:
    def test_a_request_passes_three(self, files: Files, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        server = start(server_context(files.server))
        reached: list[tuple[str, int, int]] = []
        answered = threading.Event()

        def behaviour(seen: Seen, connection: Connection) -> None:
            answered.wait(20)  # answer after the client has reported that the request was sent
            connection.sendall(reply(b"{}"))

        def reach(point: str) -> None:
            reached.append((point, server.connections, int(answered.is_set())))
            if point == "create sent":
                answered.set()

        server.behaviour = behaviour
        monkeypatch.setattr(_fault_points, "reach", reach)
        HttpsTransport(TransportOptions(ca_path=files.ca, timeout=20.0)).send(request(server, {"a": "b"}))
        assert reached == [("create send", 0, 0), ("create sent", 1, 0), ("create received", 1, 1)]

    def test_what_happens_there_is_not_taken_for_an_answer_that_was_lost(
        self, files: Files, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = start(server_context(files.server))

        def reach(point: str) -> None:
            if point == "create sent":
                raise UnexpectedError(point)

        monkeypatch.setattr(_fault_points, "reach", reach)
        with pytest.raises(UnexpectedError):
            HttpsTransport(TransportOptions(ca_path=files.ca, timeout=20.0)).send(request(server, {"a": "b"}))


@pytest.mark.parametrize(
    "value", ["Bearer a\nb", "Bearer a\r\nX: y", " Bearer a", "Bearer \u20ac", "Bearer a\x00", "a\x7f"]
)
def test_a_header_that_cannot_be_sent_is_named_without_its_value(files: Files, start: Start, value: str) -> None:
    server = start(server_context(files.server))
    asking = HttpRequest("create", "PUT", server.url(), {"Authorization": value})
    with pytest.raises(NotSentError, match="nothing was sent: Authorization has a blank") as caught:
        HttpsTransport(TransportOptions(ca_path=files.ca)).send(asking)
    assert value.strip() not in str(caught.value)
    assert server.connections == 0


@pytest.mark.parametrize("length", ["\xb2", "-1", "1, 2", "0x2", "9" * 5000, "", "+2"])
def test_a_length_that_is_none(files: Files, start: Start, length: str) -> None:
    """The library accepts some of these; the others raise nothing but an error of ours."""
    server = start(server_context(files.server))
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{{}}"

    def behaviour(_seen: Seen, connection: Connection) -> None:
        connection.sendall(head.encode("latin-1"))
        connection.shutdown(socket.SHUT_RDWR)

    server.behaviour = behaviour
    try:
        answer = HttpsTransport(TransportOptions(ca_path=files.ca, timeout=10.0)).send(request(server))
    except (AnswerLostError, AnswerInvalidError):
        return
    assert answer.body == b"{}"
