# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a certificate through the gate and upload it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._errors import ConfigurationError, GateError, PolicyError, ServiceError, SessionError
from .._models import Enrollment, Finalized, Outcome, Revision, State, Tokens
from .._service.api import Client
from .._session.api import Session
from .._store.api import Store
from .._x509.api import (
    SubjectMatch,
    UploadEncoding,
    certificate_facts,
    chain_warnings,
    check_certificate,
    encode_upload,
    normalize_thumbprint,
    order_chain,
    thumbprint,
)
from .policy import after_failure, after_refusal, refuse_waiting, when_signed_again
from .step import Plan, Step


@dataclasses.dataclass(frozen=True)
class FinalizeItem:
    """A certificate that should be uploaded.

    ``certificates`` reads what the caller gives, leaf and chain in any order; nothing for what the signer left
    in the store.
    """

    name: str
    certificates: t.Callable[[], t.Sequence[bytes]] = tuple


class FinalizeStep(Step[FinalizeItem]):
    """Upload what is signed, once; what was uploaded without an answer is uploaded again, which does no harm.

    What the signer left and the gate refuses is noted as refused, and the signer is asked again with the same request
    in a later run. What the caller gives is only refused: the request goes on waiting for a better one.
    """

    def __init__(
        self,
        store: Store,
        client: Client,
        session: Session,
        *,
        subject_match: SubjectMatch,
        encoding: UploadEncoding,
        now: t.Callable[[], dt.datetime],
    ) -> None:
        self._store = store
        self._client = client
        self._session = session
        self._subject_match = subject_match
        self._encoding = encoding
        self._now = now

    def plan(self, item: FinalizeItem, enrollment: Enrollment) -> Plan[FinalizeItem]:
        pending, current = enrollment.pending, enrollment.current
        if pending is None and current is None:
            raise PolicyError("there is no request that waits for a certificate: redtrust_csr makes one")
        given = item.certificates()
        is_current = current is not None and current.thumbprint in [thumbprint(der) for der in given]
        if pending is None:
            if given and not is_current:
                raise GateError("no request waits for the certificate that was given, and it is not the current one")
            return Plan(item, enrollment, "none", "finalized", expected=current)
        if is_current or not (given or pending.state is State.ISSUED or _is_sent_back(pending)):
            return Plan(item, enrollment, "none", f"{pending.state}, waits for its certificate", expected=pending)
        if pending.csr is None:
            raise PolicyError("the request has no CSR yet: run redtrust_csr again")
        return self._upload(item, enrollment, pending, given)

    def act(self, plan: Plan[FinalizeItem]) -> Outcome:
        expected = t.cast("Revision", plan.expected)
        pending = t.cast("Revision", plan.enrollment.pending)
        if plan.error is not None:
            self._store.put(expected)
            raise plan.error
        self._session.open()
        (issued,) = self._store.put(expected.moved(State.ISSUED, upload_started=True, failures=pending.failures))
        code, provider = t.cast("str", issued.request_code), issued.spec.provider
        data = encode_upload(t.cast("bytes", issued.certificate), issued.chain, self._encoding)
        lost = pending.upload_started

        def upload(tokens: Tokens) -> Finalized:
            nonlocal lost
            try:
                return self._client.finalize(tokens, code, provider, data, lost=lost)
            except ServiceError as exc:
                lost = lost or exc.unanswered or not exc.not_done
                raise

        try:
            answer = self._session.call(upload)
        except (ServiceError, SessionError) as exc:
            failed = after_failure(issued, exc, self._now(), repeatable=True)
            self._store.put(dataclasses.replace(failed, upload_started=lost))
            raise
        return self._finalized(plan, issued, answer)

    def _upload(
        self, item: FinalizeItem, enrollment: Enrollment, pending: Revision, given: t.Sequence[bytes]
    ) -> Plan[FinalizeItem]:
        """Plan the upload of what was given, or else of what the signer left, if the gate lets it through."""
        csr, now = t.cast("bytes", pending.csr), self._now()
        found = given or (t.cast("bytes", pending.certificate), *pending.chain)
        leaf, chain = order_chain(found, csr, now)
        if pending.upload_started and leaf != pending.certificate:
            raise GateError(
                f"another certificate, {pending.thumbprint}, was uploaded for this request, and whether it is in use "
                "is not known: give that one, or none, to have it uploaded again"
            )
        if leaf == pending.certificate and not pending.refused:
            refuse_waiting(pending, now)
        refusal = self._refusal(leaf, chain, pending, now)
        if refusal is not None:
            plan = Plan(item, enrollment, "none", "the gate refused its certificate")
            is_stored = not given or (leaf, chain) == (pending.certificate, pending.chain)
            return self._refused(plan, refusal, is_stored=is_stored)
        facts = certificate_facts(leaf)
        expected = pending.moved(
            State.FINALIZED,
            certificate=leaf,
            chain=chain,
            thumbprint=facts.thumbprint,
            not_valid_before=facts.not_valid_before,
            not_valid_after=facts.not_valid_after,
            note=None,
        )
        reason = "uploaded once without an answer" if pending.upload_started else "signed, to be uploaded"
        warnings = chain_warnings(found, leaf, chain, now)
        return Plan(item, enrollment, "finalize", reason, acts=True, expected=expected, warnings=warnings)

    def _refusal(
        self, leaf: bytes, chain: t.Sequence[bytes], pending: Revision, moment: dt.datetime
    ) -> GateError | None:
        """Return why the gate would not let a certificate through at that moment."""
        csr = t.cast("bytes", pending.csr)
        try:
            check_certificate(leaf, chain, csr, pending.spec.dn, subject_match=self._subject_match, now=moment)
        except GateError as exc:
            return exc
        except ConfigurationError as exc:
            return GateError(str(exc))
        return None

    def _refused(self, plan: Plan[FinalizeItem], refusal: GateError, *, is_stored: bool) -> Plan[FinalizeItem]:
        """Plan to note the refusal of what the signer left; raise what is only to be told.

        That is the refusal of what the caller gives, of what was refused before, of what may be in use at the service,
        and of what only has to wait until it is valid.
        """
        pending = t.cast("Revision", plan.enrollment.pending)
        if not is_stored or pending.upload_started:
            raise refusal
        if pending.refused:
            raise GateError(f"{refusal}; {when_signed_again(pending, self._now())}") from refusal
        leaf = t.cast("bytes", pending.certificate)
        begin = certificate_facts(leaf).not_valid_before
        if begin > self._now() and self._refusal(leaf, pending.chain, pending, begin) is None:
            raise GateError(
                f"{refusal}; it is uploaded by the first run after that, or run redtrust_csr or redtrust_renew with "
                "force to have the same request signed again"
            ) from refusal
        refused = after_refusal(pending, refusal, self._now())
        error = GateError(f"{refusal}; {when_signed_again(refused, self._now())}")
        return dataclasses.replace(plan, acts=True, expected=refused, error=error)

    def _finalized(self, plan: Plan[FinalizeItem], issued: Revision, answer: Finalized) -> Outcome:
        if answer.thumbprint and _comparable(answer.thumbprint) != issued.thumbprint:
            error = GateError(
                f"the service says that it stored a certificate with thumbprint {answer.thumbprint}, "
                f"but {issued.thumbprint} was uploaded: look at the service before anything else"
            )
            self._store.put(after_failure(issued, error, self._now()))
            raise error
        rows = [issued.moved(State.FINALIZED, certificate_id=answer.certificate_id, request_code=None)]
        if plan.enrollment.current:
            rows.append(plan.enrollment.current.moved(State.SUPERSEDED))
        finalized = self._store.put(*rows)[0]
        confirmed = "; confirmed by the second answer" if answer.confirmed_by_second_answer else ""
        return plan.outcome(finalized, reason=plan.reason + confirmed)


def _is_sent_back(pending: Revision) -> bool:
    """Return whether a refused certificate waits here for another one, or for a gate that lets it through after all."""
    return pending.refused and pending.state is State.REQUESTED


def _comparable(thumbprint_told: str) -> str:
    try:
        return normalize_thumbprint(thumbprint_told)
    except ConfigurationError:
        return thumbprint_told
