# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup of the signed link, loaded in the same way as by Ansible."""

from __future__ import annotations

import hashlib
import hmac
import time
import typing as t
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible.errors import AnsibleError
from ansible.plugins.loader import lookup_loader

GIVEN = {
    "host": "rt.example.com",
    "partner": "ca_demo",
    "partner_secret": "canary-secret",
    "redirect_url": "https://google.es?tkn=",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*GIVEN, "port", "auth_port", "api_version", "partner_secret_encoding", "domain"):
        monkeypatch.delenv(f"REDTRUST_{name.upper()}", raising=False)


def look_up(*terms: str, **options: t.Any) -> str:
    plugin = lookup_loader.get("redtrust.certificate_enroll.login_url")
    (link,) = plugin.run(list(terms), {}, **options)
    return str(link)


def test_the_link_is_signed_now() -> None:
    before = int(time.time())
    link = urlsplit(look_up(**GIVEN, domain="local.users"))
    query = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert (link.scheme, link.netloc, link.path) == ("https", "rt.example.com:8083", "/authclient/auth/loginrequest")
    assert before <= int(query["timestamp"]) <= int(time.time())
    message = f"CA_DEMO:{query['timestamp']}".encode()
    assert query["hmac"] == hmac.new(b"canary-secret", message, hashlib.sha256).hexdigest()
    assert (query["partner"], query["RedirectUrl"], query["Domain"]) == (
        "CA_DEMO",
        GIVEN["redirect_url"],
        "local.users",
    )


def test_everything_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**GIVEN, "api_version": "4.42", "port": "8443", "domain": ""}.items():
        monkeypatch.setenv(f"REDTRUST_{name.upper()}", value)
    link = look_up()
    assert link.startswith("https://rt.example.com:8443/authclient/")
    assert "Domain" not in link


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"port": 99999}, "port must be from 1 to 65535, not 99999"),
        ({"redirect_url": "google.es"}, "redirect_url must be the address that is registered"),
        ({"redirect_url": ""}, "redirect_url must be the address that is registered"),
        ({"partner": "", "partner_secret": ""}, "partner and partner_secret are empty"),
        ({"partner": ""}, "partner and partner_secret go together: partner is not set"),
        ({"partner_secret_encoding": "hex"}, "partner_secret is not hex"),
        ({"host": "https://rt.example.com"}, "host must be a host name or an address"),
        ({"api_version": "5"}, "api_version"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, t.Any], words: str) -> None:
    with pytest.raises(AnsibleError, match=words) as caught:
        look_up(**{**GIVEN, **options})
    assert "canary" not in str(caught.value)


def test_it_takes_no_terms() -> None:
    with pytest.raises(AnsibleError, match="login_url takes no terms"):
        look_up("https://your-app.com", **GIVEN)
