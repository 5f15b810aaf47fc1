# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run tests in a forked process in a copy of the checkout: once to measure them, then for each mutant."""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import types
import typing as t
from pathlib import Path

import hypothesis.strategies
import pytest
from mutants import Mutant
from workshop import ROOT, CheckError, clean_environment

# They take long to import and do not depend on the collection, so a forked process should find them there.
for _name in ("ansible.plugins.loader", "cryptography.x509", "requests", "yaml"):
    importlib.import_module(_name)

_MEMORY = 4 << 30
_BEFORE = ""  # in place of a test, for a line that runs before all tests


@dataclasses.dataclass(frozen=True)
class Baseline:
    """The duration of each test, the tests that run each line, and the tests that start a Python process."""

    seconds: t.Mapping[str, float]
    reached: t.Mapping[str, t.Mapping[str, c.Sequence[str]]]
    starters: c.Sequence[str]

    def tests_for(self, mutant: Mutant) -> dict[str, float]:
        """Return the tests that may notice a mutant. Those that run it come first, ordered by duration."""
        lines = self.reached.get(mutant.path, {})
        near = {test for line in range(mutant.first, mutant.last + 1) for test in lines.get(str(line), ())}
        chosen = set(self.seconds) if _BEFORE in near else {*near, *self.starters}.intersection(self.seconds)
        ordered = sorted(chosen, key=lambda test: (test not in near, self.seconds[test], test))
        return {test: self.seconds[test] for test in ordered}


@dataclasses.dataclass(frozen=True)
class Started:
    """A mutant under test. ``ends`` is its deadline, in seconds of the monotonic clock."""

    pid: int
    copy: Path
    mutant: Mutant
    ends: float

    def outcome(self) -> str | None:
        """Return ``killed``, ``survived`` or ``timeout``; None while the tests run."""
        late = time.monotonic() > self.ends
        if late:
            _kill(self.pid)
        pid, status = os.waitpid(self.pid, 0 if late else os.WNOHANG)
        if not pid:
            return None
        _kill(self.pid)
        (self.copy / self.mutant.path).write_text(self.mutant.before, encoding="utf-8")
        return "timeout" if late else "killed" if status else "survived"


def test(copy: Path, mutant: Mutant, tests: c.Mapping[str, float]) -> Started:
    """Start the tests of a mutant, in their given order."""
    (copy / mutant.path).write_text(mutant.source, encoding="utf-8")
    files = dict.fromkeys(test.split("::", maxsplit=1)[0] for test in tests)
    pid = _fork(copy, list(files), _Chosen(tests), keep_bytecode=False)
    return Started(pid, copy, mutant, time.monotonic() + 10 + 10 * sum(tests.values()))


def measure(copies: c.Sequence[Path], files: c.Sequence[str], tests: c.Sequence[str]) -> Baseline:
    """Run the tests on the unchanged code, in all copies. Raise CheckError unless all pass."""
    started = {copy: _fork(copy, tests, _Probe(copy, files), keep_bytecode=True) for copy in copies}
    passed = {copy: os.waitpid(pid, 0)[1] == 0 for copy, pid in started.items()}
    for copy in copies:
        if not passed[copy]:
            raise CheckError(f"{output(copy)}\nthe tests fail on the code as it is")
        for name in files:  # Python would use this bytecode for a mutant of the same size and modification second
            for compiled in (copy / name).parent.glob(f"__pycache__/{Path(name).stem}.*.pyc"):
                compiled.unlink()
    return Baseline(**json.loads((copies[0].parent / "baseline").read_text(encoding="utf-8")))


def output(copy: Path) -> str:
    """Return the output of the last tests in a copy."""
    return (copy.parent / "output").read_text(encoding="utf-8", errors="replace")


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _fork(copy: Path, tests: c.Sequence[str], plugin: object, *, keep_bytecode: bool) -> int:
    """Run tests in a new process, the leader of a process group. It exits with 0 if all pass."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _enter(copy, keep_bytecode=keep_bytecode)
        options = ["-x", "-q", "-W", "ignore::pytest.PytestAssertRewriteWarning", f"--basetemp={copy.parent}/tmp/b"]
        status = pytest.main([*options, *tests], plugins=[plugin])
        sys.stdout.flush()
    finally:
        os._exit(status)


def _enter(copy: Path, *, keep_bytecode: bool) -> None:
    """Make this process look like one that was started in the copy."""
    os.setsid()
    os.chdir(copy)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(copy.parent / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.dup2(1, 2)
    temporary = copy.parent / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    environment = clean_environment() | {"HOME": str(copy.parent / "home"), "TMPDIR": str(temporary)}
    os.environ.clear()
    os.environ.update(environment | {"PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"})
    tempfile.tempdir = None
    sys.dont_write_bytecode = not keep_bytecode
    sys.path.remove(str(ROOT / "tests" / "tools"))
    del sys.modules["workshop"]  # the copy has its own
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    # Hypothesis uses the same examples each time, and does not shrink them.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", database=None, deadline=None, derandomize=True, phases=phases)
    hypothesis.settings.load_profile("mutation")


class _Chosen:
    """A plugin that runs only these tests, in this order, and ends a test that takes much longer than it did before."""

    def __init__(self, tests: c.Mapping[str, float]) -> None:
        self._tests = tests

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        by_name = {item.nodeid: item for item in items}
        if not by_name.keys() >= self._tests.keys():
            raise pytest.UsageError("the mutant has other tests")
        items[:] = [by_name[name] for name in self._tests]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        module = item.getparent(pytest.Module)
        if module:  # tests/unit/conftest.py reads this limit
            vars(module.obj)["LIMIT_SECONDS"] = 10 + round(10 * self._tests[item.nodeid])


class _Probe:
    """A plugin that records a Baseline."""

    def __init__(self, copy: Path, files: c.Sequence[str]) -> None:
        self._file = copy.parent / "baseline"
        self._paths = {str((copy / name).resolve()): name for name in files}
        self._names: dict[str, str | None] = {}
        self._test = _BEFORE
        self._seconds: dict[str, float] = {}
        self._reached: dict[str, dict[int, set[str]]] = {}
        self._starters: set[str] = set()

    def pytest_configure(self) -> None:
        sys.addaudithook(self._audit)
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> c.Generator[None, object, object]:
        self._test = item.nodeid
        sys.settrace(self._trace)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self._seconds[report.nodeid] = report.duration

    def pytest_unconfigure(self) -> None:
        sys.settrace(None)
        found = {
            "seconds": self._seconds,
            "reached": {
                name: {line: sorted(tests) for line, tests in lines.items()} for name, lines in self._reached.items()
            },
            "starters": sorted(self._starters),
        }
        self._file.write_text(json.dumps(found), encoding="utf-8")

    def _audit(self, event: str, arguments: tuple[t.Any, ...]) -> None:
        if event == "os.fork" or (event == "subprocess.Popen" and "python" in str(arguments[:2])):
            self._starters.add(self._test)

    def _trace(self, frame: types.FrameType, event: str, argument: object) -> t.Any:
        path = frame.f_code.co_filename
        if path not in self._names:
            self._names[path] = self._paths.get(os.path.realpath(path))
        return self._line if self._names[path] else None

    def _line(self, frame: types.FrameType, event: str, argument: object) -> t.Any:
        name = self._names[frame.f_code.co_filename]
        if event == "line" and name:
            self._reached.setdefault(name, {}).setdefault(frame.f_lineno, set()).add(self._test)
        return self._line
