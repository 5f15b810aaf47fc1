# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of one run, kept for each host and each way to it, all with the same rules for TLS."""

from __future__ import annotations

import functools
import ssl
import threading
import typing as t

from .connection import Connection, Resumable, bounded
from .options import TransportOptions, is_this_machine
from .plain import AnyPlainPool, PlainPool

try:
    import urllib3
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
except ImportError:  # told by REQUESTS_IMPORT_ERROR
    HTTPSConnectionPool = object  # type: ignore[assignment,misc]

# More than a run meets, since the library closes the pool that was not used for the longest time.
_HOSTS = 256


class Pool(HTTPSConnectionPool):
    """The connections to one host. The library takes the one that was given back last."""

    ConnectionCls = Connection

    def __init__(self, *arguments: t.Any, **options: t.Any) -> None:
        super().__init__(*arguments, **options)
        self._resumable = Resumable()

    def _new_conn(self) -> Connection:
        connection = t.cast("Connection", super()._new_conn())
        connection.resumable = self._resumable
        return connection

    def _put_conn(self, conn: t.Any) -> None:
        """Keep a connection only where nothing follows the answer: those bytes would be read as the next answer."""
        if conn is not None and getattr(conn.sock, "pending", int)():
            conn.close()
        super()._put_conn(conn)


class Pools:
    """The pools of one run. Usable from several threads, of which ``connections`` send at a time."""

    def __init__(self, options: TransportOptions, connections: int) -> None:
        """Read the files of TLS. Raises ConfigurationError."""
        self._options = options
        self._trusted = options.ca_path or _default_ca_path()
        self._rules: dict[str, t.Any] = {
            "num_pools": _HOSTS,
            "maxsize": connections,
            "cert_reqs": "CERT_REQUIRED" if options.validate_certs else "CERT_NONE",
            "ssl_context": bounded(options.context(self._trusted), resuming=True),
        }
        self._plain = urllib3.PoolManager(num_pools=_HOSTS, maxsize=connections)
        self._plain.pool_classes_by_scheme = {"http": AnyPlainPool if options.plain_http else PlainPool}
        self._mutex = threading.Lock()
        self._managers: dict[str | None, urllib3.PoolManager] = {}
        # A service has few URLs, and they are slow to read.
        self.to = functools.lru_cache(16)(self._to)

    def _to(self, url: str, proxy: str | None) -> tuple[HTTPConnectionPool, str]:
        """Return the pool for a URL, and what to ask it for. Raises urllib3's errors.

        A proxy for plain http gets the whole URL.
        """
        parts = urllib3.util.parse_url(url)
        is_plain = parts.scheme == "http"
        if is_plain and proxy is None and (self._options.plain_http or is_this_machine(parts.host or "")):
            return self._plain.connection_from_host(parts.host, parts.port, "http"), parts.request_uri
        if parts.scheme != "https" and not (is_plain and self._options.plain_http):
            raise urllib3.exceptions.LocationParseError("only https is spoken")
        with self._mutex:
            if proxy not in self._managers:
                self._managers[proxy] = self._manager(proxy)
            manager = self._managers[proxy]
        pool = manager.connection_from_host(parts.host, parts.port, parts.scheme)
        return pool, url if is_plain else parts.request_uri

    def _manager(self, proxy: str | None) -> urllib3.PoolManager:
        manager: urllib3.PoolManager
        if proxy is None:
            manager = urllib3.PoolManager(**self._rules)
        else:
            manager = self._proxy_manager(proxy if "://" in proxy else f"http://{proxy}")
        manager.pool_classes_by_scheme = {"https": Pool, "http": AnyPlainPool}
        return manager

    def _proxy_manager(self, address: str) -> urllib3.ProxyManager:
        from .environment import proxy_headers

        context: ssl.SSLContext | None = None
        if address.lower().startswith("https:"):
            context = bounded(self._options.without_client_cert().context(self._trusted), resuming=False)
        return urllib3.ProxyManager(
            address, proxy_headers=proxy_headers(address), proxy_ssl_context=context, **self._rules
        )


def _default_ca_path() -> str:
    from .environment import default_ca_path

    return default_ca_path()
