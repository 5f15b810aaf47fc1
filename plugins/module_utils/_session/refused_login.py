# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have one run of a store try credentials that the service refuses, and no other: each try may lock the account."""

from __future__ import annotations

import contextlib
import typing as t

from .._clock import timestamp
from .._errors import RefusedError, SessionError
from .._printable import brief
from .._store.api import Store
from .lease_lock import LeaseLock

# For how long nobody tries the same credentials again, in seconds.
REMEMBERED = 900.0
# The service does not know this user, password or domain.
_REFUSED = (401, 403)
_LONGEST_WORDS = 1000


class RefusedLogin:
    """What all runs of ``store`` know of the login with ``credentials``, which stand for all that it depends on.

    The store keeps a hash of them that says nothing without its key. ``patience`` is how long another run that logs in
    with them is waited for, in seconds.
    """

    def __init__(self, store: Store, credentials: bytes, *, holder: str, patience: float) -> None:
        self._store = store
        self._key = f"login/{store.mark(credentials)}"
        self._lock = LeaseLock(store, self._key, "logging in", holder=holder, patience=patience)

    @contextlib.contextmanager
    def tried(self) -> t.Iterator[None]:
        """Log in inside, one run at a time. Raises SessionError where the service has refused these credentials."""
        with self._lock.held():
            known = self._store.blocked(self._key)
            if known is not None:
                raise SessionError(
                    f"{known.why}. No run tries these credentials again before {timestamp(known.until)}, so that the "
                    "account is not locked: correct them, or run redtrust_token with force to try them at once"
                )
            try:
                yield
            except RefusedError as exc:
                if exc.is_definite and exc.status in _REFUSED:
                    self._store.block(self._key, REMEMBERED, brief(str(exc), _LONGEST_WORDS))
                raise

    def forget(self) -> None:
        """Let the next login ask the service again."""
        self._store.block(self._key, 0, "")
