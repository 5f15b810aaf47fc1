# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the modules as real processes, and make them fail, be held or be killed."""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.tests.robustness import fault_points

TREE = Path(__file__).resolve().parents[2] / ".tree"
PATIENCE_SECONDS = 300.0

Options = c.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Fault:
    """The fault that a run has at a fault point, and the trace of the points that it reaches, see ``fault_points``."""

    point: str | None = None
    do: str = "raise"
    skip: int = 0
    once: str | None = None
    trace: str | None = None

    def environment(self) -> dict[str, str]:
        """Return the variable that arms the fault."""
        return {fault_points.VARIABLE: json.dumps(dataclasses.asdict(self))}


@dataclasses.dataclass(frozen=True)
class Ran:
    """A run that is over. ``status`` is below zero for a signal; ``said`` is empty without a complete result."""

    module: str
    status: int
    said: dict[str, t.Any]
    stderr: str
    stdout: str = ""

    @property
    def changed(self) -> bool:
        return bool(self.said.get("changed"))

    @property
    def entries(self) -> dict[str, dict[str, t.Any]]:
        """The result of each certificate, by name; empty if the module could not run at all."""
        return {entry["name"]: entry for entry in self.said.get("certificates", [])}

    @property
    def errors(self) -> set[str]:
        """The types of the errors in the result."""
        told = [self.said, *self.entries.values()]
        return {one["error"]["type"] for one in told if "error" in one}

    def __str__(self) -> str:
        failed = [entry for entry in self.entries.values() if "error" in entry]
        said = json.dumps({**self.said, **({"certificates": failed} if failed else {})})
        return f"{self.module} ended with {self.status}: {said[:4000]}\n{self.stderr[-4000:]}"


class Running:
    """A run that has begun."""

    def __init__(self, launcher: Launcher, number: int, module: str, directory: Path) -> None:
        self._launcher = launcher
        self._number = number
        self._module = module
        self._directory = directory
        self._ran: Ran | None = None
        self.pid = launcher.answer(number, "pid")

    def wait(self) -> Ran:
        """Wait for the end of the run, and return its outcome."""
        if self._ran is None:
            status = self._launcher.answer(self._number, "status")
            text = (self._directory / "stdout").read_text(encoding="utf-8")
            said: dict[str, t.Any] = {}
            with contextlib.suppress(ValueError):
                said = json.loads(text)
            errors = (self._directory / "stderr").read_text(encoding="utf-8")
            shutil.rmtree(self._directory)
            self._ran = Ran(self._module, status, said, errors, text)
        return self._ran

    def until_held(self) -> None:
        """Wait until the run has stopped itself; fail if it ends instead."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._state() != "T":
            assert self._state() not in ("Z", ""), f"it was not held: {self.wait()}"
            assert time.monotonic() < deadline, "it was not held"
            time.sleep(0.005)

    def let_go(self) -> None:
        """Let the run go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill the run, as AWX does with a job that is cancelled."""
        os.kill(self.pid, signal.SIGKILL)

    def _state(self) -> str:
        """Return the state letter of proc_pid_stat(5); "" if there is no such process."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return ""


class Launcher:
    """Start modules, each as a process of its own; ``close`` ends all that still run."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._answers: dict[tuple[int, str], int] = {}
        self._unread = b""
        self._directory = Path(tempfile.mkdtemp(prefix="robustness-"))
        # a session of its own: Ctrl-C reaches the tests alone, and they end this process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ansible_collections.redtrust.certificate_enroll.tests.robustness.fork_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(TREE)},
            bufsize=0,
            start_new_session=True,
        )

    def start(
        self,
        module: str,
        arguments: Options,
        environment: c.Mapping[str, str] | None = None,
        patches: Options | None = None,
    ) -> Running:
        """Start a module; ``patches`` sets values in module_utils, such as ``{"_enroll.batch.LEASE_SECONDS": 0.3}``."""
        number = next(self._numbers)
        directory = self._directory / str(number)
        directory.mkdir(mode=0o700)
        own = {"_ansible_tmpdir": str(directory), "_ansible_remote_tmp": str(directory), "_ansible_diff": True}
        wish = {
            "run": number,
            "module": module,
            "arguments": {**own, **arguments},
            "environment": environment or {},
            "patches": patches or {},
            "stdout": str(directory / "stdout"),
            "stderr": str(directory / "stderr"),
        }
        assert self._process.stdin is not None
        text = json.dumps(wish).encode() + b"\n"
        while text:
            text = text[self._process.stdin.write(text) or 0 :]
        return Running(self, number, module, directory)

    def answer(self, number: int, what: str) -> int:
        """Wait for a value that the fork server reports of a run, and return it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (number, what) not in self._answers:
            self._read(deadline)
        return self._answers.pop((number, what))

    def close(self) -> None:
        """End the fork server, and with it all runs that have not ended."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(PATIENCE_SECONDS)
        shutil.rmtree(self._directory)

    def _read(self, deadline: float) -> None:
        assert self._process.stdout is not None
        ready, _out, _err = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"no run was over within {PATIENCE_SECONDS:g} seconds"
        read = os.read(self._process.stdout.fileno(), 65536)
        assert read, "the fork server ended"
        *lines, self._unread = (self._unread + read).split(b"\n")
        for line in lines:
            said = json.loads(line)
            number = said.pop("run")
            self._answers.update({(number, what): value for what, value in said.items()})
