# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a SQLite store: how it is made, opened and known to be whole.

It is made under another name and then linked to its own, so that neither a crash nor many first runs at once
leave half a store. What is committed is on the disk (``synchronous=FULL``).
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import tempfile
import typing as t

from .._errors import StoreError
from . import _location, _schema


@contextlib.contextmanager
def connected(path: pathlib.Path, patience: float) -> t.Iterator[sqlite3.Connection]:
    """Open a file that exists, and close it again if what is done inside fails.

    Transactions begin and end only where the code says so.
    """
    uri = path.as_uri() + "?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None, check_same_thread=False)
    with contextlib.ExitStack() as undo:
        undo.callback(connection.close)
        for setting in ("synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {setting}")
        yield connection
        undo.pop_all()


def create(path: pathlib.Path, patience: float) -> None:
    """Make a whole, empty store beside ``path`` and link it there, unless another process was first."""
    descriptor, name = tempfile.mkstemp(prefix=".new-store-", dir=path.parent)
    os.close(descriptor)
    draft = pathlib.Path(name)
    try:
        draft.chmod(0o600)  # whatever the umask took away
        with connected(draft, patience) as connection, contextlib.closing(connection):
            _schema.upgrade(connection)
            log_ahead(connection)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        _flush_directory(path.parent)
    finally:
        for suffix in ("", *_location.SIDECARS):
            _location.beside(draft, suffix).unlink(missing_ok=True)


def _flush_directory(directory: pathlib.Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def log_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL, where it is not (a copy made with VACUUM INTO); another process may be doing it."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as exc:
        if "locked" not in str(exc):
            raise


def refuse_damaged(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    """Raise StoreError when the structure of the file is not whole (0.2 s for 500 MB in memory)."""
    _refuse_cut(connection, path)
    found = str(_schema.pragma(connection, "quick_check(1)"))
    if found != "ok":
        raise StoreError(f"store {path}: it is damaged ({' '.join(found.split())}); keep a copy and restore a backup")


def _refuse_cut(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    """Raise StoreError when the last page is not whole: SQLite would fill it up with zeros and go on.

    Pages that are missing altogether SQLite sees by itself. With something in the log the file is not looked
    at: it is being written, or will be mended from the log.
    """
    try:
        logged = _location.beside(path, "-wal").stat().st_size
    except FileNotFoundError:
        logged = 0
    if not logged and path.stat().st_size % int(_schema.pragma(connection, "page_size")):
        raise StoreError(f"store {path}: its end is missing; keep a copy of it and restore a backup")
