# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: each action, before the work and after the commit."""

from __future__ import annotations

import typing as t

import pytest
import requests

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, command, problem

pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be|Country names should be")

Moment = t.Literal["before", "after"]
MOMENTS: list[Moment] = ["before", "after"]


def keys(sandbox: Appliance) -> int:
    """Return the number of keys on the server."""
    count: int = sandbox.one("SELECT COUNT(*) FROM keys")
    return count


def expected(moment: Moment) -> int:
    """Return the number of keys that a create makes if it fails at this moment."""
    return {"before": 0, "after": 1}[moment]


@pytest.mark.parametrize("moment", MOMENTS)
def test_drop_closes_the_connection_without_an_answer(sandbox: Appliance, moment: Moment) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.fault("create", moment, "drop")
    with pytest.raises(requests.exceptions.ConnectionError):
        sandbox.create(token)
    assert keys(sandbox) - before == expected(moment)
    assert sandbox.asked("step, status, fault, mutating")[-1] == ("create", None, f"{moment}:drop", 1)
    assert sandbox.create(token).status_code == 200


@pytest.mark.parametrize("moment", MOMENTS)
def test_status_answers_with_an_envelope(sandbox: Appliance, moment: Moment) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.fault("create", moment, "status:503", retry_after="7")
    answer = sandbox.create(token)
    assert problem(answer) == (503, "UNKNOWN_ERROR")
    assert answer.headers["Retry-After"] == "7"
    assert keys(sandbox) - before == expected(moment)
    assert sandbox.asked("step, status, fault")[-1] == ("create", 503, f"{moment}:status:503")


@pytest.mark.parametrize(
    ("action", "code", "message"),
    [
        ("status:409:ERR_INVALID_STATE", "ERR_INVALID_STATE", "The server was told to fail"),
        ("status:200:SLAVE_SERVER:Servidor secundario: no", "SLAVE_SERVER", "Servidor secundario: no"),
    ],
)
def test_status_can_have_a_code_and_words_of_its_own(sandbox: Appliance, action: str, code: str, message: str) -> None:
    token = sandbox.access()
    sandbox.fault("create", "before", action)
    answer = sandbox.create(token)
    assert (answer.status_code, answer.json()["errorCode"]) == (int(action[7:10]), code)
    assert (answer.json()["message"], answer.json()["messageType"]) == (message, "ERROR")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_page_of_a_gateway(sandbox: Appliance, moment: Moment) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.fault("create", moment, "html:413")
    answer = sandbox.create(token)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "text/html")
    assert answer.text.startswith("<html>")
    assert keys(sandbox) - before == expected(moment)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("text", ["OK", "{}", "", '{"errorCode": "OK", "data": null}'])
def test_a_body_as_it_is(sandbox: Appliance, moment: Moment, text: str) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.fault("create", moment, f"body:{text}")
    answer = sandbox.create(token)
    assert (answer.status_code, answer.text) == (200, text)
    assert keys(sandbox) - before == expected(moment)


def test_status_without_retry_after_has_no_such_header(sandbox: Appliance) -> None:
    token = sandbox.access()
    sandbox.fault("create", "before", "status:500")
    assert "Retry-After" not in sandbox.create(token).headers


def test_delay_before_holds_the_work_back(sandbox: Appliance) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.fault("create", "before", "delay:1.5")
    with pytest.raises(requests.exceptions.ReadTimeout):
        impatient(sandbox, token)
    sandbox.until(lambda: sandbox.asked("answered_at")[-1][0] is not None)
    assert keys(sandbox) == before + 1
    arrived, made = sandbox.rows("SELECT r.at, k.at FROM keys k JOIN requests r ON r.id = k.request ORDER BY k.at")[-1]
    assert made - arrived >= 1.5


def test_delay_after_holds_the_answer_back(sandbox: Appliance) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.fault("create", "after", "delay:30")
    with pytest.raises(requests.exceptions.ReadTimeout):
        impatient(sandbox, token)
    sandbox.until(lambda: keys(sandbox) == before + 1)
    assert sandbox.asked("answered_at, status")[-1] == (None, None)


def test_delay_ends_in_the_ordinary_answer(sandbox: Appliance) -> None:
    token = sandbox.access()
    sandbox.fault("create", "before", "delay:0.01")
    sandbox.fault("create", "after", "delay:0.01")
    sandbox.created(token)
    assert sandbox.asked("status, fault")[-1] == (200, "before:delay:0.01,after:delay:0.01")


def impatient(sandbox: Appliance, token: str) -> requests.Response:
    """Create with a short timeout."""
    verb, path = sandbox.path("create")
    headers = {**sandbox.sign().headers(), "Authorization": f"Bearer {token}"}
    trusted = sandbox.facts["ca_path"]
    body = sandbox.create_body()
    return requests.request(verb, sandbox.url(path), json=body, headers=headers, verify=trusted, timeout=(30, 0.5))


@pytest.mark.parametrize("moment", MOMENTS)
def test_huge_is_a_well_formed_answer_of_the_size_that_is_set(sandbox: Appliance, moment: Moment) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.set(huge_bytes=3_000_000)
    sandbox.fault("create", moment, "huge")
    answer = sandbox.create(token)
    assert (answer.status_code, len(answer.content)) == (200, 3_000_000)
    assert answer.json()["errorCode"] == "OK"
    assert keys(sandbox) - before == expected(moment)


@pytest.mark.parametrize("moment", MOMENTS)
def test_rubbish_is_no_json(sandbox: Appliance, moment: Moment) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.fault("create", moment, "rubbish")
    answer = sandbox.create(token)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert keys(sandbox) - before == expected(moment)


@pytest.mark.parametrize("moment", MOMENTS)
def test_half_breaks_off(sandbox: Appliance, moment: Moment) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.fault("create", moment, "half")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        sandbox.create(token)
    assert keys(sandbox) - before == expected(moment)
    assert sandbox.asked("status, fault")[-1] == (200, f"{moment}:half")


def test_half_sends_the_first_half_of_the_answer(v442: Appliance) -> None:
    token = v442.access()
    v442.fault("create", "after", "half")
    verb, path = v442.path("create")
    headers = {"Authorization": f"Bearer {token}"}
    answer = v442.send(verb, v442.url(path), json=v442.create_body(), headers=headers, stream=True)
    got = answer.raw.read(8)
    assert answer.status_code == 200
    assert got == b'{"messag'
    assert int(answer.headers["Content-Length"]) > 1000


def test_half_of_an_empty_answer_breaks_off_too(v433: Appliance) -> None:
    token = v433.access()
    v433.fault("finalize", "after", "half")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        v433.issued(token)
    assert v433.asked("step, status, fault")[-1] == ("finalize", 200, "after:half")


@pytest.mark.parametrize("moment", MOMENTS)
def test_trickle_never_ends(sandbox: Appliance, moment: Moment) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.set(trickle_interval=0.001)
    sandbox.fault("create", moment, "trickle")
    verb, path = sandbox.path("create")
    headers = {**sandbox.sign().headers(), "Authorization": f"Bearer {token}"}
    url = sandbox.url(path)
    with sandbox.send(verb, url, json=sandbox.create_body(), headers=headers, stream=True) as answer:
        assert answer.raw.read(20) == b" " * 20
        assert sandbox.create(token).status_code == 200  # the server still serves other requests
    assert keys(sandbox) - before == expected(moment) + 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_redirect_points_elsewhere(sandbox: Appliance, moment: Moment) -> None:
    token, before = sandbox.access(), keys(sandbox)
    sandbox.fault("create", moment, "redirect:http://127.0.0.1:9/other")
    answer = sandbox.create(token)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://127.0.0.1:9/other")
    assert keys(sandbox) - before == expected(moment)


@pytest.mark.parametrize(
    "step",
    ["login_request", "login_form", "login_certificate", "exchange", "refresh", "logout", "create", "finalize"],
)
def test_a_fault_belongs_to_its_step(sandbox: Appliance, step: str) -> None:
    sandbox.fault(step, "before", "status:599")
    token = "x" * 20
    sandbox.send("GET", sandbox.login_url())
    sandbox.submit("x")
    sandbox.send("GET", sandbox.url("/authclient/auth/certificate"))
    for name in ("exchange", "refresh", "logout", "create", "finalize"):
        sandbox.ask(name, None if name == "logout" else {}, token)
    assert [asked for asked, status in sandbox.asked() if status == 599] == [step]


def test_the_direct_login_can_fail_too(v442: Appliance) -> None:
    v442.fault("login", "before", "status:599")
    assert v442.ask("login", {}).status_code == 599


def test_a_star_is_each_step(sandbox: Appliance) -> None:
    sandbox.fault("*", "before", "status:599", times=0)
    assert [sandbox.ask(step, {}).status_code for step in ("create", "logout", "finalize", "create")] == [599] * 4
    assert sandbox.send("GET", sandbox.url("/nothing")).status_code == 599


def test_skip_and_times_count(sandbox: Appliance) -> None:
    sandbox.fault("create", "before", "status:599", skip=2, times=3)
    assert [sandbox.ask("create", {}).status_code for _number in range(7)] == [401, 401, 599, 599, 599, 401, 401]
    assert sandbox.rows("SELECT seen, fired FROM faults") == [(7, 3)]


def test_the_oldest_that_is_due_comes_first(sandbox: Appliance) -> None:
    sandbox.fault("create", "before", "status:501")
    sandbox.fault("create", "before", "status:502")
    assert [sandbox.ask("create", {}).status_code for _number in range(3)] == [501, 502, 401]


def test_the_command_adds_and_clears(sandbox: Appliance) -> None:
    place = ("--directory", str(sandbox.directory))
    adding = ("fault", "add", *place, "--step", "create", "--when", "after", "--action", "status:503")
    command(*adding, "--skip", "1", "--times", "2", "--retry-after", "9")
    assert sandbox.rows("SELECT step, moment, action, argument, skip, times, retry_after FROM faults") == [
        ("create", "after", "status", "503", 1, 2, "9")
    ]
    assert [sandbox.ask("create", {}).status_code for _number in range(2)] == [401, 503]
    assert command("fault", "clear", *place).stdout == "1 cleared\n"
    assert sandbox.ask("create", {}).status_code == 401


@pytest.mark.parametrize(
    "arguments",
    [
        ("--step", "nothing", "--action", "drop"),
        ("--step", "create", "--action", "explode"),
        ("--step", "create", "--action", "status"),
        ("--step", "create", "--action", "status:99"),
        ("--step", "create", "--action", "delay:soon"),
        ("--step", "create", "--action", "redirect"),
        ("--step", "create", "--action", "drop:now"),
        ("--step", "create", "--action", "drop", "--skip", "-1"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(v433: Appliance, arguments: tuple[str, ...]) -> None:
    done = command("fault", "add", "--directory", str(v433.directory), *arguments, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("redtrust_sandbox: ")
    assert v433.rows("SELECT * FROM faults") == []


def test_latency_holds_each_answer_and_nothing_else(sandbox: Appliance) -> None:
    token, before = sandbox.access(), keys(sandbox)
    verb, path = sandbox.path("create")
    headers = {**sandbox.sign().headers(), "Authorization": f"Bearer {token}"}
    sandbox.set(latency=600)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.request(
            verb,
            sandbox.url(path),
            json=sandbox.create_body(),
            headers=headers,
            verify=sandbox.facts["ca_path"],
            timeout=(30, 0.5),
        )
    assert keys(sandbox) - before == 1
    assert sandbox.asked("step, status, fault")[-1] == ("create", 200, None)
    sandbox.set(latency=0)
    assert sandbox.create(token).status_code == 200  # while the first answer still waits
