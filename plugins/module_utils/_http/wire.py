# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchange one request for one answer, within limits of size and time.

One question tells failures apart: can the request have reached the server? The HTTP library takes the body piece by
piece; before it asks for the first piece, the answer is no.

The limits: the time of one request with its whole answer; 64 KiB before the body of an answer, the words of a proxy and
interim answers included; 1 MiB of body; 64 KiB of chunk headers. No answer is unpacked, and no cookie is kept.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import typing as t
from urllib.parse import urlsplit

from .. import _fault_points
from .._errors import AnswerInvalidError, AnswerLostError, NotSentError
from .connection import Bounds, TooLargeError, running
from .failures import PROXY_ADVICE, explained, is_proxy
from .options import TransportOptions, is_this_machine
from .pools import Pools
from .transport import MAX_HEAD_BYTES, READ_AHEAD, HttpRequest, HttpResponse

try:
    import urllib3
    import urllib3.exceptions
except ImportError:
    pass  # told by REQUESTS_IMPORT_ERROR

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json"}
_FITS_A_HEADER = re.compile(r"([!-~\xa1-\xff]+( [!-~\xa1-\xff]+)*)?")


class Wire:
    """The connections of one run, and what is said over them. See ``HttpsTransport``."""

    def __init__(
        self,
        options: TransportOptions,
        clock: t.Callable[[], float],
        hide: t.Callable[[str], str],
        connections: int,
    ) -> None:
        """Read the files of TLS. Raises ConfigurationError."""
        self._options = options
        self._clock = clock
        self._hide = hide
        self._pools = Pools(options, connections)
        self._asks_environment = _may_name_proxy(plain=options.plain_http)
        self._once = urllib3.Retry(False, redirect=False)

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request over a free connection; there is one."""
        running.bounds = bounds = Bounds(self._clock, self._options.timeout)
        bounds.begin(request.step, self._clock() + self._options.timeout, MAX_HEAD_BYTES + READ_AHEAD)
        _check_headers(request)
        body = _Body(_encoded(request.body))
        proxy = self._proxy(request)
        _fault_points.reach(f"{request.step} send")
        try:
            response = self._exchanged(request, body, proxy)
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError, TooLargeError) as exc:
            left = body.asked_for if request.body is not None else bounds.started
            kind, words = explained(exc, bounds, left=left, proxy=proxy, hide=self._hide)
            # Without the library's own error: its message may hold a secret that the other end repeated.
            raise kind(words, **request.where) from None
        _fault_points.reach(f"{request.step} received")
        return response

    def _exchanged(self, request: HttpRequest, body: _Body, proxy: str | None) -> HttpResponse:
        """Send a request and read its answer. Raises errors of the library."""
        pool, target = self._pools.to(request.url, proxy)
        for_proxy = pool.proxy_headers if proxy and request.url.startswith("http:") else {}
        answer = pool.request(
            request.verb,
            target,
            body=body if request.body is not None else None,
            headers={**_HEADERS, **_length(request, body), **for_proxy, **request.headers},
            retries=self._once,
            redirect=False,
            assert_same_host=False,
            timeout=self._options.timeout,
            preload_content=False,
            decode_content=False,
        )
        try:
            running.bounds.allow(self._options.largest + MAX_HEAD_BYTES)
            headers = {name.lower(): value for name, value in answer.headers.itermerged()}
            content = _read(request, answer, self._options.largest)
            return HttpResponse(answer.status, headers, content, _cookies(request, answer, headers))
        finally:
            # One that was not read to its end takes its connection with it.
            answer.close()
            answer.release_conn()

    def _proxy(self, request: HttpRequest) -> str | None:
        """Return the address of the proxy, None without one; raises NotSentError when it is malformed."""
        if request.url.startswith("http:") and (
            not self._options.plain_http or is_this_machine(urlsplit(request.url).hostname or "")
        ):
            return None
        chosen = self._options.proxy
        if not chosen and self._asks_environment:
            chosen = _proxy_of_environment(request.url)
        if chosen and not is_proxy(chosen):
            raise NotSentError(f"nothing was sent: {PROXY_ADVICE}", **request.where)
        return chosen


def _encoded(body: t.Mapping[str, t.Any] | bytes | None) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"" if body is None else json.dumps(body).encode()


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


def _length(request: HttpRequest, body: _Body) -> dict[str, str]:
    """Return the header with the length of the body, also where there could be one and is none."""
    return {"Content-Length": str(len(body))} if request.body is not None or request.verb != "GET" else {}


def _may_name_proxy(*, plain: bool) -> bool:
    """Return whether the environment may name a proxy; macOS has them in its own settings as well."""
    names = ("https_proxy", "all_proxy", *(["http_proxy"] if plain else []))
    return sys.platform == "darwin" or any(name.lower() in names for name in os.environ)


def _proxy_of_environment(url: str) -> str | None:
    from .environment import proxy_for

    return proxy_for(url)


def _cookies(request: HttpRequest, answer: t.Any, headers: t.Mapping[str, str]) -> dict[str, str]:
    if "set-cookie" not in headers:
        return {}
    from .environment import cookies_of

    return cookies_of(request, answer)


def _check_headers(request: HttpRequest) -> None:
    """Raise NotSentError where a header cannot be sent as it is; the library would name its value."""
    for name, value in request.headers.items():
        if not _FITS_A_HEADER.fullmatch(value):
            raise NotSentError(
                f"nothing was sent: {name} has a blank, a line break or a character in it that HTTP cannot carry; "
                "look at the tokens and names that were given",
                **request.where,
            )


def _read(request: HttpRequest, answer: t.Any, largest: int) -> bytes:
    """Read the body as it comes; it is never unpacked, so it cannot swell."""
    if answer.status < 200:
        # The final answer may still come. The next request must not take it for its own.
        raise AnswerInvalidError(f"HTTP {answer.status} is not an answer", **request.where)
    if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise AnswerInvalidError("the answer is compressed though that was not asked for", **request.where)
    content = bytearray()
    while piece := answer.read(READ_AHEAD, decode_content=False):
        content += piece
        if len(content) > largest:
            words = f"the answer is larger than {largest} bytes"
            raise AnswerInvalidError(words, status=answer.status, **request.where)
    # Not every version of urllib3 compares the two.
    announced = answer.headers.get("Content-Length", "")
    if re.fullmatch("[0-9]{1,18}", announced) and int(announced) != len(content):
        raise AnswerLostError(f"the answer broke off after {len(content)} of {announced} bytes", **request.where)
    return bytes(content)
