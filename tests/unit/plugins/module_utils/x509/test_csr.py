# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate requests, among them the one of the vendor's page."""

from __future__ import annotations

import base64
import typing as t

import cryptography
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError, GateError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    check_proof_of_possession,
    csr_pem,
    csr_public_key_sha256,
    parse_csr,
)

CRYPTOGRAPHY = tuple(map(int, cryptography.__version__.split(".")[:1]))

if t.TYPE_CHECKING:
    from ..conftest import Openssl


def test_the_vendors_csr_in_every_form(openssl: Openssl, vendor_csr: str) -> None:
    der = base64.b64decode(vendor_csr)
    pem = openssl.text("req", "-inform", "DER", stdin=der)
    lines = base64.encodebytes(der).decode().replace("\n", "\r\n")
    for text in (vendor_csr, lines, pem, "\ufeff" + pem, pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")):
        assert parse_csr(text) == der
    assert csr_pem(der).strip() == pem


def test_the_vendors_csr_proves_possession_although_signed_with_sha1(openssl: Openssl, vendor_csr: str) -> None:
    der = parse_csr(vendor_csr)
    assert "sha1With" in openssl.text("req", "-inform", "DER", "-noout", "-text", stdin=der)
    check_proof_of_possession(der)


def test_public_key_is_what_openssl_says(openssl: Openssl, vendor_csr: str) -> None:
    der = parse_csr(vendor_csr)
    pem = openssl("req", "-inform", "DER", "-noout", "-pubkey", stdin=der)
    spki = openssl("pkey", "-pubin", "-outform", "DER", stdin=pem)
    assert csr_public_key_sha256(der) == openssl.text("dgst", "-sha256", "-r", stdin=spki).split()[0]


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("rsa:2048", ["-sha256"]),
        ("rsa:2048", ["-sha1"]),
        pytest.param(
            "rsa:2048",
            ["-sha384", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:48"],
            marks=pytest.mark.skipif(CRYPTOGRAPHY < (42,), reason="cryptography 41 does not read PSS parameters"),
        ),
        ("ec:p256", ["-sha512"]),
        ("ec:p256", ["-sha1"]),
        ("ed25519", []),
        ("ed448", []),
    ],
)
def test_each_kind_of_key_proves_possession(openssl: Openssl, key: str, options: list[str]) -> None:
    openssl.request("leaf", "/CN=x", *options, key=key)
    der = openssl.csr("leaf")
    check_proof_of_possession(der)
    with pytest.raises(GateError, match="not signed by its own key"):
        check_proof_of_possession(_with_another_subject(der))


def _with_another_subject(der: bytes) -> bytes:
    changed = der.replace(b"\x0c\x01x", b"\x0c\x01y", 1)
    assert changed != der
    return changed


def test_a_broken_signature_on_the_vendors_csr_is_refused(vendor_csr: str) -> None:
    der = parse_csr(vendor_csr)
    with pytest.raises(GateError, match="not signed by its own key"):
        check_proof_of_possession(der[:-1] + bytes([der[-1] ^ 1]))


def test_what_has_another_tag_than_a_request_is_none(vendor_csr: str) -> None:
    der = bytearray(base64.b64decode(vendor_csr))
    der[4] = 0  # the tag of the signed part
    with pytest.raises(ConfigurationError, match="not a PKCS#10 certificate request"):
        parse_csr(base64.b64encode(der).decode())


def test_a_dsa_key_proves_possession(openssl: Openssl) -> None:
    openssl("dsaparam", "-out", "dsa", "1024")
    openssl.request("leaf", "/CN=x", key="dsa:dsa")
    check_proof_of_possession(openssl.csr("leaf"))
    with pytest.raises(GateError, match="not signed by its own key"):
        check_proof_of_possession(_with_another_subject(openssl.csr("leaf")))


def test_a_signature_of_another_kind_than_the_key_is_refused(openssl: Openssl) -> None:
    openssl.request("rsa", "/CN=x", key="rsa:1024")
    rsa_with_sha256 = bytes.fromhex("2a864886f70d01010b")
    rsa_with_md2 = bytes.fromhex("2a864886f70d010102")
    der = openssl.csr("rsa")
    assert der.count(rsa_with_sha256) == 1
    with pytest.raises(GateError, match=r"1\.2\.840\.113549\.1\.1\.2\) cannot be checked"):
        check_proof_of_possession(der.replace(rsa_with_sha256, rsa_with_md2))


def test_what_is_no_single_csr_is_refused(openssl: Openssl, pki: Openssl, vendor_csr: str) -> None:
    pem = csr_pem(parse_csr(vendor_csr))
    certificate = (pki.folder / "leaf.crt").read_text()
    truncated = base64.b64encode(base64.b64decode(vendor_csr)[:-2]).decode()
    for text in ("", "not a request", pem + pem, certificate, truncated, vendor_csr[:-3], "\u00e9", "AAAA"):
        with pytest.raises(ConfigurationError, match=r"CSR|request"):
            parse_csr(text)


@given(st.text())
def test_rubbish_is_always_our_own_error(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_csr(text)
