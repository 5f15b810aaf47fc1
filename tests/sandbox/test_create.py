# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""csr/create: requests, keys and CSRs, refusals."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import VENDOR_DN, Appliance, problem

pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be|Country names should be")


def openssl_req(csr: x509.CertificateSigningRequest, *arguments: str) -> str:
    """Check the signature of a CSR with openssl, and return openssl's output."""
    done = subprocess.run(
        ["openssl", "req", "-verify", "-noout", *arguments],
        input=csr.public_bytes(serialization.Encoding.PEM),
        check=True,
        capture_output=True,
    )
    return done.stdout.decode()


def spki(public_key: t.Any) -> str:
    """Return the SHA-256 of a public key."""
    public_der = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public_der).hexdigest()


def test_the_example_of_the_page(sandbox: Appliance) -> None:
    answer = sandbox.create(sandbox.access())
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    data = body.pop("data")
    assert body == {
        "message": "Operation finalized successfully",
        "messageType": "SUCCESS",
        "errorCode": "OK",
        "isValid": True,
    }
    assert set(data) == {"requestCode", "csr"}
    assert re.fullmatch("[A-Z0-9]{20}", data["requestCode"])


def test_the_csr_is_bare_base64_of_der_on_one_line(sandbox: Appliance) -> None:
    text = sandbox.create(sandbox.access()).json()["data"]["csr"]
    assert re.fullmatch("[A-Za-z0-9+/]+=*", text)
    x509.load_der_x509_csr(base64.b64decode(text, validate=True))


def test_the_csr_has_the_subject_as_it_was_asked_for(sandbox: Appliance) -> None:
    dn = [
        {"attribute": "ou", "value": "second to none"},
        {"attribute": "CN", "value": "João da Silva"},
        {"attribute": "ou", "value": "again"},
        {"attribute": "c", "value": "Brasil"},
    ]
    csr = sandbox.created(sandbox.access(), dn=dn).csr
    shown = openssl_req(csr, "-subject", "-nameopt", "utf8,sep_comma_plus,sname")
    assert shown.strip() == "subject=OU=second to none,CN=João da Silva,OU=again,C=Brasil"


def test_the_csr_has_what_names_persons_and_companies(sandbox: Appliance) -> None:
    person = {
        "cn": "Ana Garcia Lopez",
        "givenName": "Ana",
        "sn": "Garcia Lopez",
        "serialNumber": "IDCES-12345678Z",
        "organizationIdentifier": "VATES-B12345678",
    }
    dn = [{"attribute": name, "value": value} for name, value in person.items()]
    shown = openssl_req(sandbox.created(sandbox.access(), dn=dn).csr, "-subject", "-nameopt", "sep_comma_plus,sname")
    assert shown.strip() == (
        "subject=CN=Ana Garcia Lopez,GN=Ana,SN=Garcia Lopez,serialNumber=IDCES-12345678Z,"
        "organizationIdentifier=VATES-B12345678"
    )


def test_the_csr_is_signed_with_its_own_key_and_the_hash_asked_for(sandbox: Appliance) -> None:
    token = sandbox.access()
    for hash_type in ("SHA256", "SHA384", "SHA512"):
        text = openssl_req(sandbox.created(token, hashType=hash_type).csr, "-text")
        assert f"Signature Algorithm: {hash_type.lower()}WithRSAEncryption" in text


def test_the_csr_of_sha1_is_valid_too(sandbox: Appliance) -> None:
    text = openssl_req(sandbox.created(sandbox.access(), hashType="SHA1").csr, "-text", "-subject")
    assert "Signature Algorithm: sha1WithRSAEncryption" in text
    assert "john doe" in text


def test_a_legacy_provider_answers_like_the_example_of_the_page(sandbox: Appliance) -> None:
    csr = sandbox.created(sandbox.access(), provider="CA_LEGACY").csr
    text = openssl_req(csr, "-text")
    assert len(csr.subject) == 0
    assert "Signature Algorithm: sha1WithRSAEncryption" in text
    assert "Public-Key: (2048 bit)" in text


@pytest.mark.parametrize(
    ("style", "parts", "algorithm"),
    [
        ("standard", 6, "sha384WithRSAEncryption"),
        ("empty-subject", 0, "sha384WithRSAEncryption"),
        ("sha1", 6, "sha1WithRSAEncryption"),
        ("legacy", 0, "sha1WithRSAEncryption"),
    ],
)
def test_each_provider_has_its_style(sandbox: Appliance, style: str, parts: int, algorithm: str) -> None:
    sandbox.provider("CA_NEW", style)
    csr = sandbox.created(sandbox.access(), provider="CA_NEW").csr
    assert len(list(csr.subject)) == parts
    assert algorithm in openssl_req(csr, "-text")


@pytest.mark.parametrize(
    ("key_type", "length", "kind"),
    [
        ("RSA", 1024, rsa.RSAPublicKey),
        ("RSA", 2048, rsa.RSAPublicKey),
        ("RSA", 3072, rsa.RSAPublicKey),
        ("DSA", 1024, dsa.DSAPublicKey),
        ("DSA", 2048, dsa.DSAPublicKey),
        ("DSA", 3072, dsa.DSAPublicKey),
        ("ECDSA", 256, ec.EllipticCurvePublicKey),
        ("ECDSA", 384, ec.EllipticCurvePublicKey),
        ("ECDSA", 521, ec.EllipticCurvePublicKey),
    ],
)
def test_the_key_has_the_type_and_length_asked_for(v433: Appliance, key_type: str, length: int, kind: type) -> None:
    csr = v433.created(v433.access(), keyType=key_type, keyLength=str(length), hashType="SHA256").csr
    key = csr.public_key()
    assert isinstance(key, kind)
    assert getattr(key, "key_size", None) == length
    openssl_req(csr)


def test_each_create_makes_another_key_and_another_code(sandbox: Appliance) -> None:
    token = sandbox.access()
    made = [sandbox.created(token) for _number in range(12)]
    assert len({request.code for request in made}) == 12
    assert len({spki(request.csr.public_key()) for request in made}) == 12


def test_the_ledger_has_the_key_and_the_whole_request(sandbox: Appliance) -> None:
    changes: dict[str, t.Any] = {"info": {"proident_9b": "7"}, "requestCode": "MINE"}
    if not sandbox.is_433:
        changes["groupIds"] = [3, 5]
    request = sandbox.created(sandbox.access(), **changes)
    assert request.code != "MINE"
    ((dn, body, digest, private_key, renews, finalized_at, api_path),) = sandbox.rows(
        "SELECT dn, body, spki_sha256, private_key, renews, finalized_at, api_path FROM keys WHERE request_code = ?",
        request.code,
    )
    assert json.loads(dn) == VENDOR_DN
    assert json.loads(body) == sandbox.create_body(**changes)
    assert digest == spki(request.csr.public_key())
    key = serialization.load_pem_private_key(private_key.encode(), None)
    assert spki(key.public_key()) == digest
    assert (renews, finalized_at, api_path) == (None, None, "/raapi/v1/csr/create")


def test_433_wants_the_key_length_as_a_string(v433: Appliance) -> None:
    assert problem(v433.create(v433.access(), keyLength=2048)) == (400, "ERR_INVALID_PARAM")


@pytest.mark.parametrize("length", ["2048", 2048.0, True])
def test_442_wants_the_key_length_as_an_integer(v442: Appliance, length: t.Any) -> None:
    assert problem(v442.create(v442.access(), keyLength=length)) == (400, "ERR_INVALID_PARAM")


def test_433_does_not_know_group_ids(v433: Appliance) -> None:
    assert problem(v433.create(v433.access(), groupIds=[1])) == (400, "ERR_INVALID_PARAM")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"dn": None}, "ERR_INVALID_PARAM"),
        ({"dn": []}, "ERR_INVALID_PARAM"),
        ({"dn": {"cn": "x"}}, "ERR_INVALID_PARAM"),
        ({"dn": [{"attribute": "cn"}]}, "ERR_INVALID_PARAM"),
        ({"dn": [{"attribute": "cn", "value": 5}]}, "ERR_INVALID_PARAM"),
        ({"dn": [{"attribute": "cn", "value": "x", "oid": "2.5.4.3"}]}, "ERR_INVALID_PARAM"),
        ({"dn": [{"attribute": "shoe", "value": "42"}]}, "ERR_INVALID_PARAM"),
        ({"dn": [{"attribute": "cn", "value": ""}]}, "ERR_INVALID_PARAM"),
        ({"dn": [{"attribute": "c", "value": "São"}]}, "ERR_INVALID_PARAM"),
        ({"dn": [{"attribute": "c", "value": "B*"}]}, "ERR_INVALID_PARAM"),
        ({"hashType": None}, "ERR_INVALID_PARAM"),
        ({"hashType": "sha384"}, "ERR_INVALID_PARAM"),
        ({"hashType": "MD5"}, "ERR_INVALID_PARAM"),
        ({"keyType": None}, "ERR_INVALID_PARAM"),
        ({"keyType": "EC"}, "ERR_INVALID_PARAM"),
        ({"keyLength": None}, "ERR_INVALID_PARAM"),
        ({"provider": None}, "ERR_INVALID_PARAM"),
        ({"provider": "CA_NOWHERE"}, "ERR_NOT_FOUND"),
        ({"provider": "ca_brasil"}, "ERR_NOT_FOUND"),
        ({"info": "text"}, "ERR_INVALID_PARAM"),
        ({"info": {"proident_9b": 5}}, "ERR_INVALID_PARAM"),
        ({"requestCode": 5}, "ERR_INVALID_PARAM"),
        ({"hash_type": "SHA384"}, "ERR_INVALID_PARAM"),
    ],
)
def test_a_wrong_field_is_refused_and_makes_no_key(sandbox: Appliance, changes: dict[str, t.Any], code: str) -> None:
    before = sandbox.one("SELECT COUNT(*) FROM keys")
    assert problem(sandbox.create(sandbox.access(), **changes)) == (400, code)
    assert sandbox.one("SELECT COUNT(*) FROM keys") == before


@pytest.mark.parametrize(
    ("key_type", "length"), [("RSA", 512), ("RSA", 2047), ("DSA", 4096), ("ECDSA", 2048), ("RSA", 0)]
)
def test_a_length_that_the_type_cannot_have_is_refused(sandbox: Appliance, key_type: str, length: int) -> None:
    given = str(length) if sandbox.is_433 else length
    answer = sandbox.create(sandbox.access(), keyType=key_type, keyLength=given)
    assert problem(answer) == (400, "ERR_INVALID_PARAM")


def test_433_takes_no_thumbprint_in_v1_and_wants_one_in_v2(v433: Appliance) -> None:
    token = v433.access()
    assert problem(v433.create(token, thumbprintToRenew="0" * 40)) == (400, "ERR_INVALID_PARAM")
    assert problem(v433.create(token, "renew")) == (400, "ERR_INVALID_PARAM")
