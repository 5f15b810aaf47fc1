# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the ledger of a sandbox: the requests to the server, and their results."""

from __future__ import annotations

import contextlib
import sqlite3
import typing as t
from pathlib import Path

from ansible.plugins.lookup import LookupBase

COUNTS = {
    "requests": "SELECT COUNT(*) FROM requests",
    "mutating": "SELECT COUNT(*) FROM requests WHERE mutating = 1",
    "refused": "SELECT COUNT(*) FROM requests WHERE status >= 400",
    "unanswered": "SELECT COUNT(*) FROM requests WHERE status IS NULL",
    "key_pairs": "SELECT COUNT(*) FROM keys",
    "unused_keys": "SELECT COUNT(*) FROM keys WHERE finalized_at IS NULL",
    "current": "SELECT COUNT(*) FROM certificates WHERE state = 'current'",
    "replaced": "SELECT COUNT(*) FROM certificates WHERE state = 'replaced'",
    "sessions": "SELECT COUNT(*) FROM sessions",
    "sessions_open": "SELECT COUNT(*) FROM sessions WHERE ended IS NULL",
    "refresh_reuses": "SELECT COALESCE(SUM(refresh_reuses), 0) FROM sessions",
}
STEPS = "SELECT step, COUNT(*) FROM requests GROUP BY step ORDER BY step"


class LookupModule(LookupBase):
    """``lookup('ledger', directory)`` counts; with an earlier count in ``since=`` it returns the difference.

    ``lookup('ledger', directory, sql=...)`` returns the rows of a query as mappings.
    """

    def run(
        self, terms: list[str], variables: dict[str, t.Any] | None = None, **options: t.Any
    ) -> list[dict[str, t.Any] | list[dict[str, t.Any]]]:
        """Read the ledger. The only term is its directory."""
        path = Path(terms[0], "ledger.sqlite3")
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            if "sql" in options:
                return [[dict(row) for row in connection.execute(str(options["sql"]))]]
            return [_difference(_counts(connection), options.get("since") or {})]


def _counts(connection: sqlite3.Connection) -> dict[str, t.Any]:
    counts: dict[str, t.Any] = {name: connection.execute(sql).fetchone()[0] for name, sql in COUNTS.items()}
    return {**counts, "steps": {row[0]: row[1] for row in connection.execute(STEPS)}}


def _difference(now: dict[str, t.Any], then: dict[str, t.Any]) -> dict[str, t.Any]:
    before = then.get("steps", {})
    steps = {step: count - before.get(step, 0) for step, count in now["steps"].items()}
    counts = {name: now[name] - then.get(name, 0) for name in COUNTS}
    return {**counts, "steps": {step: count for step, count in steps.items() if count}}
