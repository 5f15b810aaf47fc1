# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the CA revoke certificates."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import threading
import typing as t

from .. import _fault_points
from .._clock import to_the_minute
from .._errors import ConfigurationError, NotTriedError, PolicyError, RedtrustError, SignerError
from .._models import Enrollment, Outcome, Revision, State
from .._service.api import Throttle, Unthrottled
from .._signers.api import Revocation, Signer
from .._store.api import Store
from .._x509.api import normalize_thumbprint
from .ca_down import Failures
from .settle import SettleItem
from .step import Plan, Step

Which = t.Literal["current", "superseded", "all"]

# The revisions with a certificate that the CA has issued, and that no run works on.
_STATES: t.Mapping[Which, frozenset[State]] = {
    "current": frozenset({State.FINALIZED}),
    "superseded": frozenset({State.SUPERSEDED}),
    "all": frozenset({State.FINALIZED, State.SUPERSEDED, State.ABANDONED}),
}


@dataclasses.dataclass(frozen=True)
class Terms:
    """What is revoked, and why.

    ``reason`` is a name of RFC 5280, 5.3.1. ``which`` chooses the revisions. Where ``renew`` is false, the certificate
    in use is given up too, so that no run renews it.
    """

    reason: str = "unspecified"
    which: Which = "current"
    comment: str | None = None
    renew: bool = True

    @property
    def words(self) -> str:
        """Return the reason of the write."""
        return "; ".join(filter(None, (f"revoked ({self.reason})", self.comment)))


class RevokeStep(Step[SettleItem, tuple[Revision, ...]]):
    """Have the signer revoke certificates, one after the other, and write each down after the CA has answered.

    A run that dies in between has the next one revoke the same certificate again, which is a success.
    """

    def __init__(
        self,
        store: Store,
        signer: Signer,
        terms: Terms,
        *,
        now: t.Callable[[], dt.datetime],
        at_once: int | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        """Revoke with ``signer``, at most ``at_once`` at a time, each when ``throttle`` allows it."""
        self._store = store
        self._signer = signer
        self._terms = terms
        self._now = now
        self._throttle = throttle or Unthrottled()
        self._turn: t.ContextManager[object] = (
            threading.BoundedSemaphore(at_once) if at_once else contextlib.nullcontext()
        )
        self._failures = Failures()

    @property
    def why_down(self) -> str:
        return self._failures.why_down

    def plan(self, item: SettleItem, enrollment: Enrollment) -> Plan[tuple[Revision, ...]]:
        if not enrollment.revisions:
            raise PolicyError("the store does not know this name")
        chosen = self._chosen(item, enrollment)
        left = tuple(row for row in chosen if self._is_left(row))
        unknown = [row for row in left if _is_unknown(row)]
        if unknown and len(unknown) == len(left):
            raise _unknown(unknown)
        expected = enrollment.current or enrollment.latest
        if not left:
            return Plan(enrollment, "none", self._why_none(chosen), expected=expected)
        now = self._now()
        after = next((self._revoked(row, now) for row in left if row is expected), expected)
        reason = f"{_numbers(left)}, {self._terms.reason}"
        return Plan(enrollment, "revoke", reason, left, expected=after, warnings=self._warnings(enrollment, left))

    def act(self, plan: Plan[tuple[Revision, ...]], decision: tuple[Revision, ...]) -> Outcome:
        done: list[Revision] = []
        errors: list[RedtrustError] = []
        for row in decision:
            try:
                self._revoke(row)
            except NotTriedError as exc:
                errors.append(exc)
                break
            except (SignerError, ConfigurationError, PolicyError) as exc:
                errors.append(exc)
            else:
                done += self._store.put(self._revoked(row, self._now()), why=self._terms.words)
        after = plan.enrollment.with_rows(*done)
        outcome = plan.outcome(after.current or after.latest, changed=bool(done), in_use=after.current)
        if not errors:
            return outcome
        return dataclasses.replace(outcome, error=_joined(errors), warnings=())

    def _chosen(self, item: SettleItem, enrollment: Enrollment) -> list[Revision]:
        """Return the revisions with a certificate that the terms or the item choose."""
        states = _STATES["all" if item.thumbprint else self._terms.which]
        rows = [row for row in enrollment.revisions if row.state in states and row.thumbprint]
        if item.thumbprint:
            wanted = normalize_thumbprint(item.thumbprint)
            rows = [row for row in rows if row.thumbprint == wanted]
            if not rows:
                raise PolicyError(f"no certificate in use, superseded or given up has the thumbprint {wanted}")
        return rows

    def _is_left(self, row: Revision) -> bool:
        """Return whether a certificate is neither revoked nor over, or has still to be given up."""
        if row.revoked_at is not None:
            return self._gives_up(row)
        return row.not_valid_after is None or row.not_valid_after > self._now()

    def _gives_up(self, row: Revision) -> bool:
        return row.state is State.FINALIZED and not self._terms.renew

    def _why_none(self, chosen: t.Sequence[Revision]) -> str:
        if not chosen:
            there_is = {"current": "no certificate is in use", "superseded": "no certificate was superseded"}
            return there_is.get(self._terms.which, "there is no certificate")
        revoked = [
            f"revision {row.revision} was revoked at {to_the_minute(row.revoked_at)}"
            for row in chosen
            if row.revoked_at
        ]
        ended = [row for row in chosen if row.revoked_at is None]
        return "; ".join([*revoked, *([f"{_numbers(ended)} ended before"] if ended else [])])

    def _warnings(self, enrollment: Enrollment, left: t.Sequence[Revision]) -> tuple[str, ...]:
        pending, unknown = enrollment.pending, [row for row in left if _is_unknown(row)]
        warnings = [str(_unknown(unknown))] if unknown else []
        if pending is not None and any(self._gives_up(row) for row in left):
            words = f"revision {pending.revision} is on its way and is not given up"
            warnings.append(f"{words}: run redtrust_enrollment with state=abandoned for it")
        return tuple(warnings)

    def _revoke(self, row: Revision) -> None:
        """Have the CA revoke one certificate. Raises SignerError, ConfigurationError, PolicyError or NotTriedError."""
        if row.revoked_at is not None:
            return
        if _is_unknown(row):
            raise _unknown([row])
        why = self._throttle.admit()
        if why:
            self._failures.leave_alone(why)
            raise NotTriedError(f"not revoked, since {why}", step="revoke", url=row.service)
        try:
            with self._turn:
                self._throttle.spend()
                _fault_points.reach("revoke before")
                self._signer.revoke(_revocation(row, self._terms.reason))
                _fault_points.reach("revoke after")
        except SignerError as exc:
            if exc.retry_after:
                self._throttle.block(exc.retry_after, str(exc))
            self._failures.count(exc)
            raise
        self._failures.count(None)

    def _revoked(self, row: Revision, now: dt.datetime) -> Revision:
        """Return the row of a certificate that the CA has revoked."""
        if not self._gives_up(row):
            return dataclasses.replace(row, revoked_at=row.revoked_at or now)
        note = f"{self._terms.words}; it is not renewed"
        return row.moved(State.ABANDONED, revoked_at=row.revoked_at or now, note=note)


def _revocation(row: Revision, reason: str) -> Revocation:
    certificate = t.cast("bytes", row.certificate)
    return Revocation(row.name, row.revision, certificate, row.chain, reason, row.order_number)


def _is_unknown(row: Revision) -> bool:
    """Return whether a certificate has to be revoked that the store does not have: one adopted by its thumbprint."""
    return row.certificate is None and row.revoked_at is None


def _unknown(rows: t.Sequence[Revision]) -> PolicyError:
    return PolicyError(f"the store has no certificate of {_numbers(rows)}, only its thumbprint: revoke it at the CA")


def _numbers(rows: t.Sequence[Revision]) -> str:
    numbers = ", ".join(str(row.revision) for row in rows)
    return f"revision {numbers}" if len(rows) == 1 else f"revisions {numbers}"


def _joined(errors: t.Sequence[RedtrustError]) -> RedtrustError:
    """Return one error for all; the first cause comes first."""
    different = list(dict.fromkeys(str(error) for error in errors))
    return errors[0] if len(different) == 1 else SignerError("; ".join(different))
