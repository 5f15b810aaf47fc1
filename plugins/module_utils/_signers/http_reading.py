# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what the answer of a CA says about one request, and keep the number that it gives."""

from __future__ import annotations

import dataclasses
import typing as t

from .._clock import utc_now
from .._errors import ConfigurationError, GateError, SignerError
from .._http.api import HttpResponse
from .._x509.api import chain_warnings, csr_public_key_sha256, load_certificate, order_chain
from .base import Signed, SigningOrder
from .http_answer import Page
from .http_refusal import Refusals
from .http_settings import Asking


@dataclasses.dataclass(frozen=True)
class Told:
    """What an answer says that is no failure: certificates in DER, a number, or that it takes time, and ``why``."""

    page: Page
    certificates: tuple[bytes, ...] = ()
    number: str | None = None
    waits: bool = False
    why: str = ""


class Reading:
    """Reads the answers of one CA. ``wait_of`` returns the pause in seconds that an answer asks for.

    ``issuers`` returns the certificates of the CA in DER where an answer has only the new one. ``notes`` returns
    warnings about a certificate.
    """

    def __init__(
        self,
        refusals: Refusals,
        wait_of: t.Callable[[HttpResponse], float | None],
        *,
        issuers: t.Callable[[SigningOrder], t.Iterable[bytes]],
        notes: t.Callable[[SigningOrder, bytes], t.Iterable[str]],
    ) -> None:
        self.refusals = refusals
        self._wait_of = wait_of
        self._issuers = issuers
        self._notes = notes

    def told(self, step: str, asking: Asking, response: HttpResponse, order: SigningOrder, then: str) -> Told:
        """Read an answer to a request. ``then`` says what the next run does after a failure.

        Raises SignerRejectedError and SignerError.
        """
        rules, page = asking.answer, Page(response)
        self.check(step, asking, page, then, waits=rules.not_yet)
        number = self._number(step, asking, page, order)
        says_wait = rules.not_yet.has_value(page)
        certificates = () if says_wait else tuple(rules.certificates(page))
        waits = not certificates and (says_wait or response.status in rules.not_yet.statuses)
        why = self.refusals.words(asking, page) if waits and rules.reason else ""
        return Told(page, certificates, number, waits, why)

    def check(self, step: str, asking: Asking, page: Page, then: str, *, waits: t.Any = None) -> None:
        """Raise SignerRejectedError and SignerError where an answer is neither a success nor ``waits``."""
        status, never = page.response.status, asking.answer.never
        if never.has_value(page) or (status in never.statuses and not asking.answer.is_foreign(page)):
            raise self.refusals.for_good(step, asking, page)
        if status in never.statuses:
            raise self.refusals.error(step, asking, page, wait=self._wait_of(page.response), then=then)
        request = asking.request
        if 200 <= status < 300 or status in request.accept or request.accepts_when.has_value(page):
            return
        if waits is None or not (status in waits.statuses or waits.has_value(page)):
            raise self.refusals.error(step, asking, page, wait=self._wait_of(page.response), then=then)

    def signed(self, step: str, asking: Asking, certificates: t.Sequence[bytes], order: SigningOrder) -> Signed:
        """Return the certificate of the request with its chain. Raises SignerError where it is not there."""
        try:
            return self._ordered(certificates, order)
        except (GateError, ConfigurationError) as exc:
            where = self.refusals.where(step, asking)
            raise SignerError(f"{where}: the certificate in the answer is not for this request: {exc}") from exc

    def signed_if_found(self, certificates: t.Sequence[bytes], order: SigningOrder) -> Signed | None:
        """Return the certificate of the request with its chain, None where it is not among these.

        Raises SignerError where it cannot be told which one it is: then the CA must not issue another.
        """
        wanted = csr_public_key_sha256(order.csr)
        if not any(_has_key(der, wanted) for der in certificates):
            return None
        try:
            return self._ordered(certificates, order)
        except (GateError, ConfigurationError) as exc:
            raise SignerError(f"find at {self.refusals.url}: {exc}") from exc

    def _ordered(self, certificates: t.Sequence[bytes], order: SigningOrder) -> Signed:
        now = utc_now()
        issuers = self._issuers(order) if len(certificates) == 1 else ()
        certificate, chain = order_chain([*certificates, *issuers], order.csr, now)
        warnings = chain_warnings([*certificates, *chain], certificate, chain, now)
        return Signed(certificate, chain, (*warnings, *self._notes(order, certificate)))

    def _number(self, step: str, asking: Asking, page: Page, order: SigningOrder) -> str | None:
        try:
            number = asking.answer.number(page)
        except ValueError as exc:
            where = self.refusals.where(step, asking)
            raise SignerError(f"{where}: what is at {asking.answer.option}.order_number must be {exc}") from None
        if number and number != order.order_number:
            order.keep_order_number(number)
        return number


def _has_key(der: bytes, key_sha256: str) -> bool:
    try:
        return load_certificate(der).key_sha256 == key_sha256
    except ConfigurationError:
        return False
