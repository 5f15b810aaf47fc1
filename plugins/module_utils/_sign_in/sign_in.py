# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer the requests of a sign-in: the landing page, its button, and the callback from Redtrust.

There is no socket here, so a test needs none. Each browser gets a mark in a signed cookie: ``seen`` with the landing
page, ``started`` with the press of the button. A callback without ``started`` is refused, since any site can send a
browser here with a token of its own. A press without ``seen`` is refused as well: another site can press the button,
but the browser does not send a SameSite=Lax cookie along then.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import threading
import typing as t
from urllib.parse import urlsplit

from .._clock import utc_now
from .._errors import ConfigurationError, RedtrustError, RefusedError, ServiceError
from .._service.api import is_host_of, landing_address, token_in
from . import pages
from .listen_options import START
from .marks import Mark, Marks

Kept = t.TypeVar("Kept")

# A page may show a name, and an address may hold a token: no cache keeps them, and no other site gets them.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": pages.CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclasses.dataclass(frozen=True)
class PageRequest:
    """A request of a browser. ``target`` is the path with its query; header names are in lower case."""

    method: str
    target: str
    headers: t.Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class PageResponse:
    """The response to it."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes = b""


class SignIn(t.Generic[Kept]):
    """One sign-in, by the first person who succeeds. Usable from several threads.

    ``link`` returns a link with a signature of this moment; ``exchange`` turns the token into a kept session. ``done``
    is set at the end: then there is a ``result`` of the exchange, or a ``failure``. ``failures`` are attempts after
    which another one may succeed. ``until`` is the end of the time, in UTC.
    """

    def __init__(
        self,
        redirect_url: str,
        link: t.Callable[[], str],
        exchange: t.Callable[[str], Kept],
        *,
        about: pages.About,
        person: t.Callable[[Kept], str] = lambda _session: "",
        until: dt.datetime | None = None,
    ) -> None:
        self.done = threading.Event()
        self.result: Kept | None = None
        self.failure: RedtrustError | None = None
        self.failures: list[ServiceError] = []
        self._link = link
        self._exchange = exchange
        self._about = about
        self._person = person
        self._until = until
        self._mutex = threading.Lock()
        self._over = False
        self._marks = Marks(redirect_url)
        self._untold: set[str] = set()
        self._winner: str | None = None
        self._redirect_url = redirect_url
        self.address = landing_address(redirect_url)
        self._path = urlsplit(redirect_url).path or "/"

    def stop(self) -> None:
        """Begin no exchange any more; wait for one in progress."""
        with self._mutex:
            self._over = True

    def is_told(self) -> bool:
        """Return whether each browser that saw the button has since seen that the sign-in is over."""
        return not self._untold

    def answer(self, request: PageRequest) -> PageResponse:
        """Answer a browser."""
        path, _mark, query = request.target.partition("?")
        if not is_host_of(self._redirect_url, request.headers.get("host", "")):
            return self._page("wrong_address", 421, request, pages.More(address=self.address))
        if _is_guess(request):
            return PageResponse(503, _HEADERS)
        if request.method == "POST" and path == START:
            return self._start(request)
        if request.method not in ("GET", "HEAD") or path not in (self._path, START):
            return self._page("not_found", 404, request)
        if self._is_over:
            return self._too_late(request)
        # A HEAD asks whether there is a page; it must not use up a token.
        if request.method == "GET" and path == self._path and "tkn=" in query.lower():
            return self._callback(request, query)
        mark = self._mark(request)
        if mark and mark.stage == "started" and request.headers.get("sec-fetch-site", "") != "none":
            return self._page("no_token", 200, request)
        return self._with_mark(self._page("sign_in", 200, request), request)

    @property
    def _is_over(self) -> bool:
        return self._over or self.done.is_set()

    def _too_late(self, request: PageRequest) -> PageResponse:
        """Return the page about the end: to the browser that signed in, or to another one."""
        mark = self._mark(request)
        if mark:
            self._untold.discard(mark.browser)
        if self.result is None:
            return self._page("failed" if self.failure else "over", 410, request)
        if mark and mark.browser == self._winner:
            return self._welcome(request, self.result)
        return self._page("elsewhere", 410, request)

    def _with_mark(self, answer: PageResponse, request: PageRequest) -> PageResponse:
        """Add the mark with which the browser may press the button, unless it has one or shows no page."""
        if request.method == "HEAD" or self._mark(request):
            return answer
        return self._marked(answer, self._marks.new())

    def _marked(self, answer: PageResponse, mark: Mark) -> PageResponse:
        self._untold.add(mark.browser)
        return dataclasses.replace(answer, headers={**answer.headers, "Set-Cookie": self._marks.cookie(mark)})

    def _start(self, request: PageRequest) -> PageResponse:
        """Send the browser to Redtrust. The link is signed now: the service takes it for some minutes only."""
        if self._is_over:
            return self._too_late(request)
        mark = self._mark(request)
        if mark is None:
            return self._with_mark(self._page("not_from_here", 403, request), request)
        answer = PageResponse(303, {**_HEADERS, "Location": self._link()})
        return self._marked(answer, Mark("started", mark.browser))

    def _callback(self, request: PageRequest, query: str) -> PageResponse:
        mark = self._mark(request)
        if mark is None or mark.stage != "started":
            return self._with_mark(self._page("not_from_here", 403, request), request)
        try:
            token = token_in(query)
        except ConfigurationError:
            return self._page("bad_token", 400, request)
        if token is None:
            return self._page("no_token", 200, request)
        with self._mutex:
            if self._is_over:
                return self._too_late(request)
            return self._signed_in(request, token, mark)

    def _signed_in(self, request: PageRequest, token: str, mark: Mark) -> PageResponse:
        try:
            self.result = self._exchange(token)
        except ServiceError as exc:
            self.failures.append(exc)
            return self._page(*_refusal(exc), request, _more(exc))
        except RedtrustError as exc:
            self.failure = exc
            self._untold.discard(mark.browser)
            self.done.set()
            return self._page("failed", 500, request, pages.More(words=str(exc)))
        self._winner = mark.browser
        self._untold.discard(mark.browser)
        self.done.set()
        return self._welcome(request, self.result)

    def _welcome(self, request: PageRequest, session: Kept) -> PageResponse:
        return self._page("signed_in", 200, request, pages.More(person=self._person(session)))

    def _page(
        self, kind: pages.Kind, status: int, request: PageRequest, more: pages.More | None = None
    ) -> PageResponse:
        language = pages.language_of(request.headers.get("accept-language", ""))
        headers = {
            **_HEADERS,
            "Content-Language": language,
            "Content-Type": "text/html; charset=utf-8",
            "Vary": "Accept-Language, Cookie",
        }
        more = dataclasses.replace(more or pages.More(), until=self._until, now=utc_now())
        return PageResponse(status, headers, pages.page(kind, language, self._about, more))

    def _mark(self, request: PageRequest) -> Mark | None:
        return self._marks.find(request.headers.get("cookie", ""))


def _is_guess(request: PageRequest) -> bool:
    """Return whether a browser only loads the page in advance."""
    names = ("sec-purpose", "purpose", "x-purpose", "x-moz")
    words = " ".join(request.headers.get(name, "") for name in names).lower()
    return "prefetch" in words or "prerender" in words or "preview" in words


def could_not_answer(error: ServiceError) -> bool:
    """Return whether the service is in trouble or too busy, which is no refusal."""
    return (error.status or 0) >= 500 or error.status == 429


def _refusal(error: ServiceError) -> tuple[pages.Kind, int]:
    """Return the page about an exchange that did not succeed, and its status."""
    if could_not_answer(error):
        return "not_answered", 502
    is_redirect = 300 <= (error.status or 0) < 400
    return ("refused", 403) if isinstance(error, RefusedError) and not is_redirect else ("not_reached", 502)


def _more(error: ServiceError) -> pages.More:
    """Return the details of a failed exchange: status and code for each language, and words."""
    if (error.status or 0) < 400 and not isinstance(error, RefusedError):
        return pages.More(words=str(error))
    code = error.error_code if error.error_code and re.fullmatch(r"[\w.-]{1,80}", error.error_code) else None
    facts = ", ".join(filter(None, (f"HTTP {error.status}" if error.status else None, code)))
    return pages.More(words=error.service_message or "", facts=facts)
