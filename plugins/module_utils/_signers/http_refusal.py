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
# Refusals of any request: credentials that are not accepted, and a CA that is busy or starts.
_ABOUT_ALL = (401, 429, 503)
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

    def where(self, step: str, asking: Asking) -> str:
        """Return how a message begins."""
        return f"{step} at {self._settings.url} ({asking.request.option})"

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
            return self._redirected(step, asking, page)
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
            concerns_all=status in _ABOUT_ALL,
        )

    def without_certificate(self, step: str, asking: Asking, page: Page, number: str | None = None) -> SignerError:
        """Return the error about a success without a certificate."""
        certificate = asking.answer.certificate
        place = certificate.written if certificate else "its body"
        told = self.words(asking, page) or "it is empty"
        if page.is_html:
            advice = f"a proxy or a load balancer may have answered: look at {self._settings.at('url')}"
        elif number:
            advice = f"the CA named the request {number}: set {self._settings.at('poll')} to ask for it"
        else:
            advice = f"look at {asking.answer.option}: at certificate, and at not_yet if the CA takes its time"
        found = f"HTTP {page.response.status} has no certificate at {place} ({told})"
        return SignerError(self._hide(f"{self.where(step, asking)}: {found}: {advice}"))

    def _redirected(self, step: str, asking: Asking, page: Page) -> SignerError:
        target = brief(self._hide(_site(self._settings.url, page.response.headers.get("location", ""))))
        return SignerError(
            self._hide(
                f"{self.where(step, asking)}: the answer redirects to {target} (HTTP {page.response.status}), which is "
                f"not followed: {self._settings.at('url')} must be the address that serves requests"
            ),
            not_sent=True,
        )

    def _advice(self, asking: Asking, page: Page, then: str) -> str:
        own, status = self._settings.credentials, page.response.status
        if status in self._settings.advice:
            return self._settings.advice[status]
        if page.is_html:
            return f"a proxy or a load balancer may have answered, look at {self._settings.at('url')}"
        if status in (401, 403):
            used = next((way for way in ("login", "token_path", "username") if getattr(own, way)), "token")
            where = self._settings.login_in_words if used == "login" else self._settings.at(used)
            return f"look at {where}, and at the rights of that account"
        if status in (404, 405):
            return f"look at {self._settings.at('url')} and {asking.request.option}.path"
        if 400 <= status < 500 and status != 429:
            return f"where {status} is the last word of this CA, put it into {asking.answer.option}.never.status"
        return then


def _site(base: str, location: str) -> str:
    """Return scheme, host and port of a redirect: a path may hold a secret."""
    try:
        parts = urlsplit(urljoin(base, location))
    except ValueError:
        return "what is no address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
