# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of chains, and the gate; openssl made the certificates."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import GateError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    SubjectMatch,
    certificate_facts,
    check_certificate,
    order_chain,
)

if t.TYPE_CHECKING:
    from ..conftest import Openssl

SUBJECT = (("c", "ES"), ("o", "Redtrust"), ("ou", "First"), ("ou", "Second"), ("cn", "Jos\u00e9 P\u00e9rez"))


@dataclasses.dataclass(frozen=True)
class Gate:
    """The gate for ``leaf`` of one PKI; by default everything is right."""

    pki: Openssl

    def __call__(
        self,
        *chain: str,
        certificate: str = "leaf",
        dn: t.Sequence[tuple[str, str]] = SUBJECT,
        subject_match: SubjectMatch = "contains",
        later: dt.timedelta = dt.timedelta(),
    ) -> None:
        der = self.pki.der(certificate)
        check_certificate(
            der,
            [self.pki.der(name) for name in chain],
            self.pki.csr("leaf"),
            DistinguishedName(tuple(dn)),
            subject_match=subject_match,
            now=certificate_facts(der).not_valid_before + later,
        )


@pytest.fixture
def gate(pki: Openssl) -> Gate:
    return Gate(pki)


@pytest.mark.parametrize("order", list(itertools.permutations(["leaf", "ca", "root"])))
def test_a_bundle_in_any_order_is_put_in_order(pki: Openssl, order: tuple[str, ...]) -> None:
    bundle = [pki.der(name) for name in order]
    assert order_chain(bundle, pki.csr("leaf")) == (pki.der("leaf"), (pki.der("ca"), pki.der("root")))


def test_the_order_found_is_the_order_openssl_verifies(pki: Openssl) -> None:
    pki("verify", "-CAfile", "root.crt", "-untrusted", "ca.crt", "leaf.crt")


def test_a_leaf_alone_and_a_certificate_twice(pki: Openssl) -> None:
    assert order_chain([pki.der("leaf")], pki.csr("leaf")) == (pki.der("leaf"), ())
    twice = [pki.der("leaf"), pki.der("ca"), pki.der("leaf"), pki.der("ca")]
    assert order_chain(twice, pki.csr("leaf")) == (pki.der("leaf"), (pki.der("ca"),))


def test_a_bundle_for_another_request(pki: Openssl) -> None:
    with pytest.raises(GateError, match=r"none of the certificates have the key.*cn=other"):
        order_chain([pki.der("other"), pki.der("root")], pki.csr("leaf"))
    with pytest.raises(GateError, match="found nothing"):
        order_chain([], pki.csr("leaf"))


def test_a_good_certificate_passes(gate: Gate) -> None:
    gate()
    gate("ca")
    gate("ca", "root")
    gate(subject_match="equals")


def test_another_requests_certificate_shows_both_keys(gate: Gate) -> None:
    with pytest.raises(GateError, match="is for another key") as caught:
        gate("root", certificate="other", subject_match="ignore")
    assert certificate_facts(gate.pki.der("leaf")).public_key_sha256 in str(caught.value)
    assert certificate_facts(gate.pki.der("other")).public_key_sha256 in str(caught.value)


@pytest.mark.parametrize(
    "dn",
    [
        SUBJECT[-1:],
        SUBJECT[::-1],
        (("2.5.4.3", "JOS\u00c9  p\u00e9rez "),),
        (("commonName", "Jose\u0301 P\u00e9rez"),),
        (("O", "\uff32\uff45\uff44trust"),),
        (("ou", "second"), ("OU", "FIRST")),
    ],
)
def test_contains_looks_past_order_case_and_spelling(gate: Gate, dn: tuple[tuple[str, str], ...]) -> None:
    gate(dn=dn)


@pytest.mark.parametrize(
    ("dn", "lacking"),
    [
        ((*SUBJECT, ("l", "Madrid")), r"lacks \[l=Madrid\]"),
        ((("cn", "Jose P\u00e9rez"),), "lacks .cn=Jose"),
        ((("ou", "First"), ("ou", "First")), r"lacks \[ou=First"),
        ((("o", "First"),), r"lacks \[o=First\]"),
    ],
)
def test_what_the_subject_lacks_is_told(gate: Gate, dn: tuple[tuple[str, str], ...], lacking: str) -> None:
    with pytest.raises(GateError, match=lacking) as caught:
        gate(dn=dn)
    assert str(DistinguishedName(SUBJECT)) in str(caught.value)
    gate(dn=dn, subject_match="ignore")


@pytest.mark.parametrize("dn", [SUBJECT[:-1], SUBJECT[::-1], (*SUBJECT, ("l", "x"))])
def test_equals_wants_the_same_sequence(gate: Gate, dn: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(GateError, match="must equal") as caught:
        gate(dn=dn, subject_match="equals")
    assert str(DistinguishedName(dn)) in str(caught.value)
    assert str(DistinguishedName(SUBJECT)) in str(caught.value)


def test_an_attribute_that_cannot_be_compared(gate: Gate) -> None:
    dn = (("proident", "x"),)
    with pytest.raises(GateError, match=r"cannot be compared.*proident.*ignore"):
        gate(dn=dn)
    gate(dn=dn, subject_match="ignore")


def test_dates_show_both_times(gate: Gate) -> None:
    facts = certificate_facts(gate.pki.der("leaf"))
    life = facts.not_valid_after - facts.not_valid_before
    second = dt.timedelta(seconds=1)
    gate(later=life)
    with pytest.raises(GateError, match="is not valid before") as early:
        gate(later=-second)
    with pytest.raises(GateError, match="expired at") as late:
        gate(later=life + second)
    for caught, limit, now in (
        (early, facts.not_valid_before, facts.not_valid_before - second),
        (late, facts.not_valid_after, facts.not_valid_after + second),
    ):
        for moment in (limit, now):
            assert moment.strftime("%Y-%m-%dT%H:%M:%SZ") in str(caught.value)


def test_a_chain_that_leads_elsewhere(gate: Gate) -> None:
    with pytest.raises(GateError, match=r"was issued by .*Issuing CA.*next in the chain is \[.*cn=Root\]"):
        gate("root")
    with pytest.raises(GateError, match="next in the chain"):
        gate("ca", "other")


def test_an_issuer_of_the_right_name_with_another_key(openssl: Openssl, pki: Openssl) -> None:
    openssl.root("impostor", "/C=ES/O=Redtrust/CN=Issuing CA")
    with pytest.raises(GateError, match=r"is not signed by .*does not fit"):
        check_certificate(
            pki.der("leaf"),
            [openssl.der("impostor")],
            pki.csr("leaf"),
            DistinguishedName(SUBJECT),
            subject_match="contains",
            now=certificate_facts(openssl.der("impostor")).not_valid_before,
        )


@pytest.mark.parametrize(
    ("extensions", "message"),
    [
        ("basicConstraints=critical,CA:FALSE", "is not a CA"),
        ("keyUsage=digitalSignature", "is not a CA"),
    ],
)
def test_an_issuer_that_is_no_ca(openssl: Openssl, extensions: str, message: str) -> None:
    openssl.root("root", "/CN=Root")
    openssl.request("middle", "/CN=Middle")
    openssl.issue("middle", "root", extensions)
    openssl.request("leaf", "/CN=leaf")
    openssl.issue("leaf", "middle")
    with pytest.raises(GateError, match=message):
        Gate(openssl)("middle", dn=(("cn", "leaf"),))


def test_more_cas_than_the_path_length_allows(openssl: Openssl) -> None:
    openssl.root("root", "/CN=Root")
    openssl.intermediate("upper", "root", "/CN=Upper", pathlen=0)
    openssl.intermediate("lower", "upper", "/CN=Lower", pathlen=0)
    openssl.request("leaf", "/CN=leaf")
    openssl.issue("leaf", "lower")
    gate = Gate(openssl)
    gate("lower", dn=(("cn", "leaf"),))
    with pytest.raises(GateError, match=r"\[cn=Upper\].*allows 0 CAs below it, but the chain has 1"):
        gate("lower", "upper", "root", dn=(("cn", "leaf"),))


def test_an_expired_issuer(openssl: Openssl) -> None:
    openssl.root("root", "/CN=Root")
    openssl.request("ca", "/CN=CA")
    openssl.issue("ca", "root", "basicConstraints=critical,CA:TRUE", days=1)
    openssl.request("leaf", "/CN=leaf")
    openssl.issue("leaf", "ca", days=90)
    gate = Gate(openssl)
    gate("ca", "root", dn=(("cn", "leaf"),))
    with pytest.raises(GateError, match=r"\[cn=CA\].*expired at"):
        gate("ca", "root", dn=(("cn", "leaf"),), later=dt.timedelta(days=2))


def test_what_is_no_certificate(pki: Openssl) -> None:
    with pytest.raises(GateError, match=r"not an X.509 certificate"):
        check_certificate(
            b"0",
            [],
            pki.csr("leaf"),
            DistinguishedName(SUBJECT),
            subject_match="contains",
            now=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
        )
