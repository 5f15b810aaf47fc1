# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate and key of a local CA, read from files and checked before anything is signed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hmac
import typing as t
from pathlib import Path

from .._errors import ConfigurationError, GateError
from .._x509.api import (
    ca_problem,
    chain_above,
    chain_warnings,
    check_chain,
    check_dates,
    load_certificate,
    may_sign_certificates,
    newest_of_key,
    parse_certificates,
    public_key_sha256,
    subject_key_identifier,
)

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_der_private_key,
        load_pem_private_key,
    )
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

if t.TYPE_CHECKING:
    SigningKey = t.Union[
        rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey
    ]


@dataclasses.dataclass(frozen=True)
class Authority:
    """A CA that can sign: its certificate in DER, its key, and the certificates above it, its issuer's first.

    ``warnings`` name the other certificates in its files.
    """

    certificate: bytes
    key: SigningKey = dataclasses.field(repr=False)
    above: tuple[bytes, ...]
    warnings: tuple[str, ...] = ()

    def serial_key(self) -> bytes:
        """Return the key of the hash that makes serial numbers; it takes the CA's private key to know it."""
        private = self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return hmac.digest(private, b"redtrust.certificate_enroll: serial numbers", "sha256")

    @property
    def key_sha256(self) -> str:
        """Return SHA-256 over the CA's public key, in hex."""
        return public_key_sha256(self.key)

    def key_identifier(self) -> x509.AuthorityKeyIdentifier:
        """Return the extension that names the CA's key, as the CA's own certificate does."""
        ca = load_certificate(self.certificate)
        own = subject_key_identifier(ca)
        found = x509.SubjectKeyIdentifier(own) if own else x509.SubjectKeyIdentifier.from_public_key(ca.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def load_authority(
    certificate_path: str, key_path: str, passphrase: str | None, chain_path: str | None, now: dt.datetime
) -> Authority:
    """Read a CA from its files.

    Of several certificates in the file, the CA's is the newest that has the key and is valid now; the chain above it
    is found in the others and in those of ``chain_path``. Raises ConfigurationError that names the file.
    """
    key = _load_key(key_path, passphrase)
    wanted = public_key_sha256(key)
    certificates = _load_certificates(certificate_path)
    newest = newest_of_key(certificates, wanted, now)
    if not newest:
        raise ConfigurationError(f"no certificate in {certificate_path} has the key in {key_path}")
    own = newest[0]
    others = [*certificates, *(_load_certificates(chain_path) if chain_path else [])]
    try:
        above = chain_above(own, others, now)
        _check_ca(own)
        check_dates(own, now)
        check_chain(own, above, now)
        warnings = chain_warnings(others, own, above, now)
    except (ConfigurationError, GateError) as exc:
        raise ConfigurationError(f"the CA in {certificate_path} cannot be used: {exc}") from exc
    return Authority(own, key, above, tuple(f"the CA in {certificate_path}: {warning}" for warning in warnings))


def _check_ca(der: bytes) -> None:
    problem = ca_problem(der)
    if problem:
        raise GateError(f"its certificate {problem}")
    if not may_sign_certificates(load_certificate(der)):
        raise GateError("its certificate does not allow to sign certificates (no key usage keyCertSign)")


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc.strerror}") from exc


def _load_certificates(path: str) -> list[bytes]:
    try:
        return parse_certificates(_read(path))
    except ConfigurationError as exc:
        raise ConfigurationError(f"{path}: {exc}" if path not in str(exc) else str(exc)) from exc


def _load_key(path: str, passphrase: str | None) -> SigningKey:
    """Read a private key. The words of cryptography are not passed on: they may quote the file."""
    raw = _read(path)
    load = load_pem_private_key if b"-----BEGIN " in raw else load_der_private_key
    try:
        key = load(raw, passphrase.encode() if passphrase else None)
    except TypeError:
        found = "is not encrypted, but a passphrase is given" if passphrase else "is encrypted: give its passphrase"
        raise ConfigurationError(f"the private key in {path} {found}") from None
    except (ValueError, UnsupportedAlgorithm):
        doubt = ", or the passphrase is wrong" if passphrase else ""
        raise ConfigurationError(f"{path} holds no private key in PEM or DER that can be read{doubt}") from None
    if not isinstance(
        key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)
    ):
        raise ConfigurationError(f"the private key in {path} is not of the kind RSA, ECDSA, Ed25519 or Ed448")
    return key
