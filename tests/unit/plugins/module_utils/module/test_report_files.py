# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redtrust_report as Ansible runs it, in this process, with a store in SQLite."""

from __future__ import annotations

import collections.abc as c
import datetime as dt
import errno
import json
import os
import re
import shutil
import sqlite3
import stat
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils import basic

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import context
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.masked import MaskedModule
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.api import FORMS
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import schema
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_postgresql, open_store
from ansible_collections.redtrust.certificate_enroll.plugins.modules import redtrust_report
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.report.stored import (
    DAY,
    OTHER,
    SERVICE,
    fill,
    fleet,
    in_use,
)

Run = c.Callable[..., dict[str, t.Any]]
NOW = dt.datetime(2026, 6, 1, 12, 0, 0, 123, tzinfo=dt.timezone.utc)
SUFFIXES = {"prometheus": ".prom"}


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the runs."""
    clock = Clock()
    monkeypatch.setattr(context, "utc_now", clock)
    return clock


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, clock: Clock, path: Path
) -> Run:
    """Run the module with the store in ``path``, unless another one is given, and return its result."""
    del clock
    for name in os.environ:
        if name.startswith("REDTRUST_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    warnings: list[str] = []
    monkeypatch.setattr(MaskedModule, "warn", lambda _module, warning: warnings.append(warning))

    def ran(*, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        own = {"_ansible_check_mode": check, "_ansible_remote_tmp": str(tmp_path)}
        place = {} if "store_dsn" in options else {"store_path": str(path)}
        given = {**place, **options, **own}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
        warnings.clear()
        with pytest.raises(SystemExit):
            redtrust_report.main()
        return {**json.loads(capsys.readouterr().out), "warnings": list(warnings)}

    return ran


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a store with a fleet."""
    path = tmp_path_factory.mktemp("fleet") / "store.db"
    with open_store(str(path)) as store:
        fill(store, fleet(NOW))
    return path.parent


@pytest.fixture
def path(tmp_path: Path, template: Path) -> Path:
    """The path of a store with a fleet."""
    shutil.copytree(template, tmp_path / "store")
    return tmp_path / "store" / "store.db"


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, str]:
    """A path for each form."""
    (tmp_path / "out").mkdir()
    return {name: str(tmp_path / "out" / f"report{SUFFIXES.get(name, f'.{name}')}") for name in FORMS}


def changed(result: dict[str, t.Any]) -> set[str]:
    assert result["changed"] == any(file["changed"] for file in result["files"])
    return {file["form"] for file in result["files"] if file["changed"]}


def test_without_files_it_tells_and_changes_nothing(run: Run, path: Path) -> None:
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    result = run(service="another", host="redtrust")
    assert (result["changed"], result["files"], result["warnings"]) == (False, [], [])
    assert (result["count"], result["needs_person"], result["services"]) == (32, 7, [SERVICE, OTHER])
    assert result["by_status"]["needs_person"] == 3
    assert [one["name"] for one in result["attention"]][:2] == ["over", "was-revoked"]
    assert result["attention"][0]["attention"][0]["next_step"].startswith("renew it")
    assert result["taken_at"] == "2026-06-01T12:00:00Z"
    assert result["lines"][0] == "Redtrust certificates, 2026-06-01 12:00 UTC"
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_each_form_is_written_once(run: Run, paths: dict[str, str], clock: Clock) -> None:
    foreseen = run(check=True, **paths)
    assert changed(foreseen) == set(FORMS)
    assert not [name for name in paths.values() if Path(name).exists()]
    assert changed(run(**paths)) == set(FORMS)
    first = {name: Path(path).read_bytes() for name, path in paths.items()}
    clock.now += dt.timedelta(minutes=3, seconds=7)
    for check in (True, False, False):
        assert changed(run(check=check, **paths)) == set()
    # the time is that of the last run all the same
    assert {name for name, path in paths.items() if Path(path).read_bytes() == first[name]} <= {"csv"}


def test_news_change_each_form(run: Run, paths: dict[str, str], path: Path) -> None:
    run(**paths)
    with open_store(str(path)) as store:
        fill(store, [in_use("new", NOW, 2)])
    assert changed(run(check=True, **paths)) == set(FORMS)
    assert changed(run(**paths)) == set(FORMS)
    assert changed(run(**paths)) == set()


def test_an_end_that_has_come_is_news(run: Run, paths: dict[str, str], clock: Clock) -> None:
    run(**paths)
    clock.now += 3 * DAY
    assert changed(run(**paths)) == set(FORMS)


def test_a_file_that_somebody_has_changed_is_written_again(run: Run, paths: dict[str, str]) -> None:
    run(json=paths["json"])
    with Path(paths["json"]).open("a", encoding="utf-8") as file:
        file.write(" ")
    os.utime(paths["json"], (NOW.timestamp() // 1, NOW.timestamp() // 1))
    assert changed(run(json=paths["json"])) == {"json"}
    assert json.loads(Path(paths["json"]).read_text("utf-8"))["count"] == 32


def test_a_file_gets_its_mode(run: Run, paths: dict[str, str]) -> None:
    run(csv=paths["csv"], mode="0640")
    assert stat.S_IMODE(Path(paths["csv"]).stat().st_mode) == 0o640
    assert changed(run(csv=paths["csv"], mode="0640")) == set()
    assert changed(run(csv=paths["csv"], mode="0600", check=True)) == {"csv"}
    assert changed(run(csv=paths["csv"], mode="0600")) == {"csv"}


def test_no_draft_has_a_name_that_a_collector_reads(
    run: Run, paths: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts: list[Path] = []

    def move(_module: MaskedModule, source: str, target: str, **_options: object) -> None:
        drafts.append(Path(source))
        Path(source).replace(target)

    monkeypatch.setattr(basic.AnsibleModule, "atomic_move", move)
    run(**paths)
    assert {draft.parent for draft in drafts} == {Path(paths["prometheus"]).parent}
    assert not {draft.suffix for draft in drafts} & {Path(path).suffix for path in paths.values()}


def test_a_file_that_cannot_be_replaced_is_told_and_leaves_no_draft(
    run: Run, paths: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as that of another user in a directory where only the owner may."""

    def refused(*_paths: object, **_options: object) -> t.NoReturn:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "rename", refused)
    result = run(csv=paths["csv"])
    assert result["failed"]
    assert result["error"]["type"] == "ConfigurationError"
    assert paths["csv"] in result["msg"]
    assert "Operation not permitted" in result["msg"]
    assert not list(Path(paths["csv"]).parent.iterdir())


def test_metrics_of_each_certificate_are_wanted(run: Run, paths: dict[str, str]) -> None:
    run(prometheus=paths["prometheus"])
    assert "soon" not in Path(paths["prometheus"]).read_text("utf-8").replace("ends_soon", "")
    run(prometheus=paths["prometheus"], prometheus_certificates=True)
    assert 'name="soon"' in Path(paths["prometheus"]).read_text("utf-8")


def test_a_name_that_the_collector_leaves_out_is_warned_of(run: Run, tmp_path: Path) -> None:
    (warning,) = run(prometheus=str(tmp_path / "redtrust.txt"))["warnings"]
    assert "leaves out redtrust.txt, whose name does not end with .prom" in warning


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"csv": "report.csv"}, 'csv: report.csv does not begin with /, .* in a shell "\\$PWD/report.csv"'),
        ({"csv": "{}/no/report.csv"}, "csv: there is no directory .*/no for report.csv: make it first"),
        ({"csv": "{}"}, "csv: .* is a directory: add the name of the file"),
        ({"csv": "{}/same", "json": "{}/same"}, "json and csv name the same file, .*/same: give each form a file"),
        ({"soon": "a month"}, "soon must be a duration such as 90d"),
        ({"recent": -1}, "recent must be from 0 to 10000, not -1"),
        ({"renew_before": "soon"}, "renew_before must be a duration"),
        ({"services": []}, "services is an empty list, of which all would seem to be well: leave it out"),
        ({"services": ["redtrsut"]}, "no enrollment of 'redtrsut'; it knows these services: 'redtrust.example.com', "),
    ],
)
def test_a_mistake_is_told_with_the_next_step(run: Run, tmp_path: Path, options: dict[str, t.Any], words: str) -> None:
    given = {name: value.format(tmp_path) if isinstance(value, str) else value for name, value in options.items()}
    result = run(**given)
    assert result["failed"]
    assert result["error"]["type"] == "ConfigurationError"
    assert re.search(words, result["msg"])
    assert not (tmp_path / "same").exists()


def test_a_missing_store_is_not_a_fleet_in_good_order(run: Run, tmp_path: Path, paths: dict[str, str]) -> None:
    for check in (False, True):
        result = run(store_path=str(tmp_path / "none" / "store.db"), check=check, **paths)
        assert result["failed"]
        assert "none, so nothing is known of any certificate" in result["msg"]
        assert "give store_path or REDTRUST_STORE_PATH as that job has it" in result["msg"]
    assert not (tmp_path / "none").exists()
    assert not [name for name in paths.values() if Path(name).exists()]


@pytest.mark.parametrize(
    ("version", "words"),
    [(len(schema.MIGRATIONS) + 1, "update the collection here"), (1, "run redtrust_store, or any job that issues")],
)
def test_a_store_of_another_release_is_told(run: Run, path: Path, version: int, words: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    result = run()
    assert result["failed"]
    assert words in result["msg"]


def test_a_file_that_is_no_store_is_told(run: Run, path: Path) -> None:
    path.write_text("certificates: none\n", encoding="utf-8")
    result = run()
    assert result["failed"]
    assert "this is not a store" in result["msg"]


def test_an_empty_store_has_a_report(run: Run, path: Path, paths: dict[str, str]) -> None:
    shutil.rmtree(path.parent)
    open_store(str(path)).close()
    result = run(**paths)
    assert result["lines"][1:] == ["The store has no enrollment yet."]
    assert changed(result) == set(FORMS)


def test_a_store_on_postgresql_has_the_same_report(run: Run, dsn: str, paths: dict[str, str]) -> None:
    key = "the key of this test"
    place = {"store_dsn": dsn, "store_key": key}
    missing = run(**place)
    assert missing["failed"]
    assert "there is none, so nothing is known of any certificate" in missing["msg"]
    assert "give store_dsn or REDTRUST_STORE_DSN as that job has it" in missing["msg"]
    with open_postgresql(dsn, key, warn=lambda _warning: None) as store:
        fill(store, fleet(NOW))
    result, same = run(**place, **paths), run()
    for name in ("count", "needs_person", "by_status", "services"):
        assert result[name] == same[name]
    assert changed(result) == set(FORMS)
    assert changed(run(**place, **paths)) == set()
    wrong = run(**{**place, "store_key": "another key than that"})
    assert wrong["failed"]
    assert "store_key" in wrong["msg"]
