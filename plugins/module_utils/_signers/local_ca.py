# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA whose certificate and key lie in files."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json

from .._clock import timestamp
from .._errors import ConfigurationError, GateError, SignerError, SignerRejectedError
from .._x509.api import (
    Certificate,
    check_proof_of_possession,
    load_certificate,
    load_csr,
    name_from_dn,
    subject_key_identifier,
    validity_of,
)
from .authority import Authority, load_authority
from .base import Signed, Signer, SigningOrder
from .profile import Profile

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR


class LocalCa(Signer):
    """Signs with a key on disk, which is read once.

    A run that died after it signed signs again, and must not bring a second certificate into the world. So
    nothing in a certificate is random or taken from the clock: the validity starts at ``order.since``, and the
    serial number is a keyed hash over the order and the profile. With an RSA or Edwards key the second
    certificate is the first one, byte for byte; with an ECDSA key only the signature differs. The serial
    number has 159 bits and its hash key is derived from the CA's private key: nobody else can predict it,
    and two certificates that differ in anything else differ in it.

    The chain is the CA's certificate, self-signed or not, and above it one path that the files hold; ``warnings``
    name what is not on it. Who does not want the root in there leaves it out of the files.

    A certificate never outlives its CA. One that would is refused rather than cut short: cut short, it
    would be due for renewal at once, and so would be every one after it.
    """

    def __init__(
        self,
        *,
        certificate_path: str,
        private_key_path: str,
        now: dt.datetime,
        passphrase: str | None = None,
        chain_path: str | None = None,
        profile: Profile | None = None,
    ) -> None:
        """Read the files. Raises ConfigurationError that names the file and what is wrong with it."""
        self._authority = load_authority(certificate_path, private_key_path, passphrase, chain_path, now)
        self.warnings = self._authority.warnings
        self._profile = profile or Profile()
        self._certificate = load_certificate(self._authority.certificate)
        self._serial_key = _serial_key(self._authority)
        self._identifier = _authority_key_identifier(self._certificate)

    def check(self, now: dt.datetime) -> None:
        try:
            self._validity(now)
        except SignerError as exc:
            raise ConfigurationError(str(exc)) from exc

    def _sign(self, order: SigningOrder) -> Signed:
        try:
            check_proof_of_possession(order.csr)
        except GateError as exc:
            raise SignerRejectedError(str(exc)) from exc
        builder = self._builder(order)
        key = self._authority.key
        digest = (
            self._profile.hash_algorithm() if isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)) else None
        )
        try:
            certificate = builder.sign(key, digest)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise SignerError(f"the local CA cannot sign {order.name}, revision {order.revision}: {exc}") from exc
        return Signed(certificate.public_bytes(Encoding.DER), (self._authority.certificate, *self._authority.above))

    def _builder(self, order: SigningOrder) -> x509.CertificateBuilder:
        not_valid_before, not_valid_after = self._validity(order.since)
        public_key = load_csr(order.csr).public_key()
        builder = (
            x509.CertificateBuilder()
            .issuer_name(self._certificate.subject.as_received())
            .subject_name(name_from_dn(order.dn))
            .public_key(public_key)
            .serial_number(self._serial_number(order))
            .not_valid_before(not_valid_before)
            .not_valid_after(not_valid_after)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(self._identifier, critical=False)
        )
        for extension, critical in self._profile.extensions(order.subject_alt_name):
            builder = builder.add_extension(extension, critical=critical)
        return builder

    def _validity(self, since: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        since = since.astimezone(dt.timezone.utc).replace(microsecond=0)
        ca_begins, ca_ends = validity_of(self._certificate)
        ends = since + self._profile.validity
        if ends > ca_ends:
            raise SignerError(
                f"the certificate would be valid until {timestamp(ends)}, but the CA itself ends at "
                f"{timestamp(ca_ends)}: renew the CA, or set a shorter validity"
            )
        return max(since - self._profile.backdate, ca_begins), ends

    def _serial_number(self, order: SigningOrder) -> int:
        everything = [
            order.request_id,
            hashlib.sha256(order.csr).hexdigest(),
            order.dn.to_json(),
            order.since.isoformat(),
            order.subject_alt_name,
            repr(self._profile),
            hashlib.sha256(self._authority.certificate).hexdigest(),
        ]
        digest = hmac.digest(self._serial_key, json.dumps(everything).encode(), "sha256")
        return int.from_bytes(digest[:20], "big") >> 1 or 1


def _serial_key(authority: Authority) -> bytes:
    private = authority.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return hmac.digest(private, b"redtrust.certificate_enroll: serial numbers", "sha256")


def _authority_key_identifier(ca: Certificate) -> x509.AuthorityKeyIdentifier:
    own = subject_key_identifier(ca)
    identifier = x509.SubjectKeyIdentifier(own) if own else x509.SubjectKeyIdentifier.from_public_key(ca.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
