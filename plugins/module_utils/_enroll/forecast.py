# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say when a certificate will be renewed, as far as that is known. Pure: no I/O, the time is passed in."""

from __future__ import annotations

import dataclasses
import datetime as dt

from .._clock import to_the_minute
from .._errors import PolicyError
from .._models import Enrollment, State
from .policy import decide_renewal
from .renewal import RenewalPolicy


@dataclasses.dataclass(frozen=True)
class Forecast:
    """The renewal of a certificate in use: when it is due, the first moment for it, and why, in words.

    ``renew_at`` is None where nothing is to be renewed, or where a person has to act first.
    """

    due_at: dt.datetime | None
    renew_at: dt.datetime | None
    reason: str


def forecast(enrollment: Enrollment, policy: RenewalPolicy, now: dt.datetime) -> Forecast | None:
    """Return when the certificate in use will be renewed; None where none is in use."""
    current, latest = enrollment.current, enrollment.latest
    if current is None or latest is None:
        return None
    revoked_at = current.revoked_at  # it is renewed at once, whatever the policy says
    due = None if policy.renew_before.never else policy.due(current)
    due_at = revoked_at or (due.at if due else None)
    try:
        reason = decide_renewal(enrollment, policy, now, due=due).reason
    except PolicyError as exc:
        reason = str(exc)
    if enrollment.pending is not None:
        return Forecast(due_at, None, f"revision {enrollment.pending.revision} is on its way: {reason}")
    if (policy.renew_before.never and not revoked_at) or (latest.state is State.REJECTED and latest is not current):
        return Forecast(due_at, None, reason)
    at = max(filter(None, (now, due_at, latest.retry_at)))
    closed = None if revoked_at else policy.closed(current, at)
    known = []
    if latest.retry_at is not None and latest.retry_at > now:
        known.append(f"it is tried again from {to_the_minute(latest.retry_at)} on")
    if closed is not None:
        known.append(closed.words)
    reason = "; ".join([reason, *(words for words in known if words not in reason)])
    return Forecast(due_at, at if closed is None or closed.gives_way else closed.opens, reason)
