# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the database away from a run: answers to COMMITs are lost, it restarts, it goes back to an earlier state."""

from __future__ import annotations

import collections.abc as c
import contextlib
import itertools
import signal
import time
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.postgres import Server
from ansible_collections.redtrust.certificate_enroll.tests.postgres_proxy import Cut, Proxy
from ansible_collections.redtrust.certificate_enroll.tests.robustness.bouncer import bouncer
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import ONE_PASS, Ran, Running, Site
from ansible_collections.redtrust.certificate_enroll.tests.robustness.places import Database
from ansible_collections.redtrust.certificate_enroll.tests.robustness.verdict import verdict
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

if t.TYPE_CHECKING:
    from .conftest import NewSite

Record = c.Callable[[str, object], None]
ENDS = {"a restart": signal.SIGINT, "a crash": signal.SIGQUIT, "a kill": signal.SIGKILL}
# A run that waits this long for a database that stays away gives up soon.
IMPATIENT = {"_store.postgresql.PATIENCE_SECONDS": 0.5}


@contextlib.contextmanager
def cutting(appliance: Appliance, new_site: NewSite, dsn: str) -> c.Iterator[tuple[Site, Proxy]]:
    """Return a place behind a proxy that cuts, which has issued one certificate."""
    with Proxy(dsn) as proxy:
        site = new_site(appliance, place=Database(dsn, proxy.dsn), workers=1).with_access_token()
        assert site.step(ONE_PASS, ["first"]).status == 0
        yield site, proxy


def commits(site: Site, proxy: Proxy) -> int:
    """Return how many COMMITs a run has that issues one certificate."""
    proxy.arm({})
    assert site.step(ONE_PASS, ["traced"]).status == 0
    assert proxy.commits > 4
    return proxy.commits


def keys(site: Site) -> int:
    count: int = site.appliance.one("SELECT COUNT(*) FROM keys WHERE request > ?", site.since)
    return count


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER, Cut.AT_ONCE], ids=lambda cut: cut.name)
class TestAnAnswerToACommitIsLost:
    def test_the_run_goes_on_and_tells_it_right(
        self, v442: Appliance, new_site: NewSite, dsn: str, cut: Cut, record_property: Record
    ) -> None:
        with cutting(v442, new_site, dsn) as (site, proxy):
            count = commits(site, proxy)
            for number in range(1, count + 1):
                before, name = keys(site), f"{cut.name} {number}"
                proxy.arm({number: cut})
                ran = site.step(ONE_PASS, [name])
                assert proxy.happened == 1
                assert (ran.status, ran.errors) == (0, set()), f"COMMIT {number} of {count}: {ran}"
                assert ran.entries[name]["action"] == "issue"
                assert keys(site) == before + 1
            names = ["first", "traced", *(f"{cut.name} {number}" for number in range(1, count + 1))]
            assert site.until_quiet(*names, first=ONE_PASS) == 1
            assert not (problems := verdict(site)), "\n".join(problems)
        record_property("COMMITs whose answer was lost", count)

    def test_when_the_database_stays_away_the_next_run_goes_on(
        self, v442: Appliance, new_site: NewSite, dsn: str, cut: Cut, record_property: Record
    ) -> None:
        with cutting(v442, new_site, dsn) as (site, proxy):
            count = commits(site, proxy)
            for number in range(1, count + 1):
                proxy.arm({number: cut}, stay_down=True)
                ran = site.step(ONE_PASS, [f"{cut.name} {number}"], patches=IMPATIENT)
                proxy.is_down = False
                assert proxy.happened == 1
                assert told(ran) <= {"StoreError", "NotTriedError"}, f"COMMIT {number} of {count}: {ran}"
            site.let_leases_end()
            names = ["first", "traced", *(f"{cut.name} {number}" for number in range(1, count + 1))]
            site.until_quiet(*names, first=ONE_PASS)
            assert not (problems := verdict(site, never_left=1)), "\n".join(problems)
        record_property("COMMITs whose answer was lost", count)


def test_answers_to_the_commits_of_a_long_list_are_lost(
    v442: Appliance, new_site: NewSite, dsn: str, record_property: Record
) -> None:
    """Many threads share each COMMIT."""
    with cutting(v442, new_site, dsn) as (site, proxy):
        v442.fault("create", "before", "delay:0.02", times=0)
        names = [f"name {number}" for number in range(60)]
        ways = itertools.cycle((Cut.BEFORE, Cut.AFTER, Cut.AT_ONCE))
        proxy.arm(dict(zip(range(3, 100, 3), ways, strict=False)))
        ran = site.step(ONE_PASS, names, workers=8)
        assert proxy.happened >= 10
        assert (ran.status, ran.errors) == (0, set()), str(ran)
        assert keys(site) == 1 + len(names)
        assert site.until_quiet("first", *names, first=ONE_PASS) == 1
        assert not (problems := verdict(site)), "\n".join(problems)
        record_property("COMMITs whose answer was lost", proxy.happened)


def told(ran: Ran) -> set[str]:
    """Return the errors of a run."""
    assert "another run" not in str(ran)
    return ran.errors


def begun(site: Site, names: c.Sequence[str], before: int, **others: t.Any) -> Running:
    """Start a run, and wait until it has made some keys."""
    site.appliance.fault("create", "before", "delay:0.05", times=0)
    running = site.start(ONE_PASS, **site.step_options(ONE_PASS, names), **others)
    site.appliance.until(lambda: keys(site) >= before)
    return running


@pytest.fixture(scope="module")
def own_server() -> t.Iterator[Server]:
    """Run a server for tests that restart it or take its data away."""
    with Server() as server:
        yield server.start()


@pytest.mark.parametrize("end", ENDS)
def test_the_database_is_restarted_in_the_middle_of_a_list(
    v442: Appliance, new_site: NewSite, own_server: Server, end: str
) -> None:
    site = new_site(v442, place=Database(own_server.database()), workers=4).with_access_token()
    names = [f"name {number}" for number in range(60)]
    running = begun(site, names, 10)
    own_server.restart(ENDS[end])
    ran = running.wait()
    assert (ran.status, ran.errors) == (0, set()), str(ran)
    assert 10 <= keys(site) == 60
    assert site.until_quiet(*names, first=ONE_PASS) == 1
    assert not (problems := verdict(site)), "\n".join(problems)


def test_a_database_that_does_not_come_back_costs_no_result(
    v442: Appliance, new_site: NewSite, own_server: Server
) -> None:
    """The list ends early, and says what it has done: the handlers of a job, and its next nodes, need the names."""
    workers = 4
    site = new_site(v442, place=Database(own_server.database()), workers=workers).with_access_token()
    names = [f"name {number}" for number in range(60)]
    running = begun(site, names, 15, patches=IMPATIENT)
    own_server.stop()
    ran = running.wait()
    own_server.start()
    uploaded = v442.one("SELECT COUNT(*) FROM requests WHERE step = 'finalize' AND id > ?", site.since)
    assert ran.status == 1, str(ran)
    assert ran.said["changed"]
    assert ran.said["error"] == {"type": "StoreError"}
    assert "were not begun: store" in ran.said["msg"]
    assert ran.said["report"][-1].startswith("not begun: store")
    assert 0 < len(ran.said["changed_names"]) <= uploaded < len(names)
    assert set(ran.said["changed_names"]) <= {one["name"] for one in site.revisions() if one["state"] == "finalized"}
    site.let_leases_end()
    site.until_quiet(*names, first=ONE_PASS)
    assert not (problems := verdict(site, never_left=2 * workers)), "\n".join(problems)


@pytest.mark.parametrize("promote", [False, True], ids=["same timeline", "new timeline"])
def test_a_database_that_goes_back_is_noticed_before_the_next_create(
    v442: Appliance, new_site: NewSite, own_server: Server, promote: bool
) -> None:
    """The last commits are lost, as by a failover to a standby that lags behind.

    A request whose intent was committed before may still leave, and no other.
    """
    workers = 2
    site = new_site(v442, place=Database(own_server.database()), workers=workers).with_access_token()
    names = [f"name {number}" for number in range(60)]
    assert site.step(ONE_PASS, names[:5]).status == 0
    copy = own_server.copied()
    running = begun(site, names, 15)
    gone_at = time.time()
    own_server.go_back(copy, promote=promote)
    assert len(site.revisions()) == 5
    ran = running.wait()
    assert v442.one("SELECT COUNT(*) FROM requests WHERE step = 'create' AND at > ?", gone_at) <= 2 * workers
    assert ran.status == 1, str(ran)
    assert "earlier state" in str(ran.said), str(ran)
    assert len(site.revisions()) == 5


def test_pgbouncer_in_transaction_mode(v442: Appliance, new_site: NewSite, dsn: str) -> None:
    """Two runs share three connections to the server."""
    with bouncer(dsn, connections=3) as through:
        site = new_site(v442, place=Database(dsn, through)).with_login().with_session_key()
        names = [f"name {number}" for number in range(20)]
        options = site.step_options(ONE_PASS, names)
        ran = [one.wait() for one in [site.start(ONE_PASS, **options) for _number in range(2)]]
        assert [one.status for one in ran] == [0, 0], "\n".join(map(str, ran))
        assert keys(site) == 20
        assert site.until_quiet(*names, first=ONE_PASS) == 1
        assert not (problems := verdict(site)), "\n".join(problems)
