# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs, and measure their time and memory."""

from __future__ import annotations

import collections.abc as c
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.tests.benchmark.figures import Run

PATIENCE_SECONDS = 3600
# The unit of the peak memory differs.
_OF_A_MB = 1024 * 1024 if sys.platform == "darwin" else 1024
_LAST_CHARACTERS = 1000
_ENDING_SECONDS = 20


class BenchmarkError(Exception):
    """Something that a measure needs did not work."""


def run(command: c.Sequence[str], environment: c.Mapping[str, str], log: Path, *, may_fail: bool = False) -> Run:
    """Run a program until it ends, with its output in ``log``. Raise BenchmarkError if it fails and may not.

    The system counts the memory and the time of the program and of all processes below it that were waited for. A
    program inherits the peak memory of the one that starts it, so this process has to stay small.
    """
    with log.open("wb") as output:
        begun = time.monotonic()
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        timer = threading.Timer(PATIENCE_SECONDS, os.kill, (process.pid, signal.SIGINT))
        timer.start()
        try:
            _pid, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            timer.cancel()
            if process.returncode is None:  # it was not waited for to its end
                _end(process)
        ended = time.monotonic()
    if process.returncode and not may_fail:
        last = log.read_text(encoding="utf-8", errors="replace")[-_LAST_CHARACTERS:]
        raise BenchmarkError(f"{Path(command[-1]).name} ended with status {process.returncode}, see {log}:\n{last}")
    return Run(ended - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _OF_A_MB, process.returncode)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program. Ansible needs time to end its own, which may be in sessions of their own."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def alternate(times: int, *sides: c.Callable[[], Run]) -> list[list[Run]]:
    """Run the sides in turn, A B A B, so that a load on the machine meets them alike. Return the runs of each side."""
    done: list[list[Run]] = [[] for _side in sides]
    for _number in range(times):
        for runs, side in zip(done, sides, strict=True):
            runs.append(side())
    return done
