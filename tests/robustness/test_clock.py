# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wrong clock costs one refused request, but no certificate, session or account; the ledger records the requests."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import RefusedError, UnauthorizedError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Tokens
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session import kept as _kept_session
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.credentials import (
    Credentials,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session import Session
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session_file import SessionFile
from ansible_collections.redtrust.certificate_enroll.tests.robustness.direct import SPEC, Machine, refusals, steps

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.conftest import NewSite
    from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture(autouse=True)
def cheap_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys fast; these tests do not check how a session is sealed."""
    monkeypatch.setattr(_kept_session, "_KEY_ITERATIONS", 1)


def login(machine: Machine, appliance: Appliance, path: Path) -> Session:
    """Return the session of a new process."""
    facts = appliance.facts
    if appliance.is_433:
        credentials = Credentials(temporal_token=appliance.temporary_token(), partner_secret=b"s")
    else:
        credentials = Credentials(facts["username"], facts["password"], facts["domain"])
    kept = SessionFile(str(path), b"the same for all")
    return Session(
        machine.client(appliance),
        credentials,
        kept,
        register=lambda _token: None,
        now=machine.now,
        monotonic=machine.monotonic,
        jitter=lambda least, _most: least,
    )


@pytest.mark.parametrize("status", ["401", "403"])
@pytest.mark.parametrize("offset", [-2 * HOUR, 2 * HOUR])
def test_a_whole_run_with_a_wrong_clock(sandbox: Appliance, new_site: NewSite, offset: float, status: str) -> None:
    """The first request of each run detects the offset and corrects it; all others have the right time at once."""
    sandbox.set(clock_offset=offset, signature_status=status, timestamp_window=90)
    site = new_site(sandbox)
    if sandbox.is_433:
        # to sign in, the client of these tests would have to know the time of the server
        sandbox.set(timestamp_window=3 * HOUR)
        token = sandbox.temporary_token()
        sandbox.set(timestamp_window=90)
        first: dict[str, t.Any] = {"temporal_token": token}
    else:
        site.with_login()
        first = {}
    before = len(sandbox.asked())
    opened = site.run("redtrust_token", **first)
    assert opened.status == 0, opened
    requested = site.step("redtrust_csr", ["a", "b", "c"], workers=1)
    assert requested.status == 0, requested
    for ran in (opened, requested):
        (warning,) = [str(one) for one in ran.said["warnings"] if "clock" in str(one)]
        found = re.search(r"is (\d+) seconds (behind|ahead of) that of the service", warning)
        assert found is not None, warning
        assert 7190 < int(found[1]) < 7210
        assert (found[2] == "behind") is (offset > 0)
    asked = sandbox.asked("step, error_code")[before:]
    step = "exchange" if sandbox.is_433 else "login"
    late = "TIMESTAMP_OUT_OF_WINDOW"
    assert asked == [(step, late), (step, None), ("create", late), *[("create", None)] * 3]
    assert site.run("redtrust_token").said["action"] == "none"


def test_a_clock_that_is_right_costs_nothing(sandbox: Appliance, tmp_path: Path) -> None:
    machine = Machine(wrong=45.0)
    session = login(machine, sandbox, tmp_path / "session")
    before = len(sandbox.asked())
    session.open()
    assert len(sandbox.asked()) == before + 1
    assert machine.warnings == []


@pytest.mark.parametrize("wrong", [0.0, 45.0, -45.0])
def test_a_wrong_password_is_sent_once(v442: Appliance, wrong: float) -> None:
    one = Machine(wrong).client(v442)
    with pytest.raises(UnauthorizedError, match="ERR_INVALID_AUTH"):
        one.login(v442.facts["username"], "wrong", v442.facts["domain"])
    assert v442.asked() == [("login", 401)]


def test_a_clock_that_is_right_is_not_made_good_for_another_refusal(sandbox: Appliance) -> None:
    """The window is so narrow that no time fits. The Date of the answer shows that the clock is right."""
    access = sandbox.tokens()["accessToken"]
    before = len(sandbox.asked())
    sandbox.set(timestamp_window=-1)
    one = Machine().client(sandbox)
    with pytest.raises(RefusedError, match="TIMESTAMP_OUT_OF_WINDOW"):
        one.create(Tokens(access), SPEC)
    assert len(sandbox.asked()) == before + 1


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_clock_that_jumps_in_the_middle_of_a_run(sandbox: Appliance, tmp_path: Path, jump: float) -> None:
    """No request is refused, the session is not refreshed, and there is no second login."""
    machine = Machine()
    session = login(machine, sandbox, tmp_path / "session")
    one = session._client
    before = len(sandbox.asked())
    session.call(lambda tokens: one.create(tokens, SPEC))
    machine.wrong = jump
    for _number in range(3):
        session.call(lambda tokens: one.create(tokens, SPEC))
    step = "exchange" if sandbox.is_433 else "login"
    assert sandbox.asked()[before:] == [(step, 200), *[("create", 200)] * 4]
    assert len(machine.warnings) == 1


@pytest.mark.parametrize("wrong", [-5 * HOUR, 5 * HOUR])
def test_the_life_of_a_session_is_counted_by_the_clock_of_the_service(
    v442: Appliance, tmp_path: Path, wrong: float
) -> None:
    """Run ten processes one by one on a machine that is hours off: one login, and no refresh before its time."""
    machine = Machine(wrong)
    how = [login(machine, v442, tmp_path / "session").open().how for _number in range(10)]
    assert how == ["login"] + ["kept"] * 9
    machine.wrong += 500.0  # of 600
    assert login(machine, v442, tmp_path / "session").open().how == "refresh"
    assert login(machine, v442, tmp_path / "session").open().how == "kept"
    asked = steps(v442)
    assert asked["refresh"] - len([row for row in refusals(v442) if row[0] == "refresh"]) == 1
    assert asked["login"] - len([row for row in refusals(v442) if row[0] == "login"]) == 1
