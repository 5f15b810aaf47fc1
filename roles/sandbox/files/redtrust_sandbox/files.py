# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the data directory."""

from __future__ import annotations

import os
import pathlib

from redtrust_sandbox.errors import ProcessError

READY_FILE = "ready.json"
LOCK_FILE = "lock"


def private_directory(path: pathlib.Path) -> pathlib.Path:
    """Make the directory if it is missing, readable by its owner only, and return it; raises ProcessError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as exc:
        raise ProcessError(f"Cannot use the directory {path}: {exc.strerror}") from exc
    return path.resolve()


def write_private(path: pathlib.Path, data: bytes) -> None:
    """Write a file atomically, readable by its owner only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    temporary.replace(path)
