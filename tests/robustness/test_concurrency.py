# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many processes and playbooks at once on one store: each certificate is requested once, and all end well."""

from __future__ import annotations

import collections.abc as c
import random
import socket
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.robustness.direct import steps
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import (
    ONE_PASS,
    Fault,
    Ran,
    Running,
    Site,
    modules_of,
    wanted,
)
from ansible_collections.redtrust.certificate_enroll.tests.robustness.runs import Play, Run, own_core
from ansible_collections.redtrust.certificate_enroll.tests.robustness.verdict import verdict
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

if t.TYPE_CHECKING:
    from .conftest import NewSite

PROCESSES = 16
PLAYBOOKS = 8
STORES = ("sqlite", "postgresql")
# Short enough to expire during a test, long enough for a busy machine to renew it in time.
SHORT = {"_enroll.batch.LEASE_SECONDS": 3.0}


def at_once(site: Site, module: str, lists: c.Iterable[c.Sequence[str]]) -> list[Ran]:
    """Run a module in one process for each list, all at once; return their outcomes."""
    running = [site.start(module, **site.step_options(module, names)) for names in lists]
    ran = [one.wait() for one in running]
    assert not [one for one in ran if one.status], "\n".join(map(str, ran))
    return ran


def counted(ran: c.Iterable[Ran]) -> dict[str, int]:
    """Return for each name how many processes did the step; a later process may write the files."""
    counts: dict[str, int] = {}
    for one in ran:
        for name, entry in one.entries.items():
            counts[name] = counts.get(name, 0) + (entry["action"] in ("issue", "sign", "finalize"))
    return counts


def made(site: Site) -> dict[str, int]:
    """Return the number of keys that the server made, and of certificates that it took."""
    keys = "SELECT COUNT(*), COUNT(finalized_at) FROM keys WHERE request > ?"
    ((created, finalized),) = site.appliance.rows(keys, site.since)
    return {"keys": created, "certificates": finalized}


# The steps of their own use the store as the one pass does, so they are tried with one kind of store.
EACH = [("sqlite", "redtrust_csr"), ("sqlite", ONE_PASS), ("postgresql", ONE_PASS)]


class TestProcesses:
    @pytest.mark.parametrize(("store_kind", "first"), EACH)
    def test_on_one_name(self, site: Site, first: str) -> None:
        """Start from an empty place, so that many processes create the store and the session at once as well."""
        for module in modules_of(first):
            assert counted(at_once(site, module, [["www"]] * PROCESSES)) == {"www": 1}
        asked = steps(site.appliance)
        assert (asked["create"], asked["finalize"], asked["login"]) == (1, 1, 1)
        assert site.until_quiet("www", first=first) == 1
        assert not (problems := verdict(site)), problems

    @pytest.mark.parametrize(
        ("store_kind", "version", "first"),
        [*((kind, "v442", first) for kind, first in EACH), ("sqlite", "v433", ONE_PASS)],
    )
    def test_on_lists_that_overlap(
        self, request: pytest.FixtureRequest, new_site: NewSite, version: str, first: str
    ) -> None:
        site = new_site(request.getfixturevalue(version)).with_access_token()
        names = [f"name {number}" for number in range(40)]
        dice = random.Random(version)
        for module in modules_of(first):
            lists = [dice.sample(names, 10) for _process in range(PROCESSES - 4)]
            lists += [names[start::4] for start in range(4)]
            assert counted(at_once(site, module, lists)) == dict.fromkeys(names, 1)
        assert made(site) == {"keys": 40, "certificates": 40}
        assert site.until_quiet(*names, first=first) == 1
        assert not (problems := verdict(site)), problems

    @pytest.mark.parametrize("store_kind", STORES)
    def test_two_share_one_list(self, v442: Appliance, new_site: NewSite) -> None:
        """The second begins while the first is at work, and does what the first has not come to."""
        site = new_site(v442, workers=1).with_access_token()
        v442.fault("create", "before", "delay:0.2", times=0)
        names = [f"name {number}" for number in range(30)]
        first = site.start(ONE_PASS, **site.step_options(ONE_PASS, names))
        v442.until(lambda: "create" in steps(v442))
        second = site.start(ONE_PASS, **site.step_options(ONE_PASS, names))
        ran = [first.wait(), second.wait()]
        assert [one.status for one in ran] == [0, 0], "\n".join(map(str, ran))
        assert counted(ran) == dict.fromkeys(names, 1)
        assert min(sum(counted([one]).values()) for one in ran) >= 5
        assert made(site) == {"keys": 30, "certificates": 30}
        assert site.until_quiet(*names, first=ONE_PASS) == 1
        assert not (problems := verdict(site)), problems


class TestPlaybooks:
    def test_on_one_name(self, site: Site, tmp_path: Path) -> None:
        options = {name: value for name, value in site.options.items() if name not in ("session_path", "retry_timeout")}
        variables = {
            "issue_certificates": [wanted("www")],
            "issue_signer": "local_ca",
            "issue_local_ca": site.local_ca,
            "issue_directory": str(site.certificates),
        }
        environment = {f"REDTRUST_{name.upper()}": str(value) for name, value in options.items()}
        plays = [Play(own_core(), tmp_path / f"run-{n}", "issue", variables, environment) for n in range(PLAYBOOKS)]
        runs: list[Run] = []
        try:
            runs.extend(play.start() for play in plays)
            assert [run.wait() for run in runs] == [0] * PLAYBOOKS, "\n".join(run.said() for run in runs)
        finally:
            for run in runs:
                run.kill_all()
        asked = steps(site.appliance)
        assert asked["create"] == 1
        assert 1 <= asked["login"] <= PLAYBOOKS
        assert made(site) == {"keys": 1, "certificates": 1}
        assert site.store_path.parent.joinpath("sessions").is_dir()
        assert site.until_quiet("www") == 1


@pytest.mark.parametrize("store_kind", STORES)
class TestLeases:
    def held(self, site: Site, **others: t.Any) -> Running:
        """Return a process that holds the lease, and is stopped."""
        options = site.step_options("redtrust_csr", ["www"])
        running = site.start("redtrust_csr", Fault("create send", "hold"), **options, **others)
        running.until_held()
        return running

    @pytest.mark.parametrize("job", [None, "4711"])
    def test_they_name_their_holder(self, site: Site, job: str | None) -> None:
        holder = self.held(site, environment={"JOB_ID": job} if job else {})
        other = site.step("redtrust_csr", ["www"], wait_timeout=0)
        assert other.errors == {"LeaseHeldError"}
        words = f"{socket.gethostname()} (pid {holder.pid}, " + (f"job {job}, " if job else "process ")
        assert words in other.entries["www"]["msg"]
        holder.let_go()
        assert holder.wait().status == 0
        assert steps(site.appliance)["create"] == 1

    def test_they_end_by_themselves(self, site: Site) -> None:
        """This test does not change the store: the next run waits until the lease expires."""
        holder = self.held(site, patches=SHORT)
        (lease,) = site.leases()
        assert site.step("redtrust_csr", ["www"]).entries["www"]["action"] == "issue"
        assert self.now(site) > lease["expires_at"]
        holder.let_go()
        assert holder.wait().errors == {"StaleRevisionError"}
        assert site.until_quiet("www")
        assert not (problems := verdict(site)), problems

    def test_those_of_the_dead_are_had_at_once(self, site: Site) -> None:
        holder = self.held(site)
        holder.kill()
        assert holder.wait().status == -9
        (lease,) = site.leases()
        assert site.step("redtrust_csr", ["www"], wait_timeout=0).entries["www"]["action"] == "issue"
        assert self.now(site) < lease["expires_at"]

    def test_they_are_renewed_while_the_work_goes_on(self, v442: Appliance, new_site: NewSite) -> None:
        """The answer takes twice as long as a lease lives."""
        site = new_site(v442).with_access_token()
        v442.fault("create", "after", "delay:6")
        holder = site.start("redtrust_csr", **site.step_options("redtrust_csr", ["www"]), patches=SHORT)
        v442.until(lambda: "create" in steps(v442))
        (first,) = site.leases()
        v442.until(lambda: self.now(site) > first["expires_at"])
        other = site.step("redtrust_csr", ["www"], wait_timeout=0)
        assert other.errors == {"LeaseHeldError"}, other
        assert holder.wait().status == 0
        assert steps(v442)["create"] == 1
        assert site.until_quiet("www")
        assert not (problems := verdict(site)), problems

    def now(self, site: Site) -> str:
        """Return the time by the clock of the store, in the store's format."""
        return site.place.now
