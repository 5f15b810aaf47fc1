# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registered redirect URL: where a login with a browser ends, and where a person is waited for.

Source: the vendor's page, "Before you start": "This address must be registered in Redtrust".
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

from .._errors import ConfigurationError

# What the button of the landing page asks for.
START = "/start"
_PORTS = {"http": 80, "https": 443}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where to listen, and with which certificate; without one it is plain HTTP. All paths are of PEM files."""

    address: str
    port: int
    certificate_path: str | None = None
    private_key_path: str | None = None
    private_key_passphrase: str | None = dataclasses.field(default=None, repr=False)

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
    ) -> Place:
        """Return where to listen for whom a redirect URL leads here. Raises ConfigurationError.

        Without a certificate only on this machine itself: whoever sees what passes by would see the token.
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
        standard = parts.port or _PORTS[parts.scheme]
        return cls(here, port or standard, certificate_path, private_key_path, private_key_passphrase)


def check_redirect_url(url: str) -> None:
    """Raise ConfigurationError where this is no address to be sent back to."""
    try:
        parts = urlsplit(url)
        fit = parts.scheme in _PORTS and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        fit = False
    if not fit or not re.fullmatch(r"[!-~]+", url):
        raise ConfigurationError(
            "redirect_url must be the address that is registered at the service, such as "
            f"http://127.0.0.1:8765/callback, not {url!r}"
        )


def landing_address(redirect_url: str) -> str:
    """Return the address that a person opens: the registered one, without its query."""
    parts = urlsplit(redirect_url)
    return f"{parts.scheme}://{parts.netloc}{parts.path or '/'}"


def is_host_of(redirect_url: str, host: str) -> bool:
    """Return whether the header ``Host`` of a request names the place to which a redirect URL leads.

    The name is what counts, against DNS rebinding. A browser leaves out the port that is the usual one, and some
    reverse proxies leave out any; one that is given has to be right.
    """
    try:
        asked, there = urlsplit(f"//{host}"), urlsplit(redirect_url)
        port = asked.port
    except ValueError:
        return False
    if asked.netloc != host or "@" in host or not asked.hostname:
        return False
    same_name = _canonical(asked.hostname) == _canonical(str(there.hostname))
    return same_name and port in (None, there.port or _PORTS[there.scheme])


def leads_to(address: str, redirect_url: str) -> bool:
    """Return whether an address is the registered one, whatever its query."""
    try:
        return _place(urlsplit(address)) == _place(urlsplit(redirect_url))
    except ValueError:
        return False


def _place(parts: SplitResult) -> tuple[str, str | None, int | None, str]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), parts.path or "/"


def _canonical(host: str) -> str:
    """Return a host as browsers write it: addresses in their shortest form, names without a dot at the end."""
    name = host.lower().rstrip(".")
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name))
    with contextlib.suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(name))  # 127.1, 0x7f.1
    return name


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
