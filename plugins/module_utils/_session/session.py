# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a session: log in, keep it, refresh it, end it. Tokens leave this package only for the client of the service.

The tasks of one job share a session through a private file. With a ``session_key`` several jobs share it through the
store. A run holds the lock of the storage around each login and refresh, and reads the session again once it holds it.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
import typing as t

from .._errors import RedtrustError, ServiceError, SessionError, StaleRevisionError, UnauthorizedError
from .._models import Tokens
from .._service.api import Client
from .credentials import Credentials
from .keeper import Keeper, use_to_its_end
from .kept import KeptSession, SessionStorage
from .lifetime import Lifetimes, Opened
from .login import Login
from .refused_login import RefusedLogin

Sent = t.TypeVar("Sent")
Closed = t.Literal["logout", "forgotten"]


class Session:
    """The session of one module run; usable from several threads.

    ``register`` is called with every token before the token is used, so that nothing can print it. A login that
    failed is not tried again by the next thread: that would lock an account. ``now`` is the clock of this machine.
    """

    def __init__(
        self,
        client: Client,
        credentials: Credentials,
        storage: SessionStorage | None,
        *,
        register: t.Callable[[str], None],
        now: t.Callable[[], dt.datetime],
        monotonic: t.Callable[[], float] = time.monotonic,
        jitter: t.Callable[[float, float], float] = random.uniform,
        warn: t.Callable[[str], None] = lambda _warning: None,
        refused: RefusedLogin | None = None,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._register = register
        self._lifetimes = Lifetimes(now, monotonic, jitter)
        self._warn = warn
        self._login = Login(client, credentials, register, refused)
        self._keeper: Keeper | None = None
        if storage is not None:
            self._keeper = Keeper(client, self._login, storage, self._lifetimes, self._register_all, warn)
        self._mutex = threading.Lock()
        self._opened: Opened | None = None
        self._failure: RedtrustError | None = None

    def open(self) -> Opened:
        """Return the session, opened or refreshed if need be. Raises SessionError, StoreError or a ServiceError."""
        held = self._opened
        if held is not None and self._failure is None and self._lifetimes.monotonic() < held.refresh_at:
            return held  # without a turn, since nothing is sent
        return self._after(None)

    def renew(self) -> Opened:
        """Refresh the kept session, however much of its life is left, or log in; raises as ``open`` does.

        This is for a schedule that keeps a session alive: its next run may come when the session is over.
        """
        if self._keeper is None:
            raise SessionError("access_token belongs to a session that somebody else keeps: leave it out to keep one")
        with self._client.turn(), self._mutex:
            self._opened = self._obtain(None, None, renew=True)
            return self._opened

    def sign_in(self, temporal_token: str) -> Opened:
        """Begin a new session with a temporary token, which replaces any kept one; raises as ``open`` does.

        The storage is locked and read first, since the token works once.
        """
        if self._keeper is None:
            raise SessionError("access_token belongs to a session that somebody else keeps: leave it out to sign in")
        self._register(temporal_token)
        self._client.admit(self._client.contract.exchange)
        with self._client.turn(), self._mutex, self._keeper.storage.locked():
            self._keeper.storage.load()
            self._opened = self._keeper.keep(self._client.exchange(temporal_token), "exchange")
            return self._opened

    def needs_person(self) -> bool:
        """Return whether only a person can begin a session; nothing is sent."""
        session = self._keeper.storage.load() if self._keeper else None
        if session is not None and session.can_be_refreshed and not session.refused_at:
            return False
        return not (self._credentials.username or self._credentials.access_token)

    def is_kept(self) -> bool:
        """Return whether there is a session that can be used as it is; nothing is sent."""
        if self._keeper is None:
            return True
        session = self._keeper.storage.load()
        if session is None or session.refused_at:
            return False
        if session.unanswered:
            return not (self._login.is_possible() or self._lifetimes.is_dead(session, None))
        return not self._lifetimes.is_due(session)

    def is_there(self) -> bool:
        """Return whether there is a kept session to end; nothing is sent."""
        return self._keeper is not None and self._keeper.storage.exists()

    def call(self, send: t.Callable[[Tokens], Sent]) -> Sent:
        """Send with the session's tokens; when they are not accepted, once more with those of a new session.

        A request that was refused with 401 was not carried out, so any may be sent again. A service that does
        not accept the tokens it has just given is not asked for others, by this thread or the next.

        A thread takes its turn to send before it takes the tokens: they may be others by then.
        """
        with self._client.turn():
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
        """End the kept session at the service and forget it. Return how it ended, None where there was none.

        It is forgotten in any case. A warning says when the service did not confirm the end: it may live on there.
        """
        if self._keeper is None or not self.is_there():
            return None
        storage = self._keeper.storage
        with storage.locked():
            session = storage.load()
            storage.delete()
            if session is None:
                self._warn("the kept session was removed, not ended at the service: these credentials do not open it")
                return "forgotten"
            self._register_all(session.tokens)
            try:
                self._keeper.end(session)
            except ServiceError as exc:
                self._warn(f"the session was forgotten here, but its end at the service is not confirmed: {exc}")
                return "forgotten"
            return "logout"

    def _give_up(self, rejected: Tokens, error: UnauthorizedError) -> None:
        with self._mutex:
            if self._opened is not None and self._opened.tokens == rejected:
                self._failure = error

    def _after(self, rejected: Tokens | None) -> Opened:
        """Return a session other than the rejected one; the first thread that needs it opens it for all.

        The turn comes first: a thread that held the mutex and waited for a turn could wait for threads that have all
        turns and wait for the mutex.
        """
        with self._client.turn(), self._mutex:
            if self._failure is not None:
                raise self._failure
            held = self._opened
            if held is None or held.tokens == rejected or self._lifetimes.monotonic() >= held.refresh_at:
                # This stays if an unexpected error ends the attempt: the next thread does not repeat it.
                self._failure = SessionError("an error that nobody expected ended the attempt to have a session")
                self._opened = held = self._another(held, rejected)
                self._failure = None
            return held

    def _another(self, held: Opened | None, rejected: Tokens | None) -> Opened:
        """Obtain a session. If there is no other, one that is about to end is used until it does."""
        try:
            return self._obtain(held.tokens if held else None, rejected)
        except RedtrustError as exc:
            alive = held is not None and held.tokens != rejected and self._lifetimes.monotonic() < held.ends_at
            if held is None or not alive or isinstance(exc, StaleRevisionError):
                self._failure = exc
                raise
            return use_to_its_end(held, exc, self._warn)

    def _obtain(self, over: Tokens | None, rejected: Tokens | None, *, renew: bool = False) -> Opened:
        """Return another session than ``over``, which is over or about to be; with ``renew`` never the kept one.

        ``rejected`` are tokens that the service does not accept.
        """
        if self._credentials.access_token:
            return self._given(self._credentials.access_token, over)
        if self._keeper is None:
            return Opened(*self._login.log_in())
        if self._client.may_wait() and (renew or not self._serves(self._keeper.storage.load(), over)):
            # Others wait for the lock only as long as a request takes.
            self._client.admit(self._client.contract.refresh)
        with self._keeper.storage.locked():
            session = self._keeper.storage.load()
            if session is None:
                return self._keeper.keep(*self._login.log_in())
            self._register_all(session.tokens)
            if renew or not self._serves(session, over):
                return self._keeper.replace(session, rejected, renew=renew)
            return self._lifetimes.opened(session, "kept")

    def _serves(self, session: KeptSession | None, over: Tokens | None) -> bool:
        """Return whether a kept session can be used as it is."""
        if session is None or session.unanswered or session.tokens == over:
            return False
        return not self._lifetimes.is_due(session)

    def _given(self, access_token: str, over: Tokens | None) -> Opened:
        if over is not None:
            raise SessionError("the service does not accept access_token (any more): give a new one")
        tokens = Tokens(access_token)
        self._register_all(tokens)
        return Opened(tokens, "given")

    def _register_all(self, tokens: Tokens) -> None:
        for secret in (tokens.access_token, tokens.refresh_token):
            if secret:
                self._register(secret)
