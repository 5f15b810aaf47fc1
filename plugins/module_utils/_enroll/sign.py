# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the signer sign a request."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import typing as t

from .. import _fault_points
from .._errors import ConfigurationError, PolicyError, SignerError, SignerRejectedError
from .._models import Enrollment, Outcome, Revision, State
from .._signers.api import Signed, Signer, SigningOrder
from .._store.api import Store
from .._x509.api import certificate_facts
from .backoff import after_failure, refuse_waiting
from .step import Plan, Step


@dataclasses.dataclass(frozen=True)
class SignItem:
    """A request that should be signed."""

    name: str


@dataclasses.dataclass(frozen=True)
class Sign:
    """The decision to have a request signed; ``csr`` is in DER."""

    pending: Revision
    csr: bytes


class SignStep(Step[SignItem, Sign]):
    """Have the signer sign. A signer that says "not yet" is asked again in a later run.

    After a refusal by the gate the failures count on until the gate lets a certificate through: so a signer that gives
    bad certificates again and again is asked less and less often.
    """

    def __init__(self, store: Store, signer: Signer, *, now: t.Callable[[], dt.datetime]) -> None:
        self._store = store
        self._signer = signer
        self._now = now

    def plan(self, _item: SignItem, enrollment: Enrollment) -> Plan[Sign]:
        pending = enrollment.pending
        if pending is None and enrollment.latest is None:
            raise PolicyError("nothing was requested under this name: redtrust_csr does that")
        if pending is None:
            return Plan(enrollment, "none", "nothing to sign", expected=enrollment.current or enrollment.latest)
        if pending.state is State.ISSUED:
            return Plan(enrollment, "none", "signed, to be finalized", expected=pending)
        if pending.csr is None:
            return Plan(enrollment, "none", "not requested yet: run redtrust_csr again", expected=pending)
        refuse_waiting(pending, self._now())
        reason = "requested, to be signed" if pending.state is State.REQUESTED else "at the signer, to be asked again"
        if pending.refused:
            reason += "; the gate refused its last certificate"
        return Plan(enrollment, "sign", reason, Sign(pending, pending.csr), expected=pending.moved(State.ISSUED))

    def act(self, plan: Plan[Sign], decision: Sign) -> Outcome:
        is_first = decision.pending.state is State.REQUESTED
        signing = self._begun(decision.pending) if is_first else decision.pending
        signed = self._signed(decision, signing)
        counted = signing.failures if signing.refused else 0
        if signed is None:
            if signing.failures > counted or signing.note:
                (signing,) = self._store.put(signing.moved(State.SIGNING, note=None, failures=counted))
            return plan.outcome(signing, action="wait", reason="the signer says: not yet", changed=is_first)
        facts = certificate_facts(signed.certificate)
        (issued,) = self._store.put(
            signing.moved(
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

    def _begun(self, requested: Revision) -> Revision:
        """Write down that the request goes to the signer."""
        note = None if requested.refused else requested.note
        changes = {"signing_since": self._now(), "failures": requested.failures, "note": note}
        return self._store.put(requested.moved(State.SIGNING, **changes))[0]

    def _signed(self, decision: Sign, signing: Revision) -> Signed | None:
        """Ask the signer; write a failure down."""
        try:
            _fault_points.reach("sign before")
            signed = self._signer.sign(_order(signing, decision.csr, signing.signing_since or self._now()))
            _fault_points.reach("sign after")
        except SignerRejectedError as exc:
            self._store.put(signing.moved(State.REJECTED, note=str(exc)))
            raise
        except SignerError as exc:
            self._store.put(after_failure(signing, exc, self._now()))
            raise
        except ConfigurationError:
            # The signer never had it, and never signs it as it is: back to the state in which the request can change.
            if decision.pending.state is State.REQUESTED:
                self._store.put(dataclasses.replace(decision.pending, generation=signing.generation))
            raise
        return signed


def _order(signing: Revision, csr: bytes, since: dt.datetime) -> SigningOrder:
    """Return the order for the signer. After a refusal of its certificate the same request is another order."""
    identity = "\0".join((signing.service, signing.name, str(signing.revision), str(signing.attempt)))
    refused = b"" if signing.certificate is None else b"\0" + signing.certificate
    return SigningOrder(
        request_id=hashlib.sha256(identity.encode() + b"\0" + csr + refused).hexdigest(),
        name=signing.name,
        revision=signing.revision,
        csr=csr,
        dn=signing.spec.dn,
        since=since,
        subject_alt_name=signing.spec.subject_alt_name,
    )
