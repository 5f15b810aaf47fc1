# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server process: sockets, TLS, uvicorn, the lock and ready.json."""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import functools
import ipaddress
import json
import os
import pathlib
import signal
import socket
import ssl
import time
import typing as t

import uvicorn

from redtrust_sandbox import app as application
from redtrust_sandbox import files, front, tls
from redtrust_sandbox.config import Config
from redtrust_sandbox.enrollment import Enrollment
from redtrust_sandbox.errors import ProcessError
from redtrust_sandbox.generations import GENERATIONS, Generation
from redtrust_sandbox.keys import KeyShop
from redtrust_sandbox.ledger import FILE_NAME, Ledger
from redtrust_sandbox.sessions import Sessions
from redtrust_sandbox.wire import Connection

if t.TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as _Protocol
else:
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Protocol
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol as _Protocol

_LOCK_ATTEMPTS = 50


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of a server. ``stop_after`` is in seconds; port 0 is any free port.

    The server writes to ``ready_fd`` when it listens.
    """

    directory: pathlib.Path
    api_version: str
    host: str = "127.0.0.1"
    port: int = 0
    auth_port: int = 0
    key_pool: int = 8
    fill_key_pool: bool = False
    allow_remote: bool = False
    parent_pid: int | None = None
    stop_after: float | None = None
    ready_fd: int | None = None


class CountedProtocol(_Protocol):
    """Record the connections, and give each to the application as ``scope["state"]["connection"]``."""

    def __init__(self, ledger: Ledger, *arguments: t.Any, **others: t.Any) -> None:
        super().__init__(*arguments, **others)
        self._ledger = ledger

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Register a new connection."""
        port = transport.get_extra_info("sockname")[1]
        row = {"at": time.time(), "port": port, "resumed": int(tls.is_resumed(transport))}
        connection = Connection(self._ledger.insert("connections", row), transport, tls.client_name(transport))
        self.app_state = {**self.app_state, "connection": connection}
        super().connection_made(transport)


class SandboxServer(uvicorn.Server):
    """A server that reports when it listens, and that ends with its parent or after a time."""

    def __init__(self, config: uvicorn.Config, options: Options, ready: t.Callable[[], None]) -> None:
        super().__init__(config)
        self._options = options
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and report it."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        if self._options.stop_after is not None:
            loop.call_later(self._options.stop_after, self._stop)
        if self._options.parent_pid is not None:
            self._watch(self._options.parent_pid)
        self._ready()

    def _stop(self) -> None:
        self.should_exit = True

    def _watch(self, pid: int) -> None:
        loop = asyncio.get_running_loop()
        if hasattr(os, "pidfd_open"):
            try:
                loop.add_reader(os.pidfd_open(pid), self._stop)
            except ProcessLookupError:
                self._stop()
        elif _alive(pid):
            loop.call_later(0.5, self._watch, pid)
        else:
            self._stop()


def serve(options: Options, config: Config) -> None:
    """Serve until a signal, the parent's end, or ``stop_after``; raises ProcessError and ConfigError."""
    _check_host(options)
    config.check()
    directory = files.private_directory(options.directory)
    generation = GENERATIONS[options.api_version]
    _lock(directory)
    sockets = _listen(options, generation)
    ledger = Ledger(directory)
    ledger.prepare(config.initial_settings())
    keys = KeyShop(options.key_pool)
    keys.start()
    if options.fill_key_pool:
        keys.wait_until_full()
    services = application.Services(config, ledger, Sessions(ledger, directory), Enrollment(ledger, keys))
    door = front.Front(generation, services, application.build(generation, services))
    ra_port, auth_port = sockets[0].getsockname()[1], sockets[-1].getsockname()[1]
    door.ports = front.port_kinds(generation, auth_port, ra_port)
    facts = describe(options, config, directory, ra_port, auth_port)
    server = SandboxServer(
        _uvicorn_config(door, ledger, tls.context(directory, options.host, config.tls)),
        options,
        lambda: _announce(options, directory, facts),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        server.run(sockets=sockets)
    finally:
        keys.stop()
        ledger.close()
        (directory / files.READY_FILE).unlink(missing_ok=True)


def _uvicorn_config(door: front.Front, ledger: Ledger, context: ssl.SSLContext) -> uvicorn.Config:
    config = uvicorn.Config(
        door,
        # uvicorn only calls it, and accepts what is not a class.
        http=t.cast("type[asyncio.Protocol]", functools.partial(CountedProtocol, ledger)),
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    config.load()
    config.ssl = context
    return config


def document(directory: pathlib.Path, api_version: str) -> dict[str, t.Any]:
    """Return the OpenAPI document of a generation without serving it."""
    ledger = Ledger(directory)
    enrollment = Enrollment(ledger, KeyShop(0))
    services = application.Services(Config(), ledger, Sessions(ledger, directory), enrollment)
    openapi: dict[str, t.Any] = application.build(GENERATIONS[api_version], services).openapi()
    ledger.close()
    return openapi


def describe(
    options: Options, config: Config, directory: pathlib.Path, ra_port: int, auth_port: int
) -> dict[str, t.Any]:
    """Return the content of ready.json."""
    partner, user = config.partners[0], config.users[0]
    return {
        "pid": os.getpid(),
        "api_version": options.api_version,
        "host": options.host,
        "port": ra_port,
        "auth_port": auth_port,
        "directory": str(directory),
        "ca_path": str(directory / tls.CA_FILE),
        "ledger_path": str(directory / FILE_NAME),
        "partner": partner.name,
        "partner_secret": partner.secret,
        "partner_secret_encoding": partner.secret_encoding,
        "redirect_url": partner.redirect_urls[0] if partner.redirect_urls else None,
        "username": user.username,
        "password": user.password,
        "domain": user.domain,
    }


def _announce(options: Options, directory: pathlib.Path, facts: t.Mapping[str, t.Any]) -> None:
    files.write_private(directory / files.READY_FILE, json.dumps(facts, indent=2).encode() + b"\n")
    places = f"https://{options.host}:{facts['port']}, login on port {facts['auth_port']}"
    print(f"Redtrust sandbox {options.api_version}: {places}, directory {directory}", flush=True)
    if options.ready_fd is not None:
        os.write(options.ready_fd, b"ready")
        os.close(options.ready_fd)


def _check_host(options: Options) -> None:
    try:
        loopback = options.host == "localhost" or ipaddress.ip_address(options.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not options.allow_remote:
        raise ProcessError(f"{options.host} is not a loopback address; say --allow-remote to serve others")


def _listen(options: Options, generation: Generation) -> list[socket.socket]:
    sockets = [_bind(options.host, options.port)]
    if generation.two_ports:
        sockets.append(_bind(options.host, options.auth_port))
    return sockets


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as exc:
        raise ProcessError(f"Cannot listen on {host} port {port}: {exc.strerror}") from exc
    return sock


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _lock(directory: pathlib.Path) -> None:
    """Lock the directory until this process ends. The lock file contains the process id.

    A process that only checks the lock holds it for an instant, so this tries several times.
    """
    descriptor = os.open(directory / files.LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    for _attempt in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
            continue
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return
    raise ProcessError(f"A server runs in {directory} already")
