# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on this machine that speaks TLS and answers, or not, as a test defines."""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import datetime as dt
import ipaddress
import socket
import ssl
import threading
import typing as t
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Connection = socket.socket
Oid = x509.ObjectIdentifier


@dataclasses.dataclass(frozen=True)
class Seen:
    """One request as it was received. Header names are in lower case."""

    connection: int
    verb: str
    path: str
    headers: c.Mapping[str, str]
    body: bytes


Behaviour = c.Callable[[Seen, Connection], None]


def reply(body: bytes = b"{}", status: str = "200 OK", *, length: int | None = None, **headers: str) -> bytes:
    """Return an answer as bytes; ``length`` is a false Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Loopback:
    """Listen on 127.0.0.1. Without ``context`` there is no TLS; ``raw`` handles each connection alone, before any TLS.

    ``failures`` are the errors that ended connections, as the server saw them.
    """

    def __init__(
        self, context: ssl.SSLContext | None, *, raw: c.Callable[[Connection, threading.Event], None] | None = None
    ) -> None:
        self._context = context
        self._raw = raw
        self.failures: list[OSError] = []
        self._open: set[Connection] = set()
        self.behaviour: Behaviour = lambda _seen, connection: connection.sendall(reply())
        self.seen: list[Seen] = []
        self.connections = 0
        self.over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def url(self, path: str = "/p") -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    def answer(self, content: bytes) -> None:
        """Answer every request with these bytes."""
        self.behaviour = lambda _seen, connection: connection.sendall(content)

    def close(self) -> None:
        self.over.set()
        for end in (self._listener, *tuple(self._open)):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._listening.join()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        while True:
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return
            if self.over.is_set():
                connection.close()
                return
            self.connections += 1
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True)
            self._threads = [*(one for one in self._threads if one.is_alive()), thread]
            thread.start()

    def _serve(self, connection: Connection, number: int) -> None:
        with contextlib.closing(connection):
            connection.settimeout(20)
            try:
                if self._raw:
                    self._raw(connection, self.over)
                else:
                    self._speak(connection, number)
            except OSError as exc:
                self.failures.append(exc)
            finally:
                self._open.discard(connection)

    def _speak(self, connection: Connection, number: int) -> None:
        speaking = self._context.wrap_socket(connection, server_side=True) if self._context else connection
        self._open.add(speaking)
        try:
            with contextlib.closing(speaking), speaking.makefile("rb") as stream:
                while (seen := _request(stream, number)) and not self.over.is_set():
                    self.seen.append(seen)
                    self.behaviour(seen, speaking)
        finally:
            self._open.discard(speaking)


def _request(stream: t.BinaryIO, number: int) -> Seen | None:
    verb, _blank, rest = stream.readline().decode("latin-1").partition(" ")
    if not rest:
        return None
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _colon, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Seen(number, verb, rest.split(" ")[0], headers, body)


@dataclasses.dataclass(frozen=True)
class Files:
    """PEM files of one test session: of a trusted CA, and of an unknown one."""

    ca: str
    server: str
    elsewhere: str
    unknown_ca: str
    unknown_server: str


class Authority:
    """A CA of the test's own, and its certificates, as PEM files in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.path = self._write(f"{name}.pem", _pem(self._certify(self._key, self._name, None)))

    def issue(self, host: str, *, year: int = 2020, years: int = 100, usage: Oid | None = None) -> str:
        """Return the path of a file with a certificate for a host or an address, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        certificate = self._certify(key, name, host, year, years, usage)
        return self._write(f"{host}-{certificate.serial_number}.pem", _pem(certificate) + _key_pem(key))

    def revoke(self, *paths: str) -> str:
        """Return the path of a file with a revocation list that names these certificates."""
        start = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
        builder = x509.CertificateRevocationListBuilder(self._name, start, start + dt.timedelta(days=36500))
        for path in paths:
            number = x509.load_pem_x509_certificate(Path(path).read_bytes()).serial_number
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(number).revocation_date(start).build()
            )
        return self._write(f"{len(paths)}.crl", builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM))

    def _certify(
        self,
        key: ec.EllipticCurvePrivateKey,
        subject: x509.Name,
        host: str | None,
        year: int = 2020,
        years: int = 100,
        usage: Oid | None = None,
    ) -> x509.Certificate:
        start = dt.datetime(year, 1, 1, tzinfo=dt.timezone.utc)
        builder = (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(days=365 * years))
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        else:
            # Python 3.13 and later demand it of a CA.
            builder = builder.add_extension(_CA_KEY_USAGE, critical=True)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.write_bytes(content)
        return str(path)


_PEM = serialization.Encoding.PEM
_CA_KEY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def self_signed(folder: Path, host: str) -> str:
    """Return the path of a file with a self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(_pem(certificate) + _key_pem(key))
    return str(path)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(_PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def server_context(path: str, client_ca: str | None = None, crl: str | None = None) -> ssl.SSLContext:
    """Return the TLS context of a server with this certificate; with ``client_ca`` it asks for a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if crl:
        context.load_verify_locations(crl)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context
