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

from .. import _private_files
from .._errors import StoreError
from . import key_file, location, schema, wal
from .key_file import Key

_SETTINGS = (
    "synchronous = FULL",
    "foreign_keys = ON",
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "secure_delete = ON",
)
_RESTORE = "keep a copy of it and restore a backup"


@contextlib.contextmanager
def connected(path: pathlib.Path, patience: float, mode: str = "rw") -> t.Iterator[sqlite3.Connection]:
    """Open a file that exists, and close it again if what is done inside fails.

    Transactions begin and end only where the code says so. What is overwritten leaves nothing behind.
    """
    uri = f"{path.as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None, check_same_thread=False)
    with contextlib.ExitStack() as undo:
        undo.callback(connection.close)
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        yield connection
        undo.pop_all()


def key_of(path: pathlib.Path, patience: float) -> Key:
    """Return the key of a store, made if it never had one. Raises StoreError when it is gone, but needed."""
    key_path = location.beside(path, location.KEY)
    found = key_file.load(key_path)
    if found is not None:
        return found
    with connected(path, patience) as connection, contextlib.closing(connection):
        if schema.holds_sealed(connection):
            raise StoreError(
                f"store {path}: its key {key_path} is missing, and only that opens the request codes in the store; "
                "restore the store and its key from the same backup"
            )
    return _made_key(path)


def _made_key(path: pathlib.Path) -> Key:
    """Return the key of a store; there is one before there is a store, so none is ever without."""
    key_path = location.beside(path, location.KEY)
    key_file.make(key_path)
    found = key_file.load(key_path)
    if found is None:
        raise StoreError(f"store {path}: its key {key_path} was removed while it was being made; run again")
    return found


def create(path: pathlib.Path, patience: float) -> None:
    """Make a whole, empty store beside ``path`` and link it there, unless another process was first."""
    key = _made_key(path)
    descriptor, name = tempfile.mkstemp(prefix=".new-store-", dir=path.parent)
    os.close(descriptor)
    draft = pathlib.Path(name)
    try:
        draft.chmod(0o600)  # whatever the umask took away
        with connected(draft, patience) as connection, contextlib.closing(connection):
            schema.upgrade(connection, key)
            log_ahead(connection)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        _private_files.flush_directory(path.parent)
    finally:
        for suffix in ("", *location.SIDECARS):
            location.beside(draft, suffix).unlink(missing_ok=True)


def log_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL, where it is not (a copy made with VACUUM INTO); another process may be doing it."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as exc:
        if "locked" not in str(exc):
            raise


def inspect(path: pathlib.Path, patience: float) -> int:
    """Return the version of the store in a file. Raises StoreError when it is not one, or not whole.

    Nothing is written. What SQLite would do by itself when it closes a file with a log, to bring the log into the file
    and remove it, it leaves undone when it cannot write; a log that is damaged is not even opened.
    """
    log = location.beside(path, "-wal")
    logged = wal.size(log)
    if logged and wal.is_damaged(log):
        raise StoreError(f"store {path}: its log {log} is damaged; {_RESTORE}")
    with connected(path, patience, "ro" if logged else "rw") as connection, contextlib.closing(connection):
        version = schema.recognise(connection, str(path))
        if not logged:
            _refuse_cut(connection, path)
        found = str(schema.pragma(connection, "integrity_check(1)"))
        if found != "ok":
            raise StoreError(f"store {path}: it is damaged ({' '.join(found.split())}); {_RESTORE}")
        if version == len(schema.MIGRATIONS):
            schema.refuse_other_tables(connection, str(path))
        return version


def _refuse_cut(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    """Raise StoreError when the last page is not whole: SQLite would fill it up with zeros and go on.

    Pages that are missing altogether SQLite sees by itself. With something in the log the file is not looked
    at: it is being written, or will be mended from the log.
    """
    if path.stat().st_size % int(schema.pragma(connection, "page_size")):
        raise StoreError(f"store {path}: its end is missing; {_RESTORE}")
