# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the collection: what ``make test`` and its parts run. Every step runs, the summary says which failed."""

from __future__ import annotations

import argparse
import collections.abc as c
import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import workshop
from workshop import ROOT, Failed, Workshop


@dataclasses.dataclass(frozen=True)
class Step:
    """One line of the summary."""

    group: str
    name: str
    run: c.Callable[[Workshop], None]


def ruff(shop: Workshop) -> None:
    """Check style and layout of all Python code."""
    shop.output([shop.python, "-m", "ruff", "check", "--no-cache"])
    shop.output([shop.python, "-m", "ruff", "format", "--no-cache", "--check", "--diff"])


def mypy(shop: Workshop) -> None:
    """Check types, strictly, tests and tools included."""
    places = (shop.directory, shop.copy / "roles" / "sandbox" / "files", shop.copy / "tests" / "tools")
    shop.output(
        [*shop.tool("mypy"), "--config-file", str(shop.copy / "pyproject.toml"), str(workshop.COLLECTION)],
        cwd=shop.directory,
        MYPYPATH=":".join(map(str, places)),
        MYPY_CACHE_DIR=str(workshop.BUILD / "mypy"),
    )


def reuse(shop: Workshop) -> None:
    """Check that each file says under which licence it is."""
    shop.output([*shop.tool("reuse"), "lint", "--quiet"])


def yamllint(shop: Workshop) -> None:
    """Check style of all YAML."""
    shop.output([*shop.tool("yamllint"), "--strict", "."])


def unit(shop: Workshop) -> None:
    """Run the tests that need no playbook, in the checkout itself, on all cores."""
    shop.run([shop.python, "-m", "pytest", "-q", "-n", "auto"], cwd=ROOT)


STEPS = (
    Step("lint", "ruff", ruff),
    Step("lint", "mypy", mypy),
    Step("lint", "reuse", reuse),
    Step("lint", "yamllint", yamllint),
    Step("unit", "unit tests", unit),
)


def main() -> int:
    """Run the steps of the groups named on the command line, all without one."""
    groups = list(dict.fromkeys(step.group for step in STEPS))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*groups, []], metavar="GROUP", help=", ".join(groups))
    wanted = parser.parse_args().groups or groups
    pythons = workshop.find_pythons()
    missing = [version for version in workshop.TARGET_PYTHONS if version not in pythons]
    print(f"Python: checked on {', '.join(pythons)}; missing here: {', '.join(missing) or 'none'}", flush=True)
    with workshop.opened(Path(sys.prefix), pythons) as shop:
        return summary([(step, *outcome(step, shop)) for step in STEPS if step.group in wanted])


def outcome(step: Step, shop: Workshop) -> tuple[str, float]:
    """Run a step and return why it failed, empty if it did not, and how many seconds it took."""
    print(f"==> {step.name}", flush=True)
    start = time.monotonic()
    try:
        step.run(shop)
    except (Failed, subprocess.CalledProcessError) as exc:
        print(f"FAILED: {step.name}: {exc}", flush=True)
        return str(exc), time.monotonic() - start
    return "", time.monotonic() - start


def summary(outcomes: c.Sequence[tuple[Step, str, float]]) -> int:
    """Print one line per step, and return the exit status."""
    print("\n==> summary")
    for step, problem, seconds in outcomes:
        print(f"{'FAILED' if problem else 'ok':8}{seconds:6.1f} s  {step.name}{': ' + problem if problem else ''}")
    failed = sum(1 for _, problem, _ in outcomes if problem)
    print(f"steps: {len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
