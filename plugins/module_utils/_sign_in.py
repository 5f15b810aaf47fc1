# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the address to which Redtrust sends a person back answers: the landing page, the start, the callback.

It knows no socket, so everything that matters can be tried without one. A browser gets a mark, in a cookie that only it
and this sign-in can have made: ``seen`` with the landing page, ``started`` when the button is pressed. A callback
without the second is refused, since anybody can send a browser to an address with a token of their own in it; and the
button is not believed without the first, since another site can press it, but not with a SameSite=Lax cookie.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import http.cookies
import os
import threading
import typing as t
from urllib.parse import urlsplit

from . import _pages as pages
from ._errors import ConfigurationError, RedtrustError, RefusedError, ServiceError
from ._redirect_url import START, landing_address
from ._temporal_token import token_in

Session = t.TypeVar("Session")
Mark = t.Literal["seen", "started"]

# An answer may show who signs in where, and an address may hold a token: neither is kept or handed on.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": pages.CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclasses.dataclass(frozen=True)
class PageRequest:
    """What a browser asked for. ``target`` is the path with its query; header names are in lower case."""

    method: str
    target: str
    headers: t.Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class PageAnswer:
    """What it gets."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes = b""


class SignIn(t.Generic[Session]):
    """One sign-in by whoever comes first. Usable from several threads.

    ``link`` makes the signed link, now; ``exchange`` turns the token into a session that is kept. ``done`` is set when
    there is nothing more to wait for: ``result`` is what the exchange gave, or ``failure`` says why there is none.
    ``last_failure`` is that of an attempt after which another may be made.
    """

    def __init__(
        self,
        redirect_url: str,
        link: t.Callable[[], str],
        exchange: t.Callable[[str], Session],
        *,
        service: str,
        partner: str,
    ) -> None:
        self.done = threading.Event()
        self.result: Session | None = None
        self.failure: RedtrustError | None = None
        self.last_failure: RedtrustError | None = None
        self._link = link
        self._exchange = exchange
        self._words = {"service": service, "partner": partner}
        self._mutex = threading.Lock()
        self._over = False
        self._key = os.urandom(32)
        parts = urlsplit(redirect_url)
        self.address = landing_address(redirect_url)
        self._host = parts.netloc.lower()
        self._path = parts.path or "/"
        self._secure = parts.scheme == "https"
        # Cookies are shared by all ports of a host, and so by all who listen there.
        self._cookie = ("__Host-" if self._secure else "") + f"redtrust_login_{parts.port or 0}"

    def stop(self) -> None:
        """Begin nothing more; wait for what has begun."""
        with self._mutex:
            self._over = True

    def answer(self, request: PageRequest) -> PageAnswer:
        """Answer a browser."""
        path, _mark, query = request.target.partition("?")
        if request.headers.get("host", "").lower() != self._host:
            return self._page("wrong_address", 421, request, detail=self.address)
        if request.method == "POST" and path == START:
            return self._start(request)
        if request.method != "GET" or path not in (self._path, START):
            return self._page("not_found", 404, request)
        if self._is_over:
            return self._too_late(request)
        if path == self._path and "tkn=" in query.lower():
            return self._callback(request, query)
        if self._mark(request, "started") and request.headers.get("sec-fetch-site", "") != "none":
            return self._page("no_token", 200, request)
        return self._landing(request)

    @property
    def _is_over(self) -> bool:
        return self._over or self.done.is_set()

    def _too_late(self, request: PageRequest) -> PageAnswer:
        return self._page("elsewhere" if self.result else "over", 410, request)

    def _landing(self, request: PageRequest) -> PageAnswer:
        return self._marked(self._page("sign_in", 200, request), request)

    def _marked(self, answer: PageAnswer, request: PageRequest) -> PageAnswer:
        """Let the browser press the button of this page, unless it may already."""
        if self._may_start(request):
            return answer
        return dataclasses.replace(answer, headers={**answer.headers, "Set-Cookie": self._set_cookie("seen")})

    def _start(self, request: PageRequest) -> PageAnswer:
        """Send the browser to Redtrust. The link is signed now, since the service takes it for some minutes only."""
        if self._is_over:
            return self._too_late(request)
        if not self._may_start(request):
            return self._marked(self._page("not_from_here", 403, request), request)
        headers = {**_HEADERS, "Location": self._link(), "Set-Cookie": self._set_cookie("started")}
        return PageAnswer(303, headers)

    def _callback(self, request: PageRequest, query: str) -> PageAnswer:
        if not self._mark(request, "started"):
            return self._marked(self._page("not_from_here", 403, request), request)
        try:
            token = token_in(query)
        except ConfigurationError as exc:
            return self._page("refused", 400, request, detail=str(exc))
        if token is None:
            return self._page("no_token", 200, request)
        with self._mutex:
            if self._is_over:
                return self._too_late(request)
            return self._signed_in(request, token)

    def _signed_in(self, request: PageRequest, token: str) -> PageAnswer:
        try:
            self.result = self._exchange(token)
        except RefusedError as exc:
            self.last_failure = exc
            words = exc.service_message or str(exc)
            return self._page("refused", 403, request, detail=words)
        except ServiceError as exc:
            self.last_failure = exc
            return self._page("not_reached", 502, request, detail=str(exc))
        except RedtrustError as exc:
            self.failure = exc
            self.done.set()
            return self._page("failed", 500, request, detail=str(exc))
        self.done.set()
        return self._page("signed_in", 200, request)

    def _page(self, kind: pages.Kind, status: int, request: PageRequest, detail: str = "") -> PageAnswer:
        language = pages.language_of(request.headers.get("accept-language", ""))
        headers = {
            **_HEADERS,
            "Content-Language": language,
            "Content-Type": "text/html; charset=utf-8",
            "Vary": "Accept-Language, Cookie",
        }
        return PageAnswer(status, headers, pages.page(kind, language, **self._words, detail=detail))

    def _set_cookie(self, mark: Mark) -> str:
        value = f"{mark}.{os.urandom(16).hex()}"
        secure = "; Secure" if self._secure else ""
        return f"{self._cookie}={value}.{self._seal(value)}; Path=/; HttpOnly; SameSite=Lax{secure}"

    def _may_start(self, request: PageRequest) -> bool:
        return self._mark(request, "seen") or self._mark(request, "started")

    def _mark(self, request: PageRequest, mark: Mark) -> bool:
        """Return whether the browser has this mark from this sign-in."""
        try:
            morsel = http.cookies.SimpleCookie(request.headers.get("cookie", "")).get(self._cookie)
        except http.cookies.CookieError:
            return False
        value, _dot, seal = (morsel.value if morsel else "").rpartition(".")
        return value.startswith(f"{mark}.") and hmac.compare_digest(seal.encode(), self._seal(value).encode())

    def _seal(self, value: str) -> str:
        return hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()
