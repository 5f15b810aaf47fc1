# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a session between jobs: in the store, encrypted with a key from ``session_key``."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._errors import SessionError
from .._store.api import Store
from .kept import KeptSession, SessionCipher, SessionStorage
from .lease_lock import LeaseLock


class SessionRow(SessionStorage):
    """One session in the store, for all jobs that have its key. ``identity`` stands for its user and service.

    The lock is a lease. The lease of a process that is gone is taken over, at once or after a minute. ``patience`` is
    how long the lease of a process that lives is waited for, in seconds.
    """

    def __init__(
        self,
        store: Store,
        identity: str,
        session_key: str,
        *,
        holder: str,
        patience: float = 60.0,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._key = f"session/{identity}"
        self._cipher = SessionCipher(b"session_key\0" + session_key.encode("utf-8", "surrogateescape"))
        self._lock = LeaseLock(
            store,
            self._key,
            "logging in or refreshing the session that session_key keeps",
            holder=holder,
            patience=patience,
            clock=clock,
            sleep=sleep,
        )
        self._generation = 0

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Hold the lease, renewed while the work goes on."""
        return self._lock.held()

    def exists(self) -> bool:
        return self.load() is not None

    def load(self) -> KeptSession | None:
        """Return the kept session. Raises SessionError when this key does not open it: nobody overwrites it."""
        found = self._store.session(self._key)
        if found is None:
            self._generation = 0
            return None
        self._generation, sealed = found
        session = self._cipher.decrypt(sealed)
        if session is None:
            raise SessionError(
                "session_key does not open the session that the store keeps, which was left as it is: give the one "
                f"with which it was kept; where that is lost, delete the row with the key {self._key} from the store's "
                "table sessions and log in anew"
            )
        return session

    def save(self, session: KeptSession) -> None:
        self._generation = self._store.put_session(self._key, self._cipher.encrypt(session), self._generation)

    def delete(self) -> None:
        self._generation = self._store.put_session(self._key, None, self._generation)
