# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, requests and names as ``cryptography`` reads them.

``cryptography`` warns about names that are longer or shorter than X.520 allows, and such names are the
vendor's own example. The warnings say nothing that the gate does not say better, so they are kept down.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import threading
import traceback
import typing as t
import warnings

from .._errors import ConfigurationError

CRYPTOGRAPHY_IMPORT_ERROR: str | None = None
try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR = traceback.format_exc()

_FILTERS = threading.RLock()


@contextlib.contextmanager
def quietly() -> t.Iterator[None]:
    """Drop warnings within; one thread at a time, since the filters belong to the process."""
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def load_certificate(der: bytes) -> x509.Certificate:
    """Read a certificate in DER; raises ConfigurationError."""
    try:
        with quietly():
            return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion) as exc:
        raise ConfigurationError(f"{len(der)} bytes are not an X.509 certificate in DER: {exc}") from exc


def load_csr(der: bytes) -> x509.CertificateSigningRequest:
    """Read a certificate signing request in DER; raises ConfigurationError."""
    try:
        with quietly():
            return x509.load_der_x509_csr(der)
    except (ValueError, x509.InvalidVersion) as exc:
        raise ConfigurationError(f"{len(der)} bytes are not a PKCS#10 certificate request in DER: {exc}") from exc


def subject_of(certificate: x509.Certificate) -> x509.Name:
    """Return the subject, whatever its length."""
    with quietly():
        return certificate.subject


def issuer_of(certificate: x509.Certificate) -> x509.Name:
    """Return the issuer, whatever its length."""
    with quietly():
        return certificate.issuer


def validity_of(certificate: x509.Certificate) -> tuple[dt.datetime, dt.datetime]:
    """Return the first and the last moment of validity, in UTC."""
    if hasattr(certificate, "not_valid_after_utc"):  # since cryptography 42
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return (
        certificate.not_valid_before.replace(tzinfo=dt.timezone.utc),
        certificate.not_valid_after.replace(tzinfo=dt.timezone.utc),
    )


def public_key_sha256(
    source: x509.Certificate | x509.CertificateSigningRequest | CertificateIssuerPrivateKeyTypes,
) -> str:
    """Return the SHA-256 of the SubjectPublicKeyInfo, in hex; raises ConfigurationError."""
    try:
        spki = source.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise ConfigurationError(f"the public key is of a kind that cryptography cannot read: {exc}") from exc
    return hashlib.sha256(spki).hexdigest()
