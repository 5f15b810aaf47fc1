# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last check of a whole store, noted in a file next to it, so that not each process has to check it again.

The check reads the whole file, which takes seconds where the store is large. A run notes when it was, and what the file
looked like when the run closed it. Anything else that changes the file changes its times, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import time

from . import location

# In seconds. A bit that flips on the disk changes no times.
VALID_FOR = 3600.0


def moment(path: pathlib.Path) -> float | None:
    """Return when the store was last checked, in UNIX seconds; None if it must be checked now.

    A note that cannot be read, or is of another file or of the future, is none.
    """
    try:
        noted = json.loads(location.beside(path, location.CHECKED).read_bytes())
        age = time.time() - noted["checked_at"]
        is_valid = noted["file"] == _appearance(path) and 0 <= age < VALID_FOR
        return float(noted["checked_at"]) if is_valid else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def note(path: pathlib.Path, checked_at: float) -> None:
    """Note that the store is as good as it was at its last check. Without room or rights there is no note.

    A note that is torn cannot be read, so it needs no flush and no draft.
    """
    with contextlib.suppress(OSError):
        content = json.dumps({"checked_at": checked_at, "file": _appearance(path)}).encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        descriptor = os.open(location.beside(path, location.CHECKED), flags, 0o600)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)


def _appearance(path: pathlib.Path) -> list[int]:
    found = path.lstat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
