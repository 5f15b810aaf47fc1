# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what approvals a request waits for. Pure, but for the events that tell who asked for it."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import ConfigurationError
from .._models import Approval, Revision, State
from .._store.api import Store

# How the note of a request begins that a person did not approve.
_DENIED = "denied by "


@dataclasses.dataclass(frozen=True)
class ApprovalRule:
    """How many different people must approve a request before the signer gets it.

    With ``four_eyes`` the person whose run asked for the key is not one of them.
    """

    approvals: int = 1
    four_eyes: bool = False

    @classmethod
    def read(cls, option: t.Mapping[str, t.Any] | None) -> ApprovalRule | None:
        """Read the option ``approval``; None without it. Raises ConfigurationError."""
        if option is None:
            return None
        if not 1 <= option["approvals"] <= 100:
            raise ConfigurationError(f"approval.approvals must be from 1 to 100, not {option['approvals']}")
        return cls(option["approvals"], option["four_eyes"])

    def in_words(self) -> str:
        """Return what a request waits for that is not made yet."""
        count = "an approval" if self.approvals == 1 else f"{self.approvals} approvals"
        return f"{count} by somebody else than the person who asks for it" if self.four_eyes else count


def under(rule: ApprovalRule | None, request: Revision, store: Store) -> Revision:
    """Return a request with the approvals that a rule wants for it, as it is to be stored.

    Without a rule the request still waits for what an earlier run wanted: a run that renews everything must not hand
    over what waits in another one. Where it is not known who asked for the key, four eyes are one approval more: so at
    least as many as wanted are of others.
    """
    if rule is None:
        return request
    not_by = request.approvals_not_by or _requester(request, store) if rule.four_eyes else None
    needed = rule.approvals + (rule.four_eyes and not_by is None)
    return dataclasses.replace(request, approvals_needed=needed, approvals_not_by=not_by)


def counted(request: Revision) -> tuple[Approval, ...]:
    """Return the approvals that count: one for each person, none of the person who must not approve."""
    found: dict[str, Approval] = {}
    for approval in request.approvals:
        if not is_same(approval.by, request.approvals_not_by):
            found.setdefault(approval.by.casefold(), approval)
    return tuple(found.values())


def missing(revision: Revision) -> int:
    """Return how many approvals a request waits for; 0 if it is not, or no longer, a request that waits for one."""
    if revision.state is not State.REQUESTED or not revision.approvals_needed:
        return 0
    return max(0, revision.approvals_needed - len(counted(revision)))


def waits_for(request: Revision) -> str:
    """Return what a request waits for, in words."""
    given = counted(request)
    names = f" ({', '.join(approval.by for approval in given)})" if given else ""
    words = f"waits for approval: {len(given)} of {request.approvals_needed} given{names}"
    if request.approvals_not_by:
        words += f"; {request.approvals_not_by} asked for the key and may not approve it"
    return words


def is_same(one: str, other: str | None) -> bool:
    """Return whether two names may be of the same person. Case is no difference: some directories have none."""
    return other is not None and one.casefold() == other.casefold()


def denial(by: str, why: str) -> str:
    """Return the note of a request that somebody did not approve."""
    return f"{_DENIED}{by}: {why}"


def who_rejected(revision: Revision, what: str) -> str:
    """Return who rejected a request, and why; ``what`` names it."""
    if (revision.note or "").startswith(_DENIED):
        return f"{what} was {revision.note}"
    return f"the certificate authority rejected {what} ({revision.note or 'it gave no reason'})"


def _requester(request: Revision, store: Store) -> str | None:
    """Return for whom the run worked that asked for the key, by the events; None if they do not tell.

    Events of a pending request are never removed. A row may be used again, so the last intent counts.
    """
    found = None
    for event in store.events(request.service, request.name):
        is_of_it = (event.revision, event.attempt) == (request.revision, request.attempt)
        if is_of_it and event.state == State.INTENDED:
            found = event.actor
    return found
