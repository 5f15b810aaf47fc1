# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say in words for the operator why the answer of a CA has no certificate. Pure."""

from __future__ import annotations

import typing as t
from urllib.parse import urljoin, urlsplit

from .._errors import SignerError
from .._http.api import REDIRECTS, HttpResponse
from .._printable import brief
from .http_answer import AnswerRules, Page
from .http_request import RequestRules
from .http_settings import HttpSettings

# Refusals that do not say that nothing was done: a time-out, a conflict, a lock, and "too early".
_DOUBTFUL = (408, 409, 423, 425)


class Refusals:
    """The sentences about answers of one CA. ``hide`` masks secrets that the CA repeats."""

    def __init__(self, settings: HttpSettings, hide: t.Callable[[str], str]) -> None:
        self._settings = settings
        self._hide = hide

    def where(self, step: str, request: RequestRules) -> str:
        """Return how a message begins."""
        return f"{step} at {self._settings.url} ({request.option})"

    def error(
        self,
        step: str,
        request: RequestRules,
        rules: AnswerRules,
        response: HttpResponse,
        *,
        wait: float | None,
        after_loss: str,
    ) -> SignerError:
        """Return the error about a status that is no success; ``wait`` is the pause that the CA asks for."""
        status = response.status
        page = Page(response)
        told = rules.words(page, self._hide)
        said = f"HTTP {status}" + (f": {told}" if told else "")
        where = self.where(step, request)
        if status in REDIRECTS:
            target = _site(self._settings.url, response.headers.get("location", ""))
            message = (
                f"{where}: the answer is a redirect to {brief(self._hide(target))} (HTTP {status}), which is not "
                f"followed: {self._settings.at('url')} must be the address that serves requests"
            )
            return SignerError(self._hide(message), not_sent=True)
        asked = f", asks to wait {wait:.0f} seconds" if wait else ""
        message = f"{where}: {self._what(status)} ({said}){asked}{self._advice(status, page, request, after_loss)}"
        not_done = (400 <= status < 500 and status not in _DOUBTFUL) or (status == 503 and wait is not None)
        busy = wait if status in (429, 503) else None
        return SignerError(self._hide(message), retry_after=busy, not_sent=not_done)

    def without_certificate(
        self, step: str, request: RequestRules, rules: AnswerRules, response: HttpResponse, number: str | None
    ) -> SignerError:
        """Return the error about a success without a certificate."""
        page = Page(response)
        place = rules.certificate.written if rules.certificate else "its body"
        told = rules.words(page, self._hide) or "it is empty"
        if page.is_html:
            advice = f"a proxy or a load balancer may have answered: look at {self._settings.at('url')}"
        elif number:
            advice = f"the CA named the request {number}: set {self._settings.at('poll')} to ask for it"
        else:
            advice = "look at the options of the answer, and at not_yet if the CA takes its time"
        return SignerError(
            self._hide(
                f"{self.where(step, request)}: HTTP {response.status} has no certificate at {place} ({told}): {advice}"
            )
        )

    def _what(self, status: int) -> str:
        if status == 401:
            return "the CA does not accept the credentials"
        if status == 403:
            return "the CA does not allow that"
        if status in (429, 503):
            return "the CA has no time now"
        return "the CA refused" if status < 500 else "the CA failed"

    def _advice(self, status: int, page: Page, request: RequestRules, after_loss: str) -> str:
        url, own = self._settings.at("url"), self._settings.credentials
        used = "login" if own.login else "token_path" if own.token_path else "username" if own.username else "token"
        if status in (401, 403):
            return f": look at {self._settings.at(used)} and the rights of that account"
        if page.is_html:
            return f": a proxy or a load balancer may have answered, look at {url}"
        if status in (404, 405):
            return f": look at {url} and {request.option}.path"
        if 400 <= status < 500 and status != 429:
            return ""
        return f"; {after_loss}" if after_loss else ""


def _site(base: str, location: str) -> str:
    """Return scheme, host and port of a redirect: a path may hold a secret."""
    try:
        parts = urlsplit(urljoin(base, location))
    except ValueError:
        return "what is no address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
