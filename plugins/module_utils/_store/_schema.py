# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables in SQLite and how a file is brought to the newest form of them."""

from __future__ import annotations

import contextlib
import sqlite3
import typing as t

from .._errors import StoreError

# "RTCE" in ASCII, in the header of the file: <https://www.sqlite.org/pragma.html#pragma_application_id>.
APPLICATION_ID = 0x52544345
_CLOCK = "SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', ?)"

Migration = tuple[str, ...]

# Entry n brings a file from version n to n + 1. One that was released is never changed: append instead.
# The states in the indices are those of PENDING and FINALIZED; a test holds the two together.
MIGRATIONS: tuple[Migration, ...] = (
    (
        """
        CREATE TABLE revisions (
            service TEXT NOT NULL,
            name TEXT NOT NULL,
            revision INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            generation INTEGER NOT NULL,
            state TEXT NOT NULL,
            spec TEXT NOT NULL,
            renews TEXT,
            request_code TEXT,
            csr BLOB,
            certificate BLOB,
            chain TEXT NOT NULL,
            thumbprint TEXT,
            not_valid_before TEXT,
            not_valid_after TEXT,
            certificate_id TEXT,
            adopted INTEGER NOT NULL,
            upload_started INTEGER NOT NULL,
            note TEXT,
            signing_since TEXT,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            PRIMARY KEY (service, name, revision, attempt)
        )
        """,
        """
        CREATE UNIQUE INDEX one_pending ON revisions (service, name)
            WHERE state IN ('intended', 'requested', 'signing', 'issued')
        """,
        "CREATE UNIQUE INDEX one_finalized ON revisions (service, name) WHERE state = 'finalized'",
        "CREATE TABLE leases (key TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, expires_at TEXT NOT NULL)",
        "CREATE INDEX leases_by_holder ON leases (holder)",
    ),
    (
        "ALTER TABLE revisions ADD COLUMN failures INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE revisions ADD COLUMN retry_at TEXT",
        "CREATE TABLE sessions (key TEXT NOT NULL PRIMARY KEY, generation INTEGER NOT NULL, sealed BLOB)",
    ),
)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> t.Iterator[None]:
    """Commit what is done inside, or nothing of it.

    The write lock is taken at once: one that is taken only at the first write cannot be waited for.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def clock(connection: sqlite3.Connection, seconds: float = 0.0) -> str:
    """Return the time ``seconds`` from now, by the clock of the store."""
    row = connection.execute(_CLOCK, (f"{seconds:+.3f} seconds",)).fetchone()
    return str(row[0])


def pragma(connection: sqlite3.Connection, name: str) -> t.Any:
    """Return the value of a pragma, or the first one."""
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def recognise(connection: sqlite3.Connection, path: str, migrations: t.Sequence[Migration] = MIGRATIONS) -> int:
    """Return the version of the file. Raises StoreError when it is another program's, or of a newer release."""
    if pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreError(f"store {path}: this is another program's database; it was left as it is, choose another path")
    version = int(pragma(connection, "user_version"))
    if version > len(migrations):
        raise StoreError(
            f"store {path}: a newer release of redtrust.certificate_enroll wrote it (schema {version}, this release "
            f"knows {len(migrations)}); update the collection here"
        )
    return version


def require_newest(version: int, path: str) -> None:
    """Raise StoreError when a file would have to be upgraded first, which a reader must not do."""
    if version < len(MIGRATIONS):
        raise StoreError(
            f"store {path}: an older release of redtrust.certificate_enroll wrote it (schema {version}); the next run "
            "that is not in check mode upgrades it"
        )


def upgrade(connection: sqlite3.Connection, migrations: t.Sequence[Migration] = MIGRATIONS) -> None:
    """Apply what is missing, one transaction per version. Another process may do the same at the same time."""
    version = int(pragma(connection, "user_version"))
    while version < len(migrations):
        with transaction(connection):
            version = int(pragma(connection, "user_version"))
            for statement in migrations[version] if version < len(migrations) else ():
                connection.execute(statement)
            if version < len(migrations):
                version += 1
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version}")
