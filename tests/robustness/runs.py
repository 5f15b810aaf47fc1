# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks as a person does, or as AWX does through ansible-runner; kill such a run and its processes."""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import datetime as dt
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
import typing as t
import uuid
from pathlib import Path

from .driver import PATIENCE_SECONDS, TREE

# Each process of a run has it in its environment, in any session or group.
MARK = "CERTIFICATE_ENROLL_RUN"
MATRIX = TREE.parent / ".build" / "matrix"
POLL_SECONDS = 0.005
_HEADER = re.compile(r"^(\S+ \S+) .*?\| (TASK \[(?:.* : )?(?P<task>.*)\]|PLAY RECAP) \*+$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Core:
    """An ansible-core, with its virtual environment."""

    version: str
    python: Path

    @property
    def worker_survives(self) -> bool:
        """Whether a module runs in another process group than ansible-playbook. It does since 2.19."""
        return tuple(map(int, self.version.split("."))) >= (2, 19)


@functools.cache
def own_core() -> Core:
    """Return the ansible-core that runs the tests."""
    from ansible.release import __version__

    return Core(".".join(__version__.split(".")[:2]), Path(sys.executable))


def other_core(version: str) -> Core | None:
    """Return another ansible-core, from the environments that tests/tools makes; None if it made none."""
    found = sorted(MATRIX.glob(f"{version}-*/holds"))
    return Core(version, found[-1].parent / "bin" / "python") if found else None


@dataclasses.dataclass(frozen=True)
class Process:
    """A process of a run. One with a module is Python without arguments: it reads the module from standard input."""

    pid: int
    parent: int
    group: int
    is_module: bool


@dataclasses.dataclass(frozen=True)
class Play:
    """A run to start: a playbook of the collection by its short name, with variables and environment.

    ``directory`` is for this run alone.
    """

    core: Core
    directory: Path
    playbook: str
    variables: c.Mapping[str, t.Any]
    environment: c.Mapping[str, str]

    @property
    def name(self) -> str:
        return f"redtrust.certificate_enroll.{self.playbook}"

    def start(self) -> Run:
        """Start ansible-playbook."""
        command = [str(self.core.python), "-m", "ansible", "playbook", self.name]
        return Run(self, [*command, "--extra-vars", json.dumps(self.variables)])

    def start_with_timeout(self, seconds: float) -> Run:
        """Start it through ansible-runner, which kills it after that time, as AWX does with a job."""
        settings = {"job_timeout": seconds, "pexpect_timeout": 0.01}
        for name, content in (("settings", settings), ("extravars", self.variables)):
            path = self.directory / "runner" / "env" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content), encoding="utf-8")
        (self.directory / "runner" / "project").mkdir(exist_ok=True)
        place = str(self.directory / "runner")
        return Run(self, [sys.executable, "-m", "ansible_runner", "run", place, "--playbook", self.name, "--quiet"])

    def runner_status(self) -> str:
        """Return the status that ansible-runner wrote down."""
        (path,) = (self.directory / "runner" / "artifacts").glob("*/status")
        return path.read_text(encoding="utf-8")


class Run:
    """A run that has begun. Close it in any case."""

    def __init__(self, play: Play, command: c.Sequence[str]) -> None:
        self._mark = f"{MARK}={uuid.uuid4()}"
        self._log = play.directory / "log"
        self._output = play.directory / "output"
        play.directory.mkdir(parents=True, exist_ok=True)
        self._log.unlink(missing_ok=True)
        self.begun = time.time()
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=play.directory,
                env={**_environment(play, self._log), **dict([self._mark.split("=")])},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The id of the started process, which leads a process group."""
        return self._process.pid

    def is_over(self) -> bool:
        """Return whether the started process has ended; its children may go on."""
        return self._process.poll() is not None

    def wait(self) -> int:
        """Wait for the end, and return the exit status."""
        return self._process.wait(PATIENCE_SECONDS)

    def tasks(self) -> list[tuple[float, str]]:
        """Return the tasks begun so far, with the seconds since the start; the recap has an empty name."""
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return [
            (_seconds(found[1]) - self.begun, found["task"] or "")
            for found in _HEADER.finditer(text[: text.rfind("\n") + 1])
        ]

    @property
    def task(self) -> str | None:
        """The task that began last; None before the first."""
        tasks = self.tasks()
        return tasks[-1][1] if tasks else None

    @property
    def changes(self) -> int | None:
        """The number of tasks that changed something, by the recap; None without a recap."""
        counts = [int(count) for count in re.findall(r"\bok=\d+\s+changed=(\d+)\s", self.said())]
        return sum(counts) if counts else None

    def said(self) -> str:
        """Return the printed text."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def processes(self) -> list[Process]:
        """Return the live processes of this run, the started one among them."""
        return [process for path in Path("/proc").glob("[0-9]*") if (process := self._look(path))]

    def kill(self) -> None:
        """Kill the started process, and no other."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)

    def kill_group(self) -> None:
        """Kill its process group."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE_SECONDS)

    def kill_all(self) -> None:
        """Kill every process of the run, as the end of a container does."""
        while found := self.processes():
            for process in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE_SECONDS)

    def _look(self, path: Path) -> Process | None:
        try:
            if self._mark.encode() not in (path / "environ").read_bytes().split(b"\0"):
                return None
            words = (path / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            # proc_pid_stat(5): the name, in brackets, may hold any character; then state, parent, group, ...
            _state, parent, group, *_more = (path / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            return Process(int(path.name), int(parent), int(group), len(words) == 1 and b"python" in words[0])
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            return None


def _environment(play: Play, log: Path) -> dict[str, str]:
    """Return an environment that has nothing from the user."""
    home = play.directory / "home"
    return {
        "ANSIBLE_COLLECTIONS_PATH": str(TREE),
        "ANSIBLE_FORKS": "1",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_LOG_PATH": str(log),
        "ANSIBLE_PIPELINING": "True",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join([str(play.core.python.parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": "UTC",
        **play.environment,
    }


def _seconds(text: str) -> float:
    return dt.datetime.strptime(f"{text} +0000", "%Y-%m-%d %H:%M:%S,%f %z").timestamp()
