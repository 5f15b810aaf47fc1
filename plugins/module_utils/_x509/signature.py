# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of certificates and requests.

The methods of ``cryptography`` for this refuse signatures with SHA-1. This module accepts every hash: the relying
parties of a certificate decide about hashes.
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
    """This machine cannot check a signature; ``str()`` completes a sentence that begins with "the signature"."""


def check_signature(signed: Certificate | CertificateRequest, by: Certificate | None) -> None:
    """Raise InvalidSignature unless the certificate's key signed it; with None, unless its own key did.

    Raises UncheckableError if this machine does not support the algorithm or the key.
    """
    check_signed(signed.shell, signed.signed, by or signed)


def check_signed(shell: t.Any, content: bytes, by: Certificate | CertificateRequest) -> None:
    """Raise InvalidSignature unless the key of ``by`` signed the content. See ``check_signature``.

    ``shell`` is an object of ``cryptography`` with the signature and its algorithm.
    """
    try:
        _verify(shell, content, by.public_key())
    except UNREADABLE as exc:
        oid = shell.signature_algorithm_oid.dotted_string
        raise UncheckableError(f"(algorithm {oid}) cannot be checked on this machine: {exc}") from exc


def _verify(shell: t.Any, content: bytes, key: t.Any) -> None:
    signature = shell.signature
    if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, dsa.DSAPublicKey)):
        if not hasattr(key, "verify"):
            raise UnsupportedAlgorithm("the key is of a kind that does not sign")
        key.verify(signature, content)  # Ed25519, Ed448, and kinds of later releases
        return
    digest = shell.signature_hash_algorithm
    if digest is None:
        raise UnsupportedAlgorithm("the hash is not known")
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, content, _rsa_padding(shell), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, content, ec.ECDSA(digest))
    else:
        key.verify(signature, content, digest)


def _rsa_padding(shell: t.Any) -> padding.AsymmetricPadding:
    # of a request and a revocation list since cryptography 42, of an answer of OCSP never
    parameters = getattr(shell, "signature_algorithm_parameters", None)
    return parameters if isinstance(parameters, padding.PSS) else padding.PKCS1v15()


@functools.lru_cache(maxsize=1024)
def issued_by(below: bytes, issuer: bytes) -> bool | str:
    """Return whether the issuer's certificate signed the one below, or the reason why this machine cannot check it.

    A signature that cannot be checked counts as wrong if the key identifiers differ.
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
