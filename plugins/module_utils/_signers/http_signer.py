# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA with a REST interface that is described as data."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import threading
import typing as t

from .._clock import utc_now
from .._errors import ConfigurationError, RedtrustError, SignerError, SignerRejectedError
from .._http.api import HttpResponse, Transport, check_files
from .._secrets import Secrets
from .._x509.api import chain_warnings, order_chain
from .base import NotYet, Revocation, Signed, Signer, SigningOrder
from .http_answer import Page
from .http_exchange import Clocks, Exchange
from .http_refusal import Refusals
from .http_request import RequestRules
from .http_settings import Asking, HttpSettings
from .http_values import ORDER_NAMES, Values, of_order, of_revocation, problem_of
from .preset import PresetCode

# A request as data, as the option ``request`` takes it; its answer.
Ask = t.Callable[[t.Mapping[str, t.Any]], Page]
Finder = t.Callable[[Ask, SigningOrder], t.Iterable[bytes]]

_NOT_FOUND = (404, 410)


class HttpSigner(Signer):
    """Asks a CA over HTTP, as ``settings`` describe it.

    ``finder`` looks for the certificate of a request whose answer was lost, and returns certificates in DER, nothing
    where there is none. ``before`` raises ConfigurationError where the CA would sign no request. ``code`` is what a
    preset does beside its data.
    """

    def __init__(
        self,
        settings: HttpSettings,
        *,
        finder: Finder | None = None,
        before: t.Callable[[], None] | None = None,
        code: PresetCode | None = None,
        transport: Transport | None = None,
        clocks: Clocks = Clocks(),  # noqa: B008 - it is frozen
    ) -> None:
        self.settings = settings
        self.lifetime = settings.lifetime
        self.secrets = Secrets()
        self._code = code or PresetCode()
        self._finder = self._code.find if self._code.searches else finder
        self._before = before
        self._transport = transport
        self._clocks = clocks
        self._mutex = threading.Lock()
        self._built: tuple[Exchange, Refusals] | None = None

    def identity(self) -> str:
        """Return a hash of the address and the account."""
        own = self.settings
        account = (own.credentials.username or "", own.transport.client_cert or "")
        return hashlib.sha256("\0".join((own.url, *account)).encode("utf-8", "surrogateescape")).hexdigest()

    def check(self, _now: dt.datetime) -> None:
        _check_files(self.settings)
        self._exchange.access.check()
        if self._before:
            self._before()

    def revoke(self, revocation: Revocation) -> None:
        values = of_revocation(revocation, self.settings.secrets)
        if self._code.revokes:
            self._code.revoke(self._asker("revoke", values), revocation)
            return
        asking = self.settings.revoke
        if asking is None:
            super().revoke(revocation)
            return
        then = "revoke it again: one that is revoked already is no failure"
        response = self._exchange.ask("revoke", asking.request, values, after_loss=then)
        if self._is_refused(asking, response):
            raise SignerRejectedError(self._rejected("revoke", asking, response))
        if not _succeeded(asking.request, response):
            raise self._failure("revoke", asking, response, then)

    def _sign(self, order: SigningOrder) -> Signed | NotYet:
        if order.order_number and self.settings.poll:
            return self._polled(order, self.settings.poll)
        values = self._values(order)
        warnings: tuple[str, ...] = ()
        if order.again:
            found = self._looked_for(order, values)
            if found is not None:
                return found
            warnings = self._before_repeating(order)
        for request in self.settings.prepare:
            self._prepare(request, values)
        return self._requested(order, values, warnings)

    def _requested(self, order: SigningOrder, values: Values, warnings: tuple[str, ...]) -> Signed | NotYet:
        asking = self.settings.issue
        response = self._exchange.ask("sign", asking.request, values, after_loss=self._after_loss)
        result = self._result("sign", asking, response, order)
        if isinstance(result, str):
            poll = self.settings.poll
            if poll is None:
                raise self._refusals.without_certificate("sign", asking.request, asking.answer, response, result)
            return self._polled(dataclasses.replace(order, order_number=result), poll)
        if isinstance(result, Signed):
            return dataclasses.replace(result, warnings=(*result.warnings, *warnings))
        return result

    def _polled(self, order: SigningOrder, poll: Asking) -> Signed | NotYet:
        then = "the next run asks again"
        response = self._exchange.ask("poll", poll.request, self._values(order), after_loss=then)
        result = self._result("poll", poll, response, order, then)
        if isinstance(result, str):
            raise self._refusals.without_certificate("poll", poll.request, poll.answer, response, None)
        return result

    def _looked_for(self, order: SigningOrder, values: Values) -> Signed | NotYet | None:
        """Look for the certificate of a request whose answer was lost; None where the CA has none."""
        if self._finder:
            found = list(self._finder(self._asker("find", values), order))
            return self._signed("find", found, order) if found else None
        asking = self.settings.find
        if asking is None:
            return None
        then = "the next run looks again"
        response = self._exchange.ask("find", asking.request, values, after_loss=then)
        if response.status in _NOT_FOUND:
            return None
        page = Page(response)
        if _succeeded(asking.request, response) and not asking.answer.not_yet.has_value(page):
            certificates = asking.answer.certificates(page)
            if certificates:
                return self._signed("find", certificates, order)
            if response.status not in asking.answer.not_yet.statuses and not asking.answer.number(page):
                return None
        result = self._result("find", asking, response, order, then)
        if isinstance(result, str):
            poll = self.settings.poll
            return self._polled(dataclasses.replace(order, order_number=result), poll) if poll else None
        return result

    def _before_repeating(self, order: SigningOrder) -> tuple[str, ...]:
        """Return warnings about a request that is sent again. Raises SignerError where it must not be."""
        if self._finder or self.settings.find or self.settings.issue.request.has_id:
            return ()
        option = self.settings.at("lost_answer")
        if not self.settings.repeats:
            raise SignerError(
                f"{order.name}, revision {order.revision}: the CA at {self.settings.url} may have had this request "
                f"before, and {option} is stop: look there for a certificate of this request and give it to "
                f"redtrust_finalize, or set {option} to repeat"
            )
        warning = (
            f"the CA at {self.settings.url} was asked again, and may have had this request before, so it may have "
            f"issued two certificates: put ${{request_id}} into {self.settings.issue.request.option} if the CA knows "
            f"repetitions by an id, or set {self.settings.at('find')}"
        )
        return (warning,)

    def _prepare(self, request: RequestRules, values: Values) -> None:
        asking = Asking(request, self.settings.issue.answer)
        response = self._exchange.ask("prepare", request, values)
        if self._is_refused(asking, response) and not _succeeded(request, response):
            raise SignerRejectedError(self._rejected("prepare", asking, response))
        if not _succeeded(request, response):
            raise self._failure("prepare", asking, response, "")

    def _result(
        self, step: str, asking: Asking, response: HttpResponse, order: SigningOrder, then: str = ""
    ) -> Signed | NotYet | str:
        """Read an answer; return the number of the order where there is nothing else."""
        rules, page = asking.answer, Page(response)
        if self._is_refused(asking, response):
            raise SignerRejectedError(self._rejected(step, asking, response))
        said = rules.not_yet.has_value(page)
        waits = said or response.status in rules.not_yet.statuses
        if not waits and not _succeeded(asking.request, response):
            raise self._failure(step, asking, response, then or self._after_loss)
        number = self._kept_number(step, asking, page, order)
        certificates = [] if said else rules.certificates(page)
        if certificates:
            return self._signed(step, certificates, order)
        if number and step != "poll" and self.settings.poll:
            return number
        if waits:
            return NotYet(rules.words(page, self._secrets.hide) if rules.reason else "")
        if number and step != "poll":
            return number
        raise self._refusals.without_certificate(step, asking.request, rules, response, None)

    def _kept_number(self, step: str, asking: Asking, page: Page, order: SigningOrder) -> str | None:
        try:
            number = asking.answer.number(page)
        except ValueError as exc:
            where = self._refusals.where(step, asking.request)
            raise SignerError(f"{where}: the CA's number of the order must be {exc}") from None
        if number and number != order.order_number:
            order.keep_order_number(number)
        return number

    def _signed(self, step: str, certificates: list[bytes], order: SigningOrder) -> Signed:
        now = utc_now()
        issuers: t.Iterable[bytes] = ()
        if len(certificates) == 1:
            issuers = self._code.issuers(self._asker("issuers", self._values(order)))
        try:
            certificate, chain = order_chain([*certificates, *issuers], order.csr, now)
            warnings = chain_warnings([*certificates, *chain], certificate, chain, now)
            return Signed(certificate, chain, (*warnings, *self._code.notes(order, certificate)))
        except RedtrustError as exc:
            raise SignerError(f"{step} at {self.settings.url}: the answer is not for this request: {exc}") from exc

    def _asker(self, step: str, values: Values) -> Ask:
        def ask(request: t.Mapping[str, t.Any]) -> Page:
            own = self.settings
            rules = RequestRules.parse(
                own.at(step), request, lambda name: problem_of(name, ORDER_NAMES, own.secrets, own=own.own)
            )
            response = self._exchange.ask(step, rules, values)
            if not _succeeded(rules, response) and response.status not in _NOT_FOUND:
                raise self._failure(step, Asking(rules, own.issue.answer), response, "")
            return Page(response)

        return ask

    def _is_refused(self, asking: Asking, response: HttpResponse) -> bool:
        never = asking.answer.never
        return response.status in never.statuses or never.has_value(Page(response))

    def _rejected(self, step: str, asking: Asking, response: HttpResponse) -> str:
        words = asking.answer.words(Page(response), self._secrets.hide) or f"HTTP {response.status}"
        return f"{self._refusals.where(step, asking.request)}: the CA refused the request for good: {words}"

    def _failure(self, step: str, asking: Asking, response: HttpResponse, then: str) -> SignerError:
        return self._refusals.error(
            step,
            asking.request,
            asking.answer,
            response,
            wait=self._exchange.wait_of(response),
            after_loss=then,
        )

    def _values(self, order: SigningOrder) -> Values:
        return of_order(order, self.lifetime, self.settings.secrets, self._code.values(order))

    @property
    def _after_loss(self) -> str:
        """What the next run does about a request that may have been carried out."""
        if self._finder or self.settings.find:
            return "the next run looks for its certificate at the CA first"
        if self.settings.issue.request.has_id:
            return "the next run asks again, with the same id of the request"
        if self.settings.repeats:
            return "the next run asks again, and the CA may then have issued two certificates"
        return f"the next run does not ask again ({self.settings.at('lost_answer')} is stop): look at the CA"

    @property
    def _secrets(self) -> Secrets:
        return self._exchange.secrets

    @property
    def _exchange(self) -> Exchange:
        return self._parts[0]

    @property
    def _refusals(self) -> Refusals:
        return self._parts[1]

    @property
    def _parts(self) -> tuple[Exchange, Refusals]:
        with self._mutex:
            if self._built is None:
                self._built = self._build()
            return self._built

    def _build(self) -> tuple[Exchange, Refusals]:
        """Connect with the first request: only then the secrets of the module are known here."""
        own = self.settings
        for secret in own.known_secrets():
            self.secrets.add(secret)
        exchange = Exchange(own, self.secrets, self.connections, transport=self._transport, clocks=self._clocks)
        return exchange, Refusals(own, self.secrets.hide)


def _check_files(settings: HttpSettings) -> None:
    try:
        check_files(settings.transport)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{settings.name}.{exc}") from exc


def _succeeded(request: RequestRules, response: HttpResponse) -> bool:
    return 200 <= response.status < 300 or response.status in request.accept
