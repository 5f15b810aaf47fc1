# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a certificate through the gate and upload it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._client import Client
from .._errors import ConfigurationError, GateError, PolicyError, ServiceError, SessionError
from .._models import Enrollment, Finalized, Outcome, Revision, State, Tokens
from .._policy import after_failure, refuse_waiting
from .._session import Session
from .._store.api import Store
from .._x509.api import (
    SubjectMatch,
    UploadEncoding,
    certificate_facts,
    check_certificate,
    encode_upload,
    normalize_thumbprint,
    order_chain,
    thumbprint,
)
from ._step import Plan, Step


@dataclasses.dataclass(frozen=True)
class FinalizeItem:
    """A certificate that should be uploaded.

    ``certificates`` reads what the caller gives, leaf and chain in any order; nothing for what the signer left
    in the store.
    """

    name: str
    certificates: t.Callable[[], t.Sequence[bytes]] = tuple


class FinalizeStep(Step[FinalizeItem]):
    """Upload what is signed, once; what was uploaded without an answer is uploaded again, which does no harm."""

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
        if is_current or (pending.state is not State.ISSUED and not given):
            return Plan(item, enrollment, "none", f"{pending.state}, waits for its certificate", expected=pending)
        if pending.csr is None:
            raise PolicyError("the request has no CSR yet: run redtrust_csr again")
        return self._upload(item, enrollment, pending, given)

    def act(self, plan: Plan[FinalizeItem]) -> Outcome:
        expected = t.cast("Revision", plan.expected)
        pending = t.cast("Revision", plan.enrollment.pending)
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
        leaf, chain = t.cast("bytes", pending.certificate), pending.chain
        csr = t.cast("bytes", pending.csr)
        if given:
            leaf, chain = order_chain(given, csr)
        if pending.upload_started and leaf != pending.certificate:
            raise GateError(
                f"another certificate, {pending.thumbprint}, was uploaded for this request, and whether it is in use "
                "is not known: give that one, or none, to have it uploaded again"
            )
        refuse_waiting(pending, self._now())
        check_certificate(leaf, chain, csr, pending.spec.dn, subject_match=self._subject_match, now=self._now())
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
        return Plan(item, enrollment, "finalize", reason, acts=True, expected=expected)

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


def _comparable(thumbprint_told: str) -> str:
    try:
        return normalize_thumbprint(thumbprint_told)
    except ConfigurationError:
        return thumbprint_told
