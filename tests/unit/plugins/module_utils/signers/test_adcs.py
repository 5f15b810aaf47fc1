# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preset adcs, against the documented pages of the web enrollment of Microsoft AD CS."""

from __future__ import annotations

import typing as t
from urllib.parse import parse_qs

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import NotYet, Signed, Signer
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    KEY,
    request_for,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Files,
    Loopback,
    reply,
)

from .recorded import Recorded, order, revocation, signer
from .rest_ca import ID, Script

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")


@pytest.fixture
def answers(pki: Openssl) -> Recorded:
    return Recorded("adcs", pki)


@pytest.fixture
def ca(server: Loopback, files: Files) -> t.Callable[..., Signer]:
    given = {"template": "WebServer", "username": "EXAMPLE\\enroll", "password": "canary-password"}
    return lambda **options: signer("adcs", server, files.ca, **{**given, **options})


@pytest.fixture
def bundle(pki: Openssl) -> bytes:
    """The answer of certnew.p7b."""
    options = [option for one in ("leaf", "ca", "root") for option in ("-certfile", f"{one}.crt")]
    content = pki("crl2pkcs7", "-nocrl", *options, "-outform", "DER")
    return reply(content, Content_Type="application/x-pkcs7-certificates")


def form(server: Loopback, place: int = 0) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(server.seen[place].body.decode()).items()}


def paths(server: Loopback) -> list[str]:
    return [f"{seen.verb} {seen.path.removeprefix('/base')}" for seen in server.seen]


SUBMIT, FETCH = "POST /certfnsh.asp", "GET /certnew.p7b?ReqID=42&Enc=bin"


def test_issue(
    ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded, bundle: bytes, signed: Signed
) -> None:
    Script(server, answers("issued.html", "200 OK"), bundle)
    numbers: list[str] = []
    assert ca().sign(order(pki, keep_order_number=numbers.append)) == signed
    assert numbers == ["42"]
    assert paths(server) == [SUBMIT, FETCH]
    told = form(server)
    assert (told["Mode"], told["SaveCert"]) == ("newreq", "yes")
    assert told["CertAttrib"] == f"CertificateTemplate:WebServer\r\nRedtrustRequest:{ID}"
    assert told["CertRequest"].startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert server.seen[0].headers["authorization"].startswith("Basic ")
    assert "Mozilla" in server.seen[0].headers["user-agent"]


def test_an_administrator_issues_it_later(
    ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded, bundle: bytes, signed: Signed
) -> None:
    Script(server, answers("pending.html", "200 OK"), answers("waits_still.html", "200 OK"), bundle)
    numbers: list[str] = []
    assert ca().sign(order(pki, keep_order_number=numbers.append)) == NotYet("Taken Under Submission")
    assert numbers == ["42"]
    assert ca().sign(order(pki, again=True, order_number="42")) == signed
    assert paths(server) == [SUBMIT, FETCH, FETCH]


def test_an_administrator_denies_it_later(
    ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
) -> None:
    Script(server, answers("denied_later.html", "200 OK"))
    with pytest.raises(SignerRejectedError, match=r"Denied by EXAMPLE.admin"):
        ca().sign(order(pki, again=True, order_number="42"))


class TestFailures:
    def test_a_refusal(self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded) -> None:
        Script(server, answers("denied.html", "200 OK"))
        with pytest.raises(SignerRejectedError, match=r"Denied by Policy Module .*template that is not supported"):
            ca().sign(order(pki))

    def test_an_error(self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded) -> None:
        Script(server, answers("error.html", "200 OK"))
        with pytest.raises(SignerError, match="Error Parsing Request") as caught:
            ca().sign(order(pki))
        assert not isinstance(caught.value, SignerRejectedError)

    def test_a_wrong_password_or_only_ntlm(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
    ) -> None:
        Script(server, answers("unauthorized.html", "401 Unauthorized"))
        with pytest.raises(SignerError, match="Basic authentication enabled for certsrv: NTLM and Kerberos") as caught:
            ca().sign(order(pki))
        assert caught.value.not_sent
        assert "canary" not in str(caught.value)

    def test_a_lost_answer_waits_for_a_person(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded, bundle: bytes
    ) -> None:
        Script(server, None, answers("issued.html", "200 OK"), bundle)
        with pytest.raises(SignerError, match=r"adcs\.lost_answer is stop"):
            ca().sign(order(pki))
        with pytest.raises(SignerError, match="may have had this request before"):
            ca().sign(order(pki, again=True))
        assert len(server.seen) == 1
        again = ca(lost_answer="repeat").sign(order(pki, again=True))
        assert isinstance(again, Signed)
        assert any("may have issued two certificates" in warning for warning in again.warnings)

    def test_it_cannot_revoke(self, ca: t.Callable[..., Signer], pki: Openssl) -> None:
        with pytest.raises(ConfigurationError, match="cannot revoke"):
            ca().revoke(revocation(pki))


class TestNames:
    def test_a_csr_without_a_subject_is_not_sent(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl
    ) -> None:
        with pytest.raises(ConfigurationError, match="the CSR has no subject, and the web enrollment of AD CS has no"):
            ca().sign(order(pki, csr=request_for(KEY)))
        assert server.seen == []

    def test_unless_the_template_builds_it(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
    ) -> None:
        Script(server, answers("denied.html", "200 OK"))
        with pytest.raises(SignerRejectedError):
            ca(subject="template", template="").sign(order(pki, csr=request_for(KEY)))
        assert form(server)["CertAttrib"] == f"RedtrustRequest:{ID}"

    def test_alternative_names_need_leave(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
    ) -> None:
        names = ("DNS:www.example.com", "UPN:ana@example.com")
        with pytest.raises(ConfigurationError, match="EDITF_ATTRIBUTESUBJECTALTNAME2"):
            ca().sign(order(pki, subject_alt_name=names))
        Script(server, answers("denied.html", "200 OK"))
        with pytest.raises(SignerRejectedError):
            ca(san_attribute=True).sign(order(pki, subject_alt_name=names))
        assert "\r\nsan:dns=www.example.com&upn=ana@example.com\r\n" in form(server)["CertAttrib"]
        with pytest.raises(ConfigurationError, match="cannot be handed to AD CS"):
            ca(san_attribute=True).sign(order(pki, subject_alt_name=("DNS:a&upn=b",)))

    @pytest.mark.parametrize("template", ["Web\r\nSAN:dns=x", "a:b", " ", "a&b"])
    def test_a_template_that_would_be_another_attribute(self, ca: t.Callable[..., Signer], template: str) -> None:
        with pytest.raises(ConfigurationError, match=r"adcs\.template"):
            ca(template=template)
