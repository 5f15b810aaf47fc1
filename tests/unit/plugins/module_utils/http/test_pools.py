# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of a run: how many there are, which one is taken, and how a new one takes up a TLS session."""

from __future__ import annotations

import collections.abc as c
import socket
import ssl
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import NotSentError, TlsError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.options import TransportOptions
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpsTransport,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Connection,
    Files,
    Loopback,
    Seen,
    reply,
    server_context,
)

Start = c.Callable[..., Loopback]

pytestmark = pytest.mark.usefixtures("no_proxies")

LIMIT_SECONDS = 20
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"


@pytest.fixture
def server(files: Files, start: Start) -> Loopback:
    return start(server_context(files.server))


def transport(files: Files, connections: int, clock: c.Callable[[], float] = time.monotonic) -> HttpsTransport:
    return HttpsTransport(TransportOptions(ca_path=files.ca, timeout=10.0), clock, connections=connections)


def request(server: Loopback) -> HttpRequest:
    return HttpRequest("create", "PUT", server.url(), {}, {"a": "b"})


def until(is_so: c.Callable[[], bool]) -> None:
    """Wait until a condition is met."""
    end = time.monotonic() + LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.001)


def await_waiting(sending: HttpsTransport, count: int) -> None:
    """Return once so many threads wait for their turn."""
    until(lambda: len(sending._turns._waiting) == count)


class TestHowMany:
    def test_many_threads_share_few(self, files: Files, server: Loopback) -> None:
        """The first four requests are answered together, so that there are four connections."""
        together = threading.Barrier(4)
        mutex = threading.Lock()
        now = most = 0

        def answer(seen: Seen, connection: Connection) -> None:
            nonlocal now, most
            with mutex:
                now += 1
                most = max(most, now)
                first = len(server.seen) <= 4
            if first:
                together.wait(LIMIT_SECONDS)
            with mutex:
                now -= 1
            connection.sendall(reply(str(seen.connection).encode()))

        server.behaviour = answer
        sending = transport(files, 4)
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda _number: sending.send(request(server)).status, range(200)))
        assert (answers, len(server.seen)) == ([200] * 200, 200)
        assert (server.connections, most) == (4, 4)

    def test_threads_that_come_and_go_leave_none_behind(self, files: Files, server: Loopback) -> None:
        sending = transport(files, 4)
        for _round in range(10):
            with ThreadPoolExecutor(1) as threads:
                threads.submit(sending.send, request(server)).result()
        assert server.connections == 1

    def test_the_one_that_was_given_back_last_is_taken(self, files: Files, server: Loopback) -> None:
        go_on = {number: threading.Event() for number in (1, 2, 3)}
        arrived = threading.Semaphore(0)

        def hold(seen: Seen, connection: Connection) -> None:
            arrived.release()
            go_on[seen.connection].wait(LIMIT_SECONDS)
            connection.sendall(reply())

        server.behaviour = hold
        sending = transport(files, 3)
        threads = [threading.Thread(target=sending.send, args=(request(server),)) for _number in range(3)]
        for thread in threads:
            thread.start()
            assert arrived.acquire(timeout=LIMIT_SECONDS)
        for number in (1, 3, 2):
            go_on[number].set()
            threads[number - 1].join(LIMIT_SECONDS)
        for _number in range(3):
            sending.send(request(server))
        assert [seen.connection for seen in server.seen] == [1, 2, 3, 2, 2, 2]

    def test_one_that_failed_is_no_loss(self, files: Files, server: Loopback) -> None:
        """Each failure makes room for the next request."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        sending = transport(files, 1)
        for _number in range(3):
            with pytest.raises(NotSentError):
                sending.send(HttpRequest("create", "PUT", f"https://127.0.0.1:{port}/p", {}, {}))
        assert sending.send(request(server)).status == 200


class TestTurns:
    def test_the_time_limit_begins_when_there_is_a_connection(self, files: Files, server: Loopback) -> None:
        now = [0.0]
        sending = transport(files, 1, lambda: now[0])
        with ThreadPoolExecutor(1) as threads:
            with sending.turn():
                answer = threads.submit(sending.send, request(server))
                await_waiting(sending, 1)
                now[0] = 3600.0
                assert server.connections == 0
            assert answer.result().status == 200

    def test_they_come_in_order(self, files: Files) -> None:
        sending = transport(files, 1)
        order: list[int] = []

        def enter(number: int) -> None:
            with sending.turn():
                order.append(number)

        with ThreadPoolExecutor(5) as threads, sending.turn():
            for number in range(5):
                threads.submit(enter, number)
                await_waiting(sending, number + 1)
        assert order == [0, 1, 2, 3, 4]

    def test_a_thread_has_one_at_a_time(self, files: Files, server: Loopback) -> None:
        sending = transport(files, 1)
        with sending.turn(), sending.turn():
            assert sending.send(request(server)).status == 200
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(sending.send, request(server)).result().status == 200

    def test_an_error_ends_it(self, files: Files, server: Loopback) -> None:
        sending = transport(files, 1)
        with pytest.raises(KeyError), sending.turn():
            raise KeyError
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(sending.send, request(server)).result().status == 200


@VERSIONS
class TestResumption:
    def started(self, files: Files, start: Start, version: ssl.TLSVersion, servers: int = 1) -> list[Loopback]:
        """Start servers that share all secrets of TLS, and end the connection after each answer."""
        context = server_context(files.server)
        context.minimum_version = context.maximum_version = version
        return [start(context) for _number in range(servers)]

    @pytest.fixture
    def resumed(self) -> list[bool | None]:
        return []

    def watch(self, server: Loopback, resumed: list[bool | None], *, announced: bool) -> None:
        def answer(_seen: Seen, connection: Connection) -> None:
            resumed.append(t.cast("ssl.SSLSocket", connection).session_reused)
            connection.sendall(reply(Connection="close") if announced else reply())
            connection.shutdown(socket.SHUT_RDWR)

        server.behaviour = answer

    @pytest.mark.parametrize("announced", [True, False])
    def test_a_new_connection_takes_up_the_session(
        self, files: Files, start: Start, version: ssl.TLSVersion, resumed: list[bool | None], announced: bool
    ) -> None:
        (server,) = self.started(files, start, version)
        self.watch(server, resumed, announced=announced)
        sending = transport(files, 1)
        for _number in range(4):
            assert sending.send(request(server)).status == 200
            until(lambda: not server._open)
        assert server.connections == 4
        assert resumed == [False, True, True, True]

    def test_but_not_that_of_another_host_or_run(
        self, files: Files, start: Start, version: ssl.TLSVersion, resumed: list[bool | None]
    ) -> None:
        servers = self.started(files, start, version, servers=2)
        sending = transport(files, 1)
        for server in servers:
            self.watch(server, resumed, announced=True)
            sending.send(request(server))
        transport(files, 1).send(request(servers[0]))
        assert resumed == [False, False, False]

    def test_one_that_is_not_taken_up_is_forgotten(
        self, files: Files, start: Start, version: ssl.TLSVersion, resumed: list[bool | None]
    ) -> None:
        """The failure of a resumed session says nothing about TLS; that of the next connection does."""
        (server,) = self.started(files, start, version)
        self.watch(server, resumed, announced=True)
        sending = transport(files, 1)
        sending.send(request(server))

        def refuse(connection: Connection, _over: threading.Event) -> None:
            connection.recv(65536)
            connection.sendall(HANDSHAKE_FAILURE)

        server._raw = refuse
        with pytest.raises(NotSentError, match="a TLS session was not taken up again") as caught:
            sending.send(request(server))
        assert not isinstance(caught.value, TlsError)
        with pytest.raises(TlsError):
            sending.send(request(server))
        server._raw = None
        assert sending.send(request(server)).status == 200
        assert resumed == [False, False]
