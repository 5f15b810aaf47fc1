# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a session between the tasks of one job: a private file, encrypted with a key from the caller's credential."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import fcntl
import hashlib
import json
import os
import stat
import typing as t
from pathlib import Path

from ._errors import SessionError
from ._models import Tokens

try:  # noqa: SIM105
    from cryptography.fernet import Fernet, InvalidToken
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

# OWASP Password Storage Cheat Sheet, PBKDF2-HMAC-SHA512. Chosen over scrypt since it is there in FIPS mode.
_KEY_ITERATIONS = 210_000
# A session is refreshed when this share of its life is over.
_REFRESH_AT = 2 / 3


@dataclasses.dataclass(frozen=True)
class KeptSession:
    """A session as it is kept. ``refreshing`` is set while its refresh token is on its way to the service."""

    tokens: Tokens
    opened_at: dt.datetime
    refreshing: bool = False

    def refresh_due(self, now: dt.datetime) -> bool:
        """Return whether two thirds of its life are over; never where its end is not known."""
        end = self.tokens.expires_at
        return end is not None and now >= self.opened_at + (end - self.opened_at) * _REFRESH_AT

    def to_json(self) -> dict[str, t.Any]:
        end = self.tokens.expires_at
        return {
            "access_token": self.tokens.access_token,
            "refresh_token": self.tokens.refresh_token,
            "expires_at": end.isoformat() if end else None,
            "opened_at": self.opened_at.isoformat(),
            "refreshing": self.refreshing,
        }

    @classmethod
    def from_json(cls, data: t.Mapping[str, t.Any]) -> KeptSession:
        end = data["expires_at"]
        tokens = Tokens(data["access_token"], data["refresh_token"], dt.datetime.fromisoformat(end) if end else None)
        return cls(tokens, dt.datetime.fromisoformat(data["opened_at"]), data["refreshing"])


class SessionFile:
    """A private file (0600, in a directory 0700) with one kept session, encrypted."""

    def __init__(self, path: str, key_material: bytes) -> None:
        self._path = Path(path)
        self._key_material = key_material
        self._keys: dict[bytes, Fernet] = {}

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Hold the lock between processes; it ends with the process, however that ends."""
        try:
            _make_private(self._path.parent)
        except OSError as exc:
            raise SessionError(f"session_path: {self._path.parent} cannot be made ({exc.strerror})") from exc
        with _private(self._path.with_name(self._path.name + ".lock"), os.O_RDWR | os.O_CREAT) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def exists(self) -> bool:
        """Return whether a session is kept, whoever can read it."""
        return self._path.exists()

    def load(self) -> KeptSession | None:
        """Return the kept session; None when there is none, or none that this credential opens."""
        try:
            with _private(self._path, os.O_RDONLY) as file:
                salt, _newline, sealed = file.read().partition(b"\n")
            return KeptSession.from_json(json.loads(self._key(salt).decrypt(sealed)))
        except (FileNotFoundError, InvalidToken, ValueError, KeyError, TypeError):
            return None

    def save(self, session: KeptSession) -> None:
        """Replace the kept session; on disk before this returns."""
        salt = next(iter(self._keys), None) or base64.b64encode(os.urandom(16))
        sealed = self._key(salt).encrypt(json.dumps(session.to_json()).encode())
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with _private(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
            try:
                file.write(salt + b"\n" + sealed)
                file.flush()
                os.fsync(file.fileno())
                fresh.replace(self._path)
            except OSError as exc:
                fresh.unlink()
                raise SessionError(f"session_path: {self._path} cannot be written ({exc.strerror})") from exc

    def delete(self) -> None:
        """Forget the kept session."""
        self._path.unlink(missing_ok=True)

    def _key(self, salt: bytes) -> Fernet:
        if salt not in self._keys:
            key = hashlib.pbkdf2_hmac("sha512", self._key_material, salt, _KEY_ITERATIONS, dklen=32)
            self._keys[salt] = Fernet(base64.urlsafe_b64encode(key))
        return self._keys[salt]


def _make_private(directory: Path) -> None:
    """Make a directory and what is missing above it, all for this user alone: the store may lie there as well."""
    if not directory.is_dir():
        _make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


def _private(path: Path, flags: int) -> t.IO[bytes]:
    """Open a file that belongs to this user alone; SessionError when something else is in its place."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise SessionError(f"session_path: {path} cannot be opened ({exc.strerror})") from exc
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        os.close(descriptor)
        raise SessionError(f"session_path: {path} is not a private file of this user (0600); remove it")
    return os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb")
