# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long result is printed whole: by Python with and without a buffer, when it is stopped, on a pipe that never blocks.

A pipe holds 64 KiB. Whoever reads it here is slow, so the module stands in the middle of a write for most of the time.
"""

from __future__ import annotations

import array
import collections.abc as c
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import PATIENCE_SECONDS, TREE

LENGTH = 1_000_000
# A module with a long result. It says when it works, and waits for its input to end before it prints.
PROGRAM = f"""
import sys
from ansible.module_utils import basic
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import run
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.results import Result

def work(context):
    sys.stderr.write("working\\n")
    sys.stderr.flush()
    sys.stdin.read()
    return Result(changed=False, values={{"text": "x" * {LENGTH}, "last": "the end"}})

vars(basic)["_ANSIBLE_ARGS"] = b'{{"ANSIBLE_MODULE_ARGS": {{}}}}'
vars(basic)["_ANSIBLE_PROFILE"] = "legacy"
run.run({{}}, work)
"""


class Printing:
    """A module that prints a long result into a pipe; ``writing`` is our own copy of the end that it writes to."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int, writing: int) -> None:
        self.process = process
        self.writing = writing
        self._reading = reading

    def until_it_works(self) -> None:
        """Wait until the module has begun its work."""
        assert self.process.stderr is not None
        assert self.process.stderr.readline() == b"working\n"

    def go_on(self) -> None:
        """Let the module print."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        os.close(self.writing)

    def until_full(self) -> None:
        """Wait until the module sleeps with a part of its result in the pipe, or has ended."""
        self._until(lambda: (self._unread() > 0 and self._state() == "S") or self._state() in ("Z", ""))

    def stop_and_continue(self) -> None:
        """Stop the module, as job control does, and let it go on."""
        os.kill(self.process.pid, signal.SIGSTOP)
        self._until(lambda: self._state() in ("T", "Z", ""))
        os.kill(self.process.pid, signal.SIGCONT)

    def read(self, count: int) -> bytes:
        """Read so many bytes, or fewer at the end."""
        found = b""
        while len(found) < count and (more := os.read(self._reading, count - len(found))):
            found += more
        return found

    def _unread(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self._reading, termios.FIONREAD, count)
        return count[0]

    def _state(self) -> str:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            text = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii", errors="replace")
            return text.rpartition(")")[2].split()[0]
        return ""

    def _until(self, condition: c.Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.005)


@pytest.fixture
def printing(request: pytest.FixtureRequest) -> t.Iterator[Printing]:
    unbuffered: bool = request.param
    reading, writing = os.pipe()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**environment, "PYTHONPATH": str(TREE), **({"PYTHONUNBUFFERED": "1"} if unbuffered else {})},
    )
    with process:
        yield Printing(process, reading, writing)
        os.close(reading)
        process.kill()


both = pytest.mark.parametrize("printing", [True, False], indirect=True, ids=["unbuffered", "buffered"])


def told(text: bytes) -> dict[str, t.Any]:
    found: dict[str, t.Any] = json.loads(text)
    return found


@both
def test_when_the_module_is_stopped_while_it_prints(printing: Printing) -> None:
    printing.go_on()
    read = b""
    for _time in range(3):
        printing.until_full()
        printing.stop_and_continue()
        read += printing.read(100_000)
    said = told(read + printing.read(2 * LENGTH))
    assert (len(said["text"]), said["last"]) == (LENGTH, "the end")
    assert printing.process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("when", ["before", "while"])
@both
def test_on_a_pipe_that_another_process_keeps_from_blocking(printing: Printing, when: str) -> None:
    """It does so before the module begins, or while it works."""
    if when == "while":
        printing.until_it_works()
    os.set_blocking(printing.writing, False)
    printing.go_on()
    printing.until_full()
    said = told(printing.read(2 * LENGTH))
    assert (len(said["text"]), said["last"]) == (LENGTH, "the end")
    assert printing.process.wait(PATIENCE_SECONDS) == 0
