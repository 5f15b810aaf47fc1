# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses on which a login listens for a redirect URL, and addresses that are not allowed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in.listen_options import ListenOptions


@pytest.mark.parametrize(
    ("url", "options", "where"),
    [
        ("http://127.0.0.1:8765/callback", {}, ("127.0.0.1", 8765)),
        ("http://localhost/callback", {}, ("127.0.0.1", 80)),
        ("http://[::1]:8765/", {}, ("::1", 8765)),
        ("https://a.example/b", {"address": "127.0.0.1", "port": 8080}, ("127.0.0.1", 8080)),  # behind a proxy
        ("https://127.0.0.2/b", {"certificate_path": "c.pem"}, ("127.0.0.2", 443)),
        ("https://a.example/b", {"address": "192.0.2.1", "certificate_path": "c.pem"}, ("192.0.2.1", 443)),
    ],
)
def test_where_to_listen(url: str, options: dict[str, t.Any], where: tuple[str, int]) -> None:
    found = ListenOptions.at(url, **options)
    assert (found.address, found.port) == where


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("http://a.example:8765/", {"address": "127.0.0.1"}, "must begin with https where it leads to another machine"),
        ("https://a.example/", {"address": "192.0.2.1"}, "certificate_path is not set"),
        ("https://no.such.invalid/", {}, "no.such.invalid has no address: set listen_address"),
        ("http://127.0.0.1/", {"port": 65536}, "listen_port must be from 1 to 65535, not 65536"),
        ("http://127.0.0.1/start", {}, "must not have the path /start"),
        ("http://127.0.0.1/", {"certificate_path": "c.pem"}, "redirect_url begins with http"),
        ("https://127.0.0.1/", {"private_key_path": "k.pem"}, "need certificate_path"),
        ("https://127.0.0.1/", {"private_key_passphrase": "canary"}, "need certificate_path"),
    ],
)
def test_where_not_to(url: str, options: dict[str, t.Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        ListenOptions.at(url, **options)
    assert "canary" not in str(caught.value)


def test_the_options_of_a_module() -> None:
    paths = {"certificate_path": "c.pem", "private_key_path": "k.pem"}
    params = {
        **paths,
        "listen_address": "127.0.0.1",
        "listen_port": 8443,
        "redirect_url": "https://a.example/b",
        "private_key_passphrase": "canary",
        "host": "rt.example",
    }
    assert ListenOptions.read(params) == ListenOptions("127.0.0.1", 8443, "c.pem", "k.pem", "canary")
