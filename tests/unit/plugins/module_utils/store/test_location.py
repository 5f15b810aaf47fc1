# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Allowed and refused places for a store."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import location
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_store

if t.TYPE_CHECKING:
    from .conftest import MakeRevision

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture(params=["000", "077", "777"])
def umask(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[None]:
    """Set the umask after the directory of the test was made."""
    before = os.umask(int(request.param, 8))
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.lstat().st_mode):o}"


def refused(path: Path, *words: str) -> None:
    """Require that both ways of opening refuse the place, with path and reason, and change nothing."""
    before = there(path.parent)
    for read_only in (False, True):
        with pytest.raises(StoreError) as caught:
            open_store(str(path), read_only=read_only)
        for word in (str(path), *words):
            assert word in str(caught.value)
    assert there(path.parent) == before


def there(directory: Path) -> dict[Path, tuple[int, int, int, bytes]]:
    """Return everything in a directory: mode, inode, time of the last write, and content."""
    found = {file: file.lstat() for file in (directory.iterdir() if directory.is_dir() else [directory])}
    return {
        file: (info.st_mode, info.st_ino, info.st_mtime_ns, file.read_bytes() if stat.S_ISREG(info.st_mode) else b"")
        for file, info in found.items()
    }


@pytest.mark.usefixtures("umask")
def test_only_the_owner_gets_at_anything(tmp_path: Path, make: MakeRevision) -> None:
    path = tmp_path / "new" / "folders" / "store.db"
    with open_store(str(path)) as store:
        store.put(make())
        assert {name: mode(path.with_name(name)) for name in os.listdir(path.parent)} == {  # noqa: PTH208
            "store.db": "600",
            "store.db.key": "600",
            "store.db-shm": "600",
            "store.db-wal": "600",
        }
    assert mode(path.parent) == mode(path.parent.parent) == "700"


def test_nothing_else_is_left_in_the_directory(tmp_path: Path) -> None:
    open_store(str(tmp_path / "store.db")).close()
    open_store(str(tmp_path / "store.db")).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store.db", "store.db.checked", "store.db.key"]


def test_it_is_made_in_its_own_directory_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another directory may be on another file system, from which nothing can be linked, and open to others."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    open_store(str(tmp_path / "store.db")).close()


def test_a_directory_that_others_can_read_will_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_store(str(tmp_path / "store.db")).close()
    assert mode(tmp_path) == "755"


@pytest.mark.parametrize(
    ("bits", "advice"), [(0o770, "chmod go-w"), (0o707, "chmod go-w"), (0o1777, "choose a directory of your own")]
)
def test_a_directory_that_others_can_write_is_refused(tmp_path: Path, bits: int, advice: str) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(bits)
    refused(tmp_path / "open" / "store.db", advice)
    assert list((tmp_path / "open").iterdir()) == []


@root_only
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(0o700)
    os.chown(tmp_path / "theirs", 12345, -1)
    refused(tmp_path / "theirs" / "store.db", "12345")


@root_only
def test_a_directory_of_root_will_do_for_anybody() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "store.db")
        path.write_text("what is in it is not looked at")
        path.chmod(0o600)
        path.parent.chmod(0o755)
        os.chown(path, 12345, -1)
        os.seteuid(12345)
        try:
            assert location.check(path)
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("bits", [0o640, 0o620, 0o604, 0o666])
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".key", ".checked"])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, bits: int, suffix: str) -> None:
    path = tmp_path / "store.db"
    open_store(str(path)).close()
    beside = tmp_path / f"store.db{suffix}"
    beside.touch()
    beside.chmod(bits)
    refused(path, f"chmod 600 {beside}")


@root_only
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    open_store(str(path)).close()
    os.chown(path, 12345, -1)
    refused(path, "12345")


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    open_store(str(tmp_path / "real.db")).close()
    (tmp_path / "link.db").symlink_to("real.db")
    (tmp_path / "dangling.db").symlink_to("nowhere.db")
    refused(tmp_path / "link.db", "a symbolic link")
    refused(tmp_path / "dangling.db", "a symbolic link")
    assert not (tmp_path / "nowhere.db").exists()


def test_a_name_alone_is_one_in_this_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("store.db").close()
    assert (tmp_path / "store.db").is_file()


def test_a_link_in_the_way_to_the_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    open_store(str(tmp_path / "link" / "store.db")).close()
    assert (tmp_path / "real" / "store.db").is_file()


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    refused(tmp_path / "fifo", "a FIFO")
    refused(tmp_path / "folder", "a directory")
    refused(tmp_path / "socket", "a socket")
    refused(tmp_path / "folder" / "..", "does not name a file")
    (tmp_path / "plain").write_text("not a directory")
    refused(tmp_path / "plain" / "store.db", f"{tmp_path / 'plain'} is not a directory")


def test_a_device_is_refused() -> None:
    with pytest.raises(StoreError, match="store /dev/null: this is a device, not a plain file"):
        location.check_file(Path("/dev/null"))


@pytest.mark.parametrize("path", ["", "folder/", ".", "store\0.db"])
def test_a_path_that_names_no_file_is_refused(path: str) -> None:
    with pytest.raises(StoreError, match="does not name a file"):
        open_store(path)


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_a_log_without_its_file_is_refused(tmp_path: Path, suffix: str) -> None:
    log = tmp_path / f"store.db{suffix}"
    log.write_bytes(b"what was not in the file yet")
    log.chmod(0o600)
    refused(tmp_path / "store.db", str(log), "restore both")
    assert list(tmp_path.iterdir()) == [log]


def test_a_log_whose_file_another_run_is_just_making_is_none_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, log = tmp_path / "store.db", tmp_path / "store.db-wal"
    log.touch(0o600)
    lexists = os.path.lexists

    def made_by_now(one: Path) -> bool:
        if one == log:
            path.touch(0o600)
        return lexists(one)

    monkeypatch.setattr(os.path, "lexists", made_by_now)
    assert location.check(path)


def test_a_name_that_a_uri_would_misread_is_taken_as_it_is(tmp_path: Path, make: MakeRevision) -> None:
    path = tmp_path / "50% of #1?mode=memory&x= \u00e4.db"
    with open_store(str(path)) as store:
        store.put(make())
    assert sorted(tmp_path.iterdir()) == [path.with_name(path.name + suffix) for suffix in ("", ".checked", ".key")]
    with open_store(str(path)) as store:
        assert len(store.enrollments()) == 1
