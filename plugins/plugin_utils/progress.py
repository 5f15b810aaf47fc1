# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the progress of a module while it works: it writes a line to a file, and a thread here reads that file."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import typing as t
from pathlib import Path

from ..module_utils._printable import printable

_LONGEST = 200


@dataclasses.dataclass(frozen=True)
class Rhythm:
    """Seconds until the first line, until the next one, and until another look where there is no new line."""

    first: float = 10.0
    next: float = 30.0
    again: float = 1.0


# A test sets another one.
RHYTHM = Rhythm()


@contextlib.contextmanager
def shown(path: Path, show: t.Callable[[str], None]) -> t.Iterator[None]:
    """Call ``show`` with the line in the file from time to time, as long as the context lasts."""
    over = threading.Event()
    thread = threading.Thread(target=_follow, args=(path, show, over, RHYTHM), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _follow(path: Path, show: t.Callable[[str], None], over: threading.Event, rhythm: Rhythm) -> None:
    said, pause = "", rhythm.first
    while not over.wait(pause):
        line = _line(path)
        pause = rhythm.again
        if line and line != said:
            said, pause = line, rhythm.next
            # the queue to the main process is closed if that process was killed
            with contextlib.suppress(OSError):
                show(line)


def _line(path: Path) -> str:
    """Return the first line of the file; empty if there is none yet."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return printable(text.partition("\n")[0])[:_LONGEST]
