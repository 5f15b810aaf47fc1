# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measures of a fleet: several slices that share one store on PostgreSQL."""

from __future__ import annotations

import collections.abc as c
import concurrent.futures
import contextlib
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.tests.benchmark.figures import (
    Figure,
    Goal,
    Run,
    compared,
    number,
    ratio,
)
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.runs import BenchmarkError, alternate
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.world import Made, Sandbox, World

SLICES = 4
# Few enough that four slices together are bound by the latency of the server, and not by two processors.
WORKERS = 2
_MARK = "CERTIFICATE_ENROLL_SLICE"
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 3600.0


def slices(world: World, count: int, times: int, latency: float) -> list[Figure]:
    """Issue a list with one slice and with four."""
    many: list[Made] = []
    one: list[Made] = []
    runs: dict[str, list[Run]] = {}

    def issue(number_of_slices: int, found: list[Made]) -> Run:
        with world.sandbox(latency=latency) as server, world.postgres() as database:
            run = _at_once(world, number_of_slices, server, world.list_of(count), database.database())
            found.append(server.made())
            return run

    runs["ours"], runs["one slice"] = alternate(times, lambda: issue(SLICES, many), lambda: issue(1, one))
    value = ratio([made.rate for made in many], [made.rate for made in one])
    words = f"issue {count}, latency {latency * 1000:.0f} ms, {SLICES} slices"
    note = f"certificates a second from the first to the last; {WORKERS} workers a slice, so that latency is the limit"
    rates = [f"{number(made.rate)}/s" for made in (many[-1], one[-1])]
    return [
        Figure(words, value, Goal(3, least=True), "", f"one slice {rates[1]}", rates[0], note, runs=runs),
        Figure(f"{words}: created twice", sum(made.keys - made.names for made in (*many, *one)), Goal(0)),
        Figure(f"{words}: not issued", sum(count - made.certificates for made in (*many, *one)), Goal(0)),
    ]


def stores(world: World, count: int, times: int, latency: float) -> list[Figure]:
    """Issue a list with the store in a file, and on PostgreSQL."""
    entries = world.list_of(count)
    with world.sandbox(latency=latency) as server, world.postgres() as database:
        ours, other = alternate(
            times,
            lambda: world.play("task", server, entries, database.database()),
            lambda: world.play("task", server, entries),
        )
    words = f"issue {count}, latency {latency * 1000:.0f} ms, store on PostgreSQL"
    return [compared(words, ours, other, Goal(0.9, least=True), "SQLite")]


def replace(world: World, count: int, latency: float, kill_seconds: float) -> list[Figure]:
    """Replace a whole fleet with four slices, while slices are killed, and the database and the server restart once.

    A slice that was killed is started again, as its schedule would.
    """
    entries = world.list_of(count)
    with world.sandbox(latency=latency) as server:
        bare = world.bare(server, entries)
        theirs = server.made()
    with world.sandbox(latency=latency) as server, world.postgres() as database:
        dsn = database.database()
        _at_once(world, SLICES, server, entries, dsn)
        begun = time.time()
        with contextlib.ExitStack() as running:
            jobs = [running.enter_context(_Slice(world, "replace", server, entries, dsn)) for _number in range(SLICES)]
            kills = 0
            next_kill = begun + kill_seconds
            is_restarted = False
            while not all(job.is_over for job in jobs):
                _require(time.time() < begun + _PATIENCE_SECONDS, "the slices do not end")
                time.sleep(_POLL_SECONDS)
                if not is_restarted and server.made(begun).certificates >= count // 2:
                    is_restarted = True
                    database.restart(signal.SIGQUIT)
                    server.restart()
                if time.time() >= next_kill and server.made(begun).certificates < count:
                    number_of_slice = kills % SLICES
                    jobs[number_of_slice].kill()
                    jobs[number_of_slice] = running.enter_context(_Slice(world, "replace", server, entries, dsn))
                    kills += 1
                    next_kill += kill_seconds
            for job in jobs:
                job.require_success()
        ours = server.made(begun)
        lost = "SELECT COUNT(*) FROM revisions WHERE state = 'create_unknown'"
        ((unknown,),) = database.execute(lost, dsn)
    words = f"replace {count} with {SLICES} slices, latency {latency * 1000:.0f} ms"
    note = f"{kills} slices killed, database and server restarted; certificates a second from the first to the last"
    rates = [f"{number(made.rate)}/s" for made in (ours, theirs)]
    share = ours.rate / theirs.rate
    runs = {"bare": [bare]}
    return [
        Figure(words, share, Goal(0.85, least=True), "", f"bare {rates[1]}", rates[0], note, runs=runs),
        Figure(f"{words}: not replaced", count - ours.certificates, Goal(0)),
        # a request that a kill left without an answer is counted in the store, and the name gets another key
        Figure(f"{words}: created twice", max(0, ours.keys - ours.names - unknown), Goal(0)),
    ]


class _Slice:
    """A playbook that runs, whose processes can be killed as the end of a container does."""

    def __init__(self, world: World, name: str, server: Sandbox, entries: Path, dsn: str) -> None:
        command, self._log = world.command(name, server, entries, dsn, workers=WORKERS)
        self._mark = str(uuid.uuid4())
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env={**world.environment(), _MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def is_over(self) -> bool:
        return self._process.poll() is not None

    def require_success(self) -> None:
        """Raise BenchmarkError if the playbook failed."""
        said = self._log.read_text(encoding="utf-8", errors="replace")[-1000:]
        _require(self._process.wait() == 0, f"a slice failed, see {self._log}:\n{said}")

    def kill(self) -> None:
        """Kill all its processes."""
        while found := [path for path in Path("/proc").glob("[0-9]*") if self._owns(path)]:
            for path in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(path.name), signal.SIGKILL)
        self._process.wait()

    def _owns(self, path: Path) -> bool:
        try:
            return f"{_MARK}={self._mark}".encode() in (path / "environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def __enter__(self) -> _Slice:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()


def _at_once(world: World, count: int, server: Sandbox, entries: Path, dsn: str) -> Run:
    """Issue a list with so many slices at once; return one run for all of them."""
    with concurrent.futures.ThreadPoolExecutor(count) as threads:
        begun = time.monotonic()
        one: c.Callable[[], Run] = lambda: world.play("task", server, entries, dsn, workers=WORKERS)  # noqa: E731
        runs = [running.result() for running in [threads.submit(one) for _number in range(count)]]
        seconds = time.monotonic() - begun
    return Run(seconds, sum(run.cpu for run in runs), max(run.peak for run in runs))


def _require(condition: bool, words: str) -> None:
    if not condition:
        raise BenchmarkError(words)
