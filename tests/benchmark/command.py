# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import collections.abc as c
import dataclasses
import json
import os
import platform
import signal
import sys
import types
import typing as t
from importlib.metadata import version
from pathlib import Path

import workshop

from ansible_collections.redtrust.certificate_enroll.tests.benchmark.figures import Figure, table
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.measures import MEASURES, SIZES, Size
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.runs import BenchmarkError
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.world import World

PACKAGES = ("ansible-core", "cryptography", "fastapi", "requests", "uvicorn")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure, and where to write."""

    measures: tuple[str, ...]
    size: Size
    workers: int
    directory: Path
    json: Path


def read(arguments: c.Sequence[str]) -> Options:
    """Read the command line. Exits with a message if it makes no sense."""
    parser = argparse.ArgumentParser(prog="benchmark.py", description="Measure the collection, and print a table.")
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=f"{', '.join(MEASURES)}; default: all")
    parser.add_argument("--size", choices=SIZES, default="full", help="how many certificates; default: full")
    parser.add_argument("--times", type=int, help="how often each side of a ratio runs")
    parser.add_argument("--workers", type=int, default=8, help="workers of both sides; default: 8")
    parser.add_argument("--directory", type=Path, default=workshop.BUILD / "benchmark", help="for all files; emptied")
    parser.add_argument("--json", type=Path, default=workshop.BUILD / "benchmark.json", help="for the figures")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.measures if name not in MEASURES]:
        parser.error(f"there is no measure {unknown[0]}; there are {', '.join(MEASURES)}")
    if (given.times is not None and given.times < 1) or given.workers < 1:
        parser.error("--times and --workers are at least 1")
    size = dataclasses.replace(SIZES[given.size], **({"times": given.times} if given.times else {}))
    chosen = tuple(name for name in MEASURES if not given.measures or name in given.measures)
    return Options(chosen, size, given.workers, given.directory.absolute(), given.json.absolute())


def machine() -> dict[str, t.Any]:
    """Return the facts about the machine that the figures depend on."""
    return {
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": [round(load, 2) for load in os.getloadavg()],
        **{name: version(name) for name in PACKAGES},
    }


def main(arguments: c.Sequence[str] | None = None) -> int:
    """Measure; print the table, and write the JSON. Return 1 if something could not be run, 130 after a signal."""
    options = read(sys.argv[1:] if arguments is None else arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)  # so that it ends what it has started
    facts = machine()
    world = World.make(options.directory, options.workers)
    world.play("empty")  # so that the first counted run finds the files in memory
    figures: list[Figure] = []
    status = 0
    for name in options.measures:
        print(f"==> {name}", file=sys.stderr, flush=True)
        try:
            figures += MEASURES[name](world, options.size)
        except BenchmarkError as exc:
            print(f"FAILED: {name}: {exc}", file=sys.stderr, flush=True)
            status = 1
        except KeyboardInterrupt:
            print("\ninterrupted", file=sys.stderr)
            status = 130
            break
    facts["load_at_the_end"] = [round(load, 2) for load in os.getloadavg()]
    told = {
        "machine": facts,
        "size": dataclasses.asdict(options.size),
        "workers": options.workers,
        "figures": [figure.to_json() for figure in figures],
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(table(figures))
    print(f"\n{facts['processors']} processors, load {facts['load'][0]}; all runs are in {options.json}")
    return status


def _interrupt(_number: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt
