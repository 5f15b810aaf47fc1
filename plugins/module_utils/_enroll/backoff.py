# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the failures of a revision, and let it wait longer and longer. Pure: no I/O, the time is passed in."""

from __future__ import annotations

import dataclasses
import datetime as dt

from .._clock import to_the_minute
from .._errors import (
    AnswerInvalidError,
    AnswerLostError,
    BackingOffError,
    GateError,
    InternalError,
    RedtrustError,
    RefusedError,
    SignerError,
)
from .._models import Enrollment, Revision, State

_FIRST_WAIT = dt.timedelta(hours=1)
# The longest wait is 32 hours.
_MOST_DOUBLINGS = 5
# The status codes of HTTP that say nothing about the one request: no session, too many requests, service down.
_NOT_ITS_OWN = (401, 429, 503)


def refuse_waiting(revision: Revision, now: dt.datetime) -> None:
    """Raise BackingOffError when a revision failed again and again and its wait is not over."""
    until = waits_until(revision, now)
    if until is not None:
        raise BackingOffError(
            f"it failed {revision.failures} times in a row ({revision.note or 'for no known reason'}): it is tried "
            f"again from {to_the_minute(until)} on, or at once when redtrust_csr or "
            "redtrust_renew has force, or when what is asked for changes"
        )


def waits_until(revision: Revision, now: dt.datetime) -> dt.datetime | None:
    """Return until when nothing is tried for a revision; None where it does not wait, or not any more."""
    return revision.retry_at if revision.retry_at is not None and revision.retry_at > now else None


def after_failure(revision: Revision, error: RedtrustError, now: dt.datetime, *, repeatable: bool = False) -> Revision:
    """Return the revision after a failure. Its own failures count; a failure of the service as a whole does not.

    After the first failure the next run tries again. From the second in a row on the revision waits: 1 hour, then
    twice as long each time, at most 32 hours. ``repeatable`` says that the request may be sent again where its outcome
    is unknown.
    """
    own: tuple[type[RedtrustError], ...] = (AnswerInvalidError, GateError, InternalError, SignerError)
    counts = isinstance(error, own if repeatable else (*own, AnswerLostError))
    if isinstance(error, RefusedError):
        of_all = error.status in _NOT_ITS_OWN or error.concerns_all or (error.foreign and error.not_done)
        counts = not of_all and not (repeatable and (error.status or 0) >= 500)
    if isinstance(error, SignerError) and (error.retry_after or error.concerns_all):
        counts = False
    if not counts:
        return dataclasses.replace(revision, note=str(error))
    if not revision.failures:
        return revision.failed(str(error), None)
    wait = _FIRST_WAIT * 2 ** min(revision.failures - 1, _MOST_DOUBLINGS)
    return revision.failed(str(error), now + wait)


def after_refusal(revision: Revision, error: GateError, now: dt.datetime) -> Revision:
    """Return the revision after the gate refused its certificate: the request is good, and the signer signs it again.

    The revision keeps the certificate until the signer has given another. The certificate is part of the id of the
    next order: so the signer gives another one, and the same one again to the run that follows a run that died.
    """
    note = f"the gate refused the certificate {revision.thumbprint}: {error}"
    return after_failure(sent_back(revision), GateError(note), now)


def when_signed_again(refused: Revision, now: dt.datetime) -> str:
    """Return the next step after a refusal, in words."""
    until = waits_until(refused, now)
    if until is None:
        return "mend the CA: the next run has the same request signed again"
    return (
        f"mend the CA: the same request is signed again from {to_the_minute(until)} on, or at once when redtrust_csr "
        "or redtrust_renew has force"
    )


def sent_back(issued: Revision) -> Revision:
    """Return the revision back in the state in which it waits for the signer, with its certificate put aside."""
    return dataclasses.replace(
        issued,
        state=State.REQUESTED,
        thumbprint=None,
        not_valid_before=None,
        not_valid_after=None,
        signing_since=None,
        order_number=None,
    )


def after_internal_error(enrollment: Enrollment, error: InternalError, now: dt.datetime) -> Revision | None:
    """Return the pending revision after an error that nobody expected: it counts as a failure.

    Return None where nothing is pending, since then nothing was sent either. Where a request for a key pair was under
    way, its outcome is unknown. The caller holds the lease.
    """
    pending = enrollment.pending
    if pending is None:
        return None
    if pending.state is State.INTENDED:
        pending = dataclasses.replace(pending, state=State.CREATE_UNKNOWN)
    return after_failure(pending, error, now)
