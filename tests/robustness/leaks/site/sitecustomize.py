# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down what each Python of a run hands to the system: the command lines that it starts, and what it logs.

Python imports this when it starts, where this folder is on PYTHONPATH. The processes of a run are Python, or a shell
that one of these starts with everything on its command line.
"""

from __future__ import annotations

import os
import typing as t

AUDIT = "CERTIFICATE_ENROLL_AUDIT"
# the argument of each audit event that holds the words, see the table of audit events in Python's documentation
EVENTS: t.Mapping[str, int] = {
    "os.exec": 1,
    "os.posix_spawn": 1,
    "os.system": 0,
    "subprocess.Popen": 1,
    "syslog.syslog": 1,
}


def record(event: str, arguments: tuple[t.Any, ...]) -> None:
    """Append a line to the file of the event, in one write, so that those of several processes do not mix."""
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
