# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the progress of a list to a file while the module works, for the action plugin to show."""

from __future__ import annotations

import contextlib
import time
import typing as t
from pathlib import Path

from .report import Report

# How often the file is written at most.
_SECONDS = 1.0


class Progress:
    """The progress of one list, in the file ``path``; nothing is written without a path.

    ``total`` is the number of certificates, if it is known before. ``instead`` returns another line, empty for none.
    """

    def __init__(
        self,
        path: str | None,
        report: Report,
        total: int | None = None,
        clock: t.Callable[[], float] = time.monotonic,
        instead: t.Callable[[], str] = str,
    ) -> None:
        self._path = Path(path) if path else None
        self._report = report
        self._total = total
        self._clock = clock
        self._instead = instead
        self._begun = self._written = clock()

    def tell(self) -> None:
        """Write one line, unless the last one is new enough. A reader sees a whole line or none.

        A file that cannot be written is no failure: the certificates count.
        """
        now = self._clock()
        if self._path is None or now < self._written + _SECONDS:
            return
        self._written = now
        draft = self._path.with_name(f"{self._path.name}.new")
        line = self._instead() or self._report.progress(self._total, now - self._begun)
        with contextlib.suppress(OSError):
            draft.write_text(f"{line}\n", encoding="utf-8")
            draft.replace(self._path)
