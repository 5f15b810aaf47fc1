# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that can be registered as a redirect URL."""

from __future__ import annotations

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.redirect_url import (
    check_redirect_url,
    is_host_of,
    landing_address,
    leads_to,
    port_of,
)


@pytest.mark.parametrize(
    "url", ["https://google.es?tkn=", "http://127.0.0.1:8765/callback", "https://[::1]:8443/a?tenant=7&lang=es"]
)
def test_what_may_be_registered(url: str) -> None:
    check_redirect_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "google.es",
        "ftp://a/",
        "https://",
        "https:///a",
        "https://a:0/",
        "https://a:x/",
        "https://u:p@a/",
        "https://a b",
    ],
)
def test_what_may_not(url: str) -> None:
    with pytest.raises(ConfigurationError, match="redirect_url must be the address that is registered"):
        check_redirect_url(url)


@pytest.mark.parametrize(
    ("url", "opened"),
    [
        ("https://google.es?tkn=", "https://google.es/"),
        ("http://localhost:8765/callback?tkn=", "http://localhost:8765/callback"),
        ("https://a.example/b?tenant=7", "https://a.example/b"),
    ],
)
def test_the_address_that_a_person_opens(url: str, opened: str) -> None:
    assert landing_address(url) == opened


@pytest.mark.parametrize(
    ("url", "port"), [("http://a.example/b", 80), ("https://a.example/b", 443), ("https://a.example:8443/b", 8443)]
)
def test_its_port(url: str, port: int) -> None:
    assert port_of(url) == port


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8765/callback", "127.0.0.1:8765"),
        # a browser leaves out the default port
        ("http://localhost:80/callback", "localhost"),
        ("http://localhost:80/callback", "localhost:80"),
        ("http://localhost/callback", "localhost:80"),
        ("https://a.example:443/b", "a.example"),
        ("https://a.example/b", "a.example:443"),
        # a browser rewrites names and addresses
        ("https://A.Example:8443/b", "a.example:8443"),
        ("https://a.example/b", "a.example."),
        ("https://a.example./b", "a.example"),
        ("http://[::1]:8765/", "[::1]:8765"),
        ("http://[0:0:0:0:0:0:0:1]:80/", "[::1]"),
        ("https://127.1:8443/", "127.0.0.1:8443"),
        ("https://xn--caf-dma.example/", "xn--caf-dma.example"),
        # reverse proxies do so as well
        ("https://a.example:8443/b", "a.example"),
    ],
)
def test_a_host_that_is_meant(url: str, host: str) -> None:
    assert is_host_of(url, host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:443",
        "a.example:80",
        "a.example:8443",
        "a.example.evil.example",
        "evil.example/a.example",
        "evil.example#a.example",
        "x@a.example",
        "a.example, evil.example",
        "a.example:x",
        "a.example:99999",
        "[::1",
        "127.0.0.1",
    ],
)
def test_a_host_that_is_not(host: str) -> None:
    """Another person's host name may lead to this machine."""
    assert not is_host_of("https://a.example/b", host)


@pytest.mark.parametrize("address", ["https://a.example/b?tkn=x", "https://A.example:443/b", "https://a.example/b#c"])
def test_an_address_that_leads_there(address: str) -> None:
    assert leads_to(address, "https://a.example/b?tkn=")


@pytest.mark.parametrize(
    "address",
    [
        "http://a.example/b",
        "https://a.example:8443/b",
        "https://a.example/bc",
        "https://a.example.org/b",
        "https://[",
        "/b",
    ],
)
def test_one_that_does_not(address: str) -> None:
    assert not leads_to(address, "https://a.example/b")
