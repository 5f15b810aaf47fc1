# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the handlers of a play and the later jobs of a workflow get: small for any list, with the right names."""

from __future__ import annotations

import datetime as dt
import json
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.kinds import MOST_NAMES, Kinds
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.notice import (
    FAILED,
    TOPICS,
    notice_of,
    stats_of,
    topics_of,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.report import Report

from .test_role import Entry, bad, entry

ROLES = Path(__file__).resolve().parents[5] / "roles"
NOW = dt.datetime(2026, 12, 1, tzinfo=dt.timezone.utc)
IN_A_WEEK = "2026-12-08T00:00:00Z"
AFTER_A_WEEK = "2026-12-08T00:00:01Z"


def kinds_of(*entries: Entry, check_mode: bool = False) -> Kinds:
    report = Report(check_mode=check_mode, now=NOW)
    for one in entries:
        report.add(one)
    return report.kinds


def told(*entries: Entry) -> dict[str, list[str]]:
    """Return the names of the kinds that there are."""
    return {kind: names for kind, names in kinds_of(*entries).names.items() if names}


def waits(name: str = "a", *, missing: int | None = None, **changes: t.Any) -> Entry:
    """Return the entry of a request that waits; ``missing`` is the number of approvals that it lacks."""
    approval: Entry = {"needed": 2, "missing": missing, "given": [], "not_by": None, "csr_sha256": "ab"}
    lacks: Entry = {} if missing is None else {"approval": approval}
    return entry(name, **{"state": "requested", "action": "wait", "changed": True, **lacks, **changes})


def notice(kinds: Kinds, failure: str = "", lines: t.Sequence[str] = ("3 certificates: all well",)) -> dict[str, t.Any]:
    return notice_of("issue", kinds, count=3, lines=lines, failure=failure, stopped="")


class TestKinds:
    def test_each_certificate_is_of_one_kind_and_may_be_of_others(self) -> None:
        issued = entry("i", action="issue", changed=True)
        renewed = entry("r", action="renew", changed=True, revision=2)
        written = entry("w", action="write", changed=True)
        assert told(issued, renewed, written, entry("u"), entry("n", state=None), bad("f")) == {
            "issued": ["i"],
            "renewed": ["r"],
            "written": ["w"],
            "without_certificate": ["n"],
            "failed": ["f"],
            "changed": ["i", "r", "w"],
        }

    def test_a_request_that_began_to_wait_is_new_once(self) -> None:
        assert told(waits("a"), waits("b", changed=False)) == {"waiting": ["a", "b"], "newly_waiting": ["a"]}

    def test_a_request_that_people_have_to_approve(self) -> None:
        kinds = kinds_of(waits("a", missing=1), waits("b", missing=2, changed=False), waits("c", missing=0))
        assert (kinds.names["waiting"], kinds.names["newly_waiting"]) == (["a", "b", "c"], ["a", "c"])
        assert (kinds.names["to_approve"], kinds.names["newly_to_approve"]) == (["a", "b"], ["a"])
        assert kinds.requests == [{"name": "a", "csr_sha256": "ab"}, {"name": "b", "csr_sha256": "ab"}]

    @pytest.mark.parametrize(
        ("one", "expected"),
        [
            (bad(in_use_until=IN_A_WEEK), True),
            (bad(in_use_until=AFTER_A_WEEK), False),
            (bad(in_use_until="2020-01-01T00:00:00Z"), True),
            (bad(state="finalized", not_valid_after=IN_A_WEEK), True),
            # the end of a certificate that is not uploaded yet
            (bad(state="issued", not_valid_after=IN_A_WEEK), False),
            (bad(state=None, not_valid_after=None), False),
            (waits(in_use_until=IN_A_WEEK), True),
            (waits(), False),
            (entry(postponed={"by": "max_renewals", "until": None}, not_valid_after=IN_A_WEEK), True),
            # it has a new one, or is not due
            (entry(action="renew", changed=True, not_valid_after=IN_A_WEEK), False),
            (entry(not_valid_after=IN_A_WEEK), False),
        ],
    )
    def test_what_is_in_use_and_ends_soon(self, one: Entry, expected: bool) -> None:
        assert kinds_of(one).names["ending"] == (["a"] if expected else [])

    def test_in_check_mode_nothing_becomes_of_them(self) -> None:
        kinds = kinds_of(waits("a", missing=1, in_use_until=IN_A_WEEK), entry("b"), bad("c"), check_mode=True)
        assert {kind for kind, count in kinds.counts.items() if count} == {"failed"}

    def test_names_end_at_a_hundred(self) -> None:
        kinds = kinds_of(*(waits(f"n{number}", missing=1) for number in range(MOST_NAMES + 1)))
        assert kinds.counts["to_approve"] == MOST_NAMES + 1
        assert len(kinds.names["to_approve"]) == len(kinds.requests) == MOST_NAMES

    def test_they_come_through_json(self) -> None:
        kinds = kinds_of(waits(missing=1), bad("b"))
        assert Kinds.from_json(json.loads(json.dumps(kinds.to_json()))).to_json() == kinds.to_json()


class TestTopics:
    def test_there_is_one_for_each_kind_that_is_new(self) -> None:
        for topic, kind in TOPICS.items():
            kinds = Kinds()
            kinds.add(kind, "a")
            assert topics_of(kinds, "") == [topic]

    def test_a_role_that_fails_tells_even_if_no_certificate_did(self) -> None:
        assert topics_of(Kinds(), "host is not set") == [FAILED]

    def test_nothing_new(self) -> None:
        assert topics_of(kinds_of(entry(), waits(changed=False, missing=1)), "") == []

    @pytest.mark.parametrize("role", ["issue", "renew"])
    def test_each_has_a_listener_and_a_line_in_the_readme(self, role: str) -> None:
        """Ansible refuses to notify a topic without a listener."""
        readme = (ROLES / role / "README.md").read_text(encoding="utf-8")
        assert [topic for topic in (*TOPICS, FAILED) if f"`{topic}`" not in readme] == []
        (listener,) = yaml.safe_load((ROLES / "issue" / "handlers" / "main.yml").read_text(encoding="utf-8"))
        assert listener["listen"] == [*TOPICS, FAILED]


class TestNotice:
    def test_the_title_is_short_and_the_text_is_whole(self) -> None:
        found = notice(Kinds(), "x" * 300, lines=[])
        assert (len(found["title"]), found["title"][-4:], found["text"]) == (200, "x...", "x" * 300)

    def test_what_ends_soon_is_in_the_text(self) -> None:
        few = notice(kinds_of(bad("a", in_use_until=IN_A_WEEK)))
        assert few["text"] == "3 certificates: all well\nin use, with an end within 7 days: a"
        many = notice(kinds_of(*(bad(f"n{number}", in_use_until=IN_A_WEEK) for number in range(1200))))
        assert many["text"].endswith("with an end within 7 days: 1,200 certificates, among them n0, n1, n2")

    def test_it_is_small_for_any_list(self) -> None:
        kinds = kinds_of(*(bad("n" * 64 + str(number), in_use_until=IN_A_WEEK) for number in range(5000)))
        assert len(json.dumps(notice(kinds))) < 30_000


class TestStats:
    def test_they_add_up(self) -> None:
        """With aggregate, Ansible adds numbers and lists; it would lose one of two mappings, and join texts."""
        stats = stats_of(notice(kinds_of(bad("a"), waits("b", missing=1)), "1 of 3 certificates failed: a: no"))
        assert {type(value) for value in stats.values()} == {int, list}
        assert stats["redtrust_issue_certificates_count"] == 3
        assert (stats["redtrust_issue_failed_count"], stats["redtrust_issue_failed_names"]) == (1, ["a"])
        assert stats["redtrust_issue_failures"] == ["1 of 3 certificates failed: a: no"]
        assert stats["redtrust_issue_requests"] == [{"name": "b", "csr_sha256": "ab"}]

    def test_no_later_job_takes_one_for_a_variable_of_a_role(self) -> None:
        """AWX hands them to later jobs as extra variables, which nothing can override."""
        specs = ROLES.glob("*/meta/argument_specs.yml")
        spec = (yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"] for path in specs)
        options = {name for one in spec for name in one.get("options", {})}
        assert options
        assert options & set(stats_of(notice(Kinds()))) == set()
