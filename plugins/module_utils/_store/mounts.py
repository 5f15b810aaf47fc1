# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the kernel about the file system that holds a path: whether machines share it, whether it is a volume.

SQLite's log needs shared memory, so "all processes using a database must be on the same host computer"
(<https://www.sqlite.org/wal.html>). Two sources are asked. ``statfs`` gives the magic number of the file system itself.
Only mountinfo tells the many file systems of FUSE apart, which share one number.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import platform
import re
import sys

try:
    import ctypes
except ImportError:  # a Python that was built without libffi
    ctypes = None  # type: ignore[assignment]

MOUNTINFO = "/proc/self/mountinfo"

# The magic numbers of file systems that machines share, as include/uapi/linux/magic.h and stat.c of GNU coreutils have
# them. Overlays are local here: containers live on them.
SHARED_MAGIC = {
    0x01021997: "9p",
    0x61636673: "acfs",
    0x5346414F: "afs",
    0x6B414653: "kafs",
    0x00C36400: "ceph",
    0xFF534D42: "cifs",
    0x73757245: "coda",
    0x19830326: "beegfs",
    0x01161970: "gfs2",
    0x47504653: "gpfs",
    0x013111A8: "ibrix",
    0x0BD00BD0: "lustre",
    0x0000564C: "ncp",
    0x00006969: "nfs",
    0x7461636F: "ocfs2",
    0x20030528: "orangefs",
    0xAAD7AAEA: "panfs",
    0x7C7C6673: "prl_fs",
    0x0000517B: "smb",
    0xFE534D42: "smb2",
    0xBEEFDEAD: "snfs",
    0x786F4256: "vboxsf",
    0xBACBACBC: "vmhgfs",
}
# That of all file systems of FUSE, virtiofs among them.
FUSE_MAGIC = 0x65735546

# The same by the names in mountinfo, for where statfs cannot be asked, and those that have no number of their own.
SHARED_KINDS = frozenset(SHARED_MAGIC.values()) | {
    "drvfs", "fakeowner", "gfs", "ncpfs", "nfs3", "nfs4", "pvfs2", "smb3", "smbfs", "virtiofs",
}  # fmt: skip
# The file systems of FUSE that are known to belong to one machine: a disk or an image of one, or a directory that is
# encrypted or laid over another. Any other may be shared; there are too many to list, and most have a server.
LOCAL_FUSE = frozenset(
    {"encfs", "exfat", "fuse-overlayfs", "fuse2fs", "gocryptfs", "lowntfs-3g", "mergerfs", "ntfs-3g", "securefs"}
)
_IN_MEMORY = ("tmpfs", "ramfs")
# Where ansible-runner mounts the folder of one job, which is removed with the job.
_OF_ONE_JOB = re.compile(r"/runner(/(artifacts|cp|env|inventory|project))?")


@dataclasses.dataclass(frozen=True)
class Mount:
    """A line of mountinfo: where the file system is mounted, and of which kind it is."""

    point: str = ""
    kind: str = ""


def mount_of(path: str, mountinfo: str) -> Mount:
    """Return the mount that holds ``path``, an empty one when no line of mountinfo covers it.

    ``path`` is absolute and resolved. The longest mount point wins, the last of equal ones lies on top. The
    format is in proc_pid_mountinfo(5): the mount point is field 5, the type follows a field that is "-".
    """
    best = Mount()
    for line in mountinfo.splitlines():
        mount, _dash, source = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 6:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal.group(1), 8)), fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best.point):
            best = Mount(point, source.split(" ")[0])
    return best


def shared_kind(path: pathlib.Path, mountinfo: str = MOUNTINFO) -> str | None:
    """Return the kind of file system that holds ``path`` if machines may share it, else None.

    ``path`` is absolute and resolved, and need not be there yet. Where the kernel says nothing there is nothing to
    judge by.
    """
    magic = _magic(_nearest(path))  # asked first: this makes an automounter mount the file system
    kind = mount_of(str(path), _read(mountinfo)).kind
    if magic in SHARED_MAGIC:
        return SHARED_MAGIC[magic]
    if kind in SHARED_KINDS or is_unknown_fuse(kind):
        return kind
    return "fuse" if magic == FUSE_MAGIC and not kind else None


def is_unknown_fuse(kind: str) -> bool:
    """Return whether a kind is one of FUSE that is not known to be local. "fuseblk" is a disk."""
    name, _dot, program = kind.partition(".")
    return name == "fuse" and program not in LOCAL_FUSE


def is_on_volume(path: str, mountinfo: str = MOUNTINFO) -> bool:
    """Return whether ``path``, absolute and resolved, outlives the container of a job.

    It does not on the container's own file system, in memory, or in the folder of the job. Where the kernel says
    nothing it counts as one that does.
    """
    mount = mount_of(path, _read(mountinfo))
    return mount.point != "/" and mount.kind not in _IN_MEMORY and not _OF_ONE_JOB.fullmatch(mount.point)


def _nearest(path: pathlib.Path) -> pathlib.Path:
    return next(one for one in path.parents if one.exists())


def _read(mountinfo: str) -> str:
    try:
        return pathlib.Path(mountinfo).read_text("utf-8", "surrogateescape")
    except OSError:
        return ""  # no /proc: not Linux, or hidden


def _magic(path: pathlib.Path) -> int | None:
    """Return f_type of statfs(2), which os.statvfs leaves out; None where it cannot be asked.

    It is the first field of the struct on Linux, a long everywhere but on s390.
    """
    if ctypes is None or sys.platform != "linux":
        return None
    found = ctypes.create_string_buffer(1024)  # larger than the struct on any architecture
    try:
        failed = ctypes.CDLL(None).statfs(os.fsencode(path), found)
    except (OSError, AttributeError):
        return None  # a Python that is linked statically
    size = 4 if platform.machine().startswith("s390") else ctypes.sizeof(ctypes.c_long)
    return None if failed else int.from_bytes(found.raw[:size], sys.byteorder) & 0xFFFFFFFF
