# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that outlives its job, held at each point while a new job does the work: it changes nothing and says why.

Tracing finds the points. A module that has the write lock of the store is not held, since no job can overtake it.
"""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses
import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import ONE_PASS, Fault, Ran, Site
from ansible_collections.redtrust.certificate_enroll.tests.robustness.scenarios import issue
from ansible_collections.redtrust.certificate_enroll.tests.robustness.verdict import verdict
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.conftest import Servers

    from .conftest import NewSite

Record = c.Callable[[str, object], None]
# The number of modules before it.
SOONER = {ONE_PASS: 0, "redtrust_csr": 0, "redtrust_renew": 0, "redtrust_sign": 1, "redtrust_finalize": 2}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A module that is held during an issuance or a renewal."""

    module: str
    renews: bool
    api_version: str = "4.42"

    def __str__(self) -> str:
        return f"{self.module} {'renewing' if self.renews else 'issuing'} {self.api_version}"

    @property
    def first(self) -> str:
        if self.module == ONE_PASS:
            return ONE_PASS
        return "redtrust_renew" if self.renews else "redtrust_csr"

    def prepare(self, site: Site, names: c.Sequence[str]) -> None:
        """Bring these names to a state in which the module has work."""
        if self.renews:
            issue(site, names)
        for module in (self.first, "redtrust_sign")[: SOONER[self.module]]:
            assert site.step(module, names).status == 0


KINDS = (
    Kind("redtrust_csr", renews=False),
    Kind("redtrust_csr", renews=False, api_version="4.33"),
    Kind("redtrust_renew", renews=True),
    Kind("redtrust_sign", renews=False),
    Kind("redtrust_finalize", renews=False),
    Kind("redtrust_finalize", renews=True),
    Kind("redtrust_finalize", renews=False, api_version="4.33"),
    Kind(ONE_PASS, renews=False),
    Kind(ONE_PASS, renews=True),
)


@dataclasses.dataclass(frozen=True)
class Seen:
    """The state that a survivor must not change."""

    rows: list[dict[str, t.Any]]
    certificates: list[tuple[t.Any, ...]]
    files: dict[str, bytes]

    @classmethod
    def at(cls, site: Site) -> Seen:
        return cls(
            site.revisions(),
            site.appliance.rows(
                "SELECT thumbprint, request_code, pem, state, replaced_by FROM certificates ORDER BY id"
            ),
            {path.name: path.read_bytes() for path in site.certificates.iterdir()},
        )


def points(site: Site, module: str, name: str, path: Path) -> list[tuple[str, int]]:
    """Return the points that the module reaches, each with the number of times it was passed before."""
    return points_of(site.step(module, [name], Fault(trace=str(path))), path)


def points_of(ran: Ran, path: Path) -> list[tuple[str, int]]:
    """Read the trace of a run."""
    assert ran.status == 0, ran
    passed: collections.Counter[str] = collections.Counter()
    reached = []
    for point in path.read_text(encoding="utf-8").splitlines():
        reached.append((point, passed[point]))
        passed[point] += 1
    return reached


def last_word(reached: c.Sequence[tuple[str, int]]) -> range:
    """Return the points after the plan and before the last write: an overtaken run must report an error there."""
    names = [point for point, _passed in reached]
    puts = [index for index, name in enumerate(names) if name.startswith("store put") and name.endswith("before")]
    return range(names.index("store acquire committed") + 1, puts[-1] + 1)


def rows_of(site: Site, table: str) -> list[tuple[t.Any, ...]]:
    return [tuple(row.values()) for row in site.rows(f"SELECT * FROM {table}")]  # noqa: S608


def may_be_held(point: str) -> bool:
    """Return whether others can overtake a run held there. They cannot if it has the write lock of the store."""
    return not re.fullmatch("store .* written", point)


def overtake(site: Site, kind: Kind, names: c.Sequence[str]) -> None:
    """Bring the names to their end, and go on to the next revision, which has other files."""
    steps: dict[str, dict[str, t.Any]] = {
        "redtrust_renew": {"force": True},
        "redtrust_sign": {},
        "redtrust_finalize": {},
    }
    renewal = {ONE_PASS: {"force": True}} if kind.module == ONE_PASS else steps
    ran = site.pipeline(*names, first=kind.first)
    ran += [site.step(module, names, **options) for module, options in renewal.items()]
    assert not [one for one in ran if one.status], "\n".join(map(str, ran))
    assert all(one.changed for one in ran[-len(renewal) :])


@pytest.mark.parametrize(
    ("store_kind", "kind"),
    [*(("sqlite", kind) for kind in KINDS), *(("postgresql", kind) for kind in KINDS if kind.module == ONE_PASS)],
    ids=str,
)
def test_who_is_overtaken_changes_nothing(
    kind: Kind, servers: Servers, new_site: NewSite, tmp_path: Path, record_property: Record
) -> None:
    site = new_site(servers[kind.api_version].reset()).with_access_token()
    kind.prepare(site, ["traced"])
    reached = points(site, kind.module, "traced", tmp_path / "trace")
    names = {index: f"zombie {index}" for index, (point, _passed) in enumerate(reached) if may_be_held(point)}
    kind.prepare(site, list(names.values()))
    survivors = {}
    for index, name in names.items():
        point, passed = reached[index]
        # once, since a run may write again after its write was refused
        held = Fault(point, "hold", passed, once=str(tmp_path / f"held {index}"))
        survivors[index] = site.start(kind.module, held, **site.step_options(kind.module, [name]))
        survivors[index].until_held()
    site.let_leases_end()
    overtake(site, kind, list(names.values()))
    seen = Seen.at(site)
    for index, survivor in survivors.items():
        survivor.let_go()
        late = survivor.wait()
        assert Seen.at(site) == seen, f"{reached[index]}: {late}"
        if index in last_word(reached):
            assert (late.status, late.errors) == (1, {"StaleRevisionError"}), f"{reached[index]}: {late}"
            assert "nothing was written, run again to go on from there" in late.said["msg"]
        else:
            assert late.status == 0, f"{reached[index]}: {late}"
    site.until_quiet("traced", *names.values(), first=kind.first)
    unsent = sum(1 for index in names if index in last_word(reached)) if kind.module == kind.first else 0
    assert not (problems := verdict(site, never_left=unsent)), "\n".join(problems)
    record_property("modules that outlived their job", len(names))


@pytest.mark.parametrize("store_kind", ["sqlite", "postgresql"])
def test_who_logs_in_too_late_keeps_nothing(
    v442: Appliance, new_site: NewSite, tmp_path: Path, record_property: Record
) -> None:
    """The session is in the store; test_session covers one that is refreshed."""

    def place() -> Site:
        return new_site(v442).with_login().with_session_key()

    reached = points_of(place().run("redtrust_token", Fault(trace=str(tmp_path / "trace"))), tmp_path / "trace")
    begun = [point for point, _passed in reached].index("store acquire committed")
    saved = [point for point, _passed in reached].index("store session before")
    held = [index for index in range(begun, len(reached)) if may_be_held(reached[index][0])]
    for index in held:
        site, (point, passed) = place(), reached[index]
        # once, since a run may pass the point again
        held_once = Fault(point, "hold", passed, once=str(tmp_path / f"held {index}"))
        survivor = site.start("redtrust_token", held_once)
        survivor.until_held()
        site.let_leases_end()
        assert site.run("redtrust_token").said["action"] == ("login" if index <= saved else "none")
        kept = rows_of(site, "sessions")
        survivor.let_go()
        late = survivor.wait()
        assert rows_of(site, "sessions") == kept, f"{point}: {late}"
        lost = begun < index <= saved
        assert late.errors == ({"StaleRevisionError"} if lost else set()), f"{point}: {late}"
    record_property("modules that outlived their job", len(held))
