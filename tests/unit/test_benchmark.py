# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark: its arithmetic, its table, its command line, and one small run. No test asserts a time."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    Calendar,
    Freeze,
    RenewalPolicy,
    Window,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_store
from ansible_collections.redtrust.certificate_enroll.tests.benchmark import command, fleet, renewals
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.figures import (
    Figure,
    Goal,
    Run,
    compared,
    number,
    ratio,
    table,
)
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.measures import MEASURES, SIZES
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.runs import alternate

ROOT = Path(__file__).resolve().parents[2]


def ran(*seconds: float) -> list[Run]:
    """Return runs that took so many seconds."""
    return [Run(each, each / 2, 50.0) for each in seconds]


def test_a_ratio_is_the_median_of_the_pairs() -> None:
    assert ratio([4, 30, 6], [2, 3, 2]) == 3


def test_a_ratio_of_an_uneven_number_of_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio([1, 2], [1])


def test_a_cost_is_ours_over_theirs_and_a_share_is_theirs_over_ours() -> None:
    cost = compared("one", ran(6), ran(2), Goal(3), "empty playbook")
    share = compared("issue", ran(6), [Run(3, 6, 50)], Goal(0.45, least=True), "bare")
    assert (cost.value, cost.reached) == (3, True)
    assert (share.value, share.of_cpu, share.reached) == (0.5, 2, True)
    assert (share.other, share.ours) == ("bare 3 s", "6 s")


@pytest.mark.parametrize(
    ("goal", "value", "reached"),
    [
        (Goal(3), 3.0, True),
        (Goal(3), 3.01, False),
        (Goal(0.9, least=True), 0.9, True),
        (Goal(0.9, least=True), 0.89, False),
        (Goal(3), None, None),
        (None, 3.0, None),
    ],
)
def test_a_goal_is_reached_or_not_or_there_is_none(
    goal: Goal | None, value: float | None, reached: bool | None
) -> None:
    assert Figure("a measure", value, goal).reached is reached


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0042, "0.0042"), (0.9, "0.9"), (2.0, "2"), (10.53, "10.5"), (123.4, "123")],
)
def test_a_number_has_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_the_table_has_a_line_for_each_figure_and_the_notes_below() -> None:
    figures = [
        compared("one certificate", ran(6), ran(1), Goal(3), "empty playbook"),
        Figure("fsync", None, Goal(0.85, least=True), note="there is no compiler"),
        Figure("memory", 123.4, Goal(300), "MB"),
    ]
    heading, rule, *lines = table(figures).splitlines()
    assert heading.split() == ["measure", "compared", "with", "ours", "result", "of", "CPU", "goal", "reached"]
    assert set(rule) == {"-", " "}
    assert re.split(r"\s{2,}", lines[0]) == ["one certificate", "empty playbook 1 s", "6 s", *"66", "at most 3", "NO"]
    assert re.split(r"\s{2,}", lines[1]) == ["fsync", "not measured", "at least 0.85"]
    assert re.split(r"\s{2,}", lines[2]) == ["memory", "123 MB", "at most 300", "yes"]
    assert lines[3:] == ["", "fsync: there is no compiler"]


def test_the_json_has_every_run() -> None:
    figure = compared("one", ran(6, 8), ran(2, 2), Goal(3), "empty playbook", note="a note")
    told = json.loads(json.dumps(figure.to_json()))
    assert (told["value"], told["goal"], told["reached"], told["note"]) == (3.5, "at most 3", False, "a note")
    assert [run["seconds"] for run in told["runs"]["ours"]] == [6, 8]
    assert told["runs"]["empty playbook"][0] == {"seconds": 2, "cpu": 1, "peak": 50, "status": 0}


def test_the_sides_of_a_ratio_take_turns() -> None:
    order: list[str] = []

    def side(name: str) -> Run:
        order.append(name)
        return Run(len(order), 0, 0)

    ours, other = alternate(2, lambda: side("ours"), lambda: side("other"))
    assert order == ["ours", "other", "ours", "other"]
    assert [[run.seconds for run in runs] for runs in (ours, other)] == [[1, 3], [2, 4]]


def test_the_command_line_chooses_measures_in_their_own_order(tmp_path: Path) -> None:
    options = command.read(["one", "latency", "--size", "small", "--times", "7", "--json", str(tmp_path / "x")])
    assert options.measures == ("latency", "one")
    assert (options.size.issue, options.size.times) == (SIZES["small"].issue, 7)
    assert command.read([]).measures == tuple(MEASURES)
    assert command.read([]).size == SIZES["full"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["never"], "there is no measure never; there are requests, latency, "),
        (["--times", "0"], "--times and --workers are at least 1"),
        (["--workers", "0"], "--times and --workers are at least 1"),
        (["--size", "huge"], "invalid choice: 'huge'"),
    ],
)
def test_the_command_line_refuses_what_makes_no_sense(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        command.read(arguments)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_the_larger_lists_are_larger() -> None:
    for size in SIZES.values():
        assert size.issue < size.issue_large
        assert size.due < size.due_large


def test_the_store_has_what_the_list_asks_for(tmp_path: Path) -> None:
    entries = [fleet.entry(number) for number in range(3)]
    fleet.write_lists(entries, tmp_path / "list.jsonl")
    fleet.fill_store(entries, tmp_path / "private" / "store.sqlite3")
    lines = [json.loads(line) for line in (tmp_path / "list.jsonl").read_text(encoding="utf-8").splitlines()]
    with_defaults = json.loads((tmp_path / "list.inventory" / "group_vars" / "all.json").read_text(encoding="utf-8"))
    assert [
        {**with_defaults["issue_certificate_defaults"], **one} for one in with_defaults["issue_certificates"]
    ] == lines
    store = open_store(str(tmp_path / "private" / "store.sqlite3"))
    kept = {each.name: each.current for each in store.enrollments(fleet.SERVICE)}
    store.close()
    assert sorted(kept) == [line["name"] for line in lines]
    for line in lines:
        current = kept[line["name"]]
        assert current is not None
        asked = current.spec.asked_for()
        assert {name: asked[name] for name in fleet.DEFAULTS} == dict(fleet.DEFAULTS)
        assert {part["attribute"]: part["value"] for part in asked["dn"]} == line["dn"]


def year(jitter: str, *, names: int = 20_000, **others: t.Any) -> renewals.Year:
    """Return the simulated year of a fleet whose certificates were all issued on one day."""
    return renewals.simulate(renewals.Fleet(names, RenewalPolicy.parse(None, jitter), **others))


@pytest.mark.parametrize("spread", [False, True])
def test_with_the_full_jitter_each_day_has_as_many_renewals(spread: bool) -> None:
    """With a fifth of the names chance alone moves a day by up to 12 percent; with all of them by 5."""
    simulated = year("100%", spread=spread, replaced=180)
    assert simulated.deviation(47, 180) < 15
    assert simulated.deviation(180 + 47) < 15
    assert simulated.ended == 0


def test_without_jitter_the_renewals_stay_together() -> None:
    simulated = year("0", names=100)
    assert simulated.deviation(47) > 1000
    assert sum(day > 0 for day in simulated.renewals) < 30, "two days of each month"


def test_the_full_jitter_costs_few_renewals() -> None:
    least, full = (sum(year(jitter, names=2000, spread=True, every=renewals.HOUR).renewals) for jitter in ("0", "100%"))
    assert least < full < 1.06 * least


@pytest.mark.parametrize("jitter", ["0", "10%", "100%"])
def test_no_certificate_ends_in_a_freeze(jitter: str) -> None:
    freeze = Freeze(renewals.BEGIN + dt.timedelta(days=100), renewals.BEGIN + dt.timedelta(days=130))
    policy = RenewalPolicy.parse(None, jitter, Calendar((Window(frozenset((5,))),), (freeze,)))
    simulated = renewals.simulate(renewals.Fleet(200, policy, every=renewals.DAY))
    assert (simulated.ended, sum(simulated.renewals) > 200 * 8) == (0, True)


def test_a_certificate_that_ends_is_counted() -> None:
    late = RenewalPolicy.parse("1h")
    assert renewals.simulate(renewals.Fleet(10, late, every=7 * renewals.DAY)).ended > 0


@pytest.mark.process
def test_a_small_run_measures_and_writes_its_figures(tmp_path: Path) -> None:
    program = [sys.executable, str(ROOT / "tests" / "benchmark" / "benchmark.py")]
    places = ["--directory", str(tmp_path / "files"), "--json", str(tmp_path / "figures.json")]
    done = subprocess.run(
        [*program, "requests", "issue", "--size", "tiny", *places], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    each, logins, connections, issue = told["figures"]
    assert (each["measure"], each["value"]) == ("requests for each certificate", 2)
    assert (logins["measure"], logins["value"]) == ("logins of a job", 1)
    assert connections["value"] >= 1
    assert {side: [run["status"] for run in runs] for side, runs in issue["runs"].items()} == {"ours": [0], "bare": [0]}
    assert str(tmp_path / "figures.json") in done.stdout
