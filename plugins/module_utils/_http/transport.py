# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send one HTTPS request and return its answer, within limits of size and time.

One question tells failures apart: can the request have reached the service? The HTTP library takes the body piece by
piece; before it asks for the first piece, the answer is no.

The limits: the time of one request with its whole answer; 64 KiB before the body of an answer, the words of a proxy and
interim answers included; 1 MiB of body; 64 KiB of chunk headers. No answer is unpacked, and no cookie is kept.
"""

from __future__ import annotations

import dataclasses
import http.cookiejar
import io
import json
import re
import threading
import time
import traceback
import typing as t

from .. import _fault_points
from .._errors import AnswerInvalidError, AnswerLostError, NotSentError
from .connection import Adapter, Bounds, TooLargeError
from .failures import PROXY_ADVICE, explained, is_proxy
from .options import TransportOptions

try:
    import requests
    import requests.utils
    import urllib3.exceptions
except ImportError:
    REQUESTS_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    REQUESTS_IMPORT_ERROR = None

# The largest answer of the contract is a CSR with its envelope, a few KiB.
MAX_ANSWER_BYTES = 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024
# The library reads ahead of the line that it wants, by so many bytes.
READ_AHEAD = 8192
REDIRECTS = (301, 302, 303, 307, 308)


class Where(t.TypedDict):
    """The name of a request in an error: its step, and its URL without the query."""

    step: str
    url: str


@dataclasses.dataclass(frozen=True)
class HttpRequest:
    """One request. ``step`` names it in messages; ``body`` is sent as JSON, also with GET (4.33 wants that)."""

    step: str
    verb: str
    url: str
    headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    body: t.Mapping[str, t.Any] | None = dataclasses.field(default=None, repr=False)

    @property
    def where(self) -> Where:
        """The name of the request in an error."""
        return {"step": self.step, "url": self.url.partition("?")[0]}


@dataclasses.dataclass(frozen=True)
class HttpResponse:
    """One answer. Header names are in lower case; ``cookies`` are the ones that it sets."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes = dataclasses.field(repr=False)
    cookies: t.Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)


class Transport(t.Protocol):
    """Sends requests; the seam at which tests play a script."""

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request once. Raises NotSentError, AnswerLostError or AnswerInvalidError."""


class HttpsTransport:
    """Send requests with the requests library; one kept connection for each thread.

    A redirect is returned like any other answer, so nothing is ever sent elsewhere. Of the environment only the proxies
    count: a .netrc, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE change nothing. ``hide`` masks the secrets in the words of
    the other end.
    """

    def __init__(
        self,
        options: TransportOptions,
        clock: t.Callable[[], float] = time.monotonic,
        *,
        hide: t.Callable[[str], str] = str,
    ) -> None:
        self._options = options
        self._clock = clock
        self._hide = hide
        self._local = threading.local()

    def send(self, request: HttpRequest) -> HttpResponse:
        deadline = self._clock() + self._options.timeout
        _check_headers(request)
        body = _Body(b"" if request.body is None else json.dumps(request.body).encode())
        proxy = self._proxy(request)
        session, bounds = self._kept()
        bounds.begin(request.step, deadline, MAX_HEAD_BYTES + READ_AHEAD)
        _fault_points.reach(f"{request.step} send")
        try:
            with self._begun(session, request, body, proxy) as answer:
                bounds.allow(MAX_ANSWER_BYTES + MAX_HEAD_BYTES)
                response = HttpResponse(
                    answer.status_code,
                    {name.lower(): value for name, value in answer.headers.items()},
                    _read(request, answer),
                    answer.cookies.get_dict(),
                )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError, TooLargeError) as exc:
            left = body.asked_for if request.body is not None else bounds.started
            kind, words = explained(exc, bounds, left=left, proxy=proxy, hide=self._hide)
            # Without the library's own error: its message may hold a secret that the other end repeated.
            raise kind(words, **request.where) from None
        _fault_points.reach(f"{request.step} received")
        return response

    def _begun(
        self, session: requests.Session, request: HttpRequest, body: _Body, proxy: str | None
    ) -> requests.Response:
        """Send a request and return its answer before the body is read."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json"}
        return session.request(
            request.verb,
            request.url,
            headers={**headers, **request.headers},
            data=body if request.body is not None else None,
            verify=self._options.validate_certs,
            proxies={"https": proxy} if proxy else {},
            timeout=self._options.timeout,
            allow_redirects=False,
            stream=True,
        )

    def _kept(self) -> tuple[requests.Session, Bounds]:
        kept: tuple[requests.Session, Bounds] | None = getattr(self._local, "kept", None)
        if kept is None:
            bounds = Bounds(self._clock, self._options.timeout)
            session = requests.Session()
            session.trust_env = False
            session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
            # Otherwise requests reads the whole body of a redirect, unpacked and without a limit, and rewinds ours.
            session.get_redirect_target = lambda _answer: None  # type: ignore[method-assign,assignment]
            trusted = self._options.ca_path or requests.utils.DEFAULT_CA_BUNDLE_PATH
            # A proxy does not see the client certificate.
            anonymous = dataclasses.replace(
                self._options, client_cert=None, client_key=None, client_key_passphrase=None
            )
            adapter = Adapter(bounds, self._options.context(trusted), lambda: anonymous.context(trusted))
            session.mount("https://", adapter)
            kept = self._local.kept = session, bounds
        return kept

    def _proxy(self, request: HttpRequest) -> str | None:
        """Return the address of the proxy, None without one; raises NotSentError when it is malformed."""
        chosen = self._options.proxy or requests.utils.select_proxy(
            request.url, requests.utils.get_environ_proxies(request.url)
        )
        if chosen and not is_proxy(chosen):
            raise NotSentError(f"nothing was sent: {PROXY_ADVICE}", **request.where)
        return chosen


class _Body:
    """The bytes of a request; knows whether the HTTP library has begun to take them.

    Not a real file on purpose: requests asks a file that cannot tell its position to be sent in chunks.
    """

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)
        self._size = len(content)
        self.asked_for = False

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> t.Iterator[bytes]:
        yield self.read()

    def read(self, size: int = -1) -> bytes:
        self.asked_for = True
        return self._content.read(size)


def _check_headers(request: HttpRequest) -> None:
    """Raise NotSentError where a header cannot be sent as it is; the library would name its value."""
    for name, value in request.headers.items():
        if not re.fullmatch(r"([!-~\xa1-\xff]+( [!-~\xa1-\xff]+)*)?", value):
            raise NotSentError(
                f"nothing was sent: {name} has a blank, a line break or a character in it that HTTP cannot carry; "
                "look at the tokens and the partner that were given",
                **request.where,
            )


def _read(request: HttpRequest, answer: requests.Response) -> bytes:
    """Read the body as it comes; it is never unpacked, so it cannot swell."""
    if answer.status_code < 200:
        # The final answer may still come. The next request must not take it for its own.
        raise AnswerInvalidError(f"HTTP {answer.status_code} is not an answer", **request.where)
    if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise AnswerInvalidError("the answer is compressed though that was not asked for", **request.where)
    content = bytearray()
    while piece := answer.raw.read(READ_AHEAD, decode_content=False):
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            words = f"the answer is larger than {MAX_ANSWER_BYTES} bytes"
            raise AnswerInvalidError(words, status=answer.status_code, **request.where)
    # Not every version of urllib3 compares the two.
    announced = answer.headers.get("Content-Length", "")
    if re.fullmatch("[0-9]{1,18}", announced) and int(announced) != len(content):
        raise AnswerLostError(f"the answer broke off after {len(content)} of {announced} bytes", **request.where)
    return bytes(content)
