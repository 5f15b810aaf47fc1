# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a session: log in, keep it, refresh it, end it. The only place that sees tokens.

The tasks of one job share a session through a private file, and those of several jobs through the store where there is
a ``session_key``. The lock of that place is held around each login and refresh, it is read again once the lock is
held, and what is to be used is saved before it is used: a refresh token works once.

Where a refresh had no answer its token may be used up. Where a login needs no person, that is done instead. Otherwise
the access token is used to its end, and then the refresh token is tried once more, as there is nothing to lose.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import random
import threading
import time
import typing as t

from .._clock import timestamp
from .._errors import RedtrustError, RefusedError, ServiceError, SessionError, StaleRevisionError, UnauthorizedError
from .._models import Tokens
from .._service.api import Client, ask_login_page
from .credentials import Credentials
from .kept import TRIES, KeptSession, SessionPlace

Answer = t.TypeVar("Answer")
How = t.Literal["given", "kept", "login", "exchange", "certificate", "refresh"]
Closed = t.Literal["logout", "forgotten"]

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
            self._opened = self._obtain(None, None, renew=True)
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
        if session is not None and session.can_be_refreshed and not session.refused_at:
            return False
        return not (self._credentials.username or self._credentials.access_token)

    def is_kept(self) -> bool:
        """Return whether there is a session that could be used as it is; nothing is sent."""
        if self._kept is None:
            return True
        session = self._kept.load()
        if session is None or session.refused_at:
            return False
        if session.unanswered:
            return not (self._can_log_in() or self._is_dead(session, None))
        return not self._is_due(session)

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

    def close(self) -> Closed | None:
        """End the kept session at the service and forget it; say what became of it, None where there was none.

        It is forgotten whatever the service says. What the service did not confirm is a warning: it may live on there.
        """
        if self._kept is None or not self.is_there():
            return None
        with self._kept.locked():
            session = self._kept.load()
            self._kept.delete()
            if session is None:
                self._warn("the kept session was removed, not ended at the service: these credentials do not open it")
                return "forgotten"
            self._register_all(session.tokens)
            try:
                self._log_out(session)
            except ServiceError as exc:
                self._warn(f"the session was forgotten here, but its end at the service is not confirmed: {exc}")
                return "forgotten"
            return "logout"

    def _log_out(self, session: KeptSession) -> None:
        """End a session at the service; one whose access token is over is refreshed first, if that may be."""
        tokens, fresh = session.tokens, False
        if session.has_ended(self._now()) and self._may_refresh(session, tokens):
            tokens, fresh = self._refreshed(tokens), True
        try:
            self._client.logout(tokens)
        except UnauthorizedError:
            if fresh or not self._may_refresh(session, tokens):
                raise
            self._client.logout(self._refreshed(tokens))

    def _refreshed(self, tokens: Tokens) -> Tokens:
        fresh = self._client.refresh(tokens)
        self._register_all(fresh)
        return fresh

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
            return self._obtain(held.tokens if held else None, rejected)
        except RedtrustError as exc:
            alive = held is not None and held.tokens != rejected and self._monotonic() < held.ends_at
            if held is None or not alive or isinstance(exc, StaleRevisionError):
                self._failure = exc
                raise
            return self._to_its_end(held, exc)

    def _to_its_end(self, opened: Opened, failure: RedtrustError) -> Opened:
        self._warn(f"there is no fresh session, so the one that is about to end is used until then: {failure}")
        return dataclasses.replace(opened, refresh_at=opened.ends_at)

    def _obtain(self, over: Tokens | None, rejected: Tokens | None, *, renew: bool = False) -> Opened:
        """Return another session than the one that is over, or is about to be; with ``renew`` never the kept one.

        ``rejected`` are tokens that the service does not accept.
        """
        if self._credentials.access_token:
            return self._given(self._credentials.access_token, over)
        if self._kept is None:
            return Opened(*self._log_in())
        with self._kept.locked():
            session = self._kept.load()
            if session is None:
                return self._keep(self._kept, *self._log_in())
            self._register_all(session.tokens)
            if not (renew or session.unanswered or session.tokens == over or self._is_due(session)):
                return self._timed(session, "kept")
            return self._replaced(self._kept, session, rejected, renew=renew)

    def _replaced(self, kept: SessionPlace, session: KeptSession, rejected: Tokens | None, *, renew: bool) -> Opened:
        """Refresh a session, or log in; else use what is left of it, where that was not refused.

        A login comes first where the refresh token would be sent a second time.
        """
        failure: ServiceError | None = None
        found = self._login_or_error(session, None) if session.unanswered and self._can_log_in() else None
        if not isinstance(found, tuple) and self._may_refresh(session, rejected):
            try:
                fresh = self._refresh(kept, session)
            except ServiceError as exc:
                failure, session = exc, kept.load() or session
            else:
                return self._keep(kept, fresh, "refresh")
        found = found or self._login_or_error(session, failure)
        if isinstance(found, tuple):
            return self._keep(kept, *found)
        refused = isinstance(failure, RefusedError) and failure.is_definite
        if renew or refused or self._is_dead(session, rejected):
            raise found
        return self._to_its_end(self._timed(session, "kept"), found)

    def _login_or_error(
        self, session: KeptSession, failure: ServiceError | None
    ) -> tuple[Tokens, How] | SessionError | ServiceError:
        try:
            return self._log_in_instead(session, failure)
        except (SessionError, ServiceError) as exc:
            return exc

    def _is_dead(self, session: KeptSession, rejected: Tokens | None) -> bool:
        return session.tokens == rejected or session.has_ended(self._now())

    def _may_refresh(self, session: KeptSession, rejected: Tokens | None) -> bool:
        """Return whether its refresh token may be sent, which is not twice while there is anything to lose."""
        if not session.can_be_refreshed:
            return False
        return not session.unanswered or (self._is_dead(session, rejected) and not self._needs_nobody())

    def _given(self, access_token: str, over: Tokens | None) -> Opened:
        if over is not None:
            raise SessionError("the service does not accept access_token (any more): give a new one")
        tokens = Tokens(access_token)
        self._register_all(tokens)
        return Opened(tokens, "given")

    def _refresh(self, kept: SessionPlace, session: KeptSession) -> Tokens:
        """Refresh a session.

        That it is under way is saved before the token is sent, and stays so unless the service provably did nothing.
        """
        kept.save(dataclasses.replace(session, unanswered=session.unanswered + 1))
        try:
            return self._client.refresh(session.tokens)
        except ServiceError as exc:
            if isinstance(exc, UnauthorizedError) and not exc.foreign:
                session = dataclasses.replace(session, refused_at=session.refused_at or self._now())
            if session.unanswered and isinstance(exc, RefusedError) and exc.is_definite:
                session = dataclasses.replace(session, unanswered=TRIES)  # so it was carried out the first time
            if exc.not_done or (isinstance(exc, RefusedError) and exc.is_busy):
                kept.save(session)
            raise

    def _log_in_instead(self, session: KeptSession, failure: ServiceError | None) -> tuple[Tokens, How]:
        """Log in where the kept session is not refreshed; why it is not stays the first cause."""
        words, ended_at = _why_not_refreshed(session, failure), timestamp(session.refused_at)
        if not self._can_log_in():
            raise SessionError(words + self._outlook(session, failure), ended_at=ended_at) from failure
        try:
            return self._log_in()
        except (SessionError, ServiceError) as exc:
            if self._credentials.username and not self._credentials.temporal_token:
                raise
            raise SessionError(f"{words}, and the login instead failed: {exc}", ended_at=ended_at) from exc

    def _outlook(self, session: KeptSession, failure: ServiceError | None) -> str:
        """Return what comes next where only a person can log in."""
        refused = isinstance(failure, RefusedError) and failure.is_definite
        if refused or not session.can_be_refreshed:
            return f" and nothing to log in with: {self._ways_to_log_in()}"
        if not session.unanswered:
            return f"; nothing is lost by that, the next run tries again. If it goes on: {self._ways_to_log_in()}"
        first = "" if session.has_ended(self._now()) else "its access token is used to its end, then "
        return (
            f"; {first}the refresh token is tried once more, though it may be used up. To be on the safe side: "
            f"{self._ways_to_log_in()}"
        )

    def _log_in(self) -> tuple[Tokens, How]:
        credentials = self._credentials
        if credentials.temporal_token:
            return self._client.exchange(credentials.temporal_token), "exchange"
        if credentials.username and credentials.password:
            return self._client.login(credentials.username, credentials.password, credentials.domain), "login"
        if credentials.by_certificate:
            return self._client.exchange(self._token_by_certificate(credentials.by_certificate)), "certificate"
        raise SessionError(f"there is no session and nothing to log in with: {self._ways_to_log_in()}")

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
        return bool(self._credentials.temporal_token) or self._needs_nobody()

    def _needs_nobody(self) -> bool:
        """Return whether a login is possible again and again without a person."""
        return bool(self._credentials.username or self._credentials.by_certificate)

    def _ways_to_log_in(self) -> str:
        if self._client.contract.login is not None:
            return "set username and password, temporal_token, or access_token"
        if self._credentials.session_key:
            return "have a person sign in with redtrust_login and session_key, or set client_cert and redirect_url"
        return (
            "have a person sign in with redtrust_login, set client_cert and redirect_url for a user with a "
            "certificate, or set temporal_token or access_token"
        )

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


def _why_not_refreshed(session: KeptSession, failure: ServiceError | None) -> str:
    if failure is not None:
        since = f", first on {timestamp(session.refused_at)}" if session.refused_at else ""
        return f"the session could not be refreshed ({failure}{since})"
    end = f", whose access token ends at {timestamp(session.ends_at)}," if session.ends_at else ""
    if session.unanswered:
        return f"a run that refreshed the kept session{end} did not get the answer, and its refresh token works once"
    return f"the kept session{end} has no refresh token"
