# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenBao and Vault: their requests, and the search for a certificate. ``tests/cas`` asks a real server."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers import openbao_code
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    SIGNERS,
    Revocation,
    Signed,
    Signer,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import certificate_pem, csr_pem
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Connection,
    Files,
    Loopback,
    Seen,
)

from .rest_ca import ID, SINCE, Script, order, said

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")

DN = DistinguishedName((("c", "ES"), ("O", "A, B"), ("ou", "One"), ("ou", "Two"), ("commonName", "José Pérez")))


def built(name: str, server: Loopback, files: Files, **options: t.Any) -> Signer:
    """Return a signer with a token, and the role ``people`` unless the options say otherwise."""
    kind = SIGNERS[name]
    own = {"url": server.url("").rstrip("/"), "ca_path": files.ca, "retry_timeout": 0, "token": "s.1", "role": "people"}
    defaults = {option: rules.get("default") for option, rules in kind.options.items()}
    return kind.build({**defaults, **own, **options}, SINCE)


@pytest.fixture
def answer(pem: dict[str, str]) -> bytes:
    """Return the answer to a request that was signed."""
    return said({"data": {"certificate": pem["leaf"], "ca_chain": [pem["ca"], pem["root"]]}})


class TestRequests:
    @pytest.mark.parametrize(
        ("options", "path"),
        [
            ({}, "/v1/pki/sign/people"),
            ({"mount": "/team/pki/", "role": "a b"}, "/v1/team/pki/sign/a%20b"),
            ({"issuer": "2026"}, "/v1/pki/issuer/2026/sign/people"),
            ({"endpoint": "cel"}, "/v1/pki/cel/sign/people"),
            ({"endpoint": "sign_verbatim", "role": None}, "/v1/pki/sign-verbatim"),
            ({"endpoint": "sign_verbatim", "issuer": "x"}, "/v1/pki/issuer/x/sign-verbatim/people"),
        ],
    )
    def test_path(
        self, server: Loopback, files: Files, pki: Openssl, answer: bytes, options: dict[str, t.Any], path: str
    ) -> None:
        Script(server, answer)
        built("openbao", server, files, **options).sign(order(pki.csr("leaf"), dn=DN))
        assert [(seen.verb, seen.path) for seen in server.seen] == [("POST", path)]

    def test_sign_sets_what_a_role_lets_it_set(
        self, server: Loopback, files: Files, pki: Openssl, answer: bytes, signed: Signed
    ) -> None:
        Script(server, answer)
        dn = DistinguishedName((*DN.attributes, ("serialNumber", "ID-1"), ("uid", "jose"), ("UID", "perez")))
        names = ("DNS:www.example.com", "email:j@example.com", "IP:192.0.2.1", "URI:https://example.com/a,b")
        asking = built("openbao", server, files, validity="90d", namespace="team/a")
        assert asking.sign(order(pki.csr("leaf"), dn=dn, subject_alt_name=names)) == signed
        (seen,) = server.seen
        assert json.loads(seen.body) == {
            "csr": csr_pem(pki.csr("leaf")),
            "ttl": "7776000s",
            "common_name": "José Pérez",
            "serial_number": "ID-1",
            "user_ids": ["jose", "perez"],
            "alt_names": "www.example.com,j@example.com",
            "ip_sans": ["192.0.2.1"],
            "uri_sans": ["https://example.com/a,b"],
            "exclude_cn_from_sans": True,
        }
        assert (seen.headers["x-vault-token"], seen.headers["x-vault-namespace"]) == ("s.1", "team/a")

    def test_cel_gets_the_whole_dn_under_the_short_names(
        self, server: Loopback, files: Files, pki: Openssl, answer: bytes
    ) -> None:
        Script(server, answer)
        built("openbao", server, files, endpoint="cel").sign(order(pki.csr("leaf"), dn=DN, subject_alt_name=()))
        names = [("c", "ES"), ("o", "A, B"), ("ou", "One"), ("ou", "Two"), ("cn", "José Pérez")]
        assert json.loads(server.seen[0].body) == {
            "csr": csr_pem(pki.csr("leaf")),
            "dn": [{"attribute": attribute, "value": value} for attribute, value in names],
            "name": "john doe",
            "request_id": ID,
        }

    def test_vault_has_no_cel(self) -> None:
        assert SIGNERS["vault"].options["endpoint"]["choices"] == ["sign", "sign_verbatim"]
        assert "cel" not in SIGNERS["vault"].documentation

    def test_a_comma_in_a_name_of_a_joined_list_is_not_sent(self, server: Loopback, files: Files, pki: Openssl) -> None:
        with pytest.raises(ConfigurationError, match=r"'email:a,b@example.com'|'a,b@example.com'"):
            built("openbao", server, files).sign(order(pki.csr("leaf"), subject_alt_name=("email:a,b@example.com",)))
        assert not server.seen

    def test_an_approle_logs_in_once(self, server: Loopback, files: Files, pki: Openssl, answer: bytes) -> None:
        Script(server, said({"auth": {"client_token": "s.2", "lease_duration": 1200}}), answer)
        role = {"token": None, "role_id": "role", "secret_id": "secret $1", "approle_mount": "teams/approle"}
        asking = built("openbao", server, files, namespace="team", **role)
        for _time in range(2):
            asking.sign(order(pki.csr("leaf")))
        login, *others = server.seen
        assert (login.path, login.headers["x-vault-namespace"]) == ("/v1/auth/teams/approle/login", "team")
        assert json.loads(login.body) == {"role_id": "role", "secret_id": "secret $1"}
        assert [seen.headers["x-vault-token"] for seen in others] == ["s.2", "s.2"]

    def test_it_revokes_by_the_certificate(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({"data": {"state": "revoked"}}))
        built("openbao", server, files, mount="ca").revoke(Revocation("a", 1, pki.der("leaf")))
        (seen,) = server.seen
        assert (seen.path, json.loads(seen.body)) == (
            "/v1/ca/revoke",
            {"certificate": certificate_pem(pki.der("leaf"))},
        )


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"role": None}, "openbao.role is not set: the endpoint sign signs by a role"),
            ({"endpoint": "cel", "issuer": "x"}, "openbao.issuer is of no use for the endpoint cel"),
            ({"role_id": "role"}, "openbao: role_id and secret_id of an AppRole go together: secret_id is not set"),
            ({"secret_id": "secret"}, "openbao: role_id and secret_id of an AppRole go together: role_id is not set"),
            ({"role_id": "role", "secret_id": "secret"}, "openbao.token and login are given: use one of them"),
        ],
    )
    def test_a_mistake_is_named(self, server: Loopback, files: Files, options: dict[str, t.Any], words: str) -> None:
        with pytest.raises(ConfigurationError, match=words):
            built("openbao", server, files, **options)


class TestRefusals:
    def test_a_name_that_the_role_does_not_allow_is_never_signed(
        self, server: Loopback, files: Files, pki: Openssl
    ) -> None:
        Script(server, said({"errors": ["common name x not allowed by this role"]}, "400 Bad Request"))
        with pytest.raises(SignerRejectedError, match="common name x not allowed by this role"):
            built("openbao", server, files).sign(order(pki.csr("leaf")))

    @pytest.mark.parametrize("words", ["unknown role: people", "role requires keys of type ec"])
    def test_a_mistake_in_the_role_can_be_mended(
        self, server: Loopback, files: Files, pki: Openssl, words: str
    ) -> None:
        Script(server, said({"errors": [words]}, "400 Bad Request"))
        with pytest.raises(SignerError, match=words) as raised:
            built("openbao", server, files).sign(order(pki.csr("leaf")))
        assert raised.value.not_sent


class Mount:
    """A mount with certificates, by serial number; it counts the reads of each."""

    def __init__(self, server: Loopback, issued: t.Mapping[str, str], revoked: t.Container[str] = ()) -> None:
        self._issued = dict(sorted(issued.items()))
        self._revoked = revoked
        self.details: dict[str, dict[str, str]] = {}
        self.answer = b""
        self.removed: set[str] = set()
        self.read: list[str] = []
        server.behaviour = self._play

    def _play(self, seen: Seen, connection: Connection) -> None:
        connection.sendall(self._answer(seen))

    def _answer(self, seen: Seen) -> bytes:
        _root, _version, _mount, what, *rest = seen.path.partition("?")[0].split("/")
        if what == "sign":
            self.read.append("signed")
            return self.answer
        if what == "cert":
            self.read.append(rest[0])
            if rest[0] in self.removed:
                return said({"errors": []}, "404 Not Found")
            data = {"certificate": self._issued[rest[0]], "revocation_time": int(rest[0] in self._revoked)}
            return said({"data": data})
        if what == "issuers":
            return said({"errors": []}, "404 Not Found")
        query = dict(pair.split("=") for pair in seen.path.partition("?")[2].split("&"))
        keys = [serial for serial in self._issued if serial.replace(":", "-") > query.get("after", "")]
        keys = keys[: int(query.get("limit", "1000"))]
        if not keys:
            return said({"errors": []}, "404 Not Found")
        return said({"data": {"keys": keys, "key_info": {serial: self.details[serial] for serial in keys}}})


class TestSearch:
    """The answer to the first request was lost."""

    @pytest.fixture
    def mount(self, server: Loopback, pem: dict[str, str], answer: bytes) -> Mount:
        mount = Mount(server, {"4a:01": pem["other"], "4a:02": pem["leaf"], "4b:01": pem["other"]})
        for serial in ("4a:01", "4a:02", "4b:01"):
            mount.details[serial] = {"common_name": "José Pérez", "not_before": "2026-11-23T10:29:30Z"}
        mount.answer = answer
        return mount

    @pytest.mark.parametrize("size", [1, 2, 3, 1000])
    def test_it_finds_the_certificate_by_its_key(
        self,
        server: Loopback,
        files: Files,
        pki: Openssl,
        mount: Mount,
        size: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(openbao_code, "_PAGE", size)
        answer = built("openbao", server, files).sign(order(pki.csr("leaf"), dn=DN, again=True))
        assert isinstance(answer, Signed)
        assert (answer.certificate, "signed" in mount.read) == (pki.der("leaf"), False)

    def test_it_reads_only_those_of_the_name_and_time(
        self, server: Loopback, files: Files, pki: Openssl, mount: Mount
    ) -> None:
        mount.details["4a:01"]["common_name"] = "Another"
        mount.details["4a:02"]["common_name"] = "JOSÉ  Pérez"
        mount.details["4b:01"]["not_before"] = "2026-11-22T10:29:59Z"
        built("openbao", server, files).sign(order(pki.csr("leaf"), dn=DN, again=True))
        assert set(mount.read) == {"4a:02"}

    @pytest.mark.parametrize(
        "details",
        [None, {}, {"common_name": None, "not_before": None}, {"common_name": "José Pérez", "not_before": "?"}],
    )
    def test_one_of_which_the_list_says_nothing_is_read(
        self, server: Loopback, files: Files, pki: Openssl, mount: Mount, details: t.Any
    ) -> None:
        mount.details["4a:02"] = details
        answer = built("openbao", server, files).sign(order(pki.csr("leaf"), dn=DN, again=True))
        assert isinstance(answer, Signed)
        assert (answer.certificate, "signed" in mount.read) == (pki.der("leaf"), False)

    def test_a_list_that_begins_again_and_again_is_a_failure(
        self, server: Loopback, files: Files, pki: Openssl, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(openbao_code, "_PAGE", 2)
        Script(server, said({"data": {"keys": ["4a:01", "4a:02"]}}))
        with pytest.raises(
            SignerError, match="cannot be searched: certs/detailed: the list does not go on after 4a:02"
        ):
            built("openbao", server, files).sign(order(pki.csr("leaf"), dn=DN, again=True))

    def test_vault_reads_each_certificate_once(
        self, server: Loopback, files: Files, pki: Openssl, mount: Mount
    ) -> None:
        asking = built("vault", server, files)
        for _time in range(2):
            answer = asking.sign(order(pki.csr("leaf"), dn=DN, again=True))
            assert isinstance(answer, Signed)
            assert answer.certificate == pki.der("leaf")
        assert sorted(mount.read) == ["4a:01", "4a:02", "4a:02", "4a:02", "4b:01"]

    @pytest.mark.parametrize("name", ["openbao", "vault"])
    def test_a_revoked_one_does_not_count(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], answer: bytes, name: str
    ) -> None:
        mount = Mount(server, {"4a:02": pem["leaf"]}, revoked=("4a:02",))
        mount.details["4a:02"] = {"common_name": "José Pérez", "not_before": "2026-11-23T10:29:30Z"}
        mount.answer = answer
        built(name, server, files).sign(order(pki.csr("leaf"), dn=DN, again=True))
        assert mount.read == ["4a:02", "signed"]

    @pytest.mark.parametrize("name", ["openbao", "vault"])
    def test_one_that_is_removed_meanwhile_does_not_count(
        self, server: Loopback, files: Files, pki: Openssl, mount: Mount, name: str
    ) -> None:
        mount.removed = {"4a:02"}
        built(name, server, files).sign(order(pki.csr("leaf"), dn=DN, again=True))
        assert mount.read.count("signed") == 1

    @pytest.mark.parametrize("name", ["openbao", "vault"])
    def test_an_empty_mount_gets_the_request(
        self, server: Loopback, files: Files, pki: Openssl, answer: bytes, name: str
    ) -> None:
        mount = Mount(server, {})
        mount.answer = answer
        built(name, server, files).sign(order(pki.csr("leaf"), dn=DN, again=True))
        assert mount.read == ["signed"]

    def test_without_the_right_to_list_nothing_is_sent(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, said({"errors": ["permission denied"]}, "403 Forbidden"))
        with pytest.raises(SignerError, match="permission denied") as raised:
            built("openbao", server, files).sign(order(pki.csr("leaf"), dn=DN, again=True))
        assert {seen.path.partition("?")[0] for seen in server.seen} == {"/v1/pki/certs/detailed"}
        assert not raised.value.not_sent

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ("1 error occurred: unsupported path", "certs/detailed: 1 error occurred: unsupported path"),
            (None, "certs/detailed: no answer of this API"),
        ],
    )
    def test_a_server_without_that_list_gets_no_second_request(
        self, server: Loopback, files: Files, pki: Openssl, words: str | None, told: str
    ) -> None:
        Script(server, said({"errors": [words]} if words else "<html>", "404 Not Found"))
        with pytest.raises(SignerError, match=f"the certificates of /v1/pki cannot be searched: {told}"):
            built("openbao", server, files).sign(order(pki.csr("leaf"), dn=DN, again=True))
        assert len(server.seen) == 1

    def test_stop_sends_nothing(self, server: Loopback, files: Files, pki: Openssl, answer: bytes) -> None:
        Script(server, answer)
        with pytest.raises(SignerError, match=r"openbao\.lost_answer is stop"):
            built("openbao", server, files, lost_answer="stop").sign(order(pki.csr("leaf"), dn=DN, again=True))
        assert not server.seen

    def test_the_time_is_that_of_the_order(self, server: Loopback, files: Files, pki: Openssl, mount: Mount) -> None:
        later = dataclasses.replace(order(pki.csr("leaf"), dn=DN, again=True), since=SINCE + dt.timedelta(days=2))
        built("openbao", server, files).sign(later)
        assert mount.read == ["signed"]
