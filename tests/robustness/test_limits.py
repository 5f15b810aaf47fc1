# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that several processes on one store keep together, by the ledger of the server."""

from __future__ import annotations

import collections.abc as c
import json
import sys
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.robustness.direct import steps
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import ONE_PASS, Ran, Site
from ansible_collections.redtrust.certificate_enroll.tests.robustness.verdict import verdict

RUNS = 3
NAMES = [f"name {number}" for number in range(30)]


def at_once(site: Site, **options: t.Any) -> list[Ran]:
    """Issue the names with several processes at once, each with names of its own."""
    lists = [NAMES[number::RUNS] for number in range(RUNS)]
    running = [site.start(ONE_PASS, **{**site.step_options(ONE_PASS, names), **options}) for names in lists]
    return [one.wait() for one in running]


def assert_limited(moments: c.Sequence[float], begin: float, rate: float, burst: int) -> None:
    """Check that no moment comes sooner after the beginning than the rate and the burst allow."""
    for number, moment in enumerate(sorted(moments), 1):
        assert number <= rate * (moment - begin) + burst


def arrivals(site: Site) -> list[float]:
    return [at for (at,) in site.appliance.rows("SELECT at FROM requests WHERE id > ?", site.since)]


def messages(ran: Ran) -> set[str]:
    return {str(entry["msg"]) for entry in ran.entries.values() if entry["failed"]}


def test_all_runs_together_keep_to_the_rate_of_the_service(site: Site) -> None:
    begin = time.time()
    ran = at_once(site, rate="10/s", burst=1)
    assert [one.status for one in ran] == [0] * RUNS, "\n".join(map(str, ran))
    asked = steps(site.appliance)
    assert (asked["create"], asked["finalize"], asked["login"]) == (30, 30, 1)
    assert_limited(arrivals(site), begin, 10, 1)
    assert not (problems := verdict(site)), problems


def test_all_runs_together_keep_to_the_rate_of_a_ca(site: Site, tmp_path: Path) -> None:
    ca = Path(__file__).with_name("signing_ca.py")
    log = tmp_path / "signed"
    words = f"import runpy, sys, time; open({str(log)!r}, 'a').write(f'{{time.time()}}\\n'); sys.argv = sys.argv[1:]"
    program = f"{words}; runpy.run_path(sys.argv[0], run_name='__main__')"
    directory = str(Path(site.local_ca["certificate_path"]).parent)
    argv = [sys.executable, "-c", program, str(ca), directory, json.dumps({})]
    begin = time.time()
    options: dict[str, t.Any] = {"signer": "command", "command": {"argv": argv, "rate": "300/min", "burst": 1}}
    ran = at_once(site, **options)
    assert [one.status for one in ran] == [0] * RUNS, "\n".join(map(str, ran))
    moments = [float(line) for line in log.read_text().splitlines()]
    assert len(moments) == 30
    assert_limited(moments, begin, 5, 1)
    assert not (problems := verdict(site)), problems


def test_the_rate_of_a_ca_needs_no_server(site: Site) -> None:
    for name in ("www", "mail"):
        assert site.step("redtrust_csr", [name]).status == 0
    options = site.step_options("redtrust_sign", ["www", "mail"])
    options["local_ca"] = {**options["local_ca"], "rate": "100/s"}
    service = site.options.pop("host")
    signed = site.run("redtrust_sign", **options, service=service)
    assert signed.status == 0, signed
    assert [row["state"] for row in site.revisions()] == ["issued"] * 2
    assert len(site.rows("SELECT key FROM limits WHERE key LIKE 'signer/%'")) == 1


class TestPauses:
    def test_one_that_is_long_for_one_run_stops_all(self, site: Site) -> None:
        site.appliance.fault("create", "before", "status:429", retry_after="600")
        options: dict[str, t.Any] = {"workers": 1, "retry_timeout": 30}
        first = site.step(ONE_PASS, NAMES[:10], **options)
        told = messages(first)
        assert any("asks to wait 600 seconds" in words for words in told)
        assert any("the service asked all runs to wait until" in words and "HTTP 429" in words for words in told)
        assert len(told) == 2
        assert first.said["summary"]["not_tried"] >= 8
        asked = steps(site.appliance)
        assert asked == {"login": 1, "create": 1}
        second = site.step(ONE_PASS, NAMES[10:20], **options)
        assert steps(site.appliance) == asked
        (words,) = messages(second)
        assert "not tried, since the service asked all runs to wait until 20" in words
        assert "(HTTP 429, UNKNOWN_ERROR" in words
        assert second.said["stopped"] == words
        assert [row for row in site.revisions() if row["failures"]] == []
        allowed = site.run("redtrust_token", force=True)
        assert allowed.status == 0, allowed
        for names in (NAMES[:10], NAMES[10:20]):
            done = site.step(ONE_PASS, names, **options)
            assert done.status == 0, done
        assert not (problems := verdict(site)), problems

    def test_one_that_is_short_is_waited_for_by_all(self, site: Site) -> None:
        assert site.run("redtrust_token").status == 0
        site.appliance.fault("create", "before", "status:429", retry_after="5")
        ran = at_once(site, retry_timeout=60, workers=1)
        failed = [words for one in ran for words in messages(one)]
        assert len(failed) == 1, ran
        assert "asks to wait 5 seconds" in failed[0]
        ((paused_at,),) = site.appliance.rows(
            "SELECT answered_at FROM requests WHERE status = 429 AND id > ?", site.since
        )
        after = sorted(at - paused_at for at in arrivals(site) if at > paused_at)
        # some were on their way already, and a run may have looked for pauses a second before
        assert len(after) > 20
        assert [at for at in after if 3 < at < 5] == []
        warned = str([one.said["warnings"] for one in ran if "warnings" in one.said])
        assert "the service asked all runs to wait until" in warned
        assert "(HTTP 429, UNKNOWN_ERROR" in warned
        assert site.until_quiet(*NAMES, first=ONE_PASS) <= 2
        assert not (problems := verdict(site)), problems


class TestARunThatIsKilled:
    def test_what_waits_for_its_turn_was_not_sent(self, site: Site) -> None:
        names = NAMES[:8]
        running = site.start(ONE_PASS, **{**site.step_options(ONE_PASS, names), "rate": "2/h", "burst": 3})
        # the login and two keys use up the burst; the certificates are there, and wait for their upload
        site.appliance.until(lambda: [row["state"] for row in site.revisions()] == ["issued"] * 2)
        running.kill()
        running.wait()
        assert steps(site.appliance) == {"login": 1, "create": 2}
        assert [row["state"] for row in site.revisions()] == ["issued"] * 2
        site.let_leases_end()
        assert site.until_quiet(*names, first=ONE_PASS) <= 2
        assert site.appliance.one("SELECT COUNT(*) FROM keys WHERE request > ?", site.since) == len(names)
        assert not (problems := verdict(site)), problems


class TestAWrongPassword:
    def test_it_is_tried_once_for_all(self, site: Site) -> None:
        lists = [NAMES[number::RUNS] for number in range(RUNS)]
        running = [
            site.start(
                ONE_PASS,
                **site.step_options(ONE_PASS, names),
                password="not the one",
                session_path=str(site.certificates / f"on machine {number}"),
            )
            for number, names in enumerate(lists)
        ]
        ran = [one.wait() for one in running]
        assert steps(site.appliance) == {"login": 1}
        assert all("User, password or domain is wrong" in words for one in ran for words in messages(one))
        assert sum(any("No run tries these credentials again" in w for w in messages(one)) for one in ran) == RUNS - 1
        assert all("password or domain is wrong" in one.said["stopped"] for one in ran)
        assert "not the one" not in "".join(one.stdout for one in ran)
        assert len(site.rows("SELECT key FROM limits WHERE key LIKE 'login/%'")) == 1

    def test_other_credentials_are_tried_at_once(self, site: Site) -> None:
        assert "User, password" in str(site.step(ONE_PASS, ["www"], password="not the one").said)
        done = site.step(ONE_PASS, ["www"])
        assert done.status == 0, done
        assert steps(site.appliance)["login"] == 2

    def test_a_person_may_have_them_tried_again(self, site: Site) -> None:
        wrong: dict[str, t.Any] = {"password": "not the one"}
        for _number in range(3):
            assert site.step(ONE_PASS, ["www"], **wrong).status == 1
        assert steps(site.appliance)["login"] == 1
        assert site.run("redtrust_token", **wrong, force=True).status == 1
        assert steps(site.appliance)["login"] == 2
        assert site.step(ONE_PASS, ["www"], **wrong).status == 1
        assert steps(site.appliance)["login"] == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": "fast"}, "rate must be how many in a second"),
        ({"burst": 5}, "burst needs rate"),
        ({"local_ca": {"rate": "8/m"}}, "local_ca.rate must be how many in a second"),
    ],
)
def test_a_limit_that_makes_no_sense_is_told_before_anything_is_sent(
    site: Site, options: dict[str, t.Any], words: str
) -> None:
    given = site.step_options(ONE_PASS, ["www"])
    own = {**options, "local_ca": {**given["local_ca"], **options.get("local_ca", {})}}
    ran = site.run(ONE_PASS, **{**given, **own})
    assert ran.status == 1
    assert ran.said["msg"].startswith(words)
    assert steps(site.appliance) == {}
