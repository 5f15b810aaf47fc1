# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outcomes as a module returns them: one entry for each certificate, counts, one sentence for what failed. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t
from collections import Counter

from ._attention import attention
from ._errors import NotTriedError, RedtrustError, ServiceError, SessionError
from ._models import Enrollment, Outcome, Revision, State
from ._x509.api import csr_pem


@dataclasses.dataclass(frozen=True)
class Result:
    """What a module returns. ``failure`` is a sentence when something failed; the rest is returned all the same."""

    changed: bool
    values: t.Mapping[str, t.Any]
    diff: t.Sequence[t.Mapping[str, t.Any]] = ()
    warnings: t.Sequence[str] = ()
    failure: str | None = None


def batch_result(outcomes: t.Sequence[Outcome]) -> Result:
    """Return what became of a list: one entry for each certificate, in order."""
    failed = [outcome for outcome in outcomes if outcome.error]
    return Result(
        changed=any(outcome.changed for outcome in outcomes),
        values={
            "certificates": [to_result(outcome) for outcome in outcomes],
            "summary": summary(outcomes),
            "stopped": _stopped(failed),
        },
        diff=[_diff(outcome) for outcome in outcomes if outcome.changed],
        warnings=[f"{outcome.name}: {warning}" for outcome in outcomes for warning in outcome.warnings],
        failure=_failure(failed, len(outcomes)) if failed else None,
    )


def summary(outcomes: t.Sequence[Outcome]) -> dict[str, int]:
    """Return how many certificates had each action, how many failed and, apart from these, how many were not tried."""
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
    if outcome.error:
        entry.update(msg=str(outcome.error), error=error_facts(outcome.error))
    return {**entry, **outcome.extra}


def enrollment_facts(enrollment: Enrollment, now: dt.datetime) -> dict[str, t.Any]:
    """Return what the store knows of an enrollment, without request codes."""
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


def timestamp(moment: dt.datetime | None) -> str | None:
    """Return a time as it stands in results: UTC, ISO 8601, whole seconds."""
    return moment.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def error_facts(error: Exception) -> dict[str, t.Any]:
    """Return what is known of an error beside its sentence."""
    details = error.details() if isinstance(error, RedtrustError) else {}
    return {"type": type(error).__name__, **details}


def _stopped(failed: t.Sequence[Outcome]) -> str | None:
    """Return why the service was not asked any more, so that the next list need not be begun."""
    for outcome in failed:
        error = outcome.error
        at_login = isinstance(error, ServiceError) and error.step in ("login", "login_request", "exchange", "refresh")
        for_all = isinstance(error, ServiceError) and error.concerns_all
        if at_login or for_all or isinstance(error, (NotTriedError, SessionError)):
            return str(error)
    return None


def _failure(failed: t.Sequence[Outcome], count: int) -> str:
    """Return what went wrong in one sentence: each cause once, with the names that it met."""
    tried = [outcome for outcome in failed if not isinstance(outcome.error, NotTriedError)]
    names: dict[str, list[str]] = {}
    for outcome in tried:
        names.setdefault(str(outcome.error), []).append(outcome.name)
    parts = [f"{_listed(met)}: {cause}" for cause, met in list(names.items())[:10]]
    if len(names) > 10:
        parts.append(f"and {sum(map(len, list(names.values())[10:]))} more, see certificates")
    if len(tried) < len(failed):
        parts.append(f"{len(failed) - len(tried)} were not tried, since the service {_why_not_tried(tried)}")
    return f"{len(failed)} of {count} certificates failed: {'; '.join(parts)}"


def _why_not_tried(tried: t.Sequence[Outcome]) -> str:
    for_all = any(isinstance(outcome.error, ServiceError) and outcome.error.concerns_all for outcome in tried)
    return "would refuse them as well" if for_all else "is down"


def _listed(names: t.Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _diff(outcome: Outcome) -> dict[str, t.Any]:
    return {
        "before_header": outcome.name,
        "after_header": outcome.name,
        "before": dict(outcome.before or {}),
        "after": dict(outcome.after or {}),
    }
