# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One path upwards, through the certificates that CAs deliver together."""

from __future__ import annotations

import dataclasses
import itertools
import re
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import GateError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    chain_above,
    chain_warnings,
    check_certificate,
    order_chain,
    thumbprint,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.x509 import made

if t.TYPE_CHECKING:
    from ..conftest import Openssl

LEAF_KEY, INT_KEY, ROOT_KEY, OTHER_KEY = made.Key(), made.Key(), made.Key(), made.Key()
WWW, INT, ROOT, OTHER = made.cn("www"), made.cn("Int"), made.cn("Root"), made.cn("Other")
EXPIRED = {"begins": made.days(-900), "ends": made.days(-1)}

_serials = itertools.count(1)


def _certificate(subject: bytes, issuer: bytes, holder: made.Key | bytes, signer: made.Key, **more: t.Any) -> bytes:
    serial = next(_serials).to_bytes(3, "big")
    return made.certificate(subject, issuer, holder, signer, **{"serial": serial, **more})


def _ca(subject: bytes, issuer: bytes, holder: made.Key, signer: made.Key, **more: t.Any) -> bytes:
    return _certificate(subject, issuer, holder, signer, ca=True, **more)


LEAF = _certificate(WWW, INT, LEAF_KEY, INT_KEY)
INTERMEDIATE = _ca(INT, ROOT, INT_KEY, ROOT_KEY)
ROOT_CA = _ca(ROOT, ROOT, ROOT_KEY, ROOT_KEY)
OTHER_CA = _ca(OTHER, OTHER, OTHER_KEY, OTHER_KEY)


@dataclasses.dataclass(frozen=True)
class Found:
    """The result of a bundle, the same in each order of its certificates."""

    certificate: bytes
    chain: tuple[bytes, ...]
    warnings: tuple[str, ...]

    def names_all(self, *left_out: bytes) -> bool:
        (warning,) = self.warnings
        return sorted(re.findall("[0-9A-F]{40}", warning)[1:]) == sorted(map(thumbprint, left_out))


def _found(*bundle: bytes) -> Found:
    """Find the chain, check that it does not depend on the order, and pass it through the gate."""
    found = {order_chain(order, LEAF_KEY.csr(), made.NOW) for order in itertools.permutations(bundle)}
    assert len(found) == 1
    ((certificate, chain),) = found
    _gate(certificate, chain)
    return Found(certificate, chain, chain_warnings(bundle, certificate, chain, made.NOW))


def _gate(certificate: bytes, chain: t.Sequence[bytes]) -> None:
    check_certificate(certificate, chain, LEAF_KEY.csr(), DistinguishedName(()), subject_match="ignore", now=made.NOW)


def test_a_whole_chain_has_no_warnings() -> None:
    found = _found(LEAF, INTERMEDIATE, ROOT_CA)
    assert found == Found(LEAF, (INTERMEDIATE, ROOT_CA), ())


def test_an_intermediate_under_two_roots() -> None:
    crossed = _ca(INT, OTHER, INT_KEY, OTHER_KEY, ends=made.days(9))
    found = _found(LEAF, INTERMEDIATE, crossed)
    assert found.chain == (INTERMEDIATE,)
    assert found.names_all(crossed)
    assert "[cn=Int]" in found.warnings[0]


@pytest.mark.parametrize("root", [ROOT_CA, OTHER_CA], ids=["one root", "the other"])
def test_of_two_paths_the_one_to_a_root_that_is_there(root: bytes) -> None:
    crossed = _ca(INT, OTHER, INT_KEY, OTHER_KEY)
    expected = INTERMEDIATE if root == ROOT_CA else crossed
    assert _found(LEAF, INTERMEDIATE, crossed, root).chain == (expected, root)


def test_a_root_that_was_renewed_with_a_new_key() -> None:
    leaf = _certificate(WWW, ROOT, LEAF_KEY, OTHER_KEY)
    new, new_by_old = _ca(ROOT, ROOT, OTHER_KEY, OTHER_KEY), _ca(ROOT, ROOT, OTHER_KEY, ROOT_KEY)
    old_by_new = _ca(ROOT, ROOT, ROOT_KEY, OTHER_KEY)
    found = _found(leaf, new, new_by_old, old_by_new, ROOT_CA)
    assert found.chain == (new,)
    assert found.names_all(new_by_old, old_by_new, ROOT_CA)
    assert _found(leaf, new_by_old, ROOT_CA).chain == (new_by_old, ROOT_CA)
    assert _found(leaf, new_by_old).chain == (new_by_old,)


def test_a_self_issued_certificate_does_not_count_as_a_ca_below() -> None:
    new_by_old = _ca(ROOT, ROOT, INT_KEY, ROOT_KEY)
    old = _certificate(ROOT, ROOT, ROOT_KEY, ROOT_KEY, extensions=[made.basic_constraints(0)])
    leaf = _certificate(WWW, ROOT, LEAF_KEY, INT_KEY)
    assert _found(leaf, new_by_old, old).chain == (new_by_old, old)


def test_cas_that_certified_each_other() -> None:
    a_by_b, b_by_a = _ca(ROOT, OTHER, ROOT_KEY, OTHER_KEY), _ca(OTHER, ROOT, OTHER_KEY, ROOT_KEY)
    assert _found(LEAF, INTERMEDIATE, a_by_b, b_by_a).chain == (INTERMEDIATE, a_by_b, b_by_a)
    assert _found(LEAF, INTERMEDIATE, a_by_b, b_by_a, ROOT_CA).chain == (INTERMEDIATE, ROOT_CA)
    assert _found(LEAF, INTERMEDIATE, a_by_b, b_by_a, OTHER_CA).chain == (INTERMEDIATE, a_by_b, OTHER_CA)


def test_a_dead_end_is_not_taken() -> None:
    namesake = _ca(INT, ROOT, OTHER_KEY, ROOT_KEY)
    to_nowhere = _ca(INT, made.cn("Nowhere"), INT_KEY, OTHER_KEY, ends=made.days(9999))
    found = _found(LEAF, namesake, to_nowhere, INTERMEDIATE, ROOT_CA)
    assert found.chain == (INTERMEDIATE, ROOT_CA)
    assert found.names_all(namesake, to_nowhere)


@pytest.mark.parametrize("unrelated", [OTHER_CA, _certificate(made.cn("mail"), INT, OTHER_KEY, INT_KEY)])
def test_what_has_nothing_to_do_with_it_is_left_out(unrelated: bytes) -> None:
    found = _found(LEAF, INTERMEDIATE, ROOT_CA, unrelated)
    assert found.chain == (INTERMEDIATE, ROOT_CA)
    assert found.names_all(unrelated)
    assert "which is not on the path that was chosen" in found.warnings[0]


def test_a_gap_is_where_the_chain_ends() -> None:
    found = _found(LEAF, ROOT_CA)
    assert found.chain == ()
    assert found.names_all(ROOT_CA)


def test_an_issuer_of_the_right_name_that_did_not_sign_refuses() -> None:
    impostor = _ca(INT, ROOT, OTHER_KEY, ROOT_KEY)
    for bundle in ([LEAF, impostor, ROOT_CA], [ROOT_CA, impostor, LEAF], [LEAF, impostor]):
        certificate, chain = order_chain(bundle, LEAF_KEY.csr(), made.NOW)
        with pytest.raises(GateError, match=r"\[cn=www\].*is not signed by \[cn=Int\].*does not fit"):
            _gate(certificate, chain)


def test_a_root_of_the_right_name_that_did_not_sign_is_left_out() -> None:
    renewed = _ca(ROOT, ROOT, OTHER_KEY, OTHER_KEY)
    found = _found(LEAF, INTERMEDIATE, renewed)
    assert found.chain == (INTERMEDIATE,)
    assert found.names_all(renewed)


@pytest.mark.parametrize("dates", [EXPIRED, {"begins": made.days(1)}], ids=["expired", "not valid yet"])
class TestDates:
    def test_a_root_is_left_out(self, dates: dict[str, bytes]) -> None:
        root = _ca(ROOT, ROOT, ROOT_KEY, ROOT_KEY, **dates)
        found = _found(LEAF, INTERMEDIATE, root)
        assert found.chain == (INTERMEDIATE,)
        assert found.names_all(root)
        assert re.search(r"which (expired at 2026-05-31|is not valid before 2026-06-02)", found.warnings[0])

    def test_a_root_that_issued_the_certificate_itself_is_left_out(self, dates: dict[str, bytes]) -> None:
        root = _ca(ROOT, ROOT, ROOT_KEY, ROOT_KEY, **dates)
        leaf = _certificate(WWW, ROOT, LEAF_KEY, ROOT_KEY)
        found = _found(leaf, root)
        assert found.chain == ()
        assert found.names_all(root)

    def test_a_certificate_by_another_root_is_left_out_with_it(self, dates: dict[str, bytes]) -> None:
        crossed = _ca(ROOT, OTHER, ROOT_KEY, OTHER_KEY, **dates)
        root = _ca(OTHER, OTHER, OTHER_KEY, OTHER_KEY, **dates)
        found = _found(LEAF, INTERMEDIATE, crossed, root)
        assert found.chain == (INTERMEDIATE,)
        assert found.names_all(crossed, root)

    def test_the_one_that_is_valid_is_taken(self, dates: dict[str, bytes]) -> None:
        other_dates = _ca(INT, ROOT, INT_KEY, ROOT_KEY, **dates)
        root = _ca(ROOT, ROOT, ROOT_KEY, ROOT_KEY, **dates)
        found = _found(LEAF, other_dates, INTERMEDIATE, root, ROOT_CA)
        assert found.chain == (INTERMEDIATE, ROOT_CA)
        assert found.names_all(other_dates, root)

    @pytest.mark.parametrize("above", [(), (ROOT_CA,)], ids=["alone", "below its root"])
    def test_an_intermediate_that_is_needed_refuses(self, dates: dict[str, bytes], above: tuple[bytes, ...]) -> None:
        intermediate = _ca(INT, ROOT, INT_KEY, ROOT_KEY, **dates)
        certificate, chain = order_chain([LEAF, intermediate, *above], LEAF_KEY.csr(), made.NOW)
        with pytest.raises(GateError, match=r"\[cn=Int\].*(expired at|not valid before).*the CA's renewed"):
            _gate(certificate, chain)

    def test_the_certificate_itself_refuses(self, dates: dict[str, bytes]) -> None:
        leaf = _certificate(WWW, INT, LEAF_KEY, INT_KEY, **dates)
        certificate, chain = order_chain([leaf, INTERMEDIATE, ROOT_CA], LEAF_KEY.csr(), made.NOW)
        with pytest.raises(GateError, match=r"\[cn=www\].*(expired at|not valid before)"):
            _gate(certificate, chain)


def test_of_a_root_with_two_certificates_the_one_that_lasts_longer() -> None:
    longer = _ca(ROOT, ROOT, ROOT_KEY, ROOT_KEY, ends=made.days(5000))
    leaf = _certificate(WWW, INT, LEAF_KEY, INT_KEY, ends=made.days(9999))
    intermediate = _ca(INT, ROOT, INT_KEY, ROOT_KEY, ends=made.days(9999))
    assert _found(leaf, intermediate, ROOT_CA, longer).chain == (intermediate, longer)


class TestSeveralOfTheKey:
    """More than one certificate has the key of the request."""

    def test_the_newest_is_taken(self) -> None:
        older = _certificate(WWW, INT, LEAF_KEY, INT_KEY, begins=made.days(-9))
        found = _found(LEAF, older, INTERMEDIATE)
        assert (found.certificate, found.chain) == (LEAF, (INTERMEDIATE,))
        assert found.names_all(older)
        assert "an older certificate of the same key" in found.warnings[0]

    def test_one_that_is_not_valid_yet_is_not(self) -> None:
        later = _certificate(WWW, INT, LEAF_KEY, INT_KEY, begins=made.days(1))
        assert _found(LEAF, later).certificate == LEAF

    def test_of_expired_ones_the_newest_is_refused(self) -> None:
        older, old = (
            _certificate(WWW, INT, LEAF_KEY, INT_KEY, begins=made.days(-99), ends=made.days(end)) for end in (-9, -1)
        )
        certificate, chain = order_chain([older, old], LEAF_KEY.csr(), made.NOW)
        assert certificate == old
        with pytest.raises(GateError, match="expired at"):
            _gate(certificate, chain)

    def test_of_the_same_age_none_is_taken(self) -> None:
        twin = _certificate(made.cn("twin"), INT, LEAF_KEY, INT_KEY)
        with pytest.raises(GateError, match="2 of the certificates have the key") as caught:
            order_chain([LEAF, twin, INTERMEDIATE], LEAF_KEY.csr(), made.NOW)
        for der in (LEAF, twin):
            assert thumbprint(der) in str(caught.value)
        assert thumbprint(INTERMEDIATE) not in str(caught.value)


class TestWhatCannotBeChecked:
    """Algorithms and keys that no library here supports."""

    LEAF = _certificate(WWW, INT, LEAF_KEY, INT_KEY, algorithm=made.UNKNOWN_ALGORITHM)

    def test_a_signature_is_believed_with_a_warning(self) -> None:
        found = _found(self.LEAF, INTERMEDIATE, ROOT_CA)
        assert found.chain == (INTERMEDIATE, ROOT_CA)
        (warning,) = found.warnings
        assert re.search(
            rf"www.*signature by .*Int.* \(algorithm {made.UNKNOWN_ALGORITHM}\) cannot be checked", warning
        )

    def test_the_key_of_an_issuer_too(self) -> None:
        key = made.tlv(0x30, made.tlv(0x30, made.oid("1.2.643.7.1.1.1.1")), made.tlv(3, b"\0\1\2\3"))
        intermediate = _certificate(INT, ROOT, key, ROOT_KEY, ca=True)
        found = _found(LEAF, intermediate, ROOT_CA)
        assert found.chain == (intermediate, ROOT_CA)
        assert "cannot be checked on this machine" in found.warnings[0]

    def test_identifiers_that_differ_tell_it_apart(self) -> None:
        leaf, right, wrong = (
            _certificate(
                subject,
                issuer,
                key,
                INT_KEY,
                ca=ca,
                algorithm=made.UNKNOWN_ALGORITHM,
                extensions=made.key_identifiers(own=own, issuer=above),
            )
            for subject, issuer, key, ca, own, above in (
                (WWW, INT, LEAF_KEY, False, None, b"right"),
                (INT, ROOT, INT_KEY, True, b"right", None),
                (INT, ROOT, OTHER_KEY, True, b"wrong", None),
            )
        )
        assert _found(leaf, wrong, right).chain == (right,)
        with pytest.raises(GateError, match="is not signed by"):
            _found(leaf, wrong)

    def test_what_can_be_checked_goes_before(self) -> None:
        unknown = _ca(INT, ROOT, INT_KEY, ROOT_KEY, algorithm=made.UNKNOWN_ALGORITHM, ends=made.days(9999))
        assert _found(LEAF, unknown, INTERMEDIATE, ROOT_CA).chain == (INTERMEDIATE, ROOT_CA)

    def test_a_request_and_its_certificate_may_have_such_a_key(self) -> None:
        key = made.tlv(0x30, made.tlv(0x30, made.oid("1.2.643.7.1.1.1.1")), made.tlv(3, b"\0\1\2\3"))
        content = made.tlv(0x30, made.tlv(2, b"\0"), made.name(), key, made.tlv(0xA0))
        kind = made.tlv(0x30, made.oid(made.UNKNOWN_ALGORITHM))
        csr = made.tlv(0x30, content, kind, made.tlv(3, b"\0\1"))
        leaf = _certificate(WWW, INT, key, INT_KEY)
        assert order_chain([LEAF, leaf, INTERMEDIATE], csr, made.NOW) == (leaf, (INTERMEDIATE,))


@pytest.mark.parametrize("issuer", [True, False], ids=["with its issuer", "alone"])
def test_sha_1_makes_no_difference(issuer: bool) -> None:
    leaf = _certificate(WWW, INT, LEAF_KEY, INT_KEY, algorithm=made.ECDSA_SHA1)
    above = (INTERMEDIATE,) if issuer else ()
    assert _found(leaf, *above) == Found(leaf, above, ())


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("rsa:2048", ["-sha1"]),
        ("rsa:2048", ["-sha256"]),
        ("rsa:2048", ["-sha384", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:48"]),
        ("rsa:2048", ["-sha1", "-sigopt", "rsa_padding_mode:pss"]),
        ("ec:p256", ["-sha1"]),
        ("dsa:dsa", ["-sha1"]),
        ("dsa:dsa", ["-sha256"]),
        ("ed25519", []),
        ("ed448", []),
    ],
)
def test_each_kind_of_signature_is_checked(openssl: Openssl, key: str, options: list[str]) -> None:
    if key == "dsa:dsa":
        openssl("dsaparam", "-out", "dsa", "1024")
    for name in ("root", "namesake"):
        openssl.request(name, "/CN=Root", key=key)
        self_signed = ("-x509", "-key", f"{name}.key", "-subj", "/CN=Root", "-days", "9")
        openssl("req", *self_signed, "-out", f"{name}.crt")
    openssl.request("leaf", "/CN=leaf")
    signed_by = ("-CA", "root.crt", "-CAkey", "root.key", "-CAcreateserial", *options)
    openssl("x509", "-req", "-in", "leaf.csr", "-out", "leaf.crt", *signed_by)
    for order in (("root", "namesake"), ("namesake", "root")):
        chain = chain_above(openssl.der("leaf"), [openssl.der(name) for name in order])
        assert chain == (openssl.der("root"),)
    assert not chain_warnings([], openssl.der("leaf"), chain, made.NOW)


def test_a_root_of_version_1_is_a_ca_and_an_intermediate_is_not() -> None:
    root = _certificate(ROOT, ROOT, ROOT_KEY, ROOT_KEY, version=None)
    assert _found(LEAF, INTERMEDIATE, root).chain == (INTERMEDIATE, root)
    intermediate = _certificate(INT, ROOT, INT_KEY, ROOT_KEY, version=None)
    certificate, chain = order_chain([LEAF, intermediate], LEAF_KEY.csr(), made.NOW)
    with pytest.raises(GateError, match="is not a CA"):
        _gate(certificate, chain)


def test_a_root_without_basic_constraints_is_left_out_unless_it_issued_the_certificate() -> None:
    root = _certificate(ROOT, ROOT, ROOT_KEY, ROOT_KEY)
    found = _found(LEAF, INTERMEDIATE, root)
    assert found.chain == (INTERMEDIATE,)
    assert found.names_all(root)
    assert "which is not a CA" in found.warnings[0]
    certificate, chain = order_chain([_certificate(WWW, ROOT, LEAF_KEY, ROOT_KEY), root], LEAF_KEY.csr(), made.NOW)
    with pytest.raises(GateError, match="is not a CA"):
        _gate(certificate, chain)


def test_of_two_certificates_of_an_issuer_the_one_that_is_a_ca() -> None:
    no_ca = _certificate(INT, ROOT, INT_KEY, ROOT_KEY, ends=made.days(9999))
    found = _found(LEAF, no_ca, INTERMEDIATE, ROOT_CA)
    assert found.chain == (INTERMEDIATE, ROOT_CA)
    assert found.names_all(no_ca)


def test_a_bundle_of_all_the_roots_there_are_is_named_in_a_few_words() -> None:
    roots = [_ca(made.cn(f"Root {number}"), made.cn(f"Root {number}"), OTHER_KEY, OTHER_KEY) for number in range(150)]
    bundle = [LEAF, INTERMEDIATE, *roots, ROOT_CA]
    certificate, chain = order_chain(bundle, LEAF_KEY.csr(), made.NOW)
    assert (certificate, chain) == (LEAF, (INTERMEDIATE, ROOT_CA))
    (warning,) = chain_warnings(bundle, certificate, chain, made.NOW)
    assert warning.endswith("; and 145 more")
    assert len(warning) < 1000


def test_cas_that_all_certified_each_other_come_to_an_end() -> None:
    keys = [made.Key() for _number in range(9)]
    names = [made.cn(f"CA {number}") for number in range(9)]
    pairs = itertools.permutations(range(9), 2)
    crossed = [_ca(names[below], names[above], keys[below], keys[above]) for below, above in pairs]
    leaf = _certificate(WWW, names[0], LEAF_KEY, keys[0])
    _certificate_found, chain = order_chain([leaf, *crossed], LEAF_KEY.csr(), made.NOW)
    _gate(leaf, chain)


def test_without_a_time_it_is_this_moment() -> None:
    assert order_chain([LEAF, INTERMEDIATE], LEAF_KEY.csr())[0] == LEAF
