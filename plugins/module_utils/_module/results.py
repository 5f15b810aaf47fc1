# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a module for its outcomes: an entry for each certificate, counts, a sentence for failures. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import typing as t
from collections import Counter

from .._clock import timestamp
from .._enroll.api import attempt, attention
from .._errors import NotTriedError, RedtrustError, ServiceError, SessionError
from .._models import PENDING, Enrollment, Outcome, Revision, State
from .._x509.api import csr_pem
from .report import Report, listed


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a module. ``failure`` is a sentence if something failed; the module still returns the rest."""

    changed: bool
    values: t.Mapping[str, t.Any]
    diff: t.Sequence[t.Mapping[str, t.Any]] = ()
    warnings: t.Sequence[str] = ()
    failure: str | None = None


def batch_result(outcomes: t.Sequence[Outcome]) -> Result:
    """Return the result of a list: one entry for each certificate, in order."""
    outcomes, entries, diffs = zip(*map(_shown, outcomes)) if outcomes else ((), (), ())
    report = Report()
    for entry in entries:
        report.add(entry)
    return Result(
        changed=any(outcome.changed for outcome in outcomes),
        values={"certificates": list(entries), "summary": summary(outcomes), "stopped": _stopped(outcomes)},
        diff=[diff for outcome, diff in zip(outcomes, diffs) if outcome.changed],
        warnings=_warnings(outcomes),
        failure=report.failure(len(entries)) or None,
    )


def _shown(outcome: Outcome) -> tuple[Outcome, dict[str, t.Any], dict[str, t.Any]]:
    """Return an outcome with its entry and its diff. If these cannot be made, the outcome counts as failed."""
    shown = attempt(lambda: (outcome, to_result(outcome), _diff(outcome)))
    if not isinstance(shown, RedtrustError):
        return shown
    bare = dataclasses.replace(
        outcome, error=outcome.error or shown, revision=None, before=None, after=None, extra={}, warnings=()
    )
    return bare, to_result(bare), _diff(bare)


def summary(outcomes: t.Sequence[Outcome]) -> dict[str, int]:
    """Return the number of certificates for each action, of failed ones, and of those that were not tried."""
    return {**Counter(map(_counted_as, outcomes))}


def _counted_as(outcome: Outcome) -> str:
    if isinstance(outcome.error, NotTriedError):
        return "not_tried"
    return "failed" if outcome.error else outcome.action


def to_result(outcome: Outcome) -> dict[str, t.Any]:
    """Return one entry of the ``certificates`` result."""
    revision = outcome.revision
    entry = {
        "name": outcome.name,
        "action": outcome.action,
        "reason": outcome.reason,
        "changed": outcome.changed,
        "failed": outcome.error is not None,
        "state": str(revision.state) if revision else None,
        "revision": revision.revision if revision else None,
        "thumbprint": revision.thumbprint if revision else None,
        "not_valid_before": timestamp(revision.not_valid_before) if revision else None,
        "not_valid_after": timestamp(revision.not_valid_after) if revision else None,
        "dn": revision.spec.dn.to_json() if revision else None,
    }
    if revision and revision.csr and revision.state in (State.REQUESTED, State.SIGNING):
        entry["csr"] = csr_pem(revision.csr)
    if revision and revision.state in PENDING:
        entry["waiting_since"] = timestamp(revision.signing_since or revision.created_at)
    if outcome.error:
        entry.update(msg=str(outcome.error), error=error_facts(outcome.error))
    return {**entry, **outcome.extra}


def enrollment_facts(enrollment: Enrollment, now: dt.datetime) -> dict[str, t.Any]:
    """Return the facts of an enrollment in the store, without request codes."""
    current, pending = enrollment.current, enrollment.pending
    return {
        "name": enrollment.name,
        "known": bool(enrollment.revisions),
        "unknown_creates": enrollment.unknown_creates,
        "current": _revision_facts(current) if current else None,
        "pending": _revision_facts(pending) if pending else None,
        "revisions": [_revision_facts(revision) for revision in enrollment.revisions],
        "attention": [
            {**dataclasses.asdict(found), "since": timestamp(found.since)} for found in attention(enrollment, now)
        ],
    }


def _revision_facts(revision: Revision) -> dict[str, t.Any]:
    return {
        "revision": revision.revision,
        "attempt": revision.attempt,
        "state": str(revision.state),
        "thumbprint": revision.thumbprint,
        "not_valid_before": timestamp(revision.not_valid_before),
        "not_valid_after": timestamp(revision.not_valid_after),
        "dn": revision.spec.dn.to_json(),
        "provider": revision.spec.provider,
        "renews": revision.renews,
        "certificate_id": revision.certificate_id,
        "adopted": revision.adopted,
        "note": revision.note,
        "failures": revision.failures,
        "retry_at": timestamp(revision.retry_at),
        "created_at": timestamp(revision.created_at),
        "updated_at": timestamp(revision.updated_at),
    }


def error_facts(error: Exception) -> dict[str, t.Any]:
    """Return the facts of an error, without its message."""
    details = error.details() if isinstance(error, RedtrustError) else {}
    return {"type": type(error).__name__, **details}


def _stopped(outcomes: t.Sequence[Outcome]) -> str | None:
    """Return the reason why the batch stopped, or None. The next list would fail for it as well."""
    for outcome in outcomes:
        error = outcome.error
        at_login = isinstance(error, ServiceError) and error.step in ("login", "login_request", "exchange", "refresh")
        for_all = isinstance(error, ServiceError) and error.concerns_all
        if at_login or for_all or isinstance(error, (NotTriedError, SessionError)):
            return str(error)
    return None


def _warnings(outcomes: t.Sequence[Outcome]) -> list[str]:
    """Return each warning once, with the names of its certificates."""
    names: dict[str, list[str]] = {}
    for outcome in outcomes:
        for warning in outcome.warnings:
            names.setdefault(warning, []).append(outcome.name)
    return [f"{listed(met)}: {warning}" for warning, met in names.items()]


def _diff(outcome: Outcome) -> dict[str, t.Any]:
    """Return the differences. Ansible prints a line for each."""
    before, after = outcome.before or {}, outcome.after or {}
    differing = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {
        "before_header": outcome.name,
        "after_header": outcome.name,
        "before": {name: _on_a_line(before[name]) for name in differing if before.get(name)},
        "after": {name: _on_a_line(after[name]) for name in differing if after.get(name)},
    }


def _on_a_line(value: t.Any) -> t.Any:
    """Return a fact as text without line breaks; a distinguished name is a list of attributes."""
    if isinstance(value, list):
        return ", ".join(f"{one['attribute']}={one['value']}" if isinstance(one, dict) else str(one) for one in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
