# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send one request over HTTPS and return its answer. The HTTP library is imported with the first request."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
import typing as t

from .options import TransportOptions
from .turns import Turns

if t.TYPE_CHECKING:
    from .wire import Wire

MAX_HEAD_BYTES = 64 * 1024
# The library reads ahead of the line that it wants, by so many bytes.
READ_AHEAD = 8192
REDIRECTS = (301, 302, 303, 307, 308)
# Connections are opened as they are needed, so this many cost nothing where one thread sends.
CONNECTIONS = 8


class Where(t.TypedDict):
    """The name of a request in an error: its step, and its URL without the query."""

    step: str
    url: str


@dataclasses.dataclass(frozen=True)
class HttpRequest:
    """One request. ``step`` names it in messages.

    ``body`` is sent also with GET (4.33 wants that): bytes as they are, anything else as JSON. Of the headers
    ``Accept`` and ``Content-Type`` say JSON where they are not given.
    """

    step: str
    verb: str
    url: str
    headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    body: t.Mapping[str, t.Any] | bytes | None = dataclasses.field(default=None, repr=False)

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

    def turn(self) -> contextlib.AbstractContextManager[None]:
        """Wait until this thread may send; it then may until the end of the context."""

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request once. Raises NotSentError, AnswerLostError or AnswerInvalidError."""


class HttpsTransport:
    """Send requests over kept connections, at most ``connections`` at a time. Usable from several threads.

    A request takes the connection that was given back last. Where all are busy it waits, and its time limit begins
    when it has one. A caller that signs requests takes its ``turn`` before it signs.

    Plain http is spoken with this machine only, without a proxy, unless the options allow it.
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
        connections: int = CONNECTIONS,
    ) -> None:
        self._options = options
        self._clock = clock
        self._hide = hide
        self._connections = connections
        self._turns = Turns(connections)
        self._mutex = threading.Lock()
        self._wire: Wire | None = None

    def turn(self) -> contextlib.AbstractContextManager[None]:
        return self._turns

    def send(self, request: HttpRequest) -> HttpResponse:
        with self._turns:
            return self._wired().send(request)

    def _wired(self) -> Wire:
        """Return the connections. Raises ConfigurationError where a file of TLS cannot be used."""
        if self._wire is None:
            from .wire import Wire

            with self._mutex:
                if self._wire is None:
                    self._wire = Wire(self._options, self._clock, self._hide, self._connections)
        return self._wire
