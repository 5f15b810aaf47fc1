# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts about one request during its processing."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from starlette.requests import Request, cookie_parser

from redtrust_sandbox.errors import ApiError
from redtrust_sandbox.generations import Step
from redtrust_sandbox.settings import Settings


@dataclasses.dataclass
class Call:
    """One request, from its arrival to the answer.

    ``number`` is its row in the ledger. ``problem`` is an error from before its checks. ``client_name`` is the common
    name in the client certificate, if there is one. ``partner``, ``user`` and ``session`` are set after their
    verification.
    """

    number: int
    settings: Settings
    step: Step | None
    path: str
    headers: t.Mapping[str, str]
    query: t.Mapping[str, str]
    body: bytes
    client_name: str | None = None
    problem: ApiError | None = None
    partner: str | None = None
    user: str | None = None
    session: str | None = None
    error_code: str | None = None

    @property
    def now(self) -> float:
        """Return the time of the server's clock, in seconds since the epoch."""
        return time.time() + self.settings.clock_offset

    @property
    def wants_html(self) -> bool:
        """Tell whether the client accepts HTML, as browsers do."""
        return "text/html" in self.headers.get("accept", "")

    @property
    def cookies(self) -> t.Mapping[str, str]:
        """Return the cookies of the request, by name."""
        return cookie_parser(self.headers.get("cookie", ""))

    def bearer(self, required: bool = True) -> str | None:
        """Return the token of the Authorization header; raises ApiError."""
        header = self.headers.get("authorization")
        if header is None and not required:
            return None
        scheme, _space, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized("TOKEN_MISSING", "A Bearer token is required")
        return token.strip()


def of(request: Request) -> Call:
    """Return the call of a request."""
    return t.cast("Call", request.state.call)


def unauthorized(code: str, message: str) -> ApiError:
    """Return the error for a refused token."""
    return ApiError(401, code, message, {"WWW-Authenticate": "Bearer"})
