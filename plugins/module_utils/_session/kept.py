# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session as it is kept between tasks and jobs, its encryption, and the interface of its storage."""

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

    It goes up before the token is sent, so it is right after a run that dies.

    ``opened_at`` and ``ends_at`` are by the clock of this machine, not that of the service. ``refused_at`` is when the
    service first refused to refresh the session. That may be its end, or the fault of one job with a wrong partner
    secret, so it is tried again.

    ``unknown`` holds the members that a newer release has written. They are kept as long as these tokens are, and end
    with them: they may be about them, such as a count of attempts.
    """

    tokens: Tokens
    opened_at: dt.datetime
    ends_at: dt.datetime | None = None
    unanswered: int = 0
    refused_at: dt.datetime | None = None
    unknown: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict, repr=False)

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
            **self.unknown,
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
        """Read the result of ``to_json()``, of this or another release. A missing member has its default.

        Raises KeyError, TypeError or ValueError when the access token or the time of the login is missing or damaged.
        """
        rest = {**data}
        expires_at = rest.pop("expires_at", None)
        return cls(
            Tokens(rest.pop("access_token"), rest.pop("refresh_token", None), _moment(expires_at)),
            _required_moment(rest.pop("opened_at")),
            _moment(rest.pop("ends_at", expires_at)),  # release 0.1.0 took the two for the same
            int(rest.pop("refreshing", 0)),  # releases before 0.4.0 kept whether it was so
            _moment(rest.pop("refused_at", None)),
            unknown=rest,
        )


def _moment(value: object) -> dt.datetime | None:
    return _required_moment(value) if value else None


def _required_moment(value: object) -> dt.datetime:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no time")
    return parse_timestamp(value)


class SessionCipher:
    """Encrypts sessions with a key that is derived from a credential. The salt stands before the ciphertext."""

    def __init__(self, material: bytes) -> None:
        self._material = material
        self._keys: dict[bytes, Fernet] = {}

    def encrypt(self, session: KeptSession) -> bytes:
        """Return the salt and the encrypted session."""
        salt = next(iter(self._keys), None) or base64.b64encode(os.urandom(16))
        return salt + b"\n" + self.key(salt).encrypt(json.dumps(session.to_json()).encode())

    def decrypt(self, content: bytes) -> KeptSession | None:
        """Return the session; None when another credential encrypted it, or it is damaged."""
        salt, _newline, encrypted = content.partition(b"\n")
        try:
            return KeptSession.from_json(json.loads(self.key(salt).decrypt(encrypted)))
        except (InvalidToken, ValueError, KeyError, TypeError):
            return None

    def key(self, salt: bytes) -> Fernet:
        """Return the key for a salt; deriving it takes a tenth of a second."""
        if salt not in self._keys:
            key = hashlib.pbkdf2_hmac("sha512", self._material, salt, _KEY_ITERATIONS, dklen=32)
            self._keys[salt] = Fernet(base64.urlsafe_b64encode(key))
        return self._keys[salt]


class SessionStorage(abc.ABC):
    """Stores one session; used by one thread at a time.

    ``save`` and ``delete`` replace the session that was loaded last. They raise StaleRevisionError, and write nothing,
    when another run has replaced it since.
    """

    @abc.abstractmethod
    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Hold the lock that all runs take to log in and to refresh. An error names its holder after a while."""

    @abc.abstractmethod
    def exists(self) -> bool:
        """Return whether a session is kept."""

    @abc.abstractmethod
    def load(self) -> KeptSession | None:
        """Return the kept session, None when there is none that can be read."""

    @abc.abstractmethod
    def save(self, session: KeptSession) -> None:
        """Keep a session; on disk before this returns."""

    @abc.abstractmethod
    def delete(self) -> None:
        """Forget the kept session."""
