# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of certificates and requests.

``cryptography`` has methods for this that refuse what is signed with SHA-1. Whether a hash is good is not asked
here: who relies on a certificate decides that.
"""

from __future__ import annotations

import functools
import typing as t

from .load import (
    UNREADABLE,
    Certificate,
    CertificateRequest,
    authority_key_identifier,
    load_certificate,
    subject_key_identifier,
)

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR


class UncheckableError(Exception):
    """This machine cannot tell whether a signature is right; ``str()`` goes on after "the signature"."""


def check_signature(signed: Certificate | CertificateRequest, by: Certificate | None) -> None:
    """Raise InvalidSignature unless it is signed by the certificate's key, or with None by its own.

    Raises UncheckableError when the algorithm, or the key, is not one that can be checked.
    """
    try:
        _verify(signed, (by or signed).public_key())
    except UNREADABLE as exc:
        oid = signed.shell.signature_algorithm_oid.dotted_string
        raise UncheckableError(f"(algorithm {oid}) cannot be checked on this machine: {exc}") from exc


def _verify(signed: Certificate | CertificateRequest, key: t.Any) -> None:
    signature, content = signed.shell.signature, signed.signed
    if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, dsa.DSAPublicKey)):
        if not hasattr(key, "verify"):
            raise UnsupportedAlgorithm("the key is of a kind that does not sign")
        key.verify(signature, content)  # Ed25519, Ed448, and what later releases know
        return
    digest = signed.shell.signature_hash_algorithm
    if digest is None:
        raise UnsupportedAlgorithm("the hash is not known")
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, content, _rsa_padding(signed), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, content, ec.ECDSA(digest))
    else:
        key.verify(signature, content, digest)


def _rsa_padding(signed: Certificate | CertificateRequest) -> padding.AsymmetricPadding:
    parameters = getattr(signed.shell, "signature_algorithm_parameters", None)  # of a request since cryptography 42
    return parameters if isinstance(parameters, padding.PSS) else padding.PKCS1v15()


@functools.lru_cache(maxsize=1024)
def issued_by(below: bytes, issuer: bytes) -> bool | str:
    """Return whether the certificate of the issuer signed the one below, or the words why nobody can tell here.

    Where nobody can tell, identifiers of the keys that differ tell that it did not.
    """
    child, parent = load_certificate(below), load_certificate(issuer)
    try:
        check_signature(child, parent)
    except InvalidSignature:
        return False
    except UncheckableError as exc:
        wanted, actual = authority_key_identifier(child), subject_key_identifier(parent)
        return False if wanted and actual and wanted != actual else str(exc)
    return True
