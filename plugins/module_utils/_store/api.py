# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: enrollments, leases and kept sessions between runs."""

from __future__ import annotations

from .base import LEASE_SECONDS, Lease, Store
from .copy import Action, Copied
from .heartbeat import heartbeat
from .mounts import is_on_volume
from .places import NEWEST, Facts, Place, SqlitePlace
from .sqlite import SqliteStore

__all__ = [
    "LEASE_SECONDS",
    "NEWEST",
    "Action",
    "Copied",
    "Facts",
    "Lease",
    "Place",
    "SqlitePlace",
    "Store",
    "heartbeat",
    "is_on_volume",
    "open_store",
]


def open_store(path: str, read_only: bool = False) -> Store:
    """Open the store in the file ``path``; make the file and its directory when they are missing.

    A store that is read only never makes either: one that is missing reads as empty, and writing to it is
    an error. Raises StoreError when the file or its place cannot be trusted or used.
    """
    return SqliteStore(path, read_only=read_only)
