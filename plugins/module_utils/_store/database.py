# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A transaction of a database, in which the statements of the store run."""

from __future__ import annotations

import typing as t


class Transaction(t.Protocol):
    """A transaction. Statements have ``?`` for values, and ``FOR UPDATE`` where rows must be locked."""

    def execute(self, statement: str, values: t.Sequence[object] = ()) -> int:
        """Run a statement; return how many rows it changed."""

    def rows(self, statement: str, values: t.Sequence[object] = ()) -> list[tuple[t.Any, ...]]:
        """Return the rows of a query."""

    def many(self, statement: str, values: t.Iterable[t.Sequence[object]]) -> None:
        """Run a statement for each of the values."""

    def clock(self, seconds: float = 0.0) -> str:
        """Return the time ``seconds`` from now, by the clock of the store."""
