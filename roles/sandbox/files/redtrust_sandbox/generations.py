# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two generations of the service: the verb, path, port and requirements of each step.

The source of the 4.33 table is the vendor's page. The source of the 4.42 table is the table in the contract.
"""

from __future__ import annotations

import dataclasses
import typing as t

ApiVersion = str

AUTH = "auth"
RA = "ra"
ANY = "any"


@dataclasses.dataclass(frozen=True)
class Step:
    """One kind of request.

    ``mutating`` marks the steps that change keys or certificates on the server, not those that change sessions.
    ``bearer`` is the kind of token that authorizes the step, if any. ``signed`` is false if no generation requires a
    signature: a browser cannot sign its own requests.
    """

    name: str
    method: str
    path: str
    port: str
    bearer: str | None = None
    signed: bool = True
    mutating: bool = False
    json_body: bool = True


@dataclasses.dataclass(frozen=True)
class Generation:
    """One published generation of the service."""

    api_version: ApiVersion
    signature_required: bool
    two_ports: bool
    steps: tuple[Step, ...]

    def find(self, method: str, path: str) -> Step | None:
        """Return the step of a verb and path, or None."""
        for step in self.steps:
            if step.path == path and step.method == method:
                return step
        return None

    def named(self, name: str) -> Step:
        """Return the first step of this name."""
        return next(step for step in self.steps if step.name == name)

    def serves(self, port: str, path: str) -> bool:
        """Tell whether a port of this kind serves this path."""
        if not self.two_ports or path == OPENAPI_PATH:
            return True
        wanted = RA if path.startswith("/raapi/") else AUTH
        return port == wanted


LOGIN_REQUEST_PATH = "/authclient/auth/loginrequest"
LOGIN_FORM_PATH = "/authclient/auth/login"
LOGIN_CERTIFICATE_PATH = "/authclient/auth/certificate"
OPENAPI_PATH = "/openapi.json"

_BROWSER = (
    Step("login_request", "GET", LOGIN_REQUEST_PATH, AUTH, json_body=False),
    Step("login_form", "POST", LOGIN_FORM_PATH, AUTH, signed=False, json_body=False),
    Step("login_certificate", "GET", LOGIN_CERTIFICATE_PATH, AUTH, signed=False, json_body=False),
    Step("openapi", "GET", OPENAPI_PATH, ANY, signed=False, json_body=False),
)

V433 = Generation(
    api_version="4.33",
    signature_required=True,
    two_ports=True,
    steps=(
        *_BROWSER,
        Step("exchange", "GET", "/authapi/v1/login_by_temp_token", AUTH, bearer="temporary"),
        Step("refresh", "PUT", "/authapi/v1/refresh-token", AUTH, bearer="access"),
        Step("logout", "DELETE", "/authapi/v1/logout", AUTH, bearer="access", json_body=False),
        Step("create", "GET", "/raapi/v1/csr/create", RA, bearer="access", mutating=True),
        Step("create", "GET", "/raapi/v2/csr/create", RA, bearer="access", mutating=True),
        Step("finalize", "PUT", "/raapi/v1/csr/finalize", RA, bearer="access", mutating=True),
    ),
)

V442 = Generation(
    api_version="4.42",
    signature_required=False,
    two_ports=False,
    steps=(
        *_BROWSER,
        Step("login", "POST", "/raapi/v1/auth/login", RA),
        Step("exchange", "POST", "/authapi/v1/login_by_temp_token", AUTH),
        Step("refresh", "PUT", "/raapi/v1/auth/refresh-token", RA),
        Step("logout", "DELETE", "/raapi/v1/auth/logout", RA, bearer="access", json_body=False),
        Step("create", "POST", "/raapi/v1/csr/create", RA, bearer="access", mutating=True),
        Step("finalize", "PUT", "/raapi/v1/csr/finalize", RA, bearer="access", mutating=True),
    ),
)

GENERATIONS: t.Mapping[ApiVersion, Generation] = {"4.33": V433, "4.42": V442}
STEP_NAMES = (
    "login_request",
    "login_form",
    "login_certificate",
    "login",
    "exchange",
    "refresh",
    "logout",
    "create",
    "finalize",
)
