# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in every form; the expected values are output of the openssl program."""

from __future__ import annotations

import base64
import datetime as dt
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    certificate_facts,
    certificate_pem,
    encode_upload,
    normalize_thumbprint,
    parse_certificates,
    thumbprint,
)

if t.TYPE_CHECKING:
    from ..conftest import Openssl

THUMBPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"


def test_facts_are_what_openssl_says(pki: Openssl) -> None:
    facts = certificate_facts(pki.der("leaf"))

    def said(option: str, *more: str) -> str:
        return pki.text("x509", "-in", "leaf.crt", "-noout", option, *more).split("=", 1)[1]

    def moment(text: str) -> dt.datetime:
        return dt.datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=dt.timezone.utc)

    assert facts.thumbprint == said("-fingerprint", "-sha1").replace(":", "")
    assert facts.serial_number == int(said("-serial"), 16)
    assert facts.not_valid_before == moment(said("-startdate"))
    assert facts.not_valid_after == moment(said("-enddate"))
    spki = pki("pkey", "-pubin", "-outform", "DER", stdin=pki("x509", "-in", "leaf.crt", "-noout", "-pubkey"))
    assert facts.public_key_sha256 == pki.text("dgst", "-sha256", "-r", stdin=spki).split()[0]


def test_subject_is_in_order_with_the_names_of_the_vendors_page(pki: Openssl) -> None:
    subject = certificate_facts(pki.der("leaf")).subject
    assert subject.attributes == (
        ("c", "ES"),
        ("o", "Redtrust"),
        ("ou", "First"),
        ("ou", "Second"),
        ("cn", "Jos\u00e9 P\u00e9rez"),
    )


def test_a_subject_that_breaks_the_rules_of_x509_can_be_read(openssl: Openssl) -> None:
    (openssl.folder / "ca.cnf").write_text(
        "[req]\nprompt=no\ndistinguished_name=dn\nstring_mask=utf8only\n[dn]\n"
        "0.1.2.3.4=a value\nemailAddress=a@example.com\nCN=x\n"
    )
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-config", "ca.cnf", "-keyout", "k", "-out", "leaf.crt")
    assert certificate_facts(openssl.der("leaf")).subject.attributes == (
        ("1.2.3.4", "a value"),
        ("emailAddress", "a@example.com"),
        ("cn", "x"),
    )


@pytest.mark.parametrize(
    "pasted",
    [
        "\u200e01 23 45 67 89 ab cd ef 01 23 45 67 89 ab cd ef 01 23 45 67",
        "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67",
        "\ufeff0123456789abcdef\u200b0123456789abcdef01234567\r\n",
        THUMBPRINT,
    ],
)
def test_pasted_thumbprints(pasted: str) -> None:
    assert normalize_thumbprint(pasted) == THUMBPRINT


@given(
    digits=st.text("0123456789abcdefABCDEF", min_size=40, max_size=40),
    noise=st.lists(st.sampled_from([" ", ":", "\u200e", "\u200f", "\u00a0", "\t", "\u2060"]), min_size=41, max_size=41),
)
def test_noise_in_a_thumbprint_makes_no_difference(digits: str, noise: list[str]) -> None:
    pasted = noise[0] + "".join(digit + between for digit, between in zip(digits, noise[1:], strict=True))
    assert normalize_thumbprint(pasted) == digits.upper()


@given(st.text().filter(lambda text: sum(char in "0123456789abcdefABCDEF" for char in text) != 40))
def test_whatever_has_not_40_hex_digits_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="40 hex digits"):
        normalize_thumbprint(text)


@pytest.mark.parametrize(
    "wrong",
    ["", THUMBPRINT[:-1], THUMBPRINT + "0", THUMBPRINT[:-1] + "G", THUMBPRINT[:-1] + "\uff10", "0x" + THUMBPRINT[2:]],
)
def test_other_thumbprints_are_refused_and_shown(wrong: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        normalize_thumbprint(wrong)
    assert ascii(wrong) in str(caught.value)


def test_pem_with_text_around_keeps_its_order(pki: Openssl) -> None:
    bundle = b"\n".join(pki("x509", "-in", f"{name}.crt", "-text") for name in ("ca", "leaf", "root"))
    assert parse_certificates(bundle) == [pki.der("ca"), pki.der("leaf"), pki.der("root")]
    assert parse_certificates(bundle.decode()) == parse_certificates(bundle)
    assert parse_certificates(bundle.replace(b"\n", b"\r\n")) == parse_certificates(bundle)


def test_other_pem_blocks_beside_certificates_are_text_around(pki: Openssl) -> None:
    bundle = (pki.folder / "leaf.csr").read_bytes() + (pki.folder / "leaf.crt").read_bytes()
    assert parse_certificates(bundle) == [pki.der("leaf")]


def test_der_and_its_base64(pki: Openssl) -> None:
    der = pki.der("leaf")
    assert parse_certificates(der) == [der]
    assert parse_certificates(base64.b64encode(der)) == [der]
    assert parse_certificates("\ufeff" + base64.encodebytes(der).decode()) == [der]


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_pkcs7(pki: Openssl, form: str) -> None:
    certificates = ("-certfile", "leaf.crt", "-certfile", "ca.crt")
    bundle = pki("crl2pkcs7", "-nocrl", *certificates, "-outform", form)
    expected = [pki.der("leaf"), pki.der("ca")]
    assert parse_certificates(bundle) == expected
    if form == "DER":
        assert parse_certificates(base64.b64encode(bundle)) == expected
        # certutil -encode calls everything a certificate
        armoured = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(bundle) + b"-----END CERTIFICATE-----\n"
        assert parse_certificates(armoured) == expected


def _wrong_data(pki: Openssl) -> dict[str, tuple[bytes, str]]:
    pem = (pki.folder / "leaf.crt").read_bytes()
    return {
        "nothing": (b"", "nothing at all"),
        "white space": (b" \n", "white space only"),
        "prose": (b"Access denied for you\nmore", "text that begins 'Access denied for you'"),
        "request": ((pki.folder / "leaf.csr").read_bytes(), "PEM of: CERTIFICATE REQUEST"),
        "key": ((pki.folder / "leaf.key").read_bytes(), "PEM of: PRIVATE KEY"),
        "cut PEM": (pem + pem[:-40], "cut off"),
        "cut DER": (pki.der("leaf")[:-1], "DER that is cut off: 1 of"),
        "DER with more behind": (pki.der("leaf") + b"\0", "goes on after its end: 1 bytes too many"),
        "bytes": (b"\xff\x00\x01", "3 bytes that are neither"),
        "broken PEM": (b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----", "not base64"),
        "other DER": (pki.csr("leaf"), "but a certificate request"),
        "empty PKCS#7": (pki("crl2pkcs7", "-nocrl", "-outform", "DER"), "PKCS#7 without a certificate"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "nothing",
        "white space",
        "prose",
        "request",
        "key",
        "cut PEM",
        "cut DER",
        "DER with more behind",
        "bytes",
        "broken PEM",
        "other DER",
        "empty PKCS#7",
    ],
)
def test_what_is_no_certificate_is_told(pki: Openssl, case: str) -> None:
    data, message = _wrong_data(pki)[case]
    with pytest.raises(ConfigurationError, match=message):
        parse_certificates(data)


def test_a_bare_private_key_is_never_quoted(pki: Openssl) -> None:
    body = b"".join((pki.folder / "leaf.key").read_bytes().splitlines()[1:-1])
    for damaged in (body, body + b"?", body + b" ?"):
        with pytest.raises(ConfigurationError) as caught:
            parse_certificates(damaged)
        assert body[20:40].decode() not in str(caught.value)


@given(st.binary() | st.text())
def test_rubbish_is_always_our_own_error(data: bytes | str) -> None:
    with pytest.raises(ConfigurationError):
        parse_certificates(data)


def test_pem_is_what_openssl_writes(pki: Openssl) -> None:
    assert certificate_pem(pki.der("leaf")) == (pki.folder / "leaf.crt").read_text()


def test_upload_of_der_is_the_certificate_alone(pki: Openssl) -> None:
    uploaded = encode_upload(pki.der("leaf"), [pki.der("ca")], "der")
    assert "\n" not in uploaded
    assert base64.b64decode(uploaded) == pki.der("leaf")
    assert thumbprint(base64.b64decode(uploaded)) == certificate_facts(pki.der("leaf")).thumbprint


def test_upload_of_pkcs7_is_read_by_openssl(pki: Openssl) -> None:
    uploaded = base64.b64decode(encode_upload(pki.der("leaf"), [pki.der("ca"), pki.der("root")], "pkcs7"))
    printed = pki("pkcs7", "-inform", "DER", "-print_certs", stdin=uploaded)
    assert sorted(parse_certificates(printed)) == sorted([pki.der("leaf"), pki.der("ca"), pki.der("root")])


def test_upload_of_pem_is_leaf_then_chain(pki: Openssl) -> None:
    uploaded = base64.b64decode(encode_upload(pki.der("leaf"), [pki.der("ca")], "pem"))
    assert uploaded == (pki.folder / "leaf.crt").read_bytes() + (pki.folder / "ca.crt").read_bytes()


def test_unknown_upload_encoding(pki: Openssl) -> None:
    with pytest.raises(ConfigurationError, match="der, pkcs7, pem"):
        encode_upload(pki.der("leaf"), [], t.cast("t.Any", "p12"))
