# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events as modules leave, show, check, write and remove them."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import datetime as dt
import json
import os
import re
import runpy
import sys
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils import basic

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import utc_now
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError, StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.events import (
    exported_events,
    kept_since,
    verified,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.report import Report
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.results import Results
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.role import facts_of, outcome_of
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import event_rows
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Chain,
    Event,
    Store,
    open_store,
    verify,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sql import SqlStore
from ansible_collections.redtrust.certificate_enroll.plugins.modules import (
    redtrust_csr,
    redtrust_enrollment,
    redtrust_enrollment_info,
    redtrust_renew,
    redtrust_store,
)

from . import test_run
from .test_role import asked, entry, step
from .test_run import WWW

# the fixtures of a module that runs here
give, reached, run, server = test_run.give, test_run.reached, test_run.run, test_run.server

Run = c.Callable[..., dict[str, t.Any]]
PLACE = Chain("redtrust.example.com", 41212, bytes(range(32)))


@pytest.fixture
def store(tmp_path: Path) -> t.Iterator[Store]:
    """Return a store in the place of that of the modules, with three events of www and mail."""
    with open_store(str(tmp_path / "state" / "store.db")) as opened:
        spec = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA")
        (first,) = opened.put(Revision("127.0.0.1", "www", 1, 1, State.INTENDED, spec), why="there is no certificate")
        opened.put(Revision("127.0.0.1", "mail", 1, 1, State.REJECTED, spec))
        opened.put(first.moved(State.REQUESTED, request_code="canary-R"))
        yield opened


class TestModules:
    def test_leave_events(self, run: Run, reached: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JOB_ID", "42")
        said = run(redtrust_csr, **reached, certificates=[WWW], actor="ana", results="all")
        info = run(redtrust_enrollment_info, history=True)
        (one,) = info["enrollments"]
        events = one["history"]
        shown = [(event["was"], event["state"], event["actor"], event["job"], event["pid"]) for event in events]
        assert shown == [
            (None, "intended", "ana", "42", os.getpid()),
            ("intended", "requested", "ana", "42", os.getpid()),
        ]
        assert events[0]["why"] == said["certificates"][0]["reason"]
        assert said["checkpoint"] == f"127.0.0.1:2:{events[1]['hash']}"
        assert "canary" not in json.dumps(info)

    def test_give_the_reason_of_a_person(self, run: Run, store: Store) -> None:
        run(redtrust_enrollment, certificates=[{"name": "www"}], state="abandoned", comment="not wanted any more")
        assert list(store.events("127.0.0.1"))[-1].why == "abandoned by hand; not wanted any more; it was requested"

    def test_return_the_checkpoint_though_nothing_was_done(self, run: Run, store: Store) -> None:
        said = run(redtrust_enrollment, certificates=[{"name": "mail"}], state="accepted")
        assert said["checkpoint"] == str(store.chain("127.0.0.1"))

    def test_return_none_where_there_is_no_event(self, run: Run) -> None:
        assert run(redtrust_enrollment, certificates=[], state="accepted")["checkpoint"] is None

    def test_show_no_history_unless_asked(self, run: Run, store: Store) -> None:
        info = run(redtrust_enrollment_info)
        assert "history" not in info["enrollments"][0]
        assert "events" not in info


class TestTheCheck:
    def test_of_what_is_whole(self, run: Run, store: Store) -> None:
        end = store.chain("127.0.0.1")
        for options in ({"verify_events": True}, {"checkpoint": str(end)}):
            info = run(redtrust_enrollment_info, counts_only=True, **options)
            assert info["events"] == {"count": 3, "first_number": 1, "checkpoint": str(end), "verified": True}

    def test_of_nothing(self, run: Run) -> None:
        info = run(redtrust_enrollment_info, verify_events=True)
        assert info["events"] == {"count": 0, "first_number": None, "checkpoint": None, "verified": True}

    def test_of_what_was_changed(self, run: Run, store: Store) -> None:
        change(store, "UPDATE events SET actor = 'nobody' WHERE number = 2")
        info = run(redtrust_enrollment_info, verify_events=True)
        assert info["failed"]
        assert info["msg"].startswith("the events of 127.0.0.1 are not as they were written: event 2 is not as it was")
        assert info["events"]["verified"] is False
        assert len(info["enrollments"]) == 2

    def test_of_a_cut_end(self, run: Run, store: Store) -> None:
        end = store.chain("127.0.0.1")
        second = list(store.events("127.0.0.1"))[1]
        change(store, "DELETE FROM events WHERE number = 3")
        change(store, "UPDATE chains SET number = 2, hash = ?", second.hash)
        assert not run(redtrust_enrollment_info, verify_events=True).get("failed")
        info = run(redtrust_enrollment_info, checkpoint=str(end))
        assert f"the end is missing: the chain ends with event 2, before the checkpoint {end}" in info["msg"]

    @pytest.mark.parametrize(
        ("checkpoint", "said"),
        [
            ("2026-01-31", "a checkpoint is a service, a number and 64 hex digits"),
            ("other:1:" + "0" * 64, "checkpoint is of the service other, not of 127.0.0.1"),
            ("127.0.0.1:1:" + "0" * 64, "checkpoint is of event 1, and events up to 2 were removed"),
        ],
    )
    def test_of_a_checkpoint_that_cannot_be_used(
        self, run: Run, store: Store, monkeypatch: pytest.MonkeyPatch, checkpoint: str, said: str
    ) -> None:
        monkeypatch.setattr(event_rows, "FEWEST_REMOVED", 1)
        monkeypatch.setattr(event_rows, "MOST_REMOVED", 2)
        (revision,) = store.enrollment("127.0.0.1", "www").revisions
        store.put(revision.moved(State.REJECTED))
        assert store.prune_events("127.0.0.1", utc_now() + dt.timedelta(days=1)) == 2
        info = run(redtrust_enrollment_info, checkpoint=checkpoint)
        assert info["error"]["type"] == "ConfigurationError"
        assert info["msg"].startswith(said)

    def test_while_other_runs_go_on(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(event_rows, "FEWEST_REMOVED", 1)
        read = type(store).events
        later = utc_now() + dt.timedelta(days=1)
        (mail,) = store.enrollment("127.0.0.1", "mail").revisions

        def events(self: Store, service: str, name: str | None = None, after: int = 0) -> t.Iterator[Event]:
            monkeypatch.setattr(type(store), "events", read)
            (revision,) = self.enrollment(service, "www").revisions
            self.put(revision.moved(State.ABANDONED), dataclasses.replace(mail, note="again"))
            assert self.prune_events(service, later) == 5
            return read(self, service, name, after)

        monkeypatch.setattr(type(store), "events", events)
        facts, problem = verified(store, "127.0.0.1", None)
        assert (facts["count"], facts["first_number"], problem) == (1, 6, None)

    def test_while_another_run_writes_the_first_event(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        read = type(store).events
        (revision,) = store.enrollment("127.0.0.1", "www").revisions

        def events(self: Store, service: str, name: str | None = None, after: int = 0) -> t.Iterator[Event]:
            monkeypatch.setattr(type(store), "events", read)
            self.put(dataclasses.replace(revision, service="new", generation=0))
            return read(self, service, name, after)

        monkeypatch.setattr(type(store), "events", events)
        facts, problem = verified(store, "new", None)
        assert (facts["count"], problem) == (1, None)


def change(store: Store, statement: str, *values: object) -> None:
    assert isinstance(store, SqlStore)
    store.database.write("test", lambda transaction: transaction.execute(statement, values))


def test_the_export_can_be_checked(store: Store) -> None:
    lines = list(exported_events(store, "127.0.0.1"))
    assert [line.count("\n") for line in lines] == [1, 1, 1]
    events = []
    for line in lines:
        values = json.loads(line)
        events.append(Event(**{**values, "hash": bytes.fromhex(values["hash"])}))
    assert verify(events, store.chain("127.0.0.1")) is None
    assert "canary" not in "".join(lines)


class TestTheFile:
    @pytest.fixture
    def export(self, run: Run, tmp_path: Path) -> t.Callable[..., dict[str, t.Any]]:
        def exported(**options: t.Any) -> dict[str, t.Any]:
            return run(redtrust_store, **{"state": "exported", "events_path": str(tmp_path / "e.jsonl"), **options})

        return exported

    def test_holds_all_events(self, export: t.Callable[..., dict[str, t.Any]], store: Store, tmp_path: Path) -> None:
        path = tmp_path / "e.jsonl"
        predicted = export(check=True)
        assert (predicted["changed"], path.exists()) == (True, False)
        said = export()
        assert path.read_text("utf-8") == "".join(exported_events(store, "127.0.0.1"))
        assert path.stat().st_mode & 0o777 == 0o600
        assert (said["changed"], said["action"], predicted["action"]) == (True, "export", "export")
        assert said["events"] == {"path": str(path), "count": 3, "checkpoint": str(store.chain("127.0.0.1"))}
        again = export()
        assert (again["changed"], again["action"]) == (False, "none")
        assert sorted(one.name for one in tmp_path.glob("*e*")) == ["e.jsonl", "state"]

    def test_has_the_event_of_the_checkpoint_though_others_write(
        self, export: t.Callable[..., dict[str, t.Any]], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (revision,) = store.enrollment("127.0.0.1", "www").revisions
        read = type(store).events

        def events(self: Store, service: str, name: str | None = None, after: int = 0) -> t.Iterator[Event]:
            yield from list(read(self, service, name, after))
            store.put(dataclasses.replace(revision, note="after the last page was read"))

        monkeypatch.setattr(type(store), "events", events)
        checkpoint = export()["events"]["checkpoint"]
        lines = map(json.loads, (tmp_path / "e.jsonl").read_text("utf-8").splitlines())
        assert checkpoint in [f"{line['service']}:{line['number']}:{line['hash']}" for line in lines]

    def test_is_written_anew_where_events_were_added(
        self, export: t.Callable[..., dict[str, t.Any]], store: Store, tmp_path: Path
    ) -> None:
        export()
        (revision,) = store.enrollment("127.0.0.1", "www").revisions
        store.put(revision.moved(State.ABANDONED))
        assert export()["changed"]
        assert len((tmp_path / "e.jsonl").read_text("utf-8").splitlines()) == 4

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"events_path": None}, "events_path and state: exported go together"),
            ({"state": "present"}, "events_path and state: exported go together"),
            ({"events_path": "/nonexistent/e.jsonl"}, "events_path /nonexistent/e.jsonl cannot be written"),
            ({"source": {"path": "/x"}}, "source needs state: copied"),
            ({"force": True}, "force is of no use with state: exported"),
        ],
    )
    def test_needs_its_options(
        self, export: t.Callable[..., dict[str, t.Any]], store: Store, options: dict[str, t.Any], said: str
    ) -> None:
        found = export(**options)
        assert found["error"]["type"] == "ConfigurationError"
        assert found["msg"].startswith(said)


class TestTheProgramOfTheGuide:
    """The program of docs/events.md with which others check the export."""

    @pytest.fixture
    def check(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> t.Callable[[t.Iterable[str]], str]:
        """Run the program on lines; return what it says."""
        text = (Path(__file__).resolve().parents[5] / "docs" / "events.md").read_text(encoding="utf-8")
        (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        (tmp_path / "check.py").write_text(program, encoding="utf-8")

        def run(lines: t.Iterable[str]) -> str:
            (tmp_path / "events.jsonl").write_text("".join(lines), encoding="utf-8")
            monkeypatch.setattr(sys, "argv", ["check.py", str(tmp_path / "events.jsonl")])
            try:
                runpy.run_path(str(tmp_path / "check.py"))
            except SystemExit as exc:
                return str(exc.code)
            return capsys.readouterr().out.strip()

        return run

    def test_finds_what_was_changed(self, store: Store, check: t.Callable[[t.Iterable[str]], str]) -> None:
        lines = list(exported_events(store, "127.0.0.1"))
        assert check(lines) == str(store.chain("127.0.0.1"))
        assert check([lines[0], lines[2]]) == "event 2 is not as it was written"
        changed = lines[1].replace("mail", "ftp")
        assert check([lines[0], changed, lines[2]]) == "event 2 is not as it was written"

    def test_knows_a_removal(
        self,
        store: Store,
        check: t.Callable[[t.Iterable[str]], str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(event_rows, "FEWEST_REMOVED", 1)
        (revision,) = store.enrollment("127.0.0.1", "www").revisions
        store.put(revision.moved(State.ISSUED, note="the CA says: ünïcode"))
        monkeypatch.setattr(event_rows, "MOST_REMOVED", 2)
        change(store, "UPDATE revisions SET state = 'rejected', updated_at = '2020-01-01T00:00:00.000000Z'")
        assert store.prune_events("127.0.0.1", utc_now() + dt.timedelta(days=1)) == 2
        lines = list(exported_events(store, "127.0.0.1"))
        assert [json.loads(line)["number"] for line in lines] == [3, 4, 5]
        assert check(lines) == str(store.chain("127.0.0.1"))
        assert check(lines[1:]) == "event 4 is not as it was written"


class TestTheTimeToKeepThem:
    NOW = dt.datetime(2026, 1, 31, tzinfo=dt.timezone.utc)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2y", dt.datetime(2024, 2, 1, tzinfo=dt.timezone.utc)),
            ("90d", dt.datetime(2025, 11, 2, tzinfo=dt.timezone.utc)),
            (" forever", None),
            ("2000y", dt.datetime(27, 6, 1, tzinfo=dt.timezone.utc)),
        ],
    )
    def test_is_a_duration(self, text: str, expected: dt.datetime | None) -> None:
        found = kept_since(text, self.NOW)
        assert found == expected or (expected is not None and found is not None and found.year == expected.year)

    def test_is_no_other_word(self) -> None:
        with pytest.raises(ConfigurationError, match=r"keep_events must be a duration such as .* or forever"):
            kept_since("always", self.NOW)

    def test_a_mistake_is_said_before_anything_is_done(self, run: Run, reached: dict[str, t.Any]) -> None:
        said = run(redtrust_renew, **reached, certificates=[{"name": "www"}], keep_events="always")
        assert said["error"]["type"] == "ConfigurationError"
        assert "certificates" not in said

    @pytest.mark.parametrize("check", [False, True])
    def test_is_over_at_the_end_of_a_run(
        self, run: Run, reached: dict[str, t.Any], store: Store, monkeypatch: pytest.MonkeyPatch, check: bool
    ) -> None:
        monkeypatch.setattr(event_rows, "FEWEST_REMOVED", 1)
        (pending,) = store.enrollment("127.0.0.1", "www").revisions
        store.put(pending.moved(State.REJECTED))
        said = run(redtrust_renew, **reached, certificates=[{"name": "mail"}], keep_events="0s", check=check)
        found = [event.state for event in store.events("127.0.0.1")]
        assert found == (["intended", "rejected", "requested", "rejected"] if check else ["pruned"])
        assert said["checkpoint"] == str(store.chain("127.0.0.1"))

    def test_what_goes_wrong_then_costs_no_result(
        self, run: Run, reached: dict[str, t.Any], store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_given: object) -> int:
            raise StoreError("the disk is full")

        warned: list[str] = []
        monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _self, warning, **_more: warned.append(warning))
        monkeypatch.setattr(SqlStore, "prune_events", fails)
        said = run(redtrust_renew, **reached, certificates=[{"name": "www"}])
        assert [one["state"] for one in said["certificates"]] == ["requested"]
        assert "the events of certificates are left as they are: the disk is full" in warned


class TestTheReport:
    LINE = f"events: 41,212, checkpoint {PLACE}"

    def test_tells_the_end_of_the_chain_where_events_were_added(self) -> None:
        results = Results(report=Report())
        results.end(PLACE, dataclasses.replace(PLACE, number=41211))
        assert results.report.lines(0)[1:] == [self.LINE]
        assert results.result().values["checkpoint"] == str(PLACE)

    def test_does_not_tell_it_where_none_were(self) -> None:
        results = Results(report=Report())
        results.end(PLACE, PLACE)
        assert results.report.lines(0)[1:] == []
        assert results.result().values["checkpoint"] == str(PLACE)

    def test_of_steps_tells_it_once(self) -> None:
        later = str(dataclasses.replace(PLACE, number=41213))
        signed = entry(action="sign", changed=True, state="issued")
        steps = [step(asked(), changed=True, checkpoint=str(PLACE)), step(signed, changed=True, checkpoint=later)]
        assert facts_of(outcome_of(steps))["summary"][-1] == f"events: 41,213, checkpoint {later}"
        assert facts_of(outcome_of(steps[:1]).followed_by(outcome_of([])))["summary"][-1] == self.LINE

    def test_of_steps_that_changed_nothing_does_not(self) -> None:
        summary = facts_of(outcome_of([step(entry(), changed=False, checkpoint=str(PLACE))]))["summary"]
        assert not [line for line in summary if line.startswith("events")]
