# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter, used as roles use it: part after part of one list."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.redtrust.certificate_enroll.plugins.filter.outcome import FilterModule

outcome = FilterModule().filters()["outcome"]


def part(*names: str, failed: bool = False, **changes: t.Any) -> list[dict[str, t.Any]]:
    """Return the result of one task of a part."""
    base = {"action": "finalize", "reason": "signed", "changed": True, "failed": failed, "state": "finalized"}
    facts = {**base, "revision": 1, "thumbprint": "AB", "not_valid_after": "2027-01-31T12:00:00Z", "msg": "no"}
    return [{"names": list(names), "result": {"certificates": [{"name": name, **facts, **changes} for name in names]}}]


def test_a_list_without_certificates() -> None:
    found = outcome({})
    assert not any(found.pop("stats").values())
    assert found.pop("notice")["title"] == "0 certificates: 0 unchanged, 0 failed"
    assert found == {
        "results": [],
        "changed": [],
        "failed": [],
        "stopped": "",
        "progress": "0 of 0 certificates done, 0 failed",
        "summary": ["0 certificates: 0 unchanged, 0 failed"],
        "failure": "",
        "session_ended": False,
        "replacement": None,
    }


def test_part_after_part() -> None:
    first = outcome({}, part("a", "b"), total=4, elapsed=10.0)
    assert first["progress"] == "2 of 4 certificates done, 0 failed, 2 left, about 10 s"
    both = outcome(first, part("c", "d", failed=True), total=4)
    assert [result["name"] for result in both["results"]] == ["a", "b", "c", "d"]
    assert (both["changed"], both["failed"]) == (["a", "b", "c", "d"], ["c", "d"])
    assert both["failure"] == "2 of 4 certificates failed: c, d: no"
    assert both["summary"][0] == "4 certificates: 2 issued, 0 unchanged, 2 failed"


def test_check_mode_says_what_would_be_done() -> None:
    assert outcome({}, part("a"), check_mode=True)["summary"][1] == "a: would be uploaded, signed"


def test_a_list_of_entries_has_the_names() -> None:
    killed = {"msg": "MODULE FAILURE"}
    assert outcome({}, [{"names": [{"name": "a", "dn": {"cn": "a"}}, {"name": 7}], "result": killed}])["failed"] == [
        "a",
        "7",
    ]


def test_what_ends_soon_is_told_by_the_clock() -> None:
    ends: dict[str, t.Any] = {"state": "signing", "action": "wait", "changed": False}
    late = part("a", in_use_until="2020-01-01T00:00:00Z", **ends) + part(
        "b", in_use_until="2999-01-01T00:00:00Z", **ends
    )
    found = outcome({}, late, role="renew")
    assert found["notice"]["topics"] == ["redtrust certificates ending"]
    assert (found["stats"]["redtrust_renew_ending_names"], found["notice"]["role"]) == (["a"], "renew")


def test_why_the_rest_is_not_begun() -> None:
    found = outcome({}, [{"names": ["a"], "result": {"msg": "host is not set"}}], total=2)
    assert found["stopped"] == "host is not set"
    assert found["failure"] == "1 of 2 certificates failed: a: host is not set; 1 were not begun: host is not set"


@pytest.mark.parametrize("steps", [[{"names": ["a"]}], [7], [{"names": ["a"], "result": {"certificates": [7]}}]])
def test_what_no_task_of_this_collection_left(steps: list[t.Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="outcome takes what the tasks of this collection registered"):
        outcome({}, steps)
