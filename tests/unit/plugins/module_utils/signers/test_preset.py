# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kind of signer for one CA, as data for the signer http."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError, SignerError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._secrets import Secrets
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    Signed,
    Signer,
    SigningOrder,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.preset import REST_OPTIONS, preset
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import parse_certificates
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Files,
    Loopback,
    reply,
)

from .rest_ca import SINCE, Script, order, said

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")

DOCUMENTATION = """
description: A CA of this test.
type: dict
suboptions:
  role:
    description: The role.
    type: str
    required: true
"""


def _http(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    path = f"/v1/pki/sign/{options['role']}"
    return {"request": {"path": path, "json": {"csr": "${csr_pem}"}}, "token": options["token"]}


def _find(options: t.Mapping[str, t.Any], ask: t.Callable[..., t.Any], order: SigningOrder) -> list[bytes]:
    found: list[bytes] = []
    page = ask({"path": f"/v1/pki/certs/{options['role']}?name=${{name}}"})
    if page.response.status == 404:
        return []
    for number in page.json()["keys"]:
        found += parse_certificates(ask({"path": f"/v1/pki/cert/{number}"}).text)
    return found


def _before(options: t.Mapping[str, t.Any]) -> None:
    if options["role"] == "none":
        raise ConfigurationError("vaultish.role signs nothing")


KIND = preset(
    name="vaultish",
    choice="a CA",
    in_words="the CA of the test",
    options={"role": {"type": "str", "required": True}, "token": {"type": "str", "no_log": True}},
    documentation=DOCUMENTATION,
    http=_http,
    finder=_find,
    before=_before,
)


def built(server: Loopback, files: Files, **options: t.Any) -> Signer:
    given = {name: rules.get("default") for name, rules in KIND.options.items()}
    given.update(
        {"url": server.url("").rstrip("/"), "ca_path": files.ca, "role": "web", "retry_timeout": 0.0, **options}
    )
    signer = KIND.build(given, SINCE)
    signer.secrets = Secrets()
    return signer


def test_the_documentation_and_the_options_have_the_connection_too() -> None:
    written = yaml.safe_load(KIND.documentation)
    assert list(written["suboptions"]) == [*REST_OPTIONS, "role"]
    assert list(KIND.options) == [*REST_OPTIONS, "role", "token"]
    assert "O(vaultish.client_cert)" in str(written)
    assert "E(REDTRUST_VAULTISH_CLIENT_KEY_PASSPHRASE)" in str(written)


def test_a_kind_without_options_of_its_own() -> None:
    bare = preset(
        name="x", choice="", in_words="", options={}, documentation="description: A CA.\ntype: dict\n", http=_http
    )
    assert list(yaml.safe_load(bare.documentation)["suboptions"]) == list(REST_OPTIONS)


def test_it_signs(server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
    Script(server, reply(pem["leaf"].encode()))
    assert isinstance(built(server, files, token="canary").sign(order(pki.csr("leaf"))), Signed)
    assert (server.seen[0].path, server.seen[0].headers["authorization"]) == ("/v1/pki/sign/web", "Bearer canary")


def test_a_mistake_is_told_with_the_name_of_the_preset(server: Loopback, files: Files) -> None:
    with pytest.raises(ConfigurationError, match=r"^vaultish\.url must begin with https"):
        built(server, files, url="http://ca.example.com")


def test_what_it_knows_beforehand(server: Loopback, files: Files) -> None:
    built(server, files).check(SINCE)
    with pytest.raises(ConfigurationError, match=r"vaultish\.role signs nothing"):
        built(server, files, role="none").check(SINCE)


class TestFinder:
    def test_what_it_finds_is_taken(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        Script(server, said({"keys": [1, 2]}), reply(pem["other"].encode()), reply(pem["leaf"].encode()))
        signed = built(server, files).sign(order(pki.csr("leaf"), again=True))
        assert isinstance(signed, Signed)
        assert server.seen[0].path == "/v1/pki/certs/web?name=john%20doe"
        assert len(server.seen) == 3

    @pytest.mark.parametrize("nothing", [said({"keys": []}), said({}, "404 Not Found")])
    def test_nothing_found(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], nothing: bytes
    ) -> None:
        Script(server, nothing, reply(pem["leaf"].encode()))
        assert isinstance(built(server, files).sign(order(pki.csr("leaf"), again=True)), Signed)
        assert server.seen[-1].path == "/v1/pki/sign/web"

    def test_a_failure_orders_nothing(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({"errors": ["sealed"]}, "500 Oops"))
        with pytest.raises(SignerError, match=r"find at .*HTTP 500: .*sealed.*the next run looks again"):
            built(server, files).sign(order(pki.csr("leaf"), again=True))
        assert len(server.seen) == 1
