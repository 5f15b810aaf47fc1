# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks the CA: a token, a user with a password, or a login that all threads share."""

from __future__ import annotations

import base64
import dataclasses
import re
import threading
import time
import typing as t
from pathlib import Path

from .._clock import parse_timestamp, utc_now
from .._errors import ConfigurationError, SignerError
from .._http.api import HttpResponse
from .._secrets import Secrets
from .http_answer import AnswerRules, Page
from .http_settings import FITS_A_TOKEN, Credentials, HttpSettings, Login

# A token is renewed this long before its end, in seconds, or after nine tenths of a short life.
_MARGIN = 60.0


@dataclasses.dataclass(frozen=True)
class Pass:
    """The header fields that say who asks. ``number`` tells one token from the next."""

    headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    number: int = 0
    ends: float | None = None


class Access:
    """The credentials of one CA. Usable from several threads: one of them logs in, the others wait for its token.

    ``log_in`` sends the request of the login. A login that was refused is not tried again: that could lock the account.
    """

    def __init__(
        self,
        settings: HttpSettings,
        secrets: Secrets,
        log_in: t.Callable[[Login], HttpResponse],
        clock: t.Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._own: Credentials = settings.credentials
        self._secrets = secrets
        self._log_in = log_in
        self._clock = clock
        self._mutex = threading.Lock()
        self._last = Pass()
        # the number of a new token that was refused as well, and of the last one that was not
        self._futile = 0
        self._worked = 0
        self._refused: SignerError | None = None

    def current(self) -> Pass:
        """Return what to send. Raises ConfigurationError and SignerError where there is nothing."""
        with self._mutex:
            if not self._last.number or (self._last.ends is not None and self._clock() >= self._last.ends):
                self._last = self._next()
            return self._last

    def other_than(self, used: Pass, status: int) -> Pass | None:
        """Return what to send after a refusal, None where there is nothing else."""
        if not (self._own.login or self._own.token_path):
            return None
        with self._mutex:
            if self._last.number == used.number:
                has_ended = status == 401 and used.number == self._worked
                if self._own.login and used.number == self._futile and not has_ended:
                    return None
                self._last = self._next()
                if self._last.headers == used.headers:
                    self._futile = self._last.number
            return self._last if self._last.headers != used.headers else None

    def worked(self, used: Pass) -> None:
        """Note that the CA has taken a token: one that it refuses with 401 later has ended."""
        with self._mutex:
            self._worked = max(self._worked, used.number)

    def give_up(self, used: Pass) -> None:
        """Note that a new token was refused as well: another one would not help."""
        with self._mutex:
            self._futile = used.number

    def check(self) -> None:
        """Raise ConfigurationError where a file cannot be used."""
        if self._own.token_path:
            _token_in(self._settings.at("token_path"), self._own.token_path)

    def _next(self) -> Pass:
        own, number = self._own, self._last.number + 1
        if own.login:
            return self._logged_in(own.login, number)
        if own.username:
            pair = f"{own.username}:{own.password}".encode()
            self._secrets.add(pair)
            return Pass({"Authorization": f"Basic {base64.b64encode(pair).decode()}"}, number)
        token = own.token
        if own.token_path:
            token = _token_in(self._settings.at("token_path"), own.token_path)
        return self._of_token(token, number) if token else Pass(number=number)

    def _of_token(self, token: str, number: int, ends: float | None = None) -> Pass:
        self._secrets.add(token)
        return Pass({self._own.header: self._own.prefix + token}, number, ends)

    def _logged_in(self, login: Login, number: int) -> Pass:
        if self._refused is not None:
            raise self._refused
        response = self._log_in(login)
        page = Page(response)
        if 200 <= response.status < 300 or response.status in login.request.accept:
            token = login.token.find(page)
            if isinstance(token, str) and FITS_A_TOKEN.fullmatch(token.strip()):
                return self._of_token(token.strip(), number, self._end(login, page))
            raise SignerError(
                f"the login at {self._settings.url} was answered without a token (HTTP {response.status}): look at "
                f"{self._settings.at('login')}.token",
                not_sent=True,
                concerns_all=True,
            )
        words = AnswerRules().words(page, self._secrets.hide)
        said = f"HTTP {response.status}" + (f": {words}" if words else "")
        failure = SignerError(
            f"the login at {self._settings.url} failed ({said}): look at {self._settings.login_in_words}",
            not_sent=True,
            concerns_all=True,
        )
        if 400 <= response.status < 500 and response.status not in (408, 429):
            self._refused = failure
        raise failure

    def _end(self, login: Login, page: Page) -> float | None:
        """Return when the token should be renewed, by the clock; None where it has no end."""
        value = login.lifetime.find(page) if login.lifetime else None
        seconds = _seconds(value)
        return self._clock() + max(0.9 * seconds, seconds - _MARGIN) if seconds > 0 else None


def _seconds(value: object) -> float:
    """Read a lifetime in seconds, or the time at which it ends; 0 for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return 0.0
    if re.fullmatch(r"[0-9]{1,12}", value.strip()):
        return float(value)
    try:
        return (parse_timestamp(value.strip()) - utc_now()).total_seconds()
    except ValueError:
        return 0.0


def _token_in(option: str, path: str) -> str:
    """Return the token in a file; an agent may write another one at any time. Raises ConfigurationError."""
    try:
        token = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ConfigurationError(f"{option}: {path} cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError:
        raise ConfigurationError(f"{option}: {path} holds no text") from None
    if not token:
        raise ConfigurationError(f"{option}: {path} is empty: what writes the token there has not done so yet")
    if not FITS_A_TOKEN.fullmatch(token):
        raise ConfigurationError(f"{option}: {path} must hold one token on one line")
    return token
