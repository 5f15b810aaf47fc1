# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections without TLS.

They lead to this machine only, as to an agent or a sidecar that speaks TLS to the server by itself. What is signed by
itself may come from any host.
"""

from __future__ import annotations

import ipaddress
import socket
import typing as t

from .. import _fault_points
from .connection import addresses_of, connected, reading_on, running

try:
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool
except ImportError:  # told by REQUESTS_IMPORT_ERROR
    HTTPConnection = object  # type: ignore[assignment,misc]
    HTTPConnectionPool = object  # type: ignore[assignment,misc]


class PlainConnection(HTTPConnection):
    """One connection to this machine; it reports its progress to the bounds of the exchange that runs on it."""

    anywhere = False

    def send(self, data: t.Any) -> None:
        running.bounds.started = True
        with reading_on():
            super().send(data)

    def getresponse(self) -> t.Any:
        _fault_points.reach(f"{running.bounds.step} sent")
        return super().getresponse()

    def _new_conn(self) -> socket.socket:
        found = addresses_of(self._dns_host, self.port or 80)
        if self.anywhere:
            return connected(found)
        # whatever the name resolves to
        here = [address for address in found if ipaddress.ip_address(address[4][0].partition("%")[0]).is_loopback]
        if found and not here:
            raise OSError("plain http is spoken with this machine only, and this is the name of another one")
        return connected(here)


class PlainPool(HTTPConnectionPool):
    """The connections to one port of this machine."""

    ConnectionCls = PlainConnection


class _AnyPlainConnection(PlainConnection):
    """One connection to any host."""

    anywhere = True


class AnyPlainPool(HTTPConnectionPool):
    """The connections to one host, or to a proxy."""

    ConnectionCls = _AnyPlainConnection
