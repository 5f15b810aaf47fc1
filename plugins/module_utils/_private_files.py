# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories for one user alone, and content and names that outlive a power failure. Raises OSError."""

from __future__ import annotations

import contextlib
import os
import typing as t
from pathlib import Path


def make_directory(directory: Path) -> None:
    """Make a directory and those above it, as far as they are missing, for this user alone."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    try:
        directory.mkdir(0o700)
    except FileExistsError:
        if directory.is_dir():
            return  # another process was first
        raise
    directory.chmod(0o700)  # the umask may have taken rights away
    with contextlib.suppress(PermissionError):  # this user may write to it, but not read it
        flush_directory(directory.parent)


def write_through(file: t.IO[bytes], content: bytes) -> None:
    """Write the content of a file; it is on the disk before this returns."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def flush_directory(directory: Path) -> None:
    """Have the names in a directory on the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
