# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The issuer of a certificate, and the name of a CA as programs and people write it."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    IssuerName,
    certificate_facts,
    issuer_and_serial,
    load_certificate,
    rfc4514,
    was_issued_by,
)

if t.TYPE_CHECKING:
    from ..conftest import Openssl

DAY = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
NAME = x509.Name(
    [
        x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "ES"),
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, 'Caja "Uno", S.A. + Hijos'),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, "Autoridad Pérez"),
    ]
)


def made(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: x509.Name | None = None,
    by: ec.EllipticCurvePrivateKey | None = None,
    identified: bool = True,
    serial: int = 0x0A1B2C,
) -> bytes:
    """Return a certificate in DER, self-signed unless there is an issuer."""
    signing = by or key
    builder = x509.CertificateBuilder(issuer or name, name, key.public_key(), serial, DAY, DAY + dt.timedelta(days=9))
    if identified:
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
        builder = builder.add_extension(own, critical=False).add_extension(above, critical=False)
    return builder.sign(signing, hashes.SHA256()).public_bytes(Encoding.DER)


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


KEY = key()
LEAF = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "www")])
DER = made(LEAF, key(), issuer=NAME, by=KEY)


def fits(text: str, der: bytes = DER) -> bool:
    return IssuerName.parse(text).fits(issuer_and_serial(der)[0])


def test_the_issuer_and_the_serial_number_are_those_that_the_whole_certificate_has() -> None:
    issuer, serial = issuer_and_serial(DER)
    assert issuer.dn() == load_certificate(DER).issuer.dn()
    assert serial == certificate_facts(DER).serial_number == 0x0A1B2C


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"rubbish", DER[:-1], b"\x30\x03\x30\x01\x02"])
def test_no_certificate(der: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"not an X\.509 certificate"):
        issuer_and_serial(der)


@pytest.mark.parametrize("options", ["RFC2253", "RFC2253,-esc_msb", "oneline", "oneline,-esc_msb,utf8"])
def test_as_openssl_prints_it(openssl: Openssl, options: str) -> None:
    given = ["x509", "-inform", "DER", "-noout", "-issuer", "-nameopt", options]
    text = openssl.text(*given, stdin=DER).strip().removeprefix("issuer=").strip()
    assert fits(text), text


def test_as_this_collection_prints_it() -> None:
    assert fits(rfc4514(load_certificate(DER).issuer.dn()))


@pytest.mark.parametrize(
    "text",
    [
        "Autoridad Pérez",
        "  autoridad   PÉREZ ",
        "CN=Autoridad Pérez,O=Caja \\22Uno\\22\\, S.A. \\+ Hijos,C=ES",
        'c=es, o="Caja \\"Uno\\", S.A. + Hijos", commonName = autoridad pérez',
        '2.5.4.3=Autoridad P\\C3\\A9rez,2.5.4.10=Caja \\"Uno\\"\\, S.A. \\+ Hijos+C=ES',
    ],
)
def test_ways_to_write_it(text: str) -> None:
    assert fits(text)


@pytest.mark.parametrize(
    "text",
    ["Autoridad", "Caja Uno", "CN=Autoridad Pérez", "CN=Autoridad Pérez,C=ES", "O=Autoridad Pérez", "www", "ES"],
)
def test_another_name(text: str) -> None:
    assert not fits(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("CN=", "no distinguished name"),
        ("CN=a,,O=b", "no distinguished name .* from ',O=b' on"),
        ("CN=a,Example", "from 'Example' on"),
        ("favourite=a", "dn attribute 'favourite' is not known"),
        ('CN="a', "no distinguished name"),
        ("/C=ES/CN=a", "no distinguished name"),
    ],
)
def test_what_is_no_name(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        IssuerName.parse(text)


class TestWhichKeyIssuedIt:
    def test_the_key_of_this_ca(self) -> None:
        assert was_issued_by(DER, made(NAME, KEY))

    def test_another_key_of_a_ca_with_the_same_name(self) -> None:
        assert not was_issued_by(DER, made(NAME, key()))

    def test_a_ca_with_another_name_and_the_same_key(self) -> None:
        assert not was_issued_by(DER, made(LEAF, KEY))

    def test_without_identifiers_the_signature_tells(self) -> None:
        bare = made(LEAF, key(), issuer=NAME, by=KEY, identified=False)
        assert was_issued_by(bare, made(NAME, KEY, identified=False))
        assert was_issued_by(bare, made(NAME, KEY))
        assert not was_issued_by(bare, made(NAME, key(), identified=False))
