# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mount an empty directory with FUSE, and print its magic number and the kind that the store finds.

Arguments: the directory, the file system kind, and the path from the directory to the store. The kernel's
include/uapi/linux/fuse.h defines the protocol; the program answers only the requests for looking at the directory.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
import threading
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import mounts

LOOKUP, GETATTR, STATFS, INIT = 1, 3, 17, 26


def attributes() -> bytes:
    """Return struct fuse_attr_out: a directory of this user."""
    times = (0,) * 3
    return struct.pack("<QII", 1, 0, 0) + struct.pack(
        "<6Q10I", 1, 0, 0, *times, *times, 0o40700, 2, os.getuid(), os.getgid(), 0, 4096, 0
    )


ANSWERS = {
    GETATTR: attributes(),
    STATFS: struct.pack("<5Q4I", 0, 0, 0, 0, 0, 4096, 255, 4096, 0) + bytes(24),
    INIT: struct.pack("<4I2H2I2HI", 7, 31, 0, 0, 16, 16, 65536, 1, 0, 0, 0) + bytes(28),
}


def serve(device: int) -> None:
    """Answer the kernel until the file system is unmounted."""
    while True:
        try:
            _length, operation, unique = struct.unpack_from("<IIQ", os.read(device, 1 << 17))
        except OSError:
            return
        body = ANSWERS.get(operation, b"")
        error = 0 if body else -errno.ENOENT if operation == LOOKUP else -errno.ENOSYS
        os.write(device, struct.pack("<IiQ", 16 + len(body), error, unique) + body)


def main(place: str, kind: str, below: str) -> None:
    """Mount the directory, and print the result."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", os.fsencode(place), kind.encode(), 0, options.encode()):
        sys.exit(f"{kind} cannot be mounted here: {os.strerror(ctypes.get_errno())}")
    threading.Thread(target=serve, args=(device,), daemon=True).start()
    print(f"{mounts._magic(Path(place)) or 0:x} {mounts.shared_kind(Path(place, below, 'store.db'))}")


main(*sys.argv[1:])
