# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what to do with one enrollment, and say why. Pure: no I/O, the time is passed in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t

from .._clock import parse_duration, to_the_minute
from .._errors import (
    AnswerInvalidError,
    AnswerLostError,
    BackingOffError,
    GateError,
    InternalError,
    PolicyError,
    RedtrustError,
    RefusedError,
    SignerError,
)
from .._models import Action, CertificateSpec, Enrollment, Revision, State

_FIRST_WAIT = dt.timedelta(hours=1)
_LONGEST_WAIT = dt.timedelta(hours=32)
_NOT_ITS_OWN = (401, 429, 503)
_BEGINNING = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
_MONTH = dt.timedelta(days=30)
# The share of its life that a certificate is in use at least. A little under a tenth, so that 90% is not undone by the
# minutes by which CAs date certificates back.
_LEAST_LEFT = 0.095


@dataclasses.dataclass(frozen=True)
class Decision:
    """What to do, and why in words.

    ``gives_up`` is a pending revision that makes room, ``resumes`` one that is to wait no longer; each as it shall be
    stored. ``warnings`` is what a person should know whatever is done.
    """

    action: Action
    reason: str
    gives_up: Revision | None = None
    resumes: Revision | None = None
    warnings: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Return whether a new request is sent to the service."""
        return self.action in ("issue", "replace", "renew")


@dataclasses.dataclass(frozen=True)
class Due:
    """From when on a certificate is due, by which rule in words, and what a person should know about the rule."""

    at: dt.datetime
    rule: str
    warning: str | None = None


@dataclasses.dataclass(frozen=True)
class RenewBefore:
    """How long before its end a certificate is due: a fixed time, or ``percent`` of its life.

    Without either it is the default, the smaller of 30 days and a third of the life. A certificate that was just
    obtained is never due: a value that leaves it less than a tenth of its life is taken as that third.
    """

    text: str = ""
    fixed: dt.timedelta | None = None
    percent: int | None = None

    @classmethod
    def parse(cls, text: str | None) -> RenewBefore:
        """Read ``30d``, ``1d12h`` or ``33%``, or nothing; raise ConfigurationError otherwise."""
        shown = (text or "").strip()
        if not shown:
            return cls()
        share = re.fullmatch(r"([0-9]{1,2})\s*%", shown)
        if share and int(share[1]):
            return cls(shown, percent=int(share[1]))
        others = ", or a share of the certificate's life from 1% to 99%"
        return cls(shown, fixed=parse_duration("renew_before", shown, instead=others))

    def due(self, begins: dt.datetime | None, ends: dt.datetime, obtained: dt.datetime | None = None) -> Due:
        """Return from when on a certificate is due.

        ``obtained`` is a moment at which it cannot have been there yet, where one is known: CAs date certificates
        back. Where neither tells how long it lives, the fixed time counts, and of a share the end itself.
        """
        known = [moment for moment in (begins, obtained) if moment and moment < ends]
        if not known:
            fixed = self.fixed or (dt.timedelta() if self.text else _MONTH)
            return Due(ends - min(fixed, ends - _BEGINNING), self._rule())
        life = ends - max(known)
        third = Due(ends - life / 3, f"a third of its life of {_span(life)} before its end")
        if not self.text:
            return third if life < 3 * _MONTH else Due(ends - _MONTH, "30 days before its end")
        before = self.fixed if self.fixed is not None else (ends - known[0]) * (self.percent or 0) / 100
        if life - before < life * _LEAST_LEFT:
            return dataclasses.replace(
                third,
                rule=f"{third.rule}, as renew_before {self.text} leaves no time",
                warning=f"renew_before {self.text} leaves no time to use a certificate that lives {_span(life)}, so it "
                "is due a third of its life before its end: set a shorter renew_before, or leave it out",
            )
        return Due(ends - before, self._rule(), self._short(before, life))

    def _rule(self) -> str:
        if not self.text:
            return "30 days before its end"
        return f"{self.text} {'before its end' if self.percent is None else 'of its life before its end'}"

    def _short(self, before: dt.timedelta, life: dt.timedelta) -> str | None:
        """Return a warning about a time in which hardly a run can come, such as a month that was written ``1m``."""
        if before >= dt.timedelta(hours=1) or before * 1000 >= life:
            return None
        return (
            f"renew_before {self.text} is only {_span(before)} of a life of {_span(life)}, and a certificate ends "
            "unless a run comes just then (m is minutes)"
        )


def decide_issue(spec: CertificateSpec, enrollment: Enrollment, now: dt.datetime, *, force: bool = False) -> Decision:
    """Decide whether a certificate is to be asked for under this name.

    What was asked for then is compared with what is asked for now, never with what the CA made of it.
    Raises PolicyError when a person has to look first.
    """
    pending, current = enrollment.pending, enrollment.current
    if pending is not None:
        return _decide_pending(pending, now, spec=spec, again="replace" if current else "issue", force=force)
    if current is None:
        _refuse_early(enrollment, spec, now, force=force)
        return Decision("issue", _why_no_certificate(enrollment))
    if force:
        return Decision("replace", "asked for with force")
    if current.adopted:
        return Decision("none", f"adopted; {_validity(current, now)}")
    changed = spec.differences(current.spec)
    if not changed:
        return Decision("none", f"finalized as asked for; {_validity(current, now)}")
    _refuse_early(enrollment, spec, now, force=force)
    return Decision("replace", f"asked for now and then differ in {', '.join(changed)}")


def decide_renewal(
    enrollment: Enrollment,
    renew_before: RenewBefore,
    now: dt.datetime,
    *,
    force: bool = False,
) -> Decision:
    """Decide whether the current certificate of an enrollment is to be renewed.

    Raises PolicyError when there is nothing to renew, or when a person has to look first.
    """
    pending, current = enrollment.pending, enrollment.current
    if pending is not None:
        return _decide_pending(pending, now, spec=pending.spec, again="renew" if current else "issue", force=force)
    if current is None:
        raise PolicyError("there is no certificate to renew: redtrust_csr asks for the first one")
    decision = _decide_due(current, renew_before, now, force=force)
    if decision.asks:
        _refuse_early(enrollment, current.spec, now, force=force)
    return decision


def _decide_due(current: Revision, renew_before: RenewBefore, now: dt.datetime, *, force: bool) -> Decision:
    if force:
        return Decision("renew", "asked for with force")
    if current.not_valid_after is None:
        return Decision("renew", "when its certificate ends is not known")
    due = renew_before.due(current.not_valid_before, current.not_valid_after, _obtained(current))
    when = f"{to_the_minute(due.at)} ({due.rule}); {_validity(current, now)}"
    warnings = (due.warning,) if due.warning else ()
    if due.at <= now:
        return Decision("renew", f"due since {when}", warnings=warnings)
    return Decision("none", f"due from {when}", warnings=warnings)


def _obtained(current: Revision) -> dt.datetime | None:
    """Return the latest moment that is known at which a certificate was not there yet."""
    if current.adopted:
        return None
    return max(filter(None, (current.created_at, current.signing_since)), default=None)


def _decide_pending(
    pending: Revision, now: dt.datetime, *, spec: CertificateSpec, again: Action, force: bool
) -> Decision:
    """Decide about a revision on its way. The caller holds the lease, so no other run is at work on it.

    ``again`` is what a new request is called when this one is given up.
    """
    if pending.state is State.INTENDED:
        note = "the run that asked for it ended before the answer was written down"
        return Decision(
            again,
            f"{note}; a key may lie unused on the server",
            gives_up=pending.moved(State.CREATE_UNKNOWN, note=note, failures=pending.failures),
        )
    if pending.state is State.ISSUED and pending.not_valid_after is not None and pending.not_valid_after <= now:
        note = f"its certificate ended at {to_the_minute(pending.not_valid_after)} before it was uploaded"
        return Decision(again, note, gives_up=pending.moved(State.ABANDONED, note=note))
    changed = spec.differences(pending.spec)
    if changed and (pending.state is State.REQUESTED or (pending.failures and not pending.upload_started)):
        so_far = f"it failed ({pending.note})" if pending.failures else "the store has no certificate for the request"
        note = f"asked for now and then differ in {', '.join(changed)}, and {so_far}"
        return Decision(again, note, gives_up=pending.moved(State.ABANDONED, note=note))
    reason = _WHERE_PENDING[pending.state]
    resumes = _hurried(pending, now) if force else None
    if resumes is not None:
        return Decision("resume", f"{reason}; with force it waits no longer", resumes=resumes)
    if changed:
        reason += f"; it is finished first, the change of {', '.join(changed)} takes effect in the run after"
    return Decision("resume", reason)


def _hurried(pending: Revision, now: dt.datetime) -> Revision | None:
    """Return the revision as it waits no longer, None where it does not wait.

    One that waits until its certificate is valid gets another instead, unless that one may be in use already.
    """
    begin = pending.not_valid_before
    if pending.state is State.ISSUED and not pending.upload_started and begin is not None and begin > now:
        when = to_the_minute(begin)
        note = f"the certificate {pending.thumbprint} is not valid before {when}, and force asks for another"
        return dataclasses.replace(_sent_back(pending), retry_at=None, note=note)
    return dataclasses.replace(pending, retry_at=None) if _is_waiting(pending, now) else None


_WHERE_PENDING: t.Mapping[State, str] = {
    State.REQUESTED: "requested, to be signed",
    State.SIGNING: "at the signer",
    State.ISSUED: "signed, to be finalized",
}


def _refuse_early(enrollment: Enrollment, spec: CertificateSpec, now: dt.datetime, *, force: bool) -> None:
    """Raise PolicyError when the same was asked for, did not come to anything, and asking again is too early."""
    latest = enrollment.latest
    if force or latest is None or spec.fingerprint() != latest.spec.fingerprint():
        return
    if latest.state is State.REJECTED:
        raise PolicyError(
            f"the certificate authority rejected revision {latest.revision} ({latest.note or 'it gave no reason'}): "
            "change what is asked for, or ask again with force"
        )
    refuse_waiting(latest, now)


def refuse_waiting(revision: Revision, now: dt.datetime) -> None:
    """Raise BackingOffError when a revision failed again and again and its wait is not over."""
    if _is_waiting(revision, now):
        raise BackingOffError(
            f"it failed {revision.failures} times in a row ({revision.note or 'for no known reason'}): it is tried "
            f"again from {to_the_minute(t.cast('dt.datetime', revision.retry_at))} on, or at once when redtrust_csr or "
            "redtrust_renew has force, or when what is asked for changes"
        )


def _is_waiting(revision: Revision, now: dt.datetime) -> bool:
    return revision.retry_at is not None and revision.retry_at > now


def after_failure(revision: Revision, error: RedtrustError, now: dt.datetime, *, repeatable: bool = False) -> Revision:
    """Return the revision after a failure of its own, which counts; one of the service as a whole does not.

    The first failure may be tried again by the next run. From the second in a row on it waits, 1 hour and then
    twice as long each time, at most 32 hours. ``repeatable``: what the service left open may simply be asked again.
    """
    own: tuple[type[RedtrustError], ...] = (AnswerInvalidError, GateError, InternalError, SignerError)
    counts = isinstance(error, own if repeatable else (*own, AnswerLostError))
    if isinstance(error, RefusedError):
        of_all = error.status in _NOT_ITS_OWN or error.concerns_all or (error.foreign and error.not_done)
        counts = not of_all and not (repeatable and (error.status or 0) >= 500)
    if not counts:
        return dataclasses.replace(revision, note=str(error))
    wait = _FIRST_WAIT * 2 ** min(revision.failures - 1, 16) if revision.failures else None
    return revision.failed(str(error), now + min(wait, _LONGEST_WAIT) if wait else None)


def after_refusal(revision: Revision, error: GateError, now: dt.datetime) -> Revision:
    """Return the revision after the gate refused its certificate: its request is good, and to be signed again.

    The certificate is kept until the signer has given another. It shows that one was refused, and which, so that the
    signer is asked for another, and for the same one again by a run that comes after one that died.
    """
    note = f"the gate refused the certificate {revision.thumbprint}: {error}"
    return after_failure(_sent_back(revision), GateError(note), now)


def when_signed_again(refused: Revision, now: dt.datetime) -> str:
    """Return the next step after a refusal in words."""
    if not _is_waiting(refused, now):
        return "mend the CA: the next run has the same request signed again"
    when = to_the_minute(t.cast("dt.datetime", refused.retry_at))
    return (
        f"mend the CA: the same request is signed again from {when} on, or at once when redtrust_csr or redtrust_renew "
        "has force"
    )


def _sent_back(issued: Revision) -> Revision:
    """Return the revision as it is to be signed once more, its certificate put aside."""
    return dataclasses.replace(
        issued,
        state=State.REQUESTED,
        thumbprint=None,
        not_valid_before=None,
        not_valid_after=None,
        signing_since=None,
    )


def after_internal_error(enrollment: Enrollment, error: InternalError, now: dt.datetime) -> Revision | None:
    """Return what an error that nobody expected leaves of what is on its way: a failure that counts.

    None where nothing is on its way: then nobody was asked for anything either. Where a key pair was being asked for,
    nobody knows whether it was made. The caller holds the lease.
    """
    pending = enrollment.pending
    if pending is None:
        return None
    if pending.state is State.INTENDED:
        pending = dataclasses.replace(pending, state=State.CREATE_UNKNOWN)
    return after_failure(pending, error, now)


def _why_no_certificate(enrollment: Enrollment) -> str:
    latest = enrollment.latest
    if latest is None:
        return "not in the store yet"
    if latest.state is State.CREATE_UNKNOWN:
        return "the answer to the last request was lost; a key may lie unused on the server"
    return f"the last attempt was {latest.state}" + (f" ({latest.note})" if latest.note else "")


def _validity(revision: Revision, now: dt.datetime) -> str:
    end = revision.not_valid_after
    if end is None:
        return "when it ends is not known"
    return f"valid until {to_the_minute(end)}" if end > now else f"expired since {to_the_minute(end)}"


def _span(duration: dt.timedelta) -> str:
    """Return a duration in words, in the largest unit of which it has two."""
    for unit, seconds in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if duration.total_seconds() >= 2 * seconds:
            return f"{duration.total_seconds() / seconds:.1f}".removesuffix(".0") + f" {unit}"
    return f"{duration.total_seconds():.0f} seconds"
