# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send one HTTPS request and bring back one answer, bounded in size and time.

What went wrong is told apart by one question: can the request have reached the service? The body is handed
to the HTTP library piece by piece, so as long as its first piece was not asked for, it cannot.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
import ssl
import threading
import time
import traceback
import typing as t
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from ._errors import AnswerInvalidError, AnswerLostError, ConfigurationError, NotSentError, ServiceError, TlsError

try:
    import requests
    import requests.adapters
    import requests.utils
    import urllib3
    import urllib3.exceptions
except ImportError:
    REQUESTS_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    REQUESTS_IMPORT_ERROR = None

# The largest answer of the contract is a CSR with its envelope, a few KiB.
MAX_ANSWER_BYTES = 1024 * 1024
MAX_REDIRECTS = 3


class Where(t.TypedDict):
    """What names a request in an error: the step, and the URL without its query."""

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
        """Return what names the request in an error."""
        return {"step": self.step, "url": self.url.partition("?")[0]}


@dataclasses.dataclass(frozen=True)
class HttpResponse:
    """One answer. Header names are in lower case."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes = dataclasses.field(repr=False)


class Transport(t.Protocol):
    """The seam of the tests: whatever brings back an answer, or raises a ServiceError."""

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request once. Raises NotSentError, AnswerLostError or AnswerInvalidError."""


@dataclasses.dataclass(frozen=True)
class TransportOptions:
    """How to reach the service. ``timeout`` is in seconds, for one request and its whole answer."""

    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    proxy: str | None = dataclasses.field(default=None, repr=False)
    timeout: float = 30.0

    @property
    def client_pair(self) -> str | tuple[str, str] | None:
        """The client certificate, with the file of its key where that is another one."""
        if self.client_cert and self.client_key:
            return self.client_cert, self.client_key
        return self.client_cert


class HttpsTransport:
    """Send requests with the requests library; one kept connection for each thread.

    The environment is asked for proxies only: a .netrc, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE change nothing.
    """

    def __init__(self, options: TransportOptions, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._clock = clock
        self._local = threading.local()

    def send(self, request: HttpRequest) -> HttpResponse:
        for _hop in range(MAX_REDIRECTS + 1):
            response = self._send_once(request)
            if response.status not in (301, 302, 303, 307, 308):
                return response
            request = dataclasses.replace(request, url=_redirected(request, response))
        raise AnswerInvalidError(f"more than {MAX_REDIRECTS} redirects", **request.where)

    def _send_once(self, request: HttpRequest) -> HttpResponse:
        body = _Body(b"" if request.body is None else json.dumps(request.body).encode())
        deadline = self._clock() + self._options.timeout
        try:
            return self._exchange(request, body, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as exc:
            left = body.asked_for if request.body is not None else not _is_connect_failure(exc)
            raise _failure(request, exc, left=left) from exc

    def _exchange(self, request: HttpRequest, body: _Body, deadline: float) -> HttpResponse:
        options = self._options
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json"}
        with self._session().request(
            request.verb,
            request.url,
            headers={**headers, **request.headers},
            data=body if request.body is not None else None,
            verify=(options.ca_path or True) if options.validate_certs else False,
            cert=options.client_pair,
            proxies=self._proxies(request.url),
            timeout=options.timeout,
            allow_redirects=False,
            stream=True,
        ) as answer:
            content = self._read(request, answer, deadline)
            names = {name.lower(): value for name, value in answer.headers.items()}
            return HttpResponse(answer.status_code, names, content)

    def _read(self, request: HttpRequest, answer: requests.Response, deadline: float) -> bytes:
        """Read the body as it comes off the wire; nothing is unpacked, so nothing can swell."""
        if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise AnswerInvalidError("the answer is compressed though that was not asked for", **request.where)
        content = bytearray()
        read = getattr(answer.raw, "read1", answer.raw.read)
        while True:
            # urllib3 before 2 has no read1(), and its read() waits until there is as much as was asked for.
            piece = read(65536 if read != answer.raw.read else 1, decode_content=False)
            if not piece:
                return _whole(request, answer, bytes(content))
            content += piece
            if len(content) > MAX_ANSWER_BYTES:
                raise AnswerInvalidError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes", **request.where)
            if self._clock() > deadline:
                raise AnswerLostError(
                    f"the answer was not complete after {self._options.timeout:g} seconds", **request.where
                )

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            # Else requests reads the whole body of a redirect, unpacked and without a limit, and rewinds ours.
            session.get_redirect_target = lambda _answer: None  # type: ignore[method-assign,assignment]
            session.mount("https://", requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=1))
            self._local.session = session
        return session

    def _proxies(self, url: str) -> dict[str, str]:
        if self._options.proxy:
            return {"https": self._options.proxy}
        return dict(requests.utils.get_environ_proxies(url))


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


def _whole(request: HttpRequest, answer: requests.Response, content: bytes) -> bytes:
    """Check that as much came as was announced; not every version of urllib3 does."""
    announced = answer.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) != len(content):
        raise AnswerLostError(f"the answer broke off after {len(content)} of {announced} bytes", **request.where)
    return content


def _redirected(request: HttpRequest, response: HttpResponse) -> str:
    """Return where a redirect leads on the same host; nothing is ever sent to another one."""
    try:
        target = urljoin(request.url, response.headers.get("location", ""))
        here, there = urlsplit(request.url), urlsplit(target)
    except ValueError as exc:
        raise AnswerInvalidError(
            f"the answer redirects to what is no address ({exc})", status=response.status, **request.where
        ) from exc
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise AnswerInvalidError(
            f"the answer redirects to {there.scheme}://{there.netloc}, which is not followed: check host and port",
            status=response.status,
            **request.where,
        )
    return target


def _failure(request: HttpRequest, exc: Exception, *, left: bool) -> ServiceError:
    if isinstance(exc, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)):
        return NotSentError(f"this is not an address: {exc}", **request.where)
    if left:
        return AnswerLostError(f"the request was sent, the answer did not come ({_cause(exc)})", **request.where)
    # A connection that ends in the middle of the handshake is a server that stops or starts, not one that disagrees.
    ended = isinstance(_innermost(exc), (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    if isinstance(exc, requests.exceptions.SSLError) and not ended:
        return TlsError(f"TLS was not agreed, nothing was sent ({_cause(exc)})", **request.where)
    return NotSentError(f"nothing was sent ({_cause(exc)})", **request.where)


def _is_connect_failure(exc: Exception) -> bool:
    """Return whether the library says that there was no connection; all there is to go by without a body."""
    reason = getattr(exc.args[0], "reason", exc.args[0]) if exc.args else None
    known = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.SSLError,
        urllib3.exceptions.ProxyError,
    )
    return isinstance(exc, requests.exceptions.ConnectTimeout) or isinstance(reason, known)


def _innermost(exc: Exception) -> Exception:
    """Return what the libraries have wrapped, several times."""
    for _depth in range(8):
        inner = next((part for part in exc.args if isinstance(part, Exception)), None)
        inner = getattr(exc, "reason", None) if isinstance(getattr(exc, "reason", None), Exception) else inner
        if inner is None:
            break
        exc = inner
    return exc


def _cause(exc: Exception) -> str:
    """Return the innermost cause in one line."""
    exc = _innermost(exc)
    text = str(exc).rpartition(": ")[2] if re.match(r"<.* object at 0x|HTTPS?Connection", str(exc)) else str(exc)
    return text or type(exc).__name__


def check_files(options: TransportOptions) -> None:
    """Raise ConfigurationError when a file that TLS needs cannot be read or is empty; nothing is sent before."""
    for name in ("ca_path", "client_cert", "client_key"):
        path = getattr(options, name)
        try:
            if path and _is_empty(path):
                raise ConfigurationError(f"{name}: {path} is empty")
        except OSError as exc:
            raise ConfigurationError(f"{name}: {path} cannot be read ({exc.strerror})") from exc
    if options.client_key and not options.client_cert:
        raise ConfigurationError("client_key needs client_cert")


def _is_empty(path: str) -> bool:
    with Path(path).open("rb") as file:
        return not file.read(1)
