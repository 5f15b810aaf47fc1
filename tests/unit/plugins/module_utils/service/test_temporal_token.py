# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The token in the address after a sign-in, and in the text that a person pastes."""

from __future__ import annotations

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.temporal_token import (
    pasted_token,
    token_in,
)

TOKEN = "q2Fu+YXJ5/dG9r=="
QUOTED = "q2Fu%2BYXJ5%2FdG9r%3D%3D"


@pytest.mark.parametrize(
    "address",
    [
        f"https://your-app.com?tkn={QUOTED}",  # the vendor's page
        f"https://google.es?tkn={QUOTED}",  # the registered address of the page ends in ?tkn=
        f"https://google.es?tkn=?tkn={QUOTED}",
        f"https://google.es/?tkn={QUOTED}#top",
        f"https://your-app.com/landing?tenant=7&lang=es&tkn={QUOTED}",
        f"https://your-app.com/landing?tkn={QUOTED}&tenant=7",
        f"https://your-app.com/landing?tenant=7?tkn={QUOTED}",
        f"https://your-app.com?tkn={TOKEN}",  # not quoted: a plus is a plus
        f"https://your-app.com?TKN={QUOTED}&amp;x=1",
        f"https://your-app.com?tkn=&tkn={QUOTED}",
        f"https://your-app.com?x=1&amp;tkn={QUOTED}",
    ],
)
def test_each_form_of_the_address(address: str) -> None:
    assert token_in(address) == TOKEN
    assert token_in(address.partition("?")[2]) == TOKEN
    assert pasted_token(f" {address}\n") == TOKEN


@pytest.mark.parametrize("text", [TOKEN, QUOTED, f"tkn={QUOTED}", f"?tkn={QUOTED}", f'"{TOKEN}"', f"\t{TOKEN}\r\n"])
def test_each_form_of_the_token(text: str) -> None:
    assert pasted_token(text) == TOKEN


@pytest.mark.parametrize("query", ["", "tkn=", "tkn", "x=1", "xtkn=abc", "x=tkn"])
def test_no_token(query: str) -> None:
    assert token_in(query) is None


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "temporal_token is empty"),
        (" \n", "temporal_token is empty"),
        ("https://your-app.com/", "is an address without tkn, as after a sign-in that was not finished"),
        ("https://your-app.com?tkn=", "is an address without tkn"),
        ("?tenant=7", "is an address without tkn"),
        ("tkn=", "is an address without tkn"),
        ("your-app.com/?error=x", "is an address without tkn"),
        (
            "https://rt:8083/authclient/auth/loginrequest?Consumer=RA_API&RedirectUrl=https%3A%2F%2Fa%3Ftkn%3D&hmac=c3",
            "is the address of the page at which one signs in",
        ),
        (f"https://your-app.com?tkn={QUOTED}&tkn=canary2", "more than one tkn"),
        (f"https://elsewhere.com?tkn={QUOTED}", "does not lead to https://your-app.com:"),
        (f"{TOKEN} {TOKEN}", "not copied whole, or with something else"),
        (f"{TOKEN[:5]}\N{HORIZONTAL ELLIPSIS}", "not copied whole"),
        ("canary%0Atkn", "not copied whole"),
    ],
)
def test_each_mistake_is_named_and_nothing_is_shown(pasted: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        pasted_token(pasted, "https://your-app.com")
    assert "sign in again and copy the whole address" in str(caught.value)
    assert not [part for part in (TOKEN, QUOTED, TOKEN[:5], "canary") if part in str(caught.value)]


@pytest.mark.parametrize("value", ["%00", "a%0Ab", "a%7F", "%20", "caf%C3%A9", "a%e2%80%a6", "can ary", "x" * 8193])
def test_what_can_be_no_token(value: str) -> None:
    with pytest.raises(ConfigurationError, match="the tkn in that address has a blank or a character") as caught:
        token_in(f"tkn={value}")
    assert value not in str(caught.value)
    assert token_in(f"tkn={'x' * 8192}") == "x" * 8192


def test_the_registered_address_in_another_spelling() -> None:
    assert pasted_token(f"https://YOUR-APP.com:443/?x=1&tkn={QUOTED}", "https://your-app.com?tkn=") == TOKEN
