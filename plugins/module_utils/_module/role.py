# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of a role's steps for a list of certificates, from the results that its tasks registered. Pure.

The first failure of a certificate counts, since later failures follow from it. A step that could not run at all is a
failure of all its certificates. If it was a task of the caller, those that it had finished do not fail.

The module redtrust_certificate does all steps in one pass, and sums up the list itself.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._printable import printable
from .kinds import Kinds
from .notice import notice_of, stats_of
from .report import Entry, Report, is_new

# A task of the caller failed. It may have finished some certificates before.
_TASK_FAILED = "TaskFailed"
# The error of a module that refuses its options.
_REFUSED = "ConfigurationError"
# The values of an entry that belong together.
_OF_THE_ACTION = ("action", "reason", "changed", "postponed")
_LONGEST_WORDS = 1000
_LAST_LINES = 3


@dataclasses.dataclass(frozen=True)
class RoleOutcome:
    """The outcome so far: ``results`` has an entry for each certificate, in the order in which they were begun.

    ``changed`` and ``failed`` are names. ``stopped`` is the reason to begin no other certificate; it may be empty.
    ``summary`` and ``failure`` are the words of a module that summed up the list itself, and ``count`` is the number of
    its certificates. ``results`` may then lack those that did not change. ``session_ended`` says whether that module
    ended the session, and ``replacement`` is its result of that name. ``checkpoint`` is the end of the chain of events
    after steps that have changed something. ``kinds`` is the module's result of that name.
    """

    results: tuple[Entry, ...] = ()
    changed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    stopped: str = ""
    summary: tuple[str, ...] = ()
    failure: str = ""
    count: int = 0
    session_ended: bool = False
    checkpoint: str = ""
    replacement: t.Mapping[str, t.Any] | None = None
    kinds: t.Mapping[str, t.Any] | None = None

    def followed_by(self, other: RoleOutcome) -> RoleOutcome:
        """Return the outcome of both."""
        return RoleOutcome(
            self.results + other.results,
            self.changed + other.changed,
            self.failed + other.failed,
            self.stopped or other.stopped,
            self.summary + other.summary,
            self.failure or other.failure,
            self.count + other.count,
            other.session_ended,
            other.checkpoint or self.checkpoint,
            other.replacement or self.replacement,
            # those of two lists are counted from their results
            None if self.results else other.kinds,
        )


@dataclasses.dataclass(frozen=True)
class StepResult:
    """The registered result of a step's task, and the names of the step's certificates.

    ``names`` is empty if the list is in a file or in the store. ``task`` is the name of the caller's task that failed;
    it is empty for modules of the collection.
    """

    names: t.Sequence[str]
    result: t.Mapping[str, t.Any]
    task: str = ""

    @property
    def entries(self) -> t.Sequence[Entry] | None:
        """The entries that a module returned; None if it failed before."""
        return None if self.task else self.result.get("certificates")

    @property
    def did_not_run(self) -> bool:
        """Return whether the task was skipped."""
        return bool(self.result.get("skipped")) or not self.result

    @property
    def began_nothing(self) -> bool:
        """Return whether the module refused its options or its list as a whole, or failed with an unknown list."""
        error = self.result.get("error") or {}
        return self.entries is None and not self.task and (error.get("type") == _REFUSED or not self.names)


def outcome_of(steps: t.Sequence[StepResult]) -> RoleOutcome:
    """Return the outcome for the certificates of the first step, in its order."""
    steps = [step for step in steps if not step.did_not_run]
    if steps and "changed_names" in steps[0].result:
        return _of_one_pass(steps[0].result)
    if steps and steps[0].began_nothing:
        cause = words_of(steps[0].result)
        return RoleOutcome(stopped=cause, failure=cause)
    return _of_steps(steps)


def _of_one_pass(result: t.Mapping[str, t.Any]) -> RoleOutcome:
    """Return the outcome that the module redtrust_certificate summed up, with the names in the order of the list."""
    results = tuple(result.get("certificates") or ())
    order = {entry["name"]: number for number, entry in enumerate(results)}
    changed, failed = (
        tuple(sorted(result[names], key=lambda name: order.get(name, len(order))))
        for names in ("changed_names", "failed_names")
    )
    return RoleOutcome(
        results,
        changed,
        failed,
        str(result.get("stopped") or ""),
        tuple(result.get("report") or ()),
        str(result.get("msg") or ""),
        sum(result["summary"].values()),
        session_ended=bool(result.get("session_ended")),
        replacement=result.get("replacement"),
        kinds=result.get("kinds"),
    )


def _of_steps(steps: t.Sequence[StepResult]) -> RoleOutcome:
    known: dict[str, Entry] = {}
    unsettled: dict[str, str] = {}
    stopped = ""
    for step in steps:
        stopped = stopped or str(step.result.get("stopped") or "")
        if step.entries is not None:
            for entry in step.entries:
                known[entry["name"]] = _later(known.get(entry["name"]), entry)
        else:
            causes, other = _causes(step)
            stopped = stopped or other
            known.update({name: _failed(name, known.get(name), cause, step.task) for name, cause in causes.items()})
            unsettled.update({name: other for name in step.names if name not in causes})
    for name, cause in unsettled.items():
        if known[name]["state"] != "finalized":
            known[name] = _failed(name, known[name], cause, task="of the caller")
    changed = tuple(name for name, entry in known.items() if is_new(entry))
    failed = tuple(name for name, entry in known.items() if entry["failed"])
    return RoleOutcome(tuple(known.values()), changed, failed, stopped, checkpoint=_checkpoint(steps))


def _checkpoint(steps: t.Sequence[StepResult]) -> str:
    """Return the last checkpoint of the steps; it is empty if none of them has changed anything."""
    if not any(step.result.get("changed") for step in steps):
        return ""
    return next((str(step.result["checkpoint"]) for step in reversed(steps) if step.result.get("checkpoint")), "")


def facts_of(
    outcome: RoleOutcome,
    *,
    total: int | None = None,
    elapsed: float = 0.0,
    signer: object = "",
    check_mode: bool = False,
    results_all: bool = True,
    role: str = "",
    now: dt.datetime | None = None,
) -> dict[str, t.Any]:
    """Return the outcome with the sentences about it, as the filter ``outcome`` documents them."""
    report = Report(signer=signer, check_mode=check_mode, now=now)
    report.checkpoint = outcome.checkpoint
    for entry in outcome.results:
        report.add(entry)
    # those of which the module returned no entry
    report.add_unchanged(max(0, outcome.count - len(outcome.results)))
    count = total or max(outcome.count, len(outcome.results))
    began_nothing = bool(outcome.failure) and not count
    shown = [entry for entry in outcome.results if results_all or entry["changed"] or entry["failed"]]
    summary = list(outcome.summary) or ([] if began_nothing else report.lines(count, outcome.stopped))
    failure = outcome.failure or report.failure(count, outcome.stopped)
    kinds = report.kinds if outcome.kinds is None else Kinds.from_json(outcome.kinds)
    notice = notice_of(role, kinds, count=count, lines=summary, failure=failure, stopped=outcome.stopped)
    return {
        "results": shown,
        "changed": list(outcome.changed),
        "failed": list(outcome.failed),
        "stopped": outcome.stopped,
        "progress": report.progress(count, elapsed),
        "summary": summary,
        "failure": failure,
        "session_ended": outcome.session_ended,
        "replacement": outcome.replacement,
        "notice": notice,
        "stats": stats_of(notice),
    }


def _later(earlier: Entry | None, entry: Entry) -> Entry:
    """Return the entry that counts for one certificate: the first failure, else the last entry with an action.

    A later entry without an action still updates the facts of the certificate.
    """
    if earlier is None:
        return entry
    if earlier["failed"]:
        finished = entry["state"] == "finalized" and not entry["failed"]
        return entry if finished and earlier["error"]["type"] == _TASK_FAILED else earlier
    if entry["action"] == "none" and not entry["failed"]:
        return {**entry, **{name: earlier[name] for name in _OF_THE_ACTION if name in earlier}}
    return entry


def _failed(name: str, earlier: Entry | None, cause: str, task: str) -> Entry:
    if earlier is not None and earlier["failed"]:
        return earlier
    nothing: Entry = {
        "name": name,
        "action": "none",
        "reason": "nothing was done",
        "changed": False,
        "state": None,
        "revision": None,
        "thumbprint": None,
        "not_valid_before": None,
        "not_valid_after": None,
        "dn": None,
    }
    error = {"type": _TASK_FAILED if task else "ModuleFailed"}
    return {**(earlier or nothing), "failed": True, "msg": cause, "error": error}


def _causes(step: StepResult) -> tuple[dict[str, str], str]:
    """Return the causes of a step that could not run: by name, and for the other names.

    If a task of the caller loops over entries with a name, the failed items have causes of their own. Any other task
    fails for all names.
    """
    said = words_of(step.result)
    if not step.task:
        return dict.fromkeys(step.names, said), said
    begin = f'the task "{step.task}" failed'
    named = {name: f"{begin}: {words_of(result)}" for name, result in _failed_items(step) if name in step.names}
    other = f"{begin} for {next(iter(named))}: {said}" if named else f"{begin}: {said}"
    return named or dict.fromkeys(step.names, other), other


def _failed_items(step: StepResult) -> t.Iterator[tuple[str, t.Mapping[str, t.Any]]]:
    for result in step.result.get("results") or ():
        item = result.get(str(result.get("ansible_loop_var") or "item"))
        name = item.get("name") if isinstance(item, t.Mapping) else item
        if result.get("failed") and isinstance(name, str):
            yield name, result


def words_of(result: t.Mapping[str, t.Any]) -> str:
    """Return the message of a failed task, and its last lines on standard error."""
    failed = [one for one in result.get("results") or () if one.get("failed")]
    if failed:
        return words_of(failed[0])
    printed = str(result.get("stderr") or result.get("module_stderr") or "")
    lines = [line.strip() for line in printed.splitlines() if line.strip()][-_LAST_LINES:]
    message = " ".join(str(result.get("msg") or "").split())
    words = ": ".join(part for part in (message, " | ".join(lines)) if part) or "it did not say why"
    return printable(words)[:_LONGEST_WORDS]
