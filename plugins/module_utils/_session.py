# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a session: log in, keep it for the job, refresh it, end it. The only place that sees tokens.

The tasks of one job share a session through a kept one (``_session_file``). Its lock is held around each login
and refresh, and what is to be used is saved before it is used: a refresh token works once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import re
import threading
import typing as t

from ._client import Client
from ._errors import ConfigurationError, NotSentError, RedtrustError, ServiceError, SessionError, UnauthorizedError
from ._models import Tokens
from ._session_file import KeptSession, SessionFile

Answer = t.TypeVar("Answer")
How = t.Literal["given", "kept", "login", "exchange", "refresh"]


@dataclasses.dataclass(frozen=True)
class Credentials:
    """What the caller can log in with."""

    username: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    domain: str | None = None
    access_token: str | None = dataclasses.field(default=None, repr=False)
    temporal_token: str | None = dataclasses.field(default=None, repr=False)
    partner_secret: bytes | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("access_token", "temporal_token"):
            value = getattr(self, name)
            if value is not None and not re.fullmatch(r"[\x21-\x7e]+", value):
                raise ConfigurationError(f"{name} has a blank or a character that a token cannot have")
        if bool(self.username) != bool(self.password):
            missing = "password" if self.username else "username"
            raise ConfigurationError(f"username and password go together: {missing} is not set")

    def key_material(self) -> bytes:
        """Return what the key of a kept session is made from: lasting credentials before the temporary token."""
        lasting = [self.partner_secret or b"", (self.username or "").encode(), (self.password or "").encode()]
        if self.partner_secret or self.password:
            return b"\0".join(lasting)
        return (self.temporal_token or "").encode()


@dataclasses.dataclass(frozen=True)
class Opened:
    """How a session was come by."""

    tokens: Tokens
    how: How


class Session:
    """The session of one module run; usable from several threads.

    ``register`` is told every token before it is used, so that nothing can print it. A login that failed is
    not tried again by the next thread: that would lock an account.
    """

    def __init__(
        self,
        client: Client,
        credentials: Credentials,
        kept: SessionFile | None,
        *,
        register: t.Callable[[str], None],
        now: t.Callable[[], dt.datetime],
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._kept = kept
        self._register = register
        self._now = now
        self._mutex = threading.Lock()
        self._opened: Opened | None = None
        self._failure: RedtrustError | None = None

    def open(self) -> Opened:
        """Return the session, opened if need be. Raises SessionError or a ServiceError."""
        return self._after(None)

    def is_kept(self) -> bool:
        """Return whether there is a session that could be used as it is; nothing is sent."""
        if self._kept is None:
            return True
        session = self._kept.load()
        return session is not None and not session.refreshing and not session.refresh_due(self._now())

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
        """Return a session other than the rejected one; the first thread that asks opens it for all."""
        with self._mutex:
            if self._failure is not None:
                raise self._failure
            if self._opened is None or self._opened.tokens == rejected:
                try:
                    self._opened = self._obtain(rejected)
                except RedtrustError as exc:
                    self._failure = exc
                    raise
            return self._opened

    def _obtain(self, rejected: Tokens | None) -> Opened:
        if self._credentials.access_token:
            return self._given(self._credentials.access_token, rejected)
        if self._kept is None:
            return self._log_in()
        with self._kept.locked():
            return self._from_kept(self._kept, rejected) or self._keep(self._kept, self._log_in())

    def _given(self, access_token: str, rejected: Tokens | None) -> Opened:
        if rejected is not None:
            raise SessionError("the service does not accept access_token (any more): give a new one")
        tokens = Tokens(access_token)
        self._register_all(tokens)
        return Opened(tokens, "given")

    def _from_kept(self, kept: SessionFile, rejected: Tokens | None) -> Opened | None:
        """Return the kept session, refreshed if it is due; None when it is of no use."""
        session = kept.load()
        if session is None or session.refreshing:
            return None
        self._register_all(session.tokens)
        if session.tokens != rejected and not session.refresh_due(self._now()):
            return Opened(session.tokens, "kept")
        if session.tokens.refresh_token is None:
            return None
        kept.save(dataclasses.replace(session, refreshing=True))
        try:
            tokens = self._client.refresh(session.tokens)
        except ServiceError as exc:
            self._not_refreshed(kept, session, exc)
            return None
        return self._keep(kept, Opened(tokens, "refresh"))

    def _not_refreshed(self, kept: SessionFile, session: KeptSession, error: ServiceError) -> None:
        """Leave it to a login after a refresh that failed; its token may be used up, so it is not sent again."""
        if isinstance(error, NotSentError):
            kept.save(session)
        if not self._can_log_in():
            raise SessionError(f"the session could not be refreshed ({error}) and {_HOW_TO_LOG_IN}") from error

    def _log_in(self) -> Opened:
        credentials = self._credentials
        if credentials.temporal_token:
            opened = Opened(self._client.exchange(credentials.temporal_token), "exchange")
        elif credentials.username and credentials.password:
            tokens = self._client.login(credentials.username, credentials.password, credentials.domain)
            opened = Opened(tokens, "login")
        else:
            raise SessionError(f"there is no session and {_HOW_TO_LOG_IN}")
        self._register_all(opened.tokens)
        return opened

    def _can_log_in(self) -> bool:
        return bool(self._credentials.temporal_token or self._credentials.username)

    def _keep(self, kept: SessionFile, opened: Opened) -> Opened:
        """Save a session before it is used."""
        self._register_all(opened.tokens)
        kept.save(KeptSession(opened.tokens, self._now()))
        return opened

    def _register_all(self, tokens: Tokens) -> None:
        for secret in (tokens.access_token, tokens.refresh_token):
            if secret:
                self._register(secret)


_HOW_TO_LOG_IN = "nothing to log in with: set username and password (4.42), temporal_token, or access_token"
