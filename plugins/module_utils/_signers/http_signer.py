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

from .._errors import ConfigurationError, SignerError
from .._http.api import Transport, check_files
from .._models import CertificateSpec
from .._secrets import Secrets
from .base import NotYet, Revocation, Signed, Signer, SigningOrder
from .http_answer import AnswerRules, Page
from .http_exchange import Clocks, Exchange
from .http_reading import Reading, Told
from .http_refusal import Refusals
from .http_request import RequestRules
from .http_settings import Asking, HttpSettings
from .http_values import ORDER_NAMES, Values, of_order, of_revocation, problem_of
from .preset import PresetCode

# A request as data, as the option ``request`` takes it; its answer.
Ask = t.Callable[[t.Mapping[str, t.Any]], Page]
Finder = t.Callable[[Ask, SigningOrder], t.Iterable[bytes]]

_NOT_FOUND = frozenset((404, 410))
_AGAIN = "the next run asks again"
# Pauses between two requests of one poll, in seconds; the last one is repeated.
_PAUSES = (1.0, 2.0, 4.0, 8.0)


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
        clocks: Clocks | None = None,
    ) -> None:
        self.settings = settings
        self.lifetime = settings.lifetime
        self.secrets = Secrets()
        self._code = code or PresetCode()
        self._finder = self._code.find if self._code.searches else finder
        self._before = before
        self._transport = transport
        self._clocks = clocks or Clocks()
        self._mutex = threading.Lock()
        self._built: tuple[Exchange, Reading] | None = None

    def identity(self) -> str:
        """Return a hash of the address and the account."""
        own = self.settings
        account = (own.credentials.username or "", own.transport.client_cert or "")
        return hashlib.sha256("\0".join((own.url, *account)).encode("utf-8", "surrogateescape")).hexdigest()

    def check(self, _now: dt.datetime) -> None:
        try:
            check_files(self.settings.transport)
        except ConfigurationError as exc:
            raise ConfigurationError(self.settings.at(str(exc))) from exc
        self._exchange.access.check()
        if self._before:
            self._before()

    def check_spec(self, spec: CertificateSpec) -> None:
        self._code.check_spec(spec)

    def revoke(self, revocation: Revocation) -> None:
        values = of_revocation(revocation, self.settings.secrets, self._code.revocation_values(revocation))
        if self._code.revokes:
            self._code.revoke(self._asker("revoke", values), revocation)
            return
        asking = self.settings.revoke
        if asking is None:
            super().revoke(revocation)
            return
        then = "revoke it again, which does no harm"
        page = Page(self._exchange.ask("revoke", asking.request, values, after_loss=then))
        self._reading.check("revoke", asking, page, then)
        self._refuse_foreign("revoke", asking, page)

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
        for request in (*self.settings.prepare, self.settings.issue.request):
            # A missing value is found before anything is sent.
            self._exchange.filled("sign", request, values)
        for request in self.settings.prepare:
            response = self._exchange.ask("prepare", request, values, carries_order=False)
            self._reading.check("prepare", Asking(request, self.settings.issue.answer), Page(response), _AGAIN)
        answer = self._requested(order, values)
        if isinstance(answer, Signed):
            return dataclasses.replace(answer, warnings=(*answer.warnings, *warnings))
        return answer

    def _requested(self, order: SigningOrder, values: Values) -> Signed | NotYet:
        asking, poll, then = self.settings.issue, self.settings.poll, self._after_loss
        response = self._exchange.ask("sign", asking.request, values, after_loss=then)
        told = self._reading.told("sign", asking, response, order, then)
        if not told.certificates and told.number and poll:
            return self._polled_at_once(dataclasses.replace(order, order_number=told.number), poll)
        return self._answer("sign", asking, told, order)

    def _polled_at_once(self, order: SigningOrder, poll: Asking) -> Signed | NotYet:
        """Ask for a certificate right after it was ordered, for as long as ``poll.wait`` says."""
        end = self._clocks.monotonic() + self.settings.poll_wait
        pauses = iter(_PAUSES)
        pause = 0.0
        while True:
            try:
                answer = self._polled(order, poll)
            except ConfigurationError as exc:
                # The CA has the order by now, so this is no order that never left.
                raise SignerError(str(exc)) from exc
            pause = next(pauses, pause)
            if isinstance(answer, Signed) or self._clocks.monotonic() + pause >= end:
                return answer
            self._clocks.sleep(pause)

    def _polled(self, order: SigningOrder, poll: Asking) -> Signed | NotYet:
        response = self._exchange.ask("poll", poll.request, self._values(order), after_loss=_AGAIN)
        return self._answer("poll", poll, self._reading.told("poll", poll, response, order, _AGAIN), order)

    def _answer(self, step: str, asking: Asking, told: Told, order: SigningOrder) -> Signed | NotYet:
        if told.certificates:
            return self._reading.signed(step, asking, told.certificates, order)
        if told.waits:
            return NotYet(told.why)
        number = None if step == "poll" else told.number
        raise self._reading.refusals.without_certificate(step, asking, told.page, number)

    def _looked_for(self, order: SigningOrder, values: Values) -> Signed | NotYet | None:
        """Look for the certificate of a request whose answer was lost; None where the CA has none."""
        if self._finder:
            found = list(self._finder(self._asker("find", values), order))
            return self._reading.signed_if_found(found, order)
        asking, poll = self.settings.find, self.settings.poll
        if asking is None:
            return None
        then = "the next run looks again"
        response = self._exchange.ask("find", asking.request, values, after_loss=then)
        if response.status in _NOT_FOUND - asking.request.accept:
            return None
        told = self._reading.told("find", asking, response, order, then)
        if told.certificates:
            return self._reading.signed_if_found(told.certificates, order)
        if told.number and poll:
            return self._polled(dataclasses.replace(order, order_number=told.number), poll)
        self._refuse_foreign("find", asking, told.page)
        return NotYet(told.why) if told.waits else None

    def _refuse_foreign(self, step: str, asking: Asking, page: Page) -> None:
        """Raise SignerError for a page of a proxy, which with a success would look like one of the CA."""
        if asking.answer.is_foreign(page) or self.settings.issue.answer.is_foreign(page):
            raise self._reading.refusals.foreign(step, asking, page)

    def _asker(self, step: str, values: Values) -> Ask:
        def ask(given: t.Mapping[str, t.Any]) -> Page:
            own = self.settings
            request = RequestRules.parse(
                own.at(step), given, lambda name: problem_of(name, ORDER_NAMES, own.secrets, own=own.own)
            )
            asking = Asking(request, AnswerRules(reason=own.issue.answer.reason))
            try:
                page = Page(self._exchange.ask(step, request, values))
                if page.response.status not in _NOT_FOUND:
                    self._reading.check(step, asking, page, "the next run looks again")
                if step != "issuers" and 200 <= page.response.status < 300:
                    self._refuse_foreign(step, asking, page)
            except SignerError as exc:
                # That this question was not sent does not mean that the CA never had the request.
                raise SignerError(str(exc), retry_after=exc.retry_after, concerns_all=exc.concerns_all) from exc
            return page

        return ask

    def _before_repeating(self, order: SigningOrder) -> tuple[str, ...]:
        """Return warnings about a request that is sent again. Raises SignerError where it must not be."""
        request, option = self.settings.issue.request, self.settings.at("lost_answer")
        if self._looks or request.has_id:
            return ()
        if not self.settings.repeats:
            raise SignerError(
                f"{order.name}, revision {order.revision}: the CA at {self.settings.url} may have had this request "
                f"before, and {option} is stop: look there for a certificate of this request and give it to "
                f"redtrust_finalize, or set {option} to repeat"
            )
        warning = (
            f"{order.name}, revision {order.revision}: the CA at {self.settings.url} may have had this request before, "
            "and got it again, so it may have issued two certificates: look there for another one and have it revoked"
        )
        advice = (
            f" (if the CA knows repetitions by an id, put ${{request_id}} into {request.option}; if it can be "
            f"searched, set {self.settings.at('find')})"
        )
        return (warning if self.settings.is_preset else warning + advice,)

    def _values(self, order: SigningOrder) -> Values:
        return of_order(order, self.lifetime, self.settings.secrets, self._code.values(order))

    def _issuers(self, order: SigningOrder) -> t.Iterable[bytes]:
        return self._code.issuers(self._asker("issuers", self._values(order)))

    @property
    def _looks(self) -> bool:
        return self._finder is not None or self.settings.find is not None

    @property
    def _after_loss(self) -> str:
        """What the next run does about a request that may have been carried out."""
        if self._looks:
            return "the next run looks for its certificate at the CA first"
        if self.settings.issue.request.has_id:
            return "the next run asks again, with the same id of the request"
        if self.settings.repeats:
            return "the next run asks again, and the CA may then have issued two certificates"
        return f"the next run does not ask again ({self.settings.at('lost_answer')} is stop): look at the CA"

    @property
    def _exchange(self) -> Exchange:
        return self._parts()[0]

    @property
    def _reading(self) -> Reading:
        return self._parts()[1]

    def _parts(self) -> tuple[Exchange, Reading]:
        """Return the connections and the reader, made at first use: only then ``secrets`` are those of the module."""
        with self._mutex:
            if self._built is None:
                own, secrets = self.settings, self.secrets
                for secret in own.known_secrets():
                    secrets.add(secret)
                exchange = Exchange(own, secrets, self.connections, transport=self._transport, clocks=self._clocks)
                self._built = (
                    exchange,
                    Reading(
                        Refusals(own, secrets.hide), exchange.wait_of, issuers=self._issuers, notes=self._code.notes
                    ),
                )
            return self._built
