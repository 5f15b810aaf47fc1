# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layer in front of the application: ledger, faults, signature, token.

The server writes each request to the ledger on arrival, and adds the outcome before it sends the answer.
"""

from __future__ import annotations

import asyncio
import time
import typing as t
import urllib.parse

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from redtrust_sandbox import app as application
from redtrust_sandbox import faults, signature, wire
from redtrust_sandbox.call import Call
from redtrust_sandbox.config import Config
from redtrust_sandbox.errors import ApiError, ConfigError
from redtrust_sandbox.generations import ANY, AUTH, RA, Generation
from redtrust_sandbox.ledger import Ledger
from redtrust_sandbox.sessions import Sessions
from redtrust_sandbox.settings import Settings


class Front:
    """The ASGI application that uvicorn runs."""

    def __init__(self, generation: Generation, services: application.Services, app: ASGIApp) -> None:
        self.generation = generation
        self.config: Config = services.config
        self.ledger: Ledger = services.ledger
        self.sessions: Sessions = services.sessions
        self.app = app
        self.ports: dict[int, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        link = wire.Wire(scope, receive, send)
        body, problem = b"", None
        try:
            body = await wire.read_body(receive)
        except ApiError as error:
            problem = error
        call = self._arrived(scope, link.connection, body, problem)
        told = faults.due(self.ledger, call.step.name if call.step else "other")
        answer = await self._answer(scope, call, told)
        self._answered(call, answer, told)
        if call.settings.latency:
            await asyncio.sleep(call.settings.latency)
        await link.send(answer, call.settings, call.now)

    async def _answer(self, scope: Scope, call: Call, told: t.Mapping[str, faults.Fault]) -> wire.Answer:
        before, after = told.get("before"), told.get("after")
        if before is not None and before.action == "delay":
            await asyncio.sleep(float(before.argument or 0))
        if before is not None and before.action != "delay":
            answer = wire.disturbed(before, wire.bland(call.settings), call.settings)
        else:
            answer = await self._work(scope, call)
        if after is not None:
            if after.action == "delay":
                await asyncio.sleep(float(after.argument or 0))
            answer = wire.disturbed(after, answer, call.settings)
        return answer

    def _arrived(self, scope: Scope, connection: wire.Connection, body: bytes, problem: ApiError | None) -> Call:
        method, path, port = scope["method"], scope["path"], scope["server"][1]
        served = self.generation.serves(self.ports.get(port, ANY), path)
        step = self.generation.find(method, path) if served else None
        row = {
            "at": time.time(),
            "port": port,
            "method": method,
            "path": path,
            "step": step.name if step else "other",
            "mutating": int(step is not None and step.mutating),
            "connection": connection.number,
        }
        number = self.ledger.insert("requests", row)
        try:
            settings = self.ledger.settings()
        except ConfigError as exc:
            settings, problem = Settings(), ApiError(500, "SETTING_INVALID", str(exc))
        return Call(
            number=number,
            settings=settings,
            problem=problem,
            step=step,
            path=path,
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            query=dict(urllib.parse.parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            body=body,
            client_name=connection.client_name,
        )

    def _answered(self, call: Call, answer: wire.Answer, told: t.Mapping[str, faults.Fault]) -> None:
        played = ",".join(str(told[moment]) for moment in faults.MOMENTS if moment in told)
        self.ledger.run(
            "UPDATE requests SET partner = ?, user = ?, session = ?, status = ?, error_code = ?, fault = ?,"
            " answered_at = ? WHERE id = ?",
            call.partner,
            call.user,
            call.session,
            answer.recorded_status,
            call.error_code,
            played or None,
            time.time(),
            call.number,
        )

    async def _work(self, scope: Scope, call: Call) -> wire.Answer:
        recorder = wire.Recorder(call.body)
        try:
            self._check(scope, call)
            self._authorize(call)
        except ApiError as error:
            refused: Response = application.refusal(call, error)
            await refused(scope, recorder.receive, recorder.send)
            return recorder.answer()
        scope["state"]["call"] = call
        await self.app(scope, recorder.receive, recorder.send)
        return recorder.answer()

    def _check(self, scope: Scope, call: Call) -> None:
        if call.problem is not None:
            raise call.problem
        if not self.generation.serves(self.ports.get(scope["server"][1], ANY), scope["path"]):
            raise ApiError(404, "NOT_FOUND", "Not Found")

    def _authorize(self, call: Call) -> None:
        step = call.step
        if step is None:
            return
        forms = [signature.pick(call.headers, signature.HEADERS)]
        required = step.signed and self.generation.signature_required
        if step.name == "login_request":
            forms.append(signature.pick(call.query, signature.PARAMETERS))
            required = True
        partner = signature.check_request(self.config, call.settings, forms, required, call.now)
        call.partner = partner.name if partner else None
        if step.bearer == "access":
            tolerant = step.name == "refresh" and call.settings.expired_access_at_refresh == "accept"
            self.sessions.verify(call, str(call.bearer()), accept_expired=tolerant)
        if step.json_body and call.body:
            kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise ApiError(415, "CONTENT_TYPE_INVALID", "The body must be application/json")


def port_kinds(generation: Generation, auth_port: int, ra_port: int) -> dict[int, str]:
    """Return the purpose of each port."""
    return {auth_port: AUTH, ra_port: RA} if generation.two_ports else {ra_port: ANY}
