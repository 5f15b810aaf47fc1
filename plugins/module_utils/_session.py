# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a session: log in, keep it, refresh it, end it. The only place that sees tokens.

The tasks of one job share a session through a private file, and those of several jobs through the store where there is
a ``session_key``. The lock of that place is held around each login and refresh, it is read again once the lock is
held, and what is to be used is saved before it is used: a refresh token works once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import math
import random
import threading
import time
import typing as t

from ._client import Client
from ._credentials import Credentials
from ._errors import (
    NotSentError,
    RedtrustError,
    RefusedError,
    ServiceError,
    SessionError,
    StaleRevisionError,
    UnauthorizedError,
)
from ._kept_session import KeptSession, SessionPlace
from ._login_page import ask_login_page
from ._models import Tokens

Answer = t.TypeVar("Answer")
How = t.Literal["given", "kept", "login", "exchange", "certificate", "refresh"]

# A session is refreshed when two thirds of its life are over: early enough that it never ends under a request, late
# enough that a short job needs no refresh. Each process draws how much later it does so, up to three quarters: of the
# processes that share a session the one with the smallest draw refreshes, and when the time of the others comes they
# find a fresh one. Else all would queue up for the lock in the same moment.
_REFRESH_AT = 2 / 3
_SPREAD = 1 / 12
# What a service says of the end of a session is not believed beyond this.
_LONGEST_LIFE = dt.timedelta(days=3650)


@dataclasses.dataclass(frozen=True)
class Opened:
    """How a session was come by. The times are of the monotonic clock, which nobody puts forward or back."""

    tokens: Tokens
    how: How
    refresh_at: float = math.inf
    ends_at: float = math.inf


class Session:
    """The session of one module run; usable from several threads.

    ``register`` is told every token before it is used, so that nothing can print it. A login that failed is
    not tried again by the next thread: that would lock an account. ``now`` is the clock of this machine.
    """

    def __init__(
        self,
        client: Client,
        credentials: Credentials,
        kept: SessionPlace | None,
        *,
        register: t.Callable[[str], None],
        now: t.Callable[[], dt.datetime],
        monotonic: t.Callable[[], float] = time.monotonic,
        jitter: t.Callable[[float, float], float] = random.uniform,
        warn: t.Callable[[str], None] = lambda _warning: None,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._kept = kept
        self._register = register
        self._now = now
        self._monotonic = monotonic
        self._refresh_share = _REFRESH_AT + jitter(0.0, _SPREAD)
        self._warn = warn
        self._mutex = threading.Lock()
        self._opened: Opened | None = None
        self._failure: RedtrustError | None = None

    def open(self) -> Opened:
        """Return the session, opened or refreshed if need be. Raises SessionError, StoreError or a ServiceError."""
        return self._after(None)

    def renew(self) -> Opened:
        """Refresh the kept session, however much of its life is left, or log in; raises as ``open`` does.

        For those who keep a session alive: the next run may come when it is over.
        """
        if self._kept is None:
            raise SessionError("access_token belongs to a session that somebody else keeps: leave it out to keep one")
        with self._mutex:
            self._opened = self._obtain(None, renew=True)
            return self._opened

    def sign_in(self, temporal_token: str) -> Opened:
        """Begin a new session with a temporary token and keep it, in the place of any other; raises as ``open`` does.

        The place is made sure of first, since the token works once.
        """
        if self._kept is None:
            raise SessionError("access_token belongs to a session that somebody else keeps: leave it out to sign in")
        self._register(temporal_token)
        with self._mutex, self._kept.locked():
            self._kept.load()
            self._opened = self._keep(self._kept, self._client.exchange(temporal_token), "exchange")
            return self._opened

    def needs_person(self) -> bool:
        """Return whether nothing that is kept or given can lead to a session; nothing is sent."""
        session = self._kept.load() if self._kept else None
        if session is not None and session.tokens.refresh_token and not (session.refreshing or session.refused_at):
            return False
        return not (self._credentials.username or self._credentials.access_token)

    def is_kept(self) -> bool:
        """Return whether there is a session that could be used as it is; nothing is sent."""
        if self._kept is None:
            return True
        session = self._kept.load()
        return session is not None and not session.refreshing and not self._is_due(session)

    def is_there(self) -> bool:
        """Return whether there is a kept session that could be ended; nothing is sent."""
        return self._kept is not None and self._kept.exists()

    def call(self, send: t.Callable[[Tokens], Answer]) -> Answer:
        """Send with the session's tokens; when they are not accepted, once more with those of a new session.

        A request that was refused with 401 was not carried out, so any may be sent again. A service that does
        not accept the tokens it has just given is not asked for others, by this thread or the next.
        """
        tokens = self.open().tokens
        try:
            return send(tokens)
        except UnauthorizedError:
            fresh = self._after(tokens).tokens
        try:
            return send(fresh)
        except UnauthorizedError as exc:
            self._give_up(fresh, exc)
            raise

    def close(self) -> bool:
        """End the kept session at the service and forget it; return whether there was one.

        A service that does not answer, or knows the session no more, does not keep it from being forgotten.
        """
        if self._kept is None or not self.is_there():
            return False
        with self._kept.locked():
            session = self._kept.load()
            self._kept.delete()
        if session is not None:
            self._register_all(session.tokens)
            with contextlib.suppress(ServiceError):
                self._client.logout(session.tokens)
        return True

    def _give_up(self, rejected: Tokens, error: UnauthorizedError) -> None:
        with self._mutex:
            if self._opened is not None and self._opened.tokens == rejected:
                self._failure = error

    def _after(self, rejected: Tokens | None) -> Opened:
        """Return a session other than the rejected one; the first thread that needs it opens it for all."""
        with self._mutex:
            if self._failure is not None:
                raise self._failure
            held = self._opened
            if held is None or held.tokens == rejected or self._monotonic() >= held.refresh_at:
                # It stays where an error that nobody expected ends this: the next thread does not repeat what did.
                self._failure = SessionError("an error that nobody expected ended the attempt to have a session")
                self._opened = held = self._another(held, rejected)
                self._failure = None
            return held

    def _another(self, held: Opened | None, rejected: Tokens | None) -> Opened:
        """Obtain a session. One that is only about to end is used until it does, if there is no other."""
        try:
            return self._obtain(held.tokens if held else None)
        except RedtrustError as exc:
            alive = held is not None and held.tokens != rejected and self._monotonic() < held.ends_at
            if held is None or not alive or isinstance(exc, StaleRevisionError):
                self._failure = exc
                raise
            self._warn(f"there is no fresh session, so the one that is about to end is used until then: {exc}")
            return dataclasses.replace(held, refresh_at=held.ends_at)

    def _obtain(self, over: Tokens | None, *, renew: bool = False) -> Opened:
        """Return another session than the one that is over, or is about to be; with ``renew`` never the kept one."""
        if self._credentials.access_token:
            return self._given(self._credentials.access_token, over)
        if self._kept is None:
            return Opened(*self._log_in(None))
        with self._kept.locked():
            session = self._kept.load()
            if session is not None:
                self._register_all(session.tokens)
                if not (renew or session.refreshing or session.tokens == over or self._is_due(session)):
                    return self._timed(session, "kept")
            if session is None or session.refreshing or session.tokens.refresh_token is None:
                return self._keep(self._kept, *self._log_in(session))
            return self._keep(self._kept, *self._refresh(self._kept, session))

    def _given(self, access_token: str, over: Tokens | None) -> Opened:
        if over is not None:
            raise SessionError("the service does not accept access_token (any more): give a new one")
        tokens = Tokens(access_token)
        self._register_all(tokens)
        return Opened(tokens, "given")

    def _refresh(self, kept: SessionPlace, session: KeptSession) -> tuple[Tokens, How]:
        """Refresh a session, or log in when that fails.

        It is marked before the token is sent, and stays so unless the service provably did nothing: its token may be
        used up, and is never sent again.
        """
        kept.save(dataclasses.replace(session, refreshing=True))
        try:
            return self._client.refresh(session.tokens), "refresh"
        except ServiceError as exc:
            if isinstance(exc, UnauthorizedError):
                session = dataclasses.replace(session, refused_at=session.refused_at or self._now())
            if isinstance(exc, NotSentError) or (isinstance(exc, RefusedError) and (exc.status or 0) < 500):
                kept.save(session)
            if not self._can_log_in():
                since = f", first on {_utc(session.refused_at)}" if session.refused_at else ""
                words = f"the session could not be refreshed ({exc}{since}) and {self._how_to_log_in()}"
                raise SessionError(words, ended_at=_utc(session.refused_at)) from exc
        return self._log_in(session)

    def _log_in(self, useless: KeptSession | None) -> tuple[Tokens, How]:
        """Log in; ``useless`` is the kept session that does not spare it."""
        credentials = self._credentials
        if credentials.temporal_token:
            return self._client.exchange(credentials.temporal_token), "exchange"
        if credentials.username and credentials.password:
            return self._client.login(credentials.username, credentials.password, credentials.domain), "login"
        if credentials.by_certificate:
            return self._client.exchange(self._token_by_certificate(credentials.by_certificate)), "certificate"
        found = "there is no session"
        if useless is not None:
            end = f", whose access token ends at {_utc(useless.ends_at)}," if useless.ends_at else ""
            found = f"the kept session{end} has no refresh token"
            if useless.refreshing:
                found = (
                    f"a run that refreshed the kept session{end} did not get the answer, and its refresh token works "
                    "once,"
                )
        raise SessionError(f"{found} and {self._how_to_log_in()}")

    def _token_by_certificate(self, redirect_url: str) -> str:
        token = ask_login_page(self._client, redirect_url, self._credentials.domain)
        if token is None:
            raise SessionError(
                "the service asks for a form to be filled in, or for another login, instead of taking client_cert: "
                "have this certificate assigned to a user who authenticates with it, or have a person sign in with "
                "redtrust_login"
            )
        self._register(token)
        return token

    def _can_log_in(self) -> bool:
        credentials = self._credentials
        return bool(credentials.temporal_token or credentials.username or credentials.by_certificate)

    def _how_to_log_in(self) -> str:
        if self._client.contract.login is not None:
            ways = "set username and password, temporal_token, or access_token"
        elif self._credentials.session_key:
            ways = "have a person sign in with redtrust_login and session_key, or set client_cert and redirect_url"
        else:
            ways = (
                "have a person sign in with redtrust_login, set client_cert and redirect_url for a user with a "
                "certificate, or set temporal_token or access_token"
            )
        return f"nothing to log in with: {ways}"

    def _keep(self, kept: SessionPlace, tokens: Tokens, how: How) -> Opened:
        """Save a session before it is used.

        Its life is what is left of it at the service, by whose clock it ends; counted from now by that of this machine.
        """
        self._register_all(tokens)
        now = self._now()
        ends_at = None
        if tokens.expires_at is not None:
            ends_at = now + min(max(tokens.expires_at - self._client.now(), dt.timedelta(0)), _LONGEST_LIFE)
        session = KeptSession(tokens, now, ends_at)
        kept.save(session)
        # One that is over when it comes is used until it is refused: the next would be no better.
        return Opened(tokens, how) if ends_at == now else self._timed(session, how)

    def _timed(self, session: KeptSession, how: How) -> Opened:
        """Pin the end of a session to the monotonic clock. No session has longer to live than from its beginning."""
        if session.ends_at is None:
            return Opened(session.tokens, how)
        life = (session.ends_at - session.opened_at).total_seconds()
        ends_at = self._monotonic() + min((session.ends_at - self._now()).total_seconds(), life)
        return Opened(session.tokens, how, ends_at - life * (1 - self._refresh_share), ends_at)

    def _is_due(self, session: KeptSession) -> bool:
        return session.refresh_due(self._now(), self._refresh_share)

    def _register_all(self, tokens: Tokens) -> None:
        for secret in (tokens.access_token, tokens.refresh_token):
            if secret:
                self._register(secret)


def _utc(moment: dt.datetime | None) -> str | None:
    return moment.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
