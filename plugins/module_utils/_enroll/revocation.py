# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the CAs whether certificates are revoked: their OCSP responders, and their revocation lists."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import threading
import typing as t
from urllib.parse import quote

from .._clock import to_the_minute
from .._errors import ConfigurationError, ServiceError
from .._http.api import Breaker, HttpRequest, Transport
from .._x509.api import (
    NotKnownError,
    RevocationList,
    Revoked,
    certificate_facts,
    crl_urls,
    ocsp_request,
    ocsp_urls,
    read_ocsp,
    was_issued_by,
)

Source = t.Literal["ocsp", "crl"]
_OCSP_HEADERS = {"Accept": "application/ocsp-response", "Content-Type": "application/ocsp-request"}
_CRL_HEADERS = {"Accept": "application/pkix-crl, */*"}
# A request that is longer goes as a POST (RFC 5019, 5).
_LONGEST_GET = 255


@dataclasses.dataclass(frozen=True)
class Places:
    """Where to ask, instead of the places that a certificate names.

    ``crl_files`` are the paths of revocation lists with their contents. ``issuers`` are certificates of CAs in DER, for
    certificates whose chain is not known.
    """

    ocsp_url: str | None = None
    crl_urls: tuple[str, ...] = ()
    crl_files: tuple[tuple[str, bytes], ...] = dataclasses.field(default=(), repr=False)
    issuers: tuple[bytes, ...] = dataclasses.field(default=(), repr=False)


@dataclasses.dataclass(frozen=True)
class Told:
    """The answer about a certificate: its revocation, None if it is good, and who says so."""

    revoked: Revoked | None
    by: str

    @property
    def words(self) -> str:
        """The revocation in words."""
        found = self.revoked or Revoked()
        when = f" at {to_the_minute(found.at)}" if found.at else ""
        return f"{self.by} says: revoked{when}{f', {found.reason}' if found.reason else ''}"


class RevocationSources:
    """The responders and the lists of the CAs, asked in the order of ``sources``. Usable from several threads.

    A list is fetched once in a run, and again when it is too old. A place that does not answer is left alone after
    three times in a row.
    """

    def __init__(
        self,
        sources: t.Sequence[Source],
        transport: Transport,
        places: Places,
        now: t.Callable[[], dt.datetime],
    ) -> None:
        self._sources = sources
        self._transport = transport
        self._places = places
        self._now = now
        self._mutex = threading.Lock()
        self._breakers: dict[str, Breaker] = {}
        self._lists: dict[tuple[str, bytes], _Fetched] = {}

    def ask(self, certificate: bytes, chain: t.Sequence[bytes]) -> Told:
        """Ask about a certificate; the first that tells counts. Raises NotKnownError."""
        issuer = self._issuer(certificate, chain)
        problems = []
        for source in self._sources:
            asked = self._ask_responders if source == "ocsp" else self._ask_lists
            try:
                return asked(certificate, issuer)
            except NotKnownError as exc:
                problems.append(str(exc))
        raise NotKnownError("; ".join(problems))

    def _issuer(self, certificate: bytes, chain: t.Sequence[bytes]) -> bytes:
        try:
            for ca in (*chain[:1], *self._places.issuers):
                if was_issued_by(certificate, ca):
                    return ca
        except ConfigurationError as exc:
            raise NotKnownError(f"a certificate cannot be read ({exc})") from exc
        raise NotKnownError("the certificate of its CA is not in the store: name its file in revocation.issuer_paths")

    def _ask_responders(self, certificate: bytes, issuer: bytes) -> Told:
        given = self._places.ocsp_url
        urls = (given,) if given else ocsp_urls(certificate)
        if not urls:
            raise NotKnownError("it names no OCSP responder")
        return _first(urls, lambda url: self._ask_responder(url, certificate, issuer))

    def _ask_responder(self, url: str, certificate: bytes, issuer: bytes) -> Told:
        try:
            wanted = ocsp_request(certificate, issuer)
            answer = self._fetched(url, _ocsp_requests(url, wanted))
            return Told(read_ocsp(answer, certificate, issuer, self._now()), f"OCSP at {url}")
        except NotKnownError as exc:
            raise NotKnownError(f"OCSP at {url}: {exc}") from exc

    def _ask_lists(self, certificate: bytes, issuer: bytes) -> Told:
        places = self._places
        named = crl_urls(certificate)
        files = dict(places.crl_files)
        found = (*files, *(places.crl_urls or (() if files else named)))
        if not found:
            raise NotKnownError("it names no revocation list")
        serial = certificate_facts(certificate).serial_number

        def ask(place: str) -> Told:
            try:
                one = self._list(place, files.get(place), issuer)
                return Told(one.find(serial, (*named, *places.crl_urls), self._now()), f"the revocation list {place}")
            except NotKnownError as exc:
                raise NotKnownError(f"the revocation list {place}: {exc}") from exc

        return _first(found, ask)

    def _list(self, place: str, content: bytes | None, issuer: bytes) -> RevocationList:
        """Return a list, fetched or read when it is first used. Raises NotKnownError."""
        with self._mutex:
            fetched = self._lists.setdefault((place, issuer), _Fetched())
        with fetched.mutex:
            if fetched.is_too_old(self._now()) and content is None:
                fetched.forget()
            if fetched.found is None:
                fetched.at = self._now()
                try:
                    body = content
                    if body is None:
                        body = self._fetched(place, [HttpRequest("crl", "GET", place, _CRL_HEADERS)])
                    fetched.found = RevocationList(body, issuer)
                except NotKnownError as exc:
                    fetched.found = exc
            if isinstance(fetched.found, NotKnownError):
                raise NotKnownError(str(fetched.found))
            return fetched.found

    def _fetched(self, place: str, requests: t.Sequence[HttpRequest]) -> bytes:
        """Return the body of the first request that is answered well. Raises NotKnownError."""
        with self._mutex:
            breaker = self._breakers.setdefault(place, Breaker())
        if breaker.is_open():
            raise NotKnownError("it did not answer three times in a row, and is not asked any more in this run")
        status = 0
        for request in requests:
            try:
                response = self._transport.send(request)
            except ServiceError as exc:
                breaker.report(exc)
                raise NotKnownError(exc.args[0]) from exc
            breaker.report(None)
            if response.status == 200:
                return response.body
            status = response.status
        raise NotKnownError(f"it answers with HTTP {status}")


@dataclasses.dataclass
class _Fetched:
    """A list that was fetched once, or the reason why that did not work."""

    mutex: threading.Lock = dataclasses.field(default_factory=threading.Lock)
    found: RevocationList | NotKnownError | None = None
    at: dt.datetime | None = None

    def is_too_old(self, now: dt.datetime) -> bool:
        """Return whether the list was good when it was fetched, and is not any more."""
        until = getattr(self.found, "next_update", None)
        return until is not None and self.at is not None and self.at <= until < now

    def forget(self) -> None:
        """Have the list fetched again."""
        self.found = None


def _first(places: t.Sequence[str], ask: t.Callable[[str], Told]) -> Told:
    """Return the answer of the first place that tells. Raises NotKnownError of the first one where none does."""
    problems = []
    for place in places:
        try:
            return ask(place)
        except NotKnownError as exc:
            problems.append(exc)
    raise problems[0]


def _ocsp_requests(url: str, wanted: bytes) -> list[HttpRequest]:
    """Return a GET, which caches can answer, and a POST for a responder that does not take it."""
    encoded = quote(base64.b64encode(wanted).decode(), safe="")
    post = HttpRequest("ocsp", "POST", url, _OCSP_HEADERS, wanted)
    if len(encoded) > _LONGEST_GET or "?" in url:
        return [post]
    return [HttpRequest("ocsp", "GET", f"{url.rstrip('/')}/{encoded}", _OCSP_HEADERS), post]
