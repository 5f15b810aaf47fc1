# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables in PostgreSQL, and their upgrade to the newest form. They have the columns of the tables in SQLite.

The version of the tables is in ``store_schema``, which has one row. Who changes the tables locks that row.
"""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import StoreError
from .database import NotUniqueError
from .postgresql_driver import DriverError
from .postgresql_link import Link

# The newest form. docs/postgresql.md says what a job must be granted on each.
TABLES: t.Mapping[str, str] = {
    "revisions": """
        service TEXT NOT NULL, name TEXT NOT NULL, revision BIGINT NOT NULL, attempt BIGINT NOT NULL,
        generation BIGINT NOT NULL, state TEXT NOT NULL, spec TEXT NOT NULL, renews TEXT, request_code BYTEA,
        csr BYTEA, certificate BYTEA, chain TEXT NOT NULL, thumbprint TEXT, not_valid_before TEXT,
        not_valid_after TEXT, certificate_id TEXT, adopted BIGINT NOT NULL, upload_started BIGINT NOT NULL,
        note TEXT, signing_since TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
        failures BIGINT NOT NULL, retry_at TEXT, checksum BYTEA, nonce TEXT, order_number TEXT, approvals TEXT,
        approvals_needed BIGINT, revoked_at TEXT, approvals_not_by TEXT, renewed_because TEXT,
        PRIMARY KEY (service, name, revision, attempt)
    """,
    "leases": "key TEXT NOT NULL, holder TEXT NOT NULL, expires_at TEXT NOT NULL, PRIMARY KEY (key)",
    "sessions": "key TEXT NOT NULL, generation BIGINT NOT NULL, sealed BYTEA, PRIMARY KEY (key)",
    "events": """
        service TEXT NOT NULL, number BIGINT NOT NULL, at TEXT NOT NULL, name TEXT NOT NULL, revision BIGINT NOT NULL,
        attempt BIGINT NOT NULL, was TEXT, state TEXT NOT NULL, host TEXT NOT NULL, pid BIGINT NOT NULL, job TEXT,
        actor TEXT NOT NULL, why TEXT, csr_sha256 TEXT, certificate_sha256 TEXT, hash BYTEA NOT NULL,
        PRIMARY KEY (service, number)
    """,
    "chains": """
        service TEXT NOT NULL, number BIGINT NOT NULL, hash BYTEA NOT NULL, pruned_number BIGINT NOT NULL,
        pruned_hash BYTEA NOT NULL, pruned_at TEXT, PRIMARY KEY (service)
    """,
    "limits": "key TEXT NOT NULL, free_at TEXT NOT NULL, blocked_until TEXT, why TEXT, PRIMARY KEY (key)",
    "replacements": """
        service TEXT NOT NULL, id TEXT NOT NULL, selection TEXT NOT NULL, begun_at TEXT NOT NULL, deadline TEXT,
        total BIGINT NOT NULL, actor TEXT NOT NULL, ended_at TEXT, PRIMARY KEY (service, id)
    """,
    "notes": "key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key)",
}
# The states are those of PENDING and FINALIZED; a test holds the two together.
INDICES: t.Mapping[str, str] = {
    "one_pending": "UNIQUE|revisions (service, name) WHERE state IN ('intended', 'requested', 'signing', 'issued')",
    "one_finalized": "UNIQUE|revisions (service, name) WHERE state = 'finalized'",
    "leases_by_holder": "|leases (holder)",
    "events_by_name": "|events (service, name, number)",
}
# The version of the first tables that were released: that of the same tables in SQLite. Entry n of the list below
# brings tables from this version + n to the next one. One that was released is never changed: append another one, and
# bring the tables above to the same form, which is always the newest.
FIRST_VERSION = 4
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        'ALTER TABLE revisions ADD COLUMN order_number TEXT COLLATE "C"',
        'ALTER TABLE revisions ADD COLUMN approvals TEXT COLLATE "C"',
        "ALTER TABLE revisions ADD COLUMN approvals_needed BIGINT",
        'ALTER TABLE revisions ADD COLUMN revoked_at TEXT COLLATE "C"',
        'ALTER TABLE revisions ADD COLUMN approvals_not_by TEXT COLLATE "C"',
        'ALTER TABLE revisions ADD COLUMN renewed_because TEXT COLLATE "C"',
    ),
)

_HAS = "SELECT to_regclass('store_schema') IS NOT NULL, to_regclass('revisions') IS NOT NULL"
_VERSION = "SELECT version FROM store_schema WHERE id = 1"
_MAKE_TABLE = """
    CREATE TABLE IF NOT EXISTS store_schema (id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1), version BIGINT NOT NULL)
"""
_MAKE_VERSION = "INSERT INTO store_schema (id, version) VALUES (1, 0) ON CONFLICT DO NOTHING"
# Of two runs that make the same table at once, the second one finds it made.
_MADE_BY_ANOTHER = frozenset({"42P07", "42710"})
_COLUMNS = """
    SELECT tables.name, columns.attname::text, format_type(columns.atttypid, columns.atttypmod), columns.attnotnull,
        collations.collname::text
    FROM unnest(string_to_array(?, ' ')) AS tables (name)
    JOIN pg_attribute AS columns ON columns.attrelid = to_regclass(tables.name)
    LEFT JOIN pg_collation AS collations ON collations.oid = columns.attcollation
    WHERE columns.attnum > 0 AND NOT columns.attisdropped
"""
_INDICES = """
    SELECT names.relname::text FROM pg_index AS indices JOIN pg_class AS names ON names.oid = indices.indexrelid
    WHERE indices.indrelid = ANY (
        SELECT to_regclass(name)::oid FROM unnest(string_to_array(?, ' ')) AS tables (name)
    ) AND indices.indisvalid AND (indices.indisunique OR names.relname IN ('leases_by_holder', 'events_by_name'))
"""


def newest(migrations: t.Sequence[t.Sequence[str]] = MIGRATIONS) -> int:
    """Return the version that this release makes and uses."""
    return FIRST_VERSION + len(migrations)


def version(link: Link, name: str, migrations: t.Sequence[t.Sequence[str]] = MIGRATIONS) -> int:
    """Return the version of the tables, 0 where there are none.

    Raises StoreError when they are another program's, or of a newer release.
    """
    ((has_version, has_revisions),) = link.rows(_HAS)
    if not has_version:
        if has_revisions:
            raise StoreError(
                f"store {name}: another program has a table revisions there; it was left as it is, choose another "
                "database or schema"
            )
        return 0
    found = int(next(iter(link.rows(_VERSION)), (0,))[0])
    if 0 < found < FIRST_VERSION:
        raise StoreError(f"store {name}: it is damaged (schema {found} never was); keep a copy, restore a backup")
    if found > newest(migrations):
        raise StoreError(
            f"store {name}: a newer release of redtrust.certificate_enroll wrote it (schema {found}, this release "
            f"knows {newest(migrations)}); update the collection here"
        )
    return found


def require_newest(found: int, name: str) -> None:
    """Raise StoreError when tables need an upgrade, which a reader must not do."""
    if found < newest():
        raise StoreError(
            f"store {name}: an older release of redtrust.certificate_enroll wrote it (schema {found}); run "
            "redtrust_store, or any job that issues or renews, which upgrades it where it is not in check mode"
        )


def upgrade(link: Link, found: int, migrations: t.Sequence[t.Sequence[str]] = MIGRATIONS) -> None:
    """Make the tables, or apply the missing migrations, one transaction each. Other runs may do the same at once."""
    if not found:
        _make_version(link)
    while found < newest(migrations):
        with _transaction(link):
            found = int(link.rows(f"{_VERSION} FOR UPDATE")[0][0])
            if found < newest(migrations):
                for statement in migrations[found - FIRST_VERSION] if found else _tables():
                    link.run(statement)
                found = found + 1 if found else newest(migrations)
                link.run("UPDATE store_schema SET version = ? WHERE id = 1", (found,))


def _make_version(link: Link) -> None:
    try:
        with _transaction(link):
            link.run(_MAKE_TABLE)
    except NotUniqueError:  # another run makes it, and its row of the catalogue is there already
        pass
    except DriverError as exc:
        if exc.state not in _MADE_BY_ANOTHER:
            raise
    link.run(_MAKE_VERSION)


def _tables() -> t.Iterator[str]:
    """Yield the statements that make all tables. Texts sort by their code points, as in Python."""
    for table, columns in TABLES.items():
        sorted_columns = columns.replace("TEXT", 'TEXT COLLATE "C"')
        yield f"CREATE TABLE {table} ({sorted_columns})"
    for index, about in INDICES.items():
        kind, _bar, columns = about.partition("|")
        yield f"CREATE {kind} INDEX {index} ON {columns}"


@contextlib.contextmanager
def _transaction(link: Link) -> t.Iterator[None]:
    link.run("BEGIN")
    try:
        yield
        link.run("COMMIT")
    finally:
        if link.in_transaction:
            link.run("ROLLBACK")


def refuse_other_tables(link: Link, name: str) -> None:
    """Raise StoreError when a column or a unique index of the newest version is not as it is made."""
    tables = " ".join(TABLES)
    columns = set(link.rows(_COLUMNS, (tables,)))
    indices = {index for (index,) in link.rows(_INDICES, (tables,))}
    wrong = sorted({row[0] for row in _made_columns() - columns})
    missing = sorted({*INDICES, *(f"{table}_pkey" for table in TABLES)} - indices)
    if wrong or missing:
        raise StoreError(
            f"store {name}: it is damaged ({', '.join([*wrong, *missing])} not as made, or not to be seen by this "
            "role); keep a copy, restore a backup"
        )


def _made_columns() -> set[tuple[str, str, str, bool, str | None]]:
    """Return the columns of all tables as the catalogue of PostgreSQL has them."""
    found: set[tuple[str, str, str, bool, str | None]] = set()
    for table, columns in TABLES.items():
        for column, kind, *rest in (
            part.split() for part in columns.partition("PRIMARY KEY")[0].split(",") if part.strip()
        ):
            found.add((table, column, kind.lower(), bool(rest), "C" if kind == "TEXT" else None))
    return found
