# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories are private and their names are on the disk, even if another process makes them at the same time."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _private_files


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return inode and size of each flushed file, in order."""
    found: list[tuple[int, int]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        file = os.fstat(descriptor)
        found.append((file.st_ino, file.st_size if stat.S_ISREG(file.st_mode) else 0))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


@pytest.fixture(params=[0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> t.Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_a_directory_is_private_and_its_name_is_on_the_disk(
    umask: None, tmp_path: Path, flushed: list[tuple[int, int]]
) -> None:
    deep = tmp_path / "one" / "two"
    _private_files.make_directory(deep)
    assert stat.S_IMODE(deep.stat().st_mode) == stat.S_IMODE(deep.parent.stat().st_mode) == 0o700
    assert flushed == [(tmp_path.stat().st_ino, 0), (deep.parent.stat().st_ino, 0)]


def test_one_that_is_there_stays_as_it_is(tmp_path: Path, flushed: list[tuple[int, int]]) -> None:
    tmp_path.chmod(0o755)
    _private_files.make_directory(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert flushed == []


def test_one_that_another_process_makes_meanwhile_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.mkdir

    def mkdir(path: Path, mode: int) -> None:
        real(path, 0o750)
        real(path, mode)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    _private_files.make_directory(tmp_path / "one")
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o750


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    with pytest.raises(FileExistsError):
        _private_files.make_directory(tmp_path / "one" / "two")


def test_below_one_that_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_directory: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(_private_files, "flush_directory", refuse)
    _private_files.make_directory(tmp_path / "one")
    assert (tmp_path / "one").is_dir()


def test_what_is_written_through_is_whole_on_the_disk(tmp_path: Path, flushed: list[tuple[int, int]]) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        _private_files.write_through(file, b"content")
        assert flushed == [(path.stat().st_ino, 7)]
        assert path.read_bytes() == b"content"
