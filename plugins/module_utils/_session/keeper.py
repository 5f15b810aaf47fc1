# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a session alive: refresh it, or log in anew, and end it.

A refresh token works once. So a run counts that it sends the token before it does so, and saves the new tokens before
it uses them. Where a refresh had no answer, its token may be used up. Then a login comes first, if it needs no person.
Otherwise the access token is used to its end, and then the refresh token is sent once more: there is nothing to lose.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._clock import timestamp
from .._errors import RedtrustError, RefusedError, ServiceError, SessionError, UnauthorizedError
from .._models import Tokens
from .._service.api import Client
from .kept import TRIES, KeptSession, SessionStorage
from .lifetime import How, Lifetimes, Opened
from .login import Login


@dataclasses.dataclass(frozen=True)
class Keeper:
    """Keeps, replaces and ends the session of one storage. The caller holds the lock of the storage.

    ``register`` is told tokens before they are used.
    """

    client: Client
    login: Login
    storage: SessionStorage
    lifetimes: Lifetimes
    register: t.Callable[[Tokens], None]
    warn: t.Callable[[str], None]

    def keep(self, tokens: Tokens, how: How) -> Opened:
        """Save a new session before it is used."""
        self.register(tokens)
        session = self.lifetimes.begin(tokens, self.client.now())
        self.storage.save(session)
        # One that is over when it comes is used until it is refused: the next would be no better.
        return Opened(tokens, how) if session.ends_at == session.opened_at else self.lifetimes.opened(session, how)

    def replace(self, session: KeptSession, rejected: Tokens | None, *, renew: bool) -> Opened:
        """Refresh a session, or log in. Else use the session to its end, unless ``renew`` is set or it was refused.

        A login comes first where the refresh token would be sent a second time.
        """
        failure: ServiceError | None = None
        found = self._login_or_error(session, None) if session.unanswered and self.login.is_possible() else None
        if not isinstance(found, tuple) and self.may_refresh(session, rejected):
            try:
                fresh = self._refresh(session)
            except ServiceError as exc:
                failure, session = exc, self.storage.load() or session
            else:
                return self.keep(fresh, "refresh")
        found = found or self._login_or_error(session, failure)
        if isinstance(found, tuple):
            return self.keep(*found)
        refused = isinstance(failure, RefusedError) and failure.is_definite
        if renew or refused or self.lifetimes.is_dead(session, rejected):
            raise found
        return use_to_its_end(self.lifetimes.opened(session, "kept"), found, self.warn)

    def may_refresh(self, session: KeptSession, rejected: Tokens | None) -> bool:
        """Return whether its refresh token may be sent: not a second time, while there is anything to lose."""
        if not session.can_be_refreshed:
            return False
        return not session.unanswered or (self.lifetimes.is_dead(session, rejected) and not self.login.needs_nobody())

    def end(self, session: KeptSession) -> None:
        """End a session at the service. It is refreshed first if its access token is over and a refresh is allowed."""
        tokens, fresh = session.tokens, False
        if session.has_ended(self.lifetimes.now()) and self.may_refresh(session, tokens):
            tokens, fresh = self._fresh(tokens), True
        try:
            self.client.logout(tokens)
        except UnauthorizedError:
            if fresh or not self.may_refresh(session, tokens):
                raise
            self.client.logout(self._fresh(tokens))

    def _fresh(self, tokens: Tokens) -> Tokens:
        fresh = self.client.refresh(tokens)
        self.register(fresh)
        return fresh

    def _refresh(self, session: KeptSession) -> Tokens:
        """Refresh a session.

        The count of tokens without an answer goes up first, and goes back only when the service provably did nothing.
        """
        self.storage.save(dataclasses.replace(session, unanswered=session.unanswered + 1))
        try:
            return self.client.refresh(session.tokens)
        except ServiceError as exc:
            if isinstance(exc, UnauthorizedError) and not exc.foreign:
                session = dataclasses.replace(session, refused_at=session.refused_at or self.lifetimes.now())
            if session.unanswered and isinstance(exc, RefusedError) and exc.is_definite:
                session = dataclasses.replace(session, unanswered=TRIES)  # so it was carried out the first time
            if exc.not_done or (isinstance(exc, RefusedError) and exc.is_busy):
                self.storage.save(session)
            raise

    def _login_or_error(
        self, session: KeptSession, failure: ServiceError | None
    ) -> tuple[Tokens, How] | SessionError | ServiceError:
        try:
            return self._log_in_instead(session, failure)
        except (SessionError, ServiceError) as exc:
            return exc

    def _log_in_instead(self, session: KeptSession, failure: ServiceError | None) -> tuple[Tokens, How]:
        """Log in where the kept session is not refreshed; the reason for that stays the first cause."""
        words, ended_at = _why_not_refreshed(session, failure), timestamp(session.refused_at)
        if not self.login.is_possible():
            raise SessionError(words + self._outlook(session, failure), ended_at=ended_at) from failure
        try:
            return self.login.log_in()
        except (SessionError, ServiceError) as exc:
            if self.login.names_a_user():
                raise
            raise SessionError(f"{words}, and the login instead failed: {exc}", ended_at=ended_at) from exc

    def _outlook(self, session: KeptSession, failure: ServiceError | None) -> str:
        """Return the next step where only a person can log in."""
        ways = self.login.ways()
        refused = isinstance(failure, RefusedError) and failure.is_definite
        if refused or not session.can_be_refreshed:
            return f" and nothing to log in with: {ways}"
        if not session.unanswered:
            return f"; nothing is lost by that, the next run tries again. If it goes on: {ways}"
        first = "" if session.has_ended(self.lifetimes.now()) else "its access token is used to its end, then "
        return (
            f"; {first}the refresh token is tried once more, though it may be used up. To be on the safe side: {ways}"
        )


def use_to_its_end(opened: Opened, failure: RedtrustError, warn: t.Callable[[str], None]) -> Opened:
    """Return the session that is about to end, since there is no other, and warn."""
    warn(f"there is no fresh session, so the one that is about to end is used until then: {failure}")
    return opened.used_to_its_end()


def _why_not_refreshed(session: KeptSession, failure: ServiceError | None) -> str:
    if failure is not None:
        since = f", first on {timestamp(session.refused_at)}" if session.refused_at else ""
        return f"the session could not be refreshed ({failure}{since})"
    end = f", whose access token ends at {timestamp(session.ends_at)}," if session.ends_at else ""
    if session.unanswered:
        return f"a run that refreshed the kept session{end} did not get the answer, and its refresh token works once"
    return f"the kept session{end} has no refresh token"
