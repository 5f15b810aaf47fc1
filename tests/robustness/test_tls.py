# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS that is wrong in any way: refused, explained, not tried again, and not in the ledger."""

from __future__ import annotations

import collections.abc as c
import contextlib
import itertools
import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import TlsError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.options import (
    TransportOptions,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.retry import Retry
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpsTransport,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Tokens,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.api import Address, Calls, Client
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.contract import CONTRACTS
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, started
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Authority,
    self_signed,
)

if t.TYPE_CHECKING:
    from .conftest import NewSite

Serve = c.Callable[..., Appliance]

TOKENS = Tokens("canary.access.token", "canary-refresh")
SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA_DEMO")
# The fault of the server's certificate -> the message for the operator.
WRONG_SERVERS = {
    "expired": "has expired: have it renewed",
    "future": "is not valid yet: compare the clocks",
    "elsewhere": "for another (host|address): the (host|address) must be a name in that certificate",
    "self_signed": "ca_path must name the CA",
    "unknown": "ca_path must name the CA",
}
WRONG_CLIENTS = {
    "none": "wants a client.cert",
    "revoked": "client_cert is revoked: ask for another one",
    "expired": "client_cert has expired: ask for another one",
    "unknown": "does not know the CA of client_cert",
}


class Paper:
    """Certificates, right and wrong, as paths of PEM files."""

    def __init__(self, folder: Path) -> None:
        ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
        self.ca = ours.path
        self.good = ours.issue("127.0.0.1")
        self.expired = ours.issue("127.0.0.1", years=1)
        self.future = ours.issue("127.0.0.1", year=2100)
        self.elsewhere = ours.issue("other.example.com")
        self.self_signed = self_signed(folder, "127.0.0.1")
        self.unknown = theirs.issue("127.0.0.1")
        self.revoked = ours.issue("revoked")
        self.revocations = ours.revoke(self.revoked)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    return Paper(tmp_path_factory.mktemp("paper"))


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Serve]:
    """Start servers, one for each TLS configuration, and stop them at the end of the module."""
    running: dict[str, Appliance] = {}
    with contextlib.ExitStack() as stack:

        def serving(**tls: t.Any) -> Appliance:
            if str(tls) not in running:
                one = started(tmp_path_factory.mktemp("tls"), "4.42", "--key-pool", "0", config={"tls": tls})
                stack.callback(one.stop)
                running[str(tls)] = one
            return running[str(tls)].reset()

        yield serving


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def client(server: Appliance, pauses: list[float] | None = None, **options: t.Any) -> Client:
    """Return a client that records its pauses and does not wait; each reading of its clock is a second later."""
    facts = server.facts
    chosen = {"ca_path": facts["ca_path"], "timeout": 20.0, **options}
    ticks = itertools.count()
    retry = Retry(deadline=5.0, clock=lambda: float(next(ticks)), sleep=(pauses if pauses is not None else []).append)
    address = Address(facts["host"], facts["port"], facts["auth_port"])
    return Client(CONTRACTS["4.42"], Calls(address, HttpsTransport(TransportOptions(**chosen)), retry=retry))


def is_refused(server: Appliance, says: str, **options: t.Any) -> None:
    """Check that login, create and logout fail at once, with this message, and leave no request at the server."""
    facts = server.facts
    pauses: list[float] = []
    one = client(server, pauses, **options)
    for send in (
        lambda: one.login(facts["username"], "canary-password", facts["domain"]),
        lambda: one.create(TOKENS, SPEC),
        lambda: one.logout(TOKENS),
    ):
        with pytest.raises(TlsError, match=f"TLS was not agreed, nothing was (sent|carried out) .*{says}") as caught:
            send()
        assert "canary" not in str(caught.value)
    assert pauses == []
    assert server.asked() == []


def is_taken(server: Appliance, **options: t.Any) -> None:
    facts = server.facts
    tokens = client(server, **options).login(facts["username"], facts["password"], facts["domain"])
    assert tokens.refresh_token
    assert server.asked() == [("login", 200)]


@pytest.mark.parametrize(("kind", "says"), WRONG_SERVERS.items(), ids=list(WRONG_SERVERS))
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_server_that_is_not_who_it_should_be(serve: Serve, paper: Paper, kind: str, says: str) -> None:
    """Without a check of certificates, any server is accepted."""
    server = serve(certificate_path=getattr(paper, kind))
    is_refused(server, says, ca_path=paper.ca)
    is_taken(server, ca_path=paper.ca, validate_certs=False)


def test_a_server_that_is(serve: Serve, paper: Paper) -> None:
    is_taken(serve(certificate_path=paper.good), ca_path=paper.ca)


@pytest.mark.parametrize("protocol", ["1.0", "1.1"])
@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_an_old_protocol(serve: Serve, protocol: str, checked: bool) -> None:
    is_refused(serve(protocol=protocol), "does not speak TLS 1.2 or later", validate_certs=checked)


@pytest.mark.parametrize("protocol", ["1.2", "1.3"])
class TestClientCertificate:
    def strict(self, serve: Serve, paper: Paper, protocol: str) -> Appliance:
        return serve(
            protocol=protocol, client_cert="required", client_ca_path=paper.ca, client_crl_path=paper.revocations
        )

    @pytest.mark.parametrize(("kind", "says"), WRONG_CLIENTS.items(), ids=list(WRONG_CLIENTS))
    @pytest.mark.parametrize("checked", [True, False])
    @pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
    def test_one_that_is_not_taken(
        self, serve: Serve, paper: Paper, protocol: str, kind: str, says: str, checked: bool
    ) -> None:
        certificate = None if kind == "none" else getattr(paper, kind)
        is_refused(self.strict(serve, paper, protocol), says, client_cert=certificate, validate_certs=checked)

    def test_one_that_is(self, serve: Serve, paper: Paper, protocol: str) -> None:
        is_taken(self.strict(serve, paper, protocol), client_cert=paper.good)

    def test_a_create_that_is_refused_leaves_no_doubt(
        self, serve: Serve, paper: Paper, new_site: NewSite, protocol: str
    ) -> None:
        """Run the module: no key can exist, so nothing waits for a person, and the next run tries again."""
        server = self.strict(serve, paper, protocol)
        site = new_site(server, access_token="canary.access.token", client_cert=paper.revoked)
        ran = site.step("redtrust_csr", ["www"])
        (entry,) = ran.said["certificates"]
        assert "client_cert is revoked: ask for another one" in entry["msg"]
        assert [row["state"] for row in site.revisions()] == ["abandoned"]
        assert server.asked() == []
        del site.options["access_token"]
        site.with_login().step("redtrust_csr", ["www"], client_cert=paper.good)
        assert [row["state"] for row in site.revisions()] == ["requested"]
        assert [step for step, _status in server.asked()] == ["login", "create"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"cannot be read \(No such file or directory\)"),
        (b"", "is empty"),
        (b"rubbish", "has no CA certificate in PEM form"),
    ],
    ids=["missing", "empty", "rubbish"],
)
@pytest.mark.parametrize("checked", [True, False])
def test_a_ca_file_that_is_none(
    serve: Serve, paper: Paper, new_site: NewSite, tmp_path: Path, content: bytes | None, says: str, checked: bool
) -> None:
    """The file is read even if certificates are not checked: no option is ignored."""
    server = serve(certificate_path=paper.good)
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    site = new_site(server).with_login()
    ran = site.step("redtrust_csr", ["www"], ca_path=str(path), validate_certs=checked)
    assert ran.said["failed"]
    assert f"ca_path: {path} " in ran.said["msg"]
    assert re.search(says, ran.said["msg"])
    assert server.asked() == []
    assert not site.store_path.exists() or site.revisions() == []
