# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the problems of an enrollment that need a person. Pure: no I/O, the time is passed in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._clock import timestamp
from .._models import Enrollment, Revision, State
from .approval import counted, missing, waits_for, who_rejected
from .backoff import waits_until, when_signed_again

Kind = t.Literal[
    "create_unknown",
    "interrupted",
    "rejected",
    "unapproved",
    "certificate_refused",
    "backing_off",
    "upload_unknown",
    "waiting",
    "expired",
    "revoked",
]


@dataclasses.dataclass(frozen=True)
class Attention:
    """One problem that needs a person, and the next step, both in words."""

    kind: Kind
    since: dt.datetime | None
    problem: str
    next_step: str


def attention(enrollment: Enrollment, now: dt.datetime) -> list[Attention]:
    """Return the problems of an enrollment, the gravest first; none where all is well."""
    found = [*_unknown_creates(enrollment), *_expired(enrollment, now), *_revoked(enrollment)]
    pending, latest = enrollment.pending, enrollment.latest
    if pending is not None:
        found.append(_on_its_way(pending, now))
    elif latest is not None and latest.state is State.REJECTED:
        found.append(_rejected(latest))
    elif latest is not None and latest.failures and latest.state in (State.ABANDONED, State.CREATE_UNKNOWN):
        found.append(_failing(latest, now))
    return found


def _unknown_creates(enrollment: Enrollment) -> t.Iterator[Attention]:
    lost = [revision for revision in enrollment.revisions if revision.state is State.CREATE_UNKNOWN]
    if lost:
        when = ", ".join(timestamp(revision.created_at) or "at an unknown time" for revision in lost)
        yield Attention(
            "create_unknown",
            lost[0].created_at,
            f"requests for a key pair that had no answer: {len(lost)} (begun {when}); as many keys may lie unused at "
            "the service",
            "look there for keys of that time without a certificate and remove them; "
            "then run redtrust_enrollment with state=accepted",
        )


def _expired(enrollment: Enrollment, now: dt.datetime) -> t.Iterator[Attention]:
    current = enrollment.current
    if current is not None and current.not_valid_after is not None and current.not_valid_after <= now:
        yield Attention(
            "expired",
            current.not_valid_after,
            f"the certificate in use ended at {timestamp(current.not_valid_after)}",
            "renew it with redtrust_renew, and see why that did not happen in time",
        )


def _revoked(enrollment: Enrollment) -> t.Iterator[Attention]:
    current = enrollment.current
    if current is not None and current.revoked_at is not None:
        yield Attention(
            "revoked",
            current.revoked_at,
            f"the certificate in use was revoked at {timestamp(current.revoked_at)}",
            "run redtrust_certificate or redtrust_renew, which renews it at once; where it should not be renewed, run "
            "redtrust_enrollment with state=revoked and renew=false",
        )


def _unapproved(pending: Revision) -> Attention:
    """Describe a request that waits for people; the note has the last failure, if there was one."""
    failed = f"; the last attempt failed ({pending.note})" if pending.note else ""
    return Attention(
        "unapproved",
        pending.updated_at,
        f"it {waits_for(pending)}{failed}",
        f"look at what is asked for; then {_who_approves(pending)} redtrust_enrollment with state=approved, or with "
        "state=denied and a comment",
    )


def _who_approves(pending: Revision) -> str:
    """Return the subject of a sentence, and its verb."""
    approved = [approval.by for approval in counted(pending)]
    names = sorted({*approved, *filter(None, [pending.approvals_not_by])})
    others = f" (not {', '.join(names)})" if names else ""
    if missing(pending) > 1:
        return f"{missing(pending)} people{others} run"
    return f"{'one more person' if approved else 'somebody'}{others} runs"


def _on_its_way(pending: Revision, now: dt.datetime) -> Attention:
    if missing(pending):
        return _unapproved(pending)
    if pending.refused and pending.state is State.REQUESTED:
        return _refused(pending, now)
    if pending.state is State.ISSUED and pending.upload_started:
        return _unknown_upload(pending, now)
    # After a refusal the failures count on; without a note the last event was no failure.
    if pending.failures and pending.note is not None:
        return _failing(pending, now)
    if pending.state is State.INTENDED:
        return Attention(
            "interrupted",
            pending.updated_at,
            "a key pair is being asked for, or the run that asked ended before the answer was written down",
            "if no run is at work, run redtrust_csr or redtrust_renew again: it counts the lost one and asks anew",
        )
    if pending.state is State.ISSUED and pending.not_valid_before is not None and pending.not_valid_before > now:
        return Attention(
            "waiting",
            pending.updated_at,
            f"it is signed and not uploaded, as it is not valid before {timestamp(pending.not_valid_before)}",
            "run redtrust_finalize after that; if it should be valid now, mend the clock of the CA, then run "
            "redtrust_csr or redtrust_renew with force to have the same request signed again",
        )
    problem, next_step = _WAITING[pending.state]
    problem += f"; the last attempt failed ({pending.note})" if pending.note and pending.state is State.ISSUED else ""
    return Attention("waiting", pending.updated_at, problem, next_step)


def _unknown_upload(pending: Revision, now: dt.datetime) -> Attention:
    """Describe an upload with an unknown outcome; the note has the last answer of the service."""
    why = pending.note or "the run that uploaded it ended before the answer was written down"
    until = waits_until(pending, now)
    waits = f"nothing is tried before {timestamp(until)}; then " if until else ""
    return Attention(
        "upload_unknown",
        pending.updated_at,
        f"it is not known whether the certificate {pending.thumbprint} is in use at the service: {why}",
        f"{waits}run redtrust_finalize again, which does no harm; if the service has it in use and yet refuses, put "
        "the code with which it refuses into finalized_codes, or run redtrust_enrollment with state=accepted",
    )


_WAITING: t.Mapping[State, tuple[str, str]] = {
    State.REQUESTED: ("it is requested and not signed", "run redtrust_sign, or hand the CSR to the CA"),
    State.SIGNING: (
        "it is at the signer",
        "run redtrust_sign again, which asks the signer; where the CA takes too long, ask the CA",
    ),
    State.ISSUED: ("it is signed and not uploaded", "run redtrust_finalize"),
}


def _rejected(latest: Revision) -> Attention:
    return Attention(
        "rejected",
        latest.updated_at,
        who_rejected(latest, "it"),
        "change what is asked for, ask again with force, or run redtrust_enrollment with state=abandoned",
    )


def _refused(pending: Revision, now: dt.datetime) -> Attention:
    return Attention(
        "certificate_refused",
        pending.updated_at,
        f"{pending.note or 'the gate refused its certificate'}; the request is still good",
        when_signed_again(pending, now),
    )


def _failing(revision: Revision, now: dt.datetime) -> Attention:
    times = "once" if revision.failures == 1 else f"{revision.failures} times in a row"
    until = waits_until(revision, now)
    when = f"nothing is tried before {timestamp(until)}" if until else "the next run tries again"
    return Attention(
        "backing_off",
        revision.updated_at,
        f"it failed {times} ({revision.note or 'for no known reason'}); {when}",
        "mend the cause, then run redtrust_csr or redtrust_renew with force"
        if until
        else "mend the cause, then run again",
    )
