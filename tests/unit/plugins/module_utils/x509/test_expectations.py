# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is expected of a certificate beside its key and subject, also of certificates that no library makes."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError, GateError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    EXTENDED_KEY_USAGES,
    KEY_USAGES,
    Asked,
    Expectations,
    Mismatch,
    alternative_name,
    check_certificate,
    key_usage_named,
    purpose_named,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.x509 import made

LEAF_KEY, CA_KEY = made.Key(), made.Key()
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
KEY_USAGE, PURPOSES, NAMES = "2.5.29.15", "2.5.29.37", "2.5.29.17"
SERVER, CLIENT = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"


def key_usage(*octets: int) -> bytes:
    return made.extension(KEY_USAGE, made.tlv(3, b"\0", bytes(octets)))


def purposes(*oids: str) -> bytes:
    return made.extension(PURPOSES, made.tlv(0x30, *map(made.oid, oids)))


def names(*general: bytes) -> bytes:
    return made.extension(NAMES, made.tlv(0x30, *general))


def dns(name: str) -> bytes:
    return made.tlv(0x82, name.encode())


def leaf(*extensions: bytes, **fields: t.Any) -> bytes:
    return made.certificate(made.cn("www"), made.cn("CA"), LEAF_KEY, CA_KEY, extensions=list(extensions), **fields)


def gate(certificate: bytes, expected: Expectations, *asked: str, obtained: dt.datetime | None = None) -> list[str]:
    """Pass a certificate through the gate, and return the warnings."""
    return list(
        check_certificate(
            certificate,
            [],
            LEAF_KEY.csr(),
            DistinguishedName((("cn", "www"),)),
            subject_match="contains",
            now=made.NOW,
            expected=expected,
            asked=Asked(asked, obtained),
        )
    )


def refused(certificate: bytes, expected: Expectations, *asked: str) -> str:
    with pytest.raises(GateError) as caught:
        gate(certificate, expected, *asked)
    return str(caught.value)


class TestLifetime:
    """The certificates are valid from a day before now on."""

    @pytest.mark.parametrize(
        ("days", "told"),
        [
            (90, ""),
            (91, ""),
            (89, ""),
            (91.1, "lives 91.1 days, 26.4 hours longer than the expected 90 days"),
            (32, "lives 32 days, 58 days shorter than the expected 90 days"),
        ],
    )
    def test_a_day_makes_no_difference(self, days: float, told: str) -> None:
        certificate = leaf(ends=made.days(days - 1))
        expected = [f"the certificate {told} (see expect.on_lifetime)"] if told else []
        assert gate(certificate, Expectations(lifetime=90 * DAY)) == expected

    def test_a_short_life_has_a_tenth_of_tolerance(self) -> None:
        expected = Expectations(lifetime=DAY)
        assert gate(leaf(ends=made.days(0.09)), expected) == []
        assert (
            "lives 27.6 hours, 3.6 hours longer than the expected 24 hours"
            in gate(leaf(ends=made.days(0.15)), expected)[0]
        )

    def test_the_tolerance_can_be_set(self) -> None:
        expected = Expectations(lifetime=90 * DAY, tolerance=dt.timedelta(), on_lifetime="refuse")
        assert gate(leaf(ends=made.days(89)), expected) == []
        assert "lives 90 days, 2 minutes longer" in refused(
            leaf(ends=made.generalized(made.NOW + 89 * DAY + HOUR / 30)), expected
        )

    def test_the_time_before_the_request_is_no_life(self) -> None:
        certificate, expected = leaf(ends=made.days(90)), Expectations(lifetime=90 * DAY, tolerance=HOUR)
        assert gate(certificate, expected, obtained=made.NOW) == []
        assert gate(certificate, expected, obtained=made.NOW + 1000 * DAY) != []
        assert gate(certificate, expected) != []

    def test_without_an_expectation_any_will_do(self) -> None:
        assert gate(leaf(ends=made.days(9000)), Expectations(on_lifetime="refuse")) == []


class TestUsages:
    @pytest.mark.parametrize(
        ("octets", "match", "told"),
        [
            ((0xA0,), "contains", ""),
            ((0xE0,), "contains", ""),
            ((0xA0, 0x80), "contains", ""),
            ((0xA0,), "equals", ""),
            (
                (0x80,),
                "contains",
                "has digitalSignature as key usage, but digitalSignature, keyEncipherment is expected",
            ),
            (
                (0xA0, 0x80),
                "equals",
                "has digitalSignature, keyEncipherment, decipherOnly as key usage, but exactly digitalSignature, key",
            ),
            ((0x06,), "contains", "has keyCertSign, cRLSign as key usage, but digitalSignature, keyEncipherment is"),
            ((0, 0, 1), "contains", "has bit 23 as key usage"),
            ((), "contains", "has nothing as key usage"),
        ],
    )
    def test_key_usages(self, octets: tuple[int, ...], match: str, told: str) -> None:
        expected = Expectations(key_usage=("digitalSignature", "keyEncipherment"), exact_usages=match == "equals")
        certificate = leaf(key_usage(*octets))
        if told:
            assert told in refused(certificate, expected)
        else:
            assert gate(certificate, expected) == []

    def test_a_certificate_without_the_extensions(self) -> None:
        for certificate in (leaf(), leaf(version=None)):
            told = refused(certificate, Expectations(key_usage=("keyAgreement",), extended_key_usage=("clientAuth",)))
            assert "has nothing as key usage, but keyAgreement is expected (see expect.on_key_usage); it has" in told
            assert "it has nothing as extended key usage, but clientAuth is expected" in told
            assert gate(certificate, Expectations(key_usage=(), extended_key_usage=(), exact_usages=True)) == []

    def test_extended_key_usages(self) -> None:
        both = leaf(purposes(SERVER, "1.2.3.4"))
        assert gate(both, Expectations(extended_key_usage=("serverAuth",))) == []
        assert gate(both, Expectations(extended_key_usage=("1.2.3.4",))) == []
        assert "has serverAuth, 1.2.3.4 as extended key usage, but exactly serverAuth is expected" in refused(
            both, Expectations(extended_key_usage=("serverAuth",), exact_usages=True)
        )
        assert "but clientAuth is expected" in refused(both, Expectations(extended_key_usage=("clientAuth",)))

    @pytest.mark.parametrize(
        ("extension", "told"),
        [
            (made.extension(KEY_USAGE, b""), "the key usage cannot be read"),
            (made.extension(KEY_USAGE, made.tlv(3)), "no string of bits"),
            (made.extension(KEY_USAGE, made.tlv(4, b"\0\x80")), "no string of bits"),
            (made.extension(PURPOSES, made.tlv(0x30, b"\x06\x05\x2b")), "the extended key usage cannot be read"),
            (made.extension(PURPOSES, made.tlv(0x30, made.tlv(12, b"x"))), "an object identifier was expected"),
            (key_usage(0x80) + key_usage(0x80), "2.5.29.15 is there 2 times"),
        ],
    )
    def test_an_extension_that_cannot_be_read_is_not_as_expected(self, extension: bytes, told: str) -> None:
        expected = Expectations(key_usage=("digitalSignature",), extended_key_usage=("clientAuth",))
        certificate = leaf(extension)
        assert f"cannot be checked: {told}" in refused(certificate, expected) or told in refused(certificate, expected)

    def test_each_name_of_a_signer_is_known(self) -> None:
        assert key_usage_named("Digital Signature") == key_usage_named("digitalSignature") == "digitalSignature"
        assert key_usage_named("contentCommitment") == "nonRepudiation"
        assert purpose_named("TLS Web Client Authentication") == purpose_named(CLIENT) == "clientAuth"
        assert purpose_named(" 1.2.3.4 ") == "1.2.3.4"
        assert {key_usage_named(name).lower() for name in KEY_USAGES} <= KEY_USAGES.keys()
        assert {purpose_named(name).lower() for name in EXTENDED_KEY_USAGES} <= EXTENDED_KEY_USAGES.keys()

    @pytest.mark.parametrize("name", ["", "signing", "1", "1.2.x", "3.1"])
    def test_other_names_are_refused(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match="is not known: use some of digitalSignature"):
            key_usage_named(name)
        with pytest.raises(ConfigurationError, match="neither a dotted OID nor one of"):
            purpose_named(name)


class TestNames:
    ASKED = ("DNS:www.example.com", "IP:192.0.2.1")
    ADDRESS = made.tlv(0x87, bytes((192, 0, 2, 1)))

    def test_a_name_that_is_missing_is_warned_of(self) -> None:
        assert gate(leaf(names(dns("WWW.example.com"), self.ADDRESS)), Expectations(), *self.ASKED) == []
        (told,) = gate(leaf(names(dns("www.example.com"))), Expectations(), *self.ASKED)
        assert told == (
            "the certificate has DNS:www.example.com as subject_alt_name, but DNS:www.example.com, IP:192.0.2.1 was "
            "asked for (see expect.on_subject_alt_name)"
        )
        for certificate in (leaf(), leaf(version=None)):
            assert "has nothing as subject_alt_name" in gate(certificate, Expectations(), *self.ASKED)[0]

    def test_another_name_counts_only_with_equals(self) -> None:
        certificate = leaf(names(dns("www.example.com"), dns("evil.example"), self.ADDRESS))
        assert gate(certificate, Expectations(), *self.ASKED) == []
        told = refused(certificate, Expectations(exact_names=True, on_subject_alt_name="refuse"), *self.ASKED)
        assert "DNS:evil.example" in told
        assert "but exactly DNS:www.example.com, IP:192.0.2.1 was asked for" in told
        assert gate(certificate, Expectations()) == []
        assert "but exactly nothing was asked for" in gate(certificate, Expectations(exact_names=True))[0]
        assert gate(leaf(), Expectations(exact_names=True)) == []

    @pytest.mark.parametrize(
        ("general", "shown"),
        [
            (made.tlv(0x81, b"a@Example.com"), "email:a@example.com"),
            (made.tlv(0x86, b"https://example.com/A"), "URI:https://example.com/A"),
            (made.tlv(0x87, bytes(16)), "IP:::"),
            (made.tlv(0x87, b"abc"), "IP:#616263"),
            (made.tlv(0xA0, made.oid("1.3.6.1.4.1.311.20.2.3")), "otherName:#060a2b06010401823714"),
            (made.tlv(0x82, b"a\x1b[31m"), r"DNS:a\x1b[31m"),
            (made.tlv(0x82, "\u00e9".encode()), "DNS:\u00e3\u00a9"),
            (made.tlv(0x8E, b"x"), "tag 0x8e:#78"),
        ],
    )
    def test_each_kind_of_name_is_shown(self, general: bytes, shown: str) -> None:
        assert f"has {shown}" in gate(leaf(names(general)), Expectations(), "DNS:other")[0]

    @pytest.mark.parametrize("value", [b"", b"\x30\x05\x82", made.tlv(0x30, b"\x82\x7f")])
    def test_names_that_cannot_be_read(self, value: bytes) -> None:
        certificate = leaf(made.extension(NAMES, value))
        assert gate(certificate, Expectations()) == []
        assert (
            "cannot be checked: the subject alternative names cannot be read"
            in gate(certificate, Expectations(), "DNS:www")[0]
        )

    def test_a_long_list_is_cut_short(self) -> None:
        told = gate(leaf(), Expectations(), *(f"DNS:{number}" for number in range(30)))[0]
        assert "DNS:9 and 20 more was asked for" in told

    @pytest.mark.parametrize(
        ("one", "two", "are_same"),
        [
            ("DNS:A.example", "DNS:a.example", True),
            ("IP:2001:DB8::0", "IP:2001:db8::", True),
            ("IP:10.0.0.1", "IP:10.0.0.2", False),
            ("email:A@EXAMPLE.com", "email:A@example.com", True),
            ("email:A@example.com", "email:a@example.com", False),
            ("URI:https://a/B", "URI:https://a/b", False),
            ("DNS:a", "URI:a", False),
        ],
    )
    def test_equal_names_are_equal(self, one: str, two: str, are_same: bool) -> None:
        assert (alternative_name(one) == alternative_name(two)) is are_same


@pytest.mark.parametrize("action", ["refuse", "warn", "ignore"])
@pytest.mark.parametrize("what", ["lifetime", "key_usage", "extended_key_usage", "subject_alt_name"])
def test_each_check_can_refuse_warn_and_be_left_out(what: str, action: Mismatch) -> None:
    others = dict.fromkeys(("on_lifetime", "on_key_usage", "on_extended_key_usage", "on_subject_alt_name"), "ignore")
    expected = Expectations(
        lifetime=DAY,
        key_usage=("keyAgreement",),
        extended_key_usage=("clientAuth",),
        **{**others, f"on_{what}": action},  # type: ignore[arg-type]
    )
    if action == "refuse":
        assert refused(leaf(), expected, "DNS:www").count("(see expect.on_") == 1
    else:
        assert len(gate(leaf(), expected, "DNS:www")) == (action == "warn")
