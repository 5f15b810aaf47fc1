# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the service: a transport that plays a script, and answers to play."""

from __future__ import annotations

import base64
import collections.abc as c
import contextlib
import dataclasses
import json
import threading
import typing as t
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ServiceError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.retry import Retry
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpResponse,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.address import Address
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.calls import Calls
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.client import Client
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.contract import CONTRACTS

VENDOR_CSR = (Path(__file__).parent / "data" / "vendor-csr.b64").read_text().strip()
ADDRESS = Address("rt.example.com", 8082, 8083)
ANY = object()

Reply = t.Union[HttpResponse, BaseException, c.Callable[[HttpRequest], HttpResponse]]  # noqa: UP007


@dataclasses.dataclass(frozen=True)
class Scene:
    """One expected request, with its reply; a field that is ANY is not checked."""

    verb: object
    path: object
    reply: Reply
    body: object = ANY
    bearer: object = ANY
    port: object = ANY


class ScriptedTransport:
    """Play scenes in order; fail the test on any other request."""

    def __init__(self, *scenes: Scene) -> None:
        self.scenes = list(scenes)
        self.requests: list[HttpRequest] = []
        self._lock = threading.Lock()

    def turn(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def send(self, request: HttpRequest) -> HttpResponse:
        with self._lock:
            self.requests.append(request)
            assert self.scenes, f"not in the script: {request.verb} {request.url}"
            scene = self.scenes.pop(0)
        _host, _colon, rest = request.url.removeprefix("https://").partition(":")
        port, _slash, path = rest.partition("/")
        bearer = request.headers.get("Authorization")
        facts = (request.verb, f"/{path}", request.body, bearer and bearer.removeprefix("Bearer "), int(port))
        expected = (scene.verb, scene.path, scene.body, scene.bearer, scene.port)
        for found, wanted in zip(facts, expected, strict=True):
            assert wanted is ANY or found == wanted, f"{facts} is not {expected}"
        return play(scene.reply, request)


class AnsweringTransport:
    """Answer each step in its own way, any number of times."""

    def __init__(self, **replies: Reply) -> None:
        self.replies = replies
        self.requests: list[HttpRequest] = []
        self._lock = threading.Lock()

    def turn(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def send(self, request: HttpRequest) -> HttpResponse:
        with self._lock:
            self.requests.append(request)
        return play(self.replies[request.step], request)

    def steps(self) -> list[str]:
        return [request.step for request in self.requests]


def play(reply: Reply, request: HttpRequest) -> HttpResponse:
    """Return the reply, or raise it if it is an exception."""
    if isinstance(reply, BaseException):
        raise reply
    return reply if isinstance(reply, HttpResponse) else reply(request)


def client(
    transport: t.Any,
    api_version: str = "4.42",
    retry: Retry | None = None,
    finalized_codes: c.Iterable[str] = (),
    **options: t.Any,
) -> Client:
    """Return a client that sends once, unless ``retry`` allows more."""
    calls = Calls(ADDRESS, transport, retry=retry or Retry(deadline=0.0), **options)
    return Client(CONTRACTS[api_version], calls, finalized_codes)


def failed(kind: type[ServiceError], step: str = "create", **facts: t.Any) -> ServiceError:
    """Return an error that a transport raises."""
    return kind("no", step=step, url="https://rt.example.com:8082/x", **facts)


def answer(data: object = None, status: int = 200, **fields: object) -> HttpResponse:
    """Return an answer in the envelope."""
    envelope = {"message": "fine", "messageType": "SUCCESS", "errorCode": "OK", "data": data, **fields}
    return raw(json.dumps(envelope).encode(), status)


def refusal(code: str, message: str, status: int = 400, **headers: str) -> HttpResponse:
    """Return an answer that refuses."""
    body = json.dumps({"message": message, "messageType": "ERROR", "errorCode": code, "data": None}).encode()
    return raw(body, status, **headers)


def raw(body: bytes, status: int = 200, **headers: str) -> HttpResponse:
    """Return an answer from raw bytes."""
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def tokens(number: int = 1, **fields: object) -> HttpResponse:
    """Return the answer to a login."""
    return answer({"accessToken": f"access-{number}", "refreshToken": f"refresh-{number}", **fields})


def stored(thumbprint: str = "A" * 40, **fields: object) -> HttpResponse:
    """Return the answer to csr/finalize of the second generation."""
    return answer({"idCertificate": 7, "thumbprint": thumbprint, **fields})


def created(request_code: str = "canary-code", csr: str | bytes = VENDOR_CSR) -> HttpResponse:
    """Return the answer to csr/create."""
    text = csr if isinstance(csr, str) else base64.b64encode(csr).decode()
    return answer({"requestCode": request_code, "csr": text}, isValid=True)
