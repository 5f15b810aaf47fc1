# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that keeps a session: private, encrypted, and trusted only where nobody else could have made it."""

from __future__ import annotations

import datetime as dt
import os
import stat
from pathlib import Path

import pytest
from cryptography.fernet import InvalidToken

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import SessionError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Tokens
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session_file import KeptSession, SessionFile

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
HOUR = dt.timedelta(hours=1)
SESSION = KeptSession(Tokens("canary-access", "canary-refresh", NOW + 3 * HOUR), NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "deep" / "session"


@pytest.fixture
def file(path: Path) -> SessionFile:
    made = SessionFile(str(path), b"key")
    with made.locked():
        made.save(SESSION)
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_saved_is_loaded_by_another_object_with_the_same_key(file: SessionFile, path: Path) -> None:
    assert file.load() == SESSION
    assert SessionFile(str(path), b"key").load() == SESSION
    unlimited = KeptSession(Tokens("a"), NOW, refreshing=True)
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
    path.write_bytes(salt + b"\n" + file._key(salt).encrypt(content))
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

    def test_a_link_in_the_place_of_what_is_being_written(self, file: SessionFile, path: Path, tmp_path: Path) -> None:
        (tmp_path / "victim").write_text("precious")
        path.with_name(f"session.{os.getpid()}").symlink_to(tmp_path / "victim")
        with pytest.raises(SessionError, match="cannot be opened"):
            file.save(SESSION)
        assert (tmp_path / "victim").read_text() == "precious"

    def test_a_file_in_the_place_of_the_directory(self, tmp_path: Path) -> None:
        (tmp_path / "state").touch()
        file = SessionFile(str(tmp_path / "state" / "session"), b"key")
        with pytest.raises(SessionError, match="cannot be made"), file.locked():
            pass

    def test_a_directory_in_the_place_of_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "session").mkdir()
        file = SessionFile(str(tmp_path / "session"), b"key")
        with pytest.raises(SessionError, match="cannot be written"):
            file.save(SESSION)
        assert sorted(found.name for found in tmp_path.iterdir()) == ["session"]


def test_a_full_disk_is_said_and_leaves_the_old_one(
    file: SessionFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SessionError, match=f"session_path: {path} cannot be written \\(No space left"):
        file.save(KeptSession(Tokens("new"), NOW))
    assert file.load() == SESSION
    assert sorted(found.name for found in path.parent.iterdir()) == ["session", "session.lock"]


def test_the_key_is_drawn_out_with_a_salt_of_its_own(tmp_path: Path) -> None:
    first, second = SessionFile(str(tmp_path / "a"), b"key"), SessionFile(str(tmp_path / "b"), b"key")
    first.save(SESSION)
    second.save(SESSION)
    salt, other = ((tmp_path / name).read_bytes().partition(b"\n")[0] for name in "ab")
    assert salt != other
    with pytest.raises(InvalidToken):
        second._key(other).decrypt((tmp_path / "a").read_bytes().partition(b"\n")[2])


@pytest.mark.parametrize(("minutes", "due"), [(-60, False), (0, False), (119, False), (120, True), (500, True)])
def test_a_refresh_is_due_at_two_thirds(minutes: int, due: bool) -> None:
    assert SESSION.refresh_due(NOW + dt.timedelta(minutes=minutes)) is due


def test_one_without_an_end_is_never_due() -> None:
    assert not KeptSession(Tokens("a"), NOW).refresh_due(NOW + 10**5 * HOUR)


def test_no_repr_shows_a_token(file: SessionFile) -> None:
    assert "canary" not in repr((SESSION, file))
