# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that are sent again and those that are not, by the ledger; pauses take no time here."""

from __future__ import annotations

import base64
import email.utils
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import RefusedError, ServiceError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Tokens
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.client import Client
from ansible_collections.redtrust.certificate_enroll.tests.robustness.direct import SPEC, Machine, steps
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import ONE_PASS, Fault
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, certificate_for, der

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.conftest import NewSite

Call = t.Callable[[Client], object]
# These steps do no harm twice, so the client may repeat them after a lost answer; it may not repeat the others.
REPEATABLE = ("login", "logout", "finalize")
FAULTS = ["before drop", "after drop", "after half", "before status:503", "after status:502", "before status:429"]
# A complete 503 or 429 to a refresh means that the service did not carry it out.
WHEN_BUSY = [("refresh", "before status:503"), ("refresh", "before status:429")]
NEVER = ["before status:500", "before status:401", "before status:403", "before status:400", "before rubbish"]


def call(appliance: Appliance, step: str) -> Call:
    """Return the call of a step that works without a fault; its requirements exist already."""
    facts = appliance.facts
    if step == "login":
        return lambda one: one.login(facts["username"], facts["password"], facts["domain"])
    if step == "exchange":
        temporary = appliance.temporary_token()
        return lambda one: one.exchange(temporary)
    given = appliance.tokens()
    tokens = Tokens(given["accessToken"], given["refreshToken"])
    if step == "finalize":
        request = appliance.created(
            given["accessToken"], provider="CA_DEMO", keyType="ECDSA", keyLength=_length(appliance)
        )
        data = base64.b64encode(der(certificate_for(request.csr.public_key()))).decode()
        return lambda one: one.finalize(tokens, request.code, request.provider, data)
    calls: dict[str, Call] = {
        "refresh": lambda one: one.refresh(tokens),
        "logout": lambda one: one.logout(tokens),
        "create": lambda one: one.create(tokens, SPEC),
    }
    return calls[step]


def _length(appliance: Appliance) -> object:
    return "256" if appliance.is_433 else 256


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", ["login", "exchange", "refresh", "logout", "create", "finalize"])
def test_what_may_be_repeated_is_and_nothing_else(v442: Appliance, step: str, fault: str) -> None:
    """The service fails twice, then works."""
    send = call(v442, step)
    before = steps(v442).get(step, 0)
    moment, action = fault.split(" ")
    v442.fault(step, moment, action, times=2)
    machine = Machine()
    one = machine.client(v442, machine.retry(1000.0))
    if step in REPEATABLE or (step, fault) in WHEN_BUSY:
        if fault.startswith("after") and step == "logout":
            # the first request was carried out, so the second finds no session
            with pytest.raises(RefusedError, match="SESSION_ENDED"):
                send(one)
        else:
            send(one)
            assert steps(v442)[step] - before == 3
            assert len(machine.waited) == 2
    else:
        with pytest.raises(ServiceError):
            send(one)
        assert steps(v442)[step] - before == 1
        assert machine.waited == []


@pytest.mark.parametrize("fault", NEVER)
@pytest.mark.parametrize("step", ["login", "exchange", "refresh", "logout", "create", "finalize"])
def test_what_does_not_mend_itself_is_sent_once(v442: Appliance, step: str, fault: str) -> None:
    send = call(v442, step)
    before = steps(v442).get(step, 0)
    moment, action = fault.split(" ")
    v442.fault(step, moment, action, times=0)
    machine = Machine()
    with pytest.raises(ServiceError):
        send(machine.client(v442, machine.retry(1000.0)))
    # the client asks once more for an upload that is not confirmed
    assert steps(v442)[step] - before == (2 if (step, fault) == ("finalize", "before rubbish") else 1)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed(v442: Appliance, form: str) -> None:
    """A date is by the clock of the service, which is three hours ahead."""
    v442.set(clock_offset=10800)
    value = "40" if form == "seconds" else email.utils.formatdate(time.time() + 10800 + 40, usegmt=True)
    v442.fault("login", "before", "status:503", retry_after=value, times=1)
    machine = Machine(wrong=10800)
    send = call(v442, "login")
    send(machine.client(v442, machine.retry(1000.0)))
    assert 35.0 <= sum(machine.waited) <= 41.0
    assert steps(v442)["login"] == 2


def test_retry_after_beyond_the_deadline_lets_the_failure_stand(v442: Appliance) -> None:
    v442.fault("login", "before", "status:503", retry_after="4000", times=0)
    machine = Machine()
    with pytest.raises(RefusedError, match="asks to wait 4000 seconds"):
        call(v442, "login")(machine.client(v442, machine.retry(30.0)))
    assert (steps(v442)["login"], machine.waited) == (1, [])


def test_no_attempt_begins_after_the_deadline(v442: Appliance) -> None:
    v442.fault("login", "before", "status:503", times=0)
    machine = Machine()
    with pytest.raises(RefusedError):
        call(v442, "login")(machine.client(v442, machine.retry(60.0)))
    assert sum(machine.waited) < 60.0
    assert 4 <= steps(v442)["login"] <= len(machine.waited) + 1


@pytest.mark.parametrize(
    ("module", "workers"), [("redtrust_csr", 1), ("redtrust_csr", 4), (ONE_PASS, 1), (ONE_PASS, 4)]
)
def test_a_service_that_is_down_is_not_asked_for_the_rest_of_the_list(
    v442: Appliance, new_site: NewSite, module: str, workers: int
) -> None:
    site = new_site(v442, workers=workers).with_access_token()
    before = steps(v442).get("create", 0)
    v442.fault("create", "before", "status:503", times=0)
    ran = site.step(module, [f"name {number}" for number in range(20)])
    assert ran.status, ran
    asked = steps(v442)["create"] - before
    assert 3 <= asked <= 3 + workers - 1
    kinds = [entry["error"]["type"] for entry in ran.entries.values()]
    assert sorted(set(kinds)) == ["NotTriedError", "RefusedError"]
    assert kinds.count("RefusedError") == asked


@pytest.mark.parametrize("module", ["redtrust_csr", ONE_PASS])
def test_what_is_not_tried_is_not_leased(v442: Appliance, new_site: NewSite, tmp_path: Path, module: str) -> None:
    """A lease costs a write, and a name of a list that is not tried has nothing to write."""
    site = new_site(v442, workers=1).with_access_token()
    v442.fault("create", "before", "status:503", times=0)
    names = [f"name {number}" for number in range(700)]
    ran = site.step(module, names, Fault(trace=str(tmp_path / "trace")))
    assert ran.said["summary"] == {"failed": 3, "not_tried": 697}, ran
    reached = (tmp_path / "trace").read_text(encoding="utf-8").split("\n")
    assert reached.count("store acquire committed") <= 4


def test_a_name_that_is_refused_does_not_stop_the_others(v442: Appliance, new_site: NewSite) -> None:
    site = new_site(v442, workers=1).with_access_token()
    v442.fault("create", "before", "status:400", times=6)
    ran = site.step("redtrust_csr", [f"name {number}" for number in range(8)])
    assert [entry["failed"] for entry in ran.entries.values()] == [True] * 6 + [False] * 2
