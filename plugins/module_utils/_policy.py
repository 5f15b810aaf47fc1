# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what to do with one enrollment, and say why. Pure: no I/O, the time is passed in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t

from ._errors import (
    AnswerInvalidError,
    AnswerLostError,
    BackingOffError,
    ConfigurationError,
    GateError,
    PolicyError,
    RedtrustError,
    RefusedError,
    SignerError,
)
from ._models import Action, CertificateSpec, Enrollment, Revision, State

_FIRST_WAIT = dt.timedelta(hours=1)
_LONGEST_WAIT = dt.timedelta(hours=32)
_NOT_ITS_OWN = (401, 429, 503)


@dataclasses.dataclass(frozen=True)
class Decision:
    """What to do, and why in words.

    ``gives_up`` is a pending revision that makes room, ``resumes`` one that is to wait no longer; each as it shall be
    stored.
    """

    action: Action
    reason: str
    gives_up: Revision | None = None
    resumes: Revision | None = None

    @property
    def asks(self) -> bool:
        """Return whether a new request is sent to the service."""
        return self.action in ("issue", "replace", "renew")


@dataclasses.dataclass(frozen=True)
class RenewBefore:
    """How long before its end a certificate is due: a fixed time, or a share of its lifetime."""

    text: str
    fixed: dt.timedelta | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> RenewBefore:
        """Read ``30d`` (also ``h`` for hours, ``w`` for weeks) or ``33%``; raise ConfigurationError otherwise."""
        match = re.fullmatch(r"\s*(\d{1,5})\s*([hdw%])\s*", text)
        if not match or (match.group(2) == "%" and not 0 < int(match.group(1)) < 100):
            raise ConfigurationError(
                f"renew_before is {text!r}; give a time such as 30d, 12h or 4w, or a share of the lifetime, 1% to 99%"
            )
        number, unit = int(match.group(1)), match.group(2)
        if unit == "%":
            return cls(text.strip(), share=number / 100)
        return cls(
            text.strip(),
            fixed=number * {"h": dt.timedelta(hours=1), "d": dt.timedelta(days=1)}.get(unit, dt.timedelta(weeks=1)),
        )

    def due_from(self, not_valid_before: dt.datetime | None, not_valid_after: dt.datetime) -> dt.datetime:
        """Return the time from which on a certificate is due.

        A share needs the whole lifetime; where its beginning is not known, the end itself counts.
        """
        if self.fixed is not None:
            return not_valid_after - self.fixed
        if not_valid_before is None or self.share is None:
            return not_valid_after
        return not_valid_after - (not_valid_after - not_valid_before) * self.share


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
    due = renew_before.due_from(current.not_valid_before, current.not_valid_after)
    when = f"{_day(due)} ({renew_before.text} before its end); {_validity(current, now)}"
    return Decision("renew", f"due since {when}") if due <= now else Decision("none", f"due from {when}")


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
        note = f"its certificate ended at {_day(pending.not_valid_after)} before it was uploaded"
        return Decision(again, note, gives_up=pending.moved(State.ABANDONED, note=note))
    changed = spec.differences(pending.spec)
    if changed and (pending.state is State.REQUESTED or (pending.failures and not pending.upload_started)):
        so_far = f"it failed ({pending.note})" if pending.failures else "the store has no certificate for the request"
        note = f"asked for now and then differ in {', '.join(changed)}, and {so_far}"
        return Decision(again, note, gives_up=pending.moved(State.ABANDONED, note=note))
    reason = _WHERE_PENDING[pending.state]
    if force and _is_waiting(pending, now):
        resumes = dataclasses.replace(pending, retry_at=None)
        return Decision("resume", f"{reason}; with force it waits no longer", resumes=resumes)
    if changed:
        reason += f"; it is finished first, the change of {', '.join(changed)} takes effect in the run after"
    return Decision("resume", reason)


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
            f"again from {_day(t.cast('dt.datetime', revision.retry_at))} on, or at once when redtrust_csr or "
            "redtrust_renew has force, or when what is asked for changes"
        )


def _is_waiting(revision: Revision, now: dt.datetime) -> bool:
    return revision.retry_at is not None and revision.retry_at > now


def after_failure(revision: Revision, error: RedtrustError, now: dt.datetime, *, repeatable: bool = False) -> Revision:
    """Return the revision after a failure of its own, which counts; one of the service as a whole does not.

    The first failure may be tried again by the next run. From the second in a row on it waits, 1 hour and then
    twice as long each time, at most 32 hours. ``repeatable``: what the service left open may simply be asked again.
    """
    own: tuple[type[RedtrustError], ...] = (AnswerInvalidError, GateError, SignerError)
    counts = isinstance(error, own if repeatable else (*own, AnswerLostError))
    if isinstance(error, RefusedError):
        of_all = error.status in _NOT_ITS_OWN or error.concerns_all or (error.foreign and error.not_done)
        counts = not of_all and not (repeatable and (error.status or 0) >= 500)
    if not counts:
        return dataclasses.replace(revision, note=str(error))
    wait = _FIRST_WAIT * 2 ** min(revision.failures - 1, 16) if revision.failures else None
    return revision.failed(str(error), now + min(wait, _LONGEST_WAIT) if wait else None)


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
    return f"valid until {_day(end)}" if end > now else f"expired since {_day(end)}"


def _day(moment: dt.datetime) -> str:
    return moment.astimezone(dt.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
