# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server's own CA and certificate, and its requirements on client certificates."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import pathlib
import ssl
import typing as t

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from redtrust_sandbox.config import Tls
from redtrust_sandbox.errors import ConfigError
from redtrust_sandbox.files import write_private

CA_FILE = "ca.pem"
_CA_KEY_FILE = "ca-key.pem"
_SERVER_FILE = "server.pem"
_DAY = datetime.timedelta(days=1)
_NAMES = ("localhost", "127.0.0.1", "::1")


# Clients that do not use TLS do not understand an alert, and would wait for more.
_NOT_TLS = ("HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER")


class _Outspoken(ssl.SSLObject):
    """Send the alert after a failed handshake, as other servers do. asyncio would close the connection before."""

    _failed = False

    def do_handshake(self) -> None:
        """Do the handshake. A failure first counts as a wait for the client, so that asyncio sends the alert."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as exc:
            if self._failed or exc.reason in _NOT_TLS:
                raise
            self._failed = True
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "The alert is on its way") from exc


def context(directory: pathlib.Path, host: str, wanted: Tls) -> ssl.SSLContext:
    """Return the server's context. The first start makes a CA, each start a certificate. Raises ConfigError."""
    ca, ca_key = _authority(directory)
    server = directory / _SERVER_FILE
    write_private(server, _server_certificate(ca, ca_key, dict.fromkeys((*_NAMES, host))))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.sslobject_class = _Outspoken
    try:
        tls.load_cert_chain(wanted.certificate_path or server)
        _ask_clients(tls, wanted)
    except OSError as exc:  # includes ssl.SSLError
        raise ConfigError(f"A file that tls names cannot be used: {exc}") from exc
    if wanted.protocol:
        version = getattr(ssl.TLSVersion, "TLSv" + wanted.protocol.removesuffix(".0").replace(".", "_"))
        if version < ssl.TLSVersion.TLSv1_2:
            tls.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL allows old versions only at level 0
        # The lower bound must never be above the upper one, so it is set to the least first.
        tls.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        tls.maximum_version = version
        tls.minimum_version = version
    return tls


def client_name(transport: asyncio.BaseTransport) -> str | None:
    """Return the common name in the client's certificate; None without a verified certificate."""
    session: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    shown = session.getpeercert() if session else None
    parts = t.cast("tuple[tuple[tuple[str, str], ...], ...]", (shown or {}).get("subject", ()))
    names = [value for part in parts for key, value in part if key == "commonName"]
    return names[-1] if names else None


def is_resumed(transport: asyncio.BaseTransport) -> bool:
    """Tell whether the client resumed a TLS session that it had."""
    session: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    return bool(session and session.session_reused)


def _ask_clients(tls: ssl.SSLContext, wanted: Tls) -> None:
    if wanted.client_ca_path is None:
        return
    tls.load_verify_locations(wanted.client_ca_path)
    tls.verify_mode = ssl.CERT_REQUIRED if wanted.client_cert == "required" else ssl.CERT_OPTIONAL
    if wanted.client_crl_path:
        tls.load_verify_locations(wanted.client_crl_path)
        tls.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _authority(directory: pathlib.Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate_path, key_path = directory / CA_FILE, directory / _CA_KEY_FILE
    if certificate_path.exists() and key_path.exists():
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        return x509.load_pem_x509_certificate(certificate_path.read_bytes()), t.cast("ec.EllipticCurvePrivateKey", key)
    new_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Redtrust sandbox CA")])
    usage = _usage(signs_certificates=True)
    certificate = (
        _builder(name, name, new_key.public_key(), days=3650)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(new_key.public_key()), critical=False)
        .sign(new_key, hashes.SHA256())
    )
    write_private(key_path, _pem(new_key))
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, new_key


def _server_certificate(ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, names: t.Iterable[str]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    certificate = (
        _builder(subject, ca.subject, key.public_key(), days=365)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return _pem(key) + certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + days * _DAY)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
