# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each row of the contract's table, for both generations, as the service receives it."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    SessionError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Tokens,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.api import Address, Calls, Client
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.contract import CONTRACTS
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    Scene,
    ScriptedTransport,
    answer,
    client,
    created,
    raw,
    stored,
    tokens,
)

TOKENS = Tokens("access", "refresh")
SPEC = CertificateSpec("www", DistinguishedName((("cn", "john doe"), ("ou", "b"), ("ou", "a"))), "CA_BRASIL")
DN = [
    {"attribute": "cn", "value": "john doe"},
    {"attribute": "ou", "value": "b"},
    {"attribute": "ou", "value": "a"},
]
LOGIN = {"username": "u", "password": "p", "domain": "d"}
FINALIZE = {"dataInB64": "AAAA", "provider": "CA_BRASIL", "requestCode": "code"}
TRIPLE, NOTHING, MADE = tokens(), answer({}), created()


def create_body(length: object, **extra: object) -> dict[str, object]:
    return {"dn": DN, "hashType": "SHA256", "keyLength": length, "keyType": "RSA", "provider": "CA_BRASIL", **extra}


Call = t.Callable[[Client], object]
CALLS: dict[str, Call] = {
    "login": lambda one: one.login("u", "p", "d"),
    "exchange": lambda one: one.exchange("tkn"),
    "refresh": lambda one: one.refresh(TOKENS),
    "logout": lambda one: one.logout(TOKENS),
    "create": lambda one: one.create(TOKENS, SPEC),
    "renew": lambda one: one.create(TOKENS, SPEC, "A" * 40),
    "finalize": lambda one: one.finalize(TOKENS, "code", "CA_BRASIL", "AAAA"),
}
RENEW = {"thumbprintToRenew": "A" * 40}
EXCHANGE, REFRESH = {"temporalToken": "tkn"}, {"refreshToken": "refresh"}
TABLE = [
    ("4.33", "exchange", Scene("GET", "/authapi/v1/login_by_temp_token", TRIPLE, EXCHANGE, "tkn", 8083)),
    ("4.33", "refresh", Scene("PUT", "/authapi/v1/refresh-token", TRIPLE, REFRESH, "access", 8083)),
    ("4.33", "logout", Scene("DELETE", "/authapi/v1/logout", NOTHING, None, "access", 8083)),
    ("4.33", "create", Scene("GET", "/raapi/v1/csr/create", MADE, create_body("2048"), "access", 8082)),
    ("4.33", "renew", Scene("GET", "/raapi/v2/csr/create", MADE, create_body("2048", **RENEW), "access", 8082)),
    ("4.33", "finalize", Scene("PUT", "/raapi/v1/csr/finalize", raw(b""), FINALIZE, "access", 8082)),
    ("4.42", "login", Scene("POST", "/raapi/v1/auth/login", TRIPLE, LOGIN, None, 8082)),
    ("4.42", "exchange", Scene("POST", "/authapi/v1/login_by_temp_token", TRIPLE, EXCHANGE, "tkn", 8082)),
    ("4.42", "refresh", Scene("PUT", "/raapi/v1/auth/refresh-token", TRIPLE, REFRESH, None, 8082)),
    ("4.42", "logout", Scene("DELETE", "/raapi/v1/auth/logout", NOTHING, None, "access", 8082)),
    ("4.42", "create", Scene("POST", "/raapi/v1/csr/create", MADE, create_body(2048), "access", 8082)),
    ("4.42", "renew", Scene("POST", "/raapi/v1/csr/create", MADE, create_body(2048, **RENEW), "access", 8082)),
    ("4.42", "finalize", Scene("PUT", "/raapi/v1/csr/finalize", stored(), FINALIZE, "access", 8082)),
]


def on_standard_ports(api_version: str, transport: ScriptedTransport) -> Client:
    contract = CONTRACTS[api_version]
    return Client(contract, Calls(Address("rt.example.com", contract.ra_port, contract.auth_port), transport))


@pytest.mark.parametrize(("api_version", "call", "scene"), TABLE)
def test_row(api_version: str, call: str, scene: Scene) -> None:
    transport = ScriptedTransport(scene)
    CALLS[call](on_standard_ports(api_version, transport))
    assert transport.scenes == []
    assert isinstance(transport.requests[0].body, dict) is (scene.body is not None)


def test_each_call_of_each_generation_has_its_row() -> None:
    rows = {(api_version, call) for api_version, call, _scene in TABLE}
    assert rows == {(version, call) for version in CONTRACTS for call in CALLS} - {("4.33", "login")}


def test_the_first_generation_has_no_login() -> None:
    transport = ScriptedTransport()
    with pytest.raises(SessionError, match=r"generation 4\.33 has no login with user and password") as caught:
        client(transport, "4.33").login("u", "canary", None)
    assert "canary" not in str(caught.value)
    assert transport.requests == []


def test_no_domain_is_an_empty_one() -> None:
    transport = ScriptedTransport(Scene("POST", "/raapi/v1/auth/login", TRIPLE, {**LOGIN, "domain": ""}))
    client(transport).login("u", "p", None)


@pytest.mark.parametrize(("api_version", "length"), [("4.33", "4096"), ("4.42", 4096)])
def test_all_fields_pass_through(api_version: str, length: object) -> None:
    info = {"proident_9b": "x", "deep": {"er": [1, None, True]}}
    changes: dict[str, t.Any] = {"key_type": "DSA", "key_length": 4096, "hash_type": "SHA384", "info": info}
    spec = dataclasses.replace(SPEC, **changes, request_code="own", subject_alt_name=("DNS:a",))
    transport = ScriptedTransport(Scene("POST" if api_version == "4.42" else "GET", "/raapi/v1/csr/create", MADE))
    client(transport, api_version).create(TOKENS, spec)
    body = {"hashType": "SHA384", "keyType": "DSA", "info": info, "requestCode": "own"}
    assert transport.requests[0].body == {**create_body(length), **body}


def test_group_ids_are_of_the_second_generation_only() -> None:
    spec = dataclasses.replace(SPEC, group_ids=(3, 1))
    transport = ScriptedTransport(Scene("POST", "/raapi/v1/csr/create", MADE, create_body(2048, groupIds=[3, 1])))
    client(transport).create(TOKENS, spec)
    client(transport).check(spec)
    first = client(transport, "4.33")
    for refused in (lambda: first.create(TOKENS, spec), lambda: first.check(spec)):
        with pytest.raises(ConfigurationError, match=r"group_ids needs api_version 4\.42, not 4\.33"):
            refused()
    assert len(transport.requests) == 1


@pytest.mark.parametrize("host", ["2001:db8::7", "[2001:db8::7]"])
def test_an_ipv6_address_stands_in_brackets(host: str) -> None:
    address = Address(host, 1, 2)
    assert address.url(CONTRACTS["4.33"].create) == "https://[2001:db8::7]:1/raapi/v1/csr/create"
    assert address.login_page(CONTRACTS["4.33"]) == "https://[2001:db8::7]:2/authclient/auth/loginrequest"


@pytest.mark.parametrize("api_version", CONTRACTS)
def test_what_may_be_sent_twice(api_version: str) -> None:
    """The first request that arrives uses up a key pair, a temporary token or a refresh token."""
    contract = CONTRACTS[api_version]
    once = [contract.create, contract.renew, contract.exchange, contract.refresh]
    assert [endpoint.repeatable for endpoint in once] == [False] * 4
    assert contract.finalize.repeatable
