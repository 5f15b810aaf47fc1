# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the signer sign what is requested."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import typing as t

from .. import _fault_points
from .._errors import ConfigurationError, PolicyError, SignerError, SignerRejectedError
from .._models import Enrollment, Outcome, Revision, State
from .._signers.api import Signer, SigningOrder
from .._store.api import Store
from .._x509.api import certificate_facts
from .policy import after_failure, refuse_waiting
from .step import Plan, Step


@dataclasses.dataclass(frozen=True)
class SignItem:
    """A request that should be signed."""

    name: str


class SignStep(Step[SignItem]):
    """Have the signer sign; a signer may say "not yet", and is asked again in a later run.

    Failures that led to a refused certificate are counted on until one is let through: a signer that gives such ones
    again and again is asked less and less often.
    """

    def __init__(self, store: Store, signer: Signer, *, now: t.Callable[[], dt.datetime]) -> None:
        self._store = store
        self._signer = signer
        self._now = now

    def plan(self, item: SignItem, enrollment: Enrollment) -> Plan[SignItem]:
        pending = enrollment.pending
        if pending is None and enrollment.latest is None:
            raise PolicyError("nothing was requested under this name: redtrust_csr does that")
        if pending is None:
            return Plan(item, enrollment, "none", "nothing to sign", expected=enrollment.current or enrollment.latest)
        if pending.state is State.INTENDED:
            return Plan(item, enrollment, "none", "not requested yet: run redtrust_csr again", expected=pending)
        if pending.state is State.ISSUED:
            return Plan(item, enrollment, "none", "signed, to be finalized", expected=pending)
        refuse_waiting(pending, self._now())
        reason = "requested, to be signed" if pending.state is State.REQUESTED else "at the signer, to be asked again"
        if pending.refused:
            reason += "; the gate refused its last certificate"
        return Plan(item, enrollment, "sign", reason, acts=True, expected=pending.moved(State.ISSUED))

    def act(self, plan: Plan[SignItem]) -> Outcome:
        pending = t.cast("Revision", plan.enrollment.pending)
        before, first = pending, pending.state is State.REQUESTED
        if first:
            note = None if pending.refused else pending.note
            changes = {"signing_since": self._now(), "failures": pending.failures, "note": note}
            (pending,) = self._store.put(pending.moved(State.SIGNING, **changes))
        try:
            _fault_points.reach("sign before")
            signed = self._signer.sign(_order(pending))
            _fault_points.reach("sign after")
        except SignerRejectedError as exc:
            self._store.put(pending.moved(State.REJECTED, note=str(exc)))
            raise
        except SignerError as exc:
            self._store.put(after_failure(pending, exc, self._now()))
            raise
        except ConfigurationError:
            # It will never be signed as it is, so what is asked for has to change; and it never left.
            if first:
                self._store.put(dataclasses.replace(before, generation=pending.generation))
            raise
        counted = pending.failures if pending.refused else 0
        if signed is None:
            if pending.failures > counted or pending.note:
                (pending,) = self._store.put(pending.moved(State.SIGNING, note=None, failures=counted))
            return plan.outcome(pending, action="wait", reason="the signer says: not yet", changed=first)
        facts = certificate_facts(signed.certificate)
        (issued,) = self._store.put(
            pending.moved(
                State.ISSUED,
                certificate=signed.certificate,
                chain=signed.chain,
                thumbprint=facts.thumbprint,
                not_valid_before=facts.not_valid_before,
                not_valid_after=facts.not_valid_after,
                note=None,
                failures=counted,
            )
        )
        return plan.outcome(issued, warnings=(*plan.warnings, *signed.warnings))


def _order(pending: Revision) -> SigningOrder:
    """Return what the signer gets. It is another order once a certificate for the same request was refused."""
    csr = t.cast("bytes", pending.csr)
    identity = "\0".join((pending.service, pending.name, str(pending.revision), str(pending.attempt)))
    refused = b"\0" + t.cast("bytes", pending.certificate) if pending.refused else b""
    return SigningOrder(
        request_id=hashlib.sha256(identity.encode() + b"\0" + csr + refused).hexdigest(),
        name=pending.name,
        revision=pending.revision,
        csr=csr,
        dn=pending.spec.dn,
        since=t.cast("dt.datetime", pending.signing_since),
        subject_alt_name=pending.spec.subject_alt_name,
    )
