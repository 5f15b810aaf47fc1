# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of one service: one method for each endpoint, typed in and out."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import re
import typing as t
from urllib.parse import urlsplit

from .._error_codes import canonical
from .._errors import AnswerLostError, ConfigurationError, NotSentError, RefusedError, SessionError
from .._http.api import Breaker, HttpResponse
from .._models import CertificateSpec, Finalized, Request, Tokens
from .answers import Envelope, parse_finalized, parse_request, parse_tokens, what_upload_lacks
from .calls import Calls
from .contract import Contract, Endpoint
from .refusals import LOOK_AT, is_page
from .upload import Upload


class Client:
    """Speak one generation of the service. Usable from several threads; all methods raise the ServiceErrors.

    ``finalized_codes``: after an upload without an answer, these error codes confirm that it was carried out.
    """

    def __init__(self, contract: Contract, calls: Calls, finalized_codes: t.Iterable[str] = ()) -> None:
        self.contract = contract
        self._calls = calls
        self._finalized_codes = {canonical(code) for code in finalized_codes}

    @property
    def breaker(self) -> Breaker:
        """The record of whether the service is down."""
        return self._calls.breaker

    def turn(self) -> contextlib.AbstractContextManager[None]:
        """Wait until this thread may send; it then may until the end of the context."""
        return self._calls.turn()

    def may_wait(self) -> bool:
        """Return whether the next request of this thread may have to wait for others, or for the end of a pause."""
        return self._calls.throttle.may_wait()

    def admit(self, endpoint: Endpoint) -> None:
        """Wait until this thread may send one request; it then may send the next one at once.

        This is for a caller that writes something down before it sends: nothing should say for long that a request is
        on its way. Raises NotTriedError where this run asks the service no more.
        """
        self._calls.admit(endpoint)

    def now(self) -> dt.datetime:
        """Return the time at the service, by the dates of its answers."""
        return self._calls.now()

    def login(self, username: str, password: str, domain: str | None) -> Tokens:
        """Log in with user and password; SessionError where the generation has no such call."""
        if self.contract.login is None:
            raise SessionError(
                f"generation {self.contract.api_version} has no login with user and password: "
                "sign in with a browser and give the temporal_token"
            )
        body = {"username": username, "password": password, "domain": domain or ""}
        return self._calls.call(self.contract.login, body, parse_tokens)

    def login_link(self, redirect_url: str, domain: str | None) -> str:
        """Return the address at which a person signs in. Its signature is made now and lasts for some minutes."""
        return self._calls.login_url(self._calls.address.login_page(self.contract), redirect_url, domain)

    def visit(self, url: str, cookies: t.Mapping[str, str] | None = None) -> tuple[HttpResponse, bool]:
        """Get a page of the login. No redirect is followed, and a refusal below 500 is returned like any other page.

        Also return whether the answer shows that the request was signed with a wrong time.
        """
        return self._calls.get_page(_page(url), url, cookies)

    def check_page(self, url: str, response: HttpResponse) -> None:
        """Raise RefusedError, with the words of the service, where the answer to ``visit`` is a refusal."""
        self._calls.check_page(_page(url), response)

    def exchange(self, temporal_token: str) -> Tokens:
        """Exchange the temporary token of a browser login, once; it is its own bearer (contract, readings)."""
        return self._calls.call(
            self.contract.exchange, {"temporalToken": temporal_token}, parse_tokens, bearer=temporal_token
        )

    def refresh(self, tokens: Tokens) -> Tokens:
        """Exchange the refresh token, once: the service rotates it."""
        body = {"refreshToken": tokens.refresh_token}
        return self._calls.call(self.contract.refresh, body, parse_tokens, bearer=tokens.access_token)

    def logout(self, tokens: Tokens) -> None:
        """End the session at the service. An empty answer with a good status is enough."""
        endpoint = self.contract.logout

        def send() -> None:
            response, envelope = self._calls.send(endpoint, None, tokens.access_token)
            if envelope is None and response.body.strip():
                raise self._calls.invalid(endpoint, response, f"{len(response.body)} bytes that are not JSON")

        self._calls.persist(endpoint, send)

    def create(self, tokens: Tokens, spec: CertificateSpec, renews: str | None = None) -> Request:
        """Have a key pair made and get its CSR; ``renews`` is the thumbprint of the certificate to replace.

        Each call makes a key, so it is repeated only when the request provably never left.
        """
        endpoint = self.contract.renew if renews else self.contract.create
        return self._calls.call(endpoint, self._create_body(spec, renews), parse_request, bearer=tokens.access_token)

    def finalize(
        self, tokens: Tokens, request_code: str, provider: str, data_in_b64: str, *, lost: bool = False
    ) -> Finalized:
        """Upload the certificate of a request. May be repeated with the same request and certificate.

        ``lost``: an earlier upload had no answer. After such an upload, here or earlier, only a confirmation or one of
        ``finalized_codes`` counts as done (contract, readings). An error has ``unanswered`` set where one was lost
        here.
        """
        endpoint = self.contract.finalize
        body = {"dataInB64": data_in_b64, "provider": provider, "requestCode": request_code}
        upload = Upload(
            lambda: self._stored(endpoint, *self._calls.send(endpoint, body, tokens.access_token)),
            self._finalized_codes,
            again=bool(self._calls.retry.deadline),
            unanswered=lost,
        )
        try:
            return self._calls.persist(endpoint, upload.attempt)
        except (NotSentError, RefusedError) as exc:
            raise upload.failure(exc, lost=lost) from exc.__cause__

    def _stored(
        self, endpoint: Endpoint, response: HttpResponse, envelope: Envelope | None
    ) -> Finalized | AnswerLostError:
        """Return the stored certificate, or the error where the answer does not confirm ours."""
        if not self.contract.confirms_upload and is_page(response.body):
            raise self._calls.invalid(endpoint, response, "a page")
        stored = self._masked(parse_finalized(envelope.data if envelope else None))
        lacking = what_upload_lacks(stored) if self.contract.confirms_upload else None
        if lacking is None:
            return stored
        page = f", but a page in HTML: {LOOK_AT}" if is_page(response.body) else ""
        return AnswerLostError(
            f"the answer (HTTP {response.status}) does not confirm the upload, it has {lacking}{page}; "
            "the next run uploads it again",
            step=endpoint.step,
            url=self._calls.address.url(endpoint),
            status=response.status,
        )

    def _masked(self, finalized: Finalized) -> Finalized:
        """Mask secrets that the service repeats in these fields: our own store keeps the fields."""
        number, thumbprint = finalized.certificate_id, finalized.thumbprint
        if thumbprint and not re.fullmatch(r"[0-9A-Fa-f]{40}", thumbprint):
            thumbprint = self._calls.secrets.hide(thumbprint)
        return dataclasses.replace(
            finalized, certificate_id=number and self._calls.secrets.hide(number), thumbprint=thumbprint
        )

    def check(self, spec: CertificateSpec) -> None:
        """Raise ConfigurationError when this generation lacks a field that the certificate needs."""
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


def _page(url: str) -> Endpoint:
    return Endpoint("login_request", "GET", urlsplit(url).path, "auth", bearer=False, repeatable=True, is_page=True)
