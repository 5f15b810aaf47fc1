# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""File systems for a store: by mountinfo and statfs, and with real mounts of FUSE."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import mounts
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.mounts import (
    Mount,
    is_on_volume,
    mount_of,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore

TREE = Path(__file__).resolve().parents[5] / ".tree"

# The first two lines are the example of proc_pid_mountinfo(5), the others have the same form.
MOUNTINFO = r"""
36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 27 0:50 / /mnt/share rw - nfs4 filer:/export rw,vers=4.2
41 27 0:51 / /mnt/my\040share\134x rw,relatime shared:7 master:3 propagate_from:2 - cifs //filer/x rw
42 40 254:1 / /mnt/share/local rw - xfs /dev/vdb rw
43 27 0:52 / /mnt/twice rw - ext4 /dev/vdc rw
44 43 0:53 / /mnt/twice rw - fuse.sshfs host: rw
"""
KINDS_REFUSED = [
    *(
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "9p",
        "ceph",
        "virtiofs",
        "vboxsf",
        "prl_fs",
        "fakeowner",
        "drvfs",
        "beegfs",
        "lustre",
    ),
    *("gfs", "ncpfs", "nfs3", "pvfs2", "smbfs"),
    *("fuse", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.s3fs", "fuse.blobfuse2", "fuse.vmhgfs-fuse"),
    *("fuse.nobody-knows-it",),
]
KINDS_TAKEN = [
    *("ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "f2fs", "fuseblk"),
    *("fuse.fuse-overlayfs", "fuse.gocryptfs", "fuse.ntfs-3g", "fuse.encfs", "fuse.exfat", "fuse.fuse2fs"),
    *("fuse.lowntfs-3g", "fuse.mergerfs", "fuse.securefs"),
]
# As stat -f of GNU coreutils names them; kafs is its k-afs, the AFS of the kernel.
MAGIC_REFUSED = [
    *((0x61636673, "acfs"), (0x5346414F, "afs"), (0x6B414653, "kafs"), (0x00C36400, "ceph"), (0xFF534D42, "cifs")),
    *((0x73757245, "coda"), (0x19830326, "beegfs"), (0x01161970, "gfs2"), (0x47504653, "gpfs"), (0x013111A8, "ibrix")),
    *((0x0BD00BD0, "lustre"), (0x564C, "ncp"), (0x6969, "nfs"), (0x7461636F, "ocfs2"), (0x20030528, "orangefs")),
    *((0xAAD7AAEA, "panfs"), (0x7C7C6673, "prl_fs"), (0x517B, "smb"), (0xFE534D42, "smb2"), (0xBEEFDEAD, "snfs")),
    *((0x01021997, "9p"), (0x786F4256, "vboxsf"), (0xBACBACBC, "vmhgfs")),
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/a/store.db", "nfs4"),
        ("/mnt/shared/store.db", "ext4"),
        ("/mnt/share/local/store.db", "xfs"),
        ("/mnt/my share\\x/store.db", "cifs"),
        ("/mnt/twice/store.db", "fuse.sshfs"),
        ("/mnt2/store.db", "ext3"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert mount_of(path, MOUNTINFO).kind == kind
    assert mount_of(path, "") == Mount()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("kind", KINDS_REFUSED)
def test_a_network_file_system_is_refused(tmp_path: Path, kind: str, read_only: bool) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"{MOUNTINFO}50 27 0:60 / {tmp_path}/net rw - {kind} server:/x rw\n")
    path = tmp_path / "net" / "new" / "store.db"
    with pytest.raises(StoreError, match=f"network file system .{kind}.*local disk"):
        SqliteStore(str(path), read_only=read_only, mountinfo=str(mountinfo))
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("kind", KINDS_TAKEN)
def test_a_local_file_system_will_do(tmp_path: Path, kind: str) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"{MOUNTINFO}50 27 0:60 / {tmp_path} rw - {kind} none rw\n")
    SqliteStore(str(tmp_path / "store.db"), mountinfo=str(mountinfo)).close()


def test_a_mount_point_may_be_any_bytes(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_bytes(b"40 27 0:50 / /caf\xe9 rw - nfs4 filer:/export rw\n")
    assert mounts.shared_kind(Path(os.fsdecode(b"/caf\xe9/store.db")), str(tmp_path / "mountinfo")) == "nfs4"


def test_without_proc_there_is_nothing_to_judge_by(tmp_path: Path) -> None:
    SqliteStore(str(tmp_path / "store.db"), mountinfo=str(tmp_path / "missing")).close()


@pytest.mark.parametrize(("magic", "kind"), MAGIC_REFUSED)
def test_statfs_counts_whatever_the_mount_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, magic: int, kind: str
) -> None:
    monkeypatch.setattr(mounts, "_magic", lambda _path: magic)
    with pytest.raises(StoreError, match=f"network file system .{kind}."):
        SqliteStore(str(tmp_path / "store.db"))
    assert list(tmp_path.iterdir()) == []


def test_statfs_is_asked_about_the_last_directory_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(mounts, "_magic", asked.append)
    mounts.shared_kind(tmp_path / "new" / "folders" / "store.db")
    mounts.shared_kind(Path("/store.db"))
    assert asked == [tmp_path, Path("/")]


def test_one_of_fuse_that_no_mount_names_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_magic", lambda _path: 0x65735546)
    with pytest.raises(StoreError, match=r"network file system .fuse.*not known to be local"):
        SqliteStore(str(tmp_path / "store.db"), mountinfo=str(tmp_path / "missing"))


@pytest.mark.process
@pytest.mark.skipif(not shutil.which("stat"), reason="the program stat of GNU coreutils is not here")
@pytest.mark.parametrize("path", ["/", "/proc", "/dev/shm", "/sys"])
def test_the_magic_number_is_the_one_that_coreutils_reads(path: str) -> None:
    if not Path(path).is_dir():
        pytest.skip(f"there is no {path} here")
    asked = subprocess.run(["stat", "-f", "-c", "%t", path], capture_output=True, text=True, check=True)
    assert mounts._magic(Path(path)) == int(asked.stdout, 16)


def test_what_cannot_be_asked_has_none(tmp_path: Path) -> None:
    assert mounts._magic(tmp_path / "missing") is None


def _not_linked(_name: object) -> object:
    raise OSError("Dynamic loading not supported")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sys.platform", "darwin"),
        ("ctypes.CDLL", _not_linked),
        ("ctypes.CDLL", lambda _name: object()),
    ],
)
def test_a_system_that_cannot_be_asked_has_none(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    monkeypatch.setattr(f"{mounts.__name__}.{name}", value)
    assert mounts._magic(Path("/")) is None


def test_a_python_without_ctypes_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    spec = importlib.util.spec_from_file_location(mounts.__name__, str(mounts.__file__))
    assert spec is not None
    assert spec.loader is not None
    without = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(without)
    assert without._magic(Path("/")) is None


@pytest.mark.process
@pytest.mark.skipif(os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK), reason="only root can mount here")
@pytest.mark.parametrize(
    ("kind", "shared"),
    [
        ("fuse.ceph-fuse", "fuse.ceph-fuse"),
        ("fuse.s3fs", "fuse.s3fs"),
        ("fuse.blobfuse", "fuse.blobfuse"),
        ("fuse", "fuse"),
        ("fuse.fuse-overlayfs", "None"),
        ("fuse.gocryptfs", "None"),
    ],
)
@pytest.mark.parametrize("below", ["", "new/folders/"])
def test_a_real_file_system_of_fuse(tmp_path: Path, kind: str, shared: str, below: str) -> None:
    (tmp_path / "a folder").mkdir()
    command = [sys.executable, str(Path(__file__).with_name("fuse.py")), str(tmp_path / "a folder"), kind, below]
    ran = subprocess.run(
        ["unshare", "--mount", *command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TREE)},
        timeout=60,
        check=False,
    )
    if "cannot be mounted" in ran.stderr:
        pytest.skip(ran.stderr)
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", f"65735546 {shared}\n")


JOB = r"""
27 1 0:40 / / rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u
28 27 0:41 / /tmp rw - tmpfs tmpfs rw
29 27 253:1 /tmp/awx_1_x /runner rw,relatime - xfs /dev/vda1 rw
30 27 253:1 /tmp/awx_1_x/artifacts /runner/artifacts rw,relatime - xfs /dev/vda1 rw
31 27 253:2 / /srv/redtrust rw,relatime - ext4 /dev/vdb rw
32 29 253:2 / /runner/redtrust rw,relatime - ext4 /dev/vdb rw
33 31 0:42 / /srv/redtrust/scratch rw - tmpfs tmpfs rw
35 31 0:43 / /srv/redtrust/older rw - ramfs none rw
34 27 253:2 / /my\040volume rw,relatime - ext4 /dev/vdb rw
"""


@pytest.mark.parametrize(
    ("path", "volume"),
    [
        ("/srv/redtrust/store.db", True),
        ("/srv/redtrust/new/store.db", True),
        ("/runner/redtrust/store.db", True),
        ("/my volume/store.db", True),
        ("/home/runner/store.db", False),
        ("/srv/store.db", False),
        ("/srv/redtrusted/store.db", False),
        ("/tmp/store.db", False),
        ("/runner/store.db", False),
        ("/runner/project/store.db", False),
        ("/runner/artifacts/1/store.db", False),
        ("/srv/redtrust/scratch/store.db", False),
        ("/srv/redtrust/older/store.db", False),
    ],
)
def test_what_outlives_the_container_of_a_job(tmp_path: Path, path: str, volume: bool) -> None:
    (tmp_path / "mountinfo").write_text(JOB)
    assert is_on_volume(path, str(tmp_path / "mountinfo")) is volume
    assert is_on_volume(path, str(tmp_path / "missing"))
