# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve one sign-in on one address, with the web server of Python's library: with limits, and without a log.

A request line may hold a token, so no part of a request is ever written anywhere.
"""

from __future__ import annotations

import contextlib
import http.server
import socket
import socketserver
import ssl
import sys
import threading
import time
import typing as t

from .._errors import ConfigurationError
from .._http.api import use_certificate
from .listen_options import ListenOptions
from .sign_in import PageRequest, SignIn

# In seconds: from the connection to the whole request, TLS included.
_REQUEST_TIMEOUT = 10.0
_MAX_CONNECTIONS = 64
_GLANCE = 0.2
# In seconds: after a sign-in the listener stays so long for latecomers, and at least so long after a success.
_LINGER = 30.0
_LINGER_AT_LEAST = 5.0
_OPTIONS = ("certificate_path", "private_key_path", "private_key_passphrase")


class Listener(http.server.ThreadingHTTPServer):
    """Serve a sign-in. Raises ConfigurationError where it cannot listen there."""

    daemon_threads = True
    allow_reuse_port = False
    request_queue_size = 32

    def __init__(self, options: ListenOptions, sign_in: SignIn[t.Any]) -> None:
        self.sign_in = sign_in
        self._context = _context(options)
        self._mutex = threading.Lock()
        self._open: set[socket.socket] = set()
        self._idle: dict[socket.socket, float] = {}
        self._answering: set[threading.Thread] = set()
        self._over = False
        self._crash: BaseException | None = None
        self.address_family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
        try:
            super().__init__((options.address, options.port), http.server.BaseHTTPRequestHandler)
        except OSError as exc:
            raise ConfigurationError(
                f"cannot listen on {options.address} port {options.port} ({exc.strerror}): another sign-in may be "
                "waiting there; let it end, or set listen_address and listen_port"
            ) from exc

    def wait(self, seconds: float, is_wanted: t.Callable[[], bool] = lambda: True) -> None:
        """Serve until the sign-in is done, the time is over or ``is_wanted`` says no; then finish the last answers.

        After that latecomers are told for a while, as the guide to signing in says, unless ``is_wanted`` said no.
        """
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": _GLANCE}, daemon=True)
        thread.start()
        try:
            wanted = self._serve(seconds, is_wanted, self.sign_in.done.is_set)
            self.sign_in.stop()
            if wanted and not self._crash:
                self._linger(is_wanted)
        finally:
            self.sign_in.stop()
            self.shutdown()
            thread.join()
            self.server_close()
        if self._crash:
            raise self._crash

    def _serve(self, seconds: float, is_wanted: t.Callable[[], bool], is_enough: t.Callable[[], bool]) -> bool:
        """Serve for some time, or until it is enough; return whether it is still wanted."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not is_enough():
            if not is_wanted():
                return False
            time.sleep(_GLANCE)
            self._hang_up(time.monotonic() - _REQUEST_TIMEOUT)
        return True

    def _linger(self, is_wanted: t.Callable[[], bool]) -> None:
        """Serve latecomers. Without a success any number of browsers may still come, so the whole time is waited."""
        if not self.sign_in.done.is_set():
            self._serve(_LINGER, is_wanted, lambda: False)
        elif self._serve(_LINGER_AT_LEAST, is_wanted, lambda: False):
            self._serve(_LINGER - _LINGER_AT_LEAST, is_wanted, self.sign_in.is_told)

    def server_bind(self) -> None:
        """Bind without looking up the name of this machine, which may take long and is of no use here."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "", self.server_address[1]

    def server_close(self) -> None:
        """Stop listening. Wait for the answers in progress, but not for connections without a whole request."""
        with self._mutex:
            self._over = True
        super().server_close()
        self._hang_up(time.monotonic())
        for thread in tuple(self._answering):
            thread.join(_REQUEST_TIMEOUT)

    def process_request(self, request: t.Any, client_address: t.Any) -> None:
        """Answer in a thread. Where there are too many connections, close the one that was silent for longest."""
        with self._mutex:
            full = len(self._open) >= _MAX_CONNECTIONS
            longest = min(self._idle, key=lambda one: self._idle[one], default=None) if full else None
            if not full or longest:
                self._open.add(request)
                self._idle[request] = time.monotonic()
        if longest:
            self._end(longest)
        if request in self._open:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def finish_request(self, request: t.Any, client_address: t.Any) -> None:
        """Answer one connection, in its own thread."""
        thread = threading.current_thread()
        with self._mutex:
            if self._over:
                return
            self._answering.add(thread)
        try:
            request.settimeout(_REQUEST_TIMEOUT)
            with contextlib.suppress(OSError):  # the other end is gone, or does not speak TLS
                self._speak(request, client_address)
        finally:
            self.heard(request)
            self._answering.discard(thread)

    def shutdown_request(self, request: t.Any) -> None:
        """Close one connection."""
        with self._mutex:
            self._open.discard(request)
            self._idle.pop(request, None)
        super().shutdown_request(request)

    def heard(self, request: socket.socket) -> None:
        """Note that the whole request is there: from now on the end waits for its answer."""
        with self._mutex:
            self._idle.pop(request, None)

    def handle_error(self, request: t.Any, client_address: t.Any) -> None:  # noqa: ARG002
        """Keep an unexpected error for ``wait`` to raise: printed here, its traceback would show the request."""
        self._crash = sys.exc_info()[1]
        self.sign_in.done.set()

    def _speak(self, request: socket.socket, client_address: t.Any) -> None:
        if self._context is None:
            _Handler(request, client_address, self, request)
            return
        with self._context.wrap_socket(request.dup(), server_side=True) as speaking:
            _Handler(speaking, client_address, self, request)
            speaking.settimeout(0)  # end TLS, and do not wait for the other end to do so
            with contextlib.suppress(OSError):
                speaking.unwrap()

    def _hang_up(self, since: float) -> None:
        """Close the connections that began before this time and have sent no whole request yet."""
        with self._mutex:
            idle = [request for request, began in self._idle.items() if began <= since]
        for request in idle:
            self._end(request)

    def _end(self, request: socket.socket) -> None:
        self.heard(request)
        with contextlib.suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)


class _Handler(http.server.BaseHTTPRequestHandler):
    """One request; HTTP/1.0, so one for each connection."""

    server: Listener
    server_version = "redtrust_login"
    sys_version = ""

    def __init__(self, request: socket.socket, client_address: t.Any, server: Listener, plain: socket.socket) -> None:
        self._plain = plain
        super().__init__(request, client_address, server)

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse a malformed request, with a status and nothing else."""
        with contextlib.suppress(OSError):
            self.send_response_only(code)
            self.send_header("Connection", "close")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: t.Any) -> None:  # noqa: A002
        """Write nothing."""

    def _answer(self) -> None:
        self.server.heard(self._plain)
        answer = self.server.sign_in.answer(PageRequest(self.command, self.path, self._joined_headers()))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _joined_headers(self) -> dict[str, str]:
        """Return the headers; those of one name as one (RFC 9110, 5.2; cookies as in RFC 9113, 8.2.3)."""
        joined: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            separator = "; " if key == "cookie" else ", "
            joined[key] = f"{joined[key]}{separator}{value}" if key in joined else value
        return joined


def _context(options: ListenOptions) -> ssl.SSLContext | None:
    """Return the rules for TLS; raises ConfigurationError."""
    if not options.certificate_path:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    use_certificate(
        context, options.certificate_path, options.private_key_path, options.private_key_passphrase, options=_OPTIONS
    )
    return context
