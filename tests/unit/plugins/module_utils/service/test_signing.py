# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures and login URLs, compared with openssl and the vendor's page."""

from __future__ import annotations

import base64
import string
import typing as t
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.signing import (
    Partner,
    SecretEncoding,
)

if t.TYPE_CHECKING:
    from ..conftest import Openssl

# printf %s CA_DEMO:1744719496 | openssl dgst -sha256 -hmac demo-secret
TEXT_SIGNATURE = "b107fad777cf899bbda9dc7ef236264df151e8cb1941db2a4aab5f27429a8730"
# printf %s CA_DEMO:1744719496 | openssl dgst -sha256 -mac HMAC -macopt hexkey:00ff0a80
HEX_SIGNATURE = "f07d78cd25d66ed8a07d0bc734c2d2798c0c32932bfbdf7be87a6e6988433167"
# printf 'CA_DEMO:0' | openssl dgst -sha256 -hmac "$(printf 'clave-\303\261-\342\202\254')"
UTF8_SIGNATURE = "7ea14685c360ddc4664c7f8ffbf03a5d81eed62eabb498be9eccbfb40895d14a"


def test_text_secret_signs_as_openssl_does(openssl: Openssl) -> None:
    said = openssl.text("dgst", "-sha256", "-hmac", "demo-secret", stdin=b"CA_DEMO:1744719496")
    signature = Partner.from_options("CA_DEMO", "demo-secret", "text").signature(1744719496)
    assert signature == said.rpartition(" ")[2] == TEXT_SIGNATURE


@pytest.mark.parametrize("timestamp", [0, 1744719496, 4102444800])
@pytest.mark.parametrize(
    ("secret", "encoding"),
    [("00ff0a80", "hex"), (" 00FF 0A80\n", "hex"), ("AP8KgA==", "base64"), ("AP8K\ngA==", "base64")],
)
def test_binary_secret_signs_as_openssl_does(
    openssl: Openssl, secret: str, encoding: SecretEncoding, timestamp: int
) -> None:
    message = f"CA_DEMO:{timestamp}".encode()
    said = openssl.text("dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:00ff0a80", stdin=message)
    assert Partner.from_options("CA_DEMO", secret, encoding).signature(timestamp) == said.rpartition(" ")[2]


def test_binary_secret_signs_as_it_did() -> None:
    assert Partner.from_options("CA_DEMO", "00ff0a80", "hex").signature(1744719496) == HEX_SIGNATURE


def test_text_secret_is_utf8() -> None:
    assert Partner.from_options("CA_DEMO", "clave-\u00f1-\u20ac", "text").signature(0) == UTF8_SIGNATURE


def test_the_three_headers() -> None:
    assert Partner.from_options(" ca_demo ", "demo-secret", "text").headers(1744719496) == {
        "x-partner-name": "CA_DEMO",
        "x-request-timestamp": "1744719496",
        "x-hmac-signature": TEXT_SIGNATURE,
    }


def test_login_url_is_the_one_of_the_page() -> None:
    """The example of the page, with another signature: its secret is not published."""
    url = Partner.from_options("ca_demo", "demo-secret", "text").login_url(
        "https://localhost:8083/authclient/auth/loginrequest",
        redirect_url="https://google.es?tkn=",
        timestamp=1744719496,
        domain="local.users",
    )
    assert url == (
        "https://localhost:8083/authclient/auth/loginrequest?Consumer=RA_API&Domain=local.users"
        "&RedirectUrl=https%3A%2F%2Fgoogle.es%3Ftkn%3D&timestamp=1744719496&partner=CA_DEMO&hmac=" + TEXT_SIGNATURE
    )


@given(st.text(string.printable), st.text(string.printable, min_size=1))
def test_login_url_can_be_read_back(redirect_url: str, domain: str) -> None:
    partner = Partner.from_options("P", "s", "text")
    url = partner.login_url("https://h:1/p", redirect_url=redirect_url, timestamp=7, domain=domain)
    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)) == {
        "Consumer": "RA_API",
        "Domain": domain,
        "RedirectUrl": redirect_url,
        "timestamp": "7",
        "partner": "P",
        "hmac": partner.signature(7),
    }


def test_no_domain_no_parameter() -> None:
    url = Partner.from_options("P", "s", "text").login_url("https://h:1/p", redirect_url="https://r", timestamp=7)
    assert "Domain" not in url


@pytest.mark.parametrize("name", ["", "  ", "A:B", "A\nB", "A\x00B", "CA_\u00d1", "CA_\u0141\u00d3D\u0179"])
def test_a_name_that_no_header_can_carry_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="partner must be"):
        Partner.from_options(name, "secret", "text")


@pytest.mark.parametrize(
    ("secret", "encoding"),
    [("canary-0x", "hex"), ("abc", "hex"), ("canary*", "base64"), ("AP8KgA", "base64"), ("canary\u00f1", "base64")],
)
def test_a_secret_of_another_encoding_is_refused_and_not_shown(secret: str, encoding: SecretEncoding) -> None:
    with pytest.raises(ConfigurationError, match=f"partner_secret is not {encoding}") as caught:
        Partner.from_options("P", secret, encoding)
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("secret", "encoding"), [("", "text"), ("  ", "hex"), ("\n", "base64")])
def test_an_empty_secret_is_refused(secret: str, encoding: SecretEncoding) -> None:
    with pytest.raises(ConfigurationError, match="partner_secret is empty"):
        Partner.from_options("P", secret, encoding)


def test_the_secret_is_not_in_the_repr() -> None:
    shown = repr(Partner.from_options("P", "canary", "text"))
    assert "canary" not in shown
    assert base64.b64encode(b"canary").decode() not in shown
