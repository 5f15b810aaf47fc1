# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to listen for a browser that a redirect URL leads here."""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
import typing as t
from urllib.parse import urlsplit

from .._errors import ConfigurationError
from .._service.api import port_of

# The path that the button of the landing page asks for.
START = "/start"


@dataclasses.dataclass(frozen=True)
class ListenOptions:
    """Address, port and certificate of a listener. Paths are of PEM files. Without a certificate it speaks HTTP."""

    address: str
    port: int
    certificate_path: str | None = None
    private_key_path: str | None = None
    private_key_passphrase: str | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def read(cls, params: t.Mapping[str, t.Any]) -> ListenOptions:
        """Return where to listen by the options of a module. Raises ConfigurationError."""
        return cls.at(
            params["redirect_url"],
            address=params["listen_address"],
            port=params["listen_port"],
            certificate_path=params["certificate_path"],
            private_key_path=params["private_key_path"],
            private_key_passphrase=params["private_key_passphrase"],
        )

    @classmethod
    def at(
        cls,
        redirect_url: str,
        *,
        address: str | None = None,
        port: int | None = None,
        certificate_path: str | None = None,
        private_key_path: str | None = None,
        private_key_passphrase: str | None = None,
    ) -> ListenOptions:
        """Return where to listen: where the redirect URL leads, unless told otherwise. Raises ConfigurationError.

        Without a certificate only on this machine itself: on the network others could read the token.
        """
        parts = urlsplit(redirect_url)
        here = _ip_address(address or str(parts.hostname))
        if port is not None and not 0 < port < 65536:
            raise ConfigurationError(f"listen_port must be from 1 to 65535, not {port}")
        if parts.path == START:
            raise ConfigurationError(f"redirect_url must not have the path {START}, which the page's button needs")
        if parts.scheme == "http" and not _is_loopback(str(parts.hostname)):
            raise ConfigurationError("redirect_url must begin with https where it leads to another machine")
        if certificate_path and parts.scheme == "http":
            raise ConfigurationError("certificate_path is set, but redirect_url begins with http: change one of them")
        if not certificate_path and (private_key_path or private_key_passphrase):
            raise ConfigurationError("private_key_path and private_key_passphrase need certificate_path")
        if not certificate_path and not _is_loopback(here):
            raise ConfigurationError(
                f"certificate_path is not set, and without a certificate only an address of this machine itself such "
                f"as 127.0.0.1 is listened on, not {here}"
            )
        return cls(here, port or port_of(redirect_url), certificate_path, private_key_path, private_key_passphrase)


def _ip_address(host: str) -> str:
    """Return the one address of a name to listen on; IPv4 where it has both, as browsers try that as well."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise ConfigurationError(f"{host} has no address: set listen_address to the one to listen on") from exc
    return str(min(found, key=lambda info: info[0] != socket.AF_INET)[4][0])


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
