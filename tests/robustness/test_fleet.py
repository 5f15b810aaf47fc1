# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several slices, one list, one database: each certificate is made once, whatever happens to a slice.

CERTIFICATE_ENROLL_FLEET_KILLS is the number of slices to kill at random (20). CERTIFICATE_ENROLL_KILL_SEED repeats the
random numbers; a test that fails prints its seed.
"""

from __future__ import annotations

import collections.abc as c
import os
import random
import re
import secrets
import time
import typing as t
from pathlib import Path

import pytest

from .driver import ONE_PASS, Running, Site
from .runs import POLL_SECONDS, Run
from .slices import Job
from .test_concurrency import made
from .verdict import verdict

if t.TYPE_CHECKING:
    from ..sandbox.appliance import Appliance
    from .conftest import NewSite

KILLS = int(os.environ.get("CERTIFICATE_ENROLL_FLEET_KILLS", "20"))
SEED = os.environ.get("CERTIFICATE_ENROLL_KILL_SEED")
SLICES = 4
# How many names there are for each kill. So there is work until the last one.
NAMES_PER_KILL = 12
WORKERS = 2
PATIENCE_SECONDS = 300.0


@pytest.fixture(params=["postgresql"])
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


def creates(site: Site) -> dict[str, int]:
    """Return by name how often the server was asked for a key."""
    rows = site.appliance.rows("SELECT dn FROM keys WHERE request > ?", site.since)
    counts: dict[str, int] = {}
    for (dn,) in rows:
        counts[dn] = counts.get(dn, 0) + 1
    return counts


def ended(runs: c.Sequence[Run]) -> list[int]:
    """Wait for the end of each slice, and return the statuses."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(run.is_over() for run in runs):
        assert time.monotonic() < deadline, "\n".join(run.said() for run in runs)
        time.sleep(10 * POLL_SECONDS)
    return [run.wait() for run in runs]


def share(run: Run) -> int:
    """Return how many certificates a slice has issued, by what it says at its end."""
    (count,) = re.findall(r"certificates: (\d+) issued", run.said()) or ["0"]
    return int(count)


def until_made(site: Site, keys: int) -> None:
    """Wait until the server has made so many keys."""
    site.appliance.until(lambda: made(site)["keys"] >= keys)


class TestSlicesOfAwx:
    def test_they_share_one_list(self, v442: Appliance, new_site: NewSite, tmp_path: Path) -> None:
        """Then a job whose slices find nothing left ends well too."""
        site = new_site(v442, workers=WORKERS).with_login().with_session_key()
        v442.fault("create", "before", "delay:0.05", times=0)
        names = [f"name {number}" for number in range(200)]
        job = Job(site, tmp_path / "job", names)
        for count in (200, 0):
            before = site.appliance.one("SELECT COUNT(*) FROM requests WHERE step = 'create'")
            runs = job.launch(SLICES)
            try:
                assert ended(runs) == [0] * SLICES, "\n".join(run.said() for run in runs)
            finally:
                for run in runs:
                    run.kill_all()
            assert site.appliance.one("SELECT COUNT(*) FROM requests WHERE step = 'create'") - before == count
            assert sum(map(share, runs)) == count
            assert min(map(share, runs)) >= count // 10
        assert sorted(creates(site).values()) == [1] * 200
        assert made(site) == {"keys": 200, "certificates": 200}
        assert not (problems := verdict(site)), problems

    def test_the_names_of_a_killed_slice_go_to_the_others(
        self, v442: Appliance, new_site: NewSite, tmp_path: Path
    ) -> None:
        site = new_site(v442, workers=WORKERS).with_login().with_session_key()
        v442.fault("create", "before", "delay:0.1", times=0)
        names = [f"name {number}" for number in range(60)]
        runs = Job(site, tmp_path / "job", names).launch(2)
        try:
            until_made(site, 10)
            runs[0].kill_all()
            assert ended(runs[1:]) == [0], runs[1].said()
        finally:
            for run in runs:
                run.kill_all()
        assert {row["state"] for row in site.revisions()} <= {"finalized", "create_unknown"}
        assert sum(row["state"] == "finalized" for row in site.revisions()) == 60
        assert not (problems := verdict(site, never_left=2 * WORKERS)), problems


def test_the_names_of_a_slice_that_died_elsewhere_are_had_when_its_leases_end(
    v442: Appliance, new_site: NewSite
) -> None:
    """The slices are in containers of their own, where none can see that another one is dead."""
    site = new_site(v442, workers=WORKERS).with_access_token()
    site.patches.update({"_holder._PROC": "/nowhere", "_enroll.batch.LEASE_SECONDS": 3.0})
    v442.fault("create", "before", "delay:0.1", times=0)
    names = [f"name {number}" for number in range(20)]
    options = site.step_options(ONE_PASS, names)
    dead = site.start(ONE_PASS, **options)
    until_made(site, 4)
    dead.kill()
    assert dead.wait().status == -9
    held = {lease["key"] for lease in site.leases() if lease["expires_at"] > site.place.now}
    assert held
    last = max(lease["expires_at"] for lease in site.leases())
    ran = site.start(ONE_PASS, **options).wait()
    assert ran.status == 0, ran
    assert site.place.now > last
    assert site.until_quiet(*names, first=ONE_PASS) == 1
    assert not (problems := verdict(site, never_left=2 * WORKERS)), "\n".join(problems)


def test_slices_that_are_killed_at_random(
    v442: Appliance, new_site: NewSite, record_property: c.Callable[[str, object], None]
) -> None:
    seed = SEED or secrets.token_hex(4)
    print(f"replay with CERTIFICATE_ENROLL_KILL_SEED={seed} CERTIFICATE_ENROLL_FLEET_KILLS={KILLS}")
    dice = random.Random(seed)
    site = new_site(v442, workers=WORKERS).with_access_token()
    v442.fault("create", "before", "delay:0.02", times=0)
    v442.fault("finalize", "after", "delay:0.02", times=0)
    names = [f"name {number}" for number in range(NAMES_PER_KILL * KILLS)]

    def begin() -> Running:
        return site.start(ONE_PASS, **site.step_options(ONE_PASS, names))

    slices = [begin() for _number in range(SLICES)]
    kills = 0
    while kills < KILLS:
        # at any speed of the machine there is work between two kills
        until_made(site, made(site)["keys"] + dice.randint(1, 6))
        time.sleep(dice.uniform(0, 0.1))
        seat = dice.randrange(SLICES)
        slices[seat].kill()
        kills += slices[seat].wait().status == -9
        slices[seat] = begin()
    ran = [one.wait() for one in slices]
    assert [one.status for one in ran] == [0] * SLICES, "\n".join(map(str, ran))
    record_property("kills of slices", kills)
    record_property(
        "creates that kills of slices left open", [row["state"] for row in site.revisions()].count("create_unknown")
    )
    unanswered = "SELECT COUNT(*) FROM requests WHERE id > ? AND answered_at IS NULL"
    v442.until(lambda: not v442.one(unanswered, site.since))
    assert site.until_quiet(*names, first=ONE_PASS) == 1
    assert not (problems := verdict(site, never_left=2 * WORKERS * kills)), "\n".join(problems)
