# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""csr/finalize and renewal: accepted and refused uploads, and the state of the replaced certificate."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import (
    Appliance,
    ca_key,
    certificate_for,
    der,
    problem,
    thumbprint,
)

pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be|Country names should be")


def state(sandbox: Appliance, certificate: x509.Certificate) -> tuple[str, str | None]:
    """Return state and successor of a certificate."""
    (row,) = sandbox.rows("SELECT state, replaced_by FROM certificates WHERE thumbprint = ?", thumbprint(certificate))
    return row[0], row[1]


def test_433_answers_with_a_status_and_an_empty_body(v433: Appliance) -> None:
    token = v433.access()
    request = v433.created(token)
    answer = v433.finalize(token, request, der(certificate_for(request.csr.public_key())))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.content == b""


def test_433_can_answer_with_an_envelope(v433: Appliance) -> None:
    v433.set(finalize_body="envelope")
    token = v433.access()
    request = v433.created(token)
    answer = v433.finalize(token, request, der(certificate_for(request.csr.public_key())))
    assert answer.json() == {
        "message": "Operation finalized successfully",
        "messageType": "SUCCESS",
        "errorCode": "OK",
        "data": None,
    }


def test_442_answers_with_number_and_thumbprint(v442: Appliance) -> None:
    token = v442.access()
    request = v442.created(token)
    certificate = certificate_for(request.csr.public_key())
    answer = v442.finalize(token, request, der(certificate))
    number = v442.one("SELECT id FROM certificates WHERE thumbprint = ?", thumbprint(certificate))
    assert answer.json()["data"] == {"idCertificate": number, "thumbprint": thumbprint(certificate)}


def test_the_ledger_has_the_certificate(sandbox: Appliance) -> None:
    token = sandbox.access()
    request = sandbox.created(token)
    certificate = certificate_for(request.csr.public_key())
    sandbox.finalize(token, request, der(certificate))
    ((pem, code),) = sandbox.rows(
        "SELECT pem, request_code FROM certificates WHERE thumbprint = ?", thumbprint(certificate)
    )
    assert (pem.encode(), code) == (certificate.public_bytes(serialization.Encoding.PEM), request.code)
    ((finalized_at, known),) = sandbox.rows(
        "SELECT finalized_at, thumbprint FROM keys WHERE request_code = ?", request.code
    )
    assert finalized_at
    assert known == thumbprint(certificate)
    assert state(sandbox, certificate) == ("current", None)


@pytest.mark.parametrize("form", ["pem", "pkcs7-der", "pkcs7-pem", "pem-chain"])
def test_other_forms_of_upload_are_taken(sandbox: Appliance, form: str) -> None:
    token = sandbox.access()
    request = sandbox.created(token)
    certificate = certificate_for(request.csr.public_key())
    chain = [certificate_for(ca_key().public_key(), name="issuer"), certificate]
    data = {
        "pem": certificate.public_bytes(serialization.Encoding.PEM),
        "pem-chain": b"".join(item.public_bytes(serialization.Encoding.PEM) for item in chain),
        "pkcs7-der": pkcs7.serialize_certificates(chain, serialization.Encoding.DER),
        "pkcs7-pem": pkcs7.serialize_certificates(chain, serialization.Encoding.PEM),
    }[form]
    assert sandbox.finalize(token, request, data).status_code == 200
    assert state(sandbox, certificate) == ("current", None)


def test_base64_in_lines_is_taken(sandbox: Appliance) -> None:
    token = sandbox.access()
    request = sandbox.created(token)
    lines = base64.encodebytes(der(certificate_for(request.csr.public_key()))).decode()
    assert sandbox.finalize(token, request, b"", dataInB64=lines).status_code == 200


@pytest.mark.parametrize("data", ["", "not base64!", "aGVsbG8=", "MIIB"])
def test_what_is_no_certificate_is_refused(sandbox: Appliance, data: str) -> None:
    token = sandbox.access()
    request = sandbox.created(token)
    assert problem(sandbox.finalize(token, request, b"", dataInB64=data)) == (400, "ERR_INVALID_PARAM")


def test_pem_that_is_not_in_base64_is_refused(sandbox: Appliance) -> None:
    token = sandbox.access()
    request = sandbox.created(token)
    pem = certificate_for(request.csr.public_key()).public_bytes(serialization.Encoding.PEM).decode()
    assert problem(sandbox.finalize(token, request, b"", dataInB64=pem)) == (400, "ERR_INVALID_PARAM")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"requestCode": "AAAAAAAAAAAAAAAAAAAA"}, "ERR_NOT_FOUND"),
        ({"requestCode": None}, "ERR_INVALID_PARAM"),
        ({"provider": None}, "ERR_INVALID_PARAM"),
        ({"dataInB64": None}, "ERR_INVALID_PARAM"),
        ({"provider": "CA_DEMO"}, "ERR_INVALID_PARAM"),
        ({"thumbprint": "x"}, "ERR_INVALID_PARAM"),
    ],
)
def test_a_wrong_field_is_refused(sandbox: Appliance, changes: dict[str, str | None], code: str) -> None:
    token = sandbox.access()
    request = sandbox.created(token)
    good = der(certificate_for(request.csr.public_key()))
    assert problem(sandbox.finalize(token, request, good, **changes)) == (400, code)
    assert sandbox.one("SELECT finalized_at FROM keys WHERE request_code = ?", request.code) is None
    assert sandbox.finalize(token, request, good).status_code == 200


def test_a_certificate_for_another_key_is_refused(sandbox: Appliance) -> None:
    token = sandbox.access()
    request = sandbox.created(token)
    other = certificate_for(ec.generate_private_key(ec.SECP256R1()).public_key())
    assert problem(sandbox.finalize(token, request, der(other))) == (400, "ERR_INVALID_CERT")


@pytest.mark.parametrize(
    ("begins", "ends", "code"),
    [(3600, 7200, "ERR_INVALID_CERT"), (-7200, -3600, "ERR_INVALID_CERT")],
)
def test_a_certificate_must_be_valid_now(sandbox: Appliance, begins: float, ends: float, code: str) -> None:
    token = sandbox.access()
    request = sandbox.created(token)
    certificate = certificate_for(request.csr.public_key(), begins, ends)
    assert problem(sandbox.finalize(token, request, der(certificate))) == (400, code)


def test_a_request_can_be_finalized_in_a_later_session(sandbox: Appliance) -> None:
    request = sandbox.created(sandbox.access())
    data = der(certificate_for(request.csr.public_key()))
    assert sandbox.finalize(sandbox.access(), request, data).status_code == 200


def test_the_same_again_is_success(sandbox: Appliance) -> None:
    token = sandbox.access()
    request = sandbox.created(token)
    data = der(certificate_for(request.csr.public_key()))
    first = sandbox.finalize(token, request, data)
    second = sandbox.finalize(token, request, data)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert sandbox.one("SELECT COUNT(*) FROM certificates WHERE request_code = ?", request.code) == 1


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "The request is already finalized"),
        ("es", "La petición ya está finalizada"),
        ("ca", "La petició ja està finalitzada"),
    ],
)
@pytest.mark.parametrize("code", ["ERR_INVALID_STATE", "ERR_ALREADY_EXIST"])
def test_the_same_again_can_be_an_error_that_says_so(
    sandbox: Appliance, language: str, message: str, code: str
) -> None:
    sandbox.set(finalize_repeat="error", finalize_repeat_code=code, language=language)
    token = sandbox.access()
    request = sandbox.created(token)
    data = der(certificate_for(request.csr.public_key()))
    assert sandbox.finalize(token, request, data).status_code == 200
    again = sandbox.finalize(token, request, data)
    assert problem(again) == (409, code)
    assert again.json()["message"] == message


@pytest.mark.parametrize("repeat", ["ok", "error"])
def test_another_certificate_for_the_same_request_is_refused(sandbox: Appliance, repeat: str) -> None:
    sandbox.set(finalize_repeat=repeat)
    token = sandbox.access()
    request = sandbox.created(token)
    first, second = (certificate_for(request.csr.public_key()) for _number in range(2))
    assert sandbox.finalize(token, request, der(first)).status_code == 200
    refused = sandbox.finalize(token, request, der(second))
    assert problem(refused) == (409, "ERR_ALREADY_EXIST")
    assert "already finalized" not in refused.json()["message"]
    assert state(sandbox, first) == ("current", None)
    assert sandbox.rows("SELECT * FROM certificates WHERE thumbprint = ?", thumbprint(second)) == []


@pytest.mark.parametrize("lower", [False, True])
def test_a_renewal_replaces_the_certificate(sandbox: Appliance, lower: bool) -> None:
    token = sandbox.access()
    old = sandbox.issued(token)
    named = thumbprint(old).lower() if lower else thumbprint(old)
    request = sandbox.created(token, "renew", thumbprintToRenew=named)
    ((renews, api_path),) = sandbox.rows("SELECT renews, api_path FROM keys WHERE request_code = ?", request.code)
    assert renews == thumbprint(old)
    assert api_path == sandbox.path("renew")[1]
    assert state(sandbox, old) == ("current", None)
    new = certificate_for(request.csr.public_key())
    assert sandbox.finalize(token, request, der(new)).status_code == 200
    assert state(sandbox, old) == ("replaced", thumbprint(new))
    assert state(sandbox, new) == ("current", None)


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("0" * 40, "ERR_NOT_FOUND_CERT"),
        ("", "ERR_INVALID_PARAM"),
        ("0" * 39, "ERR_INVALID_PARAM"),
        ("00:" * 19 + "00", "ERR_INVALID_PARAM"),
        ("\u200e" + "0" * 40, "ERR_INVALID_PARAM"),
    ],
)
def test_a_renewal_must_name_a_certificate(sandbox: Appliance, named: str, code: str) -> None:
    token = sandbox.access()
    before = sandbox.one("SELECT COUNT(*) FROM keys")
    assert problem(sandbox.create(token, "renew", thumbprintToRenew=named)) == (400, code)
    assert sandbox.one("SELECT COUNT(*) FROM keys") == before


def test_a_certificate_can_be_renewed_once_only(sandbox: Appliance) -> None:
    token = sandbox.access()
    old = sandbox.issued(token)
    first, second = (sandbox.created(token, "renew", thumbprintToRenew=thumbprint(old)) for _number in range(2))
    assert sandbox.finalize(token, first, der(certificate_for(first.csr.public_key()))).status_code == 200
    late = certificate_for(second.csr.public_key())
    assert problem(sandbox.finalize(token, second, der(late))) == (409, "ERR_INVALID_STATE")
    assert sandbox.rows("SELECT * FROM certificates WHERE thumbprint = ?", thumbprint(late)) == []
    again = sandbox.create(token, "renew", thumbprintToRenew=thumbprint(old))
    assert problem(again) == (409, "ERR_INVALID_STATE")


def test_the_moved_clock_decides_what_is_valid_now(v442: Appliance) -> None:
    token = v442.access()
    request = v442.created(token)
    certificate = certificate_for(request.csr.public_key(), 3600, 7200)
    v442.set(clock_offset=5000, access_token_lifetime=9000)
    facts = {name: v442.facts[name] for name in ("username", "password")}
    moved = v442.ask("login", facts, headers={}).json()["data"]["accessToken"]
    body = {"dataInB64": base64.b64encode(der(certificate)).decode(), "provider": "CA_BRASIL"}
    answer = v442.ask("finalize", {**body, "requestCode": request.code}, moved, headers={})
    assert answer.status_code == 200
