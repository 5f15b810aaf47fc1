# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, open and check the file of a SQLite store.

It is made under another name and then linked to its own, so that neither a crash nor many first runs at once
leave half a store. A transaction is on the disk once it is committed (``synchronous=FULL``).
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
    """Open a file that exists. The connection stays open unless the block inside fails.

    Transactions begin and end only where the code says so. Overwritten content leaves nothing behind in the file.
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
    """Return the key of a store; make it if the store never had one. Raises StoreError when it is gone, but needed."""
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
    """Return the key of a store. It is made before the store, so no store is ever without one."""
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
        draft.chmod(0o600)  # the umask may have taken rights away
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
    """Switch a file to WAL that is not (a copy made with VACUUM INTO); another process may do so at the same time."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as exc:
        if "locked" not in str(exc):
            raise


def inspect(path: pathlib.Path, patience: float, *, as_a_whole: bool = True) -> int:
    """Return the version of the store in a file. Raises StoreError when it is not one, or not whole.

    Only ``as_a_whole`` is each page read, which takes a second for each 40 MB on a slow disk.

    Nothing is written. SQLite would bring a log into the file and remove it when it closes the file, so a file with a
    log is opened to be read only. One with a damaged log is not opened at all.
    """
    log = location.beside(path, "-wal")
    logged = wal.size(log)
    if logged and wal.is_damaged(log):
        raise StoreError(f"store {path}: its log {log} is damaged; {_RESTORE}")
    with connected(path, patience, "ro" if logged else "rw") as connection, contextlib.closing(connection):
        version = schema.recognise(connection, str(path))
        if not logged:
            _refuse_cut(connection, path)
        if as_a_whole:
            _refuse_damaged(connection, path)
        if version == len(schema.MIGRATIONS):
            schema.refuse_other_tables(connection, str(path))
        return version


def _refuse_damaged(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    found = str(schema.pragma(connection, "integrity_check(1)"))
    if found != "ok":
        raise StoreError(f"store {path}: it is damaged ({' '.join(found.split())}); {_RESTORE}")


def _refuse_cut(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    """Raise StoreError when the last page is not whole: SQLite would fill it up with zeros and go on.

    SQLite finds missing pages by itself. A file with a log is not checked: it is being written, or the log mends it.
    """
    if path.stat().st_size % int(schema.pragma(connection, "page_size")):
        raise StoreError(f"store {path}: its end is missing; {_RESTORE}")
