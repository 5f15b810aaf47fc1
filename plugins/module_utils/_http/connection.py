# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of the HTTP library with a limit of time and size for the whole exchange.

The library has a time-out for each read only, and no limit for the bytes before a body. Here each read and each write
may take the time that is left to its exchange, and every byte counts: TLS handshakes, proxies, interim answers and
headers included. Only the lookup of a name takes as long as the resolver of the system allows.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import ssl
import typing as t

from .. import _fault_points

try:
    import urllib3
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPSConnection
    from urllib3.connectionpool import HTTPSConnectionPool
except ImportError:  # told by REQUESTS_IMPORT_ERROR
    HTTPAdapter = HTTPSConnection = HTTPSConnectionPool = object  # type: ignore[assignment,misc]


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


class _PlainSocket(socket.socket):
    """The socket below TLS: it carries the request to a proxy, and the handshake."""

    bounds: Bounds

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        self.settimeout(self.bounds.left())
        content = super().recv(bufsize, flags)
        self.bounds.count(len(content))
        return content

    def recv_into(self, buffer: t.Any, nbytes: int = 0, flags: int = 0, /) -> int:
        self.settimeout(self.bounds.left())
        size = super().recv_into(buffer, nbytes, flags)
        self.bounds.count(size)
        return size

    def sendall(self, data: t.Any, flags: int = 0, /) -> None:
        self.settimeout(self.bounds.left())
        super().sendall(data, flags)


class _TlsSocket(ssl.SSLSocket):
    """The socket above TLS. Each operation has one time limit, however small the pieces in which its bytes come."""

    bounds: Bounds

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(self.bounds.left())
        super().do_handshake(block)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        self.settimeout(self.bounds.left())
        content = super().recv(buflen, flags)
        self.bounds.count(len(content))
        return content

    def recv_into(self, buffer: t.Any, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(self.bounds.left())
        size = super().recv_into(buffer, nbytes, flags)
        self.bounds.count(size)
        return size

    def send(self, data: t.Any, flags: int = 0) -> int:
        self.settimeout(self.bounds.left())
        return super().send(data, flags)


class _Connection(HTTPSConnection):
    """One connection; it reports its progress to the bounds."""

    def __init__(self, *arguments: t.Any, bounds: Bounds, **options: t.Any) -> None:
        super().__init__(*arguments, **options)
        self._bounds = bounds
        self._agreed = False

    def connect(self) -> None:
        self._agreed = False
        super().connect()
        self._agreed = True
        self._bounds.agreed()

    def send(self, data: t.Any) -> None:
        self._bounds.started = self._bounds.started or self._agreed
        try:
            super().send(data)
        except (ConnectionResetError, ssl.SSLEOFError) as exc:
            # After a broken pipe the library reads on: the other end may have said why before it hung up.
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from exc

    def getresponse(self) -> t.Any:
        _fault_points.reach(f"{self._bounds.step} sent")
        return super().getresponse()

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers; the library would give each of them all of the time."""
        failure = OSError("the name has no address")
        for family, kind, protocol, _canonical, address in _addresses(self._dns_host, self.port or 443):
            sock = _PlainSocket(family, kind, protocol)
            sock.bounds = self._bounds
            try:
                sock.settimeout(self._bounds.left())
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as exc:
                sock.close()
                failure = exc
            else:
                return sock
        raise failure


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection

    def _put_conn(self, conn: t.Any) -> None:
        """Keep a connection only where nothing follows the answer: those bytes would be read as the next answer."""
        if conn is not None and getattr(conn.sock, "pending", int)():
            conn.close()
        super()._put_conn(conn)


class Adapter(HTTPAdapter):
    """Have requests use these connections. ``for_proxy`` makes the context for a proxy that speaks TLS itself."""

    def __init__(self, bounds: Bounds, service: ssl.SSLContext, for_proxy: t.Callable[[], ssl.SSLContext]) -> None:
        self._pools = {"https": functools.partial(_Pool, bounds=bounds)}
        self._bounds = bounds
        self._service = self._bounded(service)
        self._for_proxy = for_proxy
        super().__init__(pool_connections=2, pool_maxsize=1)

    def init_poolmanager(self, *arguments: t.Any, **options: t.Any) -> None:
        super().init_poolmanager(*arguments, **options, ssl_context=self._service)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: t.Any) -> t.Any:
        if proxy not in self.proxy_manager:
            options["ssl_context"] = self._service
            if proxy.lower().startswith("https:"):
                options["proxy_ssl_context"] = self._bounded(self._for_proxy())
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def cert_verify(self, conn: t.Any, _url: str, verify: t.Any, _cert: t.Any) -> None:
        """Leave the choice of trusted certificates to the context."""
        conn.cert_reqs = "CERT_REQUIRED" if verify else "CERT_NONE"

    def _bounded(self, context: ssl.SSLContext) -> ssl.SSLContext:
        if urllib3.__version__.startswith("1."):  # type: ignore[attr-defined]
            context.check_hostname = False  # it compares the names itself, once the handshake is over
        context.sslsocket_class = type("_BoundedTlsSocket", (_TlsSocket,), {"bounds": self._bounds})
        return context


def _addresses(host: str, port: int) -> list[t.Any]:
    try:
        return socket.getaddrinfo(host.strip("[]"), port, 0, socket.SOCK_STREAM)
    except UnicodeError as exc:
        raise OSError("this is not the name of a host") from exc
