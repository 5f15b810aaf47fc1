# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: check a certificate against its request before the upload."""

from __future__ import annotations

import collections
import datetime as dt
import typing as t

from .._errors import ConfigurationError, GateError
from .._models import DistinguishedName
from .attributes import attribute_named
from .certificates import CertificateFacts, certificate_facts
from .chain import check_chain
from .csr import csr_public_key_sha256
from .expectations import NOTHING_ASKED, STANDARD, Asked, Expectations
from .issued import check_dates
from .x500 import folded, shown

SubjectMatch = t.Literal["contains", "equals", "ignore"]


def check_certificate(
    certificate: bytes,
    chain: t.Sequence[bytes],
    csr: bytes,
    dn: DistinguishedName,
    *,
    subject_match: SubjectMatch,
    now: dt.datetime,
    expected: Expectations = STANDARD,
    asked: Asked = NOTHING_ASKED,
) -> tuple[str, ...]:
    """Raise GateError, with both sides in its message, unless the certificate fits the request; return warnings.

    The certificate must have the key of the CSR and be valid now. Its subject must have every requested attribute as
    often as requested (``contains``), or exactly these in this order (``equals``). ``ignore`` skips this check. A chain
    leads from the issuer upwards: each certificate must be a CA, be valid now, and have signed the one below. The
    signature of the last one is not checked.

    Attributes are compared by OID. Values are compared by the rules of RFC 5280, 7.1, and RFC 4518: case, width and
    composition of characters, and the amount of white space make no difference.

    ``expected`` is compared last, with what ``asked`` says of the request. Some of it is only warned of.
    """
    try:
        facts = certificate_facts(certificate)
        _check_key(facts, csr)
        _check_subject(facts.subject, dn, subject_match)
        check_dates(certificate, now)
        check_chain(certificate, chain, now)
        return expected.check(certificate, asked)
    except ConfigurationError as exc:
        raise GateError(str(exc)) from exc


def _check_key(facts: CertificateFacts, csr: bytes) -> None:
    wanted = csr_public_key_sha256(csr)
    if facts.public_key_sha256 != wanted:
        raise GateError(
            f"the certificate [{shown(facts.subject)}] ({facts.thumbprint}) is for another key: the request has the "
            f"public key with SHA-256 {wanted}, the certificate has {facts.public_key_sha256}"
        )


def _check_subject(subject: DistinguishedName, dn: DistinguishedName, subject_match: SubjectMatch) -> None:
    if subject_match == "ignore":
        return
    wanted, actual = _comparable(dn), _comparable(subject)
    if subject_match == "equals":
        if wanted != actual:
            raise GateError(
                f"the certificate's subject is [{shown(subject)}], but it must equal what was asked for: [{dn}]"
            )
        return
    missing = collections.Counter(wanted) - collections.Counter(actual)
    if missing:
        lacking = DistinguishedName(tuple(pair for pair, key in zip(dn.attributes, wanted) if key in missing))
        raise GateError(
            f"the certificate's subject is [{shown(subject)}] and lacks [{lacking}] of what was asked for: [{dn}]; "
            "if this CA may write the subject as it likes, set subject_match"
        )


def _comparable(dn: DistinguishedName) -> list[tuple[str, str]]:
    try:
        return [(attribute_named(name).oid, folded(value)) for name, value in dn.attributes]
    except ConfigurationError as exc:
        raise GateError(f"the certificate's subject cannot be compared: {exc}; or set subject_match to ignore") from exc
