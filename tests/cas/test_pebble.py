# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signer ``acme`` at Pebble.

Pebble wants the names in the subjectAltName of the CSR. The CSRs of the sandbox have none, as those of the vendor's
page. So a CSR of the test takes the place of the one that came from the server, and the certificate stays in the store.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import http.server
import json
import ssl
import threading
import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.redtrust.certificate_enroll.tests.robustness.launcher import Fault, Ran

from .desk import LEGACY, Desk, entry
from .servers import CAS, named, new_key

if t.TYPE_CHECKING:
    from .conftest import NewDesk
    from .pebble import Pebble
    from .servers import Tls

if CAS != "required":
    pytest.importorskip("acme", reason="no library acme is here: install it to try a real ACME CA")
NewPebble = t.Callable[..., "Pebble"]


@pytest.fixture
def new_pebble(tmp_path: Path, tls: Tls) -> t.Iterator[NewPebble]:
    """Return a function that runs a Pebble, with these settings."""
    from .pebble import Pebble

    running: list[Pebble] = []

    def started(**settings: bool) -> Pebble:
        directory = tmp_path / f"pebble-{len(running)}"
        directory.mkdir()
        running.append(Pebble(directory, tls, **settings))
        running[-1].start()
        return running[-1]

    yield started
    for one in running:
        one.close()


@dataclasses.dataclass
class Names:
    """A desk whose requests are for DNS names, at a Pebble."""

    desk: Desk
    pebble: Pebble

    def request(self, *names: str) -> None:
        """Request certificates at the server, and have the CSRs that Pebble wants."""
        entries = [entry(name, ("cn", name)) for name in names]
        ran = self.desk.run("redtrust_csr", certificates=entries, results="all")
        assert ran.status == 0, ran
        with self.desk.place.opened() as store:
            rows = [enrollment.pending for enrollment in store.enrollments()]
            store.put(*(dataclasses.replace(row, csr=csr_for(row.name)) for row in rows if row and row.name in names))

    def sign(self, *names: str, fault: Fault | None = None, **changes: t.Any) -> Ran:
        """Have them signed; no name waits after a failure."""
        self.desk.let_waiting_end()
        wanted = [{"name": name} for name in names]
        signer = {**self.desk.signer, **changes}
        return self.desk.run("redtrust_sign", fault, certificates=wanted, results="all", signer=signer)

    def certificates(self) -> list[x509.Certificate]:
        """Return the certificates in the store."""
        found = [row["certificate"] for row in self.desk.revisions() if row["certificate"]]
        return [x509.load_der_x509_certificate(der) for der in found]


def csr_for(*names: str) -> bytes:
    """Return a request for these names, in DER."""
    builder = x509.CertificateSigningRequestBuilder(named(names[0]))
    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    return builder.add_extension(alternative, False).sign(new_key(), hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.fixture
def new_names(new_desk: NewDesk, new_pebble: NewPebble, tmp_path: Path) -> t.Callable[..., Names]:
    """Return a function that makes a desk at a Pebble with these settings; ``options`` are those of the signer."""

    def made(options: dict[str, t.Any] | None = None, **settings: bool) -> Names:
        pebble = new_pebble(**settings)
        return Names(new_desk("acme", **pebble.options(tmp_path / "account.pem", **(options or {}))), pebble)

    return made


def test_it_issues(new_names: t.Callable[..., Names]) -> None:
    names = new_names()
    names.request("www.example.com", "b.example.com")
    ran = names.sign("www.example.com", "b.example.com")
    assert ran.status == 0, ran
    assert (names.pebble.orders(), names.pebble.issued()) == (2, 2)
    certificates = names.certificates()
    assert names.pebble.certificates(one.serial_number for one in certificates) == certificates
    assert "account.pem: back it up" in str(ran.said["warnings"])
    assert (Path(names.desk.signer["account_key_path"]).stat().st_mode & 0o777) == 0o600


def test_a_hook_proves_the_name(new_names: t.Callable[..., Names]) -> None:
    names = new_names(validates=True)
    names.request("www.example.com")
    assert names.sign("www.example.com").status == 0
    told = names.pebble.site.told()
    assert [one["REDTRUST_ACME_ACTION"] for one in told] == ["present", "cleanup"]
    assert names.pebble.site.proofs() == []
    assert "Attempting to validate w/ HTTP: http://www.example.com:" in names.pebble.log.read_text(encoding="utf-8")


def test_a_proof_that_is_wrong(new_names: t.Callable[..., Names]) -> None:
    names = new_names({"hook": {"argv": ["true"]}}, validates=True)
    names.request("www.example.com")
    ran = names.sign("www.example.com")
    assert "www.example.com was not authorised: the CA says unauthorized" in ran.entries["www.example.com"]["msg"]
    assert names.sign("www.example.com", hook=names.pebble.site.hook()).status == 0
    assert (names.pebble.orders(), names.pebble.issued()) == (2, 1)


def test_an_order_waits_while_the_ca_checks(new_names: t.Callable[..., Names]) -> None:
    names = new_names({"timeout": 1.0}, validates=True)
    names.request("www.example.com")
    with names.pebble.site.shut():
        ran = names.sign("www.example.com")
        assert ran.entries["www.example.com"]["action"] == "wait", ran
        assert "the CA is still checking www.example.com" in ran.entries["www.example.com"]["reason"]
    assert names.sign("www.example.com", timeout=20.0).status == 0
    assert (names.pebble.orders(), names.pebble.issued()) == (1, 1)


def test_each_request_has_one_certificate_wherever_a_run_is_killed(new_names: t.Callable[..., Names]) -> None:
    """The requests of each run to the CA are, among others: order, proof, finalize, certificate."""
    names = new_names()
    wanted = [f"{number}.example.com" for number in range(20)]
    names.request(*wanted)
    for skip, name in enumerate(wanted):
        status = names.sign(name, fault=Fault("the ACME CA sent", "kill", skip=skip)).status
        if status == 0:
            break
        assert status == -9
        assert names.sign(name).status == 0
    assert skip > 8
    assert names.pebble.issued() == len(names.certificates()) == skip + 1


def test_a_ca_that_is_down(new_names: t.Callable[..., Names]) -> None:
    names = new_names()
    names.request("www.example.com")
    names.pebble.stop()
    ran = names.sign("www.example.com")
    assert "nothing was sent" in ran.entries["www.example.com"]["msg"]
    assert [row["state"] for row in names.desk.revisions()] == ["requested"]
    names.pebble.start()
    assert names.sign("www.example.com").status == 0


def test_an_external_account(new_names: t.Callable[..., Names]) -> None:
    from .pebble import EAB_KEY, KID, WRONG_EAB_KEY

    names = new_names(eab=True)
    names.request("www.example.com")
    ran = names.sign("www.example.com")
    assert "the CA wants an external account binding: set acme.eab_kid" in ran.entries["www.example.com"]["msg"]
    ran = names.sign("www.example.com", eab_kid=KID, eab_hmac_key=WRONG_EAB_KEY)
    assert "the account: the CA says unauthorized" in ran.entries["www.example.com"]["msg"], ran
    assert WRONG_EAB_KEY not in str(ran)
    assert names.pebble.orders() == 0
    assert names.sign("www.example.com", eab_kid=KID, eab_hmac_key=EAB_KEY).status == 0
    assert names.pebble.issued() == 1


def test_a_name_that_the_ca_forbids(new_names: t.Callable[..., Names]) -> None:
    from .pebble import BLOCKED

    names = new_names()
    names.request(BLOCKED)
    ran = names.sign(BLOCKED)
    assert "the CA says rejectedIdentifier" in ran.entries[BLOCKED]["msg"]
    assert [row["state"] for row in names.desk.revisions()] == ["rejected"]


def test_a_csr_without_names_is_not_sent(new_desk: NewDesk, new_pebble: NewPebble, tmp_path: Path) -> None:
    pebble = new_pebble()
    desk = new_desk("acme", **pebble.options(tmp_path / "account.pem"))
    ran = desk.enroll(entry("www", ("cn", "www.example.com"), provider=LEGACY, key_type="RSA", key_length=2048))
    assert "the CSR has no DNS name" in ran.entries["www"]["msg"]
    assert (
        "the common name 'Ana Garcia' is no DNS name" in desk.enroll(entry("Ana Garcia")).entries["Ana Garcia"]["msg"]
    )
    assert [row["name"] for row in desk.revisions()] == ["www"], "no key is made for a person"
    assert pebble.orders() == 0
    assert not (tmp_path / "account.pem").exists()


def test_a_certificate_is_revoked(new_names: t.Callable[..., Names]) -> None:
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import SIGNERS, Revocation

    names = new_names()
    names.request("www.example.com")
    assert names.sign("www.example.com").status == 0
    (certificate,) = names.certificates()
    kind = SIGNERS["acme"]
    options = {name: rule.get("default") for name, rule in kind.options.items()}
    signer = kind.build({**options, **names.desk.signer}, dt.datetime.now(tz=dt.timezone.utc))
    for _twice in range(2):
        signer.revoke(Revocation("www.example.com", 1, certificate.public_bytes(Encoding.DER), reason="keyCompromise"))
    assert names.pebble.revocation(certificate) == ("Revoked", 1)


def test_the_ca_tells_when_to_renew_over_https(tls: Tls, tmp_path: Path) -> None:
    """This Pebble has no renewal information (RFC 9773), so a small server gives the answer of the standard."""
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import SIGNERS

    now = dt.datetime.now(tz=dt.timezone.utc)
    window = {"start": "2025-01-02T04:00:00Z", "end": "2025-01-03T04:00:00Z"}
    told = {"suggestedWindow": window, "explanationURL": "https://acme.example.com/docs/ari"}
    with _serving(tls, told) as (url, asked):
        kind = SIGNERS["acme"]
        own = {"directory_url": f"{url}/dir", "account_key_path": str(tmp_path / "no"), "ca_path": str(tls.ca_path)}
        signer = kind.build({**{name: rule.get("default") for name, rule in kind.options.items()}, **own}, now)
        certificate = _with_a_parent()
        assert signer.why_due(certificate, (), now) == (
            "the CA wants it renewed between 2025-01-02 04:00 UTC and 2025-01-03 04:00 UTC "
            "(https://acme.example.com/docs/ari)"
        )
    directory, renewal = asked
    assert directory == "/dir"
    assert renewal.startswith("/renewal/")
    assert not (tmp_path / "no").exists()


def _with_a_parent() -> bytes:
    """Return a certificate that names the key of its CA."""
    key, now = new_key(), dt.datetime.now(tz=dt.timezone.utc)
    builder = x509.CertificateBuilder(named("CA"), named("leaf"), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    parent = x509.AuthorityKeyIdentifier.from_issuer_public_key(new_key().public_key())
    return builder.add_extension(parent, False).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


class _Serving:
    """A server of a directory and of renewal information."""

    def __init__(self, tls: Tls, told: dict[str, t.Any]) -> None:
        asked: list[str] = []
        self._asked = asked

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                own = f"https://{self.headers['Host']}"
                content = json.dumps({"renewalInfo": f"{own}/renewal"} if self.path == "/dir" else told).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Retry-After", "21600")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name in the base class
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate_path, tls.key_path)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> tuple[str, list[str]]:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"https://127.0.0.1:{self._server.server_address[1]}", self._asked

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


_serving = _Serving
