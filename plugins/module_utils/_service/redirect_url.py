# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registered redirect URL, to which a login with a browser leads in the end. Pure.

Source: the vendor's page, "Before you start": "This address must be registered in Redtrust".
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

from .._errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}


def check_redirect_url(url: str) -> None:
    """Raise ConfigurationError where a service cannot send a browser to this address."""
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


def port_of(redirect_url: str) -> int:
    """Return the port of a redirect URL; where it names none, the usual one of its scheme."""
    parts = urlsplit(redirect_url)
    return parts.port or _PORTS[parts.scheme]


def is_host_of(redirect_url: str, host: str) -> bool:
    """Return whether the header ``Host`` of a request names the host of a redirect URL.

    The name counts, against DNS rebinding. A browser leaves out the usual port, and some reverse proxies leave out any
    port; one that is given has to be right.
    """
    try:
        asked, registered = urlsplit(f"//{host}"), urlsplit(redirect_url)
        port = asked.port
    except ValueError:
        return False
    if asked.netloc != host or "@" in host or not asked.hostname:
        return False
    same_name = _canonical(asked.hostname) == _canonical(str(registered.hostname))
    return same_name and port in (None, port_of(redirect_url))


def leads_to(address: str, redirect_url: str) -> bool:
    """Return whether an address is the registered one, but for its query."""
    try:
        return _without_query(urlsplit(address)) == _without_query(urlsplit(redirect_url))
    except ValueError:
        return False


def _without_query(parts: SplitResult) -> tuple[str, str | None, int | None, str]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), parts.path or "/"


def _canonical(host: str) -> str:
    """Return a host as browsers write it: addresses in their shortest form, names without a dot at the end."""
    name = host.lower().rstrip(".")
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name))
    with contextlib.suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(name))  # 127.1, 0x7f.1
    return name
