# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kind of signer for one CA, as data for the signer http."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError, SignerError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._secrets import Secrets
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    SIGNERS,
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

NAMED = DistinguishedName((("cn", "www.example.com"), ("o", "Example")))

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

    def test_a_ca_that_is_down_fails_for_all_and_may_have_had_the_order(
        self, server: Loopback, files: Files, pki: Openssl
    ) -> None:
        """So it is no failure of the one certificate, which would wait longer and longer."""
        asking = built(server, files)
        server.close()
        with pytest.raises(SignerError, match="nothing was sent") as raised:
            asking.sign(order(pki.csr("leaf"), again=True))
        assert (raised.value.not_sent, raised.value.concerns_all) == (False, True)


class TestWords:
    """A message names no option that the preset does not have: its requests are not the user's."""

    ANSWERS: t.ClassVar[list[bytes]] = [
        *(said({"errors": ["no"]}, f"{status} No") for status in (200, 400, 401, 403, 404, 409, 500, 503)),
        said({}, "303 See Other", Location="/orders/7"),
        reply(b"<html>", "502 Bad"),
        reply(b"<html>"),
    ]

    @pytest.mark.parametrize("answer", ANSWERS)
    @pytest.mark.parametrize("name", ["vaultish", "openbao", "cfssl", "ejbca", "adcs"])
    def test_of_a_failure(self, server: Loopback, files: Files, pki: Openssl, name: str, answer: bytes) -> None:
        Script(server, answer)
        with pytest.raises(SignerError) as raised:
            self._built(name, server, files).sign(order(pki.csr("leaf"), dn=NAMED, subject_alt_name=()))
        self._check(name, str(raised.value))

    @pytest.mark.parametrize(
        ("name", "of_all"), [("vaultish", False), ("openbao", True), ("ejbca", True), ("adcs", True), ("cfssl", False)]
    )
    def test_where_403_is_about_the_account_it_is_no_failure_of_the_one_certificate(
        self, server: Loopback, files: Files, pki: Openssl, name: str, of_all: bool
    ) -> None:
        Script(server, said({"errors": ["permission denied"]}, "403 Forbidden"))
        with pytest.raises(SignerError, match="permission denied") as raised:
            self._built(name, server, files).sign(order(pki.csr("leaf"), dn=NAMED, subject_alt_name=()))
        assert (raised.value.concerns_all, raised.value.not_sent) == (of_all, True)

    def test_of_a_repetition(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        Script(server, reply(b'<a href="certnew.cer?ReqID=7&">'), reply(pem["leaf"].encode()))
        asking = self._built("adcs", server, files, lost_answer="repeat")
        signed = asking.sign(order(pki.csr("leaf"), subject_alt_name=(), again=True))
        assert isinstance(signed, Signed)
        (warning,) = signed.warnings
        assert "may have issued two certificates" in warning
        self._check("adcs", warning)

    def _built(self, name: str, server: Loopback, files: Files, **options: t.Any) -> Signer:
        if name == "vaultish":
            return built(server, files, token="canary-token")
        own: dict[str, dict[str, t.Any]] = {
            "openbao": {"role": "people", "token": "canary-token"},
            "ejbca": {
                "ca_name": "CA",
                "certificate_profile": "P",
                "end_entity_profile": "P",
                "entity_secret": "canary-secret-of-16",
                "token": "canary-token",
            },
            "adcs": {"username": "u", "password": "canary-password"},
        }
        given = {option: rules.get("default") for option, rules in SIGNERS[name].options.items()}
        given.update({"url": server.url("").rstrip("/"), "ca_path": files.ca, "retry_timeout": 0.0})
        return SIGNERS[name].build({**given, **own.get(name, {}), **options}, SINCE)

    def _check(self, name: str, words: str) -> None:
        known = KIND.options if name == "vaultish" else SIGNERS[name].options
        assert set(re.findall(rf"\b{name}\.(\w+)", words)) <= {*known}, words
        assert "canary" not in words
