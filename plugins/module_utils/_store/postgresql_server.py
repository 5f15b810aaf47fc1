# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PostgreSQL server this is: one that went back to an earlier state must not be taken for the same.

A server has an identifier, made with its data directory, and a timeline, which changes where a standby takes over or
a backup is restored. Both may be behind a pooler that hides it, so each transaction asks. Where the role may not ask
for one, or the service has no such thing, it is left out.
"""

from __future__ import annotations

import typing as t

from .._errors import StoreError
from .database import Row
from .postgresql_driver import DriverError
from .postgresql_link import Link

_IDENTIFIER = "(SELECT system_identifier FROM pg_control_system())::text"
_TIMELINE = """
    CASE WHEN pg_is_in_recovery() THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END
"""
_DURABLE = (
    "CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END"
)
_NONE = "NULL::text"
# In microseconds since 1970.
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


class ServerCheck:
    """Remembers which server the first transaction met. ``name`` is that of the store."""

    def __init__(self, link: Link, name: str) -> None:
        """Find out what the role may ask for. Raises DriverError."""
        self._name = name
        self._known: tuple[t.Any, ...] | None = None
        self._refused: str | None = None
        parts = [part if _can_ask(link, part) else _NONE for part in (_IDENTIFIER, _TIMELINE)]
        self.QUESTION = f"SELECT {_NOW}, pg_is_in_recovery(), {', '.join(parts)}, {_DURABLE}"

    @property
    def place(self) -> str | None:
        """Identifier and timeline of the server, None before the first transaction."""
        return None if self._known is None else _words(self._known)

    def hear(self, row: Row) -> None:
        """Take the answer to the question, without the time. Raises StoreError if all must stop."""
        in_recovery, *found = row[:3]
        if in_recovery in (True, "t"):
            raise StoreError(
                f"store {self._name}: this server is a standby, which can only be read; let store_dsn "
                "name the primary, or all hosts with target_session_attrs=read-write"
            )
        known = self._known = self._known or tuple(found)
        if known != tuple(found):
            self._refused = (
                f"store {self._name}: the database went over to another server, or back to an earlier state, during "
                f"this run ({_words(known)} before, {_words(found)} now): what was written last may be lost, so "
                "nothing more is done; stop all jobs, compare the store with the service, see docs/postgresql.md"
            )
        self.require_same()

    def require_same(self) -> None:
        """Raise StoreError if this run has met another server."""
        if self._refused:
            raise StoreError(self._refused)


def _can_ask(link: Link, part: str) -> bool:
    try:
        link.run(f"SELECT {part}")
    except DriverError as exc:
        if exc.passes or exc.state is None:
            raise
        return False
    return True


def _words(found: t.Sequence[t.Any]) -> str:
    identifier, timeline = found
    return f"server {identifier or 'unknown'}, timeline {int(timeline, 16) if timeline else 'unknown'}"
