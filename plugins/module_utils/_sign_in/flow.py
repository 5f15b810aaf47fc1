# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log in: use the kept session, begin one without a person, or have a person sign in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import select
import sys
import typing as t

from .._errors import ConfigurationError, RedtrustError, ServiceError, SessionError
from .._holder import is_in_job, job_number, user_at_host
from .._service.api import Client, ask_login_page, jwt_person, landing_address
from .._session.api import How, Opened, Session
from .listen_options import ListenOptions
from .listener import Listener
from .pages import About
from .sign_in import SignIn, could_not_answer

Action = t.Literal["none", "refresh", "login", "exchange", "certificate", "needed"]

_ACTIONS: t.Mapping[How, Action] = {
    "given": "none",
    "kept": "none",
    "refresh": "refresh",
    "login": "login",
    "exchange": "exchange",
    "certificate": "certificate",
}
# In seconds: one day.
_LONGEST_TIMEOUT = 86400
# After a success, warnings tell of so many failed attempts, the last ones.
_TOLD_ATTEMPTS = 3


@dataclasses.dataclass(frozen=True)
class LoginOptions:
    """The options of a login.

    ``login_timeout`` is in seconds. ``listen_options`` is called only when a person has to sign in.
    """

    host: str
    partner: str
    domain: str | None
    redirect_url: str | None
    temporal_token: str | None = dataclasses.field(repr=False)
    state: t.Literal["present", "kept"]
    force: bool
    wait: bool
    login_timeout: float
    job_template: str
    listen_options: t.Callable[[], ListenOptions]

    def check(self) -> None:
        """Raise ConfigurationError where the options contradict each other."""
        if not 0 < self.login_timeout <= _LONGEST_TIMEOUT:
            raise ConfigurationError(f"login_timeout is in seconds, at most 86400, not {self.login_timeout:g}")
        if self.force and self.state == "kept":
            raise ConfigurationError("force is for state=present; state=kept refreshes in any case")


@dataclasses.dataclass(frozen=True)
class LoginResult:
    """The result of a login.

    ``action`` is None where it failed; then ``failure`` is the sentence for the operator and ``error`` its cause.
    ``opened`` is the session, None in check mode. ``ended_at`` is in UTC (ISO 8601).
    """

    action: Action | None = None
    opened: Opened | None = None
    url: str | None = None
    login_url: str | None = None
    reason: str | None = None
    ended_at: str | None = None
    warnings: tuple[str, ...] = ()
    failure: str | None = None
    error: RedtrustError | None = None

    @property
    def changed(self) -> bool:
        """Whether there is a new session, or would be in check mode."""
        return self.action not in (None, "none", "needed")


class Listening(t.Protocol):
    """A listener as the flow needs it."""

    def wait(self, seconds: float, is_wanted: t.Callable[[], bool]) -> None:
        """Serve the sign-in until it is done, the time is over, or the caller does not want it any more."""


def is_awaited() -> bool:
    """Return whether the output of this process still has a reader. An interrupted play leaves its module behind."""
    watch = select.poll()
    try:
        watch.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # it is no file, so its reader cannot be seen to leave
        return True
    return not watch.poll(0)


@dataclasses.dataclass(frozen=True)
class LoginFlow:
    """One login. ``now`` is the clock of this machine, ``listen`` makes the listener."""

    options: LoginOptions
    session: Session
    client: Client
    now: t.Callable[[], dt.datetime]
    listen: t.Callable[[ListenOptions, SignIn[Opened]], Listening] = Listener

    def predict(self) -> LoginResult:
        """Return the action that ``run`` would take; nothing is sent."""
        options = self.options
        options.check()
        if options.state == "kept":
            action: Action = "refresh" if self.session.is_there() else "none"
        else:
            is_kept = self.session.is_kept() and not (options.force or options.temporal_token)
            action = "none" if is_kept else "login"
        return self._result(action=action)

    def run(self) -> LoginResult:
        """Have a session. Raises ConfigurationError, SessionError and StoreError."""
        self.options.check()
        if self.options.state == "kept":
            return self._keep()
        try:
            return self._present()
        except ServiceError as exc:
            return self._result(failure=_sentence(exc), error=exc)

    def _keep(self) -> LoginResult:
        """Refresh the kept session, or log in where that needs no person."""
        self.session.is_there()  # raises where session_key does not open the kept session
        try:
            opened = self.session.renew()
        except SessionError as exc:
            if not self.session.needs_person():
                raise
            when = f"the session had ended by {exc.ended_at}: " if exc.ended_at else ""
            words = f"a person has to sign in: {self._next_step()}; {when}{exc}"
            return self._result(reason=str(exc), ended_at=exc.ended_at, failure=words, error=exc)
        return self._done(opened)

    def _present(self) -> LoginResult:
        """Use the session that there is, or begin one."""
        if self.options.temporal_token:
            return self._done(self.session.sign_in(self.options.temporal_token))
        if self.options.force:
            return self._begin("force is set", None)
        try:
            opened = self.session.open()
        except SessionError as exc:
            return self._begin(str(exc), exc.ended_at)
        return self._done(opened)

    def _begin(self, reason: str, ended_at: str | None) -> LoginResult:
        """Begin a new session: with a certificate if that is enough, else have a person sign in."""
        options = self.options
        url = options.redirect_url
        if url is None:
            raise ConfigurationError(f"redirect_url is not set, so nobody can sign in; {reason}")
        where = options.listen_options() if options.wait else None
        self.session.is_there()  # raises where session_key does not open the kept session, before a person is asked
        # This also proves that the service takes the link, before a person is asked to follow it.
        token = ask_login_page(self.client, url, options.domain)
        if token:
            result = self._done(self.session.sign_in(token), action="certificate")
        elif where is None:
            result = self._result(action="needed", login_url=self.client.login_link(url, options.domain))
        else:
            result = self._by_person(url, where)
        return dataclasses.replace(result, reason=reason, ended_at=ended_at)

    def _by_person(self, url: str, where: ListenOptions) -> LoginResult:
        """Listen until a person has signed in, or the time is over."""
        timeout = self.options.login_timeout
        sign_in = self._sign_in(url)
        self.listen(where, sign_in).wait(timeout, is_awaited)
        if sign_in.failure:
            raise sign_in.failure
        attempts = [_sentence(failure) for failure in sign_in.failures]
        if sign_in.result:
            told = attempts[-_TOLD_ATTEMPTS:]
            warnings = tuple(f"an attempt to sign in failed before one succeeded: {words}" for words in told)
            return dataclasses.replace(self._done(sign_in.result, action="login"), warnings=warnings)
        last = f"; the last one who tried failed: {attempts[-1]}" if attempts else ""
        words = f"nobody signed in at {sign_in.address} within {timeout:g} seconds{last}"
        return self._result(failure=words, error=SessionError(words))

    def _sign_in(self, url: str) -> SignIn[Opened]:
        options = self.options
        return SignIn(
            url,
            lambda: self.client.login_link(url, options.domain),
            self._exchange,
            about=About(options.host, options.partner.strip().upper(), user_at_host(), job_number()),
            person=lambda opened: jwt_person(opened.tokens.access_token) or "",
            until=self.now() + dt.timedelta(seconds=options.login_timeout),
        )

    def _exchange(self, token: str) -> Opened:
        self.client.breaker.reset()  # a person may try again as often as time allows
        return self.session.sign_in(token)

    def _next_step(self) -> str:
        """Return the next step for the person who signs in. In the container of a job nothing listens for a browser."""
        if is_in_job():
            return f'launch the job template "{self.options.job_template}"'
        url = self.options.redirect_url
        return f"run the role login and open {landing_address(url)}" if url else "run the role login"

    def _done(self, opened: Opened, *, action: Action | None = None) -> LoginResult:
        return self._result(action=action or _ACTIONS[opened.how], opened=opened)

    def _result(self, **facts: t.Any) -> LoginResult:
        url = self.options.redirect_url
        return LoginResult(url=landing_address(url) if url else None, **facts)


def _sentence(failure: ServiceError) -> str:
    """Return the sentence about a failed attempt. A service in trouble has refused nobody."""
    if not could_not_answer(failure):
        return str(failure)
    words = str(failure).replace("the service refused", "Redtrust could not answer", 1)
    return f"{words}: sign in again in some minutes, and look at that server if this stays so"
