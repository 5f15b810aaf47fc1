# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide whether to request, resume, replace or renew. Pure: no I/O, the time is passed in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._clock import to_the_minute
from .._errors import PolicyError
from .._models import Action, CertificateSpec, Enrollment, Postponed, Revision, State
from .approval import who_rejected
from .backoff import refuse_waiting, sent_back, waits_until
from .due import Due
from .renewal import Quota, RenewalPolicy


@dataclasses.dataclass(frozen=True)
class Decision:
    """An action, and its reason in words.

    ``asks_for`` is the content of a new request to the service. ``gives_up`` is the pending revision that makes room
    for it, ``resumes`` one that waits no longer; both are as they are to be stored. ``warnings`` are for a person.
    ``is_due`` says that a certificate is renewed for no other reason, ``postponed`` that one that is due is left.
    ``renewed_because`` is to be noted in the new revision.
    """

    action: Action
    reason: str
    asks_for: CertificateSpec | None = None
    gives_up: Revision | None = None
    resumes: Revision | None = None
    warnings: tuple[str, ...] = ()
    is_due: bool = False
    postponed: Postponed | None = None
    renewed_because: str | None = None


def decide_issue(spec: CertificateSpec, enrollment: Enrollment, now: dt.datetime, *, force: bool = False) -> Decision:
    """Decide whether to ask for a certificate under this name.

    The spec is compared with the spec of the last request, never with the certificate that the CA made of it.
    Raises PolicyError when a person has to look first.
    """
    pending, current = enrollment.pending, enrollment.current
    if pending is not None:
        return _decide_pending(pending, now, spec=spec, again="replace" if current else "issue", force=force)
    if current is None:
        if not force:
            _refuse_early(enrollment, spec, now)
        return Decision("issue", _why_no_certificate(enrollment), asks_for=spec)
    if force:
        return Decision("replace", "asked for with force", asks_for=spec)
    if current.adopted:
        return Decision("none", f"adopted; {_validity(current, now)}")
    changed = spec.differences(current.spec)
    if not changed:
        return Decision("none", f"finalized as asked for; {_validity(current, now)}")
    _refuse_early(enrollment, spec, now)
    return Decision("replace", f"asked for now and then differ in {', '.join(changed)}", asks_for=spec)


def decide_renewal(
    enrollment: Enrollment,
    policy: RenewalPolicy,
    now: dt.datetime,
    *,
    force: bool = False,
    because: str = "",
    wish: str = "",
    due: Due | None = None,
) -> Decision:
    """Decide whether to renew the current certificate of an enrollment.

    ``because`` is a reason to renew it whether it is due or not; a wait after failures holds all the same. ``wish`` is
    why the CA wants it to be renewed, so that it is due. ``due`` is what the policy says of it, where the caller knows
    that already. Raises PolicyError when there is nothing to renew, or when a person has to look first.
    """
    pending, current = enrollment.pending, enrollment.current
    if pending is not None:
        return _decide_pending(pending, now, spec=pending.spec, again="renew" if current else "issue", force=force)
    if current is None:
        raise PolicyError("there is no certificate to renew: redtrust_csr asks for the first one")
    because = because or why_revoked(enrollment)
    if because and not force:
        decision = Decision("renew", because, asks_for=current.spec)
    else:
        decision = _decide_due(current, policy, now, force=force, wish=wish, due=due)
    if decision.asks_for is not None and not force:
        _refuse_early(enrollment, current.spec, now)
    return decision


def why_revoked(enrollment: Enrollment) -> str:
    """Return why the certificate in use has to be replaced because the CA revoked it; empty if it has not."""
    current = enrollment.current
    return f"it was revoked at {to_the_minute(current.revoked_at)}" if current and current.revoked_at else ""


def is_settled(spec: CertificateSpec | None, enrollment: Enrollment, policy: RenewalPolicy, now: dt.datetime) -> bool:
    """Return whether a certificate is in use as it is asked for, and not due, and there is nothing to warn of.

    Without ``spec`` nothing is compared. This is what ``decide_issue`` and ``decide_renewal`` decide, without words:
    of most certificates of a fleet nothing else is wanted.
    """
    current = enrollment.current
    if current is None or current.revoked_at is not None or enrollment.pending is not None:
        return False
    if spec is not None and not current.adopted and not spec.is_as(current.spec):
        return False
    return policy.renew_before.never or not policy.is_due(current, now)


def _decide_due(
    current: Revision,
    policy: RenewalPolicy,
    now: dt.datetime,
    *,
    force: bool,
    wish: str = "",
    due: Due | None = None,
) -> Decision:
    if force:
        return Decision("renew", "asked for with force", asks_for=current.spec)
    valid = _validity(current, now)
    if policy.renew_before.never:
        if wish:
            return _when_open(current, policy, now, wish)
        return Decision("none", f"renew_before is never; {valid}")
    due = due or policy.due(current)
    if due is None:
        return Decision("renew", "when its certificate ends is not known", asks_for=current.spec, is_due=True)
    when = f"{to_the_minute(due.at)} ({due.rule})"
    warnings = (due.warning,) if due.warning else ()
    if due.at <= now:
        return _when_open(current, policy, now, f"due since {when}", warnings)
    if wish:
        return _when_open(current, policy, now, wish, warnings)
    return Decision("none", f"due from {when}; {valid}", warnings=warnings)


def _when_open(
    current: Revision, policy: RenewalPolicy, now: dt.datetime, why: str, warnings: tuple[str, ...] = ()
) -> Decision:
    """Decide about a certificate that is due: it is renewed unless a window or a freeze keeps it."""
    closed, valid = policy.closed(current, now), _validity(current, now)
    reason = f"{why}; {closed.words}; {valid}" if closed else f"{why}; {valid}"
    if closed and not closed.gives_way:
        return Decision("none", reason, warnings=warnings, postponed=Postponed(closed.option, closed.opens))
    return Decision("renew", reason, asks_for=current.spec, warnings=warnings, is_due=True)


def within_quota(
    decided: Decision, enrollment: Enrollment, policy: RenewalPolicy, quota: Quota, now: dt.datetime
) -> Decision:
    """Return the decision about a renewal; leave it for a later run where this one has begun enough of them."""
    if not decided.is_due:
        quota.give_back(enrollment.name)
        return decided
    current = enrollment.current
    if current is None or quota.take(enrollment.name):
        return decided
    option = f"max_renewals {quota.most} is reached"
    soon = f"it ends soon and is left for the next run, since {option}: set a larger number, or run again"
    return Decision(
        "none",
        f"{decided.reason}; left for the next run, since {option}",
        warnings=(*decided.warnings, *([soon] if policy.ends_soon(current, now) else [])),
        postponed=Postponed("max_renewals"),
    )


def _decide_pending(
    pending: Revision, now: dt.datetime, *, spec: CertificateSpec, again: Action, force: bool
) -> Decision:
    """Decide about a pending revision. The caller holds the lease, so no other run is at work on it.

    ``again`` is the action where this revision is given up for a new request.
    """
    changed = spec.differences(pending.spec)
    gives_up = _given_up(pending, changed, now)
    if gives_up is not None:
        unused = "; a key may lie unused on the server" if gives_up.state is State.CREATE_UNKNOWN else ""
        return Decision(again, f"{gives_up.note}{unused}", asks_for=spec, gives_up=gives_up)
    reason = _WHERE_PENDING[pending.state]
    resumes = _hurried(pending, now) if force else None
    if resumes is not None:
        return Decision("resume", f"{reason}; with force it waits no longer", resumes=resumes)
    if changed:
        reason += f"; it is finished first, the change of {', '.join(changed)} takes effect in the run after"
    return Decision("resume", reason)


def _given_up(pending: Revision, changed: t.Sequence[str], now: dt.datetime) -> Revision | None:
    """Return the revision as it makes room for a new request, the reason in its note; None where it is resumed.

    ``changed`` names the differences between its spec and the new one.
    """
    if pending.state is State.INTENDED:
        note = "the run that asked for it ended before the answer was written down"
        return pending.moved(State.CREATE_UNKNOWN, note=note, failures=pending.failures)
    if pending.state is State.ISSUED and pending.not_valid_after is not None and pending.not_valid_after <= now:
        note = f"its certificate ended at {to_the_minute(pending.not_valid_after)} before it was uploaded"
        return pending.moved(State.ABANDONED, note=note)
    if changed and (pending.state is State.REQUESTED or (pending.failures and not pending.upload_started)):
        so_far = f"it failed ({pending.note})" if pending.failures else "the store has no certificate for the request"
        note = f"asked for now and then differ in {', '.join(changed)}, and {so_far}"
        return pending.moved(State.ABANDONED, note=note)
    return None


def _hurried(pending: Revision, now: dt.datetime) -> Revision | None:
    """Return the revision without its wait; None where it does not wait.

    Where it waits until its certificate is valid, have another signed, unless that certificate may be in use already.
    """
    begin = pending.not_valid_before
    if pending.state is State.ISSUED and not pending.upload_started and begin is not None and begin > now:
        when = to_the_minute(begin)
        note = f"the certificate {pending.thumbprint} is not valid before {when}, and force asks for another"
        return dataclasses.replace(sent_back(pending), retry_at=None, note=note)
    return dataclasses.replace(pending, retry_at=None) if waits_until(pending, now) else None


_WHERE_PENDING: t.Mapping[State, str] = {
    State.REQUESTED: "requested, to be signed",
    State.SIGNING: "at the signer",
    State.ISSUED: "signed, to be finalized",
}


def _refuse_early(enrollment: Enrollment, spec: CertificateSpec, now: dt.datetime) -> None:
    """Raise PolicyError when a request for the same came to nothing, and it is too early to ask again."""
    latest = enrollment.latest
    if latest is None or spec.fingerprint() != latest.spec.fingerprint():
        return
    if latest.state is State.REJECTED:
        raise PolicyError(
            f"{who_rejected(latest, f'revision {latest.revision}')}: change what is asked for, or ask again with force"
        )
    refuse_waiting(latest, now)


def _why_no_certificate(enrollment: Enrollment) -> str:
    latest = enrollment.latest
    if latest is None:
        return "not in the store yet"
    if latest.state is State.CREATE_UNKNOWN:
        return "the answer to the last request was lost; a key may lie unused on the server"
    return f"the last attempt was {latest.state}" + (f" ({latest.note})" if latest.note else "")


def _validity(revision: Revision, now: dt.datetime) -> str:
    end = revision.not_valid_after
    if revision.revoked_at is not None:
        return f"revoked at {to_the_minute(revision.revoked_at)}"
    if end is None:
        return "when it ends is not known"
    return f"valid until {to_the_minute(end)}" if end > now else f"expired since {to_the_minute(end)}"
