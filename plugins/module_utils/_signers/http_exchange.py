# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send requests to a CA: with credentials, again where that is safe, and with failures as errors of a signer."""

from __future__ import annotations

import dataclasses
import random
import time
import typing as t

from .._errors import NotSentError, RefusedError, ServiceError, SignerError, TlsError
from .._http.api import Breaker, HttpRequest, HttpResponse, HttpsTransport, Retry, Transport, seconds_to_wait
from .._secrets import Secrets
from .http_access import Access, Pass
from .http_request import RequestRules
from .http_settings import HttpSettings, Login
from .http_values import Values, of_login

# Statuses after which a whole answer may be asked for again.
_BUSY = (429, 502, 503, 504)


class _BusyError(RefusedError):
    """The CA has no time now. It carries the answer, which counts if no later one is better."""

    def __init__(self, request: HttpRequest, response: HttpResponse) -> None:
        super().__init__("busy", status=response.status, **request.where)
        self.response = response


@dataclasses.dataclass(frozen=True)
class Clocks:
    """What a test may replace: ``monotonic`` and ``now`` return seconds, the latter of UNIX."""

    monotonic: t.Callable[[], float] = time.monotonic
    now: t.Callable[[], float] = time.time
    sleep: t.Callable[[float], None] = time.sleep
    jitter: t.Callable[[float, float], float] = random.uniform


class Exchange:
    """The connections to one CA. Usable from several threads."""

    def __init__(
        self,
        settings: HttpSettings,
        secrets: Secrets,
        connections: int,
        *,
        transport: Transport | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        self._settings = settings
        self.secrets = secrets
        self._clocks = clocks = clocks or Clocks()
        self._transport = transport or HttpsTransport(
            settings.transport, clocks.monotonic, hide=secrets.hide, connections=connections
        )
        self._retry = Retry(settings.retry_timeout, clock=clocks.monotonic, sleep=clocks.sleep, jitter=clocks.jitter)
        self._breaker = Breaker()
        self.access = Access(settings, secrets, self._log_in, clocks.monotonic)

    def filled(self, step: str, rules: RequestRules, values: Values) -> HttpRequest:
        """Return a request with its values. Raises ConfigurationError where one is missing."""
        return rules.filled(step, self._settings.url, values, self._settings.headers)

    def ask(
        self, step: str, rules: RequestRules, values: Values, *, after_loss: str = "", carries_order: bool = True
    ) -> HttpResponse:
        """Send a request and return its answer, whatever its status is.

        ``after_loss`` says what the next run does if the answer gets lost; nothing is lost of a request that does not
        carry the order. Raises SignerError where no answer came, and ConfigurationError where a value is missing, or a
        file cannot be used.
        """
        after_loss = after_loss if carries_order else ""
        request = self.filled(step, rules, values)
        used = self.access.current()
        response = self._sent(request, rules, used, after_loss)
        if response.status in (401, 403) and response.status not in rules.accept:
            other = self.access.other_than(used, response.status)
            if other is not None:
                used, response = other, self._sent(request, rules, other, after_loss)
                if response.status in (401, 403):
                    self.access.give_up(other)
        if response.status not in (401, 403):
            self.access.worked(used)
        return response

    def wait_of(self, response: HttpResponse) -> float | None:
        """Return for how many seconds the CA wants to be left alone; None where it does not say."""
        return seconds_to_wait(response.headers, self._clocks.now)

    def _log_in(self, login: Login) -> HttpResponse:
        request = self.filled("login", login.request, of_login(self._settings.secrets))
        return self._sent(request, login.request, Pass(), "")

    def _sent(self, request: HttpRequest, rules: RequestRules, used: Pass, after_loss: str) -> HttpResponse:
        """Send a request with credentials, again where that is safe. Raises SignerError."""
        whole = dataclasses.replace(request, headers={**request.headers, **used.headers})

        def send() -> HttpResponse:
            response = self._transport.send(whole)
            busy = response.status in _BUSY and response.status not in rules.accept
            if busy and not self.wait_of(response):
                raise _BusyError(request, response)
            return response

        safe = request.verb in ("GET", "HEAD", "LIST")
        with self._transport.turn():
            try:
                response = self._retry.call(send, repeatable=safe, when_busy=True, breaker=self._breaker)
            except _BusyError as exc:
                self._breaker.report(exc)
                return exc.response
            except ServiceError as exc:
                self._breaker.report(exc)
                raise self._failure(exc, after_loss) from None
        self._breaker.report(None)
        return response

    def _failure(self, error: ServiceError, after_loss: str) -> SignerError:
        """Return the error of a signer about a request that has no answer."""
        error.mask(self.secrets.hide)
        if isinstance(error, TlsError):
            return SignerError(str(error), not_sent=True, concerns_all=True)
        if isinstance(error, NotSentError):
            advice = f"look at {self._settings.at('url')} and whether the CA runs"
            return SignerError(f"{error}: {advice}", not_sent=True, concerns_all=True)
        return SignerError(f"{error}; {after_loss or 'the next run asks again'}", not_sent=not after_loss)
