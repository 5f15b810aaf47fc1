# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the endpoints of one service are."""

from __future__ import annotations

import dataclasses

from .contract import Contract, Endpoint


@dataclasses.dataclass(frozen=True)
class Address:
    """Where the service listens."""

    host: str
    ra_port: int
    auth_port: int

    def url(self, endpoint: Endpoint) -> str:
        """Return the URL of an endpoint."""
        return self._base(self.auth_port if endpoint.port == "auth" else self.ra_port) + endpoint.path

    def login_page(self, contract: Contract) -> str:
        """Return the URL of the page at which a person signs in, without its query."""
        return self._base(self.auth_port) + contract.login_page

    def _base(self, port: int) -> str:
        host = f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host
        return f"https://{host}:{port}"
