# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of one service: one method for each endpoint, typed in and out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import time
import typing as t
from urllib.parse import urlsplit

from .._clock import Sending, ServiceClock, http_date
from .._error_codes import canonical
from .._errors import (
    AnswerInvalidError,
    AnswerLostError,
    ConfigurationError,
    NotSentError,
    NotTriedError,
    RefusedError,
    ServiceError,
    SessionError,
)
from .._http.api import HttpRequest, HttpResponse, Transport
from .._models import CertificateSpec, Finalized, Request, Tokens
from .._secrets import Secrets
from .answers import Envelope, parse_envelope, parse_finalized, parse_request, parse_tokens, what_upload_lacks
from .contract import Contract, Endpoint
from .refusals import LOOK_AT, is_page, refusal
from .retry import Breaker, Retry
from .signing import Partner
from .upload import Upload

Parsed = t.TypeVar("Parsed")

# What of a request's body must not be shown when the service repeats it.
_SECRET_MEMBERS = ("password", "temporalToken", "refreshToken", "requestCode")


@dataclasses.dataclass(frozen=True)
class Address:
    """Where the service listens."""

    host: str
    ra_port: int
    auth_port: int

    def url(self, endpoint: Endpoint) -> str:
        """Return the URL of an endpoint."""
        return self._base(self.auth_port if endpoint.port == "auth" else self.ra_port) + endpoint.path

    def login_page(self, contract: Contract) -> str:
        """Return the URL of the page at which a person signs in, without its query."""
        return self._base(self.auth_port) + contract.login_page

    def _base(self, port: int) -> str:
        host = f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host
        return f"https://{host}:{port}"


class Client:
    """Speak one generation of the service. Usable from several threads.

    Every request is signed anew when a partner is given. All methods raise the ServiceErrors; what may be
    sent again after a failure is sent again within the deadline of ``retry``. Once ``breaker`` is open nothing is
    sent any more. ``finalized_codes`` are the error codes that, after an upload without an answer, say that it had been
    carried out. ``warn`` is told once when the clocks differ.
    """

    def __init__(
        self,
        contract: Contract,
        address: Address,
        transport: Transport,
        *,
        partner: Partner | None = None,
        retry: Retry | None = None,
        secrets: Secrets | None = None,
        finalized_codes: t.Iterable[str] = (),
        clock: t.Callable[[], float] = time.time,
        monotonic: t.Callable[[], float] = time.monotonic,
        warn: t.Callable[[str], None] = lambda _warning: None,
    ) -> None:
        self.contract = contract
        self.breaker = Breaker()
        self._address = address
        self._transport = transport
        self._partner = partner
        self._retry = retry or Retry()
        self._secrets = secrets or Secrets()
        self._finalized_codes = {canonical(code) for code in finalized_codes}
        self._clock = ServiceClock(clock, monotonic, warn)

    def now(self) -> dt.datetime:
        """Return the time at the service, as far as its answers have told."""
        return self._clock.now()

    def login(self, username: str, password: str, domain: str | None) -> Tokens:
        """Log in with user and password; SessionError where the generation has no such call."""
        if self.contract.login is None:
            raise SessionError(
                f"generation {self.contract.api_version} has no login with user and password: "
                "sign in with a browser and give the temporal_token"
            )
        body = {"username": username, "password": password, "domain": domain or ""}
        return self._call(self.contract.login, body, parse_tokens)

    def login_link(self, redirect_url: str, domain: str | None) -> str:
        """Return the address at which a person signs in, signed now: the service takes it for some minutes only."""
        if self._partner is None:
            raise ConfigurationError("a login with a browser needs partner and partner_secret")
        timestamp = int(self._clock.sending().time)
        page = self._address.login_page(self.contract)
        return self._partner.login_url(page, redirect_url=redirect_url, timestamp=timestamp, domain=domain)

    def visit(self, url: str, cookies: t.Mapping[str, str] | None = None) -> tuple[HttpResponse, bool]:
        """Get a page of the login, signed, as it is: a redirect is not followed, and a refusal is an answer.

        Also return whether the answer shows that the request was sent with a wrong time.
        """
        endpoint = _page(url)

        def send() -> tuple[HttpResponse, bool]:
            sending = self._clock.sending()
            headers = self._headers(endpoint, None, sending)
            if cookies:
                headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
            response = self._transport.send(HttpRequest(endpoint.step, endpoint.verb, url, headers))
            mistimed = self._clock.heard(sending, response.headers.get("date"))
            if response.status >= 500:
                self._check(endpoint, response, self._envelope_or_none(response))
            return response, mistimed

        return self._persist(endpoint, send)

    def check_page(self, url: str, response: HttpResponse) -> None:
        """Raise RefusedError, in the service's own words, where the answer to ``visit`` is no page to sign in at."""
        try:
            self._check(_page(url), response, self._envelope_or_none(response))
        except ServiceError as exc:
            exc.mask(self._secrets.hide)
            raise

    def exchange(self, temporal_token: str) -> Tokens:
        """Exchange the temporary token of a browser login, once; it is its own bearer (contract, readings)."""
        return self._call(
            self.contract.exchange, {"temporalToken": temporal_token}, parse_tokens, bearer=temporal_token
        )

    def refresh(self, tokens: Tokens) -> Tokens:
        """Exchange the refresh token, once: the service rotates it."""
        body = {"refreshToken": tokens.refresh_token}
        return self._call(self.contract.refresh, body, parse_tokens, bearer=tokens.access_token)

    def logout(self, tokens: Tokens) -> None:
        """End the session at the service. A status is enough where nothing comes with it."""
        endpoint = self.contract.logout

        def send() -> None:
            response, envelope = self._send(endpoint, None, tokens.access_token)
            if envelope is None and response.body.strip():
                raise self._invalid(endpoint, response, f"{len(response.body)} bytes that are not JSON")

        self._persist(endpoint, send)

    def create(self, tokens: Tokens, spec: CertificateSpec, renews: str | None = None) -> Request:
        """Have a key pair made and get its CSR; ``renews`` is the thumbprint of the certificate to replace.

        Each call makes a key, so it is only ever repeated when the request provably never left.
        """
        endpoint = self.contract.renew if renews else self.contract.create
        return self._call(endpoint, self._create_body(spec, renews), parse_request, bearer=tokens.access_token)

    def finalize(
        self, tokens: Tokens, request_code: str, provider: str, data_in_b64: str, *, lost: bool = False
    ) -> Finalized:
        """Upload the certificate of a request. May be repeated with the same request and certificate.

        ``lost`` says that an earlier upload had no answer. After one, here or earlier, only a confirmation or one of
        ``finalized_codes`` counts as done (contract, readings). An error says by ``unanswered`` that one was lost here.
        """
        endpoint = self.contract.finalize
        body = {"dataInB64": data_in_b64, "provider": provider, "requestCode": request_code}
        upload = Upload(
            lambda: self._stored(endpoint, *self._send(endpoint, body, tokens.access_token)),
            self._finalized_codes,
            again=bool(self._retry.deadline),
            unanswered=lost,
        )
        try:
            return self._persist(endpoint, upload.attempt)
        except (NotSentError, RefusedError) as exc:
            raise upload.failure(exc, lost=lost) from exc.__cause__

    def _stored(
        self, endpoint: Endpoint, response: HttpResponse, envelope: Envelope | None
    ) -> Finalized | AnswerLostError:
        """Read what was stored; return the error where the answer does not say that our certificate was."""
        if not self.contract.confirms_upload and is_page(response.body):
            raise self._invalid(endpoint, response, "a page")
        stored = self._masked(parse_finalized(envelope.data if envelope else None))
        lacking = what_upload_lacks(stored) if self.contract.confirms_upload else None
        if lacking is None:
            return stored
        page = f", but a page in HTML: {LOOK_AT}" if is_page(response.body) else ""
        return AnswerLostError(
            f"the answer (HTTP {response.status}) does not confirm the upload, it has {lacking}{page}; "
            "the next run uploads it again",
            step=endpoint.step,
            url=self._address.url(endpoint),
            status=response.status,
        )

    def _masked(self, finalized: Finalized) -> Finalized:
        """Hide what the service repeats where it should say what it stored: our own store keeps that."""
        number, thumbprint = finalized.certificate_id, finalized.thumbprint
        if thumbprint and not re.fullmatch(r"[0-9A-Fa-f]{40}", thumbprint):
            thumbprint = self._secrets.hide(thumbprint)
        return dataclasses.replace(
            finalized, certificate_id=number and self._secrets.hide(number), thumbprint=thumbprint
        )

    def check(self, spec: CertificateSpec) -> None:
        """Raise ConfigurationError when this generation has no field for something that is asked for."""
        if spec.group_ids and not self.contract.knows_group_ids:
            raise ConfigurationError(f"group_ids needs api_version 4.42, not {self.contract.api_version}")

    def _create_body(self, spec: CertificateSpec, renews: str | None) -> dict[str, t.Any]:
        self.check(spec)
        body: dict[str, t.Any] = {
            "dn": spec.dn.to_json(),
            "hashType": spec.hash_type,
            "keyLength": self.contract.key_length(spec.key_length),
            "keyType": spec.key_type,
            "provider": spec.provider,
        }
        optional = {
            "requestCode": spec.request_code,
            "info": dict(spec.info),
            "groupIds": list(spec.group_ids),
            "thumbprintToRenew": renews,
        }
        return {**body, **{name: value for name, value in optional.items() if value}}

    def _call(
        self,
        endpoint: Endpoint,
        body: t.Mapping[str, t.Any] | None,
        parse: t.Callable[[t.Any], Parsed],
        *,
        bearer: str | None = None,
    ) -> Parsed:
        def send() -> Parsed:
            response, _envelope = self._send(endpoint, body, bearer)
            try:
                return parse(parse_envelope(response.body).data)
            except (ValueError, ConfigurationError) as exc:
                # Without the error it comes from, whose words may hold what the service has repeated.
                raise self._invalid(endpoint, response, str(exc)) from None

        return self._persist(endpoint, send)

    def _persist(self, endpoint: Endpoint, send: t.Callable[[], Parsed]) -> Parsed:
        """Send as often as may be, unless the service is plainly down; the breaker learns what became of it."""

        def once() -> Parsed:
            if self.breaker.is_open():
                url = self._address.url(endpoint)
                raise NotTriedError(f"nothing was sent, since {self.breaker.reason}", step=endpoint.step, url=url)
            return send()

        try:
            done = self._retry.call(
                once, repeatable=endpoint.repeatable, when_busy=endpoint.when_busy, breaker=self.breaker
            )
        except ServiceError as exc:
            exc.mask(self._secrets.hide)
            self.breaker.report(exc)
            raise
        self.breaker.report(None)
        return done

    def _send(
        self, endpoint: Endpoint, body: t.Mapping[str, t.Any] | None, bearer: str | None
    ) -> tuple[HttpResponse, Envelope | None]:
        """Send once; raise RefusedError when the status or the envelope says no.

        Send once more what was refused when only the refusal has shown that the time of the signature was wrong:
        what is refused was not carried out.
        """
        response, mistimed = self._sent(endpoint, body, bearer)
        if mistimed and self._partner and response.status in (401, 403):
            response, mistimed = self._sent(endpoint, body, bearer)
        envelope = self._envelope_or_none(response)
        self._check(endpoint, response, envelope)
        return response, envelope

    def _sent(
        self, endpoint: Endpoint, body: t.Mapping[str, t.Any] | None, bearer: str | None
    ) -> tuple[HttpResponse, bool]:
        """Return the answer, and whether it shows that the request was sent with a wrong time."""
        for secret in (bearer, *((body or {}).get(name) for name in _SECRET_MEMBERS)):
            self._secrets.add(secret)
        sending = self._clock.sending()
        request = HttpRequest(
            endpoint.step, endpoint.verb, self._address.url(endpoint), self._headers(endpoint, bearer, sending), body
        )
        response = self._transport.send(request)
        return response, self._clock.heard(sending, response.headers.get("date"))

    def _headers(self, endpoint: Endpoint, bearer: str | None, sending: Sending) -> dict[str, str]:
        headers = self._partner.headers(int(sending.time)) if self._partner else {}
        if bearer is not None and endpoint.bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        return headers

    def _envelope_or_none(self, response: HttpResponse) -> Envelope | None:
        """Read the envelope where there is one: a proxy answers HTML, and finalize may answer nothing."""
        try:
            return parse_envelope(response.body, self._secrets.hide)
        except ValueError:
            return None

    def _check(self, endpoint: Endpoint, response: HttpResponse, envelope: Envelope | None) -> None:
        """Raise RefusedError when the status or the envelope says no, in the service's own words."""
        refused = refusal(
            endpoint,
            self._address.url(endpoint),
            response,
            envelope,
            wait=self._retry_after(response),
            hide=self._secrets.hide,
        )
        if refused:
            raise refused

    def _retry_after(self, response: HttpResponse) -> float | None:
        """Read Retry-After in seconds; one that is a date counts from the Date of the answer (RFC 9110, 10.2.3)."""
        value = response.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,12}", value):
            return float(value)
        moment = http_date(value)
        if moment is None:
            return None
        told = http_date(response.headers.get("date"))
        return max(0.0, moment - (self.now().timestamp() if told is None else told))

    def _invalid(self, endpoint: Endpoint, response: HttpResponse, reason: str) -> AnswerInvalidError:
        if is_page(response.body):
            reason = f"a page for people in HTML, perhaps of a proxy: {LOOK_AT}"
        return AnswerInvalidError(
            f"the answer (HTTP {response.status}) is not one that the contract knows: {reason}",
            step=endpoint.step,
            url=self._address.url(endpoint),
            status=response.status,
        )


def _page(url: str) -> Endpoint:
    return Endpoint("login_request", "GET", urlsplit(url).path, "auth", bearer=False, repeatable=True, is_page=True)
