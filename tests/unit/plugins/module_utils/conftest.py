# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that the openssl program made, and servers on this machine."""

from __future__ import annotations

import dataclasses
import subprocess
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    import ssl

    from .loopback import Files, Loopback

_CA_EXTENSIONS = "basicConstraints=critical,CA:TRUE,pathlen:{pathlen}\nkeyUsage=critical,keyCertSign,cRLSign\n"


@dataclasses.dataclass(frozen=True)
class Openssl:
    """The openssl program, run in one folder."""

    folder: Path

    def __call__(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run it and return its output; any failure fails the test."""
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def text(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run it and return its output, as one line of text without the line break."""
        return self(*arguments, stdin=stdin).decode().strip()

    def der(self, name: str) -> bytes:
        """Return the certificate ``name.crt`` in DER."""
        return self("x509", "-in", f"{name}.crt", "-outform", "DER")

    def csr(self, name: str) -> bytes:
        """Return the request ``name.csr`` in DER."""
        return self("req", "-in", f"{name}.csr", "-outform", "DER")

    def request(self, name: str, subject: str, *options: str, key: str = "ec:p256") -> None:
        """Make a key and a CSR."""
        (self.folder / "p256").write_bytes(self("ecparam", "-name", "prime256v1"))
        arguments = ("-newkey", key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-utf8", "-subj", subject)
        self("req", "-new", "-nodes", *arguments, *options)

    def root(self, name: str, subject: str, *options: str) -> None:
        """Make a self-signed CA."""
        self.request(name, subject)
        arguments = ("-x509", "-key", f"{name}.key", "-out", f"{name}.crt", "-utf8", "-subj", subject, "-days", "3650")
        self("req", *arguments, *options)

    def issue(self, name: str, issuer: str, extensions: str = "basicConstraints=CA:FALSE", days: int = 90) -> None:
        """Sign ``name.csr`` with ``issuer``."""
        (self.folder / "extensions").write_text(extensions)
        arguments = ("-in", f"{name}.csr", "-out", f"{name}.crt", "-days", str(days), "-extfile", "extensions")
        self("x509", "-req", "-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key", "-CAcreateserial", *arguments)

    def intermediate(self, name: str, issuer: str, subject: str, pathlen: int = 0) -> None:
        """Make a CA below another one."""
        self.request(name, subject)
        self.issue(name, issuer, _CA_EXTENSIONS.format(pathlen=pathlen), days=1825)


@pytest.fixture
def openssl(tmp_path: Path) -> Openssl:
    """The openssl program in an empty folder."""
    return Openssl(tmp_path)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Openssl:
    """A root, a CA below it, a certificate ``leaf`` below that, and ``other``, a certificate that the root signed."""
    made = Openssl(tmp_path_factory.mktemp("pki"))
    made.root("root", "/C=ES/O=Redtrust/CN=Root", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    made.intermediate("ca", "root", "/C=ES/O=Redtrust/CN=Issuing CA")
    made.request("leaf", "/C=ES/O=Redtrust/OU=First/OU=Second/CN=Jos\u00e9 P\u00e9rez")
    made.issue("leaf", "ca")
    made.request("other", "/CN=other")
    made.issue("other", "root")
    return made


@pytest.fixture(scope="session")
def vendor_csr() -> str:
    """The CSR of the vendor's page for 4.33, unchanged: base64 on one line, empty subject, SHA-1."""
    return (Path(__file__).parent / "data" / "vendor-csr.b64").read_text()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Return the PEM files of a trusted CA, and of an unknown one."""
    # only after pytest_configure, which makes the collection importable
    from .loopback import Authority, Files

    ours = Authority(tmp_path_factory.mktemp("ours"), "ours")
    theirs = Authority(tmp_path_factory.mktemp("theirs"), "theirs")
    return Files(
        ours.path, ours.issue("127.0.0.1"), ours.issue("other.example.com"), theirs.path, theirs.issue("127.0.0.1")
    )


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove every proxy and CA from the environment."""
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "HTTP_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def start() -> t.Iterator[t.Callable[..., Loopback]]:
    """Start servers, and stop them at the end of the test."""
    from .loopback import Loopback

    started: list[Loopback] = []

    def starting(context: ssl.SSLContext | None, **options: t.Any) -> Loopback:
        started.append(Loopback(context, **options))
        return started[-1]

    yield starting
    for server in started:
        server.close()
