# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a transport: trusted CAs, client certificate, proxy, time limit."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t
from pathlib import Path

from .._errors import ConfigurationError

if t.TYPE_CHECKING:
    import ssl

# The largest answers are a CSR with its envelope, and a certificate with its chain: a few KiB.
MAX_ANSWER_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class TransportOptions:
    """How to reach a server. ``timeout`` is in seconds, for one request and its whole answer.

    ``plain_http`` allows http to any host, for what is signed by itself and no secret, such as a revocation list.
    ``largest`` is how many bytes the body of an answer may have.
    """

    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    client_key_passphrase: str | None = dataclasses.field(default=None, repr=False)
    proxy: str | None = dataclasses.field(default=None, repr=False)
    timeout: float = 30.0
    plain_http: bool = False
    largest: int = MAX_ANSWER_BYTES

    def context(self, ca_path: str | None) -> ssl.SSLContext:
        """Return the rules for TLS, with these CA certificates. Raises ConfigurationError."""
        from .tls import client_context

        return client_context(
            validate_certs=self.validate_certs,
            ca_path=ca_path,
            client_cert=self.client_cert,
            client_key=self.client_key,
            client_key_passphrase=self.client_key_passphrase,
        )

    def without_client_cert(self) -> TransportOptions:
        """Return the options towards a proxy, which does not see the client certificate."""
        return dataclasses.replace(self, client_cert=None, client_key=None, client_key_passphrase=None)


def is_this_machine(host: str) -> bool:
    """Return whether a host in a URL is this machine: a loopback address, or ``localhost``."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_files(options: TransportOptions) -> None:
    """Raise ConfigurationError when a file that TLS needs, or the proxy, cannot be used; nothing is sent before."""
    for name in ("ca_path", "client_cert", "client_key"):
        path = getattr(options, name)
        try:
            if path and _is_empty(path):
                raise ConfigurationError(f"{name}: {path} is empty")
        except OSError as exc:
            raise ConfigurationError(f"{name}: {path} cannot be read ({exc.strerror})") from exc
    if options.client_key and not options.client_cert:
        raise ConfigurationError("client_key needs client_cert")
    if options.client_key_passphrase and not options.client_cert:
        raise ConfigurationError("client_key_passphrase needs client_cert")
    if options.proxy:
        _check_proxy(options.proxy)
    if options.ca_path or options.client_cert:
        options.context(options.ca_path)


def _check_proxy(address: str) -> None:
    from .failures import PROXY_ADVICE, is_proxy

    if not is_proxy(address):
        raise ConfigurationError(PROXY_ADVICE)


def _is_empty(path: str) -> bool:
    with Path(path).open("rb") as file:
        return not file.read(1)
