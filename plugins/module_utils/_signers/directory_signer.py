# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signer that works with two folders; see ``directory``."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import stat
import time
import typing as t
from pathlib import Path

from .. import _fault_points
from .._clock import parse_duration, utc_now
from .._errors import ConfigurationError, GateError, SignerError, SignerRejectedError
from .._printable import brief
from .._private_files import flush_directory, make_directory
from .._x509.api import chain_warnings, csr_public_key_sha256, order_chain
from .base import NotYet, Signed, Signer, SigningOrder
from .directory_answers import REJECTED, AnswerFile, AnswerFolder, StrangerError, UnfinishedError, words_of
from .directory_requests import RequestFolder

_READ_WRITE = 0o600
_MOST = 0o666


class DirectorySigner(Signer):
    """Puts requests into one folder, and takes answers from another.

    An answer is moved aside before it is in the store, and each look for an answer looks there as well. So a run that
    is killed in between loses nothing. ``warnings`` name the files that belong to no request.
    """

    def __init__(
        self,
        requests: Path,
        answers: Path,
        done: Path | None = None,
        *,
        mode: int = 0o640,
        validity: str | None = None,
        repeat: bool = False,
        clock: t.Callable[[], float] = time.time,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the folders; ``check()`` looks at them. Raises ConfigurationError."""
        self._requests = requests
        self._answers = answers
        self._done = done or answers / "done"
        self._clock = clock
        self.lifetime = parse_duration("directory.validity", validity) if validity else None
        asked = (validity, self.lifetime) if validity and self.lifetime else None
        self._outgoing = RequestFolder(requests, mode=mode, validity=asked, repeat=repeat)
        self._incoming = AnswerFolder(answers, clock=clock, sleep=sleep)

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> DirectorySigner:
        """Take the folders that the options name. Raises ConfigurationError."""
        return cls(
            Path(options["requests_path"]),
            Path(options["answers_path"]),
            Path(options["done_path"]) if options["done_path"] else None,
            mode=_mode(options["mode"]),
            validity=options["validity"],
            repeat=options["repeat"],
        )

    def identity(self) -> str:
        return os.path.realpath(self._requests)

    def check(self, _now: dt.datetime) -> None:
        for option, folder in (("requests_path", self._requests), ("answers_path", self._answers)):
            _check_folder(f"directory.{option}", folder)
        _check_space(self._requests)
        _check_done(self._done, self._answers)
        places = {os.path.realpath(folder) for folder in (self._requests, self._answers, self._done)}
        if len(places) < 3:
            raise ConfigurationError(
                "directory: requests_path, answers_path and done_path must be three folders: the CA's answers could "
                "not be told from the requests"
            )

    def _sign(self, order: SigningOrder) -> Signed | NotYet:
        try:
            return self._looked_up(order)
        except OSError as exc:
            words = f"{exc.filename or self._answers}: {exc.strerror}; the folders of the signer must be usable"
            unsent = not (order.again or order.order_number)
            raise SignerError(words, not_sent=unsent, concerns_all=True) from exc
        finally:
            self.warnings = self._incoming.warnings()

    def _looked_up(self, order: SigningOrder) -> Signed | NotYet:
        files = self._files_of(order)
        if any(file.ending == REJECTED for file in files):
            return self._refused(order, files)
        readable = [file for file in files if not file.is_of_the_request]
        if readable:
            return self._signed(order, readable, files)
        handed_over = self._outgoing.hand_over(order)
        return NotYet(handed_over.value.format(path=self._outgoing.path(order.request_id)))

    def _files_of(self, order: SigningOrder) -> list[AnswerFile]:
        """Return the files of an answer, those that an earlier run has moved aside included."""
        taken = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self._done / order.request_id) as entries:
            taken = [AnswerFile.of(Path(entry.path), entry.stat(follow_symlinks=False)) for entry in entries]
        return [*self._incoming.of(order.request_id, csr_public_key_sha256(order.csr)), *taken]

    def _refused(self, order: SigningOrder, files: t.Sequence[AnswerFile]) -> NotYet:
        """Raise SignerRejectedError with the reason, unless the file may not be whole."""
        others = [file.path for file in files if file.ending != REJECTED and not file.is_of_the_request]
        (refusal, *_more) = [file for file in files if file.ending == REJECTED]
        if others:
            raise SignerError(f"{refusal.path} refuses the request, and {others[0]} answers it: remove one of them")
        try:
            reason = refusal.read().decode("utf-8", "replace").strip()
        except (StrangerError, OSError) as exc:
            if self._is_on_its_way(refusal, exc):
                return NotYet(f"{refusal.path} {words_of(exc)}: it may still be on its way")
            raise SignerError(f"{refusal.path} {words_of(exc)}: it is left alone") from exc
        if not reason and refusal.is_on_its_way(self._clock()):
            return NotYet(f"{refusal.path} is empty: it may still be on its way")
        self._move_aside(order, files)
        raise SignerRejectedError(f"the CA refused the request: {brief(reason, 1000) or 'it gave no reason'}")

    def _signed(
        self, order: SigningOrder, readable: t.Sequence[AnswerFile], files: t.Sequence[AnswerFile]
    ) -> Signed | NotYet:
        certificates: list[bytes] = []
        refused: dict[AnswerFile, str] = {}
        for file in readable:
            try:
                certificates += file.certificates()
            except (StrangerError, OSError) as exc:
                if self._is_on_its_way(file, exc):
                    return NotYet(f"{file.path} {words_of(exc)}: it may still be on its way")
                refused[file] = f"{file.path} {words_of(exc)}: it is left alone"
        now = utc_now()
        try:
            certificate, chain = order_chain(certificates, order.csr, now)
        except GateError as exc:
            named = " and ".join(str(file.path) for file in readable if file not in refused)
            words = [*refused.values(), *([f"{named}: {exc}; left alone"] if named else [])]
            raise SignerError("; ".join(words)) from exc
        self._move_aside(order, [file for file in files if file not in refused])
        warnings = (*chain_warnings(certificates, certificate, chain, now), *refused.values())
        return Signed(certificate, chain, warnings)

    def _is_on_its_way(self, file: AnswerFile, exc: StrangerError | OSError) -> bool:
        """Return whether a file that cannot be read may still be written to, or be given its owner and rights."""
        return isinstance(exc, UnfinishedError) or file.is_on_its_way(self._clock())

    def _move_aside(self, order: SigningOrder, files: t.Sequence[AnswerFile]) -> None:
        """Move an answer to its folder, and then the request, so that only open requests stay in their folder."""
        aside = self._done / order.request_id
        make_directory(aside)
        for file in files:
            self._incoming.taken(file)
            if file.path.parent != aside:
                file.path.rename(aside / file.path.name)
                _fault_points.reach("directory moved")
        flush_directory(aside)
        for path in self._outgoing.files(order.request_id):
            with contextlib.suppress(FileNotFoundError):
                _move_or_remove(path, aside / f"request{path.suffix}")


def _move_or_remove(path: Path, target: Path) -> None:
    try:
        path.rename(target)
    except OSError as exc:
        if isinstance(exc, FileNotFoundError):
            raise
        path.unlink()  # another file system; what is in it is in the store as well


def _mode(value: object) -> int:
    """Read permissions: a text in octal, or what YAML makes of such a number without quotes."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    text = f"{value:o}" if is_number else str(value)
    mode = int(text, 8) if re.fullmatch("0?[0-7]{3}", text) else 0
    if mode & _READ_WRITE != _READ_WRITE or mode & ~_MOST:
        raise ConfigurationError(
            f'directory.mode must be permissions of a file that its owner can read and write, such as "0640", not '
            f"{value!r}"
        )
    return mode


def _check_folder(option: str, folder: Path) -> None:
    try:
        status = folder.stat()
    except OSError as exc:
        raise ConfigurationError(f"{option}: {folder} cannot be used ({exc.strerror})") from exc
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigurationError(f"{option}: {folder} is not a folder")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(f"{option}: this user may not read and write in {folder}")
    if status.st_mode & stat.S_IWOTH:
        raise ConfigurationError(
            f"{option}: every user of this machine may write to {folder}, and so exchange requests and answers: take "
            f"this right away (chmod o-w), and give it to a group if need be"
        )


def _check_space(folder: Path) -> None:
    room = os.statvfs(folder)
    if not room.f_bavail or (room.f_files and not room.f_favail):
        raise ConfigurationError(f"directory.requests_path: there is no space left for files in {folder}")


def _check_done(done: Path, answers: Path) -> None:
    if done.exists():
        _check_folder("directory.done_path", done)
    above = next(folder for folder in (done, *done.parents) if folder.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        raise ConfigurationError(f"directory.done_path: {done} cannot be made, this user may not write to {above}")
    if above.stat().st_dev != answers.stat().st_dev:
        raise ConfigurationError(
            f"directory.done_path: {done} must be on the same file system as answers_path ({answers}), so that a file "
            "is moved as a whole"
        )
