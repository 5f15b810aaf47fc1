# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate authorities as processes on the loopback interface, each with a folder of its own."""

from __future__ import annotations

import abc
import collections.abc as c
import contextlib
import datetime as dt
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ansible_collections.redtrust.certificate_enroll.tests.postgres import guarded

# "required" makes a missing program a failure, "" a reason to skip.
CAS = os.environ.get("CERTIFICATE_ENROLL_CAS", "")
PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.02


def program(name: str, package: str) -> str:
    """Return the path of a program; skip the test, or fail it, where this machine has none."""
    beside = Path(sys.executable).with_name(name)
    path = str(beside) if beside.exists() else shutil.which(name)
    if path is None:
        words = f"no {name} is here: install {package} to try a real CA"
        (pytest.fail if CAS == "required" else pytest.skip)(words)
    return path


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Tls:
    """A CA for the TLS of these servers, with a certificate for 127.0.0.1. All paths are in one folder."""

    def __init__(self, directory: Path) -> None:
        self.ca_path = directory / "tls-ca.pem"
        self.certificate_path = directory / "tls.pem"
        self.key_path = directory / "tls.key"
        key, name = new_key(), named("TLS of the tests")
        write_key(directory / "tls-ca.key", key)
        ca = signed(name, name, key.public_key(), key, x509.BasicConstraints(ca=True, path_length=0))
        own = new_key()
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        server = signed(named("server"), name, own.public_key(), key, address)
        self.ca_path.write_bytes(ca.public_bytes(Encoding.PEM))
        self.certificate_path.write_bytes(server.public_bytes(Encoding.PEM))
        write_key(self.key_path, own)


def named(common_name: str) -> x509.Name:
    """Return a name with only this attribute."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a key of the kind that is fastest to make."""
    return ec.generate_private_key(ec.SECP256R1())


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a key without a passphrase, in the form that every program reads."""
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))


def signed(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    """Return a certificate for ten years."""
    now = dt.datetime.now(tz=dt.timezone.utc)
    builder = x509.CertificateBuilder(issuer, subject, public_key, x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=3650))
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    return builder.add_extension(extension, True).add_extension(identifier, False).sign(key, hashes.SHA256())


def root(directory: Path, name: str) -> tuple[Path, Path]:
    """Make a CA with a key in a file, and return the paths of its certificate and its key."""
    key = new_key()
    certificate = signed(named(name), named(name), key.public_key(), key, x509.BasicConstraints(True, None))
    paths = directory / "ca.pem", directory / "ca.key"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    write_key(paths[1], key)
    return paths


class Server(abc.ABC):
    """A CA that listens on a port. ``stop`` it in any case; ``start`` begins it again on the same port."""

    def __init__(self, directory: Path, tls: Tls) -> None:
        self.directory = directory
        self.tls = tls
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = str(tls.ca_path)
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    @abc.abstractmethod
    def command(self) -> list[str]:
        """The command that runs the server in the foreground."""

    @property
    def log(self) -> Path:
        """The output of the server."""
        return self.directory / "log"

    def start(self) -> None:
        """Start the server, and wait until it listens."""
        self._guard = guarded(self.command, self.log)
        until(self._listens, lambda: self.log.read_text(encoding="utf-8", errors="replace"))

    def stop(self) -> None:
        """End the server."""
        if self._guard is None:
            return
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait(PATIENCE_SECONDS)
        self._guard = None
        self.http.close()

    @contextlib.contextmanager
    def down(self) -> c.Iterator[None]:
        """Have no server while the context lasts."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _listens(self) -> bool:
        assert self._guard is not None
        assert self._guard.poll() is None, self.log.read_text(encoding="utf-8", errors="replace")
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS).close()
            return True
        return False


def until(condition: c.Callable[[], bool], said: c.Callable[[], str]) -> None:
    """Wait until the condition is true; fail with what is said after a while."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, said()
        time.sleep(_POLL_SECONDS)
