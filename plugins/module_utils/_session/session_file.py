# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a session between the tasks of one job: a private file, encrypted with a key from the caller's credential."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
import typing as t
from pathlib import Path

from .. import _fault_points, _holder, _private_files
from .._errors import SessionError, StaleRevisionError
from .._printable import printable
from .kept import KeptSession, SessionCipher, SessionStorage

_POLL = 0.05
# The names of files where the user gives none. Only files with such names are tidied up.
OWN_NAME = re.compile(r"[0-9a-f]{16}")
_DAY = 86400.0


class SessionFile(SessionStorage):
    """A private file (0600, in a directory 0700) with one kept session, encrypted.

    A run holds a lock while it logs in or refreshes; ``patience`` is how long others wait for it, in seconds.
    """

    def __init__(
        self,
        path: str,
        key_material: bytes,
        *,
        patience: float = 60.0,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = Path(path)
        self._lock = self._path.with_name(self._path.name + ".lock")
        self._draft = self._path.with_name(self._path.name + ".new")
        self._cipher = SessionCipher(key_material)
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._loaded: bytes | None = None

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Hold the lock between processes; it ends with the process, however that ends.

        The file of the lock is removed with the session, and so is the draft of a writer that was killed.
        """
        try:
            _private_files.make_directory(self._path.parent)
        except OSError as exc:
            raise SessionError(f"session_path: {self._path.parent} cannot be made ({exc.strerror})") from exc
        with self._claimed():
            try:
                yield
            finally:
                if not self.exists():
                    self._lock.unlink(missing_ok=True)

    def exists(self) -> bool:
        return os.path.lexists(self._path)

    def load(self) -> KeptSession | None:
        self._loaded = self._read()
        return None if self._loaded is None else self._cipher.decrypt(self._loaded)

    def save(self, session: KeptSession) -> None:
        self._refuse_newer()
        content = self._cipher.encrypt(session)
        is_new = self._loaded is None
        try:
            _fault_points.reach("session before")
            self._write(content)
            _fault_points.reach("session saved")
        except OSError as exc:
            raise SessionError(f"session_path: {self._path} cannot be written ({exc.strerror})") from exc
        finally:
            self._draft.unlink(missing_ok=True)
        self._loaded = content
        if is_new and OWN_NAME.fullmatch(self._path.name):
            _forget_old(self._path)

    def delete(self) -> None:
        self._refuse_newer()
        self._path.unlink(missing_ok=True)
        self._loaded = None

    def _refuse_newer(self) -> None:
        """Raise StaleRevisionError when the file has changed since it was read: a run may have been held for long."""
        if self._read() != self._loaded:
            raise StaleRevisionError(
                f"session_path: {self._path} was changed by another run meanwhile; nothing was written, run again"
            )

    def _read(self) -> bytes | None:
        try:
            with _private(self._path, os.O_RDONLY) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _write(self, content: bytes) -> None:
        with _private(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
            _private_files.write_through(file, content)
        _fault_points.reach("session written")
        self._draft.replace(self._path)
        _private_files.flush_directory(self._path.parent)

    def _claimed(self) -> t.IO[bytes]:
        """Return the locked file, which keeps the lock until it is closed."""
        deadline = self._clock() + self._patience
        try:
            while True:
                lock = _private(self._lock, os.O_RDWR | os.O_CREAT)
                if _claim(lock, self._lock):
                    self._draft.unlink(missing_ok=True)
                    return lock
                with lock:
                    if self._clock() >= deadline:
                        raise SessionError(self._held(os.pread(lock.fileno(), 500, 0)))
                self._sleep(_POLL)
        except OSError as exc:
            raise SessionError(f"session_path: {self._lock} cannot be locked ({exc.strerror})") from exc

    def _held(self, words: bytes) -> str:
        who = printable(words.decode("utf-8", "replace"))
        return (
            f"session_path: {self._path} has been held by {who or 'another process'} for more than "
            f"{self._patience:g} seconds; end that process if it hangs, then run again"
        )


def _claim(lock: t.IO[bytes], path: Path) -> bool:
    """Lock an open file and write its holder into it; False when another run has the lock, or has removed the file."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine, there = os.fstat(lock.fileno()), path.lstat()
    except (BlockingIOError, FileNotFoundError):
        return False
    if (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino):
        return False
    with contextlib.suppress(OSError):  # a full disk: the lock holds without the words as well
        os.ftruncate(lock.fileno(), 0)
        os.pwrite(lock.fileno(), _holder.holder().encode("utf-8", "replace"), 0)
    return True


def _forget_old(path: Path) -> None:
    """Remove the sessions of other jobs that were not used for a day: those jobs ended without a logout."""
    names = {found.name[:16] for found in path.parent.iterdir() if OWN_NAME.fullmatch(found.name.partition(".")[0])}
    for name in sorted(names - {path.name}):
        lock = path.with_name(name + ".lock")
        with contextlib.suppress(OSError, SessionError):
            files = [path.with_name(name), *path.parent.glob(name + ".*")]
            used = max(found.lstat().st_mtime for found in files if os.path.lexists(found))
            if time.time() - used < _DAY:
                continue
            with _private(lock, os.O_RDWR | os.O_CREAT) as file:
                if _claim(file, lock):
                    for found in [*files, lock]:
                        found.unlink(missing_ok=True)


def _private(path: Path, flags: int) -> t.IO[bytes]:
    """Open a file that belongs to this user alone. Raises SessionError when the path is anything else."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except FileNotFoundError:
        raise
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise
        raise SessionError(f"session_path: {path} cannot be opened ({exc.strerror})") from exc
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        os.close(descriptor)
        raise SessionError(f"session_path: {path} is not a private file of this user (0600); remove it")
    return os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb")
