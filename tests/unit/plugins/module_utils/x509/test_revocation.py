# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an OCSP responder and a revocation list tell of a certificate, and whom they are not believed."""

from __future__ import annotations

import collections.abc as c
import subprocess
import textwrap
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.crl import RevocationList
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.ocsp import ocsp_request, read_ocsp
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.revocation import (
    NotKnownError,
    Revoked,
    crl_urls,
    ocsp_urls,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.x509.revocation_ca import (
    CRL_URL,
    DAY,
    HOUR,
    NOW,
    OCSP_URL,
    RevocationCa,
    der,
    partition,
    refusal,
)

CA = RevocationCa()
GOOD = CA.issue()
BAD = CA.issue()
HELD = CA.issue()
# another key with the name of the CA
IMPOSTOR = RevocationCa()
FORGED = (IMPOSTOR.certificate, IMPOSTOR.key)
CA.revoke(BAD)
CA.revoke(HELD, x509.ReasonFlags.certificate_hold)


def asked(answer: bytes, certificate: x509.Certificate = GOOD) -> Revoked | None:
    return read_ocsp(answer, der(certificate), CA.der, NOW)


def listed(content: bytes, certificate: x509.Certificate = GOOD) -> Revoked | None:
    return RevocationList(content, CA.der).find(certificate.serial_number, crl_urls(der(certificate)), NOW)


class TestWhere:
    def test_the_places_in_a_certificate(self) -> None:
        assert ocsp_urls(der(GOOD)) == (OCSP_URL,)
        assert crl_urls(der(GOOD)) == (CRL_URL,)

    def test_other_places_are_left_out(self) -> None:
        odd = CA.issue(ocsp_url="ldap://ca.invalid", crl_url="http://ca.invalid/a b")
        none = CA.issue(ocsp_url=None, crl_url=None)
        for one in (der(odd), der(none), b"rubbish"):
            assert (ocsp_urls(one), crl_urls(one)) == ((), ())


class TestRequest:
    def test_it_is_the_request_of_another_program(self) -> None:
        built = ocsp.OCSPRequestBuilder().add_certificate(GOOD, CA.certificate, hashes.SHA1()).build()
        assert ocsp_request(der(GOOD), CA.der) == built.public_bytes(Encoding.DER)


class TestOcsp:
    @pytest.mark.parametrize("by_hash", [True, False])
    def test_good_and_revoked(self, by_hash: bool) -> None:
        assert asked(CA.answer(GOOD, by_hash=by_hash)) is None
        assert asked(CA.answer(BAD, by_hash=by_hash), BAD) == Revoked(NOW - HOUR, "keyCompromise")
        held = asked(CA.answer(HELD), HELD)
        assert held is not None
        assert held.is_hold

    def test_a_responder_that_the_ca_named(self) -> None:
        assert asked(CA.answer(GOOD, by=CA.responder())) is None
        assert asked(CA.answer(BAD, by=CA.responder(), by_hash=False), BAD) is not None

    def test_an_answer_of_openssl(self, tmp_path: Path) -> None:
        """The program is another implementation, so both cannot be wrong in the same way."""
        (tmp_path / "ca.pem").write_bytes(CA.certificate.public_bytes(Encoding.PEM))
        (tmp_path / "ca.key").write_bytes(CA.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (tmp_path / "index.txt").write_text(
            f"V\t300101000000Z\t\t{GOOD.serial_number:X}\tunknown\t/CN=www\n"
            f"R\t300101000000Z\t260501000000Z,superseded\t{BAD.serial_number:X}\tunknown\t/CN=www\n"
        )
        for certificate, expected in ((GOOD, None), (BAD, "superseded")):
            (tmp_path / "request").write_bytes(ocsp_request(der(certificate), CA.der))
            argv = "openssl ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.key -reqin request"
            subprocess.run(
                [*argv.split(), "-respout", "answer", "-ndays", "9"], cwd=tmp_path, check=True, capture_output=True
            )
            answer = (tmp_path / "answer").read_bytes()
            begins = ocsp.load_der_ocsp_response(answer).this_update_utc
            found = read_ocsp(answer, der(certificate), CA.der, begins)
            assert (found and found.reason) == expected

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (lambda: b"<html>", "no answer of OCSP"),
            (lambda: b"", "no answer of OCSP"),
            (refusal, "gives no answer .try_later"),
            (lambda: CA.answer(BAD), "about another certificate"),
            (lambda: CA.answer(GOOD, status=ocsp.OCSPCertStatus.UNKNOWN), "does not know the certificate"),
            (lambda: CA.answer(GOOD, begins=NOW - 2 * DAY, ends=NOW - DAY), "too old: it was good until 2026-05-31"),
            (lambda: CA.answer(GOOD, begins=NOW - 2 * DAY, ends=None), "too old"),
            (lambda: CA.answer(GOOD, begins=NOW + DAY, ends=NOW + 2 * DAY), "not over yet"),
            (lambda: CA.answer(GOOD, by=CA.responder(extensions=())), "not one for OCSP"),
            (lambda: CA.answer(GOOD, by=CA.responder(days=1)), "responder expired"),
            (lambda: CA.answer(GOOD, by=RevocationCa("other").responder()), "not of the CA"),
            (
                lambda: CA.answer(GOOD, by=FORGED, by_hash=False),
                "signature of the answer is wrong",
            ),
            (lambda: CA.answer(GOOD)[:-3] + b"abc", "signature of the answer is wrong"),
        ],
    )
    def test_what_is_not_believed(self, answer: c.Callable[[], bytes], why: str) -> None:
        with pytest.raises(NotKnownError, match=why):
            asked(answer())

    def test_an_answer_about_a_certificate_of_another_ca_with_this_serial_number(self) -> None:
        with pytest.raises(NotKnownError, match="neither the certificate"):
            read_ocsp(CA.answer(GOOD), der(GOOD), RevocationCa("other").der, NOW)


class TestList:
    def test_good_and_revoked(self) -> None:
        assert listed(CA.crl()) is None
        assert listed(CA.crl(), BAD) == Revoked(NOW - HOUR, "keyCompromise")

    def test_one_without_a_reason(self) -> None:
        ca = RevocationCa(key=CA.key)
        ca.revoke(GOOD, None)
        assert RevocationList(ca.crl(), CA.der).find(GOOD.serial_number, (), NOW) == Revoked(NOW - HOUR)

    def test_pem(self) -> None:
        lines = "\n".join(textwrap.wrap(b64encode(CA.crl()).decode(), 64))
        text = f"-----BEGIN X509 CRL-----\n{lines}\n-----END X509 CRL-----\n"
        assert listed(text.encode(), BAD) is not None

    def test_one_for_a_part_of_the_certificates(self) -> None:
        mine = CA.crl(extensions=[partition(CRL_URL)])
        other = CA.crl(extensions=[partition("http://crl.invalid/2")])
        assert listed(mine) is None
        assert listed(other, BAD) is not None
        with pytest.raises(NotKnownError, match="another distribution point"):
            listed(other)

    def test_an_old_list_tells_who_is_on_it(self) -> None:
        old = CA.crl(begins=NOW - 9 * DAY, ends=NOW - DAY)
        assert listed(old, BAD) is not None
        with pytest.raises(NotKnownError, match="good until 2026-05-31"):
            listed(old)

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (lambda: b"<html>", "no revocation list"),
            (lambda: b"-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----", "not base64"),
            (lambda: RevocationCa("other").crl(), "of another CA"),
            (lambda: CA.crl(key=RevocationCa().key), "signature of the list is wrong"),
            (lambda: CA.crl(begins=NOW + DAY, ends=NOW + 2 * DAY), "not over yet"),
            (lambda: CA.crl(extensions=[x509.DeltaCRLIndicator(1)]), "critical extension 2.5.29.27"),
            (lambda: CA.crl(extensions=[partition(CRL_URL, of_cas=True)]), "other kinds of certificates"),
            (lambda: CA.crl(extensions=[partition(None)]), "for the certificates of another distribution point"),
        ],
    )
    def test_what_is_not_believed(self, content: c.Callable[[], bytes], why: str) -> None:
        with pytest.raises(NotKnownError, match=why):
            listed(content())
