# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application of one generation: its endpoints and its OpenAPI document."""

from __future__ import annotations

import dataclasses
import typing as t

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from redtrust_sandbox import call as calls
from redtrust_sandbox import envelope, login, models, pages
from redtrust_sandbox.call import Call, unauthorized
from redtrust_sandbox.config import Config
from redtrust_sandbox.enrollment import Enrollment
from redtrust_sandbox.errors import ApiError
from redtrust_sandbox.generations import V433, Generation, Step
from redtrust_sandbox.ledger import Ledger
from redtrust_sandbox.openapi import describe
from redtrust_sandbox.sessions import Sessions

_NAMES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}

Endpoint = t.Callable[..., t.Awaitable[Response]]


@dataclasses.dataclass
class Services:
    """The parts of the server that the endpoints use."""

    config: Config
    ledger: Ledger
    sessions: Sessions
    enrollment: Enrollment


def build(generation: Generation, services: Services) -> FastAPI:
    """Return the application of a generation."""
    app = FastAPI(
        title="Redtrust sandbox",
        version=generation.api_version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    endpoints = _Endpoints(generation, services)
    # The router tries the routes in order, and most requests are those of the last steps.
    for step in reversed(generation.steps):
        if step.name == "openapi":
            continue
        endpoint, answer = endpoints.of(step)
        app.add_api_route(
            step.path,
            endpoint,
            methods=[step.method],
            response_model=answer,
            name=step.name,
            operation_id=step.name + ("_renew" if "/v2/" in step.path else ""),
        )
    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _not_routed)
    describe(app, generation)
    return app


def refusal(call: Call, error: ApiError) -> Response:
    """Return the answer to a refused request."""
    call.error_code = error.code
    if call.wants_html and call.path.startswith("/authclient/"):
        return pages.error_page(error.status, error.message)
    status = 200 if call.settings.error_status == "ok" else error.status
    return _json(envelope.error(call.settings, error.code, error.message), status, error.headers)


def _json(body: bytes, status: int = 200, headers: t.Mapping[str, str] | None = None) -> Response:
    response = Response(body, status, dict(headers or {}))
    response.headers["Content-Type"] = envelope.JSON_TYPE
    return response


async def _refused(request: Request, error: Exception) -> Response:
    return refusal(calls.of(request), t.cast("ApiError", error))


async def _not_valid(request: Request, error: Exception) -> Response:
    found = t.cast("RequestValidationError", error).errors()
    places = "; ".join(".".join(str(part)[:40] for part in item["loc"]) + ": " + item["msg"] for item in found[:5])
    return refusal(calls.of(request), ApiError(400, "ERR_INVALID_PARAM", f"The request is not valid: {places}"))


async def _not_routed(request: Request, error: Exception) -> Response:
    problem = t.cast("HTTPException", error)
    code = _NAMES.get(problem.status_code, "ERR_INVALID_PARAM")
    return refusal(calls.of(request), ApiError(problem.status_code, code, str(problem.detail), problem.headers))


class _Endpoints:
    """One function per endpoint."""

    def __init__(self, generation: Generation, services: Services) -> None:
        self.generation = generation
        self.services = services
        self.browser = login.BrowserLogin(services.config, services.ledger, services.sessions)

    def of(self, step: Step) -> tuple[Endpoint, t.Any]:
        """Return the function of a step, and the model of its answer."""
        first = self.generation is V433
        if step.name == "create" and first:
            return (self.renew_433 if "/v2/" in step.path else self.create_433), models.CreateAnswer
        table: dict[str, tuple[Endpoint, t.Any]] = {
            "login_request": (self.login_request, None),
            "login_form": (self.login_form, None),
            "login_certificate": (self.login_certificate, None),
            "login": (self.login, models.TokensAnswer),
            "exchange": (self.exchange, models.TokensAnswer),
            "refresh": (self.refresh, models.TokensAnswer),
            "logout": (self.logout, models.EmptyAnswer),
            "create": (self.create_442, models.CreateAnswer),
            "finalize": (self.finalize, None if first else models.FinalizeAnswer),
        }
        return table[step.name]

    async def login_request(self, request: Request) -> Response:
        """Show the login form to a browser that brings a signed link."""
        return self.browser.ask(calls.of(request))

    async def login_form(self, request: Request) -> Response:
        """Take the login form and redirect with a temporary token."""
        return self.browser.submit(calls.of(request))

    async def login_certificate(self, request: Request) -> Response:
        """Take the certificate and the cookie of a user who was sent on, and redirect with a temporary token."""
        return self.browser.confirm(calls.of(request))

    async def login(self, request: Request, body: models.Login) -> Response:
        """Start a session with user and password."""
        call = calls.of(request)
        user = login.find_user(self.services.config, body.username, body.password, body.domain)
        if user is None:
            raise unauthorized("ERR_INVALID_AUTH", "User, password or domain is wrong")
        return self._tokens(call, self.services.sessions.login(call, user))

    async def exchange(self, request: Request, body: models.TemporalToken) -> Response:
        """Exchange a temporary token for the tokens of a session."""
        call = calls.of(request)
        bearer = call.bearer(required=self.generation is V433)
        if bearer is not None and bearer != body.temporal_token:
            raise unauthorized("TOKEN_INVALID", "The Bearer token is not the temporary token")
        return self._tokens(call, self.services.sessions.exchange(call, body.temporal_token))

    async def refresh(self, request: Request, body: models.RefreshToken) -> Response:
        """Exchange a refresh token for new tokens."""
        call = calls.of(request)
        return self._tokens(call, self.services.sessions.refresh(call, body.refresh_token))

    async def logout(self, request: Request) -> Response:
        """End the session."""
        call = calls.of(request)
        self.services.sessions.logout(call)
        return _json(envelope.success(call.settings, {}))

    async def create_433(self, request: Request, body: models.Create433) -> Response:
        """Make a key pair and a certificate signing request."""
        return await self._create(calls.of(request), body)

    async def renew_433(self, request: Request, body: models.Renew433) -> Response:
        """Make a key pair and a certificate signing request that renews a certificate."""
        return await self._create(calls.of(request), body)

    async def create_442(self, request: Request, body: models.Create442) -> Response:
        """Make a key pair and a certificate signing request, to issue or to renew."""
        return await self._create(calls.of(request), body)

    async def finalize(self, request: Request, body: models.Finalize) -> Response:
        """Take the certificate that was issued for a request."""
        call = calls.of(request)
        done = self.services.enrollment.finalize(call, body)
        if self.generation is V433:
            empty = call.settings.finalize_body == "empty"
            return _json(b"" if empty else envelope.success(call.settings, None))
        return _json(envelope.success(call.settings, done))

    async def _create(self, call: Call, body: models.Create) -> Response:
        made = await self.services.enrollment.create(call, body)
        return _json(envelope.success(call.settings, envelope.create_data(call.settings, made), is_valid=True))

    def _tokens(self, call: Call, tokens: t.Mapping[str, str]) -> Response:
        return _json(envelope.success(call.settings, tokens))
