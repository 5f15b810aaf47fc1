# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the vendor's page, over a real connection; other tests cover the rest of docs/conformance.md."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import RefusedError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.options import (
    TransportOptions,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpsTransport,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Tokens,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.api import CONNECTION
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.api import Address, Calls, Client
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.contract import CONTRACTS
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.signing import Partner
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Authority,
    Loopback,
    Seen,
    reply,
    server_context,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    VENDOR_CSR,
    AnsweringTransport,
    answer,
    client,
    created,
    stored,
    tokens,
)

if t.TYPE_CHECKING:
    from ..conftest import Openssl

PARTNER = Partner.from_options("ca_demo", "demo-secret", "text")
TIMESTAMP = 1744719496  # of the page's example
TOKENS = Tokens("access", "refresh")
# The page's example of csr/create, word for word.
EXAMPLE = """
{
"dn": [
{
"attribute": "cn",
"value": "john doe"
},
{
"attribute": "o",
"value": "Redtrust"
},
{
"attribute": "c",
"value": "Brasil"
},
{
"attribute": "st",
"value": "PJE"
},
{
"attribute": "l",
"value": "Sao Paolo"
},
{
"attribute": "ou",
"value": "Developement"
}
],
"hashType": "SHA384",
"keyLength": "2048",
"keyType": "RSA",
"provider": "CA_BRASIL"
}
"""
SPEC = CertificateSpec(
    "john",
    DistinguishedName.from_option(json.loads(EXAMPLE)["dn"]),
    "CA_BRASIL",
    key_type="RSA",
    key_length=2048,
    hash_type="SHA384",
)
# The page's answer to both token endpoints, with values in the place of "string" and "<dateTime>".
TRIPLE = {"refreshToken": "refresh", "accessToken": "access", "expiration": "2031-04-15T12:18:16.1234567Z"}
ANSWERS: dict[str, t.Any] = {
    "/authapi/v1/login_by_temp_token": TRIPLE,
    "/authapi/v1/refresh-token": TRIPLE,
    "/authapi/v1/logout": {},
    "/raapi/v1/csr/create": {"requestCode": "P775W98SSW4Z1774PMZU", "csr": VENDOR_CSR},
    "/raapi/v2/csr/create": {"requestCode": "P775W98SSW4Z1774PMZU", "csr": VENDOR_CSR},
}


class Wire:
    """A server for each of the page's two ports, and a client of 4.33 that signs at the time of the page's example."""

    def __init__(self, folder: Path) -> None:
        ca = Authority(folder, "ca")
        context = server_context(ca.issue("127.0.0.1"))
        self.auth, self.ra = Loopback(context), Loopback(context)
        self.auth.behaviour = self.ra.behaviour = lambda seen, connection: connection.sendall(_answer(seen))
        address = Address("127.0.0.1", self.ra.port, self.auth.port)
        transport = HttpsTransport(TransportOptions(ca_path=ca.path, timeout=20.0))
        calls = Calls(address, transport, partner=PARTNER, clock=lambda: TIMESTAMP + 0.9)
        self.client = Client(CONTRACTS["4.33"], calls)

    def close(self) -> None:
        self.auth.close()
        self.ra.close()


def _answer(seen: Seen) -> bytes:
    if seen.path not in ANSWERS:
        return reply(b"")  # finalize: "HTTP Code Response"
    envelope = {"message": "string", "messageType": "SUCCESS", "errorCode": "OK", "data": ANSWERS[seen.path]}
    return reply(json.dumps(envelope).encode())


@pytest.fixture
def wire(tmp_path: Path) -> t.Iterator[Wire]:
    made = Wire(tmp_path)
    yield made
    made.close()


Call = t.Callable[[Client], object]
CALLS: dict[str, Call] = {
    "exchange": lambda one: one.exchange("tkn"),
    "refresh": lambda one: one.refresh(TOKENS),
    "logout": lambda one: one.logout(TOKENS),
    "create": lambda one: one.create(TOKENS, SPEC),
    "renew": lambda one: one.create(TOKENS, SPEC, "A" * 40),
    "finalize": lambda one: one.finalize(TOKENS, "P775W98SSW4Z1774PMZU", "CA_BRASIL", "MIID"),
}
FINALIZE = {"dataInB64": "MIID", "provider": "CA_BRASIL", "requestCode": "P775W98SSW4Z1774PMZU"}
# Method, Endpoint, Authentication and Body, in the page's order.
PAGE = [
    ("exchange", "auth", "GET", "/authapi/v1/login_by_temp_token", "tkn", {"temporalToken": "tkn"}),
    ("refresh", "auth", "PUT", "/authapi/v1/refresh-token", "access", {"refreshToken": "refresh"}),
    ("logout", "auth", "DELETE", "/authapi/v1/logout", "access", None),
    ("create", "ra", "GET", "/raapi/v1/csr/create", "access", json.loads(EXAMPLE)),
    ("finalize", "ra", "PUT", "/raapi/v1/csr/finalize", "access", FINALIZE),
    (
        "renew",
        "ra",
        "GET",
        "/raapi/v2/csr/create",
        "access",
        {**json.loads(EXAMPLE), "thumbprintToRenew": "A" * 40},
    ),
]


@pytest.mark.parametrize(("call", "port", "verb", "path", "bearer", "body"), PAGE)
def test_each_request_as_it_arrives(
    wire: Wire, openssl: Openssl, call: str, port: str, verb: str, path: str, bearer: str, body: object
) -> None:
    CALLS[call](wire.client)
    used, unused = (wire.auth, wire.ra) if port == "auth" else (wire.ra, wire.auth)
    (seen,) = used.seen
    assert unused.connections == 0
    assert (seen.verb, seen.path) == (verb, path)
    assert (json.loads(seen.body) if seen.body else None) == body
    assert seen.headers["authorization"] == f"Bearer {bearer}"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["x-partner-name"] == "CA_DEMO"
    assert seen.headers["x-request-timestamp"] == str(TIMESTAMP)
    said = openssl.text("dgst", "-sha256", "-hmac", "demo-secret", stdin=f"CA_DEMO:{TIMESTAMP}".encode())
    assert seen.headers["x-hmac-signature"] == said.rpartition(" ")[2]


def test_the_page_has_these_endpoints_and_the_client_no_others() -> None:
    contract = CONTRACTS["4.33"]
    endpoints = [contract.exchange, contract.refresh, contract.logout]
    endpoints += [contract.create, contract.finalize, contract.renew]
    assert [(one.verb, one.path) for one in endpoints] == [(verb, path) for _c, _p, verb, path, _b, _o in PAGE]
    assert contract.login is None


def test_a_renewal_can_carry_every_field_of_the_schema(wire: Wire) -> None:
    spec = CertificateSpec(
        "john",
        SPEC.dn,
        "CA_BRASIL",
        key_type="DSA",
        hash_type="SHA384",
        info={"proident_9b": "x"},
        request_code="R",
    )
    wire.client.create(TOKENS, spec, "A" * 40)
    assert json.loads(wire.ra.seen[0].body) == {
        "dn": json.loads(EXAMPLE)["dn"],
        "hashType": "SHA384",
        "keyLength": "2048",
        "keyType": "DSA",
        "provider": "CA_BRASIL",
        "requestCode": "R",
        "info": {"proident_9b": "x"},
        "thumbprintToRenew": "A" * 40,
    }


def test_the_answer_in_the_schema_is_taken_like_the_one_in_the_example() -> None:
    """The schema has IGNORE and a string, the example SUCCESS and an object."""
    made = {"requestCode": "P775W98SSW4Z1774PMZU", "csr": VENDOR_CSR}
    in_schema = answer(json.dumps(made), messageType="IGNORE")
    transport = AnsweringTransport(create=in_schema)
    example = AnsweringTransport(create=answer(made, isValid=True))
    assert client(transport, "4.33").create(TOKENS, SPEC) == client(example, "4.33").create(TOKENS, SPEC)


def test_an_error_code_other_than_ok_is_a_refusal() -> None:
    """The token answers of the page have "ERROR_CODE" in place of a code; OK is the code of success."""
    transport = AnsweringTransport(exchange=answer(TRIPLE, errorCode="TOKEN_EXPIRED"))
    with pytest.raises(RefusedError, match="TOKEN_EXPIRED"):
        client(transport, "4.33").exchange("tkn")


def test_is_valid_is_not_looked_at() -> None:
    """The page shows it once and does not explain it."""
    for is_valid in (True, False, None):
        transport = AnsweringTransport(create=answer(ANSWERS["/raapi/v1/csr/create"], isValid=is_valid))
        assert client(transport, "4.33").create(TOKENS, SPEC).request_code == "P775W98SSW4Z1774PMZU"


def test_the_login_link_of_the_example(openssl: Openssl) -> None:
    """The link of the page, with another signature: its secret is not published."""
    page = Address("localhost", 8082, 8083).login_page(CONTRACTS["4.33"])
    link = PARTNER.login_url(page, redirect_url="https://google.es?tkn=", timestamp=TIMESTAMP, domain="local.users")
    said = openssl.text("dgst", "-sha256", "-hmac", "demo-secret", stdin=f"CA_DEMO:{TIMESTAMP}".encode())
    assert link == (
        "https://localhost:8083/authclient/auth/loginrequest?Consumer=RA_API&Domain=local.users"
        "&RedirectUrl=https%3A%2F%2Fgoogle.es%3Ftkn%3D&timestamp=1744719496&partner=CA_DEMO&hmac="
        + said.rpartition(" ")[2]
    )


def test_the_version_of_the_page_is_the_default() -> None:
    assert CONNECTION["api_version"]["default"] == "4.33"


@pytest.mark.parametrize("api_version", CONTRACTS)
def test_every_request_is_signed_when_a_partner_is_given(api_version: str) -> None:
    replies = {"login": tokens(), "exchange": tokens(), "refresh": tokens(), "logout": answer({})}
    transport = AnsweringTransport(**replies, create=created(), finalize=stored())
    one = client(transport, api_version, partner=PARTNER, clock=lambda: float(TIMESTAMP))
    calls = dict(CALLS)
    if CONTRACTS[api_version].login:
        calls["login"] = lambda one: one.login("u", "p", None)
    for call in calls.values():
        call(one)
    assert len(transport.requests) == len(calls)
    for request in transport.requests:
        assert PARTNER.headers(TIMESTAMP).items() <= request.headers.items(), request.step
