# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record the command lines that each Python of a run starts, and its log messages.

Python imports this file when it starts, if this folder is on PYTHONPATH. Each process of a run is Python, or a shell
that a Python process starts with its whole script on the command line.

Python imports only one file of this name, so it also runs the one that arms the fault points.
"""

from __future__ import annotations

import os
import typing as t

AUDIT = "CERTIFICATE_ENROLL_AUDIT"
# the position of the argument that holds the words; see the table of audit events in Python's documentation
EVENTS: t.Mapping[str, int] = {
    "os.exec": 1,
    "os.posix_spawn": 1,
    "os.system": 0,
    "subprocess.Popen": 1,
    "syslog.syslog": 1,
}


def record(event: str, arguments: tuple[t.Any, ...]) -> None:
    """Append a line to the file of the event, in one write, so that lines of several processes do not mix."""
    if event not in EVENTS:
        return
    words = arguments[EVENTS[event]]
    words = [words] if isinstance(words, (str, bytes)) else words
    line = b" ".join(map(os.fsencode, words)) + b"\n"
    descriptor = os.open(os.path.join(os.environ[AUDIT], event), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)  # noqa: PTH118
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


if AUDIT in os.environ:
    import sys

    sys.addaudithook(record)

if "REDTRUST_FAULT_POINTS" in os.environ:
    import runpy
    from pathlib import Path

    runpy.run_path(str(Path(__file__).resolve().parents[2] / "armed" / "sitecustomize.py"))
