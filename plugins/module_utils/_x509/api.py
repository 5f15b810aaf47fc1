# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and CSRs: their contents, thumbprints, names and chains, and the gate.

Pure: bytes and text in, facts or an error out. The package can be imported without ``cryptography``.
``CRYPTOGRAPHY_IMPORT_ERROR`` then holds the traceback for ``missing_required_lib``.
"""

from __future__ import annotations

from .attributes import find_attribute
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
from .gate import SubjectMatch, check_certificate
from .issued import ca_problem, check_dates, may_sign_certificates
from .issuer import IssuerName, issuer_and_serial, issuer_named, was_issued_by
from .load import (
    CRYPTOGRAPHY_IMPORT_ERROR,
    Certificate,
    authority_key_identifier,
    load_certificate,
    load_csr,
    public_key_sha256,
    subject_key_identifier,
    validity_of,
)
from .names import dn_warnings, name_from_dn, openssl_subject, rfc4514
from .x500 import X500Name

__all__ = [
    "CRYPTOGRAPHY_IMPORT_ERROR",
    "Certificate",
    "CertificateFacts",
    "IssuerName",
    "SubjectMatch",
    "UploadEncoding",
    "X500Name",
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
    "csr_pem",
    "csr_public_key_sha256",
    "dn_warnings",
    "encode_upload",
    "find_attribute",
    "issuer_and_serial",
    "issuer_named",
    "load_certificate",
    "load_csr",
    "may_sign_certificates",
    "name_from_dn",
    "newest_of_key",
    "normalize_thumbprint",
    "openssl_subject",
    "order_chain",
    "parse_certificates",
    "parse_csr",
    "public_key_sha256",
    "rfc4514",
    "subject_key_identifier",
    "thumbprint",
    "validity_of",
    "was_issued_by",
]
