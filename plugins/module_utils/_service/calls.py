# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send calls to one service: sign them, try again where that is safe, and raise its refusals as errors."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
import typing as t

from .._clock import Sending, ServiceClock
from .._errors import AnswerInvalidError, ConfigurationError, NotTriedError, RefusedError, ServiceError
from .._http.api import Breaker, HttpRequest, HttpResponse, Retry, Transport, seconds_to_wait
from .._printable import brief
from .._secrets import Secrets
from .address import Address
from .answers import Envelope, parse_envelope
from .contract import Endpoint
from .refusals import LOOK_AT, is_page, refusal
from .signing import Partner
from .throttle import Throttle, Unthrottled

Parsed = t.TypeVar("Parsed")

# The members of a request's body that must not be shown when the service repeats them.
_SECRET_MEMBERS = ("password", "temporalToken", "refreshToken", "requestCode")


class Calls:
    """Send calls to one service. Usable from several threads.

    With a partner each attempt gets a signature of its own. ``retry`` says how long a call is tried again after a
    failure that allows it. An open ``breaker`` stops all calls. ``throttle`` says when the next request may be sent.
    ``warn`` gets one sentence when the clocks differ.
    """

    def __init__(
        self,
        address: Address,
        transport: Transport,
        *,
        partner: Partner | None = None,
        retry: Retry | None = None,
        secrets: Secrets | None = None,
        throttle: Throttle | None = None,
        clock: t.Callable[[], float] = time.time,
        monotonic: t.Callable[[], float] = time.monotonic,
        warn: t.Callable[[str], None] = lambda _warning: None,
    ) -> None:
        self.address = address
        self._partner = partner
        self.retry = retry or Retry()
        self.secrets = secrets or Secrets()
        self.breaker = Breaker()
        self.throttle = throttle or Unthrottled()
        self._clock = ServiceClock(clock, monotonic, warn)
        self._transport = transport

    def turn(self) -> contextlib.AbstractContextManager[None]:
        """Wait until this thread may send; it then may until the end of the context."""
        return self._transport.turn()

    def admit(self, endpoint: Endpoint) -> None:
        """Wait until this thread may send one request, which it then keeps in mind until it does.

        Raises NotTriedError where this run asks the service no more.
        """
        why = self.throttle.admit()
        if why:
            raise self._not_tried(endpoint, why)

    def now(self) -> dt.datetime:
        """Return the time at the service, by the dates of its answers."""
        return self._clock.now()

    def login_url(self, page: str, redirect_url: str, domain: str | None) -> str:
        """Return the signed address of the page at which a person signs in. Raises ConfigurationError."""
        if self._partner is None:
            raise ConfigurationError("a login with a browser needs partner and partner_secret")
        timestamp = int(self._clock.sending().time)
        return self._partner.login_url(page, redirect_url=redirect_url, timestamp=timestamp, domain=domain)

    def get_page(self, endpoint: Endpoint, url: str, cookies: t.Mapping[str, str] | None) -> tuple[HttpResponse, bool]:
        """Get a page. No redirect is followed, and a refusal below 500 is returned like any other page.

        Also return whether the answer shows that the request was signed with a wrong time.
        """

        def send() -> tuple[HttpResponse, bool]:
            self._begin(endpoint)
            sending = self._clock.sending()
            headers = self._headers(endpoint, None, sending)
            if cookies:
                headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
            response = self._transport.send(HttpRequest(endpoint.step, endpoint.verb, url, headers))
            mistimed = self._clock.heard(sending, response.headers.get("date"))
            if response.status >= 500:
                self._check(endpoint, response, self._envelope_or_none(response))
            return response, mistimed

        return self.persist(endpoint, send)

    def check_page(self, endpoint: Endpoint, response: HttpResponse) -> None:
        """Raise RefusedError, with the words of the service, where a page is a refusal."""
        try:
            self._check(endpoint, response, self._envelope_or_none(response))
        except ServiceError as exc:
            exc.mask(self.secrets.hide)
            raise

    def call(
        self,
        endpoint: Endpoint,
        body: t.Mapping[str, t.Any] | None,
        parse: t.Callable[[t.Any], Parsed],
        *,
        bearer: str | None = None,
    ) -> Parsed:
        """Send a call, again where that is safe, and parse its data; raises a ServiceError."""

        def send() -> Parsed:
            response, envelope = self.send(endpoint, body, bearer)
            try:
                return parse((envelope or parse_envelope(response.body)).data)
            except (ValueError, ConfigurationError) as exc:
                # Without its cause: that message may hold a secret that the service repeated.
                raise self.invalid(endpoint, response, str(exc)) from None

        return self.persist(endpoint, send)

    def persist(self, endpoint: Endpoint, send: t.Callable[[], Parsed]) -> Parsed:
        """Send, again where that is safe, unless the service is plainly down; report the result to the breaker.

        This takes the turn of the thread first: what is signed is then sent at once, and a service that was found to be
        down while the thread waited is not asked.
        """

        def once() -> Parsed:
            if self.breaker.is_open():
                raise self._not_tried(endpoint, self.breaker.reason)
            try:
                return send()
            except RefusedError as exc:
                self._tell_all(exc)
                raise

        with self.turn():
            try:
                done = self.retry.call(
                    once,
                    repeatable=endpoint.repeatable,
                    when_busy=endpoint.when_busy,
                    breaker=self.breaker,
                    admit=lambda: self.admit(endpoint),
                )
            except ServiceError as exc:
                exc.mask(self.secrets.hide)
                self.breaker.report(exc)
                raise
            self.breaker.report(None)
            return done

    def send(
        self, endpoint: Endpoint, body: t.Mapping[str, t.Any] | None, bearer: str | None
    ) -> tuple[HttpResponse, Envelope | None]:
        """Send once; raise RefusedError when the status or the envelope says no.

        A refusal may be the first answer to show that the time of the signature was wrong. Then the request is sent
        once more: the refused one was not carried out.
        """
        response, mistimed = self._sent(endpoint, body, bearer)
        if mistimed and self._partner and response.status in (401, 403):
            response, mistimed = self._sent(endpoint, body, bearer)
        envelope = self._envelope_or_none(response)
        self._check(endpoint, response, envelope)
        return response, envelope

    def invalid(self, endpoint: Endpoint, response: HttpResponse, reason: str) -> AnswerInvalidError:
        """Return the error about an answer that the contract does not know."""
        if is_page(response.body):
            reason = f"a page for people in HTML, perhaps of a proxy: {LOOK_AT}"
        return AnswerInvalidError(
            f"the answer (HTTP {response.status}) is not one that the contract knows: {reason}",
            step=endpoint.step,
            url=self.address.url(endpoint),
            status=response.status,
        )

    def _not_tried(self, endpoint: Endpoint, why: str) -> NotTriedError:
        return NotTriedError(f"nothing was sent, since {why}", step=endpoint.step, url=self.address.url(endpoint))

    def _tell_all(self, refused: RefusedError) -> None:
        """Tell all runs that the service, or a proxy before it, wants to be left alone for a while."""
        if refused.is_busy and refused.retry_after:
            refused.mask(self.secrets.hide)
            said = (f"HTTP {refused.status}", refused.error_code, refused.service_message)
            self.throttle.block(refused.retry_after, brief(", ".join(words for words in said if words)))

    def _begin(self, endpoint: Endpoint) -> None:
        """Spend the right to send one request; wait for it where this thread has none."""
        self.admit(endpoint)
        self.throttle.spend()

    def _sent(
        self, endpoint: Endpoint, body: t.Mapping[str, t.Any] | None, bearer: str | None
    ) -> tuple[HttpResponse, bool]:
        """Return the answer, and whether it shows that the request was signed with a wrong time."""
        for secret in (bearer, *((body or {}).get(name) for name in _SECRET_MEMBERS)):
            self.secrets.add(secret)
        self._begin(endpoint)
        sending = self._clock.sending()
        request = HttpRequest(
            endpoint.step, endpoint.verb, self.address.url(endpoint), self._headers(endpoint, bearer, sending), body
        )
        response = self._transport.send(request)
        return response, self._clock.heard(sending, response.headers.get("date"))

    def _headers(self, endpoint: Endpoint, bearer: str | None, sending: Sending) -> dict[str, str]:
        headers = self._partner.headers(int(sending.time)) if self._partner else {}
        if bearer is not None and endpoint.bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        return headers

    def _envelope_or_none(self, response: HttpResponse) -> Envelope | None:
        """Return the envelope, None without one: a proxy answers HTML, and finalize may answer nothing."""
        try:
            return parse_envelope(response.body, self.secrets.hide)
        except ValueError:
            return None

    def _check(self, endpoint: Endpoint, response: HttpResponse, envelope: Envelope | None) -> None:
        """Raise RefusedError, with the words of the service, when the status or the envelope says no."""
        refused = refusal(
            endpoint,
            self.address.url(endpoint),
            response,
            envelope,
            wait=self._retry_after(response),
            hide=self.secrets.hide,
        )
        if refused:
            raise refused

    def _retry_after(self, response: HttpResponse) -> float | None:
        return seconds_to_wait(response.headers, lambda: self.now().timestamp())
