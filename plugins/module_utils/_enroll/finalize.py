# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a certificate through the gate and upload it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import typing as t

from .._errors import GateError, PolicyError, ServiceError, SessionError
from .._models import Enrollment, Finalized, Outcome, Revision, State, Tokens
from .._service.api import Client
from .._session.api import Session
from .._store.api import Store
from .._x509.api import (
    STANDARD,
    Asked,
    Expectations,
    SubjectMatch,
    UploadEncoding,
    certificate_facts,
    chain_warnings,
    check_certificate,
    encode_upload,
    order_chain,
    thumbprint,
)
from .approval import missing, waits_for
from .backoff import after_failure, after_refusal, refuse_waiting, when_signed_again
from .distrust import Distrust, Refusals
from .step import Plan, Step


@dataclasses.dataclass(frozen=True)
class FinalizeItem:
    """A certificate that should be uploaded.

    ``certificates`` reads the certificates that the caller gives, leaf and chain in any order; none where the signer
    left them in the store. It is called once.
    """

    name: str
    certificates: t.Callable[[], t.Sequence[bytes]] = tuple

    @functools.cached_property
    def given(self) -> t.Sequence[bytes]:
        """The certificates that the caller gives."""
        return self.certificates()


@dataclasses.dataclass(frozen=True)
class Upload:
    """The decision to upload a certificate. ``issued`` is stored before; ``leaf`` is in DER.

    ``lost`` tells that an earlier upload had no answer.
    """

    issued: Revision
    leaf: bytes
    lost: bool


@dataclasses.dataclass(frozen=True)
class Refuse:
    """The decision to send a request back to the signer, since the gate refused its certificate."""

    sent_back: Revision
    error: GateError
    is_distrusted: bool = False


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """A certificate that may be uploaded for a pending request; all in DER."""

    pending: Revision
    csr: bytes
    leaf: bytes
    chain: tuple[bytes, ...]

    def as_issued(self) -> Revision:
        """Return the request with this certificate."""
        return dataclasses.replace(
            self.pending, certificate=self.leaf, chain=self.chain, thumbprint=thumbprint(self.leaf)
        )


class FinalizeStep(Step[FinalizeItem, t.Union[Upload, Refuse]]):
    """Upload a signed certificate, once. An upload without an answer is sent again, which does no harm.

    Where the gate refuses a certificate that the signer left, the refusal is written down and a later run has the same
    request signed again. A certificate that the caller gives is only refused: the request waits for a better one.
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
        expected: Expectations = STANDARD,
        distrust: Distrust | None = None,
    ) -> None:
        """``expected`` is what is looked at beside key, subject, dates and chain.

        ``distrust`` are certificates that are not uploaded any more.
        """
        self._store = store
        self._client = client
        self._session = session
        self._subject_match = subject_match
        self._encoding = encoding
        self._now = now
        self._expected = expected
        self._distrust = distrust or Distrust()
        self._refusals = Refusals()

    @property
    def why_down(self) -> str:
        return self._refusals.why_down

    def may_wait(self) -> bool:
        """Return whether an upload may have to wait before it is sent."""
        return self._client.may_wait()

    def plan(self, item: FinalizeItem, enrollment: Enrollment) -> Plan[Upload | Refuse]:
        pending, current = enrollment.pending, enrollment.current
        if pending is None and current is None:
            raise PolicyError("there is no request that waits for a certificate: redtrust_csr makes one")
        given = item.given
        is_current = current is not None and current.thumbprint in [thumbprint(der) for der in given]
        if pending is None:
            if given and not is_current:
                raise GateError("no request waits for the certificate that was given, and it is not the current one")
            return Plan(enrollment, "none", "finalized", expected=current)
        found = given or _left_by_signer(pending)
        is_unapproved = missing(pending) > 0
        if is_current or not found or is_unapproved:
            waits = waits_for(pending) if is_unapproved else "waits for its certificate"
            return Plan(enrollment, "none", f"{pending.state}, {waits}", expected=pending)
        if pending.csr is None:
            raise PolicyError("the request has no CSR yet: run redtrust_csr again")
        leaf, chain = order_chain(found, pending.csr, self._now())
        candidate = _Candidate(pending, pending.csr, leaf, chain)
        checked = self._checked(candidate)
        if not isinstance(checked, GateError):
            warnings = (*chain_warnings(found, leaf, chain, self._now()), *checked)
            return _upload(enrollment, candidate, warnings)
        if given and (leaf, chain) != (pending.certificate, pending.chain):
            raise checked
        return self._refuse(enrollment, candidate, checked)

    def act(self, plan: Plan[Upload | Refuse], decision: Upload | Refuse) -> Outcome:
        if isinstance(decision, Refuse):
            self._store.put(decision.sent_back)
            if decision.is_distrusted:
                self._refusals.count(decision.error)
            raise decision.error
        self._refusals.count(None)
        # Check mode opens the store without its key and sees no request code, so planning cannot look for one.
        if decision.issued.request_code is None:
            raise PolicyError(
                "the store has no request code for it: run redtrust_enrollment with state=abandoned, then redtrust_csr "
                "or redtrust_renew again"
            )
        self._session.open()
        self._client.admit(self._client.contract.finalize)
        (issued,) = self._store.put(decision.issued)
        answer = self._send(decision, issued, decision.issued.request_code)
        if answer.thumbprint and answer.thumbprint != issued.thumbprint:
            error = GateError(
                f"the service says that it stored a certificate with thumbprint {answer.thumbprint}, "
                f"but {issued.thumbprint} was uploaded: look at the service before anything else"
            )
            self._store.put(after_failure(issued, error, self._now()))
            raise error
        rows = [issued.moved(State.FINALIZED, certificate_id=answer.certificate_id, request_code=None)]
        if plan.enrollment.current:
            rows.append(plan.enrollment.current.moved(State.SUPERSEDED))
        confirmed = "; confirmed by the second answer" if answer.confirmed_by_second_answer else ""
        finalized = self._store.put(*rows, why=f"revision {issued.revision} was uploaded{confirmed}")[0]
        return plan.outcome(finalized, reason=plan.reason + confirmed)

    def _checked(self, candidate: _Candidate) -> tuple[str, ...] | GateError:
        """Return what the gate says; raise where the upload is not to be tried at all."""
        pending, leaf, now = candidate.pending, candidate.leaf, self._now()
        if pending.upload_started and leaf != pending.certificate:
            raise GateError(
                f"another certificate, {pending.thumbprint}, was uploaded for this request, and whether it is in use "
                "is not known: give that one, or none, to have it uploaded again"
            )
        if leaf == pending.certificate and not pending.refused:
            refuse_waiting(pending, now)
        return self._gate(candidate, candidate.chain, now)

    def _gate(self, candidate: _Candidate, chain: t.Sequence[bytes], now: dt.datetime) -> tuple[str, ...] | GateError:
        """Return the warnings of the gate at that moment, or why it does not let a certificate through."""
        pending, spec = candidate.pending, candidate.pending.spec
        try:
            warnings = check_certificate(
                candidate.leaf,
                chain,
                candidate.csr,
                spec.dn,
                subject_match=self._subject_match,
                now=now,
                expected=self._expected,
                asked=Asked(spec.subject_alt_name, pending.signing_since or pending.created_at),
            )
            self._distrust.check(candidate.as_issued())
        except GateError as exc:
            return exc
        return warnings

    def _refuse(self, enrollment: Enrollment, candidate: _Candidate, refusal: GateError) -> Plan[Upload | Refuse]:
        """Plan to write down the refusal of the certificate that the signer left.

        Only raise where there is nothing to write down: the certificate may be in use at the service, it was refused
        before, or it only has to wait until it is valid.
        """
        pending, now = candidate.pending, self._now()
        if pending.upload_started:
            raise refusal
        if pending.refused:
            raise GateError(f"{refusal}; {when_signed_again(pending, now)}") from refusal
        begin = certificate_facts(candidate.leaf).not_valid_before
        if begin > now and not isinstance(self._gate(candidate, pending.chain, begin), GateError):
            raise GateError(
                f"{refusal}; it is uploaded by the first run after that, or run redtrust_csr or redtrust_renew with "
                "force to have the same request signed again"
            ) from refusal
        refused = after_refusal(pending, refusal, now)
        error = GateError(f"{refusal}; {when_signed_again(refused, now)}")
        reason = "the gate refused its certificate"
        is_distrusted = bool(self._distrust.why(candidate.as_issued()))
        return Plan(enrollment, "none", reason, Refuse(refused, error, is_distrusted), error=error)

    def _send(self, decision: Upload, issued: Revision, code: str) -> Finalized:
        """Send csr/finalize; write a failure down."""
        provider, lost = issued.spec.provider, decision.lost
        data = encode_upload(decision.leaf, issued.chain, self._encoding)

        def upload(tokens: Tokens) -> Finalized:
            nonlocal lost
            try:
                return self._client.finalize(tokens, code, provider, data, lost=lost)
            except ServiceError as exc:
                lost = lost or exc.unanswered or not exc.not_done
                raise

        try:
            return self._session.call(upload)
        except (ServiceError, SessionError) as exc:
            failed = after_failure(issued, exc, self._now(), repeatable=True)
            self._store.put(dataclasses.replace(failed, upload_started=lost))
            raise


def _left_by_signer(pending: Revision) -> tuple[bytes, ...]:
    """Return the certificate that the signer left, and its chain; none while the signer is asked for another."""
    if pending.certificate is None or pending.state is State.SIGNING:
        return ()
    return (pending.certificate, *pending.chain)


def _upload(enrollment: Enrollment, candidate: _Candidate, warnings: tuple[str, ...]) -> Plan[Upload | Refuse]:
    """Plan the upload of a certificate that the gate let through."""
    pending, leaf = candidate.pending, candidate.leaf
    facts = certificate_facts(leaf)
    finalized = pending.moved(
        State.FINALIZED,
        certificate=leaf,
        chain=candidate.chain,
        thumbprint=facts.thumbprint,
        not_valid_before=facts.not_valid_before,
        not_valid_after=facts.not_valid_after,
        note=None,
    )
    issued = finalized.moved(State.ISSUED, upload_started=True, failures=pending.failures)
    reason = "uploaded once without an answer" if pending.upload_started else "signed, to be uploaded"
    upload = Upload(issued, leaf, lost=pending.upload_started)
    return Plan(enrollment, "finalize", reason, upload, expected=finalized, warnings=warnings)
