# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client certificates against real servers, unusable files, and messages for the errors of openssl."""

from __future__ import annotations

import ssl
import typing as t
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerLostError,
    ConfigurationError,
    TlsError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.connection import Bounds
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.failures import explained
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.options import (
    TransportOptions,
    check_files,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.tls import advice, turned_down
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpsTransport,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Authority,
    Files,
    Loopback,
    server_context,
)

if t.TYPE_CHECKING:
    from ..conftest import Openssl

Start = t.Callable[..., Loopback]

pytestmark = pytest.mark.usefixtures("no_proxies")

VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
BODIES = pytest.mark.parametrize("body", [{"a": "b" * 20000}, {"a": "b"}, None], ids=["large body", "body", "no body"])


class Clients:
    """Certificates of clients, and a server that checks them strictly."""

    def __init__(self, files: Files, folder: Path) -> None:
        known, other = Authority(folder, "known"), Authority(folder, "other")
        self.server, self.ca, self.known = files.server, files.ca, known.path
        self.good = known.issue("good", usage=ExtendedKeyUsageOID.CLIENT_AUTH)
        self.revoked = known.issue("revoked")
        self.expired = known.issue("expired", years=1)
        self.for_servers = known.issue("servers", usage=ExtendedKeyUsageOID.SERVER_AUTH)
        self.stranger = other.issue("stranger")
        self.revocations = known.revoke(self.revoked)

    def context(self, version: ssl.TLSVersion) -> ssl.SSLContext:
        context = server_context(self.server, self.known, self.revocations)
        context.minimum_version = context.maximum_version = version
        return context

    def transport(self, name: str | None) -> HttpsTransport:
        certificate = getattr(self, name) if name else None
        return HttpsTransport(TransportOptions(ca_path=self.ca, client_cert=certificate, timeout=20.0))


@pytest.fixture(scope="module")
def clients(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Clients:
    return Clients(files, tmp_path_factory.mktemp("clients"))


@VERSIONS
@BODIES
class TestClientCertificate:
    @pytest.mark.parametrize(
        ("name", "says"),
        [
            (None, "wants a client.cert"),
            ("revoked", "client_cert is revoked"),
            ("expired", "client_cert has expired"),
            ("for_servers", "does not take this kind of client_cert"),
            ("stranger", "does not know the CA of client_cert"),
        ],
    )
    def test_one_that_is_refused(
        self,
        clients: Clients,
        start: Start,
        version: ssl.TLSVersion,
        body: dict[str, str] | None,
        name: str | None,
        says: str,
    ) -> None:
        """With TLS 1.3 the alert arrives after the request was sent. The test repeats, since the two race."""
        server = start(clients.context(version))
        for number in range(1, 11):
            with pytest.raises(TlsError, match=f"nothing was (sent|carried out) .*: .*{says}"):
                clients.transport(name).send(HttpRequest("create", "PUT", server.url(), {}, body))
            assert server.connections == number
        assert server.seen == []

    def test_one_that_is_taken(
        self, clients: Clients, start: Start, version: ssl.TLSVersion, body: dict[str, str] | None
    ) -> None:
        server = start(clients.context(version))
        assert clients.transport("good").send(HttpRequest("create", "PUT", server.url(), {}, body)).status == 200


def alert(name: str) -> ssl.SSLError:
    """Return the error that the ssl module raises for an alert."""
    error = ssl.SSLError(1, f"[SSL: {name}] (_ssl.c:1)")
    error.reason = name
    return error


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "set client_cert and client_key"),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", "is revoked"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "has expired"),
        ("TLSV1_ALERT_UNKNOWN_CA", "ask which CA it takes"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "is damaged"),
        ("SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "one for TLS clients"),
        ("SSLV3_ALERT_CERTIFICATE_UNKNOWN", "look at its log"),
        ("TLSV1_ALERT_ACCESS_DENIED", "ask for access"),
    ],
)
class TestAlert:
    """The names are openssl's own (crypto/err/openssl.txt)."""

    def test_on_a_new_connection_nothing_was_carried_out(self, name: str, says: str) -> None:
        bounds = Bounds(lambda: 0.0, 1.0)
        bounds.begin("create", 1.0, 100)
        bounds.agreed()
        kind, words = explained(alert(name), bounds, left=True, proxy=None, hide=str)
        assert kind is TlsError
        assert "nothing was carried out" in words
        assert says in words

    def test_after_a_word_of_the_answer_that_is_not_known(self, name: str, says: str) -> None:
        bounds = Bounds(lambda: 0.0, 1.0)
        bounds.begin("create", 1.0, 100)
        bounds.agreed()
        bounds.count(1)
        assert explained(alert(name), bounds, left=True, proxy=None, hide=str)[0] is AnswerLostError

    def test_on_a_connection_that_was_kept_that_is_not_known(self, name: str, says: str) -> None:
        bounds = Bounds(lambda: 0.0, 1.0)
        bounds.begin("login", 1.0, 100)
        bounds.agreed()
        bounds.begin("create", 1.0, 100)
        assert explained(alert(name), bounds, left=True, proxy=None, hide=str)[0] is AnswerLostError


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("UNSUPPORTED_PROTOCOL", "TLS 1.2 or later"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "TLS 1.2 or later"),
        ("WRONG_VERSION_NUMBER", "check host and port"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "or wants a client_cert"),
    ],
)
def test_what_is_not_about_the_client_is_explained_too(name: str, says: str) -> None:
    assert turned_down(alert(name)) is None
    assert says in str(advice(alert(name)))


def test_what_nobody_knows_is_not_explained() -> None:
    assert advice(alert("SOMETHING_NEW")) is None
    assert advice(OSError("x")) is None


class TestFiles:
    """Each fault of a file is reported before anything is sent, with the name of its option."""

    def check(self, says: str, **options: t.Any) -> None:
        with pytest.raises(ConfigurationError, match=says) as caught:
            check_files(TransportOptions(**options))
        assert "PRIVATE" not in str(caught.value)

    def test_no_ca_in_it(self, files: Files, tmp_path: Path) -> None:
        path = tmp_path / "ca.pem"
        for content in (
            b"rubbish",
            b"\x00\xff" * 100,
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ):
            path.write_bytes(content)
            self.check(rf"ca_path: {path} has no CA certificate in PEM form \(", ca_path=str(path))
            self.check(r"ca_path: .* has no CA certificate", ca_path=str(path), validate_certs=False)

    def test_a_certificate_without_its_key(self, files: Files) -> None:
        self.check(
            f"client_cert: {files.ca} must hold a certificate in PEM form, and the same file its key",
            client_cert=files.ca,
        )
        self.check(f"and {files.ca} its key", client_cert=files.ca, client_key=files.ca)

    def test_the_key_of_another(self, files: Files) -> None:
        self.check(
            f"client_key: the key in {files.server} is not that of the certificate in {files.elsewhere}",
            client_cert=files.elsewhere,
            client_key=files.server,
        )

    def test_a_key_with_a_passphrase(self, openssl: Openssl) -> None:
        """The passphrase is an option, not a prompt: a job has no terminal."""
        openssl.root("client", "/CN=client")
        openssl("pkey", "-in", "client.key", "-aes256", "-passout", "pass:secret", "-out", "sealed.key")
        certificate, key = openssl.folder / "client.crt", openssl.folder / "sealed.key"
        self.check(
            f"client_key: the key in {key} is encrypted: set client_key_passphrase",
            client_cert=str(certificate),
            client_key=str(key),
        )
        self.check(
            f"client_key_passphrase does not open the key in {key}",
            client_cert=str(certificate),
            client_key=str(key),
            client_key_passphrase="wrong",
        )
        check_files(TransportOptions(client_cert=str(certificate), client_key=str(key), client_key_passphrase="secret"))
        both = openssl.folder / "both.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        self.check(f"client_cert: the key in {both} is encrypted", client_cert=str(both))
        check_files(TransportOptions(client_cert=str(both), client_key_passphrase="secret"))

    def test_a_passphrase_for_nothing(self) -> None:
        self.check("client_key_passphrase needs client_cert", client_key_passphrase="secret")

    def test_those_that_fit(self, files: Files) -> None:
        check_files(TransportOptions(ca_path=files.ca, client_cert=files.elsewhere))


def test_the_environment_does_not_get_the_keys_of_a_connection(
    files: Files, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start(server_context(files.server))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    HttpsTransport(TransportOptions(ca_path=files.ca, timeout=20.0)).send(HttpRequest("create", "PUT", server.url()))
    assert len(server.seen) == 1
    assert not (tmp_path / "keys").exists()
