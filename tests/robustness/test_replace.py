# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill runs in the middle of a replacement: others take it up, and each certificate is replaced once."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.robustness.direct import steps
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import ONE_PASS, Fault, Ran, Site
from ansible_collections.redtrust.certificate_enroll.tests.robustness.verdict import verdict

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

    from .conftest import NewSite

NAMES = [f"name {number:02}" for number in range(12)]
REPLACE = {"provider": "CA_DEMO", "deadline": "1h"}
KILLED = -9


def issued(site: Site) -> list[str]:
    """Have certificates that are not due; return their thumbprints."""
    ran = site.step(ONE_PASS, NAMES)
    assert ran.status == 0, ran
    return [str(entry["thumbprint"]) for entry in ran.entries.values()]


def options(site: Site, **more: t.Any) -> dict[str, t.Any]:
    """Return the options of a run without a list, for which nothing is due."""
    given = {**site.step_options(ONE_PASS, []), "renew_before": "never", **more}
    return {name: value for name, value in given.items() if name != "certificates"}


def replacement(ran: Ran) -> dict[str, t.Any]:
    assert ran.status == 0, ran
    found: dict[str, t.Any] = ran.said["replacement"]
    return found


def check(site: Site, thumbprints: list[str], lost: int) -> None:
    """Check the ledger: each certificate was renewed once, by its thumbprint, and each key is accounted for.

    ``lost`` requests at most were under way when a run was killed.
    """
    rows = site.appliance.rows(
        "SELECT renews, finalized_at IS NOT NULL FROM keys WHERE renews IS NOT NULL AND request > ?", site.since
    )
    assert sorted(renews for renews, used in rows if used) == sorted(thumbprints)
    assert len(rows) - len(thumbprints) <= lost
    last = site.run(ONE_PASS, **options(site))
    assert (last.status, last.changed, last.said["replacement"]) == (0, False, None), last
    again = site.run(ONE_PASS, **options(site, replace=REPLACE))
    assert not again.changed, again
    assert replacement(again)["ended_at"] is not None
    assert not (problems := verdict(site, never_left=lost)), problems


@pytest.mark.parametrize("store_kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("point", "skip", "lost"),
    [
        ("store replacement before", 0, 0),
        ("store replacement committed", 0, 0),
        ("create send", 3, 2),
        ("create received", 3, 2),
        ("sign after", 5, 1),
        ("store put finalized committed", 5, 1),
        ("store note committed", 1, 2),
    ],
)
def test_a_run_that_is_killed(site: Site, point: str, skip: int, lost: int) -> None:
    thumbprints = issued(site)
    killed = site.run(ONE_PASS, Fault(point, "kill", skip=skip), **options(site, replace=REPLACE, workers=1))
    assert killed.status == KILLED, killed
    begun = point != "store replacement before"
    taken_up = site.run(ONE_PASS, **options(site, **({} if begun else {"replace": REPLACE})))
    ended = replacement(taken_up)
    assert (ended["total"], ended["left"], ended["replaced"]) == (12, 0, 12)
    check(site, thumbprints, lost)


@pytest.mark.parametrize("store_kind", ["sqlite", "postgresql"])
def test_three_runs_of_which_one_is_killed(v442: Appliance, new_site: NewSite) -> None:
    site = new_site(v442, workers=1).with_access_token()
    thumbprints = issued(site)
    v442.fault("create", "before", "delay:0.2", times=0)
    before = steps(v442)["create"]
    running = [site.start(ONE_PASS, **options(site, replace=REPLACE)) for _run in range(3)]
    v442.until(lambda: steps(v442)["create"] >= before + 4)
    running[0].kill()
    ran = [one.wait() for one in running]
    assert [one.status for one in ran] == [KILLED, 0, 0], "\n".join(map(str, ran))
    with v442.database() as connection:
        connection.execute("DELETE FROM faults")
    last = site.run(ONE_PASS, **options(site))
    assert last.status == 0, last
    check(site, thumbprints, lost=2)
