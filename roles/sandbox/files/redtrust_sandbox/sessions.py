# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions and their tokens.

A temporary token is opaque, works once and soon expires. An access token is a JWT. A refresh token works once; a second
use ends the session. Logout ends the session and invalidates both tokens.
"""

from __future__ import annotations

import base64
import functools
import pathlib
import secrets
import time
import typing as t

import jwt

from redtrust_sandbox import envelope
from redtrust_sandbox.call import Call, unauthorized
from redtrust_sandbox.config import User
from redtrust_sandbox.files import write_private
from redtrust_sandbox.ledger import Ledger

_KEY_FILE = "jwt.key"
_ALGORITHM = "HS256"
_AUDIENCE = "RA_API"
_CHECKS = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}


class Sessions:
    """Issue and check tokens; the ledger keeps them."""

    def __init__(self, ledger: Ledger, directory: pathlib.Path) -> None:
        self.ledger = ledger
        path = directory / _KEY_FILE
        if not path.exists():
            write_private(path, secrets.token_bytes(32))
        self._key = path.read_bytes()
        self._claims = functools.lru_cache(maxsize=1024)(self._decoded)

    def temporary(self, call: Call, user: User, partner: str) -> str:
        """Return a new temporary token. It is standard base64, so it must be quoted in a URL."""
        token = base64.b64encode(secrets.token_bytes(32)).decode()
        row = {"token": token, "user": user.username, "domain": user.domain, "partner": partner}
        expires = call.now + call.settings.temp_token_lifetime
        self.ledger.insert("temporary_tokens", {**row, "expires": expires})
        self.ledger.secret("temporary_token", token)
        return token

    def exchange(self, call: Call, token: str) -> dict[str, str]:
        """Return the tokens of a new session for a temporary token; raises ApiError."""
        with self.ledger.transaction():
            row = self.ledger.row(
                "SELECT user, domain, partner FROM temporary_tokens"
                " WHERE token = ? AND used_at IS NULL AND expires > ?",
                token,
                call.now,
            )
            if row is not None and call.partner in (None, row[2]):
                self.ledger.run("UPDATE temporary_tokens SET used_at = ? WHERE token = ?", time.time(), token)
                return self._start(call, row[0], row[1], row[2])
        raise unauthorized("TEMPORAL_TOKEN_INVALID", "The temporary token is unknown, used or expired")

    def login(self, call: Call, user: User) -> dict[str, str]:
        """Return the tokens of a new session for a user after the check of the password."""
        with self.ledger.transaction():
            return self._start(call, user.username, user.domain, call.partner)

    def refresh(self, call: Call, token: str) -> dict[str, str]:
        """Return new tokens for a refresh token; raises ApiError. A used refresh token ends its session."""
        row = self.ledger.row(
            "SELECT r.session, r.expires, r.used_at, s.user, s.ended, s.partner FROM refresh_tokens r"
            " JOIN sessions s ON s.id = r.session WHERE r.token = ?",
            token,
        )
        refusal = unauthorized("REFRESH_TOKEN_INVALID", "The refresh token is unknown, used or expired")
        if row is None or call.session not in (None, row[0]) or call.partner not in (None, row[5]):
            raise refusal
        session, expires, used_at, user, ended = row[:5]
        if used_at is not None:
            self._reused(session)
            raise refusal
        if ended is not None or expires <= call.now:
            raise refusal
        with self.ledger.transaction():
            self.ledger.run("UPDATE refresh_tokens SET used_at = ? WHERE token = ?", time.time(), token)
            call.session, call.user = session, user
            return self._tokens(call, session, user)

    def logout(self, call: Call) -> None:
        """End the session of a call."""
        self.end(str(call.session), "logout")

    def end(self, session: str, reason: str) -> int:
        """End one session, or all sessions for ``*``; return how many were open."""
        return self.ledger.run(
            "UPDATE sessions SET ended = ?, end_reason = ? WHERE ended IS NULL AND ? IN (id, '*')",
            time.time(),
            reason,
            session,
        )

    def verify(self, call: Call, token: str, accept_expired: bool) -> None:
        """Set the user and session of a call from its access token; raises ApiError."""
        try:
            claims = self._claims(token)
        except jwt.PyJWTError as exc:
            raise unauthorized("TOKEN_INVALID", "The access token is not valid") from exc
        if call.now >= claims["exp"] and not accept_expired:
            raise unauthorized("TOKEN_EXPIRED", "The access token has expired")
        row = self.ledger.row("SELECT user, ended, partner FROM sessions WHERE id = ?", claims["sid"])
        if row is None or row[1] is not None:
            raise unauthorized("SESSION_ENDED", "The session has ended")
        if call.partner is not None and row[2] is not None and call.partner != row[2]:
            raise unauthorized("TOKEN_INVALID", "The access token belongs to another partner")
        call.session, call.user = claims["sid"], row[0]

    def _decoded(self, token: str) -> t.Mapping[str, t.Any]:
        """Return the claims of an access token with our signature; the caller checks the times."""
        claims: t.Mapping[str, t.Any] = jwt.decode(
            token, self._key, algorithms=[_ALGORITHM], options=t.cast("t.Any", _CHECKS)
        )
        return claims

    def _reused(self, session: str) -> None:
        with self.ledger.transaction():
            self.ledger.run("UPDATE sessions SET refresh_reuses = refresh_reuses + 1 WHERE id = ?", session)
            self.end(session, "refresh_reuse")

    def _start(self, call: Call, user: str, domain: str, partner: str | None) -> dict[str, str]:
        session = secrets.token_hex(8)
        row = {"id": session, "user": user, "domain": domain, "partner": partner, "started": time.time()}
        self.ledger.insert("sessions", row)
        call.session, call.user = session, user
        return self._tokens(call, session, user)

    def _tokens(self, call: Call, session: str, user: str) -> dict[str, str]:
        now = call.now
        expires = now + call.settings.access_token_lifetime
        claims = {
            "sub": user,
            "aud": _AUDIENCE,
            "sid": session,
            "jti": secrets.token_hex(8),
            "iat": int(now),
            "exp": int(expires),
        }
        access = jwt.encode(claims, self._key, algorithm=_ALGORITHM)
        refresh = secrets.token_urlsafe(48)
        row = {"token": refresh, "session": session, "expires": now + call.settings.refresh_token_lifetime}
        self.ledger.insert("refresh_tokens", row)
        self.ledger.secret("access_token", access)
        self.ledger.secret("refresh_token", refresh)
        return {
            "refreshToken": refresh,
            "accessToken": access,
            "expiration": envelope.expiration(call.settings, int(expires)),
        }
