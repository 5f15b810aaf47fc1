# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that break the rules of X.509: they are read, or refused with an error of ours."""

from __future__ import annotations

import contextlib
import datetime as dt
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    GateError,
    RedtrustError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    certificate_facts,
    chain_warnings,
    check_certificate,
    check_proof_of_possession,
    csr_public_key_sha256,
    load_certificate,
    may_sign_certificates,
    order_chain,
    parse_certificates,
    subject_key_identifier,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.x509 import made

LEAF_KEY, CA_KEY = made.Key(), made.Key()
WWW, ISSUER = made.cn("www"), made.cn("CA")
DN = DistinguishedName((("cn", "www"),))
CSR = LEAF_KEY.csr()
LEAF = made.certificate(WWW, ISSUER, LEAF_KEY, CA_KEY, extensions=made.key_identifiers(own=b"leaf", issuer=b"ca"))
CA = made.certificate(ISSUER, ISSUER, CA_KEY, CA_KEY, ca=True, extensions=made.key_identifiers(own=b"ca"))
RUBBISH = b"\xff\xff\xff"


def _pass(*bundle: bytes, csr: bytes = CSR) -> tuple[bytes, ...]:
    """Pass a bundle through every check, and return its chain."""
    certificate, chain = order_chain(bundle, csr, made.NOW)
    check_certificate(certificate, chain, csr, DN, subject_match="contains", now=made.NOW)
    chain_warnings(bundle, certificate, chain, made.NOW)
    return chain


@pytest.mark.parametrize(
    ("serial", "number"), [(b"\x00", 0), (b"\xff", -1), (b"\x80\x00", -32768), (b"\x7f" * 30, None), (b"\x00\x01", 1)]
)
def test_serial_numbers(serial: bytes, number: int | None) -> None:
    leaf = made.certificate(WWW, ISSUER, LEAF_KEY, CA_KEY, serial=serial)
    assert certificate_facts(leaf).serial_number == (int.from_bytes(serial, "big") if number is None else number)
    assert _pass(leaf, CA) == (CA,)


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (made.tlv(0x17, b"491231235959Z"), made.tlv(0x18, b"99991231235959Z")),
        (made.tlv(0x18, b"00010101000000Z"), made.tlv(0x18, b"99991231235959Z")),
        (made.tlv(0x17, b"500101000000Z"), made.tlv(0x17, b"491231235959Z")),
    ],
)
def test_dates_far_off(begins: bytes, ends: bytes) -> None:
    leaf = made.certificate(WWW, ISSUER, LEAF_KEY, CA_KEY, begins=begins, ends=ends)
    facts = certificate_facts(leaf)
    assert facts.not_valid_before.tzinfo == facts.not_valid_after.tzinfo == dt.timezone.utc
    ca = made.certificate(ISSUER, ISSUER, CA_KEY, CA_KEY, ca=True, begins=begins, ends=ends)
    try:
        assert _pass(leaf, ca) == (ca,)
    except GateError as exc:
        assert "not valid before 2049" in str(exc)  # noqa: PT017


@pytest.mark.parametrize(
    "date", [b"000101000000", b"20260101000000", b"99991331000000Z", b"00000101000000Z", b"2601010000Z", b""]
)
@pytest.mark.parametrize("tag", [0x17, 0x18])
def test_dates_that_are_none(tag: int, date: bytes) -> None:
    leaf = made.certificate(WWW, ISSUER, LEAF_KEY, CA_KEY, begins=made.tlv(tag, date))
    with pytest.raises(RedtrustError):
        _pass(leaf, CA)
    with pytest.raises(ConfigurationError):
        certificate_facts(leaf)
    ca = made.certificate(ISSUER, ISSUER, CA_KEY, CA_KEY, ca=True, begins=made.tlv(tag, date))
    assert _pass(LEAF, ca) == ()


@pytest.mark.parametrize("version", [None, b"\x00", b"\x01"])
def test_a_leaf_of_an_old_version(version: bytes | None) -> None:
    assert _pass(made.certificate(WWW, ISSUER, LEAF_KEY, CA_KEY, version=version), CA) == (CA,)


@pytest.mark.parametrize("version", [b"\x09", b"\xff", b"\x01\x00"])
def test_a_version_that_there_is_not(version: bytes) -> None:
    with pytest.raises(RedtrustError):
        _pass(made.certificate(WWW, ISSUER, LEAF_KEY, CA_KEY, version=version), CA)


@pytest.mark.parametrize("kind", ["2.5.29.14", "2.5.29.35", "2.5.29.15", "2.5.29.17", "2.5.29.31", "2.5.29.32"])
@pytest.mark.parametrize("times", [1, 2])
def test_other_extensions_with_rubbish_or_twice_harm_nobody(kind: str, times: int) -> None:
    rubbish = [made.extension(kind, RUBBISH)] * times
    leaf = made.certificate(WWW, ISSUER, LEAF_KEY, CA_KEY, extensions=rubbish)
    ca = made.certificate(ISSUER, ISSUER, CA_KEY, CA_KEY, ca=True, extensions=rubbish)
    assert _pass(leaf, ca) == (ca,)
    assert subject_key_identifier(load_certificate(ca)) is None


@pytest.mark.parametrize("true", [b"\xff", b"\x01"])
@pytest.mark.parametrize("path_length", [None, 0, 3])
def test_each_way_to_write_that_it_is_a_ca(true: bytes, path_length: int | None) -> None:
    constraints = made.basic_constraints(path_length, true)
    ca = made.certificate(ISSUER, ISSUER, CA_KEY, CA_KEY, extensions=[constraints])
    assert _pass(LEAF, ca) == (ca,)


@pytest.mark.parametrize(
    "extensions",
    [
        [],
        [made.basic_constraints(true=b"\0")],
        [made.extension("2.5.29.19", made.tlv(0x30))],
        [made.extension("2.5.29.19", RUBBISH)],
        [made.extension("2.5.29.19", b"")],
        [made.basic_constraints(), made.basic_constraints()],
    ],
)
def test_each_way_not_to_be_a_ca(extensions: list[bytes]) -> None:
    ca = made.certificate(ISSUER, ISSUER, CA_KEY, CA_KEY, extensions=extensions)
    with pytest.raises(GateError, match=r"\[cn=CA\] .* is in the chain, but is not"):
        _pass(LEAF, ca)


@pytest.mark.parametrize(("bits", "allowed"), [(b"\x02\x04", True), (b"\x01\x86", True), (b"\x07\x80", False)])
def test_key_usage(bits: bytes, allowed: bool) -> None:
    ca = made.certificate(ISSUER, ISSUER, CA_KEY, CA_KEY, extensions=[made.extension("2.5.29.15", made.tlv(3, bits))])
    assert may_sign_certificates(load_certificate(ca)) is allowed


@pytest.mark.parametrize("algorithm", ["1.2.840.113549.1.1.5", "1.2.840.113549.1.1.10", "1.3.101.112", "1.2.3"])
def test_a_signature_of_another_kind_than_the_key(algorithm: str) -> None:
    leaf = made.certificate(WWW, ISSUER, LEAF_KEY, CA_KEY, algorithm=algorithm)
    with contextlib.suppress(GateError):
        assert _pass(leaf, CA) == (CA,)


@pytest.mark.parametrize("version", [b"\x05", b"\xff", b""])
def test_a_request_of_a_version_that_there_is_not(version: bytes) -> None:
    content = made.tlv(0x30, made.tlv(2, version), made.name(), LEAF_KEY.spki, made.tlv(0xA0))
    kind = made.tlv(0x30, made.oid(made.ECDSA_SHA256))
    csr = made.tlv(0x30, content, kind, made.tlv(3, b"\0", LEAF_KEY.sign(content, made.ECDSA_SHA256)))
    for read in (csr_public_key_sha256, parse_certificates):
        with pytest.raises(ConfigurationError):
            read(csr)


@pytest.mark.process
def test_without_cryptography_it_can_be_imported_and_says_so() -> None:
    """Modules then report the missing library."""
    root = next(folder.parent for folder in Path(made.__file__).parents if folder.name == "ansible_collections")
    script = f"""
import sys
sys.path.insert(0, {str(root)!r})
sys.modules["cryptography"] = None
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers import api as signers
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509 import api
print(api.CRYPTOGRAPHY_IMPORT_ERROR)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stdout, done.stderr


def _changed(data: bytes, changes: t.Sequence[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for at, byte in changes:
        changed[at % len(changed)] = byte
    return bytes(changed)


CHANGES = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=3)


@given(CHANGES, st.sampled_from(["leaf", "ca", "csr", "pkcs7"]))
def test_whatever_is_changed_only_our_own_errors_leave(changes: list[tuple[int, int]], which: str) -> None:
    parts = {"leaf": LEAF, "ca": CA, "csr": CSR, "pkcs7": made.signed_data(LEAF, CA)}
    parts[which] = _changed(parts[which], changes)
    given_certificates = [parts["leaf"], parts["ca"]]
    try:
        if which == "pkcs7":
            given_certificates = parse_certificates(parts["pkcs7"])
        parse_certificates("".join(map(made.armoured, given_certificates)))
        _pass(*given_certificates, csr=parts["csr"])
        check_proof_of_possession(parts["csr"])
    except RedtrustError as exc:
        assert str(exc)  # noqa: PT017
