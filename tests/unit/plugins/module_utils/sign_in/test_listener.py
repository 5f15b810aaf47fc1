# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listener over real sockets: one address, plain or TLS, bounded, and closed at the end."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in import listener as _listener
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in.listen_options import ListenOptions
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in.listener import Listener
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in.pages import About
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in.sign_in import (
    PageRequest,
    PageResponse,
    SignIn,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import Authority

ABOUT = About("rt", "CA", "maria@build01")


@pytest.fixture(autouse=True)
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """End at once; other tests check the answers to late browsers."""
    for name in ("_LINGER", "_LINGER_AT_LEAST"):
        monkeypatch.setattr(_listener, name, 0.0)


class Waiting:
    """A listener that waits in a thread."""

    def __init__(self, options: ListenOptions | None = None, seconds: float = 60.0, scheme: str = "http") -> None:
        self.exchanged: list[str] = []
        self.wanted = True
        self.began = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.port = _free_port()
        host = f"127.0.0.1:{self.port}"
        self.sign_in: SignIn[str] = SignIn(
            f"{scheme}://{host}/callback", lambda: "https://rt.example/", self._exchange, about=ABOUT
        )
        self.listener = Listener(options or ListenOptions("127.0.0.1", self.port), self.sign_in)
        self.port = self.listener.server_port
        self._thread = threading.Thread(target=self.listener.wait, args=(seconds, lambda: self.wanted))
        self._thread.start()

    def _exchange(self, token: str) -> str:
        self.began.set()
        assert self.go_on.wait(30)
        self.exchanged.append(token)
        return token

    def over(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.port), timeout=5)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def ask(
    waiting: Waiting, target: str, method: str = "GET", context: ssl.SSLContext | None = None, **headers: str
) -> http.client.HTTPResponse:
    kind: t.Any = http.client.HTTPSConnection if context else http.client.HTTPConnection
    more = {"context": context} if context else {}
    with contextlib.closing(kind("127.0.0.1", waiting.port, timeout=20, **more)) as connection:
        connection.request(method, target, headers=headers)
        answer: http.client.HTTPResponse = connection.getresponse()
        answer.read()
        return answer


def started(waiting: Waiting, context: ssl.SSLContext | None = None) -> str:
    """Press the button, and return the cookie."""
    cookie = str(ask(waiting, "/callback", context=context).headers["Set-Cookie"]).partition(";")[0]
    answer = ask(waiting, "/start", "POST", context=context, Cookie=cookie)
    assert (answer.status, answer.headers["Location"]) == (303, "https://rt.example/")
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def test_one_success_ends_it(capfd: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting()
    cookie = started(waiting)
    assert ask(waiting, "/callback?tkn=canary", Cookie=cookie).status == 200
    waiting.over()
    assert waiting.sign_in.result == "canary"
    assert capfd.readouterr() == ("", "")


def test_over_tls(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    certificate = ours.issue("127.0.0.1")
    waiting = Waiting(ListenOptions("127.0.0.1", _free_port(), certificate))
    waiting.sign_in._redirect_url = f"https://127.0.0.1:{waiting.port}/callback"
    context = ssl.create_default_context(cafile=ours.path)
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(waiting, "/callback")  # plain HTTP
    cookie = started(waiting, context)
    assert ask(waiting, "/callback?tkn=canary", context=context, Cookie=cookie).status == 200
    waiting.over()


def test_the_time_is_over() -> None:
    waiting = Waiting(seconds=0.3)
    waiting.over()
    assert not waiting.sign_in.done.is_set()


def test_nobody_wants_it_any_more() -> None:
    waiting = Waiting()
    waiting.wanted = False
    waiting.over()


def test_who_says_nothing_does_not_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers open connections that they may never use."""
    monkeypatch.setattr(_listener, "_REQUEST_TIMEOUT", 60.0)
    waiting = Waiting()
    with contextlib.ExitStack() as stack:
        for _number in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", waiting.port)))
        half = stack.enter_context(socket.create_connection(("127.0.0.1", waiting.port)))
        half.sendall(b"GET /callback HTTP/1.1\r\nHost: x\r\n")
        cookie = started(waiting)
        assert ask(waiting, "/callback?tkn=canary", Cookie=cookie).status == 200
        waiting.over()


def test_many_who_say_nothing_do_not_fill_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_listener, "_REQUEST_TIMEOUT", 60.0)
    waiting = Waiting()
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", waiting.port), timeout=20))
            for _number in range(80)
        ]
        cookie = started(waiting)
        assert ask(waiting, "/callback?tkn=canary", Cookie=cookie).status == 200
        assert idle[0].recv(1) == b""  # closed to make room
        waiting.wanted = False
        waiting.over()


def test_who_has_asked_does_not_keep_it_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser has its answer over TLS, and leaves the connection open."""
    monkeypatch.setattr(_listener, "_REQUEST_TIMEOUT", 60.0)
    ours = Authority(tmp_path, "ours")
    waiting = Waiting(ListenOptions("127.0.0.1", _free_port(), ours.issue("127.0.0.1")), scheme="https")
    waiting.sign_in._redirect_url = f"https://127.0.0.1:{waiting.port}/callback"
    context = ssl.create_default_context(cafile=ours.path)
    with contextlib.ExitStack() as stack:
        stack.enter_context(socket.create_connection(("127.0.0.1", waiting.port)))  # not even TLS
        plain = stack.enter_context(socket.create_connection(("127.0.0.1", waiting.port), timeout=20))
        tls = stack.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1"))
        other = stack.enter_context(socket.create_connection(("127.0.0.1", waiting.port), timeout=20))
        stack.enter_context(context.wrap_socket(other, server_hostname="127.0.0.1"))  # nothing after the handshake
        tls.sendall(f"GET /callback HTTP/1.1\r\nHost: 127.0.0.1:{waiting.port}\r\n\r\n".encode())
        assert tls.recv(12) == b"HTTP/1.0 200"
        waiting.wanted = False
        waiting.over()


def test_head_has_no_body() -> None:
    waiting = Waiting()
    with socket.create_connection(("127.0.0.1", waiting.port), timeout=20) as connection:
        connection.sendall(f"HEAD /callback HTTP/1.1\r\nHost: 127.0.0.1:{waiting.port}\r\n\r\n".encode())
        head, _blank, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200")
    assert int(head.partition(b"Content-Length: ")[2].partition(b"\r")[0]) > 1000
    assert body == b""
    waiting.wanted = False
    waiting.over()


@pytest.mark.parametrize("other", ['theme={"a":"b"}', "name=Jos\xc3\xa9; city=\xc3\x85", "x\x85y=\xff"])
def test_cookies_of_others_as_they_come(other: str) -> None:
    """They come in headers of their own, and with bytes outside ASCII."""
    waiting = Waiting()
    cookie = started(waiting)
    with socket.create_connection(("127.0.0.1", waiting.port), timeout=20) as connection:
        lines = f"GET /callback?tkn=canary HTTP/1.1\r\nHost: 127.0.0.1:{waiting.port}\r\nCookie: {cookie}\r\n"
        connection.sendall(f"{lines}Cookie: {other}\r\n\r\n".encode("latin-1"))
        assert connection.recv(12) == b"HTTP/1.0 200"
    waiting.over()


class TestWhoComesTooLate:
    """The clock moves in steps: a period ends after a number of readings by the listener."""

    def test_after_the_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_listener, "_LINGER", 60.0)
        waiting = Waiting(seconds=0.0)
        while (answer := ask(waiting, "/callback")).status == 200:
            pass  # it has just begun
        assert answer.status == 410
        assert waiting._thread.is_alive()
        waiting.wanted = False
        waiting.over()

    def test_the_second_is_waited_for_and_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_listener, "_LINGER", 60.0)
        waiting = Waiting()
        first, second = started(waiting), started(waiting)
        assert ask(waiting, "/callback?tkn=canary", Cookie=first).status == 200
        waiting._thread.join(1.0)
        assert waiting._thread.is_alive()
        assert ask(waiting, "/callback?tkn=other", Cookie=second).status == 410
        waiting.over()
        assert waiting.exchanged == ["canary"]

    def test_whoever_comes_at_once_although_nobody_is_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("_LINGER", "_LINGER_AT_LEAST"):
            monkeypatch.setattr(_listener, name, 60.0)
        waiting = Waiting()
        assert ask(waiting, "/callback?tkn=canary", Cookie=started(waiting)).status == 200
        assert ask(waiting, "/callback").status == 410
        waiting.wanted = False
        waiting.over()


def test_an_exchange_that_has_begun_is_finished_and_answered() -> None:
    waiting = Waiting(seconds=1.0)
    cookie = started(waiting)
    waiting.go_on.clear()
    answers = []
    browser = threading.Thread(
        target=lambda: answers.append(ask(waiting, "/callback?tkn=canary", Cookie=cookie).status)
    )
    browser.start()
    assert waiting.began.wait(20)
    waiting._thread.join(1.5)  # the time runs out meanwhile
    assert waiting._thread.is_alive()
    waiting.go_on.set()
    browser.join(20)
    waiting.over()
    assert answers == [200]
    assert waiting.sign_in.result == "canary"


@pytest.mark.parametrize(
    "line", [b"\x16\x03\x01\x02", b"GET\r\n\r\n", b"BREW / HTTP/1.1\r\n\r\n", b"GET /" + b"x" * 70_000]
)
def test_what_is_no_request(line: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting()
    with socket.create_connection(("127.0.0.1", waiting.port), timeout=20) as connection:
        connection.sendall(line + b"\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            answer = connection.recv(4096)
            assert b"canary" not in answer
            assert not answer or answer.startswith((b"HTTP/1.0 4", b"HTTP/1.0 501"))
    waiting.wanted = False
    waiting.over()
    assert capfd.readouterr() == ("", "")


def test_an_answer_that_is_on_its_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting()
    cookie = started(waiting)
    answer, deliver = waiting.sign_in.answer, threading.Event()

    def slowly(request: PageRequest) -> PageResponse:
        made = answer(request)
        assert deliver.wait(30)
        return made

    monkeypatch.setattr(waiting.sign_in, "answer", slowly)
    answers = []
    browser = threading.Thread(
        target=lambda: answers.append(ask(waiting, "/callback?tkn=canary", Cookie=cookie).status)
    )
    browser.start()
    assert waiting.sign_in.done.wait(20)
    waiting._thread.join(1.5)
    assert waiting._thread.is_alive()
    deliver.set()
    browser.join(20)
    waiting.over()
    assert answers == [200]


def test_what_nobody_expected_is_not_lost(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """It ends the wait, and the module reports it with its secrets hidden."""
    port = _free_port()
    sign_in: SignIn[str] = SignIn(f"http://127.0.0.1:{port}/", str, str, about=ABOUT)
    facts: dict[str, PageResponse] = {}
    monkeypatch.setattr(sign_in, "answer", lambda _request: facts["canary"])
    listener = Listener(ListenOptions("127.0.0.1", port), sign_in)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as browser:
        browser.sendall(b"GET /?tkn=canary HTTP/1.1\r\n\r\n")
        with pytest.raises(KeyError):
            listener.wait(60)
    assert capfd.readouterr() == ("", "")


def test_a_place_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sign_in: SignIn[str] = SignIn("http://127.0.0.1/", str, str, about=ABOUT)
        with pytest.raises(
            ConfigurationError, match=rf"cannot listen on 127.0.0.1 port {port} \(Address already in use\)"
        ):
            Listener(ListenOptions("127.0.0.1", port), sign_in)


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    sign_in: SignIn[str] = SignIn("https://127.0.0.1/", str, str, about=ABOUT)
    with pytest.raises(ConfigurationError, match=r"certificate_path: .* must hold a certificate in PEM form"):
        Listener(ListenOptions("127.0.0.1", _free_port(), str(tmp_path / "none.pem")), sign_in)
