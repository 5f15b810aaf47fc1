# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that change the form of an answer, within the limits of the contract."""

from __future__ import annotations

import base64
import datetime
import json
import re
import time

import jwt
import pytest
from cryptography import x509

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, command, problem

pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be|Country names should be")


def test_keys_in_camel_case_are_the_default(sandbox: Appliance) -> None:
    assert sandbox.create(sandbox.access()).json()["data"].keys() == {"requestCode", "csr"}


def test_keys_can_be_in_pascal_case(sandbox: Appliance) -> None:
    token = sandbox.access()
    sandbox.set(key_case="pascal")
    body = sandbox.create(token).json()
    assert set(body) == {"Message", "MessageType", "ErrorCode", "Data", "IsValid"}
    assert set(body["Data"]) == {"RequestCode", "Csr"}
    assert set(sandbox.create("x").json()) == {"Message", "MessageType", "ErrorCode", "Data"}


@pytest.mark.parametrize(
    ("language", "done", "refused"),
    [
        ("en", "Operation finalized successfully", "The access token is not valid"),
        ("es", "Operación finalizada correctamente", "El token de acceso no es válido"),
        ("ca", "Operació finalitzada correctament", "El token d'accés no és vàlid"),
    ],
)
def test_messages_are_in_the_language_that_is_set(sandbox: Appliance, language: str, done: str, refused: str) -> None:
    token = sandbox.access()
    sandbox.set(language=language)
    assert sandbox.create(token).json()["message"] == done
    assert sandbox.create("x").json()["message"] == refused


def test_an_answer_can_begin_with_a_byte_order_mark(sandbox: Appliance) -> None:
    token = sandbox.access()
    assert sandbox.create(token).content.startswith(b"{")
    sandbox.set(bom="yes")
    for answer in (sandbox.create(token), sandbox.create("x")):
        assert answer.content.startswith(b"\xef\xbb\xbf{")
        assert json.loads(answer.content.decode("utf-8-sig"))


@pytest.mark.parametrize(
    ("style", "pattern"),
    [
        ("z", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z"),
        ("offset", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+02:00"),
        ("none", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}"),
        ("short", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    ],
)
def test_the_expiration_has_each_form_of_a_dotnet_date(sandbox: Appliance, style: str, pattern: str) -> None:
    sandbox.set(expiration_style=style)
    tokens = sandbox.tokens()
    text = tokens["expiration"]
    assert re.fullmatch(pattern, text)
    whole, offset = re.sub(r"\.\d+", "", text).replace("Z", ""), "+02:00" if style == "offset" else "+00:00"
    moment = datetime.datetime.fromisoformat(whole.replace("+02:00", "") + offset)
    assert moment.timestamp() == jwt.decode(tokens["accessToken"], options={"verify_signature": False})["exp"]


def test_the_data_of_create_can_be_a_string(sandbox: Appliance) -> None:
    token = sandbox.access()
    sandbox.set(create_data="string")
    data = sandbox.create(token).json()["data"]
    assert isinstance(data, str)
    assert set(json.loads(data)) == {"requestCode", "csr"}
    sandbox.set(key_case="pascal")
    assert set(json.loads(sandbox.create(token).json()["Data"])) == {"RequestCode", "Csr"}


def test_the_csr_can_be_pem_or_in_lines(sandbox: Appliance) -> None:
    token = sandbox.access()
    sandbox.set(csr_format="pem")
    pem = sandbox.create(token).json()["data"]["csr"]
    assert pem.startswith("-----BEGIN CERTIFICATE REQUEST-----\r\n")
    assert len(x509.load_pem_x509_csr(pem.encode()).subject.rdns) == 6
    sandbox.set(csr_format="lines")
    lines = sandbox.create(token).json()["data"]["csr"]
    assert "\r\n" in lines
    assert "BEGIN" not in lines
    assert len(x509.load_der_x509_csr(base64.b64decode(lines)).subject.rdns) == 6


def test_success_can_be_called_ignore(sandbox: Appliance) -> None:
    token = sandbox.access()
    sandbox.set(success_type="IGNORE")
    body = sandbox.create(token).json()
    assert (body["messageType"], body["errorCode"]) == ("IGNORE", "OK")
    assert problem(sandbox.create("x"))[0] == 401


def test_an_error_can_come_with_status_200(sandbox: Appliance) -> None:
    token = sandbox.access()
    sandbox.set(error_status="ok")
    assert problem(sandbox.create(token, provider="CA_NOWHERE")) == (200, "ERR_NOT_FOUND")
    assert problem(sandbox.create("x")) == (200, "TOKEN_INVALID")


@pytest.mark.parametrize(
    ("key", "value"),
    [("key_case", "kebab"), ("clock_offset", "soon"), ("provider.X", "odd"), ("login_redirect", "other.example")],
)
def test_the_command_refuses_a_value_that_cannot_be_used(v433: Appliance, key: str, value: str) -> None:
    done = command("set", "--directory", str(v433.directory), key, value, check=False)
    assert done.returncode == 1
    assert key in done.stderr
    assert v433.rows("SELECT * FROM settings WHERE value = ?", value) == []


def test_a_value_that_got_in_all_the_same_is_named(sandbox: Appliance) -> None:
    sandbox.set(key_case="kebab")
    answer = sandbox.create("x")
    assert problem(answer) == (500, "SETTING_INVALID")
    assert "key_case" in answer.json()["message"]


def test_the_command_refuses_a_key_that_does_not_exist(v433: Appliance) -> None:
    done = command("set", "--directory", str(v433.directory), "colour", "red", check=False)
    assert done.returncode == 1
    assert "There is no setting 'colour'" in done.stderr


def test_the_command_changes_a_running_server(sandbox: Appliance) -> None:
    token = sandbox.access()
    assert problem(sandbox.create(token, provider="CA_FRESH")) == (400, "ERR_NOT_FOUND")
    command("set", "--directory", str(sandbox.directory), "provider.CA_FRESH", "legacy")
    assert len(sandbox.created(token, provider="CA_FRESH").csr.subject.rdns) == 0


def test_times_are_read_on_each_request(v433: Appliance) -> None:
    token = v433.access()
    v433.set(clock_offset=3600)
    headers = v433.sign(time.time() + 3600).headers()
    assert problem(v433.ask("logout", token=token, headers=headers)) == (401, "TOKEN_EXPIRED")
    v433.set(clock_offset=0)
    assert v433.ask("logout", token=token).status_code == 200
