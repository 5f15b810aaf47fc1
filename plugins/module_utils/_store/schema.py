# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables in SQLite, and the upgrade of a file to their newest form."""

from __future__ import annotations

import contextlib
import functools
import pathlib
import sqlite3
import time
import typing as t

from .._errors import StoreError
from . import revision_rows
from .key_file import Key

# "RTCE" in ASCII, in the header of the file: <https://www.sqlite.org/pragma.html#pragma_application_id>.
APPLICATION_ID = 0x52544345
_SEALED_FROM = 2
_PAUSE = 0.05
_TABLES = "SELECT type, name, tbl_name, sql FROM sqlite_master"
_CLOCK = "SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', ?)"

Step = t.Union[str, t.Callable[[sqlite3.Connection, Key], None]]
Migration = tuple[Step, ...]


def _seal_codes(connection: sqlite3.Connection, key: Key) -> None:
    """Seal the request codes that are in clear, and drop those that have done their work."""
    connection.execute("UPDATE revisions SET request_code = NULL WHERE state IN ('finalized', 'superseded')")
    codes_in_clear = (
        f"SELECT rowid, request_code, {', '.join(revision_rows.KEY)} FROM revisions WHERE request_code IS NOT NULL"  # noqa: S608
    )
    codes = connection.execute(codes_in_clear).fetchall()
    sealed = [(key.seal(code, row), rowid) for rowid, code, *row in codes]
    connection.executemany("UPDATE revisions SET request_code = ? WHERE rowid = ?", sealed)


def _sum_up(connection: sqlite3.Connection, _key: Key) -> None:
    """Give each row its checksum. Few are read at a time: a store may be larger than memory."""
    columns = ", ".join(revision_rows.FIRST_COLUMNS)
    some = f"SELECT rowid, {columns} FROM revisions WHERE rowid > ? ORDER BY rowid LIMIT 1000"  # noqa: S608
    last = 0
    while rows := connection.execute(some, (last,)).fetchall():
        sums = [(revision_rows.checksum(values), rowid) for rowid, *values in rows]
        connection.executemany("UPDATE revisions SET checksum = ? WHERE rowid = ?", sums)
        last = rows[-1][0]


# Entry n brings a file from version n to n + 1. One that was released is never changed: append instead. An empty
# entry writes the file anew, so that nothing is left in it that the entry before has overwritten.
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
        "ALTER TABLE revisions ADD COLUMN checksum BLOB",
        "CREATE TABLE sessions (key TEXT NOT NULL PRIMARY KEY, generation INTEGER NOT NULL, sealed BLOB)",
        _seal_codes,
        _sum_up,
    ),
    (),
    (
        "ALTER TABLE revisions ADD COLUMN nonce TEXT",
        """
        CREATE TABLE events (
            service TEXT NOT NULL,
            number INTEGER NOT NULL,
            at TEXT NOT NULL,
            name TEXT NOT NULL,
            revision INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            was TEXT,
            state TEXT NOT NULL,
            host TEXT NOT NULL,
            pid INTEGER NOT NULL,
            job TEXT,
            actor TEXT NOT NULL,
            why TEXT,
            csr_sha256 TEXT,
            certificate_sha256 TEXT,
            hash BLOB NOT NULL,
            PRIMARY KEY (service, number)
        )
        """,
        "CREATE INDEX events_by_name ON events (service, name, number)",
        """
        CREATE TABLE chains (
            service TEXT NOT NULL PRIMARY KEY,
            number INTEGER NOT NULL,
            hash BLOB NOT NULL,
            pruned_number INTEGER NOT NULL,
            pruned_hash BLOB NOT NULL,
            pruned_at TEXT
        )
        """,
        "CREATE TABLE limits (key TEXT NOT NULL PRIMARY KEY, free_at TEXT NOT NULL, blocked_until TEXT, why TEXT)",
        """
        CREATE TABLE replacements (
            service TEXT NOT NULL,
            id TEXT NOT NULL,
            selection TEXT NOT NULL,
            begun_at TEXT NOT NULL,
            deadline TEXT,
            total INTEGER NOT NULL,
            actor TEXT NOT NULL,
            ended_at TEXT,
            PRIMARY KEY (service, id)
        )
        """,
        "CREATE TABLE notes (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
    ),
    (
        "ALTER TABLE revisions ADD COLUMN order_number TEXT",
        "ALTER TABLE revisions ADD COLUMN approvals TEXT",
        "ALTER TABLE revisions ADD COLUMN approvals_needed INTEGER",
        "ALTER TABLE revisions ADD COLUMN revoked_at TEXT",
        "ALTER TABLE revisions ADD COLUMN approvals_not_by TEXT",
        "ALTER TABLE revisions ADD COLUMN renewed_because TEXT",
    ),
)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> t.Iterator[None]:
    """Commit all writes inside, or none of them.

    The write lock is taken at once: SQLite does not wait for one that is taken only at the first write.
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
    """Raise StoreError when a file needs an upgrade, which a reader must not do."""
    if version < len(MIGRATIONS):
        raise StoreError(
            f"store {path}: an older release of redtrust.certificate_enroll wrote it (schema {version}); run "
            "redtrust_store, or any job that issues or renews, which upgrades it where it is not in check mode"
        )


def upgrade(connection: sqlite3.Connection, key: Key, migrations: t.Sequence[Migration] = MIGRATIONS) -> None:
    """Apply the missing migrations, one transaction each. Another process may do the same at the same time."""
    version = int(pragma(connection, "user_version"))
    while version < len(migrations):
        if not migrations[version]:
            _write_anew(connection)
        with transaction(connection):
            version = int(pragma(connection, "user_version"))
            if version < len(migrations):
                _migrate(connection, key, migrations[version])
                version += 1
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version}")


def _migrate(connection: sqlite3.Connection, key: Key, migration: Migration) -> None:
    for step in migration:
        if isinstance(step, str):
            connection.execute(step)
        else:
            step(connection, key)


def _write_anew(connection: sqlite3.Connection) -> None:
    """Rewrite the file without the remains of older content, and empty the log.

    SQLite waits for readers and writers by itself, but not for another process that empties the log.
    """
    connection.execute("VACUUM")
    end = time.monotonic() + int(pragma(connection, "busy_timeout")) / 1000
    while pragma(connection, "wal_checkpoint(TRUNCATE)"):
        if time.monotonic() >= end:
            raise sqlite3.OperationalError("database is locked")
        time.sleep(_PAUSE)


def refuse_other_tables(connection: sqlite3.Connection, path: str) -> None:
    """Raise StoreError when a table or an index of the newest version is not as it is made.

    A bit that flips in the text of one makes SQLite read it as another, which no check of its own finds.
    """
    if not _made() <= set(connection.execute(_TABLES)):
        raise StoreError(f"store {path}: it is damaged (a table is not as it was made); keep a copy, restore a backup")


@functools.cache
def _made() -> frozenset[tuple[str, ...]]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection, Key(b"", pathlib.Path()))
        return frozenset(connection.execute(_TABLES))


def holds_sealed(connection: sqlite3.Connection) -> bool:
    """Return whether the store has request codes that only its key opens."""
    if int(pragma(connection, "user_version")) < _SEALED_FROM:
        return False
    row = connection.execute("SELECT EXISTS (SELECT 1 FROM revisions WHERE request_code IS NOT NULL)").fetchone()
    return bool(row[0])
