# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that keeps a session: private, encrypted, and trusted only if no other user could have made it."""

from __future__ import annotations

import datetime as dt
import errno
import fcntl
import os
import resource
import stat
import time
import typing as t
from pathlib import Path

import pytest
from cryptography.fernet import InvalidToken

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _fault_points
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    SessionError,
    StaleRevisionError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Tokens
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session import session_file
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.kept import KeptSession
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session_file import SessionFile

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
HOUR = dt.timedelta(hours=1)
SESSION = KeptSession(Tokens("canary-access", "canary-refresh", NOW + 3 * HOUR), NOW, NOW + 3 * HOUR)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "deep" / "session"


@pytest.fixture
def file(path: Path) -> SessionFile:
    made = SessionFile(str(path), b"key")
    with made.locked():
        made.save(SESSION)
    return made


def saved(file: SessionFile) -> None:
    file.load()
    file.save(SESSION)


def locked_and_saved(file: SessionFile) -> None:
    with file.locked():
        saved(file)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_saved_is_loaded_by_another_object_with_the_same_key(file: SessionFile, path: Path) -> None:
    assert file.load() == SESSION
    assert SessionFile(str(path), b"key").load() == SESSION
    unlimited = KeptSession(Tokens("a"), NOW, unanswered=1)
    file.load()
    file.save(unlimited)
    assert SessionFile(str(path), b"key").load() == unlimited


def test_another_key_opens_nothing(file: SessionFile, path: Path) -> None:
    assert SessionFile(str(path), b"other").load() is None


def test_nothing_is_there_in_clear(file: SessionFile, path: Path) -> None:
    for found in path.parent.iterdir():
        assert b"canary" not in found.read_bytes()


def test_files_and_directories_are_private_whatever_the_umask(path: Path) -> None:
    before = os.umask(0o002)
    try:
        made = SessionFile(str(path), b"key")
        with made.locked():
            made.save(SESSION)
    finally:
        os.umask(before)
    assert {mode(found) for found in path.parent.iterdir()} == {0o600}
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    assert sorted(found.name for found in path.parent.iterdir()) == ["session", "session.lock"]


def test_forgetting(file: SessionFile) -> None:
    assert file.exists()
    file.delete()
    assert not file.exists()
    assert file.load() is None
    file.delete()


@pytest.mark.parametrize("content", [b"", b"\n", b"salt", b"salt\nrubbish", b"\xff\xfe\n\xff", b"\n" * 100])
def test_a_damaged_file_is_no_session(file: SessionFile, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert file.load() is None


@pytest.mark.parametrize("content", [b"[]", b"{}", b"null", b"{", b'{"expires_at": 7}', b"\xff"])
def test_a_session_of_another_kind_is_none(file: SessionFile, path: Path, content: bytes) -> None:
    salt = path.read_bytes().partition(b"\n")[0]
    path.write_bytes(salt + b"\n" + file._cipher.key(salt).encrypt(content))
    assert file.load() is None


@pytest.mark.parametrize("cut", [1, 20, 60, -1])
def test_a_file_cut_short_is_no_session(file: SessionFile, path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:cut])
    assert file.load() is None


class TestStrangers:
    @pytest.mark.parametrize("suffix", ["", ".lock"])
    def test_a_symbolic_link(self, file: SessionFile, path: Path, tmp_path: Path, suffix: str) -> None:
        place = path.with_name(path.name + suffix)
        place.rename(tmp_path / "target")
        place.symlink_to(tmp_path / "target")
        with pytest.raises(SessionError, match=f"session_path: {place} cannot be opened"), file.locked():
            file.load()

    @pytest.mark.parametrize("suffix", ["", ".lock"])
    def test_a_fifo(self, file: SessionFile, path: Path, suffix: str) -> None:
        place = path.with_name(path.name + suffix)
        place.unlink()
        os.mkfifo(place, 0o600)
        with pytest.raises(SessionError, match="is not a private file of this user"), file.locked():
            file.load()

    @pytest.mark.parametrize("rights", [0o640, 0o602, 0o644])
    def test_a_file_that_others_can_read_or_write(self, file: SessionFile, path: Path, rights: int) -> None:
        path.chmod(rights)
        with pytest.raises(SessionError, match="not a private file"):
            file.load()

    def test_a_file_of_another_user(self, file: SessionFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
        with pytest.raises(SessionError, match="not a private file of this user"):
            file.load()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    @pytest.mark.parametrize("suffix", ["", ".lock", ".new"])
    def test_a_file_that_another_user_made(self, file: SessionFile, path: Path, suffix: str) -> None:
        place = path.with_name(path.name + suffix)
        place.touch(0o600)
        os.chown(place, 12345, -1)
        before = place.read_bytes()
        with pytest.raises(SessionError, match=f"{place} is not a private file of this user"):
            locked_and_saved(file) if suffix == ".lock" else saved(file)
        if suffix != ".new":
            assert (place.read_bytes(), place.lstat().st_uid) == (before, 12345)

    def test_a_link_in_the_place_of_what_is_being_written(self, file: SessionFile, path: Path, tmp_path: Path) -> None:
        (tmp_path / "victim").write_text("precious")
        path.with_name("session.new").symlink_to(tmp_path / "victim")
        with pytest.raises(SessionError, match="cannot be opened"):
            file.save(SESSION)
        with file.locked():
            file.save(SESSION)
        assert (tmp_path / "victim").read_text() == "precious"
        assert not path.is_symlink()

    def test_a_file_in_the_place_of_the_directory(self, tmp_path: Path) -> None:
        (tmp_path / "state").touch()
        file = SessionFile(str(tmp_path / "state" / "session"), b"key")
        with pytest.raises(SessionError, match="cannot be made"), file.locked():
            pass

    def test_a_directory_in_the_place_of_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "session").mkdir()
        file = SessionFile(str(tmp_path / "session"), b"key")
        for act in (file.load, lambda: file.save(SESSION), file.delete):
            with pytest.raises(SessionError, match="is not a private file of this user"):
                act()
        assert sorted(found.name for found in tmp_path.iterdir()) == ["session"]


class TestFullDisk:
    @pytest.mark.parametrize("point", ["session before", "session written", "session saved"])
    def test_it_is_said_and_leaves_a_whole_session(
        self, file: SessionFile, path: Path, monkeypatch: pytest.MonkeyPatch, point: str
    ) -> None:
        def full(reached: str) -> None:
            if reached == point:
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(_fault_points, "reach", full)
        new = KeptSession(Tokens("new"), NOW)
        with pytest.raises(SessionError, match=f"session_path: {path} cannot be written \\(No space left"):
            file.save(new)
        assert file.load() == (new if point == "session saved" else SESSION)
        assert sorted(found.name for found in path.parent.iterdir()) == ["session", "session.lock"]

    @pytest.mark.parametrize("call", ["write", "fsync"])
    def test_it_shows_late(self, file: SessionFile, path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
        def full(*_arguments: object) -> t.NoReturn:
            raise OSError(errno.ENOSPC, "No space left on device")

        if call == "fsync":
            monkeypatch.setattr(os, "fsync", full)
        else:
            limit = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))
        try:
            with pytest.raises(SessionError, match=f"session_path: {path} cannot be written"):
                file.save(KeptSession(Tokens("new"), NOW))
        finally:
            if call == "write":
                resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert file.load() == SESSION
        assert sorted(found.name for found in path.parent.iterdir()) == ["session", "session.lock"]

    def test_the_lock_is_held_without_words(self, file: SessionFile, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_arguments: object) -> t.NoReturn:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "pwrite", full)
        with file.locked():
            file.save(SESSION)


class TestStale:
    """A process that was held goes on beside a newer session."""

    @pytest.mark.parametrize("seen", [True, False])
    def test_it_overwrites_nothing(self, path: Path, seen: bool) -> None:
        late, other = SessionFile(str(path), b"key"), SessionFile(str(path), b"key")
        with other.locked():
            if seen:
                other.save(SESSION)
            late.load()
            newer = KeptSession(Tokens("newer"), NOW)
            other.save(newer)
            for act in (late.delete, lambda: late.save(SESSION)):
                with pytest.raises(StaleRevisionError, match="was changed by another run meanwhile; nothing was"):
                    act()
        assert SessionFile(str(path), b"key").load() == newer

    def test_nor_one_that_was_ended(self, file: SessionFile, path: Path) -> None:
        late = SessionFile(str(path), b"key")
        late.load()
        file.delete()
        with pytest.raises(StaleRevisionError):
            late.save(SESSION)
        assert not path.exists()


class TestLock:
    def test_who_holds_it_is_said_when_patience_ends(self, file: SessionFile, path: Path) -> None:
        clock = iter(range(1000))
        slept: list[float] = []
        other = SessionFile(str(path), b"key", patience=5.0, clock=lambda: float(next(clock)), sleep=slept.append)
        with (
            file.locked(),
            pytest.raises(SessionError, match=rf"has been held by .*\(pid {os.getpid()}, .* for more than 5 seconds"),
            other.locked(),
        ):
            pass
        assert len(slept) == 4
        with other.locked():
            pass

    def test_it_goes_with_the_session(self, file: SessionFile, path: Path) -> None:
        with file.locked():
            file.delete()
        assert list(path.parent.iterdir()) == []

    def test_a_lock_on_a_file_that_is_gone_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "lock"
        with path.open("w+b") as old:
            path.unlink()
            assert not session_file._claim(old, path)
            path.touch()
            assert not session_file._claim(old, path)
        with path.open("r+b") as new:
            assert session_file._claim(new, path)


class TestLeftovers:
    def age(self, path: Path, hours: float) -> None:
        then = time.time() - hours * 3600
        os.utime(path, (then, then))

    def test_what_a_killed_writer_left_is_removed(self, file: SessionFile, path: Path) -> None:
        path.with_name("session.new").write_bytes(b"half")
        path.with_name("session.new").chmod(0o600)
        with file.locked():
            assert sorted(found.name for found in path.parent.iterdir()) == ["session", "session.lock"]

    def test_sessions_of_jobs_long_over_go_when_a_new_one_is_made(self, tmp_path: Path) -> None:
        names = {
            f"{'a' * 16}": 25,
            f"{'a' * 16}.lock": 25,
            f"{'a' * 16}.4711": 25,
            f"{'b' * 16}": 23,
            f"{'b' * 16}.lock": 25,
            f"{'c' * 16}.lock": 25,
            f"{'d' * 16}": 25,
            f"{'d' * 16}.lock": 25,
            "of-a-person": 25,
            f"{'e' * 17}": 25,
        }
        for name, hours in names.items():
            (tmp_path / name).touch(0o600)
            self.age(tmp_path / name, hours)
        own = "0123456789abcdef"
        file = SessionFile(str(tmp_path / own), b"key")
        with (tmp_path / f"{'d' * 16}.lock").open("r+b") as busy:
            fcntl.flock(busy, fcntl.LOCK_EX)
            with file.locked():
                file.save(SESSION)
        left = {name for name in names if name[0] not in "ac"}
        assert {found.name for found in tmp_path.iterdir()} == left | {own, f"{own}.lock"}

    def test_nothing_is_tidied_up_beside_a_file_that_the_user_named(self, tmp_path: Path) -> None:
        for name in ("a" * 16, "b" * 16):
            (tmp_path / name).touch(0o600)
            self.age(tmp_path / name, 100)
        SessionFile(str(tmp_path / "mine"), b"key").save(SESSION)
        assert len(list(tmp_path.iterdir())) == 3

    def test_the_directory_is_on_disk_too(self, file: SessionFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        flushed: list[bool] = []
        real = os.fsync

        def fsync(descriptor: int) -> None:
            flushed.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        file.save(SESSION)
        assert flushed == [False, True]


def test_the_key_is_drawn_out_with_a_salt_of_its_own(tmp_path: Path) -> None:
    first, second = SessionFile(str(tmp_path / "a"), b"key"), SessionFile(str(tmp_path / "b"), b"key")
    first.save(SESSION)
    second.save(SESSION)
    salt, other = ((tmp_path / name).read_bytes().partition(b"\n")[0] for name in "ab")
    assert salt != other
    with pytest.raises(InvalidToken):
        second._cipher.key(other).decrypt((tmp_path / "a").read_bytes().partition(b"\n")[2])


@pytest.mark.parametrize(("minutes", "due"), [(-60, False), (0, False), (119, False), (120, True), (500, True)])
def test_a_refresh_is_due_at_two_thirds(minutes: int, due: bool) -> None:
    assert SESSION.refresh_due(NOW + dt.timedelta(minutes=minutes), 2 / 3) is due


def test_one_without_an_end_is_never_due() -> None:
    assert not KeptSession(Tokens("a"), NOW).refresh_due(NOW + 10**5 * HOUR, 2 / 3)


def test_no_repr_shows_a_token(file: SessionFile) -> None:
    assert "canary" not in repr((SESSION, file))
