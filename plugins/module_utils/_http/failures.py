# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn errors of the HTTP library into our own, with a sentence for the operator and without a secret. Pure."""

from __future__ import annotations

import re
import ssl
import typing as t
from urllib.parse import unquote

from .._errors import AnswerInvalidError, AnswerLostError, NotSentError, ServiceError, TlsError
from .._printable import brief
from .._secrets import Secrets
from .connection import Bounds, TooLargeError
from .tls import advice, turned_down

try:
    import urllib3
    import urllib3.exceptions
except ImportError:
    pass  # told by REQUESTS_IMPORT_ERROR

PROXY_ADVICE = (
    "proxy (or HTTPS_PROXY) must be an address such as http://proxy.example.com:3128, or with a user "
    "http://user:password@proxy.example.com:3128, where / is written as %2F, : as %3A, @ as %40 and # as %23"
)
# The server does not say which of these is the cause.
ENDED_ADVICE = "it starts or stops, does not speak TLS 1.2 or later, or wants another client_cert"


def explained(
    exc: Exception, bounds: Bounds, *, left: bool, proxy: str | None, hide: t.Callable[[str], str]
) -> tuple[type[ServiceError], str]:
    """Return the kind of error and its sentence; ``left``: the request may have reached the server."""
    cause = _innermost(exc)
    words = brief(hide(_hidden(proxy).hide(_words(cause))))
    if bounds.heard_nothing() and turned_down(cause):
        return TlsError, f"TLS was not agreed, nothing was carried out ({words}): {advice(cause)}"
    if isinstance(exc, TooLargeError):
        words = "more than 64 KiB came before a body, or between the parts of one"
        return (AnswerInvalidError, f"the answer is too large: {words}") if left else _not_sent(exc, cause, words)
    if bounds.is_over():
        words = f"timed out after {bounds.timeout:g} seconds"
    if left:
        return AnswerLostError, f"the request was sent, the answer did not come ({words})"
    return _not_sent(exc, cause, words)


def is_proxy(address: str) -> bool:
    """Return whether this is the address of a proxy that can be used; without a scheme, http is meant."""
    try:
        parts = urllib3.util.parse_url(address if "://" in address else f"http://{address}")
    except urllib3.exceptions.LocationParseError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.host)


def _not_sent(exc: Exception, cause: Exception, words: str) -> tuple[type[ServiceError], str]:
    # A server that stops or starts ends the connection in the middle of the handshake; it does not disagree.
    ended = isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    if not ended and (isinstance(exc, urllib3.exceptions.SSLError) or isinstance(cause, ssl.SSLError)):
        told = advice(cause)
        return TlsError, f"TLS was not agreed, nothing was sent ({words})" + (f": {told}" if told else "")
    if ended:
        return NotSentError, f"nothing was sent, the other end hung up before TLS was agreed ({words}): {ENDED_ADVICE}"
    if isinstance(exc, urllib3.exceptions.LocationValueError):
        return NotSentError, f"nothing was sent, this is not the name of a host ({words})"
    if re.search(r"Tunnel connection failed: 407", words):
        return NotSentError, f"nothing was sent, the proxy wants a user and a password, or others ({words})"
    if isinstance(exc, urllib3.exceptions.ProxyError):
        return NotSentError, f"nothing was sent, the proxy gives no connection ({words})"
    return NotSentError, f"nothing was sent ({words})"


def _hidden(proxy: str | None) -> Secrets:
    """Return the secrets in the address of a proxy, which the proxy may repeat."""
    known = Secrets()
    login = (urllib3.util.parse_url(proxy).auth if proxy else None) or ""
    for secret in (login.partition(":")[2], unquote(login), unquote(login.partition(":")[2])):
        known.add(secret)
    return known


def _innermost(exc: Exception) -> Exception:
    """Return the first cause: the libraries wrap it several times."""
    for _depth in range(8):
        inner = next((part for part in exc.args if isinstance(part, Exception)), None)
        inner = getattr(exc, "reason", None) if isinstance(getattr(exc, "reason", None), Exception) else inner
        if inner is None:
            break
        exc = inner
    return exc


def _words(exc: Exception) -> str:
    """Return the message of an error, without the name of the object that raised it."""
    text = str(exc).rpartition(": ")[2] if re.match(r"<.* object at 0x|HTTPS?Connection", str(exc)) else str(exc)
    return text or type(exc).__name__
