# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measure of limits: many runs use the tokens of one bucket as fast as they get them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import typing as t

import workshop

from ansible_collections.redtrust.certificate_enroll.tests import drawer
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.figures import Figure, Goal, number
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.runs import BenchmarkError
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.world import World

RUNS = 16
WORKERS = 8
PER_SECOND = 100
BURST = 50
_STORE_KEY = "a store key, for the benchmark"


def limits(world: World, seconds: float) -> list[Figure]:
    """Draw with the store in a file, and on PostgreSQL."""
    directory = world.new("store")
    directory.mkdir(mode=0o700)
    figures = _drawn("SQLite", seconds, [str(directory / "store.sqlite3")])
    with world.postgres() as database:
        return [*figures, *_drawn("PostgreSQL", seconds, [database.database(), _STORE_KEY])]


def _drawn(kind: str, seconds: float, where: list[str]) -> list[Figure]:
    begin, shares = _shares(seconds, where)
    used = sorted(moment for share in shares for moment in share)
    # The worst moment: how many had been used by then, and how many were allowed.
    most = max((count / (PER_SECOND * (moment - begin) + BURST) for count, moment in enumerate(used, 1)), default=0.0)
    allowed = PER_SECOND * seconds + BURST
    words = f"{RUNS} runs draw for {number(seconds)} s, {kind}"
    return [
        Figure(f"{words}: used ÷ (rate x time + burst)", most, Goal(1), note=f"{PER_SECOND}/s, burst {BURST}"),
        Figure(
            f"{words}: used in all", len(used) / allowed, other=f"{number(allowed)} allowed", ours=f"{len(used)} used"
        ),
        Figure(
            f"{words}: the worst run ÷ its share",
            min(map(len, shares)) * RUNS / max(1, len(used)),
            Goal(0.5, least=True),
        ),
    ]


def _shares(seconds: float, where: list[str]) -> tuple[float, list[list[float]]]:
    """Return when the runs began, and when each of them used its tokens, in UNIX seconds."""
    arguments = [f"{PER_SECOND}/s", str(BURST), str(seconds), str(WORKERS), *where]
    environment = {**os.environ, "PYTHONPATH": str(workshop.TREE)}
    with contextlib.ExitStack() as ending:
        started: list[subprocess.Popen[str]] = []
        for _number in range(RUNS):
            process = subprocess.Popen(
                [sys.executable, str(drawer.__file__), *arguments],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            ending.callback(process.wait)
            ending.callback(process.kill)
            started.append(process)
        for one in started:
            if t.cast("t.TextIO", one.stdout).readline() != "ready\n":
                raise BenchmarkError("a run that draws tokens did not begin")
        begin = time.time()
        for one in started:
            stdin = t.cast("t.TextIO", one.stdin)
            stdin.write("go\n")
            stdin.flush()
        return begin, [json.loads(one.communicate()[0]) for one in started]
