# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names as CAs write them into certificates, also against the standard."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import GateError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    SubjectMatch,
    certificate_facts,
    chain_above,
    check_certificate,
    check_proof_of_possession,
    csr_public_key_sha256,
    order_chain,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.x509 import made

if t.TYPE_CHECKING:
    from ..conftest import Openssl

LEAF, CA, ROOT = made.Key(), made.Key(), made.Key()
MULLER = "M\u00fcller"

# the encoded bytes, the string type, and the text that is read
READABLE = [
    pytest.param(b"M\xfcller", made.T61, MULLER, id="T61String with Latin-1"),
    pytest.param(MULLER.encode(), made.T61, MULLER, id="T61String with UTF-8"),
    pytest.param(b"M\xc8uller", made.T61, "M\u00c8uller", id="T61String with an escape of T.61"),
    pytest.param(b"plain", made.T61, "plain", id="T61String"),
    pytest.param(MULLER.encode("utf-16-be"), made.BMP, MULLER, id="BMPString"),
    pytest.param("\U0001f600".encode("utf-16-be"), made.BMP, "\U0001f600", id="BMPString with surrogates"),
    pytest.param(MULLER.encode("utf-32-be"), made.UNIVERSAL, MULLER, id="UniversalString"),
    pytest.param(b"M\xfcller", made.UTF8, MULLER, id="UTF8String with Latin-1"),
    pytest.param(b"M\xfcller", made.PRINTABLE, MULLER, id="PrintableString with Latin-1"),
    pytest.param(MULLER.encode(), made.PRINTABLE, MULLER, id="PrintableString with UTF-8"),
    pytest.param(b"M\xfcller", made.IA5, MULLER, id="IA5String with Latin-1"),
    pytest.param(b"visible", made.VISIBLE, "visible", id="VisibleString"),
    pytest.param(b"12 3", made.NUMERIC, "12 3", id="NumericString"),
    pytest.param(b"general", 27, "general", id="GeneralString"),
    pytest.param(b"", made.UTF8, "", id="empty"),
    pytest.param(b"a\0b", made.UTF8, "a\0b", id="NUL"),
    pytest.param(b"x" * 300, made.UTF8, "x" * 300, id="longer than X.520 allows"),
    pytest.param(b"M\xfc\xd8\x00", made.BMP, "#1e044dfcd800", id="BMPString with half a character"),
    pytest.param(b"abc", made.BMP, "#1e03616263", id="BMPString of odd length"),
    pytest.param(b"\xff" * 4, made.UNIVERSAL, "#1c04ffffffff", id="UniversalString beyond Unicode"),
    pytest.param(b"\x00\x80", made.BIT_STRING, "#03020080", id="BIT STRING"),
    pytest.param(b"\x05", 2, "#020105", id="INTEGER"),
]


def _subject(subject: bytes) -> DistinguishedName:
    return certificate_facts(made.certificate(subject, made.cn("CA"), LEAF, CA)).subject


def _gate(
    der: bytes, dn: DistinguishedName, *chain: bytes, subject_match: SubjectMatch = "equals", key: made.Key = LEAF
) -> None:
    check_certificate(der, chain, key.csr(), dn, subject_match=subject_match, now=made.NOW)


@pytest.mark.parametrize(("value", "tag", "text"), READABLE)
def test_each_string_is_read_compared_and_passed_on(value: bytes, tag: int, text: str) -> None:
    odd = made.name(made.attribute(value, tag))
    leaf = made.certificate(odd, odd, LEAF, CA)
    ca = made.certificate(odd, odd, CA, ROOT, ca=True, serial=b"\x02")
    root = made.certificate(odd, odd, ROOT, ROOT, ca=True, serial=b"\x03")
    dn = DistinguishedName((("cn", text),))
    assert certificate_facts(leaf).subject == dn
    assert order_chain([root, leaf, ca], LEAF.csr(), made.NOW) == (leaf, (ca, root))
    _gate(leaf, dn, ca, root)
    with pytest.raises(GateError, match="must equal") as caught:
        _gate(leaf, DistinguishedName((("cn", "another"),)), ca, root)
    assert "\0" not in str(caught.value)


@pytest.mark.parametrize("kind", ["2.5.4.3", "2.5.4.45", "1.2.3.4", "2.999.1", "1.3.6.1.4.1.311.60.2.1.3"])
@pytest.mark.parametrize("tag", [made.UTF8, made.BIT_STRING, made.T61])
def test_every_attribute_may_have_every_type(kind: str, tag: int) -> None:
    subject = _subject(made.name(made.attribute(b"\0\xfc", tag, kind)))
    ((_name, value),) = subject.attributes
    assert value == ("#030200fc" if tag == made.BIT_STRING else "\0\u00fc")


def test_latin_1_is_what_openssl_shows(openssl: Openssl) -> None:
    der = made.certificate(made.name(made.attribute(b"M\xfcller", made.T61)), made.cn("CA"), LEAF, CA)
    options = ("-noout", "-subject", "-nameopt", "utf8,-esc_msb")
    shown = openssl.text("x509", "-inform", "DER", *options, stdin=der)
    assert shown.replace(" ", "") == f"subject=CN={MULLER}"


def test_attributes_of_one_rdn_are_attributes_as_others() -> None:
    both = (made.attribute(b"A", made.PRINTABLE), made.attribute(b"B", made.PRINTABLE, made.ORGANIZATION))
    assert _subject(made.name(both)).attributes == (("cn", "A"), ("o", "B"))


@pytest.mark.parametrize(
    ("issuer", "subject", "same"),
    [
        ((b"Example CA", made.UTF8), (b"Example CA", made.PRINTABLE), True),
        ((b"EXAMPLE  ca ", made.UTF8), (b" Example CA", made.PRINTABLE), True),
        ((b"M\xfcller", made.T61), (MULLER.encode(), made.UTF8), True),
        (("M\u00dcLLER".encode("utf-16-be"), made.BMP), (MULLER.encode(), made.UTF8), True),
        (("Mu\u0308ller".encode(), made.UTF8), (MULLER.encode(), made.UTF8), True),
        (("Stra\u00dfe".encode(), made.UTF8), (b"STRASSE", made.PRINTABLE), True),
        (("\uff21\u00ad\ufe0f\u034f".encode(), made.UTF8), (b"a", made.PRINTABLE), True),
        ((b"Example CA", made.UTF8), (b"ExampleCA", made.UTF8), False),
        ((b"\x00\x80", made.BIT_STRING), (b"\x00\x81", made.BIT_STRING), False),
        ((b"\x00A", made.BIT_STRING), (b"\x00A", made.BMP), False),
    ],
)
def test_names_are_the_same_as_rfc_5280_says(issuer: tuple[bytes, int], subject: tuple[bytes, int], same: bool) -> None:
    leaf = made.certificate(made.cn("www"), made.name(made.attribute(*issuer)), LEAF, CA)
    ca = made.certificate(made.name(made.attribute(*subject)), made.cn("Root"), CA, ROOT, ca=True)
    assert chain_above(leaf, [ca], made.NOW) == ((ca,) if same else ())
    dn = DistinguishedName((("cn", "www"),))
    if same:
        _gate(leaf, dn, ca)
    else:
        with pytest.raises(GateError, match="was issued by"):
            _gate(leaf, dn, ca)


def test_the_order_within_an_rdn_makes_no_difference_and_that_of_rdns_does() -> None:
    first, second = made.attribute(b"A"), made.attribute(b"B", kind=made.ORGANIZATION)
    leaf = made.certificate(made.cn("www"), made.name((first, second)), LEAF, CA)
    swapped = made.certificate(made.name((second, first)), made.cn("Root"), CA, ROOT, ca=True)
    assert chain_above(leaf, [swapped], made.NOW) == (swapped,)
    for other in (made.name(first, second), made.name(second, first), made.name(first)):
        assert chain_above(leaf, [made.certificate(other, made.cn("Root"), CA, ROOT, ca=True)], made.NOW) == ()


def test_a_request_with_such_a_name_is_taken() -> None:
    subject = made.name(made.attribute(b"M\xfcller", made.T61))
    kind = made.tlv(0x30, made.oid(made.ECDSA_SHA256))
    content = made.tlv(0x30, made.tlv(2, b"\0"), subject, LEAF.spki, made.tlv(0xA0))
    csr = made.tlv(0x30, content, kind, made.tlv(3, b"\0", LEAF.sign(content, made.ECDSA_SHA256)))
    check_proof_of_possession(csr)
    assert csr_public_key_sha256(csr) == csr_public_key_sha256(LEAF.csr())


def test_a_message_has_nothing_that_a_terminal_obeys() -> None:
    der = made.certificate(made.cn("\x1b[31mred\nnext"), made.cn("CA"), LEAF, CA)
    with pytest.raises(GateError) as caught:
        _gate(der, DistinguishedName((("cn", "x"),)))
    assert str(caught.value).isprintable()
    assert r"\x1b[31mred\nnext" in str(caught.value)
