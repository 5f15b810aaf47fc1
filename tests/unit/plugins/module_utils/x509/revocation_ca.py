# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA that tells of revocations: its certificates, its answers of OCSP and its lists."""

from __future__ import annotations

import collections.abc as c
import datetime as dt
import functools

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
OCSP_URL, CRL_URL = "http://ocsp.invalid/ca", "http://crl.invalid/ca.crl"
SIGNS_OCSP = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.9")])


class RevocationCa:
    """A CA. ``revoked`` are its revocations by serial number."""

    def __init__(self, name: str = "Example CA", key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.revoked: dict[int, tuple[dt.datetime, x509.ReasonFlags | None]] = {}

    @functools.cached_property
    def certificate(self) -> x509.Certificate:
        """The certificate of the CA."""
        return (
            self._builder(self.name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def der(self) -> bytes:
        """The certificate of the CA in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    def issue(
        self,
        subject: str = "www",
        *,
        key: ec.EllipticCurvePublicKey | None = None,
        ocsp_url: str | None = OCSP_URL,
        crl_url: str | None = CRL_URL,
        days: int = 90,
        extensions: c.Sequence[x509.ExtensionType] = (),
    ) -> x509.Certificate:
        """Return a new certificate."""
        public = key or ec.generate_private_key(ec.SECP256R1()).public_key()
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
        builder = self._builder(name, public, days)
        for extension in (*_places(ocsp_url, crl_url), *extensions):
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def revoke(
        self, certificate: x509.Certificate, reason: x509.ReasonFlags | None = x509.ReasonFlags.key_compromise
    ) -> None:
        """Revoke a certificate an hour ago."""
        self.revoked[certificate.serial_number] = (NOW - HOUR, reason)

    def crl(
        self,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        begins: dt.datetime = NOW - HOUR,
        ends: dt.datetime = NOW + DAY,
        extensions: c.Sequence[x509.ExtensionType] = (),
    ) -> bytes:
        """Return the list of all that is revoked, in DER."""
        builder = x509.CertificateRevocationListBuilder(self.name, begins, ends)
        for serial, (at, reason) in self.revoked.items():
            entry = x509.RevokedCertificateBuilder(serial, at)
            if reason:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(key or self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def answer(
        self,
        certificate: x509.Certificate,
        *,
        by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
        begins: dt.datetime = NOW - HOUR,
        ends: dt.datetime | None = NOW + HOUR,
        status: ocsp.OCSPCertStatus | None = None,
        by_hash: bool = True,
    ) -> bytes:
        """Return the answer of the responder in DER; ``by`` are its certificate and key, of the CA itself without."""
        at, reason = self.revoked.get(certificate.serial_number, (None, None))
        told = status or (ocsp.OCSPCertStatus.REVOKED if at else ocsp.OCSPCertStatus.GOOD)
        builder = ocsp.OCSPResponseBuilder().add_response(
            certificate, self.certificate, hashes.SHA1(), told, begins, ends, at, reason
        )
        responder, key = by or (self.certificate, self.key)
        encoding = ocsp.OCSPResponderEncoding.HASH if by_hash else ocsp.OCSPResponderEncoding.NAME
        builder = builder.responder_id(encoding, responder)
        if by:
            builder = builder.certificates([responder])
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

    def responder(
        self, *, extensions: c.Sequence[x509.ExtensionType] = (SIGNS_OCSP,), days: int = 90
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Return a certificate with which this CA names a responder, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self.issue(
            "responder", key=key.public_key(), ocsp_url=None, crl_url=None, extensions=extensions, days=days
        )
        return issued, key

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int = 900) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            self.name, subject, key, x509.random_serial_number(), NOW - 10 * DAY, NOW - 10 * DAY + days * DAY
        )


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate in DER."""
    return certificate.public_bytes(Encoding.DER)


def refusal() -> bytes:
    """Return the answer of a responder that has no time."""
    made = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    return made.public_bytes(Encoding.DER)


def partition(url: str | None, *, of_cas: bool = False) -> x509.IssuingDistributionPoint:
    """Return the extension of a list for the certificates of one place; without an address it has a relative name."""
    part = x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Part 2")])
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url)] if url else None,
        relative_name=None if url else part,
        only_contains_user_certs=False,
        only_contains_ca_certs=of_cas,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )


def _places(ocsp_url: str | None, crl_url: str | None) -> c.Iterator[x509.ExtensionType]:
    if ocsp_url:
        method = x509.oid.AuthorityInformationAccessOID.OCSP
        yield x509.AuthorityInformationAccess(
            [x509.AccessDescription(method, x509.UniformResourceIdentifier(ocsp_url))]
        )
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        yield x509.CRLDistributionPoints([point])
