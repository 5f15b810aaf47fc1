# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a session between tasks and jobs, sealed with a key from a credential; and what keeps it."""

from __future__ import annotations

import abc
import base64
import contextlib
import dataclasses
import datetime as dt
import hashlib
import json
import os
import typing as t

from .._clock import parse_timestamp
from .._models import Tokens

try:  # noqa: SIM105
    from cryptography.fernet import Fernet, InvalidToken
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

# OWASP Password Storage Cheat Sheet, PBKDF2-HMAC-SHA512. Chosen over scrypt since it is there in FIPS mode.
_KEY_ITERATIONS = 210_000
# How often a refresh token is sent at most where the answers are lost.
TRIES = 2


@dataclasses.dataclass(frozen=True)
class KeptSession:
    """A session as it is kept. ``unanswered`` counts how often its refresh token was sent and no answer is known.

    It is counted before the token is sent, so a run that dies meanwhile leaves it so.

    ``opened_at`` and ``ends_at`` are by the clock of this machine, whatever time it is at the service. ``refused_at``
    is when the service first refused to refresh it. That may be its end, or the fault of one job with a wrong partner
    secret, so it is tried again.
    """

    tokens: Tokens
    opened_at: dt.datetime
    ends_at: dt.datetime | None = None
    unanswered: int = 0
    refused_at: dt.datetime | None = None

    @property
    def can_be_refreshed(self) -> bool:
        """Whether there is a refresh token that may still work."""
        return bool(self.tokens.refresh_token) and self.unanswered < TRIES

    def has_ended(self, now: dt.datetime) -> bool:
        """Return whether its access token is over, as far as its end is known."""
        return self.ends_at is not None and now >= self.ends_at

    def refresh_due(self, now: dt.datetime, share: float) -> bool:
        """Return whether this share of its life is over, as far as its end is known, or a refresh was refused."""
        if self.refused_at is not None:
            return True
        return self.ends_at is not None and now >= self.opened_at + (self.ends_at - self.opened_at) * share

    def to_json(self) -> dict[str, t.Any]:
        return {
            "access_token": self.tokens.access_token,
            "refresh_token": self.tokens.refresh_token,
            "expires_at": self.tokens.expires_at.isoformat() if self.tokens.expires_at else None,
            "opened_at": self.opened_at.isoformat(),
            "ends_at": self.ends_at.isoformat() if self.ends_at else None,
            "refreshing": self.unanswered,
            "refused_at": self.refused_at.isoformat() if self.refused_at else None,
        }

    @classmethod
    def from_json(cls, data: t.Mapping[str, t.Any]) -> KeptSession:
        tokens = Tokens(data["access_token"], data["refresh_token"], _moment(data["expires_at"]))
        return cls(
            tokens,
            parse_timestamp(data["opened_at"]),
            _moment(data["ends_at"]),
            int(data["refreshing"]),  # releases before 0.4.0 kept whether it was so
            _moment(data.get("refused_at")),  # releases before 0.3.0 did not keep it
        )


def _moment(text: str | None) -> dt.datetime | None:
    return parse_timestamp(text) if text else None


class Seal:
    """Encrypt sessions with a key that is drawn out of a credential; the salt stands before what is sealed."""

    def __init__(self, material: bytes) -> None:
        self._material = material
        self._keys: dict[bytes, Fernet] = {}

    def close(self, session: KeptSession) -> bytes:
        """Seal a session."""
        salt = next(iter(self._keys), None) or base64.b64encode(os.urandom(16))
        return salt + b"\n" + self.key(salt).encrypt(json.dumps(session.to_json()).encode())

    def open(self, content: bytes) -> KeptSession | None:
        """Return what was sealed; None when it was with another credential, or is damaged."""
        salt, _newline, sealed = content.partition(b"\n")
        try:
            return KeptSession.from_json(json.loads(self.key(salt).decrypt(sealed)))
        except (InvalidToken, ValueError, KeyError, TypeError):
            return None

    def key(self, salt: bytes) -> Fernet:
        """Return the key for a salt; drawing it out takes a tenth of a second."""
        if salt not in self._keys:
            key = hashlib.pbkdf2_hmac("sha512", self._material, salt, _KEY_ITERATIONS, dklen=32)
            self._keys[salt] = Fernet(base64.urlsafe_b64encode(key))
        return self._keys[salt]


class SessionPlace(abc.ABC):
    """Where one session is kept; used by one thread at a time.

    What is saved or deleted takes the place of what was loaded last, and of nothing else: StaleRevisionError is
    raised when another run was first, and then nothing is written.
    """

    @abc.abstractmethod
    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Keep all other runs from logging in and refreshing; an error says who holds it when that takes too long."""

    @abc.abstractmethod
    def exists(self) -> bool:
        """Return whether a session is kept."""

    @abc.abstractmethod
    def load(self) -> KeptSession | None:
        """Return the kept session, None when there is none of use."""

    @abc.abstractmethod
    def save(self, session: KeptSession) -> None:
        """Keep a session; on disk before this returns."""

    @abc.abstractmethod
    def delete(self) -> None:
        """Forget the kept session."""
