# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the certificates of each rule that limits their number."""

from __future__ import annotations

import threading
import typing as t

# How long a count is used, in seconds, and from how few free places on the store is counted each time.
_LASTS = 10.0
_FEW_PLACES = 50


class RuleCount:
    """The names that have a place under a rule. Usable from several threads.

    A place that this run gives is taken at once. What other runs take is seen when the store is counted again: after a
    while, and each time if only a few places are left. ``rule_of`` returns the rule that limits the number of a name.
    """

    def __init__(
        self,
        rule_of: t.Callable[[str], str | None],
        names: t.Callable[[], t.Iterable[str]],
        clock: t.Callable[[], float],
    ) -> None:
        self._rule_of = rule_of
        self._names = names
        self._clock = clock
        self._mutex = threading.Lock()
        self._taken: dict[str, set[str]] = {}
        self._given: dict[str, set[str]] = {}
        self._counted_at: float | None = None

    def take(self, rule: str, name: str, most: int) -> int | None:
        """Take a place for a name, unless it has one. Where none is left, return how many are taken."""
        with self._mutex:
            self._count(lasts=_LASTS)
            if name not in self._of(rule) and 0 < most - len(self._of(rule)) <= _FEW_PLACES:
                self._count(lasts=0)
            taken = self._of(rule)
            if name not in taken and len(taken) >= most:
                return len(taken)
            taken.add(name)
            self._given.setdefault(rule, set()).add(name)
            return None

    def _of(self, rule: str) -> set[str]:
        return self._taken.setdefault(rule, set())

    def _count(self, *, lasts: float) -> None:
        now = self._clock()
        if self._counted_at is not None and now - self._counted_at < lasts:
            return
        taken = {rule: set(given) for rule, given in self._given.items()}
        for name in self._names():
            rule = self._rule_of(name)
            if rule is not None:
                taken.setdefault(rule, set()).add(name)
        self._taken, self._counted_at = taken, now
