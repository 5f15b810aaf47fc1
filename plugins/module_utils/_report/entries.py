# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read one enrollment of the store as an entry of a report. Pure: no I/O, the time is passed in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._enroll.api import Attention, RenewalPolicy, attention, forecast
from .._models import Enrollment, Revision
from .._x509.api import issuer_label
from .view import Entry, Status

# A problem that the next run may settle by itself is not one for a person yet. What is not here is one for a person.
_STATUS_OF: t.Mapping[str, Status] = {
    "expired": Status.EXPIRED,
    "revoked": Status.REVOKED,
    "certificate_refused": Status.FAILING,
    "backing_off": Status.FAILING,
    "upload_unknown": Status.FAILING,
    "waiting": Status.WAITING,
    "interrupted": Status.WAITING,
}


@dataclasses.dataclass(frozen=True)
class Terms:
    """How enrollments are judged: the time, what counts as ending soon, and the policy that renews them."""

    now: dt.datetime
    soon: dt.timedelta
    policy: RenewalPolicy


def entry_of(enrollment: Enrollment, terms: Terms) -> Entry:
    """Return an enrollment at a glance."""
    current, latest, now = enrollment.current, enrollment.latest, terms.now
    shown = current or latest
    problems = sorted(attention(enrollment, now), key=_gravity)
    ends_soon = current is not None and _ends_soon(current, terms)
    plan = forecast(enrollment, terms.policy, now)
    return Entry(
        service=enrollment.service,
        name=enrollment.name,
        status=_status(problems, ends_soon=ends_soon, in_use=current is not None),
        state=str(latest.state) if latest else "",
        provider=latest.spec.provider if latest else "",
        ca=issuer_label(current.certificate) if current and current.certificate else "",
        subject=str(shown.spec.dn) if shown else "",
        key=f"{shown.spec.key_type} {shown.spec.key_length}" if shown else "",
        thumbprint=(current.thumbprint or "") if current else "",
        revision=shown.revision if shown else 0,
        not_valid_before=current.not_valid_before if current else None,
        not_valid_after=current.not_valid_after if current else None,
        due_at=plan.due_at if plan else None,
        renew_at=_renew_at(plan.renew_at, plan.due_at, now) if plan else None,
        renewal=plan.reason if plan else "",
        updated_at=latest.updated_at if latest else None,
        attention=tuple(problems),
        ends_soon=ends_soon,
    )


def _status(problems: t.Sequence[Attention], *, ends_soon: bool, in_use: bool) -> Status:
    if problems:
        return _status_of(problems[0])
    if ends_soon:
        return Status.ENDS_SOON
    return Status.IN_USE if in_use else Status.NONE


def _status_of(problem: Attention) -> Status:
    return _STATUS_OF.get(problem.kind, Status.NEEDS_PERSON)


def _gravity(problem: Attention) -> int:
    return _status_of(problem).gravity


def _ends_soon(current: Revision, terms: Terms) -> bool:
    """Return whether a certificate ends soon. One that lives for less than three times ``soon`` has its last third."""
    ends, begins = current.not_valid_after, current.not_valid_before
    if ends is None:
        return False
    soon = min(terms.soon, (ends - begins) / 3) if begins is not None and begins < ends else terms.soon
    return ends - terms.now <= soon


def _renew_at(renew_at: dt.datetime | None, due_at: dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
    """Return when it is renewed. What the next run renews keeps the time at which it was due, which does not move."""
    return due_at if renew_at is not None and due_at is not None and renew_at == now else renew_at
