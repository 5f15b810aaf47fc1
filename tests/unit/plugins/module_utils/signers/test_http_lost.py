# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA with a REST interface that may have had a request before: a run that handed it over left no answer."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    SignerError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    NotYet,
    Signed,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.revocation import utc_of
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Files,
    Loopback,
    reply,
)

from .rest_ca import ID, Script, order, said, signer

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")

NUMBERED = {"certificate": "/certificate", "order_number": "/id", "reason": "/status"}
POLL = {
    "request": {"path": "/orders/${order_number}"},
    "answer": {**NUMBERED, "not_yet": {"when": {"/status": ["pending"]}}},
}


def _twin(pki: Openssl, serial: int) -> bytes:
    """Return a certificate in PEM for the key ``leaf``, the same for each serial number but for that."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = serialization.load_pem_private_key((pki.folder / "ca.key").read_bytes(), None)
    old = x509.load_pem_x509_certificate((pki.folder / "leaf.crt").read_bytes())
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), serial)
    begins, ends = utc_of(old, "not_valid_before"), utc_of(old, "not_valid_after")
    assert begins
    assert ends
    builder = builder.not_valid_before(begins).not_valid_after(ends)
    return builder.sign(t.cast("t.Any", key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class TestLostAnswers:
    FIND: t.ClassVar[dict[str, t.Any]] = {"request": {"path": "/find/${request_id}"}}

    def test_what_is_found_is_taken(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        Script(server, reply((pem["other"] + pem["leaf"]).encode()))
        assert isinstance(signer(server, files.ca, find=self.FIND).sign(order(pki.csr("leaf"), again=True)), Signed)
        assert [seen.path for seen in server.seen] == [f"/find/{ID}"]

    def test_without_doubt_nothing_is_looked_for(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        Script(server, reply(pem["leaf"].encode()))
        signer(server, files.ca, find=self.FIND).sign(order(pki.csr("leaf")))
        assert [seen.path for seen in server.seen] == ["/sign"]

    @pytest.mark.parametrize("nothing", [said({}, "404 Not Found"), said([]), reply(b"")])
    def test_what_is_not_found_is_ordered(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], nothing: bytes
    ) -> None:
        Script(server, nothing, reply(pem["leaf"].encode()))
        signed = signer(server, files.ca, find=self.FIND).sign(order(pki.csr("leaf"), again=True))
        assert isinstance(signed, Signed)
        assert signed.warnings == ()
        assert [seen.path for seen in server.seen] == [f"/find/{ID}", "/sign"]

    def test_certificates_of_others_are_none(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        Script(server, reply(pem["other"].encode()), reply(pem["leaf"].encode()))
        assert isinstance(signer(server, files.ca, find=self.FIND).sign(order(pki.csr("leaf"), again=True)), Signed)
        assert [seen.path for seen in server.seen] == [f"/find/{ID}", "/sign"]

    def test_two_of_the_same_key_and_time_are_not_none(self, server: Loopback, files: Files, pki: Openssl) -> None:
        """The CA has issued twice already: a third one would not help."""
        twice = b"".join(_twin(pki, serial) for serial in (7, 8))
        Script(server, reply(twice))
        with pytest.raises(SignerError, match=r"find at .*2 of the certificates have the key of the request") as raised:
            signer(server, files.ca, find=self.FIND).sign(order(pki.csr("leaf"), again=True))
        assert not raised.value.not_sent
        assert len(server.seen) == 1

    def test_a_search_that_fails_orders_nothing(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({}, "500 Oops"))
        with pytest.raises(SignerError, match=r"find at .*the next run looks again"):
            signer(server, files.ca, find=self.FIND).sign(order(pki.csr("leaf"), again=True))
        assert len(server.seen) == 1

    def test_a_found_number_is_asked_for(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        kept: list[str] = []
        Script(server, said([{"id": 9}]), said({"certificate": pem["leaf"]}))
        find = {**self.FIND, "answer": {"certificate": "/0/certificate", "order_number": "/0/id"}}
        asking = signer(server, files.ca, find=find, poll=POLL)
        assert isinstance(asking.sign(order(pki.csr("leaf"), again=True, keep_order_number=kept.append)), Signed)
        assert kept == ["9"]
        assert [seen.path for seen in server.seen] == [f"/find/{ID}", "/orders/9"]

    def test_one_that_takes_time(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({}, "202 Accepted"))
        assert signer(server, files.ca, find=self.FIND).sign(order(pki.csr("leaf"), again=True)) == NotYet()
        assert len(server.seen) == 1

    def test_a_repetition_warns(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        Script(server, reply(pem["leaf"].encode()))
        signed = signer(server, files.ca).sign(order(pki.csr("leaf"), again=True))
        assert isinstance(signed, Signed)
        assert re.search(
            r"john doe, revision 3: .* may have issued two certificates: .*http\.find", signed.warnings[-1]
        )

    @pytest.mark.parametrize("name", ["request_id", "request_uuid", "request_number"])
    def test_a_repetition_under_an_id_does_not(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], name: str
    ) -> None:
        Script(server, reply(pem["leaf"].encode()))
        request = {"path": "/sign", "headers": {"Idempotency-Key": f"${{{name}}}"}, "body": "${csr_pem}"}
        asking = signer(server, files.ca, request=request)
        signed = [asking.sign(order(pki.csr("leaf"), again=again)) for again in (False, True)]
        assert [one.warnings for one in signed if isinstance(one, Signed)] == [(), ()]
        first, second = (seen.headers["idempotency-key"] for seen in server.seen)
        assert first == second

    def test_stop(self, server: Loopback, files: Files, pki: Openssl) -> None:
        asking = signer(server, files.ca, lost_answer="stop")
        with pytest.raises(SignerError, match=r"http.lost_answer is stop: look there for a certificate") as raised:
            asking.sign(order(pki.csr("leaf"), again=True))
        assert not raised.value.not_sent
        assert server.seen == []
