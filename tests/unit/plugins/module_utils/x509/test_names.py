# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distinguished names; the expected values are output of the openssl program."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    certificate_facts,
    dn_warnings,
    name_from_dn,
    openssl_subject,
    rfc4514,
)

if t.TYPE_CHECKING:
    from ..conftest import Openssl

VENDORS_DN = DistinguishedName(
    (("cn", "john doe"), ("o", "Redtrust"), ("c", "Brasil"), ("st", "PJE"), ("l", "Sao Paolo"), ("ou", "Developement"))
)
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
NAMES = st.sampled_from(["cn", "o", "c", "st", "l", "ou", "serialNumber", "emailAddress", "dc", "uid", "1.2.3.4"])
VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
DNS = st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=8).map(lambda pairs: DistinguishedName(tuple(pairs)))


def _dn(*pairs: tuple[str, str]) -> DistinguishedName:
    return DistinguishedName(pairs)


def _certificate(dn: DistinguishedName) -> bytes:
    """Return a certificate with this subject, in DER."""
    name = name_from_dn(dn)
    day = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(1).not_valid_before(day).not_valid_after(day + dt.timedelta(days=1))
    return builder.sign(KEY, None).public_bytes(Encoding.DER)


def _as_openssl_shows(openssl: Openssl, dn: DistinguishedName, *name_options: str) -> str:
    options = ",".join(name_options)
    return openssl.text(
        "x509", "-inform", "DER", "-noout", "-subject", "-nameopt", options, stdin=_certificate(dn)
    ).removeprefix("subject=")


def test_the_vendors_dn_is_encoded_as_it_was_written(openssl: Openssl) -> None:
    shown = _as_openssl_shows(openssl, VENDORS_DN, "sep_comma_plus_space", "sname", "utf8", "show_type")
    assert shown == (
        "CN=UTF8STRING:john doe, O=UTF8STRING:Redtrust, C=PRINTABLESTRING:Brasil, ST=UTF8STRING:PJE, "
        "L=UTF8STRING:Sao Paolo, OU=UTF8STRING:Developement"
    )
    assert certificate_facts(_certificate(VENDORS_DN)).subject == VENDORS_DN


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("cn", "CN", "commonName", "2.5.4.3", "OID.2.5.4.3", " cn "), "CN"),
        (("st", "S", "ST", "stateOrProvinceName"), "ST"),
        (("sn", "surname"), "SN"),
        (("g", "GN", "givenName"), "GN"),
        (("e", "email", "emailAddress", "E"), "emailAddress"),
        (("serialNumber", "SERIALNUMBER"), "serialNumber"),
        (("uid", "userid"), "UID"),
        (("dc", "domainComponent"), "DC"),
        (("street", "streetAddress"), "street"),
        (("t", "title"), "title"),
        (("organizationIdentifier",), "organizationIdentifier"),
        (("businessCategory",), "businessCategory"),
        (("postalCode",), "postalCode"),
        (("postOfficeBox",), "postOfficeBox"),
        (("jurisdictionC", "jurisdictionCountryName"), "jurisdictionC"),
        (("jurisdictionST", "jurisdictionStateOrProvinceName"), "jurisdictionST"),
        (("jurisdictionL", "jurisdictionLocalityName"), "jurisdictionL"),
        (("pseudonym",), "pseudonym"),
        (("name",), "name"),
        (("initials",), "initials"),
        (("generationQualifier",), "generationQualifier"),
        (("dnQualifier",), "dnQualifier"),
        (("description",), "description"),
        (("telephoneNumber",), "telephoneNumber"),
        (("unstructuredName",), "unstructuredName"),
        (("unstructuredAddress",), "unstructuredAddress"),
    ],
)
def test_attribute_names_mean_what_openssl_means(openssl: Openssl, names: tuple[str, ...], shown: str) -> None:
    dn = DistinguishedName(tuple((name, "ES") for name in names))
    assert _as_openssl_shows(openssl, dn, "sep_comma_plus_space", "sname", "utf8").split(", ") == [f"{shown}=ES"] * len(
        names
    )


def test_string_types_are_those_of_the_standard(openssl: Openssl) -> None:
    dn = _dn(("c", "ES"), ("serialNumber", "1"), ("dc", "x"), ("e", "a@x"), ("ou", "x"), ("2.5.4.6", "\u00f1"))
    shown = _as_openssl_shows(openssl, dn, "sep_comma_plus_space", "sname", "utf8", "show_type")
    assert [part.split("=")[1].split(":")[0] for part in shown.split(", ")] == [
        *("PRINTABLESTRING", "PRINTABLESTRING", "IA5STRING", "IA5STRING", "UTF8STRING", "UTF8STRING")
    ]


@given(DNS)
def test_every_dn_comes_back_as_it_was(dn: DistinguishedName) -> None:
    assert certificate_facts(_certificate(dn)).subject == dn


@pytest.mark.parametrize("name", ["proident", "1", "3.1", "2.5.4.03", "2.5..4", "1.2.x", ""])
def test_an_unknown_attribute_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cn, o, c, st, l, ou, serialNumber.*jurisdictionC"):
        name_from_dn(_dn((name, "x")))


@pytest.mark.parametrize(("name", "value"), [("cn", "\ud800"), ("0.99", "x"), ("2.5.4." + "9" * 60, "x")])
def test_what_cannot_be_encoded_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be encoded"):
        name_from_dn(_dn((name, value)))


def test_a_dn_within_the_rules_has_no_warnings() -> None:
    dn = _dn(("c", "ES"), ("cn", "x" * 64), ("e", "a@example.com"), ("1.2.3", "y" * 999), ("jurisdictionC", "br"))
    assert dn_warnings(dn) == ()


def test_the_vendors_dn_is_warned_of_once() -> None:
    (warning,) = dn_warnings(VENDORS_DN)
    assert "c = 'Brasil'" in warning
    assert "two letters" in warning


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("c", "E1", "two letters"),
        ("CN", "x" * 65, "has 65 characters, X.509 allows 64"),
        ("l", "x" * 129, "allows 128"),
        ("serialNumber", "N\u00ba 5", "letters, digits"),
        ("dc", "\u00f1", "ASCII only"),
        ("proident", "x", "not known here"),
    ],
)
def test_what_x509_does_not_allow_is_warned_of(name: str, value: str, message: str) -> None:
    (warning,) = dn_warnings(_dn((name, value)))
    assert message in warning


AWKWARD = _dn(
    ("c", "ES"),
    ("o", 'A/B + C, "D"; <E>=F\\'),
    ("ou", "#one "),
    ("ou", " "),
    ("serialNumber", "B12"),
    ("cn", "Jos\u00e9 = P\u00e9rez/"),
)


def test_rfc4514_is_what_openssl_writes(openssl: Openssl) -> None:
    assert rfc4514(AWKWARD) == _as_openssl_shows(openssl, AWKWARD, "RFC2253", "utf8", "-esc_msb")


@given(DNS)
def test_rfc4514_is_read_back_by_cryptography(dn: DistinguishedName) -> None:
    # cryptography rejects a country or common name of another length than X.520 allows, and NUL.
    limits = {"c": (2, 2), "cn": (1, 64)}
    for name, value in dn.attributes:
        shortest, longest = limits.get(name, (1, 1000))
        assume(shortest <= len(value.encode()) <= longest and "\0" not in value)
    oids = {"serialNumber": "2.5.4.5", "emailAddress": "1.2.840.113549.1.9.1"}
    names = {name: x509.ObjectIdentifier(oid) for name, oid in oids.items()}
    assert x509.Name.from_rfc4514_string(rfc4514(dn), names) == name_from_dn(dn)


def test_openssl_reads_the_subject_back(openssl: Openssl) -> None:
    openssl.request("leaf", openssl_subject(AWKWARD))
    csr = x509.load_der_x509_csr(openssl.csr("leaf"))
    assert csr.subject == name_from_dn(AWKWARD)


def test_names_that_only_the_ca_knows_are_passed_on() -> None:
    dn = _dn(("proident-9b", "x"), ("1.2.3.4", "y"))
    assert openssl_subject(dn) == "/proident-9b=x/1.2.3.4=y"
    assert rfc4514(dn) == "1.2.3.4=y,proident-9b=x"


@pytest.mark.parametrize("name", ["a=b/cn", "a b", "\u00e9", "a\n"])
def test_a_name_that_would_change_the_subject_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="neither a name"):
        openssl_subject(_dn((name + "/x", "y")))
