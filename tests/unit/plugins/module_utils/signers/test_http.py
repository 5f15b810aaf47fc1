# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA with a REST interface: what it gets from the signer, and the certificates in its answers."""

from __future__ import annotations

import base64
import json
import typing as t
from urllib.parse import parse_qs

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    Revocation,
    Signed,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import certificate_facts, csr_pem
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Files,
    Loopback,
    reply,
)

from .rest_ca import Script, order, said, signer

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")

JSON_ANSWER: dict[str, t.Any] = {"certificate": "/data/certificate", "chain": "/data/ca_chain"}


class TestCertificates:
    def test_by_pointer_and_the_chain_in_any_order(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], signed: Signed
    ) -> None:
        Script(server, said({"data": {"certificate": pem["leaf"], "ca_chain": [pem["root"], pem["ca"]]}}))
        assert signer(server, files.ca, answer=JSON_ANSWER).sign(order(pki.csr("leaf"))) == signed
        (seen,) = server.seen
        assert (seen.verb, seen.path, seen.headers["content-type"]) == ("POST", "/sign", "application/json")
        assert json.loads(seen.body) == {"csr": csr_pem(pki.csr("leaf"))}
        assert seen.headers["accept"] == "*/*"

    @pytest.mark.parametrize("form", ["PEM", "DER"])
    def test_a_body_of_pkcs7(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], signed: Signed, form: str
    ) -> None:
        (pki.folder / "answer.pem").write_text("".join(pem[name] for name in ("ca", "leaf", "root")))
        body = pki("crl2pkcs7", "-nocrl", "-certfile", "answer.pem", "-outform", form)
        Script(server, reply(body, Content_Type="application/pkcs7-mime"))
        assert signer(server, files.ca).sign(order(pki.csr("leaf"))) == signed

    def test_base64_of_der_in_a_list_and_pem_with_escapes(
        self, server: Loopback, files: Files, pki: Openssl, signed: Signed
    ) -> None:
        coded = [base64.b64encode(pki.der(name)).decode() for name in ("leaf", "ca", "root")]
        Script(server, said({"chain": coded}))
        assert signer(server, files.ca, answer={"certificate": "/chain"}).sign(order(pki.csr("leaf"))) == signed

    def test_by_header_and_by_pattern(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], signed: Signed
    ) -> None:
        coded = base64.b64encode(pki.der("leaf")).decode()
        Script(server, reply(f"<cert>{pem['ca']}{pem['root']}</cert>".encode(), X_Certificate=coded))
        answer = {"certificate": "header:X-Certificate", "chain": "regex:(?s)<cert>(.*)</cert>"}
        assert signer(server, files.ca, answer=answer).sign(order(pki.csr("leaf"))) == signed

    def test_one_of_another_key_is_refused(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        Script(server, reply(pem["other"].encode()))
        with pytest.raises(SignerError, match="is not for this request") as raised:
            signer(server, files.ca).sign(order(pki.csr("leaf")))
        assert not raised.value.not_sent

    def test_connections_are_kept(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        Script(server, reply(pem["leaf"].encode()))
        asking = signer(server, files.ca)
        for _number in range(3):
            asking.sign(order(pki.csr("leaf")))
        assert [seen.connection for seen in server.seen] == [1, 1, 1]


class TestBodies:
    def test_form(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        Script(server, reply(pem["leaf"].encode()))
        form = {
            "Mode": "newreq",
            "CertRequest": "${csr_pem}",
            "san": "${san_dns}",
            "uri": "${san_uri}",
            "ttl": "${validity_hours}h",
            "days": "${validity_days}",
            "yes": True,
            "name": "CN=${dn.cn}&x",
        }
        signer(server, files.ca, request={"path": "/certfnsh.asp", "form": form}, validity="2d").sign(
            order(pki.csr("leaf"))
        )
        (seen,) = server.seen
        assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
        assert parse_qs(seen.body.decode()) == {
            "Mode": ["newreq"],
            "CertRequest": [csr_pem(pki.csr("leaf"))],
            "san": ["www.example.com", "example.com"],
            "ttl": ["48h"],
            "days": ["2"],
            "yes": ["true"],
            "name": ["CN=Jos\u00e9 P\u00e9rez&x"],
        }

    @pytest.mark.parametrize(
        ("text", "content_type", "sent"),
        [
            ("${csr_der}", None, "application/pkcs10"),
            ("${csr_base64}", "application/pkcs10", "application/pkcs10"),
            ("${csr_pem}", "application/x-pem-file", "application/x-pem-file"),
            ("cn=${dn.cn};$${csr}", None, "text/plain; charset=utf-8"),
        ],
    )
    def test_raw(
        self,
        server: Loopback,
        files: Files,
        pki: Openssl,
        pem: dict[str, str],
        text: str,
        content_type: str | None,
        sent: str,
    ) -> None:
        csr = pki.csr("leaf")
        bodies = {
            "${csr_der}": csr,
            "${csr_base64}": base64.b64encode(csr),
            "${csr_pem}": csr_pem(csr).encode(),
            "cn=${dn.cn};$${csr}": "cn=Jos\u00e9 P\u00e9rez;${csr}".encode(),
        }
        Script(server, reply(pem["leaf"].encode()))
        request = {"path": "/enroll", "method": "PUT", "body": text, "content_type": content_type}
        signer(server, files.ca, request=request).sign(order(csr))
        (seen,) = server.seen
        assert (seen.verb, seen.body, seen.headers["content-type"]) == ("PUT", bodies[text], sent)

    def test_without_a_body(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        Script(server, reply(pem["leaf"].encode()))
        request = {"path": "/enroll?name=${name}&dn=${dn_rfc4514}", "headers": {"x-csr": "${csr_base64}"}}
        signer(server, files.ca, request=request).sign(order(pki.csr("leaf")))
        (seen,) = server.seen
        assert (seen.verb, seen.body) == ("GET", b"")
        expected = "CN%3DJos%C3%A9%20P%C3%A9rez%2COU%3DTwo%2COU%3DOne%2CO%3DA%5C%2C%20B%2CC%3DES"
        assert seen.path == f"/enroll?name=john%20doe&dn={expected}"
        assert seen.headers["x-csr"] == base64.b64encode(pki.csr("leaf")).decode()

    def test_the_path_of_the_url_comes_first(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        Script(server, reply(pem["leaf"].encode()))
        signer(server, files.ca, url=server.url("/ejbca/rest/")).sign(order(pki.csr("leaf")))
        assert server.seen[0].path == "/ejbca/rest/sign"


class TestPrepare:
    def test_requests_come_first_and_may_have_been_made_before(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        Script(server, said({}, "409 Conflict"), said({}, "201 Created"), reply(pem["leaf"].encode()))
        prepare = [
            {"path": "/entities", "json": {"cn": "${dn.cn}"}, "accept": [409]},
            {"method": "PUT", "path": "/entities/${name}/approved"},
        ]
        assert isinstance(signer(server, files.ca, prepare=prepare).sign(order(pki.csr("leaf"))), Signed)
        assert [(seen.verb, seen.path) for seen in server.seen] == [
            ("POST", "/entities"),
            ("PUT", "/entities/john%20doe/approved"),
            ("POST", "/sign"),
        ]

    def test_a_failure_ends_it_and_the_order_was_not_sent(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({"error": "disk full"}, "500 Oops"))
        with pytest.raises(SignerError, match=r"prepare at .*\(http.prepare\[0\]\): the CA failed \(HTTP 500: .*disk"):
            signer(server, files.ca, prepare=[{"path": "/a"}]).sign(order(pki.csr("leaf")))
        assert [seen.path for seen in server.seen] == ["/a"]

    def test_a_lost_answer_of_it_does_not_count_as_one_of_the_order(
        self, server: Loopback, files: Files, pki: Openssl
    ) -> None:
        Script(server, None)
        with pytest.raises(SignerError) as raised:
            signer(server, files.ca, prepare=[{"path": "/a", "json": {}}]).sign(order(pki.csr("leaf")))
        assert raised.value.not_sent

    def test_a_missing_value_is_found_before_anything_is_sent(
        self, server: Loopback, files: Files, pki: Openssl
    ) -> None:
        asking = signer(server, files.ca, prepare=[{"path": "/a"}], request={"path": "/x/${dn.uid}"})
        with pytest.raises(
            ConfigurationError, match=r"http.request.path: john doe, revision 3, has no value for \$\{dn.uid"
        ):
            asking.sign(order(pki.csr("leaf")))
        assert server.seen == []


class TestRevoke:
    ASK: t.ClassVar[dict[str, t.Any]] = {
        "request": {
            "path": "/revoke/${serial_hex}",
            "accept": [409],
            "json": {
                "serial": "${serial_decimal}",
                "reason": "${reason}",
                "upper": "${reason_upper}",
                "code": "${reason_code}",
                "aki": "${authority_key_id}",
                "issuer": "${issuer_rfc4514}",
                "pem": "${certificate_pem}",
                "der": "${certificate_base64}",
                "thumbprint": "${thumbprint}",
                "number": "${order_number}",
                "who": "${name} ${revision}",
            },
        }
    }

    @pytest.mark.parametrize("status", ["200 OK", "204 No Content", "409 Conflict"])
    def test_done(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], status: str) -> None:
        Script(server, reply(b"", status))
        leaf = pki.der("leaf")
        signer(server, files.ca, revoke=self.ASK).revoke(Revocation("john", 2, leaf, reason="keyCompromise"))
        serial = pki.text("x509", "-in", "leaf.crt", "-noout", "-serial").partition("=")[2].lower()
        aki = pki.text("x509", "-in", "ca.crt", "-noout", "-ext", "subjectKeyIdentifier").split()[-1]
        facts = certificate_facts(leaf)
        (seen,) = server.seen
        assert seen.path == f"/revoke/{serial}"
        assert json.loads(seen.body) == {
            "serial": str(int(serial, 16)),
            "reason": "keyCompromise",
            "upper": "KEY_COMPROMISE",
            "code": 1,
            "aki": aki.replace(":", "").lower(),
            "issuer": "CN=Issuing CA,O=Redtrust,C=ES",
            "pem": pem["leaf"],
            "der": base64.b64encode(leaf).decode(),
            "thumbprint": facts.thumbprint,
            "who": "john 2",
        }

    def test_failed(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({}, "500 Oops"))
        with pytest.raises(SignerError, match=r"revoke at .*\(http.revoke.request\): the CA failed .*revoke it again"):
            signer(server, files.ca, revoke=self.ASK).revoke(Revocation("john", 2, pki.der("leaf")))

    def test_refused(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({"m": "not ours"}, "400 Bad"))
        asking = signer(server, files.ca, revoke={**self.ASK, "answer": {"never": {"status": 400}}})
        with pytest.raises(SignerRejectedError, match="not ours"):
            asking.revoke(Revocation("john", 2, pki.der("leaf")))

    def test_a_ca_that_cannot(self, server: Loopback, files: Files, pki: Openssl) -> None:
        with pytest.raises(ConfigurationError, match="revoke it at the CA"):
            signer(server, files.ca).revoke(Revocation("john", 2, pki.der("leaf")))


def test_signers_of_one_ca_share_its_rate(server: Loopback, files: Files) -> None:
    basic: dict[str, t.Any] = {"username": "ana", "password": "one"}
    asking = signer(server, files.ca, **basic)
    assert asking.identity() == signer(server, files.ca, **{**basic, "password": "two"}, validity="3d").identity()
    others = [signer(server, files.ca), signer(server, files.ca, url="https://ca.example.com", **basic)]
    assert len({asking.identity(), *(other.identity() for other in others)}) == 3
    assert "one" not in asking.identity()
