# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say in words for the operator why the answer of a CA has no certificate. Pure."""

from __future__ import annotations

import typing as t
from urllib.parse import urljoin, urlsplit

from .._errors import SignerError, SignerRejectedError
from .._http.api import REDIRECTS
from .._printable import brief
from .http_answer import Page
from .http_settings import Asking, HttpSettings

# Refusals that do not say that nothing was done: a time-out, a conflict, a lock, and "too early".
_DOUBTFUL = (408, 409, 423, 425)
# Refusals of any request: a CA that is busy or starts.
_ABOUT_ALL = (429, 503)
_WORDS = {
    401: "the CA does not accept the credentials",
    403: "the CA does not allow that",
    429: "the CA has no time now",
    503: "the CA has no time now",
}


class Refusals:
    """The sentences about answers of one CA. ``hide`` masks secrets that the CA repeats."""

    def __init__(self, settings: HttpSettings, hide: t.Callable[[str], str]) -> None:
        self._settings = settings
        self._hide = hide

    @property
    def url(self) -> str:
        """The address of the CA."""
        return self._settings.url

    @property
    def _proxy_advice(self) -> str:
        return f"a proxy or a load balancer may have answered, look at {self._settings.at('url')}"

    def where(self, step: str, asking: Asking) -> str:
        """Return how a message begins."""
        option = "" if self._settings.is_preset else f" ({asking.request.option})"
        return f"{step} at {self._settings.url}{option}"

    def words(self, asking: Asking, page: Page) -> str:
        """Return what the CA says, fit for a message."""
        return asking.answer.words(page, self._hide)

    def for_good(self, step: str, asking: Asking, page: Page) -> SignerRejectedError:
        """Return the error about a request that never gets a certificate."""
        said = ", ".join(part for part in (f"HTTP {page.response.status}", self.words(asking, page)) if part)
        return SignerRejectedError(
            self._hide(f"{self.where(step, asking)}: the CA refused the request for good ({said})")
        )

    def error(self, step: str, asking: Asking, page: Page, *, wait: float | None, then: str) -> SignerError:
        """Return the error about a status that is no success.

        ``wait`` is the pause in seconds that the CA asks for; ``then`` says what the next run does.
        """
        status = page.response.status
        if status in REDIRECTS:
            return self._redirected(step, asking, page, then)
        told = self.words(asking, page)
        asks = f"; it asks to wait {wait:.0f} seconds" if wait else ""
        said = f"HTTP {status}" + (f": {told}" if told else "") + asks
        what = _WORDS.get(status) or ("the CA refused" if status < 500 else "the CA failed")
        advice = self._advice(asking, page, then)
        not_done = (400 <= status < 500 and status not in _DOUBTFUL) or (status == 503 and wait is not None)
        return SignerError(
            self._hide(f"{self.where(step, asking)}: {what} ({said})" + (f": {advice}" if advice else "")),
            retry_after=wait if status in (429, 503) else None,
            not_sent=not_done,
            concerns_all=status in _ABOUT_ALL or status in self._settings.about_all,
        )

    def without_certificate(self, step: str, asking: Asking, page: Page, number: str | None = None) -> SignerError:
        """Return the error about a success without a certificate."""
        certificate = asking.answer.certificate
        place = f" at {certificate.written if certificate else 'its body'}"
        if self._settings.is_preset:
            place = ""
        told = self.words(asking, page) or "it is empty"
        if page.is_html:
            advice = self._proxy_advice
        elif number:
            advice = f"the CA named the request {number}: set {self._settings.at('poll')} to ask for it"
        elif self._settings.is_preset:
            advice = f"look at {self._settings.at('url')}, it may be another server, or of another release"
        else:
            advice = f"look at {asking.answer.option}: at certificate, and at not_yet if the CA takes its time"
        found = f"HTTP {page.response.status} has no certificate{place} ({told})"
        return SignerError(self._hide(f"{self.where(step, asking)}: {found}: {advice}"))

    def foreign(self, step: str, asking: Asking, page: Page) -> SignerError:
        """Return the error about a page for people with which a CA that speaks JSON does not answer."""
        said = f"HTTP {page.response.status} is a page in HTML, where this CA answers with JSON"
        return SignerError(self._hide(f"{self.where(step, asking)}: {said}: {self._proxy_advice}"))

    def _redirected(self, step: str, asking: Asking, page: Page, then: str) -> SignerError:
        status, location = page.response.status, page.response.headers.get("location", "")
        site = _site(self._settings.url, location)
        begin = f"{self.where(step, asking)}: the answer redirects to {brief(self._hide(site))} (HTTP {status}), "
        serves = f"{self._settings.at('url')} must be the address that serves requests"
        # These may lead to the result of a request that was taken (RFC 9110, 15.4.4). The CA of no preset does so.
        is_own = bool(location) and site == _site(self._settings.url, "")
        is_result = status == 303 or (status == 302 and is_own)
        if step != "sign" or not is_result or self._settings.is_preset:
            return SignerError(self._hide(f"{begin}which is not followed: {serves}"), not_sent=True)
        advice = (
            f"as a CA may do that has taken the request: then put {status} into {asking.request.option}.accept, and "
            f"header:Location into {asking.answer.option}.order_number, and set {self._settings.at('poll')}; otherwise"
        )
        return SignerError(self._hide(f"{begin}{advice} {serves}; {then}"))

    def _advice(self, asking: Asking, page: Page, then: str) -> str:
        status = page.response.status
        if status in self._settings.advice:
            return self._settings.advice[status]
        if page.is_html:
            return self._proxy_advice
        if status in (401, 403):
            return f"look at {self._credentials}, and at the rights of that account"
        if self._settings.is_preset:
            return self._advice_of_preset(status, then)
        if status in (404, 405):
            return f"look at {self._settings.at('url')} and {asking.request.option}.path"
        if 400 <= status < 500 and status != 429:
            return f"where {status} is the last word of this CA, put it into {asking.answer.option}.never.status"
        return then

    def _advice_of_preset(self, status: int, then: str) -> str:
        if status in (404, 405):
            return f"look at {self._settings.at('url')}, and at the names in the other options of {self._settings.name}"
        if 400 <= status < 500 and status != 429 and status not in _DOUBTFUL:
            return "mend that at the CA, or change what is asked for: later runs ask again, less and less often"
        return then

    @property
    def _credentials(self) -> str:
        """The options with which the CA is told who asks."""
        own = self._settings.credentials
        if own.login:
            return self._settings.login_in_words
        without = "client_cert" if self._settings.is_preset or self._settings.transport.client_cert else "token"
        ways = ("token_path", "username", "token")
        return self._settings.at(next((way for way in ways if getattr(own, way)), without))


def _site(base: str, location: str) -> str:
    """Return scheme, host and port of a redirect: a path may hold a secret."""
    try:
        parts = urlsplit(urljoin(base, location))
    except ValueError:
        return "what is no address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
