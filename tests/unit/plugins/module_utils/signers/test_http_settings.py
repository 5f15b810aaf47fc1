# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the signer http: what is wrong is told before anything is sent, with the name of the option."""

from __future__ import annotations

import datetime as dt
import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._secrets import Secrets
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import SIGNERS, Signer
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.http_settings import HttpSettings

from .rest_ca import REQUEST, SINCE

GOOD: dict[str, t.Any] = {"url": "https://ca.example.com", "request": REQUEST}


def built(**options: t.Any) -> Signer:
    """Build the signer as a module does."""
    given = {name: rules.get("default") for name, rules in SIGNERS["http"].options.items()}
    signer = SIGNERS["http"].build({**given, **GOOD, **options}, SINCE)
    signer.secrets = Secrets()
    return signer


def ask(**changes: t.Any) -> dict[str, t.Any]:
    """Return the options of a request with changes."""
    return {"request": {**REQUEST, **changes}}


WRONG: list[tuple[dict[str, t.Any], str]] = [
    (
        {"url": "http://ca.example.com"},
        "http.url must begin with https: plain http is for an agent on this machine alone",
    ),
    ({"url": "http://192.0.2.1:8200"}, "http.url must begin with https"),
    ({"url": "ca.example.com"}, "http.url must be an address such as https://ca.example.com:8443"),
    ({"url": "https://"}, "http.url must be an address"),
    ({"url": "ftp://ca.example.com"}, "http.url must be an address"),
    ({"url": "https://ca.example.com:99999"}, "http.url must be an address"),
    ({"url": "https://[::1"}, "http.url must be an address"),
    ({"url": "https://ca.example.com/?a=b"}, "http.url must be an address"),
    ({"url": "https://ca.example.com/a b"}, "http.url has a blank"),
    ({"url": "https://ana:pw@ca.example.com"}, "http.url has a user in it: use username and password"),
    ({"url": "http://127.0.0.1", "proxy": "http://proxy:3128"}, "http.proxy is of no use for an agent on this machine"),
    ({"timeout": 0}, "http.timeout is in seconds, at most 3600, not 0"),
    ({"timeout": 3601}, "http.timeout is in seconds"),
    ({"retry_timeout": -1}, "http.retry_timeout is in seconds"),
    ({"token": "a", "token_path": "/b"}, "http.token and token_path are given: use one of them"),
    ({"token": "a b"}, "http.token has a blank"),
    ({"username": "ana"}, "http: username and password go together: password is not set"),
    ({"password": "ana"}, "http: username and password go together: username is not set"),
    ({"token_header": "X Token"}, "http.token_header.X Token is not a header field that can be set here"),
    ({"headers": {"Host": "x"}}, "http.headers.Host is not a header field that can be set here"),
    ({"headers": {"X": "a\nb"}}, "http.headers.X has a character in it that HTTP cannot carry"),
    ({"headers": {"X": ["a"]}}, "http.headers.X must be text, not list"),
    ({"headers": "X: a"}, "http.headers must be a mapping, not str"),
    ({"secret_headers": {"X": "${nothing}"}}, "http.secret_headers.X: ${nothing} is not a placeholder"),
    ({"request": None}, "http.request is not set: it asks for the certificate"),
    (ask(jsn={}), "http.request.jsn is not known: http.request has method, path, headers, json, form, body"),
    (ask(form={"a": "b"}), "http.request has json and form: a request has one of them"),
    (ask(method="post it"), "http.request.method must be a method such as POST"),
    (ask(path="sign"), "http.request.path must begin with /"),
    (ask(path="/a b"), "http.request.path must begin with / and have no blank"),
    (ask(path="/a#b"), "http.request.path must begin with /"),
    (ask(path=7), "http.request.path must be text, not 7 (quote it in YAML)"),
    (ask(accept=[99]), "http.request.accept must be HTTP statuses such as 202, not 99"),
    (ask(accept="ok"), "http.request.accept must be HTTP statuses"),
    (ask(accept=[True]), "http.request.accept must be HTTP statuses"),
    (ask(content_type="a\nb"), "http.request.content_type has a character in it"),
    (ask(json={"a": {"b": ["${crs_pem}"]}}), "http.request.json.a.b[0]: ${crs_pem} is not a placeholder"),
    (ask(json={"a": "5$"}), "http.request.json.a: write $$ for a $ that begins no placeholder"),
    (ask(json={"a": "$csr_pem"}), "http.request.json.a: write $$ for a $"),
    (ask(json={"a": "${csr_pem"}), "http.request.json.a: write $$ for a $"),
    (ask(json={"a": "${dn.cnn}"}), "http.request.json.a: ${dn.cnn} is no attribute of a DN"),
    (ask(json={"a": "${secret.x}"}), "http.request.json.a: ${secret.x} is not in the option secrets"),
    (ask(json={"a": "${csr_der}"}), "http.request.json.a: ${csr_der} is bytes, which only a whole body can be"),
    (ask(json={"a": "DN ${dn}"}), "http.request.json.a: ${dn} is a list, which only a member of json can be"),
    (ask(path="/${dn}"), "http.request.path: ${dn} is a list"),
    (ask(json={"a": "${order_number}"}), "http.request.json.a: ${order_number} has no value in this request"),
    (ask(json={"a": "${serial_hex}"}), "http.request.json.a: ${serial_hex} has no value in this request"),
    (ask(json={"a": dt.date(2026, 1, 1)}), "http.request.json.a must be text, a number, a list or a mapping, not date"),
    (
        {"request": {"path": "/", "form": {"a": {"b": 1}}}},
        "http.request.form.a must be text, a number or a list of them",
    ),
    ({"request": {"path": "/", "body": 5}}, "http.request.body must be text, not 5"),
    ({"request": {"path": "/", "body": {"pin": "canary"}}}, "http.request.body must be text, not dict"),
    ({"request": {"path": ["canary"]}}, "http.request.path must be text, not list"),
    (ask(json={"password": "x"}), "http.request.json.password looks like a secret, and would be printed with -v"),
    (ask(headers={"X-Api-Key": "x"}), "http.request.headers.X-Api-Key looks like a secret"),
    ({"headers": {"Authorization": "Basic x"}}, "http.headers.Authorization looks like a secret"),
    ({"prepare": {"path": "/"}}, "http.prepare must be a list of requests"),
    ({"prepare": [{"path": "/"}, {"path": "x"}]}, "http.prepare[1].path must begin with /"),
    ({"prepare": [{"path": "/", "form": {"pin": 1234}}]}, "http.prepare[0].form.pin looks like a secret"),
    ({"answer": {"cert": "/a"}}, "http.answer.cert is not known: http.answer has certificate, chain, order_number"),
    ({"answer": {"certificate": "data"}}, "http.answer.certificate must be a JSON pointer such as /data/certificate"),
    ({"answer": {"certificate": "header:"}}, "http.answer.certificate must be a JSON pointer"),
    ({"answer": {"certificate": "/a~b"}}, "http.answer.certificate: '/a~b' is no JSON pointer: write ~ as ~0"),
    ({"answer": {"order_number": "regex:("}}, "http.answer.order_number: '(' is no regular expression"),
    ({"answer": {"order_number": "regex:a"}}, "http.answer.order_number: 'a' needs a group"),
    (
        {"answer": {"not_yet": {"status": [2020]}}},
        "http.answer.not_yet.status must be HTTP statuses such as 202, not 2020",
    ),
    ({"answer": {"never": {"whn": {}}}}, "http.answer.never.whn is not known: http.answer.never has status, when"),
    (
        {"answer": {"never": {"when": {"/a": []}}}},
        "http.answer.never.when: /a needs the values that it is compared with",
    ),
    ({"answer": {"never": {"when": {"/a": [{}]}}}}, "http.answer.never.when: /a needs the values"),
    ({"answer": {"never": {"when": {"a": "b"}}}}, "http.answer.never.when must be a JSON pointer"),
    ({"poll": {"answer": {}}}, "http.poll.request is not set"),
    ({"poll": {"request": {"path": "/${serial_hex}"}}}, "http.poll.request.path: ${serial_hex} has no value"),
    ({"poll": {"request": {"path": "/"}, "wait": "5m"}}, "http.poll.wait is in seconds, at most 3600, not '5m'"),
    ({"find": {"request": {"path": "/${order_number}"}}}, "http.find.request.path: ${order_number} has no value"),
    ({"find": {"wait": 1}}, "http.find.wait is not known: http.find has request, answer"),
    ({"lost_answer": "ask"}, "http.lost_answer must be repeat or stop, not 'ask'"),
    ({"revoke": {"request": {"path": "/${csr_pem}"}}}, "http.revoke.request.path: ${csr_pem} has no value"),
    ({"login": {"token": "/t"}}, "http.login.request is not set: it gets the token"),
    ({"login": {"request": {"path": "/l"}}}, "http.login.token is not set"),
    ({"login": {"request": {"path": "/l/${name}"}, "token": "/t"}}, "http.login.request.path: ${name} has no value"),
    (
        {"login": {"request": {"path": "/l", "json": {"secret_id": "canary"}}, "token": "/t"}},
        "http.login.request.json.secret_id looks like a secret, and would be printed with -v: put it into the option",
    ),
    ({"validity": "soon"}, "http.validity must be a duration such as 90d"),
    ({"validity": "0d"}, "http.validity must be longer than nothing"),
]


@pytest.mark.parametrize(("options", "words"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_value_is_named(options: dict[str, t.Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match="^" + re.escape(words)) as raised:
        built(**options)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://127.0.0.1:8100"},
        {"url": "http://[::1]:8100/v1"},
        {"url": "http://localhost"},
        {"url": "https://ca.example.com:8443/ejbca/"},
        ask(path="/a?b=$$c&d=%20"),
        ask(json={"dn": "${dn}", "oid": "${dn.2.5.4.3}", "o": "${dn.organizationName}", "n": None, "t": True}),
        ask(json={"token_type": "csr", "password": "${secret.pin}", "key_usages": ["a"]}) | {"secrets": {"pin": 1234}},
        {"answer": {"certificate": "/", "chain": "/a/~0~1/0"}},
        {"headers": {"Idempotency-Key": "${request_id}"}},
        {"validity": "1d12h"},
        {"poll": {"request": {"path": "${order_number}"}, "wait": 5}},
        {"poll": {"request": {"path": "${order_number}"}, "wait": "2.5"}},
    ],
)
def test_a_good_value(options: dict[str, t.Any]) -> None:
    built(**options).check(SINCE)


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = HttpSettings.read("http", GOOD)
    assert (settings.transport.timeout, settings.retry_timeout, settings.transport.validate_certs) == (30.0, 30.0, True)
    assert (settings.credentials.header, settings.credentials.prefix) == ("Authorization", "Bearer ")
    assert settings.repeats
    for name, rules in SIGNERS["http"].options.items():
        if "default" in rules:
            assert HttpSettings.read("http", {**GOOD, name: rules["default"]}) == settings


def test_the_lifetime_is_known() -> None:
    assert built(validity="90d").lifetime == dt.timedelta(days=90)
    assert built().lifetime is None


@pytest.mark.parametrize("name", ["ca_path", "client_cert", "client_key"])
def test_a_file_that_is_missing_is_named_before_a_key_is_made(tmp_path: Path, name: str) -> None:
    signer = built(**{name: str(tmp_path / "none.pem")})
    with pytest.raises(ConfigurationError, match=rf"^http\.{name}: .*none\.pem cannot be read"):
        signer.check(SINCE)
