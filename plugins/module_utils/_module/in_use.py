# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a certificate in use, with the certificate itself."""

from __future__ import annotations

import hashlib
import typing as t

from .._clock import utc_now
from .._enroll.api import attention
from .._errors import ConfigurationError
from .._models import Enrollment, Revision
from .._x509.api import certificate_pem, issuer_and_serial, load_certificate, rfc4514
from .results import revision_facts


def in_use_facts(enrollment: Enrollment) -> dict[str, t.Any]:
    """Return the certificate in use, its chain and its facts. Raises ConfigurationError if there is none."""
    current = enrollment.current
    if current is None:
        raise ConfigurationError(_why_none(enrollment))
    if current.certificate is None:
        raise ConfigurationError(
            f"{enrollment.name}: the store has no copy of the certificate in use, only its thumbprint "
            f"{current.thumbprint}"
        )
    return _facts(current, current.certificate)


def _why_none(enrollment: Enrollment) -> str:
    if not enrollment.revisions:
        return f"{enrollment.name}: the store has no enrollment of this name for {enrollment.service}"
    problems = "; ".join(found.problem for found in attention(enrollment, utc_now()))
    return f"{enrollment.name}: no certificate is in use{f': {problems}' if problems else ''}"


# The facts of a revision that concern a certificate in use.
_SHOWN = (
    "thumbprint",
    "not_valid_before",
    "not_valid_after",
    "revision",
    "dn",
    "provider",
    "certificate_id",
    "revoked_at",
)


def _facts(current: Revision, der: bytes) -> dict[str, t.Any]:
    issuer, serial_number = issuer_and_serial(der)
    certificate, chain = certificate_pem(der), "".join(map(certificate_pem, current.chain))
    facts = revision_facts(current)
    return {
        "name": current.name,
        "certificate": certificate,
        "chain": chain,
        "fullchain": certificate + chain,
        "subject": rfc4514(load_certificate(der).subject.dn()),
        "issuer": rfc4514(issuer.dn()),
        "serial_number": f"{serial_number:X}",
        "certificate_sha256": hashlib.sha256(der).hexdigest(),
        **{name: facts[name] for name in _SHOWN},
    }
