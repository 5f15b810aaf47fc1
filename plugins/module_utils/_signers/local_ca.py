# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA with its certificate and key in files."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import typing as t

from .._clock import timestamp
from .._errors import ConfigurationError, GateError, SignerError, SignerRejectedError
from .._x509.api import (
    check_proof_of_possession,
    load_certificate,
    load_csr,
    name_from_dn,
    validity_of,
)
from .authority import load_authority
from .base import Signed, Signer, SignerKind, SigningOrder
from .profile import DIGESTS, Profile

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "certificate_path": {"type": "path", "required": True},
    "private_key_path": {"type": "path", "required": True, "no_log": False},
    "passphrase": {"type": "str", "no_log": True},
    "chain_path": {"type": "path"},
    "validity": {"type": "str", "default": "365d"},
    "backdate": {"type": "str", "default": "5m"},
    "key_usage": {
        "type": "list",
        "elements": "str",
        "default": ["digitalSignature", "nonRepudiation"],
        "no_log": False,
    },
    "key_usage_critical": {"type": "bool", "default": True, "no_log": False},
    "extended_key_usage": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "crl_distribution_points": {"type": "list", "elements": "str", "default": []},
    "ocsp_servers": {"type": "list", "elements": "str", "default": []},
    "ca_issuers": {"type": "list", "elements": "str", "default": []},
    "digest": {"type": "str", "choices": list(DIGESTS), "default": "sha256"},
}

DOCUMENTATION = r"""
description: The CA for O(signer=local_ca), and the content of its certificates.
type: dict
suboptions:
  certificate_path:
    description:
      - Path of the CA's certificate (PEM, DER or PKCS#7).
        If several certificates have the CA's key, the newest that is valid now is used.
      - The chain is one path upwards through the certificates of this file and of O(local_ca.chain_path).
        Certificates that are not on the path, and a root that has expired, are left out.
        A warning names them.
    type: path
    required: true
  private_key_path:
    description: Path of the CA's private key (PEM or DER).
    type: path
    required: true
  passphrase:
    description:
      - Passphrase of the private key.
      - Can also be set with the environment variable E(REDTRUST_LOCAL_CA_PASSPHRASE).
    type: str
  chain_path:
    description: Path of a file with the certificates of the chain above the CA.
    type: path
  validity:
    description:
      - The validity of a certificate, counted from the beginning of its signing.
        The value is given in years of 365 days, weeks, days, hours, minutes and seconds, in that order, such as V(1y),
        V(90d) or V(1d12h).
      - The signer refuses a validity that would outlive the CA.
    type: str
    default: 365d
  backdate:
    description:
      - The time by which the beginning of the validity lies before the signing, since clocks differ.
        At most V(7d).
    type: str
    default: 5m
  key_usage:
    description: The key usages, named as community.crypto does.
    type: list
    elements: str
    default: [digitalSignature, nonRepudiation]
  key_usage_critical:
    description: Whether the key usage extension is critical.
    type: bool
    default: true
  extended_key_usage:
    description: The extended key usages, named as community.crypto does, or dotted object identifiers.
    type: list
    elements: str
    default: []
  crl_distribution_points:
    description: URLs of the CA's revocation lists.
    type: list
    elements: str
    default: []
  ocsp_servers:
    description: URLs of the CA's OCSP responders.
    type: list
    elements: str
    default: []
  ca_issuers:
    description: URLs of the CA's certificate.
    type: list
    elements: str
    default: []
  digest:
    description:
      - The hash of the signature.
        It has no effect with a CA key of an Edwards curve.
    type: str
    choices: [sha256, sha384, sha512]
    default: sha256
"""


class LocalCa(Signer):
    """Signs with a key on disk, which is read once.

    A run that died after it signed signs again, and must not bring a second certificate into the world. So
    nothing in a certificate is random or taken from the clock: the validity starts at ``order.since``, and the
    serial number is a keyed hash over the order and the profile. With an RSA or Edwards key the second
    certificate is the first one, byte for byte; with an ECDSA key only the signature differs. The serial
    number has 159 bits and its hash key is derived from the CA's private key: nobody else can predict it,
    and two certificates that differ in anything else differ in it.

    The chain is the CA's certificate, self-signed or not, and above it one path that the files hold; ``warnings``
    name the other certificates. To leave out the root, leave it out of the files.

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
        self.lifetime = self._profile.validity
        self._certificate = load_certificate(self._authority.certificate)
        self._serial_key = self._authority.serial_key()
        self._identifier = self._authority.key_identifier()

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any], now: dt.datetime) -> LocalCa:
        """Read the files that the options name; raises as the constructor does."""
        return cls(
            certificate_path=options["certificate_path"],
            private_key_path=options["private_key_path"],
            passphrase=options["passphrase"],
            chain_path=options["chain_path"],
            profile=Profile.from_options(options),
            now=now,
        )

    def identity(self) -> str:
        """Return a hash of the CA's key: a certificate that is renewed leaves it the same CA."""
        return self._authority.key_sha256

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
        takes_digest = isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
        digest = self._profile.hash_algorithm() if takes_digest else None
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


KIND = SignerKind(
    name="local_ca",
    choice="a CA whose certificate and key are files",
    in_words="the local CA",
    options=OPTIONS,
    documentation=DOCUMENTATION,
    build=LocalCa.from_options,
)
