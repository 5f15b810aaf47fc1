# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measures of the benchmark. Each returns figures, with runs that took turns."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import json
import shutil
import statistics
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.tests.benchmark import renewals, shared, tokens
from ansible_collections.redtrust.certificate_enroll.tests.benchmark import world as surroundings
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.figures import (
    Figure,
    Goal,
    Run,
    compared,
    number,
    seconds,
)
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.runs import alternate
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.world import World

LATENCY_SECONDS = 0.05
MANY_WORKERS = 256
NO_COMPILER = "there is no C compiler for slow_fsync.c"


@dataclasses.dataclass(frozen=True)
class Size:
    """The numbers of certificates, and how often each side of a ratio runs.

    While ``replace`` are replaced, a slice is killed every ``kill_seconds``. Tokens are drawn for ``draw_seconds``.
    ``fleet`` is how many names the simulation of a year has.
    """

    issue: int
    issue_large: int
    due: int
    due_large: int
    loop: int
    replace: int
    kill_seconds: float
    draw_seconds: float
    fleet: int
    times: int


SIZES = {
    "full": Size(
        issue=1000,
        issue_large=10_000,
        due=10_000,
        due_large=100_000,
        loop=20,
        replace=10_000,
        kill_seconds=60.0,
        draw_seconds=60.0,
        fleet=100_000,
        times=3,
    ),
    "small": Size(
        issue=100,
        issue_large=1000,
        due=1000,
        due_large=10_000,
        loop=5,
        replace=1000,
        kill_seconds=10.0,
        draw_seconds=10.0,
        fleet=100_000,
        times=1,
    ),
    "tiny": Size(
        issue=3,
        issue_large=6,
        due=3,
        due_large=6,
        loop=1,
        replace=6,
        kill_seconds=60.0,
        draw_seconds=2.0,
        fleet=1000,
        times=1,
    ),
}


def requests(world: World, size: Size) -> list[Figure]:
    """Count what the server was asked."""
    with world.sandbox() as server:
        entries = world.list_of(size.issue)
        ours = world.play("task", server, entries)
        asked = server.asked()
    each = (asked.get("create", 0) + asked.get("finalize", 0)) / size.issue
    runs = {"ours": [ours]}
    return [
        Figure("requests for each certificate", each, Goal(2), runs=runs),
        Figure("logins of a job", asked.get("login", 0), Goal(1), runs=runs),
        Figure(f"connections for {size.issue}", asked["connections"], Goal(world.workers + 2), runs=runs),
    ]


def issue(world: World, size: Size) -> list[Figure]:
    """Issue certificates without latency."""
    return _issue(world, size, f"issue {size.issue}", Goal(0.45, least=True))


def latency(world: World, size: Size) -> list[Figure]:
    """Issue certificates with latency."""
    words = f"issue {size.issue}, latency {LATENCY_SECONDS * 1000:.0f} ms"
    return _issue(world, size, words, Goal(0.90, least=True), latency=LATENCY_SECONDS)


def fsync(world: World, size: Size) -> list[Figure]:
    """Issue certificates with latency, on a disk with a slow fsync."""
    words = f"issue {size.issue}, latency {LATENCY_SECONDS * 1000:.0f} ms, {_slow_disk()}"
    environment = world.slowly()
    if environment is None:
        return [Figure(words, None, Goal(0.85, least=True), note=NO_COMPILER)]
    figures = _issue(world, size, words, Goal(0.85, least=True), LATENCY_SECONDS, environment)
    calls = _fsyncs(environment) / size.issue / size.times
    return [*figures, Figure("fsyncs for each certificate", calls)]


def growth(world: World, size: Size) -> list[Figure]:
    """Issue ten times as many."""
    with world.sandbox() as server:
        few, many = world.list_of(size.issue), world.list_of(size.issue_large)
        ours, other = alternate(
            size.times, lambda: world.play("task", server, many), lambda: world.play("task", server, few)
        )
    goal = _growth(size.issue_large / size.issue)
    return [compared(f"issue {size.issue_large}", ours, other, goal, str(size.issue))]


def due_file(world: World, size: Size) -> list[Figure]:
    """Find that nothing is due, with a list in a file."""
    entries, store = world.fleet_of(size.due)
    return [_beside_empty(world, size, "task", f"nothing due, {size.due} in a file", Goal(3), entries, store)]


def due_role(world: World, size: Size) -> list[Figure]:
    """Find that nothing is due, with a list in variables."""
    entries, store = world.fleet_of(size.due)
    return [_beside_empty(world, size, "role", f"nothing due, {size.due} in variables", Goal(12), entries, store)]


def due_large(world: World, size: Size) -> list[Figure]:
    """Find that nothing is due in a list that is ten times as long."""
    few, many = world.fleet_of(size.due), world.fleet_of(size.due_large)
    ours, other = alternate(size.times, lambda: world.play("task", None, *many), lambda: world.play("task", None, *few))
    words = f"nothing due, {size.due_large} in a file"
    peak = max(run.peak for run in ours)
    return [
        compared(words, ours, other, _growth(size.due_large / size.due), str(size.due)),
        Figure(f"{words}: memory", peak, Goal(300), "MB", note="of the largest process", runs={"ours": ours}),
    ]


def one(world: World, size: Size) -> list[Figure]:
    """Issue one certificate, with a task and with the role."""
    with world.sandbox() as server:
        entries = world.list_of(1)
        times = size.times * 2 - 1
        task, role, empty = alternate(
            times,
            lambda: world.play("task", server, entries),
            lambda: world.play("role", server, entries),
            lambda: world.play("empty"),
        )
    return [
        compared("one certificate, task", task, empty, Goal(3), "empty playbook"),
        compared("one certificate, role", role, empty, Goal(4), "empty playbook"),
    ]


def writes(world: World, size: Size) -> list[Figure]:
    """Write with many threads on a disk with a slow fsync: to the store alone, and in a whole run."""
    words = f"longest wait of a write, {MANY_WORKERS} threads, {_slow_disk()}"
    environment = world.slowly()
    if environment is None:
        return [Figure(words, None, Goal(0.5), "s", note=NO_COMPILER)]
    program = Path(surroundings.__file__).parent / "writes.py"
    store = str(world.new("store") / "store.sqlite3")
    run, output = world.python(program, store, "--threads", str(MANY_WORKERS), **environment)
    told = json.loads(output.read_text(encoding="utf-8").splitlines()[-1])
    with world.sandbox() as server:
        entries = world.list_of(size.issue)
        whole = world.play("task", server, entries, workers=MANY_WORKERS, environment=environment, may_fail=True)
        finalized = server.asked().get("finalize", 0)
    note = f"{told['writes']} writes, {number(told['rate'])} a second; {'; '.join(sorted(set(told['errors'])))[:200]}"
    return [
        Figure(words, told["longest"], Goal(0.5), "s", note=note.rstrip("; "), runs={"ours": [run]}),
        Figure("writes that failed", len(told["errors"]), Goal(0)),
        Figure(
            f"issue {size.issue} with {MANY_WORKERS} workers, {_slow_disk()}: not issued",
            size.issue - finalized,
            Goal(0),
            ours=seconds([whole]),
            runs={"ours": [whole]},
        ),
    ]


def loop(world: World, size: Size) -> list[Figure]:
    """Issue certificates with a loop over ansible.builtin.uri."""
    words = f"issue {size.loop} with a loop over ansible.builtin.uri"
    if shutil.which("openssl") is None:
        return [Figure(words, None, note="there is no program openssl")]
    with world.sandbox(csr_format="pem") as server:  # as openssl reads it
        entries = world.list_of(size.loop)
        other, ours = alternate(
            size.times, lambda: world.play("uri", server, entries), lambda: world.play("task", server, entries)
        )
    figure = compared(words, other, ours, None, "task", note=f"{number(other[0].seconds / size.loop)} s for each one")
    return [dataclasses.replace(figure, other=f"loop {seconds(other)}", ours=seconds(ours))]


def formats(world: World, size: Size) -> list[Figure]:
    """Find that nothing is due, with the list in each format, in variables, and with all results."""
    entries, store = world.fleet_of(size.due, formats=True)

    def file(suffix: str, results: str = "") -> c.Callable[[], Run]:
        return lambda: world.play("task", None, entries.with_suffix(suffix), store, results=results)

    sides = {
        "JSON": file(".json"),
        "CSV": file(".csv"),
        "YAML": file(".yml"),
        "JSON Lines, all results": file(".jsonl", "all"),
        "variables of the play": lambda: world.play("variables", None, entries, store),
    }
    lines, *others = alternate(size.times, file(".jsonl"), *sides.values())
    words = f"nothing due, {size.due}, list in"
    runs = zip(sides, others, strict=True)
    return [compared(f"{words} {name}", other, lines, None, "JSON Lines") for name, other in runs]


def report(world: World, size: Size) -> list[Figure]:
    """Write the page of a report on a large fleet, on a machine of two processors in at most 20 seconds."""
    _entries, store = world.fleet_of(size.due_large)
    (ours,) = alternate(size.times, lambda: world.play("report", None, None, store))
    words = f"report on {size.due_large}"
    took = statistics.median(run.seconds for run in ours)
    megabytes = store.with_name("report.html").stat().st_size / 1e6
    return [
        Figure(words, took, Goal(20), "s", ours=seconds(ours), runs={"ours": ours}),
        Figure(f"{words}: memory", max(run.peak for run in ours), Goal(600), "MB", note="of the largest process"),
        Figure(f"{words}: size of the page", megabytes, Goal(10), "MB"),
    ]


def slices(world: World, size: Size) -> list[Figure]:
    """Issue certificates with one slice and with four, on one database."""
    return shared.slices(world, size.issue, size.times, LATENCY_SECONDS)


def stores(world: World, size: Size) -> list[Figure]:
    """Issue certificates with latency, with the store in a file and on PostgreSQL."""
    return shared.stores(world, size.issue, size.times, LATENCY_SECONDS)


def replace(world: World, size: Size) -> list[Figure]:
    """Replace each certificate of a fleet with four slices, of which some are killed."""
    return shared.replace(world, size.replace, LATENCY_SECONDS, size.kill_seconds)


def limits(world: World, size: Size) -> list[Figure]:
    """Use the tokens of one bucket with sixteen runs."""
    return tokens.limits(world, size.draw_seconds)


def spread(_world: World, size: Size) -> list[Figure]:
    """Simulate the renewals of a fleet over a year, without a server."""
    return renewals.figures(size.fleet)


MEASURES: dict[str, c.Callable[[World, Size], list[Figure]]] = {
    "requests": requests,
    "latency": latency,
    "fsync": fsync,
    "issue": issue,
    "due-file": due_file,
    "due-role": due_role,
    "due-large": due_large,
    "growth": growth,
    "one": one,
    "writes": writes,
    "loop": loop,
    "formats": formats,
    "report": report,
    "slices": slices,
    "stores": stores,
    "replace": replace,
    "limits": limits,
    "spread": spread,
}


def _issue(
    world: World,
    size: Size,
    words: str,
    goal: Goal,
    latency: float = 0.0,
    environment: c.Mapping[str, str] | None = None,
) -> list[Figure]:
    with world.sandbox(latency=latency) as server:
        entries = world.list_of(size.issue)
        bare, ours = alternate(
            size.times,
            lambda: world.bare(server, entries),
            lambda: world.play("task", server, entries, environment=environment),
        )
    return [compared(words, ours, bare, goal, "bare")]


def _beside_empty(world: World, size: Size, play: str, words: str, goal: Goal, entries: Path, store: Path) -> Figure:
    ours, empty = alternate(size.times, lambda: world.play(play, None, entries, store), lambda: world.play("empty"))
    return compared(words, ours, empty, goal, "empty playbook")


def _growth(times: float) -> Goal:
    """Return the goal for a list that is so many times as long: the same time for each, and five percent."""
    return Goal(times * 1.05)


def _slow_disk() -> str:
    return f"fsync + {surroundings.FSYNC_MILLISECONDS} ms"


def _fsyncs(environment: c.Mapping[str, str]) -> int:
    return sum(int(line) for line in Path(environment["SLOW_FSYNC_LOG"]).read_text(encoding="utf-8").split())
