# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs against their documentation, the environment, and what becomes of good and bad values."""

from __future__ import annotations

import datetime as dt
import importlib
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.redtrust.certificate_enroll.plugins.doc_fragments import batch, connection, store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    RedtrustError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import options as arguments

if t.TYPE_CHECKING:
    from ..conftest import Openssl

FRAGMENTS = {"CONNECTION": connection, "STORE": store, "BATCH": batch}
COMMON: arguments.Spec = {**arguments.CONNECTION, **arguments.STORE, **arguments.BATCH}
MODULES = ("redtrust_token", "redtrust_csr", "redtrust_renew", "redtrust_sign", "redtrust_finalize")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COMMON:
        monkeypatch.delenv(f"REDTRUST_{name.upper()}", raising=False)


def read(spec: arguments.Spec, **given: t.Any) -> dict[str, t.Any]:
    """Return the options as AnsibleModule would; fail on what it would refuse."""
    result = ArgumentSpecValidator(spec).validate(given)
    assert result.error_messages == []
    return dict(result.validated_parameters)


def common(**given: t.Any) -> dict[str, t.Any]:
    return read(COMMON, **{"host": "rt.example.com", **given})


def documented(fragment: t.Any) -> dict[str, dict[str, t.Any]]:
    found: dict[str, dict[str, t.Any]] = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]
    return found


class TestDocumentation:
    @pytest.mark.parametrize("name", FRAGMENTS)
    def test_a_fragment_says_what_its_spec_says(self, name: str) -> None:
        spec: arguments.Spec = getattr(arguments, name)
        facts = ("type", "default", "choices", "elements")
        shown = {
            option: {fact: doc[fact] for fact in facts if fact in doc}
            for option, doc in documented(FRAGMENTS[name]).items()
        }
        meant = {option: {fact: rule[fact] for fact in facts if fact in rule} for option, rule in spec.items()}
        assert shown == meant

    @pytest.mark.parametrize("name", COMMON)
    def test_each_option_names_its_variable(self, name: str) -> None:
        docs = {option: doc for one in FRAGMENTS.values() for option, doc in documented(one).items()}
        assert f"E(REDTRUST_{name.upper()})" in docs[name]["description"][-1]

    def test_secrets_are_not_logged(self) -> None:
        assert {name for name, rule in COMMON.items() if rule.get("no_log")} == set(arguments.SECRETS)
        assert arguments.REQUESTED["request_code"]["no_log"]

    @pytest.mark.parametrize("name", MODULES)
    def test_modules_document_their_common_options_by_fragment(self, name: str) -> None:
        module = importlib.import_module(f"ansible_collections.redtrust.certificate_enroll.plugins.modules.{name}")
        assert not COMMON.keys() & yaml.safe_load(module.DOCUMENTATION).get("options", {}).keys()


VALUES: dict[str, tuple[str, object]] = {
    "host": ("h", "h"),
    "port": ("1", 1),
    "auth_port": ("2", 2),
    "api_version": ("4.42", "4.42"),
    "validate_certs": ("false", False),
    "timeout": ("1.5", 1.5),
    "retry_timeout": ("0", 0.0),
    "partner_secret_encoding": ("hex", "hex"),
    "workers": ("3", 3),
    "wait_timeout": ("7", 7.0),
    "store_path": ("/a", "/a"),
    "finalized_codes": ("ERR_INVALID_STATE,E7", ["ERR_INVALID_STATE", "E7"]),
}


class TestFinalizedCodes:
    def test_codes_are_taken_as_they_are_written(self) -> None:
        given = {"finalized_codes": [" Err_Invalid_State", "E-7.1"]}
        assert arguments.finalized_codes_of(given) == ["Err_Invalid_State", "E-7.1"]

    @pytest.mark.parametrize("code", ["", "already finalized", "OK", "ok", "x" * 101])
    def test_what_is_no_code_is_refused(self, code: str) -> None:
        with pytest.raises(ConfigurationError, match="finalized_codes must be error codes such as ERR_INVALID_STATE"):
            arguments.finalized_codes_of({"finalized_codes": ["E7", code]})


class TestEnvironment:
    @pytest.mark.parametrize("name", COMMON)
    def test_the_variable_counts_where_the_option_is_not_set(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        text, value = VALUES.get(name, ("/some/text", "/some/text"))
        monkeypatch.setenv(f"REDTRUST_{name.upper()}", text)
        assert read(COMMON)[name] == value

    def test_the_option_counts_before_its_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REDTRUST_HOST", "other")
        monkeypatch.setenv("REDTRUST_PORT", "1")
        assert (common()["host"], common(port=2)["port"]) == ("rt.example.com", 2)

    @pytest.mark.parametrize("name", COMMON)
    def test_an_empty_variable_is_not_set(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        without = read(COMMON)[name]
        monkeypatch.setenv(f"REDTRUST_{name.upper()}", "")
        assert read(COMMON)[name] == without


class TestConnection:
    @pytest.mark.parametrize(
        ("given", "ports"),
        [
            ({}, (8082, 8083)),
            ({"port": 1}, (1, 8083)),
            ({"auth_port": 2}, (8082, 2)),
            ({"port": 1, "auth_port": 2}, (1, 2)),
            ({"api_version": "4.42"}, (8082, 8082)),
            ({"api_version": "4.42", "port": 1}, (1, 1)),
            ({"api_version": "4.42", "port": 1, "auth_port": 2}, (1, 2)),
        ],
    )
    def test_ports(self, given: dict[str, t.Any], ports: tuple[int, int]) -> None:
        address = arguments.address_of(common(**given))
        assert (address.ra_port, address.auth_port) == ports

    @pytest.mark.parametrize("host", ["rt", "rt.example.com", "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "a_b"])
    def test_hosts(self, host: str) -> None:
        assert arguments.address_of(common(host=host)).host == host

    @pytest.mark.parametrize(
        "host",
        ["https://rt", "rt/", "rt.example.com:8082", "user@rt", "rt ", "a b", "[nothing]", "[::1", "::1]", "r\u00e9"],
    )
    def test_what_is_no_host(self, host: str) -> None:
        with pytest.raises(ConfigurationError, match="host must be a host name or an address without scheme and port"):
            arguments.address_of(common(host=host))

    def test_no_host(self) -> None:
        with pytest.raises(ConfigurationError, match="host is not set: give the option or set REDTRUST_HOST"):
            arguments.address_of(read(COMMON))
        with pytest.raises(ConfigurationError, match="neither service nor host is set"):
            arguments.service_of(read(COMMON))

    def test_the_service_is_the_host_unless_named(self) -> None:
        assert arguments.service_of(common()) == "rt.example.com"
        assert arguments.service_of(common(service="prod")) == "prod"

    @pytest.mark.parametrize("name", ["port", "auth_port"])
    @pytest.mark.parametrize("value", [0, -1, 65536])
    def test_what_is_no_port(self, name: str, value: int) -> None:
        with pytest.raises(ConfigurationError, match=f"^{name} must be from 1 to 65535, not {value}"):
            arguments.address_of(common(**{name: value}))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("timeout", 0),
            ("timeout", -1),
            ("timeout", 3601),
            ("timeout", "nan"),
            ("timeout", "inf"),
            ("retry_timeout", -1),
            ("retry_timeout", 3601),
            ("retry_timeout", "nan"),
        ],
    )
    def test_what_is_no_time(self, name: str, value: object) -> None:
        with pytest.raises(ConfigurationError, match=f"^{name} is in seconds, at most 3600, not"):
            arguments.transport_of(common(**{name: value}))

    def test_all_options_of_the_transport(self) -> None:
        given = {"ca_path": "/ca", "client_cert": "/c", "client_key": "/k", "proxy": "http://p", "timeout": 7.0}
        options = arguments.transport_of(common(**given, validate_certs=False, retry_timeout=0))
        assert {name: getattr(options, name) for name in given} == given
        assert not options.validate_certs

    @pytest.mark.parametrize(("name", "missing"), [("partner", "partner_secret"), ("partner_secret", "partner")])
    def test_partner_and_secret_go_together(self, name: str, missing: str) -> None:
        with pytest.raises(ConfigurationError, match=f"go together: {missing} is not set") as caught:
            arguments.partner_of(common(**{name: "canary"}))
        assert "canary" not in str(caught.value)

    def test_credentials(self) -> None:
        secrets = {"username": "u", "password": "p", "domain": "d", "access_token": "a", "temporal_token": "t"}
        given = common(**secrets, partner="p", partner_secret="00ff", partner_secret_encoding="hex")
        credentials = arguments.credentials_of(given)
        assert {name: getattr(credentials, name) for name in secrets} == secrets
        assert credentials.partner_secret == b"\x00\xff"
        assert arguments.credentials_of(common()).partner_secret is None
        assert arguments.contract_of(given).api_version == "4.33"

    def test_whose_session_it_is(self) -> None:
        """A client certificate is who logs in; without one it is found where earlier releases kept it."""
        whose = {
            arguments.session_identity(common(**more))
            for more in ({}, {"client_cert": "/pki/maria.pem"}, {"client_cert": "/pki/juan.pem"}, {"domain": "d"})
        }
        assert len(whose) == 4
        assert arguments.session_identity(common()) == "25aec9f716afd8f5f1611d470c939ce7"

    def test_what_is_pasted_is_read_before_anything_is_sent(self) -> None:
        url = "https://your-app.com?tkn="
        pasted = common(redirect_url=url, temporal_token="https://your-app.com?tkn=canary%3D")
        assert arguments.credentials_of(pasted).temporal_token == "canary="
        for wrong in ({"temporal_token": "https://elsewhere.example?tkn=canary"}, {"redirect_url": "your-app.com"}):
            with pytest.raises(ConfigurationError):
                arguments.credentials_of({**pasted, **wrong})

    def test_a_login_by_certificate_needs_a_redirect_url_and_a_partner(self) -> None:
        everything = {
            "client_cert": "c.pem",
            "redirect_url": "https://your-app.com",
            "partner": "CA",
            "partner_secret": "s",
        }
        assert arguments.credentials_of(common(**everything)).by_certificate == "https://your-app.com"
        for left_out in (["client_cert"], ["redirect_url"], ["partner", "partner_secret"]):
            given = {name: value for name, value in everything.items() if name not in left_out}
            assert arguments.credentials_of(common(**given)).by_certificate is None


class TestNames:
    @pytest.mark.parametrize("name", ["a", "www.example.com", "Jos\u00e9 P\u00e9rez", "*", "a" * 200, "-", "a..b"])
    def test_fit_for_a_file(self, name: str, tmp_path: Path) -> None:
        assert arguments.name_of({"name": name}) == name
        (tmp_path / f"{name}.pem").touch()

    @pytest.mark.parametrize("name", ["", " a", "a ", ".a", "..", "a/b", "a\\b", "a\nb", "a\x00", "a" * 201, "a\x7fb"])
    def test_not_fit(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match="is not fit for a file name"):
            arguments.name_of({"name": name})


def entries(options: arguments.Spec, *given: dict[str, t.Any], **other: t.Any) -> dict[str, t.Any]:
    return read(
        {
            **arguments.certificates(options),
            **COMMON,
            "renew_before": {"type": "str"},
            "force": {"type": "bool", "default": False},
        },
        certificates=list(given) or None,
        **other,
    )


class TestExpiresWithin:
    NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)

    @pytest.mark.parametrize(
        ("text", "days"),
        [("30", 30), (" 30d ", 30), ("0", 0), ("-5", -5), ("1d12h", 1.5), ("4w", 28), ("999999", 999999)],
    )
    def test_a_number_alone_counts_days(self, text: str, days: float) -> None:
        assert arguments.ends_until({"expires_within": text}, self.NOW) == self.NOW + dt.timedelta(days=days)

    def test_without_it_everything_is_shown(self) -> None:
        assert arguments.ends_until({"expires_within": None}, self.NOW) is None

    @pytest.mark.parametrize("text", ["", "soon", "33%", "1.5", "9999999"])
    def test_what_is_no_time(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match=r"^expires_within must be a duration .*, or a number of days"):
            arguments.ends_until({"expires_within": text}, self.NOW)


class TestItems:
    ENTRY: t.ClassVar[dict[str, t.Any]] = {"name": "www", "dn": {"cn": "www", "ou": ["b", "a"]}, "provider": "CA"}

    def test_a_request_as_short_as_can_be(self) -> None:
        (item,) = arguments.request_items(entries(arguments.REQUESTED, self.ENTRY))
        assert (item.name, item.force) == ("www", False)
        assert item.spec.dn == DistinguishedName((("cn", "www"), ("ou", "b"), ("ou", "a")))
        assert (item.spec.key_type, item.spec.key_length, item.spec.hash_type) == ("RSA", 2048, "SHA256")
        assert (item.spec.info, item.spec.group_ids, item.spec.request_code) == ({}, (), None)

    def test_a_request_with_everything(self) -> None:
        more = {"info": {"a": 1}, "group_ids": [2, 1], "subject_alt_name": ["DNS:a"], "request_code": "canary"}
        (item,) = arguments.request_items(entries(arguments.REQUESTED, {**self.ENTRY, **more, "force": True}))
        assert item.force
        assert (item.spec.info, item.spec.group_ids, item.spec.subject_alt_name) == ({"a": 1}, (2, 1), ("DNS:a",))
        assert item.spec.request_code == "canary"
        assert "canary" not in repr(item)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"dn": {}}, "www: dn must name at least one attribute"),
            ({"dn": "cn=www"}, "www: dn must be a list"),
            ({"dn": {"cn": ""}}, "www: dn has an empty attribute or value"),
            ({"dn": {"cn": None}}, "www: dn attribute 'cn' must be text, not None"),
            ({"dn": {"cn": True}}, r"must be text, not True \(quote it in YAML\)"),
            ({"dn": [{"cn": "x"}]}, "each entry of dn must be a mapping of attribute and value"),
            ({"provider": ""}, "www: provider is not set"),
            ({"name": "a/b"}, "name 'a/b' is not fit"),
        ],
    )
    def test_bad_values_are_named(self, change: dict[str, t.Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            arguments.request_items(entries(arguments.REQUESTED, {**self.ENTRY, **change}))

    def test_renewals_of_all_or_of_some(self) -> None:
        everything = arguments.renew_items(entries(arguments.RENEWED, force=True), lambda: ["a", "b"])
        assert [(item.name, item.force, item.renew_before.text) for item in everything] == [
            ("a", True, ""),
            ("b", True, ""),
        ]
        assert [item.adoption() for item in everything] == [None, None]
        given = ({"name": "a", "renew_before": "50%"}, {"name": "b", "force": True, "request_code": "MINE"})
        some = arguments.renew_items(entries(arguments.RENEWED, *given, renew_before="30d"), list)
        assert [(item.name, item.force, item.renew_before.text) for item in some] == [
            ("a", False, "50%"),
            ("b", True, "30d"),
        ]
        assert some[0].adoption() is None
        assert [item.request_code for item in some] == [None, "MINE"]

    def test_adoption_from_a_certificate(self, pki: Openssl, tmp_path: Path) -> None:
        entry = {"name": "a", "provider": "CA", "certificate_path": str(pki.folder / "leaf.crt")}
        shown = pki.text("x509", "-in", "leaf.crt", "-noout", "-fingerprint", "-sha1").rpartition("=")[2]
        (item,) = arguments.renew_items(entries(arguments.RENEWED, {**entry, "thumbprint": shown.lower()}), list)
        adoption = item.adoption()
        assert adoption is not None
        assert adoption.thumbprint == shown.replace(":", "")
        assert adoption.certificate == pki.der("leaf")
        assert adoption.not_valid_after is not None
        assert ("cn", "Jos\u00e9 P\u00e9rez") in [(name.lower(), value) for name, value in adoption.spec.dn.attributes]
        (wrong,) = arguments.renew_items(entries(arguments.RENEWED, {**entry, "thumbprint": "A" * 40}), list)
        with pytest.raises(ConfigurationError, match="not the one that is given"):
            wrong.adoption()

    def test_adoption_from_a_thumbprint(self) -> None:
        entry = {"name": "a", "thumbprint": "\u200e" + "ab " * 20, "dn": {"cn": "a"}, "provider": "CA"}
        (item,) = arguments.renew_items(entries(arguments.RENEWED, entry), list)
        adoption = item.adoption()
        assert adoption is not None
        assert (adoption.thumbprint, adoption.certificate) == ("AB" * 20, None)

    @pytest.mark.parametrize(
        ("change", "message"),
        [({"provider": None}, "a: provider is not set"), ({"dn": None}, "a: dn must be"), ({"thumbprint": "x"}, "hex")],
    )
    def test_adoption_that_lacks_something(self, change: dict[str, t.Any], message: str) -> None:
        entry = {"name": "a", "thumbprint": "A" * 40, "dn": {"cn": "a"}, "provider": "CA", **change}
        (item,) = arguments.renew_items(entries(arguments.RENEWED, entry), list)
        with pytest.raises(RedtrustError, match=message):
            item.adoption()

    def test_signing_of_all_or_of_some(self) -> None:
        assert [item.name for item in arguments.sign_items(entries(arguments.NAMED), lambda: ["a"])] == ["a"]
        assert [item.name for item in arguments.sign_items(entries(arguments.NAMED, {"name": "b"}), list)] == ["b"]

    def test_finalizing_of_all_or_of_some(self, pki: Openssl, tmp_path: Path) -> None:
        (item,) = arguments.finalize_items(entries(arguments.FINALIZED), lambda: ["a"])
        assert (item.name, list(item.certificates())) == ("a", [])
        path = tmp_path / "late.pem"
        pem = (pki.folder / "leaf.crt").read_text()
        given = ({"name": "a", "certificate_path": str(path)}, {"name": "b", "certificate": pem}, {"name": "c"})
        late, value, neither = arguments.finalize_items(entries(arguments.FINALIZED, *given), list)
        assert list(late.certificates()) == list(neither.certificates()) == []
        path.write_text(pem)
        assert list(late.certificates()) == list(value.certificates()) == [pki.der("leaf")]
        path.write_text("rubbish")
        with pytest.raises(ConfigurationError, match=f"^{re.escape(str(path))}: "):
            late.certificates()
        path.unlink()
        path.mkdir()
        with pytest.raises(ConfigurationError, match=r"cannot be read \(Is a directory\)"):
            late.certificates()

    def test_a_path_that_cannot_even_be_looked_at(self, tmp_path: Path) -> None:
        entry = {"name": "a", "certificate_path": str(tmp_path / ("n" * 300))}
        (item,) = arguments.finalize_items(entries(arguments.FINALIZED, entry), list)
        with pytest.raises(ConfigurationError, match=r"cannot be read \(File name too long\)"):
            item.certificates()

    def test_a_certificate_is_given_once(self, tmp_path: Path) -> None:
        entry = {"name": "a", "certificate": "x", "certificate_path": "/x"}
        (item,) = arguments.finalize_items(entries(arguments.FINALIZED, entry), list)
        with pytest.raises(ConfigurationError, match="give certificate or certificate_path, not both"):
            item.certificates()

    def test_a_certificate_to_adopt_must_be_there(self, tmp_path: Path) -> None:
        entry = {"name": "a", "provider": "CA", "certificate_path": str(tmp_path / "none.pem")}
        (item,) = arguments.renew_items(entries(arguments.RENEWED, entry), list)
        with pytest.raises(ConfigurationError, match=r"none\.pem cannot be read \(No such file"):
            item.adoption()
