# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL database in which there is a store, or may be one."""

from __future__ import annotations

import contextlib

from . import postgresql_schema
from .database import Database
from .places import PATIENCE, Place
from .postgresql import PostgresqlDatabase, Warn
from .postgresql_driver import Address, require
from .postgresql_explained import explained
from .postgresql_link import Link


class PostgresqlPlace(Place):
    """The database of a connection string."""

    kind = "postgresql"

    def __init__(self, dsn: str, store_key: str, warn: Warn) -> None:
        require()
        self._address = Address.read(dsn)
        self._dsn = dsn
        self._store_key = store_key
        self._warn = warn
        self.name = self._address.name

    @property
    def newest(self) -> int:
        return postgresql_schema.newest()

    def version(self) -> int | None:
        with explained(self.name), contextlib.closing(Link(self._address, PATIENCE)) as link:
            link.open(PATIENCE)
            return postgresql_schema.version(link, self.name) or None

    def database(self, *, read_only: bool) -> Database:
        return PostgresqlDatabase(self._dsn, self._store_key, read_only=read_only, patience=PATIENCE, warn=self._warn)
