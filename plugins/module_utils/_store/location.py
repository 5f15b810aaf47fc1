# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the place of a store can be trusted: owner, mode, kind of file, kind of file system."""

from __future__ import annotations

import os
import pathlib
import stat
import typing as t

from .. import _private_files
from .._errors import StoreError
from . import mounts

# The files of SQLite.
SIDECARS = ("-wal", "-shm", "-journal")
KEY = ".key"
CHECKED = ".checked"


def real_path(path: str) -> pathlib.Path:
    """Return the path with its directory resolved, its own name as it is (a link there is refused later)."""
    directory, name = os.path.split(path)
    if name in ("", ".", "..") or "\0" in path:
        raise StoreError(f"store {path!r}: this does not name a file; give one in a directory, for example store.db")
    return pathlib.Path(os.path.realpath(directory or "."), name)


def beside(path: pathlib.Path, suffix: str) -> pathlib.Path:
    """Return the path of a file that belongs to a store: ``suffix`` is KEY, CHECKED, or one of SIDECARS."""
    return path.with_name(path.name + suffix)


def identity(path: pathlib.Path) -> tuple[int, int] | None:
    """Return device and inode, which another file of the same name does not have; None when there is no file."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def make_directory(directory: pathlib.Path) -> None:
    """Make the directory of a store, for its owner alone, where it is missing."""
    try:
        _private_files.make_directory(directory)
    except OSError as exc:
        raise StoreError(f"store: directory {directory} cannot be made ({exc.strerror})") from exc


def check(path: pathlib.Path, mountinfo: str = mounts.MOUNTINFO) -> bool:
    """Return whether there is a file ``path`` that may be a store.

    Raises StoreError when the file, its directory or the files beside it cannot be trusted: others can change them, one
    is not a plain file, the file is empty, or it lies on a network file system. A store is never empty, not even while
    it is made. An empty one has lost its content, and a run that began anew would issue everything a second time.
    """
    try:
        _refuse_network(path, mountinfo)
        try:
            found = path.parent.stat()
        except FileNotFoundError:
            return False
        _check_directory(path, found)
        for suffix in (*SIDECARS, KEY, CHECKED):
            check_file(beside(path, suffix))
        size = check_file(path)
        if size is None:
            return _refuse_orphan(path)
    except OSError as exc:
        raise StoreError(f"store {path}: it cannot be looked at ({exc.strerror})") from exc
    if size == 0:
        raise StoreError(f"store {path}: the file is empty, its content was lost; restore a backup, or remove the file")
    return True


def _check_directory(path: pathlib.Path, found: os.stat_result) -> None:
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(f"store {path}: {path.parent} is not a directory; choose another path")
    if found.st_uid not in (0, os.geteuid()):
        raise StoreError(
            f"store {path}: its directory belongs to user id {found.st_uid}, who could replace it; "
            "choose a directory of your own"
        )
    if stat.S_IMODE(found.st_mode) & 0o022:
        if found.st_mode & stat.S_ISVTX:  # such as /tmp, which everybody needs as it is
            raise StoreError(f"store {path}: others can write to its directory; choose a directory of your own")
        raise StoreError(f"store {path}: others can write to its directory; run: chmod go-w {path.parent}")


def check_file(path: pathlib.Path) -> int | None:
    """Return the size in bytes, None when there is no such file.

    The file is never opened: closing it would drop the locks that SQLite holds on it. See "How To
    Corrupt An SQLite Database File", 2.2 (<https://www.sqlite.org/howtocorrupt.html>).
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        kind = _kind(found.st_mode)
        raise StoreError(f"store {path}: this is {kind}, not a plain file; remove it or choose another path")
    if found.st_uid != os.geteuid():
        raise StoreError(
            f"store {path}: the file belongs to user id {found.st_uid}, this run to {os.geteuid()}; "
            "run as its owner or choose another path"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise StoreError(f"store {path}: others can read or write the file; run: chmod 600 {path}")
    return found.st_size


def _kind(mode: int) -> str:
    kinds: tuple[tuple[t.Callable[[int], bool], str], ...] = (
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((words for is_kind, words in kinds if is_kind(mode)), "a device")


def _refuse_orphan(path: pathlib.Path) -> bool:
    """Refuse a log without its database: SQLite would play it back into a new one.

    Another process may be making both. It makes the log after the database, so the log is looked for first, and the
    database once more after that.
    """
    logs = [log for log in (beside(path, "-wal"), beside(path, "-journal")) if os.path.lexists(log)]
    if logs and not os.path.lexists(path):
        raise StoreError(
            f"store {path}: the file is gone, but {logs[0]}, a part of it, is there; restore both from a backup, "
            "or remove what is left"
        )
    return bool(logs)


def _refuse_network(path: pathlib.Path, mountinfo: str) -> None:
    kind = mounts.shared_kind(path, mountinfo)
    if kind is None:
        return
    fuse = " (every FUSE file system counts as one that is not known to be local)" if "fuse" in kind else ""
    raise StoreError(
        f"store {path}: it lies on a network file system ({kind}), where SQLite loses data{fuse}; "
        "choose a path on a local disk"
    )
