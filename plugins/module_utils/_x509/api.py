# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and CSRs: their contents, thumbprints, names and chains, and the gate.

Pure: bytes and text in, facts or an error out. The package can be imported without ``cryptography``.
``CRYPTOGRAPHY_IMPORT_ERROR`` then holds the traceback for ``missing_required_lib``.
"""

from __future__ import annotations

import importlib
import typing as t

from .alternative_names import ALTERNATIVE_NAMES, AlternativeName, alternative_name, alternative_names
from .attributes import attribute_named, find_attribute
from .bundle import parse_certificates
from .certificates import (
    CertificateFacts,
    UploadEncoding,
    certificate_facts,
    certificate_pem,
    encode_upload,
    normalize_thumbprint,
    thumbprint,
)
from .chain import chain_above, chain_warnings, check_chain, newest_of_key, order_chain
from .csr import check_proof_of_possession, csr_pem, csr_public_key_sha256, parse_csr
from .expectations import STANDARD, Asked, Expectations, Mismatch
from .gate import SubjectMatch, check_certificate
from .issued import ca_problem, check_dates, may_sign_certificates
from .issuer import IssuerName, issuer_and_serial, issuer_label, issuer_named, was_issued_by
from .load import (
    CRYPTOGRAPHY_IMPORT_ERROR,
    UNREADABLE,
    Certificate,
    authority_key_identifier,
    load_certificate,
    load_csr,
    public_key_sha256,
    subject_key_identifier,
    validity_of,
)
from .names import dn_warnings, name_from_dn, openssl_subject, rfc4514
from .usages import EXTENDED_KEY_USAGES, KEY_USAGES, key_usage_named, purpose_named, usage_key
from .x500 import X500Name, folded

# imported where they are used first: few runs look for revocations
if t.TYPE_CHECKING:
    from .crl import RevocationList
    from .ocsp import ocsp_request, read_ocsp
    from .revocation import NotKnownError, Revoked, crl_urls, ocsp_urls

__all__ = [
    "ALTERNATIVE_NAMES",
    "CRYPTOGRAPHY_IMPORT_ERROR",
    "EXTENDED_KEY_USAGES",
    "KEY_USAGES",
    "STANDARD",
    "UNREADABLE",
    "AlternativeName",
    "Asked",
    "Certificate",
    "CertificateFacts",
    "Expectations",
    "IssuerName",
    "Mismatch",
    "NotKnownError",
    "RevocationList",
    "Revoked",
    "SubjectMatch",
    "UploadEncoding",
    "X500Name",
    "alternative_name",
    "alternative_names",
    "attribute_named",
    "authority_key_identifier",
    "ca_problem",
    "certificate_facts",
    "certificate_pem",
    "chain_above",
    "chain_warnings",
    "check_certificate",
    "check_chain",
    "check_dates",
    "check_proof_of_possession",
    "crl_urls",
    "csr_pem",
    "csr_public_key_sha256",
    "dn_warnings",
    "encode_upload",
    "find_attribute",
    "folded",
    "issuer_and_serial",
    "issuer_label",
    "issuer_named",
    "key_usage_named",
    "load_certificate",
    "load_csr",
    "may_sign_certificates",
    "name_from_dn",
    "newest_of_key",
    "normalize_thumbprint",
    "ocsp_request",
    "ocsp_urls",
    "openssl_subject",
    "order_chain",
    "parse_certificates",
    "parse_csr",
    "public_key_sha256",
    "purpose_named",
    "read_ocsp",
    "rfc4514",
    "subject_key_identifier",
    "thumbprint",
    "usage_key",
    "validity_of",
    "was_issued_by",
]

_LATER = {
    "crl": ("RevocationList",),
    "ocsp": ("ocsp_request", "read_ocsp"),
    "revocation": ("NotKnownError", "Revoked", "crl_urls", "ocsp_urls"),
}
_HOME_OF = {name: home for home, names in _LATER.items() for name in names}


def __getattr__(name: str) -> t.Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME_OF[name]}", __package__), name)
