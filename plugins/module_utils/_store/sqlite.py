# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in one SQLite file: the default, for one machine."""

from __future__ import annotations

import contextlib
import pathlib
import typing as t

from .. import _fault_points
from .._holder import Actor
from . import location, mounts
from .connections import Connections
from .database import Database, Done, Row, Transaction, Values, without_locks
from .explained import explained
from .key_file import Key
from .sql import SqlStore


class SqliteDatabase(Database):
    """The file ``path``. Waits up to ``patience`` seconds for other writers."""

    def __init__(self, path: pathlib.Path, *, read_only: bool, patience: float, mountinfo: str) -> None:
        self.name = str(path)
        self._path = path
        self.connections = Connections(
            path, read_only=read_only, patience=patience, mountinfo=mountinfo, before_commit=self._end
        )

    @property
    def key(self) -> Key | None:
        return self.connections.key

    def sealing_key(self) -> Key:
        return self.connections.sealing_key()

    def select(self, statement: str, values: Values = ()) -> list[Row]:
        with self.explained():
            connection = self.connections.reader()
            return [] if connection is None else connection.execute(without_locks(statement), values).fetchall()

    def write(self, verb: str, work: t.Callable[[Transaction], Done], *, alone: bool = False) -> Done:
        del alone  # there is one lock for the whole file
        writer = self.connections.writer()
        with self.explained():
            _fault_points.reach(f"store {verb} before")
            with writer.write() as transaction:
                result = work(transaction)
                _fault_points.reach(f"store {verb} written")
            _fault_points.reach(f"store {verb} committed")
        return result

    def explained(self) -> contextlib.AbstractContextManager[None]:
        return explained(self._path)

    def close(self) -> None:
        self.connections.close()

    def _end(self, transaction: Transaction, left: t.Sequence[t.Any]) -> None:
        if self.before_commit is not None:
            self.before_commit(transaction, left)


class SqliteStore(SqlStore):
    """The store in the file ``path``. Waits up to ``patience`` seconds for other writers."""

    def __init__(
        self,
        path: str,
        *,
        read_only: bool = False,
        actor: Actor | None = None,
        patience: float = 30.0,
        mountinfo: str = mounts.MOUNTINFO,
    ) -> None:
        self._path = location.real_path(path)
        database = SqliteDatabase(self._path, read_only=read_only, patience=patience, mountinfo=mountinfo)
        super().__init__(database, actor)
        self.connections = database.connections
