# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: enrollments, leases and kept sessions between runs."""

from __future__ import annotations

import typing as t

from .._holder import Actor
from .base import LEASE_SECONDS, LONGEST_BLOCK, Block, Lease, Store
from .copy import Action, Copied
from .event import Chain, Event, verify
from .heartbeat import heartbeat
from .mounts import is_on_volume
from .places import Facts, Place, SqlitePlace
from .replacement import Replacement
from .sqlite import SqliteStore
from .token_bucket import Blocks, TokenBucket

__all__ = [
    "LEASE_SECONDS",
    "LONGEST_BLOCK",
    "Action",
    "Block",
    "Blocks",
    "Chain",
    "Copied",
    "Event",
    "Facts",
    "Lease",
    "Place",
    "Replacement",
    "SqlitePlace",
    "Store",
    "TokenBucket",
    "heartbeat",
    "is_on_volume",
    "open_postgresql",
    "open_store",
    "postgresql_place",
    "verify",
]


def open_store(path: str, read_only: bool = False, actor: Actor | None = None) -> Store:
    """Open the store in the file ``path``; make the file and its directory when they are missing.

    Events name the ``actor``, by default this process and its user. A store that is read only never makes a file or a
    directory: one that is missing reads as empty, and writing to it is an error. Raises StoreError when the file or its
    place cannot be trusted or used.
    """
    return SqliteStore(path, read_only=read_only, actor=actor)


def open_postgresql(
    dsn: str, store_key: str, *, read_only: bool = False, actor: Actor | None = None, warn: t.Callable[[str], None]
) -> Store:
    """Open the store in the PostgreSQL database of a connection string; make its tables when they are missing.

    ``store_key`` seals its request codes. ``warn`` is called with what a person should know. A store that is read only
    is never made: one that is missing reads as empty, and writing to it is an error. Raises StoreError.
    """
    from .postgresql import PostgresqlStore  # its driver is slow to import, and only needed here

    return PostgresqlStore(dsn, store_key, read_only=read_only, actor=actor, warn=warn)


def postgresql_place(dsn: str, store_key: str, warn: t.Callable[[str], None]) -> Place:
    """Return the place of a store in the PostgreSQL database of a connection string. Raises StoreError."""
    from .postgresql_place import PostgresqlPlace  # as above

    return PostgresqlPlace(dsn, store_key, warn)
