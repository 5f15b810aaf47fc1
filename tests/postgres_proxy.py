# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy between a client and PostgreSQL that cuts connections at a COMMIT, or ends TLS.

It knows the framing of the protocol, <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
"""

from __future__ import annotations

import contextlib
import enum
import re
import selectors
import shutil
import socket
import ssl
import struct
import tempfile
import threading
import typing as t
from pathlib import Path

from psycopg import conninfo

_SSL_REQUEST = 80877103
_MOST_BYTES = 65536


class Cut(enum.Enum):
    """What happens at a COMMIT."""

    BEFORE = "the server does not get it"
    AFTER = "the server commits, and the client gets no answer"
    AT_ONCE = "the server gets it, and the connection ends before anybody knows more"
    HANG_BEFORE = "the server does not get it, and the connection stays open"
    HANG_AFTER = "the server commits, and the connection stays open without an answer"


class Proxy:
    """A proxy to the server of a connection string. ``close`` it in any case.

    With ``tls``, the paths of a certificate and its key, it listens on the loopback interface and speaks TLS to those
    who ask for it. Without, it listens on a socket. ``commits`` counts the COMMITs that clients have sent.
    """

    def __init__(self, dsn: str, tls: tuple[Path, Path] | None = None) -> None:
        self.commits = 0
        self.happened = 0
        self.is_down = False
        self._given = dsn
        self._server = conninfo.conninfo_to_dict(dsn)
        self._armed: t.Mapping[int, Cut] = {}
        self._stays_down = False
        self._lock = threading.Lock()
        self._directory = Path(tempfile.mkdtemp(prefix="pg-proxy-", dir="/tmp"))
        self._open: set[socket.socket] = set()
        self._tls: ssl.SSLContext | None = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
            self._listener = socket.create_server(("127.0.0.1", 0))
            self._place = {"host": "127.0.0.1", "port": str(self._listener.getsockname()[1])}
        else:
            path = self._directory / ".s.PGSQL.5432"
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen(64)
            self._place = {"host": str(self._directory), "port": "5432"}
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def dsn(self) -> str:
        """The connection string for clients."""
        return conninfo.make_conninfo(self._given, **self._place)

    def arm(self, cuts: t.Mapping[int, Cut], *, stay_down: bool = False) -> None:
        """Let it happen at these COMMITs from now on, counted from 1; afterwards refuse connections if asked to."""
        with self._lock:
            self.commits, self.happened = 0, 0
            self._armed, self._stays_down = cuts, stay_down

    def cut_all(self) -> None:
        """End all connections."""
        with self._lock:
            found = list(self._open)
        for one in found:
            _shut(one)

    def close(self) -> None:
        """End all connections, and accept no other."""
        _shut(self._listener)
        self._accepting.join()
        self._listener.close()
        self.cut_all()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # -- connections ----------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            if self.is_down:
                client.close()
            else:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, self._with_tls(client) as spoken, self._to_server() as server:
            with self._lock:
                self._open |= {spoken, server}
            try:
                _Link(self, spoken, server).run()
            finally:
                with self._lock:
                    self._open -= {spoken, server}
                _shut(spoken)

    def _to_server(self) -> socket.socket:
        host, port = str(self._server["host"]), str(self._server["port"])
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _with_tls(self, client: socket.socket) -> socket.socket:
        """Return the socket to speak on. The client asks for TLS with its first message."""
        asked = client.recv(8, socket.MSG_PEEK | socket.MSG_WAITALL) if self._tls else b""
        if self._tls is None or asked != struct.pack("!ii", 8, _SSL_REQUEST):
            return client
        client.recv(8)
        client.sendall(b"S")
        return self._tls.wrap_socket(client, server_side=True)

    def due(self) -> Cut | None:
        """Count a COMMIT; return what happens at it."""
        with self._lock:
            self.commits += 1
            cut = self._armed.get(self.commits)
            if cut is not None:
                self.happened += 1
                self.is_down = self._stays_down
            return cut


class _Link:
    """One client with its connection to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._from_client = b""
        self._from_server = b""
        self._is_begun = False
        # what happens when the server has committed
        self._then: Cut | None = None

    def run(self) -> None:
        """Pass messages on until one side ends, or it is cut."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._client, selectors.EVENT_READ, self._read_client)
            selector.register(self._server, selectors.EVENT_READ, self._read_server)
            while True:
                for key, _events in selector.select():
                    going: t.Callable[[], bool] = key.data
                    if not going():
                        return

    def _read_client(self) -> bool:
        read = _read(self._client)
        self._from_client += read
        while message := self._next_message():
            cut = self._proxy.due() if message[:1] in b"QP" and _is_commit(message) else None
            if cut is Cut.BEFORE:
                return False
            if cut is Cut.HANG_BEFORE:
                self._hang()
                return False
            self._server.sendall(message)
            if cut is Cut.AT_ONCE:
                return False
            self._then = cut or self._then
        return bool(read)

    def _read_server(self) -> bool:
        read = _read(self._server)
        if self._then is None:
            self._client.sendall(read)
            return bool(read)
        self._from_server += read
        if b"COMMIT\0" not in self._from_server:
            if b"ROLLBACK\0" in self._from_server:  # it could not commit, and says so
                self._client.sendall(self._from_server)
                self._then, self._from_server = None, b""
            return bool(read)
        if self._then is Cut.HANG_AFTER:
            self._hang()
        return False

    def _hang(self) -> None:
        """Wait until the client gives up, or the proxy ends."""
        while self._client.recv(_MOST_BYTES):
            pass

    def _next_message(self) -> bytes:
        """Return the next whole message of the client, the first of which has no type; nothing if there is none."""
        begin = 1 if self._is_begun else 0
        if len(self._from_client) < begin + 4:
            return b""
        (length,) = struct.unpack_from("!i", self._from_client, begin)
        if len(self._from_client) < begin + length:
            return b""
        message, self._from_client = self._from_client[: begin + length], self._from_client[begin + length :]
        # the request for another encryption comes before the first message, and is answered in clear
        self._is_begun = self._is_begun or length != 8
        return message


def _is_commit(message: bytes) -> bool:
    """Return whether a query, of one or more statements, or the text of a statement after its name commits."""
    text = message[5:] if message[:1] == b"Q" else message[5:].partition(b"\0")[2]
    return bool(re.search(rb"(^|;)\s*(COMMIT|END)\b", text, re.IGNORECASE))


def _read(one: socket.socket) -> bytes:
    read = one.recv(_MOST_BYTES)
    while isinstance(one, ssl.SSLSocket) and one.pending():
        read += one.recv(_MOST_BYTES)
    return read


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
