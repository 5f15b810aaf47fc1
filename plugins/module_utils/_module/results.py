# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a module for its outcomes: an entry for each certificate, counts, a sentence for failures. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import typing as t

from .._clock import timestamp
from .._enroll.api import Forecast, RenewalPolicy, attempt, attention, counted, forecast, missing
from .._errors import NotTriedError, RedtrustError, ServiceError, SessionError, StoreError
from .._models import PENDING, Approval, Enrollment, Outcome, Revision, State
from .._store.api import Chain
from .._x509.api import csr_pem
from .events import checkpoint_of
from .report import Group, Report


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a module. ``failure`` is a sentence if something failed; the module still returns the rest."""

    changed: bool
    values: t.Mapping[str, t.Any]
    diff: t.Sequence[t.Mapping[str, t.Any]] = ()
    warnings: t.Sequence[str] = ()
    failure: str | None = None


class Results:
    """The results of a list, one outcome at a time.

    ``shown`` is the option ``results``, and ``default`` its value where the task does not fail. ``expected`` is the
    number of certificates, if it is known. ``diffs`` tells whether differences are wanted.
    """

    def __init__(
        self,
        shown: str | None = None,
        *,
        default: str = "all",
        report: Report | None = None,
        expected: int | None = None,
        diffs: bool = True,
    ) -> None:
        self.report = report or Report()
        self.expected = expected
        self._shown = shown
        self._default = default
        self._with_diffs = diffs
        self._entries: list[tuple[int, dict[str, t.Any]]] = []
        self._diffs: list[tuple[int, dict[str, t.Any]]] = []
        self._warnings: dict[str, Group] = {}
        self._changed = False
        self._stopped: str | None = None
        self._not_tried: str | None = None
        self._checkpoint: str | None = None
        self._broken: StoreError | None = None
        self.total = 0

    def add(self, position: int, outcome: Outcome) -> None:
        """Add the outcome of the certificate at a position of the list."""
        self.total += 1
        if self._needs_no_entry(outcome):
            self.report.add_unchanged()
            return
        outcome, entry, diff = _shown(outcome)
        self.report.add(entry)
        self._changed = self._changed or outcome.changed
        if isinstance(outcome.error, NotTriedError):
            self._not_tried = self._not_tried or str(outcome.error)
        self._stopped = self._stopped or _stops(outcome)
        if outcome.changed and self._with_diffs:
            self._diffs.append((position, diff))
        for warning in outcome.warnings:
            self._warnings.setdefault(warning, Group(warning)).add(outcome.name)
        if self._keeps(outcome):
            self._entries.append((position, entry))

    def end(self, chain: Chain, begun: Chain) -> None:
        """Take the end of the chain of events, and that before this run. The report tells it if events were added."""
        self._checkpoint = checkpoint_of(chain)
        if self._checkpoint and chain.number > begun.number:
            self.report.checkpoint = self._checkpoint

    def break_off(self, error: StoreError) -> None:
        """Take the error that ended the run before the end of the list."""
        self._broken = error

    def lines(self) -> list[str]:
        """Return the results in lines."""
        return [*self.report.lines(self.total + self._left, self._why_broken), *self._early_end()]

    def result(self, *, warnings: t.Iterable[str] = (), **values: t.Any) -> Result:
        """Return the result of the module, with more warnings and more values."""
        failed = self.report.failure(self.total + self._left, self._why_broken if self._left else "")
        failure = "; ".join(filter(None, (failed, *self._early_end())))
        shown = self._shown or ("failed" if failure else self._default)
        entries = [entry for _position, entry in sorted(self._entries, key=_position)]
        if shown == "failed":
            entries = [entry for entry in entries if entry["failed"]]
        return Result(
            changed=self._changed,
            values={
                "certificates": entries,
                "summary": dict(self.report.counts),
                # the outcomes come in no order, and the cause says more than its consequence
                "stopped": self._why_broken or self._stopped or self._not_tried,
                "checkpoint": self._checkpoint,
                **({"error": error_facts(self._broken)} if self._broken else {}),
                **values,
            },
            diff=[diff for _position, diff in sorted(self._diffs, key=_position)],
            warnings=[*warnings, *(f"{group.among()}: {group.words}" for group in self._warnings.values())],
            failure=failure or None,
        )

    @property
    def _why_broken(self) -> str:
        return str(self._broken) if self._broken else ""

    @property
    def _left(self) -> int:
        """How many certificates were not begun since the run ended early. It is 0 also where nobody knows."""
        return max(0, (self.expected or 0) - self.total) if self._broken else 0

    def _early_end(self) -> list[str]:
        """Return why the run ended early, unless that is told of the certificates that were not begun."""
        return [f"the run ended early: {self._broken}"] if self._broken and not self._left else []

    @property
    def has_unchanged(self) -> bool:
        """Whether certificates that need nothing are told of one by one: in the results, or in a prediction."""
        return self._wants_all() or self.report.check_mode

    def _needs_no_entry(self, outcome: Outcome) -> bool:
        """Return whether there is nothing to tell but that a certificate is in use. Most are of this kind."""
        if outcome.changed or outcome.error or outcome.warnings or outcome.postponed or self.has_unchanged:
            return False
        return outcome.revision is not None and outcome.revision.state is State.FINALIZED

    def _wants_all(self) -> bool:
        return (self._shown or self._default) == "all"

    def _keeps(self, outcome: Outcome) -> bool:
        return self._wants_all() or outcome.error is not None or (outcome.changed and self._shown != "failed")


def _position(placed: tuple[int, t.Any]) -> int:
    return placed[0]


def _shown(outcome: Outcome) -> tuple[Outcome, dict[str, t.Any], dict[str, t.Any]]:
    """Return an outcome with its entry and its diff. If these cannot be made, the outcome counts as failed."""
    shown = attempt(lambda: (outcome, to_result(outcome), _diff(outcome)))
    if not isinstance(shown, RedtrustError):
        return shown
    bare = dataclasses.replace(
        outcome, error=outcome.error or shown, revision=None, before=None, after=None, extra={}, warnings=()
    )
    return bare, to_result(bare), _diff(bare)


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
    if revision and revision.approvals_needed and revision.state is State.REQUESTED:
        entry["approval"] = _approval_facts(revision)
    if revision and revision.state in PENDING:
        entry["waiting_since"] = timestamp(revision.signing_since or revision.created_at)
    in_use = outcome.in_use or outcome.still_in_use
    if in_use and in_use is not revision:
        entry["in_use_until"] = timestamp(in_use.not_valid_after)
    if outcome.postponed:
        entry["postponed"] = {"by": outcome.postponed.by, "until": timestamp(outcome.postponed.until)}
    if outcome.error:
        entry.update(msg=str(outcome.error), error=error_facts(outcome.error))
    return {**entry, **outcome.extra}


def _approval_facts(request: Revision) -> dict[str, t.Any]:
    """Return what a request waits for before the signer gets it, and who gave it."""
    return {
        "needed": request.approvals_needed,
        "missing": missing(request),
        "given": [_given(approval) for approval in counted(request)],
        "not_by": request.approvals_not_by,
        "csr_sha256": _sha256(request.csr),
    }


def _given(approval: Approval) -> dict[str, t.Any]:
    return {"by": approval.by, "at": timestamp(approval.at), "why": approval.why}


def _sha256(der: bytes | None) -> str | None:
    return hashlib.sha256(der).hexdigest() if der else None


def enrollment_facts(enrollment: Enrollment, policy: RenewalPolicy, now: dt.datetime) -> dict[str, t.Any]:
    """Return the facts of an enrollment in the store, without request codes; ``policy`` says when it is renewed."""
    current, pending = enrollment.current, enrollment.pending
    return {
        "name": enrollment.name,
        "known": bool(enrollment.revisions),
        "unknown_creates": enrollment.unknown_creates,
        "current": revision_facts(current) if current else None,
        "pending": revision_facts(pending) if pending else None,
        "revisions": [revision_facts(revision) for revision in enrollment.revisions],
        "attention": [
            {**dataclasses.asdict(found), "since": timestamp(found.since)} for found in attention(enrollment, now)
        ],
        "renewal": _renewal_facts(forecast(enrollment, policy, now)),
    }


def _renewal_facts(known: Forecast | None) -> dict[str, t.Any] | None:
    if known is None:
        return None
    return {"due_at": timestamp(known.due_at), "renew_at": timestamp(known.renew_at), "reason": known.reason}


def revision_facts(revision: Revision) -> dict[str, t.Any]:
    """Return the facts of a revision in the store, without its request code."""
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
        "csr_sha256": _sha256(revision.csr),
        "approvals": [_given(approval) for approval in revision.approvals],
        "approvals_missing": missing(revision),
        "revoked_at": timestamp(revision.revoked_at),
        "created_at": timestamp(revision.created_at),
        "updated_at": timestamp(revision.updated_at),
    }


def error_facts(error: Exception) -> dict[str, t.Any]:
    """Return the facts of an error, without its message."""
    details = error.details() if isinstance(error, RedtrustError) else {}
    return {"type": type(error).__name__, **details}


def _stops(outcome: Outcome) -> str | None:
    """Return the reason why no other list should be begun, or None. The next list would fail for it as well."""
    error = outcome.error
    at_login = isinstance(error, ServiceError) and error.step in ("login", "login_request", "exchange", "refresh")
    for_all = isinstance(error, ServiceError) and error.concerns_all
    return str(error) if at_login or for_all or isinstance(error, SessionError) else None


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
