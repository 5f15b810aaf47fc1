# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speak ACME over the transport that all connections of the collection have: its TLS, its limits, its words."""

from __future__ import annotations

import io
import threading
import time
import typing as t

from .._errors import NotSentError, ServiceError, SignerError, SignerRejectedError
from .._http.api import Breaker, HttpRequest, HttpResponse, Retry, Transport, seconds_to_wait
from .._printable import brief

try:
    import requests
    from acme import errors, jws, messages
    from acme.client import ClientNetwork
    from josepy.errors import Error as JoseError
except ImportError:  # told by the signer
    ClientNetwork = object  # type: ignore[assignment,misc]

STEP = "the ACME CA"
# Pebble refuses good nonces on purpose; a CA of several servers may do so by accident.
_MOST_NONCES = 5
# In seconds, where a CA that is asked too often does not say for how long.
_RATE_LIMITED = 3600.0
# The CA has looked at the request and will say the same again.
_NEVER = frozenset({"badCSR", "rejectedIdentifier", "unsupportedIdentifier"})


class AcmeNetwork(ClientNetwork):
    """The network of certbot's library. Usable from several threads.

    Each request may be sent again: an order that is made twice stays without a certificate, and the CA refuses to
    finish an order a second time.
    """

    def __init__(self, transport: Transport, key: t.Any, alg: t.Any, retry: Retry | None = None) -> None:
        super().__init__(key, alg=alg, user_agent="redtrust.certificate_enroll")
        self._transport = transport
        self._retry = retry or Retry(deadline=10.0)
        self._breaker = Breaker()
        self._last = threading.local()

    def post(self, *arguments: t.Any, **options: t.Any) -> requests.Response:
        """Send a signed request; see the library."""
        for _attempt in range(_MOST_NONCES):
            try:
                return self._once(lambda: self._post_once(*arguments, **options))
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
                refused = error
        raise refused

    def fetch(self, url: str) -> requests.Response:
        """Send a request without a signature."""
        return self._once(lambda: self.get(url))

    def retry_after(self) -> float | None:
        """Return for how many seconds the CA wants to be left alone by its last answer; None if it does not say."""
        answer: HttpResponse | None = getattr(self._last, "answer", None)
        return seconds_to_wait(answer.headers, time.time) if answer else None

    def last_status(self) -> int | None:
        """Return the HTTP status of the last answer to this thread."""
        answer: HttpResponse | None = getattr(self._last, "answer", None)
        return answer.status if answer else None

    def _once(self, send: t.Callable[[], requests.Response]) -> requests.Response:
        try:
            response = self._retry.call(send, repeatable=True, breaker=self._breaker)
        except ServiceError as exc:
            self._breaker.report(exc)
            raise
        self._breaker.report(None)
        return response

    def _get_nonce(self, url: str, new_nonce_url: str) -> str:
        """Return a nonce, each to one thread alone."""
        while True:
            try:
                return self._nonces.pop()
            except KeyError:
                # Some servers tell the length of a body in their answers to HEAD.
                response = self._check_response(self._send_request("GET", new_nonce_url or url))
                return t.cast("str", jws.Header._fields["nonce"].decode(_nonce_of(response)))

    def _send_request(self, method: str, url: str, *_arguments: t.Any, **options: t.Any) -> requests.Response:
        headers = {"Accept": "*/*", "User-Agent": self.user_agent, **options.get("headers", {})}
        data = options.get("data")
        request = HttpRequest(STEP, method, url, headers, None if data is None else data.encode())
        answer = self._transport.send(request)
        self._last.answer = answer
        return _response(method, url, answer)


def _nonce_of(response: requests.Response) -> str:
    nonce = response.headers.get(ClientNetwork.REPLAY_NONCE_HEADER)
    if nonce is None:
        raise errors.MissingNonce(response)
    return str(nonce)


def _response(method: str, url: str, answer: HttpResponse) -> requests.Response:
    """Return an answer as the library wants it."""
    response = requests.Response()
    response.status_code = answer.status
    response.headers = requests.structures.CaseInsensitiveDict(answer.headers)
    response.raw = io.BytesIO(answer.body)
    response.url = url
    response.encoding = "utf-8"
    response.request = requests.Request(method, url).prepare()
    return response


def failure(exc: Exception, network: AcmeNetwork, doing: str) -> SignerError:
    """Return the failure of the signer for an error of the library or the transport; ``doing`` is for the message."""
    if isinstance(exc, ServiceError):
        left = not isinstance(exc, NotSentError)
        return SignerError(f"{doing}: {exc}", retry_after=exc.retry_after, not_sent=not left, concerns_all=not left)
    if isinstance(exc, messages.Error):
        return refusal(exc, doing, network.retry_after())
    response = exc.args[0] if isinstance(exc, errors.ClientError) and exc.args else None
    if isinstance(response, requests.Response):
        wait = network.retry_after() if response.status_code in (429, 503) else None
        words = f"the CA answered HTTP {response.status_code} without a reason"
        return SignerError(f"{doing}: {words} ({response.url})", retry_after=wait)
    return SignerError(f"{doing}: the CA's answer is none of ACME ({type(exc).__name__}: {brief(str(exc))})")


def refusal(error: messages.Error, doing: str, retry_after: float | None = None) -> SignerError:
    """Return the failure for what the CA says."""
    said = f"{doing}: the CA says {_in_words(error)}"
    if _codes(error) & _NEVER:
        return SignerRejectedError(said)
    is_limit = error.code == "rateLimited"
    return SignerError(said, retry_after=(retry_after or _RATE_LIMITED) if is_limit else None)


def problems() -> tuple[type[Exception], ...]:
    """Return the errors that ``failure()`` knows."""
    return (ServiceError, errors.Error, JoseError, ValueError, KeyError)


def _codes(error: messages.Error) -> set[str | None]:
    return {error.code, *(one.code for one in error.subproblems or ())}


def _in_words(error: messages.Error) -> str:
    kind = error.code or error.typ
    about = f" about {error.identifier.value}" if error.identifier else ""
    words = f"{kind}{about}: {error.detail or error.title or 'nothing more'}"
    return "; ".join([brief(words, 1000), *map(_in_words, error.subproblems or ())])
