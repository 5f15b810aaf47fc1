# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a store is, or may be made: to look at it as it is, to bring it up to date, and to copy it."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import typing as t

from .._errors import StoreError
from .._holder import is_gone
from . import contents, copy, location, mounts, retirement, schema, sqlite_file
from .copy import Copied
from .database import Database
from .explained import explained
from .retirement import Handover
from .sqlite import SqliteDatabase

PATIENCE = 30.0


@dataclasses.dataclass(frozen=True)
class Facts:
    """What there is at a place. ``version`` is that of the schema, None where there is no store.

    ``counts`` are the numbers of enrollments and of rows in each table; an older schema is not counted.
    """

    kind: str
    version: int | None
    counts: t.Mapping[str, int] = dataclasses.field(default_factory=dict)
    retired: Handover | None = None


class Place(abc.ABC):
    """A place of a store; ``kind`` is that of its database, ``name`` names it in messages."""

    kind: t.ClassVar[str]
    name: str

    @property
    @abc.abstractmethod
    def newest(self) -> int:
        """Return the version of the schema that this release makes."""

    @abc.abstractmethod
    def version(self) -> int | None:
        """Return the version of the schema, None where there is no store."""

    @abc.abstractmethod
    def database(self, *, read_only: bool) -> Database:
        """Open the database; unless it is read only, make it or bring it to the newest schema."""

    def look(self) -> Facts:
        """Return what there is, and change nothing."""
        version = self.version()
        if version is None:
            return Facts(self.kind, version, contents.Sum().contents().counts)
        if version != self.newest:
            return Facts(self.kind, version)
        with contextlib.closing(self.database(read_only=True)) as database:
            return self._facts(database)

    def prepare(self, *, use: bool = False) -> Facts:
        """Make the store, or bring it to the newest schema; with ``use``, put it to use though it was retired."""
        with contextlib.closing(self.database(read_only=False)) as database:
            if use:
                database.write("in use", lambda transaction: retirement.note(transaction, retirement.RETIRED, None))
            return self._facts(database)

    def why_not_used(self, retired: Handover) -> str:
        """Return what every run says that meets the retired store."""
        return str(retirement.retired(retired, self.name))

    def take(self, source: Place) -> Copied:
        """Copy another store here, and retire it; see ``copy``."""
        with self._both(source, read_only=False) as both:
            return copy.copy(*both, is_gone)

    def foresee(self, source: Place) -> Copied:
        """Return what ``take`` would do."""
        with self._both(source, read_only=True) as both:
            return copy.predict(*both, is_gone)

    @contextlib.contextmanager
    def _both(self, source: Place, *, read_only: bool) -> t.Iterator[tuple[Database, Database]]:
        if source.version() is None:
            raise StoreError(f"store {source.name}: there is none to copy; give the source of the copy as it is")
        with contextlib.ExitStack() as opened:
            places = (source, self)
            one, other = (opened.enter_context(contextlib.closing(at.database(read_only=read_only))) for at in places)
            yield one, other

    def _facts(self, database: Database) -> Facts:
        found = retirement.find(database.select, retirement.RETIRED, database.name)
        return Facts(self.kind, self.newest, contents.counts(database.select), found)


class SqlitePlace(Place):
    """A file."""

    kind = "sqlite"

    def __init__(self, path: str, mountinfo: str = mounts.MOUNTINFO) -> None:
        self._path = location.real_path(path)
        self.name = str(self._path)
        self._mountinfo = mountinfo

    @property
    def newest(self) -> int:
        return len(schema.MIGRATIONS)

    def version(self) -> int | None:
        if not location.check(self._path, self._mountinfo):
            return None
        with explained(self._path):
            return sqlite_file.inspect(self._path, PATIENCE, as_a_whole=False)

    def database(self, *, read_only: bool) -> Database:
        return SqliteDatabase(self._path, read_only=read_only, patience=PATIENCE, mountinfo=self._mountinfo)
