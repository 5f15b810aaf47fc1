# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of the HTTP library with a limit of time and size for the whole exchange.

The library has a time-out for each read only, and no limit for the bytes before a body. Here each read and each write
may take the time that is left to its exchange, and every byte counts: TLS handshakes, proxies, interim answers and
headers included. Only the lookup of a name takes as long as the resolver of the system allows.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import threading
import typing as t

from .. import _fault_points

try:
    import urllib3
    from urllib3.connection import HTTPSConnection
except ImportError:  # told by REQUESTS_IMPORT_ERROR
    HTTPSConnection = object  # type: ignore[assignment,misc]


class TooLargeError(Exception):
    """The other end sent more bytes than the limit."""


class Bounds:
    """The limits of the running exchange, and its progress. For one thread.

    ``started``: the request began to leave over a connection whose TLS was agreed.
    """

    def __init__(self, clock: t.Callable[[], float], timeout: float) -> None:
        self.timeout = timeout
        self._clock = clock
        self.begin("", 0.0, 0)

    def begin(self, step: str, deadline: float, allowance: int) -> None:
        """Begin an exchange with a deadline of the clock and a first allowance of bytes."""
        self.step = step
        self.deadline = deadline
        self.started = False
        self._received = 0
        self._received_before_tls: int | None = None
        self._allowance = allowance

    def allow(self, more: int) -> None:
        """Raise the limit by so many bytes."""
        self._allowance += more

    def is_over(self) -> bool:
        """Return whether the time is up."""
        return self._clock() >= self.deadline

    def left(self) -> float:
        """Return how many seconds are left; raises socket.timeout."""
        left = self.deadline - self._clock()
        if left <= 0:
            raise socket.timeout("timed out")
        return left

    def count(self, size: int) -> None:
        """Count received bytes; raises TooLargeError."""
        self._received += size
        if self._received > self._allowance:
            raise TooLargeError

    def agreed(self) -> None:
        """Note that this exchange has a new connection, with TLS agreed."""
        self._received_before_tls = self._received

    def heard_nothing(self) -> bool:
        """Return whether nothing came over the new connection yet: then an alert can only end its handshake."""
        return self._received == self._received_before_tls


class _Running(threading.local):
    """The exchange that a thread runs: its bounds, and the TLS session that a new connection takes up again."""

    bounds: Bounds
    session: ssl.SSLSession | None = None


running = _Running()


class _PlainSocket(socket.socket):
    """The socket below TLS: it carries the request to a proxy, and the handshake. Without TLS it carries everything."""

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        self.settimeout(running.bounds.left())
        content = super().recv(bufsize, flags)
        running.bounds.count(len(content))
        return content

    def recv_into(self, buffer: t.Any, nbytes: int = 0, flags: int = 0, /) -> int:
        self.settimeout(running.bounds.left())
        size = super().recv_into(buffer, nbytes, flags)
        running.bounds.count(size)
        return size

    def sendall(self, data: t.Any, flags: int = 0, /) -> None:
        self.settimeout(running.bounds.left())
        super().sendall(data, flags)


class _TlsSocket(ssl.SSLSocket):
    """The socket above TLS. Each operation has one time limit, however small the pieces in which its bytes come."""

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(running.bounds.left())
        super().do_handshake(block)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        self.settimeout(running.bounds.left())
        content = super().recv(buflen, flags)
        running.bounds.count(len(content))
        return content

    def recv_into(self, buffer: t.Any, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(running.bounds.left())
        size = super().recv_into(buffer, nbytes, flags)
        running.bounds.count(size)
        return size

    def send(self, data: t.Any, flags: int = 0) -> int:
        self.settimeout(running.bounds.left())
        return super().send(data, flags)


class _ResumingSocket(_TlsSocket):
    """The socket to the server itself, which takes up the TLS session of an earlier connection."""

    def do_handshake(self, block: bool = False) -> None:
        if running.session is not None:
            self.session = running.session
        super().do_handshake(block)


class Resumable:
    """The TLS session of the connections to one host, which the next one takes up again; None before the first."""

    session: ssl.SSLSession | None = None


class Connection(HTTPSConnection):
    """One connection; it reports its progress to the bounds of the exchange that runs on it."""

    resumable: Resumable

    def __init__(self, *arguments: t.Any, **options: t.Any) -> None:
        super().__init__(*arguments, **options)
        self._agreed = self._answered = False

    def connect(self) -> None:
        self._agreed = self._answered = False
        running.session = self.resumable.session
        try:
            super().connect()
        except ssl.SSLError as exc:
            if running.session is None:
                raise
            # Only a handshake without it shows whether TLS cannot be agreed; until then, sending again may help.
            self.resumable.session = None
            raise ConnectionResetError(errno.ECONNRESET, f"a TLS session was not taken up again: {exc}") from None
        self._agreed = True
        running.bounds.agreed()

    def send(self, data: t.Any) -> None:
        running.bounds.started = running.bounds.started or self._agreed
        with reading_on():
            super().send(data)

    def getresponse(self) -> t.Any:
        _fault_points.reach(f"{running.bounds.step} sent")
        sock = self.sock
        response = super().getresponse()
        if not self._answered:
            # TLS 1.3 hands over the means to resume a session after the handshake, before the first answer.
            self.resumable.session = getattr(sock, "session", None)
            self._answered = True
        return response

    def _new_conn(self) -> socket.socket:
        return connected(addresses_of(self._dns_host, self.port or 443))


@contextlib.contextmanager
def reading_on() -> t.Iterator[None]:
    """Have the library read on where the other end hung up, which may have said why before; a broken pipe does that."""
    try:
        yield
    except (ConnectionResetError, ssl.SSLEOFError) as exc:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from exc


def connected(addresses: t.Iterable[t.Any]) -> socket.socket:
    """Connect to the first address that answers; the library would give each of them all of the time."""
    failure = OSError("the name has no address")
    for family, kind, protocol, _canonical, address in addresses:
        sock = _PlainSocket(family, kind, protocol)
        try:
            sock.settimeout(running.bounds.left())
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as exc:
            sock.close()
            failure = exc
        else:
            return sock
    raise failure


def bounded(context: ssl.SSLContext, *, resuming: bool) -> ssl.SSLContext:
    """Have the connections of a context keep to the bounds of the exchange that runs on them."""
    if urllib3.__version__.startswith("1."):  # type: ignore[attr-defined]
        context.check_hostname = False  # it compares the names itself, once the handshake is over
    context.sslsocket_class = _ResumingSocket if resuming else _TlsSocket
    return context


def addresses_of(host: str, port: int) -> list[t.Any]:
    """Look a name up. Raises OSError."""
    try:
        return socket.getaddrinfo(host.strip("[]"), port, 0, socket.SOCK_STREAM)
    except UnicodeError as exc:
        raise OSError("this is not the name of a host") from exc
