# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the answers of a CA in a folder. The folder is read once in a run. Raises OSError."""

from __future__ import annotations

import dataclasses
import os
import re
import stat
import threading
import typing as t
from pathlib import Path

from .._errors import ConfigurationError
from .._printable import brief, printable
from .._x509.api import ca_problem, load_certificate, parse_certificates

LARGEST = 1024 * 1024
# In seconds. A file that cannot be read may still be on its way for so long.
ON_ITS_WAY = 300.0
# In seconds. A file that changed just now is looked at once more after this time.
QUIET = 2.0
REJECTED = ".rejected"
# Someone may send the whole request back with the answer.
_OF_THE_REQUEST = (".csr", ".json")
_UNFINISHED = (".part", ".partial", ".filepart", ".tmp", "~")
_ID = re.compile("[0-9a-f]{64}")
_MOST_NAMED = 5


class StrangerError(Exception):
    """A file is no answer; the message says why."""


class UnfinishedError(StrangerError):
    """A file may still be written to."""


@dataclasses.dataclass(frozen=True)
class AnswerFile:
    """A file in a folder, as it was when the folder was read. ``changed`` is when, in UNIX seconds."""

    path: Path
    changed: float
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> AnswerFile:
        """Keep what tells whether the file has changed since."""
        # A transfer may set the time of the content to any other, but not that of the change.
        return cls(path, status.st_ctime, status.st_size, status.st_mtime_ns)

    @property
    def ending(self) -> str:
        """The ending of its name, in lower case."""
        return self.path.suffix.lower()

    @property
    def is_of_the_request(self) -> bool:
        """Whether it is a part of the request that came back."""
        return self.ending in _OF_THE_REQUEST

    def read(self) -> bytes:
        """Return its content. Raises StrangerError."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        if self.path.is_symlink():
            raise StrangerError("is a symbolic link")
        with os.fdopen(os.open(self.path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise StrangerError("is not a regular file")
            if status.st_size > LARGEST:
                raise StrangerError(f"is larger than {LARGEST} bytes")
            content = file.read(LARGEST + 1)
        if len(content) != self.size or status.st_mtime_ns != self.modified:
            raise UnfinishedError("is still written to")
        return content

    def certificates(self) -> list[bytes]:
        """Return the certificates in it, in DER. Raises StrangerError."""
        content = self.read()
        begins, ends = (content.replace(b"\0", b"").count(b"-----" + word) for word in (b"BEGIN ", b"END "))
        if begins > ends:
            raise StrangerError("breaks off within a PEM block")
        try:
            return parse_certificates(content)
        except ConfigurationError as exc:
            raise StrangerError(f"has no certificate: {brief(str(exc))}") from exc

    def is_on_its_way(self, now: float) -> bool:
        """Return whether it changed so recently that it may not be whole."""
        return now - self.changed < ON_ITS_WAY


class AnswerFolder:
    """The folder of answers. Usable from several threads."""

    def __init__(self, folder: Path, *, clock: t.Callable[[], float], sleep: t.Callable[[float], None]) -> None:
        self._folder = folder
        self._clock = clock
        self._sleep = sleep
        self._mutex = threading.Lock()
        self._is_read = False
        self._by_id: dict[str, list[AnswerFile]] = {}
        self._by_key: dict[str, list[AnswerFile]] = {}
        self._strangers: dict[str, str] = {}

    def of(self, request_id: str, key_sha256: str) -> list[AnswerFile]:
        """Return the files of a request: those that have its name, and those of other names that have its key."""
        with self._mutex:
            if not self._is_read:
                self._read()
                self._is_read = True
            return [*self._by_id.get(request_id, []), *self._by_key.get(key_sha256, [])]

    def taken(self, file: AnswerFile) -> None:
        """Note that a file belongs to a request."""
        with self._mutex:
            self._strangers.pop(file.path.name, None)

    def warnings(self) -> tuple[str, ...]:
        """Return one warning that names the files that are no answers, or none."""
        with self._mutex:
            names = [name for name, _at in zip(self._strangers, range(_MOST_NAMED))]
            if not names:
                return ()
            more = len(self._strangers) - len(names)
            named = "; ".join(f"{printable(name)} {self._strangers[name]}" for name in names)
            return (f"left alone in {self._folder}: {named}" + (f"; and {more} more" if more else ""),)

    def _read(self) -> None:
        found = [one for one in map(self._entry, os.scandir(self._folder)) if one is not None]
        quiet_in = max((one.changed for one in found), default=0.0) + QUIET - self._clock()
        if quiet_in > 0:
            # A file that is written in pieces has changed after that, which AnswerFile.read() sees.
            self._sleep(min(quiet_in, QUIET))
        for one in found:
            request_id = one.path.name.partition(".")[0].lower()
            if _ID.fullmatch(request_id):
                self._by_id.setdefault(request_id, []).append(one)
            else:
                self._read_foreign(one)

    def _entry(self, entry: os.DirEntry[str]) -> AnswerFile | None:
        if entry.name.startswith(".") or entry.name.lower().endswith(_UNFINISHED):
            return None
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(status.st_mode):
            return None
        return AnswerFile.of(Path(entry.path), status)

    def _read_foreign(self, one: AnswerFile) -> None:
        """Note the keys in a file that is not named after a request.

        One that answers several requests would be moved aside with the first of them, and be missing for the others.
        """
        try:
            found = one.certificates()
        except (StrangerError, OSError) as exc:
            if not (isinstance(exc, UnfinishedError) or one.is_on_its_way(self._clock())):
                self._strangers[one.path.name] = words_of(exc)
            return
        keys = {key: is_ca for key, is_ca in map(_key_of, found) if key is not None}
        if len(keys) - sum(keys.values()) > 1:
            self._strangers[one.path.name] = "has the certificates of several keys: put each into a file of its own"
            return
        self._strangers[one.path.name] = "is not named after a request, and has the key of none of this run"
        for key in keys:
            self._by_key.setdefault(key, []).append(one)


def words_of(exc: StrangerError | OSError) -> str:
    """Return why a file cannot be read, as the rest of a sentence that begins with its name."""
    return f"cannot be read ({exc.strerror})" if isinstance(exc, OSError) else str(exc)


def _key_of(der: bytes) -> tuple[str | None, bool]:
    """Return the key of a certificate, None where that cannot be read, and whether it is of a CA."""
    try:
        return load_certificate(der).key_sha256, ca_problem(der) is None
    except ConfigurationError:
        return None, False
