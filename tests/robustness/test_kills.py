# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill runs of the real playbooks at random moments, and read the outcome in the ledger.

CERTIFICATE_ENROLL_KILLS is the number of kills in all (50). CERTIFICATE_ENROLL_KILL_SEED repeats the random numbers; a
test that fails prints its seed. The moments depend on the machine as well, so it may take a few attempts to repeat a
failure.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import itertools
import os
import random
import secrets
import shutil
import time
import typing as t
from pathlib import Path

import pytest
import yaml

from .driver import PATIENCE_SECONDS, Site, wanted
from .runs import POLL_SECONDS, Core, Play, Run, other_core, own_core
from .verdict import verdict

if t.TYPE_CHECKING:
    from ..conftest import Servers
    from .conftest import NewSite

KILLS = int(os.environ.get("CERTIFICATE_ENROLL_KILLS", "50"))
SEED = os.environ.get("CERTIFICATE_ENROLL_KILL_SEED")
KILLS_PER_STORE = 9
KILLED = {
    "playbook": "ansible-playbook alone",
    "group": "its process group",
    "all": "all its processes",
    "runner": "the job by ansible-runner",
}
# The phase of a task, with a signer of the collection and with tasks that sign.
ONE_PASS = {"Issue": "pass", "Renew": "pass"}
STEPS = {"Request": "create", "Request the renewal": "create", "Sign": "sign", "Finalize": "finalize"}
AFTER = ("Sum up", "End the session", "")
# In these phases a run may die between the intent to request a key and its request.
OPEN = ("create", "pass")
NAMES = 8
# The server waits this long before a step, and again before its answer: a real one makes its keys slowly.
SLOWNESS_SECONDS = 0.25


@dataclasses.dataclass(frozen=True)
class Story:
    """A store from its beginning to its verdict; with ``steps`` the play signs in tasks of its own."""

    number: int
    core: str
    api_version: str
    steps: bool
    kills: int
    store: str

    @property
    def phases(self) -> c.Mapping[str, str]:
        """The phase that begins with a task."""
        return STEPS if self.steps else ONE_PASS

    def __str__(self) -> str:
        return f"{self.number}-{self.core}-{self.api_version}-{'steps' if self.steps else 'pass'}"


def stories(kills: int) -> list[Story]:
    """Divide the kills among stores: every other one runs with 2.18, every third with 4.33, half of them in steps.

    Every third is on PostgreSQL.
    """
    count = max(2, -(-kills // KILLS_PER_STORE))
    cores, versions = itertools.cycle((own_core().version, "2.18")), itertools.cycle(("4.42", "4.42", "4.33"))
    steps = itertools.cycle((False, False, True, True))
    shares = [kills // count + (number < kills % count) for number in range(count)]
    kinds = itertools.cycle(("sqlite", "postgresql", "sqlite"))
    return [Story(*values) for values in zip(itertools.count(), cores, versions, steps, shares, kinds)]


class Scene:
    """The place of one story, with its runs: those to kill and those to leave alone."""

    def __init__(self, story: Story, core: Core, site: Site, directory: Path, seed: str) -> None:
        self._story = story
        self._core = core
        self._site = site
        self._directory = directory
        self._seed = seed
        self._runs: list[Run] = []
        self._pace: dict[str, tuple[float, float]] = {}
        self._haste = 1.0
        self._ways = random.Random(f"{seed} {story.number}").sample(sorted(KILLED), len(KILLED))
        self.fates: list[tuple[str, str, str, str]] = []

    # -- runs -----------------------------------------------------------------------------------------------------

    def play(self, playbook: str, names: int = NAMES, renew_force: bool = True, job: str | None = None) -> Play:
        """Return a run that issues this many certificates, or renews all of them, due or not."""
        options = {
            name: value for name, value in self._site.options.items() if name not in ("session_path", "retry_timeout")
        }
        if self._site.appliance.is_433:
            options["temporal_token"] = self._site.appliance.temporary_token()
        environment = {f"REDTRUST_{name.upper()}": str(value) for name, value in options.items()}
        if job:
            environment.update(JOB_ID=job, AWX_HOST="https://awx.example.com")
        signing = {"signer": "local_ca", "local_ca": {**self._site.local_ca, "validity": "20d"}}
        if self._story.steps:
            sign = [{"name": "Sign", "redtrust.certificate_enroll.redtrust_sign": signing}]
            tasks = self._directory / "sign.yml"
            tasks.parent.mkdir(exist_ok=True)
            tasks.write_text(yaml.safe_dump(sign), encoding="utf-8")
            signing = {"tasks_file": str(tasks)}
        variables = {
            **{f"{playbook}_{name}": value for name, value in signing.items()},
            f"{playbook}_directory": str(self._site.certificates),
            "issue_certificates": [wanted(f"story-{self._story.number}-{number}") for number in range(names)],
            "renew_force": renew_force,
        }
        return Play(self._core, self._directory / str(len(self._runs)), playbook, variables, environment)

    def begin(self, start: c.Callable[[], Run]) -> Run:
        self._runs.append(start())
        return self._runs[-1]

    def to_the_end(self, playbook: str, **others: t.Any) -> Run:
        """Run a playbook to its end."""
        run = self.begin(self.play(playbook, **others).start)
        assert run.wait() == 0, f"{playbook} failed:\n{run.said()}"
        return run

    def measure(self) -> None:
        """Measure in a clean run when the steps begin on this machine, and how long they take."""
        tasks = self.to_the_end("issue", names=2).tasks()
        phases = self._story.phases
        for (begin, task), (end, _next) in itertools.pairwise(tasks):
            if task in phases:
                self._pace[phases[task]] = (begin, end - begin)
        assert set(self._pace) == set(phases.values()), f"a step was not seen: {tasks}"

    def until_alone(self) -> None:
        """Wait until no process of any run is left."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for run in self._runs:
            while run.processes():
                assert time.monotonic() < deadline, "a process did not end"
                time.sleep(4 * POLL_SECONDS)

    def close(self) -> None:
        """Kill all processes of all runs."""
        for run in self._runs:
            run.kill_all()

    # -- kills ----------------------------------------------------------------------------------------------------

    def kill_runs(self) -> None:
        """Kill as many runs as the story has, one after the other. Do not wait for processes that survive.

        There is always work: each of the first runs asks for two more certificates. The later ones renew, due or not.
        """
        for attempt in itertools.count():
            done = len(self.fates)
            if done == self._story.kills:
                return
            assert attempt < 3 * self._story.kills, "runs end before they can be killed"
            playbook, names = ("issue", 4 + 2 * attempt) if 4 + 2 * attempt <= NAMES else ("renew", NAMES)
            dice = random.Random(f"{self._seed} {self._story.number} {attempt}")
            way = self._ways[done % len(self._ways)]
            kill = self._kill_by_runner if way == "runner" else self._kill
            print(f"run {len(self._runs)}: {playbook} {way}: {kill(dice, way, playbook, names)}")
            if len(self.fates) == done:
                self._haste *= 0.8  # the machine is faster than in the measurement

    def _kill(self, dice: random.Random, way: str, playbook: str, names: int) -> str:
        run = self.begin(self.play(playbook, names).start)
        what = self._await_moment(run, dice, playbook)
        found = run.processes()
        if run.is_over():
            return f"over before {what}"
        {"playbook": run.kill, "group": run.kill_group, "all": run.kill_all}[way]()
        groups = {one.group for one in found if one.is_module}
        fate = (
            "idle" if not groups else "died" if way == "all" or (way == "group" and run.pid in groups) else "survived"
        )
        assert not (way == "group" and groups) or (fate == "survived") == self._core.worker_survives
        return self._note(run, way, fate, what)

    def _kill_by_runner(self, dice: random.Random, way: str, playbook: str, names: int) -> str:
        seconds = self._any_time(dice, playbook)
        play = self.play(playbook, names, job=str(len(self._runs) + 1))
        run = self.begin(lambda: play.start_with_timeout(seconds))
        was_there = False
        while not run.is_over():
            found = run.processes()
            if any(one.parent == run.pid for one in found):  # the job is not killed yet
                was_there = any(one.is_module for one in found)
            time.sleep(4 * POLL_SECONDS)
        if play.runner_status() != "timeout":
            return f"over before {seconds:.2f} s"
        assert self._core.worker_survives or not any(one.is_module for one in run.processes())
        fate = "idle" if not was_there else "survived" if self._core.worker_survives else "died"
        return self._note(run, way, fate, f"{seconds:.2f} s")

    def _await_moment(self, run: Run, dice: random.Random, playbook: str) -> str:
        """Wait for a moment with work, at any speed of the machine, or for the end of the run."""
        kind = dice.choice(("time", "task", "request", "request"))
        if kind == "time":
            seconds = self._any_time(dice, playbook)
            self._until(run, lambda: time.time() >= run.begun + seconds)
            return f"{seconds:.2f} s"
        if kind == "task":
            phase = dice.choice(sorted(self._pace))
            pause = dice.uniform(0, self._pace[phase][1])
            self._until(run, lambda: self._story.phases.get(run.task or "") == phase)
        else:
            phase, number = dice.choice(("create", "finalize")), dice.randint(1, 2)
            pause = dice.uniform(0, 2.2 * SLOWNESS_SECONDS)
            before = self._asked(phase)
            self._until(run, lambda: self._asked(phase) >= before + number)
            phase = f"request {number} of {phase}"
        end = time.time() + pause
        self._until(run, lambda: time.time() >= end)
        return f"{phase} and {pause:.3f} s"

    def _any_time(self, dice: random.Random, playbook: str) -> float:
        """Return a time in seconds from the beginning of a run, in the part with most of the work.

        A renewal in steps begins with a look at the store. It takes about as long as signing.
        """
        begin = min(begun for begun, _seconds in self._pace.values())
        end, last = max(self._pace.values())
        _sign, later = self._pace.get("sign", (0.0, 0.0))
        return self._haste * (dice.uniform(begin - 0.2, end + 1.2 * last) + (later if playbook == "renew" else 0))

    def _until(self, run: Run, condition: c.Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition() and not run.is_over():
            assert time.monotonic() < deadline, f"it did not end:\n{run.said()}"
            time.sleep(POLL_SECONDS)

    def _asked(self, step: str) -> int:
        count: int = self._site.appliance.one("SELECT COUNT(*) FROM requests WHERE step = ?", step)
        return count

    def _note(self, run: Run, way: str, fate: str, what: str) -> str:
        begun = [task for _seconds, task in run.tasks()]
        phase = "before"
        for task in begun:
            phase = self._story.phases.get(task, "after" if task in AFTER else phase)
        self.fates.append((self._core.version, way, phase, fate))
        return f"after {what}, in {phase} ({begun[-1] if begun else 'nothing begun'}), module {fate}"


def check_sessions(site: Site, jobs: int) -> None:
    """Require that only lock files and the sessions of killed jobs are left."""
    directory = site.store_path.parent / "sessions"
    left = [path.name for path in directory.iterdir() if path.suffix != ".lock"]
    assert len(left) <= jobs, left
    shutil.rmtree(directory)


@pytest.mark.parametrize(("store_kind", "story"), [(one.store, one) for one in stories(KILLS)], ids=str)
def test_what_a_kill_leaves_is_taken_up_by_the_next_run(
    story: Story, servers: Servers, new_site: NewSite, tmp_path: Path, record_property: c.Callable[[str, object], None]
) -> None:
    core = own_core() if story.core == own_core().version else other_core(story.core)
    if core is None:
        pytest.skip(f"no ansible-core {story.core} here; make robustness makes one where a Python for it is")
    seed = SEED or secrets.token_hex(4)
    print(f"replay with CERTIFICATE_ENROLL_KILL_SEED={seed} CERTIFICATE_ENROLL_KILLS={KILLS} and -k '{story}'")
    site = new_site(servers[story.api_version].reset())
    if story.store == "postgresql":
        site.with_session_key()
    if not site.appliance.is_433:
        site.with_login()
    for step, moment in itertools.product(("create", "finalize"), ("before", "after")):
        site.appliance.fault(step, moment, f"delay:{SLOWNESS_SECONDS}", times=0)
    scene = Scene(story, core, site, tmp_path / "runs", seed)
    try:
        scene.measure()
        scene.kill_runs()
        scene.to_the_end("issue")
        scene.to_the_end("renew")
        scene.until_alone()
        asked = site.appliance.one("SELECT COUNT(*) FROM requests WHERE mutating")
        for playbook in ("issue", "renew"):
            run = scene.to_the_end(playbook, renew_force=False)
            assert run.changes == 0, run.said()
        assert site.appliance.one("SELECT COUNT(*) FROM requests WHERE mutating") == asked
        scene.until_alone()
    finally:
        scene.close()
    for version, way, phase, fate in scene.fates:
        record_property(f"kills of {KILLED[way]} on ansible-core {version}, module {fate}", 1)
        record_property(f"kills in {phase}", 1)
    record_property("creates that kills left open", [row["state"] for row in site.revisions()].count("create_unknown"))
    if story.store == "sqlite":
        check_sessions(site, sum(way == "runner" for _core, way, _phase, _fate in scene.fates))
    in_create = sum(phase in OPEN and fate != "survived" for _core, _way, phase, fate in scene.fates)
    assert verdict(site, never_left=NAMES * in_create) == []
