# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill a job at every point and lose an answer in every way: after another run, the state is right again.

Nothing here lists the cells. One traced run tells the fault points that a job reaches, and how often. The ledger tells
the steps that it asked for. Each of them then fails, in each way, in a job of its own.

With a store on PostgreSQL only the one pass and the sessions in the store are tried, unless the environment has
CERTIFICATE_ENROLL_POSTGRES=all.
"""

from __future__ import annotations

import ast
import collections
import collections.abc as c
import dataclasses
import os
import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _errors
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import (
    ONE_PASS,
    Fault,
    Ran,
    Site,
    modules_of,
)
from ansible_collections.redtrust.certificate_enroll.tests.robustness.scenarios import SCENARIOS, Scenario
from ansible_collections.redtrust.certificate_enroll.tests.robustness.verdict import verdict
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.conftest import Servers

    from .conftest import NewSite

CAS = Path(__file__).resolve().parents[1] / "cas"
PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
OWN_ERRORS = {name for name, found in vars(_errors).items() if isinstance(found, type)}
# At these points the system reports a full disk; at others, the network or the CA fails.
ON_DISK = ("store ", "session ", "file ")
# Moment and action in the sandbox. The client waits a fifth of a second for a delayed answer.
ANSWERS = (
    ("before", "status:503"),
    ("after", "status:500"),
    ("before", "drop"),
    ("after", "drop"),
    ("before", "delay:0.5"),
    ("after", "delay:0.5"),
    ("before", "status:401"),
    ("after", "half"),
)
IMPATIENT: dict[str, t.Any] = {"timeout": 0.2}


# The points that the tests must try, even if the source has lost one.
STEPS = ("login", "exchange", "refresh", "logout", "create", "finalize")
WRITES = ("intended", "requested", "signing", "issued", "finalized", "create_unknown", "abandoned")
PROMISED = {
    *(f"{step} {moment}" for step in STEPS for moment in ("send", "sent", "received")),
    *(f"store put {state} {moment}" for state in WRITES for moment in ("before", "written", "committed")),
    *(
        f"store {verb} {moment}"
        for verb in ("acquire", "renew", "release", "session")
        for moment in ("before", "written", "committed")
    ),
    *("session before", "session written", "session saved", "sign before", "sign after", "file before", "file written"),
}


@dataclasses.dataclass(frozen=True)
class Point:
    """A fault point that a job reaches: the module, and how often the module passed it before."""

    module: str
    name: str
    passed: int

    def __str__(self) -> str:
        return f"{self.module} {self.name} {self.passed}"


@dataclasses.dataclass(frozen=True)
class Cell:
    """A job that fails: at a point with the fault ``do``, or at the server with step, moment and action."""

    name: str
    point: Point | None = None
    do: str = ""
    answer: tuple[str, str, str] | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.do} at {self.point})" if self.point else f"{self.name} ({self.answer})"


class Bench:
    """The cells of one scenario, with the means to try them."""

    def __init__(self, scenario: Scenario, appliance: Appliance, new_site: NewSite, directory: Path) -> None:
        self.scenario = scenario
        self._appliance = appliance
        self._new_site = new_site
        self._directory = directory

    def points(self) -> list[Point]:
        """Return the fault points that a job reaches, if the scenario covers them."""
        modules = (*modules_of(self.scenario.first), "redtrust_token")
        traces = {module: self._directory / f"trace-{module}" for module in modules}
        site = self._place(["traced"])
        self._job(site, "traced", {module: Fault(trace=str(path)) for module, path in traces.items()})
        reached = []
        for module, path in traces.items():
            passed: collections.Counter[str] = collections.Counter()
            for name in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
                reached.append(Point(module, name, passed[name]))
                passed[name] += 1
        return [point for point in reached if re.fullmatch(self.scenario.points, str(point))]

    def steps(self) -> list[str]:
        """Return the steps that a job asks the server for, if the scenario covers them."""
        site = self._place(["traced"])
        before = self._appliance.one("SELECT COALESCE(MAX(id), 0) FROM requests")
        self._job(site, "traced")
        rows = self._appliance.rows("SELECT DISTINCT step FROM requests WHERE id > ? ORDER BY step", before)
        return [step for (step,) in rows if re.fullmatch(self.scenario.steps, step)]

    def problems(self, cells: c.Sequence[Cell]) -> list[str]:
        """Try the cells, and return the wrong outcomes."""
        found = []
        for group in [cells] if self.scenario.has_token else [[cell] for cell in cells]:
            site = self._place([cell.name for cell in group])
            for cell in group:
                found += [f"{cell}: {problem}" for problem in self._try(site, cell)]
            found += [f"{group[0] if len(group) == 1 else ''}: {problem}" for problem in self._settle(site, group)]
        return found

    def _place(self, names: c.Sequence[str]) -> Site:
        """Return a new place in which the job can begin."""
        self._appliance.reset()
        site = self._new_site(self._appliance)
        self.scenario.session(site)
        self.scenario.before(site, names)
        return site

    def _job(self, site: Site, name: str, faults: c.Mapping[str, Fault] | None = None, **options: t.Any) -> list[Ran]:
        """Run the job that fails, with the server faults of the scenario."""
        scenario = self.scenario
        with self._appliance.database() as connection:
            connection.execute("DELETE FROM faults WHERE fired >= times")
        if scenario.answer:
            self._appliance.fault(*scenario.answer)
        others: dict[str, t.Any] = {"logout": not scenario.has_token, "patches": scenario.patches}
        return site.pipeline(
            name, first=scenario.first, faults=faults, **others, **scenario.options(site, name), **options
        )

    def _try(self, site: Site, cell: Cell) -> c.Iterator[str]:
        """Make a job fail; report a failure of the wrong kind."""
        once = self._directory / cell.name
        if cell.point:
            fault = Fault(cell.point.name, cell.do, cell.point.passed, str(once))
            ran = self._job(site, cell.name, {cell.point.module: fault})
            happened = once.exists()
        else:
            assert cell.answer
            self._appliance.fault(*cell.answer)
            ran = self._job(site, cell.name, **(IMPATIENT if "delay" in cell.answer[2] else {}))
            happened = self._appliance.one("SELECT MAX(fired) FROM faults") == 1
        if not happened:
            yield "it did not happen"
        if cell.do == "kill" and -9 not in [one.status for one in ran]:
            yield "it was not killed"
        if cell.answer or (cell.do == "full" and cell.point and cell.point.name.startswith(ON_DISK)):
            told: set[str] = set().union(*(one.errors for one in ran))
            yield from (f"{kind} is no error of the collection" for kind in told - OWN_ERRORS)

    def _settle(self, site: Site, cells: c.Sequence[Cell]) -> list[str]:
        """Run again until nothing changes, and judge."""
        scenario = self.scenario
        in_vain = sum(1 for cell in cells if cell.point and re.fullmatch(scenario.in_vain, cell.point.name))
        try:
            site.until_quiet(
                *(cell.name for cell in cells),
                first=scenario.first,
                before_pass=lambda: scenario.between(site),
                logout=not scenario.has_token,
            )
        except AssertionError as exc:
            return [str(exc)]
        unanswered = "SELECT COUNT(*) FROM requests WHERE id > ? AND answered_at IS NULL"
        self._appliance.until(lambda: not self._appliance.one(unanswered, site.since))
        return verdict(site, never_left=in_vain)


@pytest.fixture
def bench(request: pytest.FixtureRequest, servers: Servers, new_site: NewSite, tmp_path: Path) -> Bench:
    scenario: Scenario = request.param
    return Bench(scenario, servers[scenario.api_version], new_site, tmp_path)


Record = c.Callable[[str, object], None]


EVERYTHING = os.environ.get("CERTIFICATE_ENROLL_POSTGRES") == "all"
# The disk of PostgreSQL is not this machine's, so there it is not full.
FAULTS = {"sqlite": ("kill", "raise", "full"), "postgresql": ("kill", "raise") if EVERYTHING else ("kill",)}


def tried(kind: str, is_wanted: c.Callable[[Scenario], object]) -> list[Scenario]:
    """Return the scenarios to try with this kind of store."""
    found = [one for one in SCENARIOS if is_wanted(one)]
    if kind == "sqlite" or EVERYTHING:
        return found
    return [one for one in found if one.api_version == "4.42" and (one.first == ONE_PASS or "in-store" in one.name)]


@pytest.mark.parametrize(
    ("store_kind", "bench", "do"),
    [(kind, one, do) for kind, ways in FAULTS.items() for one in tried(kind, lambda one: one.points) for do in ways],
    indirect=["bench"],
    ids=str,
)
def test_a_job_that_fails_at_a_point(bench: Bench, do: str, record_property: Record) -> None:
    cells = [Cell(f"{do}-{number}", point, do) for number, point in enumerate(bench.points())]
    record_property("cells of the crash matrix", len(cells))
    assert cells
    assert not (problems := bench.problems(cells)), "\n".join(problems)


@pytest.mark.parametrize(
    ("module", "point"),
    [
        ("redtrust_csr", "create received"),
        ("redtrust_csr", "store put requested before"),
        ("redtrust_sign", "sign before"),
        ("redtrust_sign", "sign after"),
        ("redtrust_finalize", "finalize send"),
        ("redtrust_finalize", "store put finalized written"),
        ("redtrust_finalize", "file before"),
        (ONE_PASS, "create received"),
        (ONE_PASS, "store put signing before"),
        (ONE_PASS, "sign after"),
        (ONE_PASS, "finalize received"),
        (ONE_PASS, "file before"),
    ],
)
def test_a_certificate_fails_alone(
    servers: Servers, new_site: NewSite, tmp_path: Path, module: str, point: str
) -> None:
    """One of three certificates meets an unexpected error; the other two are in use after the same run."""
    names = ("one", "two", "three")
    first = module if module == ONE_PASS else "redtrust_csr"
    site = new_site(servers["4.42"]).with_access_token()
    ran = site.pipeline(*names, first=first, faults={module: Fault(point, "raise", 1, str(tmp_path / "once"))})
    (failed,) = [one for one in ran if one.status]
    assert [entry["error"]["type"] for entry in failed.entries.values() if entry["failed"]] == ["InternalError"]
    (broken,) = [name for name, entry in failed.entries.items() if entry["failed"]]
    rows = {row["name"]: row for row in site.revisions()}
    assert {rows[name]["state"] for name in names if name != broken} == {"finalized"}
    if rows[broken]["state"] != "finalized":
        assert rows[broken]["failures"] == 1
    assert failed.entries[broken]["error"]["place"] in failed.entries[broken]["msg"]
    site.until_quiet(*names, first=first)
    assert not (problems := verdict(site)), "\n".join(problems)


@pytest.mark.parametrize(
    ("do", "point"),
    [
        ("kill", "store put intended committed"),
        ("kill", "create received"),
        ("kill", "store put signing written"),
        ("kill", "store put issued committed"),
        ("kill", "store put finalized written"),
        ("full", "store put signing written"),
        ("full", "store put finalized committed"),
        ("raise", "store put issued written"),
    ],
)
def test_a_list_that_fails_in_the_middle(
    servers: Servers, new_site: NewSite, tmp_path: Path, do: str, point: str
) -> None:
    """Many are on their way at once, and their writes are committed together."""
    names = [f"name {number}" for number in range(12)]
    site = new_site(servers["4.42"], workers=4).with_access_token()
    fault = Fault(point, do, 3, str(tmp_path / "once"))
    (ran,) = site.pipeline(*names, first=ONE_PASS, faults={ONE_PASS: fault})
    assert ran.status == (-9 if do == "kill" else 1), ran
    open_then = sum(row["state"] == "intended" for row in site.revisions())
    site.until_quiet(*names, first=ONE_PASS)
    assert not (problems := verdict(site, never_left=open_then)), "\n".join(problems)


@pytest.mark.parametrize(
    ("store_kind", "bench"),
    [(kind, one) for kind in FAULTS for one in tried(kind, lambda one: one.steps)],
    indirect=["bench"],
    ids=str,
)
def test_an_answer_that_fails(bench: Bench, record_property: Record) -> None:
    faults = [(step, *answer) for step in bench.steps() for answer in ANSWERS]
    cells = [Cell(f"answer-{number}", answer=fault) for number, fault in enumerate(faults)]
    record_property("cells of the crash matrix", len(cells))
    assert cells
    assert not (problems := bench.problems(cells)), "\n".join(problems)


def test_every_point_is_tried(servers: Servers, new_site: NewSite, tmp_path: Path) -> None:
    tried: set[str] = set()
    for scenario in SCENARIOS:
        directory = tmp_path / f"of-{scenario}"
        directory.mkdir()
        bench = Bench(scenario, servers[scenario.api_version], new_site, directory)
        tried.update(point.name for point in bench.points())
    assert not (missing := PROMISED - tried), missing
    patterns = points_in_source()
    assert len(patterns) > 9, "it does not find them"
    # those of single signers and of revocations are tried with real CAs
    tried |= set(re.findall(r'"([a-z]+ [a-z]+)"', "".join(path.read_text("utf-8") for path in CAS.glob("test_*.py"))))
    assert not [pattern for pattern in patterns if not any(re.fullmatch(pattern, name) for name in tried)]


def points_in_source() -> set[str]:
    """Return the names of the fault points in the plugins, as patterns: a replacement field matches any text."""
    patterns = set()
    for path in PLUGINS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "_fault_points.reach":
                (name,) = node.args
                parts = name.values if isinstance(name, ast.JoinedStr) else [name]
                texts = [str(part.value) if isinstance(part, ast.Constant) else None for part in parts]
                patterns.add("".join(".+" if text is None else re.escape(text) for text in texts))
    return patterns
