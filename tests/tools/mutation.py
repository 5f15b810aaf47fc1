# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the tests: make mutants of the code, and list those that no test notices.

Each mutant is written into a copy of the checkout, so that processes of the tests see it as well. The tests run in a
fork of this process, which has imported pytest but nothing of the collection.

First the tests run once on the unchanged code. This shows which tests run each line, and how long they take. Only these
tests run for a mutant, the fastest first, until one fails.
"""

from __future__ import annotations

import argparse
import collections.abc as c
import contextlib
import dataclasses
import os
import shutil
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import workshop
from mutants import Mutant, mutants
from mutation_run import Baseline, Started, measure, output, test

_UNIT = "tests/unit/plugins/module_utils"
# The files or folders to change, and the tests that should notice the changes.
TARGETS: t.Mapping[str, tuple[str, ...]] = {
    "plugins/module_utils/_enroll": (f"{_UNIT}/enroll",),
    "plugins/module_utils/_store": (f"{_UNIT}/store",),
    "plugins/module_utils/_x509/gate.py": (f"{_UNIT}/x509/test_gate.py",),
}
_OUTCOMES = ("killed", "timeout", "survived", "not reached")


@dataclasses.dataclass(frozen=True)
class Result:
    """The outcome of a mutant."""

    mutant: Mutant
    outcome: str


def main() -> int:
    """Test the mutants of all targets, or of the files and folders on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="PATH", help=f"in {', '.join(TARGETS)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    started = time.monotonic()
    results: list[Result] = []
    try:
        with _copies(options.jobs) as copies:
            for target, tests in TARGETS.items():
                files = _files(target, options.paths)
                if files:
                    results += _run(files, tests, copies)
    except workshop.CheckError as exc:
        print(exc, file=sys.stderr)
        return 1
    if not results:
        print("no mutants: is the path in the list of targets?", file=sys.stderr)
        return 2
    _report(results, time.monotonic() - started)
    return 0


def _files(target: str, wanted: c.Sequence[str]) -> list[str]:
    """Return the wanted files of a target: all of them if ``wanted`` is empty."""
    place = workshop.ROOT / target
    if not place.exists():
        raise SystemExit(f"there is no {target}: correct the list of targets in {Path(__file__).name}")
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    names = [str(file.relative_to(workshop.ROOT)) for file in files]
    return [name for name in names if not wanted or any(Path(name).is_relative_to(path) for path in wanted)]


@contextlib.contextmanager
def _copies(number: int) -> c.Iterator[list[Path]]:
    """Make copies of the checkout, each in a folder with a home directory and room for temporary files."""
    directory = Path(tempfile.mkdtemp(prefix="certificate_enroll-"))
    directory.chmod(0o755)  # one test runs as another user
    try:
        copies = [directory / str(each) / "c" for each in range(number)]
        for copy in copies:
            workshop.copy_checkout(copy)
            (copy.parent / "home").mkdir()
        yield copies
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(files: c.Sequence[str], tests: c.Sequence[str], copies: c.Sequence[Path]) -> list[Result]:
    """Test the mutants of some files, one at a time in each copy."""
    waiting = [mutant for name in files for mutant in mutants(name, (workshop.ROOT / name).read_text(encoding="utf-8"))]
    print(f"==> {', '.join(files)}: {len(waiting)} mutants, {' '.join(tests)}", flush=True)
    baseline = measure(copies, files, tests)
    results: list[Result] = []
    running: list[Started] = []
    free = list(copies)
    while waiting or running:
        while waiting and free:
            mutant = waiting.pop(0)
            chosen = baseline.tests_for(mutant)
            if chosen:
                running.append(test(free.pop(), mutant, chosen))
            else:
                results.append(Result(mutant, "not reached"))
        time.sleep(0.005)
        for one in list(running):
            outcome = one.outcome()
            if outcome:
                running.remove(one)
                free.append(one.copy)
                results.append(Result(one.mutant, outcome))
                _progress(results, len(waiting) + len(running))
    _require_whole(copies, files[0], baseline)
    return results


def _require_whole(copies: c.Sequence[Path], name: str, baseline: Baseline) -> None:
    """Raise CheckError if a test fails without a mutant: the results would then be worthless."""
    source = (workshop.ROOT / name).read_text(encoding="utf-8")
    for copy in copies:
        one = test(copy, Mutant(name, 0, 0, source, source), baseline.seconds)
        while not (outcome := one.outcome()):
            time.sleep(0.1)
        if outcome != "survived":
            raise workshop.CheckError(f"{output(copy)}\na mutant left something behind that lets tests fail")


def _progress(results: c.Sequence[Result], left: int) -> None:
    if len(results) % 100 == 0:
        survived = sum(result.outcome in _OUTCOMES[2:] for result in results)
        print(f"    {len(results)} tested, {survived} survived, {left} left", flush=True)


def _report(results: c.Sequence[Result], seconds: float) -> None:
    """Print the surviving mutants, and the numbers for each file."""
    for result in sorted(results, key=lambda result: (result.mutant.path, result.mutant.line)):
        if result.outcome in _OUTCOMES[2:]:
            print(f"\n{result.mutant.path}:{result.mutant.line}: {result.outcome}\n{result.mutant.diff()}")
    print("\nmutants  killed  timeout  survived  not reached  score")
    for name in [*sorted({result.mutant.path for result in results}), ""]:
        _line(name or "all", [result.outcome for result in results if not name or result.mutant.path == name])
    print(f"{seconds:.0f} seconds, {seconds / len(results):.2f} for each mutant")


def _line(name: str, outcomes: c.Sequence[str]) -> None:
    killed, timeout, survived, missed = (outcomes.count(outcome) for outcome in _OUTCOMES)
    score = 100 * (killed + timeout) / len(outcomes)
    print(f"{len(outcomes):7}  {killed:6}  {timeout:7}  {survived:8}  {missed:11}  {score:4.1f}%  {name}")


if __name__ == "__main__":
    sys.exit(main())
