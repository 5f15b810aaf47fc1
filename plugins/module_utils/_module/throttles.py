# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits that a run keeps together with all other runs of its store: of the service, and of the CA."""

from __future__ import annotations

import typing as t

from .._rate import Rate
from .._service.api import Throttle, Unthrottled
from .._store.api import Blocks, Store, TokenBucket


class Throttles:
    """The token buckets of a run. ``store`` opens the store, and returns None where the run keeps no limits.

    ``patience`` is how long a pause that the service or the CA asks for is waited for, in seconds. ``at_once`` is how
    many requests are under way at a time. ``why_over`` tells why the run asks nobody any more.
    """

    def __init__(
        self,
        store: t.Callable[[], Store | None],
        *,
        patience: t.Callable[[], float],
        at_once: t.Callable[[], int],
        why_over: t.Callable[[], str],
        warn: t.Callable[[str], None],
    ) -> None:
        self._store = store
        self._patience = patience
        self._at_once = at_once
        self._why_over = why_over
        self._warn = warn
        self._buckets: list[TokenBucket] = []
        self._blocks: Blocks | None = None

    @property
    def why_down(self) -> str:
        """Why the service or the CA is not asked any more: it wants a pause that is too long for this run."""
        return next((bucket.why_down for bucket in self._buckets if bucket.why_down), "")

    def of(self, key: str, who: str, rate: Rate | None) -> Throttle:
        """Return what says when a service or a CA may be asked: ``key`` names it in the store, ``who`` in messages."""
        store = self._store()
        if store is None:
            return Unthrottled()
        self._blocks = self._blocks or Blocks(store)
        bucket = TokenBucket(
            store,
            self._blocks,
            key,
            who,
            rate=rate,
            patience=self._patience(),
            at_once=self._at_once(),
            why_over=self._why_over,
            warn=self._warn,
        )
        self._buckets.append(bucket)
        return bucket
