# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of one service: one method for each endpoint, typed in and out."""

from __future__ import annotations

import dataclasses
import re
import time
import typing as t

from ._answers import Envelope, parse_envelope, parse_finalized, parse_request, parse_tokens
from ._contract import Contract, Endpoint
from ._errors import (
    AnswerInvalidError,
    AnswerLostError,
    ConfigurationError,
    NotSentError,
    RefusedError,
    SessionError,
    UnauthorizedError,
)
from ._models import CertificateSpec, Finalized, Request, Tokens
from ._retry import Retry
from ._signing import Partner
from ._transport import HttpRequest, HttpResponse, Transport

Parsed = t.TypeVar("Parsed")

# What a request's body may hold that must not be shown when the service repeats it in a message.
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
    sent again after a failure is sent again within the deadline of ``retry``.
    """

    def __init__(
        self,
        contract: Contract,
        address: Address,
        transport: Transport,
        *,
        partner: Partner | None = None,
        retry: Retry | None = None,
        clock: t.Callable[[], float] = time.time,
    ) -> None:
        self.contract = contract
        self._address = address
        self._transport = transport
        self._partner = partner
        self._retry = retry or Retry()
        self._clock = clock

    def login(self, username: str, password: str, domain: str | None) -> Tokens:
        """Log in with user and password; SessionError where the generation has no such call."""
        if self.contract.login is None:
            raise SessionError(
                f"generation {self.contract.api_version} has no login with user and password: "
                "sign in with a browser and give the temporal_token"
            )
        body = {"username": username, "password": password, "domain": domain or ""}
        return self._call(self.contract.login, body, parse_tokens)

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
        """End the session at the service."""
        self._call(self.contract.logout, None, lambda _data: None, bearer=tokens.access_token)

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

        ``lost`` says that an earlier upload had no answer. After one, here or earlier, an error that says that
        the request is finalized already counts as done (contract, readings).
        """
        endpoint = self.contract.finalize
        body = {"dataInB64": data_in_b64, "provider": provider, "requestCode": request_code}
        unanswered = lost

        def send() -> Finalized:
            nonlocal unanswered
            try:
                response, envelope = self._send(endpoint, body, tokens.access_token)
            except AnswerLostError:
                unanswered = True
                raise
            except RefusedError as exc:
                if unanswered and _says_finalized_already(exc):
                    return Finalized(confirmed_by_second_answer=True)
                unanswered = unanswered or (exc.status or 0) >= 500
                raise
            if envelope is None and response.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
                raise self._invalid(endpoint, response, "a page for people, perhaps of a proxy")
            return parse_finalized(envelope.data if envelope else None)

        try:
            return self._retry.call(send, repeatable=endpoint.repeatable)
        except (NotSentError, RefusedError) as exc:
            if not unanswered or lost or isinstance(exc, UnauthorizedError) or (exc.status or 0) >= 500:
                raise
            raise AnswerLostError(
                f"an earlier upload had no answer, and then: {exc}",
                step=exc.step,
                url=exc.url,
                status=exc.status,
                error_code=exc.error_code,
                service_message=exc.service_message,
            ) from exc

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
                raise self._invalid(endpoint, response, str(exc)) from exc

        return self._retry.call(send, repeatable=endpoint.repeatable)

    def _send(
        self, endpoint: Endpoint, body: t.Mapping[str, t.Any] | None, bearer: str | None
    ) -> tuple[HttpResponse, Envelope | None]:
        """Send once; raise RefusedError when the status or the envelope says no."""
        headers = self._partner.headers(int(self._clock())) if self._partner else {}
        if bearer is not None and endpoint.bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        url = self._address.url(endpoint)
        response = self._transport.send(HttpRequest(endpoint.step, endpoint.verb, url, headers, body))
        secrets = [bearer or "", *((body or {}).get(name, "") for name in _SECRET_MEMBERS)]
        envelope = _envelope_or_none(response, secrets)
        self._check(endpoint, response, envelope)
        return response, envelope

    def _check(self, endpoint: Endpoint, response: HttpResponse, envelope: Envelope | None) -> None:
        """Raise RefusedError when the status or the envelope says no, in the service's own words."""
        if response.status < 300 and not (envelope and envelope.refuses):
            return
        words = f"HTTP {response.status}"
        if envelope:
            words = ", ".join(part for part in (words, envelope.error_code, envelope.message) if part)
        kind = UnauthorizedError if response.status == 401 else RefusedError
        raise kind(
            f"the service refused ({words})",
            step=endpoint.step,
            url=self._address.url(endpoint),
            status=response.status,
            error_code=envelope.error_code if envelope else None,
            service_message=envelope.message if envelope else None,
            retry_after=_retry_after(response),
        )

    def _invalid(self, endpoint: Endpoint, response: HttpResponse, reason: str) -> AnswerInvalidError:
        return AnswerInvalidError(
            f"the answer (HTTP {response.status}) is not one that the contract knows: {reason}",
            step=endpoint.step,
            url=self._address.url(endpoint),
            status=response.status,
        )


def _envelope_or_none(response: HttpResponse, secrets: t.Iterable[str]) -> Envelope | None:
    """Read the envelope where there is one: a proxy answers HTML, and finalize may answer nothing."""
    try:
        return parse_envelope(response.body, secrets)
    except ValueError:
        return None


def _says_finalized_already(error: RefusedError) -> bool:
    """Return whether the service says that the request is finalized; the pages list no code for it."""
    words = f"{error.error_code or ''} {error.service_message or ''}"
    return re.search(r"already[\W_]*(been|is)?[\W_]*finali[sz]ed", words, re.IGNORECASE) is not None


def _retry_after(response: HttpResponse) -> float | None:
    """Read Retry-After in seconds; its other form, a date, is treated as absent."""
    value = response.headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"\d{1,6}", value) else None
