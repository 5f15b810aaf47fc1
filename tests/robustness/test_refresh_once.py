# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A refresh token is sent once, even if there is time to retry; the ledger counts how often it arrived.

In the other tests a run does not retry (``retry_timeout: 0``). That would hide a repeated refresh.
"""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session import kept
from ansible_collections.redtrust.certificate_enroll.tests.robustness.test_session import (
    PLACES,
    Place,
    at_once,
    counted,
    let_be_due,
    reuses,
    site_of,
)
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.conftest import NewSite

LOST = ["before drop", "after drop", "after half", "after status:502", "after rubbish"]
TIME_TO_TRY_AGAIN = 5


@pytest.fixture(autouse=True)
def cheap_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys in the same way as the modules of the driver."""
    monkeypatch.setattr(kept, "_KEY_ITERATIONS", 1)


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("place", PLACES)
def test_after_a_lost_answer_a_run_logs_in(v442: Appliance, new_site: NewSite, place: Place, fault: str) -> None:
    known = reuses(v442)
    site = site_of(v442, new_site, place, retry_timeout=TIME_TO_TRY_AGAIN)
    site.run("redtrust_token")
    let_be_due(site)
    moment, action = fault.split(" ")
    v442.fault("refresh", moment, action, times=0)
    assert {one.status for one in at_once(site, 2)} == {0}
    assert site.run("redtrust_token").status == 0
    assert counted(v442) == {"login": 2, "refresh": 1}
    assert reuses(v442) == known


@pytest.mark.parametrize("fault", LOST)
def test_nor_is_it_where_only_a_person_can_log_in(v433: Appliance, new_site: NewSite, fault: str) -> None:
    """While the access token lives, no run sends a refresh token that may be used up, even after a failed run."""
    known = reuses(v433)
    site = site_of(v433, new_site, "store", retry_timeout=TIME_TO_TRY_AGAIN)
    site.run("redtrust_token", temporal_token=v433.temporary_token())
    let_be_due(site)
    moment, action = fault.split(" ")
    v433.fault("refresh", moment, action, times=1)
    at_once(site, 2)
    site.run("redtrust_token")
    assert counted(v433) == {"exchange": 1, "refresh": 1}
    assert reuses(v433) == known


def test_one_that_is_taken_is_not_sent_a_second_time(v442: Appliance, new_site: NewSite) -> None:
    known = reuses(v442)
    site = site_of(v442, new_site, "store", retry_timeout=TIME_TO_TRY_AGAIN)
    site.run("redtrust_token")
    let_be_due(site)
    list_of_two = site.step_options("redtrust_csr", ["a", "b"])
    assert site.run("redtrust_csr", **list_of_two).status == 0
    assert counted(v442) == {"login": 1, "refresh": 1}
    assert reuses(v442) == known
