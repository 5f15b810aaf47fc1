# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's result from its registered tasks: the first cause of each certificate, and no lost entry."""

from __future__ import annotations

import typing as t

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.kinds import Kinds
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.role import (
    RoleOutcome,
    StepResult,
    facts_of,
    outcome_of,
    words_of,
)

Entry = dict[str, t.Any]


def entry(name: str = "a", **changes: t.Any) -> Entry:
    """Return a module's entry of a certificate in use."""
    return {
        "name": name,
        "action": "none",
        "reason": "finalized as asked for",
        "changed": False,
        "failed": False,
        "state": "finalized",
        "revision": 1,
        "thumbprint": "AB" * 20,
        "not_valid_after": "2027-01-31T12:00:00Z",
        **changes,
    }


def bad(name: str = "a", msg: str = "no", **changes: t.Any) -> Entry:
    return entry(
        name, **{"failed": True, "msg": msg, "error": {"type": "RefusedError"}, "state": "requested", **changes}
    )


def step(*entries: Entry, **result: t.Any) -> StepResult:
    return StepResult([one["name"] for one in entries], {"certificates": list(entries), **result})


def asked(name: str = "a") -> Entry:
    return entry(name, action="issue", reason="not in the store yet", changed=True, state="requested")


class TestOfModules:
    def test_the_last_that_did_something_counts(self) -> None:
        signed = entry(action="sign", reason="requested, to be signed", changed=True, state="issued")
        uploaded = entry(action="finalize", reason="signed, to be uploaded", changed=True, path="/a.pem")
        assert outcome_of([step(asked()), step(signed), step(uploaded)]) == RoleOutcome((uploaded,), ("a",))

    def test_what_did_nothing_later_leaves_what_was_done_and_adds_what_it_knows(self) -> None:
        adopted = entry(action="adopt", reason="adopted", changed=True)
        (result,) = outcome_of([step(adopted), step(entry(path="/a.pem"))]).results
        assert (result["action"], result["reason"], result["changed"]) == ("adopt", "adopted", True)
        assert result["path"] == "/a.pem"

    def test_why_nothing_was_done_is_what_the_first_says(self) -> None:
        due = entry(reason="due from 2026-12-01")
        assert outcome_of([step(due), step(entry(reason="finalized"))]).results[0]["reason"] == "due from 2026-12-01"
        left = entry(reason="due since 2026-12-01", postponed={"by": "max_renewals", "until": None})
        (kept,) = outcome_of([step(left), step(entry(reason="finalized", path="/a.pem"))]).results
        assert (kept["postponed"]["by"], kept["path"]) == ("max_renewals", "/a.pem")
        waits = entry(action="wait", reason="the signer says: not yet", state="signing")
        later = entry(reason="signing, waits for its certificate", state="signing")
        assert outcome_of([step(asked()), step(waits), step(later)]).results[0]["action"] == "wait"

    def test_what_is_adopted_is_not_new(self) -> None:
        assert outcome_of([step(entry(action="adopt", changed=True))]).changed == ()

    def test_what_is_written_to_a_file_is_new(self) -> None:
        assert outcome_of([step(entry()), step(entry(action="write", changed=True))]).changed == ("a",)

    def test_the_first_failure_stands(self) -> None:
        later = bad(msg="there is no request that waits for a certificate")
        for after in (later, entry(), entry(action="finalize", changed=True)):
            outcome = outcome_of([step(asked()), step(bad(msg="the CA is down")), step(after)])
            assert outcome.failed == ("a",)
            assert outcome.results[0]["msg"] == "the CA is down"

    def test_what_was_uploaded_and_not_written_is_new_and_failed(self) -> None:
        outcome = outcome_of([step(asked()), step(bad(action="finalize", changed=True, state="finalized"))])
        assert (outcome.changed, outcome.failed) == (("a",), ("a",))

    def test_the_order_is_that_of_the_first_step(self) -> None:
        outcome = outcome_of([step(asked("b"), asked("a")), step(entry("a"), entry("b"))])
        assert [result["name"] for result in outcome.results] == ["b", "a"]

    def test_one_that_could_not_run_has_failed_for_all_that_were_handed_to_it(self) -> None:
        broken = StepResult(["b"], {"msg": "MODULE FAILURE", "module_stderr": "Killed\n", "rc": 137, "failed": False})
        outcome = outcome_of([step(asked("a"), asked("b")), broken])
        assert outcome.failed == ("b",)
        assert outcome.stopped == "MODULE FAILURE: Killed"
        (result,) = [one for one in outcome.results if one["failed"]]
        assert (result["msg"], result["state"]) == ("MODULE FAILURE: Killed", "requested")
        assert result["error"] == {"type": "ModuleFailed"}

    def test_the_first_that_could_not_run_knows_nothing_of_them(self) -> None:
        (result,) = outcome_of([StepResult(["a"], {"msg": "host is not set"})]).results
        assert result == {
            **dict.fromkeys(("state", "revision", "thumbprint", "not_valid_before", "not_valid_after", "dn")),
            "name": "a",
            "action": "none",
            "reason": "nothing was done",
            "changed": False,
            "failed": True,
            "msg": "host is not set",
            "error": {"type": "ModuleFailed"},
        }

    def test_what_was_skipped_says_nothing(self) -> None:
        assert outcome_of([step(asked()), StepResult(["a"], {"skipped": True, "changed": False})]).failed == ()
        assert outcome_of([step(asked()), StepResult(["a"], {})]).failed == ()

    def test_the_first_reason_to_stop_counts(self) -> None:
        steps = [
            step(asked(), stopped=None),
            step(asked(), stopped="the server is down"),
            StepResult(["a"], {"msg": "later"}),
        ]
        assert outcome_of(steps).stopped == "the server is down"


class TestOfTheCaller:
    def looped(self, *failed: str, key: str = "item") -> dict[str, t.Any]:
        results = [
            {"failed": name in failed, "msg": "non-zero return code", "stderr": f"no profile for {name}", key: item}
            for name in "abc"
            for item in [{"name": name, "csr": "..."}]
        ]
        named = [{**one, "ansible_loop_var": key} for one in results] if key != "item" else results
        return {"failed": True, "msg": "One or more items failed", "results": named}

    def test_a_task_has_failed_for_all(self) -> None:
        failed = StepResult(["a", "b"], {"msg": "non-zero return code", "stderr": "\nno route\nCA is down\n"}, "Ask")
        outcome = outcome_of([step(asked("a"), asked("b")), failed])
        assert outcome.failed == ("a", "b")
        cause = 'the task "Ask" failed: non-zero return code: no route | CA is down'
        assert [result["msg"] for result in outcome.results] == [cause, cause]
        assert outcome.stopped == cause

    def test_one_that_looped_has_failed_for_its_items(self) -> None:
        for key in ("item", "request"):
            failed = StepResult(["a", "b", "c"], self.looped("b", key=key), "Ask")
            done = [entry(name, action="finalize", changed=True) for name in "ac"]
            waits = entry("b", state="requested")
            outcome = outcome_of([step(asked("a"), asked("b"), asked("c")), failed, step(*done, waits)])
            assert (outcome.failed, outcome.changed) == (("b",), ("a", "c"))
            assert outcome.results[1]["msg"] == 'the task "Ask" failed: non-zero return code: no profile for b'

    def test_it_is_the_cause_of_those_that_wait_for_what_came_after_it(self) -> None:
        failed = StepResult(["a", "b"], self.looped("b"), "Ask")
        outcome = outcome_of([step(asked("a"), asked("b")), failed, step(entry("a", state="requested"))])
        assert outcome.failed == ("a", "b")
        assert outcome.results[0]["msg"] == 'the task "Ask" failed for b: non-zero return code: no profile for b'

    def test_it_is_not_the_cause_of_what_failed_by_itself(self) -> None:
        failed = StepResult(["a", "b"], self.looped("b"), "Ask")
        outcome = outcome_of([step(asked("a"), asked("b")), failed, step(bad("a", "another subject"))])
        assert outcome.results[0]["msg"] == "another subject"

    def test_what_was_signed_before_it_failed_is_no_failure(self) -> None:
        failed = StepResult(["a"], {"msg": "no"}, "Tell somebody")
        outcome = outcome_of([step(asked()), failed, step(entry(action="finalize", changed=True))])
        assert (outcome.failed, outcome.changed) == ((), ("a",))
        assert outcome.stopped == 'the task "Tell somebody" failed: no'

    def test_what_the_caller_loops_over_may_be_anything(self) -> None:
        results = [{"failed": True, "msg": "no", "item": item} for item in (7, None, ["a"], {"name": 7}, "stranger")]
        outcome = outcome_of([step(asked()), StepResult(["a"], {"results": results}, "Ask")])
        assert outcome.results[0]["msg"] == 'the task "Ask" failed: no'


class TestOfOnePass:
    def told(self, *entries: Entry, unchanged: int = 0, **result: t.Any) -> StepResult:
        """Return the result of redtrust_certificate, which has no entry for unchanged certificates."""
        failed = [one["name"] for one in entries if one["failed"]]
        counts = {"none": unchanged, "renew": len(entries) - len(failed), "failed": len(failed)}
        words = {"report": ["a line"], **({"msg": "1 of 9 certificates failed: c: no"} if failed else {})}
        names = {"changed_names": [one["name"] for one in reversed(entries) if one["changed"]], "failed_names": failed}
        given = {"certificates": list(entries), "summary": counts, "stopped": None, **names, **words, **result}
        return StepResult((), given)

    def test_the_module_sums_up(self) -> None:
        done = [entry(name, action="renew", changed=True) for name in "ab"]
        outcome = outcome_of([self.told(*done, bad("c"), unchanged=6, stopped="the service is down")])
        assert (outcome.changed, outcome.failed) == (("a", "b"), ("c",))
        facts = facts_of(outcome, results_all=False)
        assert facts.pop("notice")["failure"] == "1 of 9 certificates failed: c: no"
        assert facts.pop("stats")["redtrust__failed_names"] == ["c"]
        assert facts == {
            "results": [*done, bad("c")],
            "changed": ["a", "b"],
            "failed": ["c"],
            "stopped": "the service is down",
            "progress": "9 of 9 certificates done, 1 failed",
            "summary": ["a line"],
            "failure": "1 of 9 certificates failed: c: no",
            "session_ended": False,
            "replacement": None,
        }

    def test_its_kinds_are_told(self) -> None:
        kinds = Kinds()
        kinds.add("waiting", "w")
        outcome = outcome_of([self.told(unchanged=3, kinds=kinds.to_json())])
        notice = facts_of(outcome)["notice"]
        assert (notice["counts"]["certificates"], notice["names"]["waiting"]) == (3, ["w"])
        both = facts_of(outcome_of([step(entry("a"))]).followed_by(outcome))["notice"]
        assert both["names"]["waiting"] == []

    def test_nothing_failed(self) -> None:
        facts = facts_of(outcome_of([self.told(unchanged=3, session_ended=True)]))
        assert facts["session_ended"]
        facts = facts_of(outcome_of([self.told(unchanged=3, replacement={"id": "x"})]))
        assert facts["replacement"] == {"id": "x"}
        assert (facts["failure"], facts["stopped"], facts["results"]) == ("", "", [])

    def test_a_module_that_refuses_its_options_began_nothing(self) -> None:
        refused = {"msg": "a: dn is not set", "error": {"type": "ConfigurationError"}, "failed": False}
        facts = facts_of(outcome_of([StepResult(["a", "a"], refused)]))
        assert (facts["results"], facts["failed"], facts["summary"]) == ([], [], [])
        assert facts["failure"] == facts["stopped"] == "a: dn is not set"

    def test_a_module_that_was_killed_has_failed_for_all(self) -> None:
        killed = {"msg": "MODULE FAILURE", "module_stderr": "Killed\n", "rc": 137, "failed": False}
        facts = facts_of(outcome_of([StepResult(["a", "b"], killed)]))
        assert facts["failed"] == ["a", "b"]
        assert facts["failure"] == "2 of 2 certificates failed: a, b: MODULE FAILURE: Killed"

    def test_one_that_was_killed_over_a_file_has_no_names_to_tell(self) -> None:
        killed = {"msg": "MODULE FAILURE", "module_stderr": "Killed\n", "rc": 137, "failed": False}
        facts = facts_of(outcome_of([StepResult([], killed)]))
        assert (facts["failed"], facts["failure"]) == ([], "MODULE FAILURE: Killed")

    def test_a_later_step_that_refuses_has_failed_for_its_certificates(self) -> None:
        refused = {"msg": "no directory", "error": {"type": "ConfigurationError"}}
        assert outcome_of([step(asked()), StepResult(["a"], refused)]).failed == ("a",)


def test_only_those_that_changed_or_failed() -> None:
    entries = [entry("a"), entry("b", action="finalize", changed=True), bad("c")]
    facts = facts_of(outcome_of([step(*entries)]), results_all=False)
    assert [one["name"] for one in facts["results"]] == ["b", "c"]
    assert facts["summary"][0] == "3 certificates: 1 issued, 1 unchanged, 1 failed"


def test_two_parts_are_one_list() -> None:
    first = RoleOutcome((entry("a"),), ("a",), (), "")
    second = RoleOutcome((bad("b"),), (), ("b",), "the server is down")
    assert first.followed_by(second) == RoleOutcome((entry("a"), bad("b")), ("a",), ("b",), "the server is down")
    assert second.followed_by(first).stopped == "the server is down"


def test_words_are_of_one_line_and_not_without_end() -> None:
    assert words_of({"msg": "a\n  b", "stderr": "one\ntwo\nthree\n\x1b[31mfour\n"}) == "a b: two | three | ?[31mfour"
    assert words_of({}) == "it did not say why"
    assert len(words_of({"msg": "x" * 5000})) == 1000
    assert (
        words_of({"results": [{"failed": False, "msg": "no"}, {"failed": True, "msg": "yes"}], "msg": "All"}) == "yes"
    )
