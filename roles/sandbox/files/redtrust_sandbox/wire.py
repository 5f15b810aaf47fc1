# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send answers, complete or broken on purpose."""

from __future__ import annotations

import asyncio
import dataclasses
import email.utils
import typing as t

from starlette.types import Message, Receive, Scope, Send

from redtrust_sandbox import envelope
from redtrust_sandbox.errors import ApiError
from redtrust_sandbox.faults import Fault
from redtrust_sandbox.settings import Settings

Headers = list[tuple[bytes, bytes]]

MAX_BODY = 1024 * 1024
_CHUNK = 64 * 1024
_RUBBISH = b"<html><head><title>\x00\xff\xfe Server Error in '/' Application." + bytes(range(256))
_GATEWAY_PAGE = b"<html><head><title>Gateway</title></head><body><h1>Request could not be served</h1></body></html>"


class Transport(t.Protocol):
    """The part of a connection that a fault needs."""

    def abort(self) -> None:
        """Close the connection at once."""


@dataclasses.dataclass(frozen=True)
class Connection:
    """One TCP connection of a client; ``client_name`` is the common name in the client certificate."""

    number: int
    transport: Transport
    client_name: str | None = None


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer to send. ``manner`` is plain, drop, half, huge or trickle."""

    status: int
    headers: Headers
    body: bytes
    manner: str = "plain"

    @property
    def recorded_status(self) -> int | None:
        """Return the status that the client receives, or None."""
        return None if self.manner == "drop" else self.status


def disturbed(fault: Fault, answer: Answer, settings: Settings) -> Answer:
    """Return the answer that a fault turns this answer into."""
    json_type = [(b"content-type", envelope.JSON_TYPE.encode())]
    if fault.action == "status":
        retry = [(b"retry-after", fault.retry_after.encode())] if fault.retry_after else []
        status, _colon, said = (fault.argument or "500").partition(":")
        code, _colon, message = said.partition(":")
        body = envelope.error(settings, code or "UNKNOWN_ERROR", message or "The server was told to fail")
        return Answer(int(status), json_type + retry, body)
    if fault.action == "html":
        return Answer(int(fault.argument or 502), [(b"content-type", b"text/html")], _GATEWAY_PAGE)
    if fault.action == "body":
        return Answer(200, json_type, (fault.argument or "").encode())
    if fault.action == "redirect":
        return Answer(302, [(b"location", (fault.argument or "").encode())], b"")
    if fault.action == "rubbish":
        return Answer(200, json_type, _RUBBISH)
    if fault.action == "delay":
        return answer
    return dataclasses.replace(answer, manner=fault.action)


def bland(settings: Settings) -> Answer:
    """Return a successful answer without data, for faults that replace the work."""
    return Answer(200, [(b"content-type", envelope.JSON_TYPE.encode())], envelope.success(settings, {}))


async def read_body(receive: Receive) -> bytes:
    """Return the body of a request; raises ApiError if it is too large or incomplete."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "REQUEST_INCOMPLETE", "The client left before its request was complete")
        parts.append(message.get("body", b""))
        if sum(len(part) for part in parts) > MAX_BODY:
            raise ApiError(413, "BODY_TOO_LARGE", "The body is too large")
        if not message.get("more_body", False):
            return b"".join(parts)


class Recorder:
    """Record the application's answer, so that the ledger is written before the answer is sent."""

    def __init__(self, body: bytes) -> None:
        self._request: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._start: Message = {}
        self._parts: list[bytes] = []

    async def receive(self) -> Message:
        """Pass the body to the application."""
        return self._request.pop() if self._request else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Record a part of the application's answer."""
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._parts.append(message.get("body", b""))

    def answer(self) -> Answer:
        """Return the application's answer."""
        headers = [pair for pair in self._start["headers"] if pair[0] != b"content-length"]
        return Answer(self._start["status"], headers, b"".join(self._parts))


class Wire:
    """The connection back to the client."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.connection: Connection = scope["state"]["connection"]
        self._receive = receive
        self._send = send

    async def send(self, answer: Answer, settings: Settings, now: float) -> None:
        """Send an answer in its manner; ``now`` is the server's time in seconds since the epoch."""
        date = [(b"date", email.utils.formatdate(now, usegmt=True).encode())]
        if answer.manner == "drop":
            await self._abort()
        elif answer.manner == "huge":
            await self._start(answer, date, settings.huge_bytes)
            await self._huge(settings.huge_bytes)
        elif answer.manner == "trickle":
            await self._start(answer, date, 1 << 40)
            await self._trickle(settings.trickle_interval)
        elif answer.manner == "half":
            await self._start(answer, date, max(len(answer.body), 2))
            await self._body(answer.body[: len(answer.body) // 2], more=True)
            await self._abort(linger=True)
        else:
            await self._start(answer, date, len(answer.body))
            await self._body(answer.body)

    async def _start(self, answer: Answer, date: Headers, length: int) -> None:
        headers = answer.headers + date + [(b"content-length", str(length).encode())]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})

    async def _body(self, body: bytes, more: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _huge(self, length: int) -> None:
        head, tail = b'{"message":"', b'","messageType":"SUCCESS","errorCode":"OK","data":{}}'
        await self._body(head, more=True)
        left = max(length - len(head) - len(tail), 0)
        while left:
            size = min(left, _CHUNK)
            await self._body(b"x" * size, more=True)
            left -= size
        await self._body(tail)

    async def _trickle(self, interval: float) -> None:
        gone = asyncio.ensure_future(self._gone())
        while not gone.done():
            await self._body(b" ", more=True)
            await asyncio.wait({gone}, timeout=interval)

    async def _abort(self, linger: bool = False) -> None:
        if linger:
            t.cast("asyncio.Transport", self.connection.transport).close()
        else:
            self.connection.transport.abort()
        await self._gone()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
