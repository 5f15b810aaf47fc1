# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell a refusal of the service from one of a proxy before it, in words for the operator. Pure."""

from __future__ import annotations

import typing as t
from urllib.parse import urljoin, urlsplit

from .._error_codes import meaning_of
from .._errors import RefusedError, UnauthorizedError
from .._http.api import HttpResponse
from .._printable import brief
from .answers import Envelope
from .contract import Endpoint

LOOK_AT = "look at host and port, and at the proxy or load balancer in between"
_NO_BODY_WITH_GET = "; some do not pass a GET with a body, which api_version 4.33 needs"
# Refusals that have nothing to do with the body of a request.
_NOT_OF_THE_BODY = (401, 404, 407, 408, 429)


def refusal(
    endpoint: Endpoint,
    url: str,
    response: HttpResponse,
    envelope: Envelope | None,
    *,
    wait: float | None,
    hide: t.Callable[[str], str],
) -> RefusedError | None:
    """Return the error where the status or the envelope says no. ``wait`` is the pause that it asks for, in seconds."""
    if response.status < 300 and not (envelope and envelope.refuses):
        return None
    foreign = _foreign(endpoint, url, response, envelope, hide)
    words, advice = foreign or _of_the_service(response, envelope)
    asked = f" and asks to wait {wait:.0f} seconds" if wait else ""
    kind = UnauthorizedError if response.status == 401 else RefusedError
    return kind(
        words + asked + (f": {advice}" if advice else ""),
        step=endpoint.step,
        url=url,
        status=response.status,
        error_code=envelope.error_code if envelope else None,
        service_message=envelope.message if envelope else None,
        retry_after=wait,
        foreign=foreign is not None,
    )


def is_page(body: bytes) -> bool:
    """Return whether an answer is a page for people."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _of_the_service(response: HttpResponse, envelope: Envelope | None) -> tuple[str, str]:
    said = [envelope.error_code, envelope.message] if envelope else []
    words = ", ".join(part for part in (f"HTTP {response.status}", *said) if part)
    return f"the service refused ({words})", meaning_of(envelope.error_code if envelope else None).advice


def _foreign(
    endpoint: Endpoint, url: str, response: HttpResponse, envelope: Envelope | None, hide: t.Callable[[str], str]
) -> tuple[str, str] | None:
    """Return the sentence about an answer of somebody else, and the advice; None where the service itself answers."""
    status = response.status
    if 300 <= status < 400:
        site = _site(_target(url, response.headers.get("location", "")), hide)
        return f"the answer redirects to {site} (HTTP {status}), which is not followed, so nothing was done", LOOK_AT
    if endpoint.is_page or (envelope and (envelope.error_code or envelope.message_type)):
        return None
    stripped = endpoint.verb == "GET" and (400 <= status < 500 or status == 501) and status not in _NOT_OF_THE_BODY
    if not response.body.strip() and not stripped:
        return None
    advice = LOOK_AT + (_NO_BODY_WITH_GET if stripped else "")
    return f"this answer is not Redtrust's (HTTP {status} with {_what(response.body, envelope)})", advice


def _what(body: bytes, envelope: Envelope | None) -> str:
    if envelope:
        return "JSON that has no errorCode" + (f", {envelope.message}" if envelope.message else "")
    if not body.strip():
        return "nothing in it"
    return "a page in HTML" if is_page(body) else "text that is no JSON"


def _site(target: str | None, hide: t.Callable[[str], str]) -> str:
    """Return scheme, host and port. The whole address is masked first: a secret may end in the path."""
    if target is None:
        return "what is no address"
    try:
        masked = urlsplit(hide(target))
    except ValueError:
        return "what is no address"
    return brief(f"{masked.scheme}://{masked.netloc.rpartition('@')[2]}")


def _target(base: str, location: str) -> str | None:
    """Return the target of a redirect; None where it is no address."""
    try:
        target = urljoin(base, location)
        urlsplit(target).port  # noqa: B018
    except ValueError:
        return None
    return target if location else None
