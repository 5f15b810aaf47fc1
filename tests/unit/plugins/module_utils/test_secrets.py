# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in texts: each form is hidden, nothing else is, and many secrets take no longer."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _secrets
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._secrets import MASK, Secrets, forms_of

AWKWARD = "p\"w'd\\ \u00f1+/=%&<"


def known(*secrets: str | bytes) -> Secrets:
    made = Secrets()
    for secret in secrets:
        made.add(secret)
    return made


# Written by hand by the rules of JSON, Python, HTML and URLs; the last three are output of openssl and xxd.
FORMS = [
    AWKWARD,
    r"p\"w'd\\ \u00f1+/=%&<",
    r"p\"w'd\\ \u00F1+/=%&<",
    "p\\\"w'd\\\\ \u00f1+/=%&<",
    r"p\"w'd\\ \u00f1+\/=%&<",
    r"p\u0022w\u0027d\\ \u00F1\u002B/=%\u0026\u003C",
    "p\"w\\'d\\\\ \u00f1+/=%&<",
    r"p\"w'd\\ \xc3\xb1+/=%&<".replace(r"\"", '"').replace("'", r"\'"),
    "p&quot;w&#x27;d\\ \u00f1+/=%&amp;&lt;",
    "p&quot;w&#39;d\\ \u00f1+/=%&amp;&lt;",
    "p%22w%27d%5C%20%C3%B1%2B%2F%3D%25%26%3C",
    "p%22w'd%5C%20%C3%B1%2B%2F%3D%25%26%3C",
    "p%22w%27d%5C%20%C3%B1%2B/%3D%25%26%3C",
    "p%22w%27d%5c+%c3%b1%2b%2f%3d%25%26%3c",
    "cCJ3J2RcIMOxKy89JSY8",
    "7022772764 5c20c3b12b2f3d25263c".replace(" ", ""),
    "70227727645C20C3B12B2F3D25263C",
]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_hidden(form: str) -> None:
    for text in (form, f"before {form} after", f"{form}{form}"):
        shown = known(AWKWARD).hide(text)
        assert shown == text.replace(form, MASK)


@given(st.binary(max_size=7), st.binary(max_size=7), st.binary(min_size=9, max_size=40))
def test_base64_of_what_stands_around_it(before: bytes, after: bytes, secret: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + secret + after).decode()
        shown = known(secret).hide(text)
        assert MASK in shown
        # at most the characters that the secret shares with its neighbours
        assert len(shown.replace(MASK, "")) <= len(encode(before)) + len(encode(after)) + 4


@given(st.text("ab\\\"'%/+ \u00e9", min_size=1, max_size=12), st.text("ab\\\"'%/+ \u00e9", max_size=30))
def test_what_is_shown_holds_no_secret_and_the_rest_stays(secret: str, text: str) -> None:
    shown = known(secret).hide(text)
    assert secret not in shown
    if not any(form in text for form in forms_of(secret)):
        assert shown == text


@given(st.text("aZ0_.~-", max_size=30))
def test_a_plain_secret_has_the_forms_of_any_other(secret: str) -> None:
    """The short way for these gives what the long way gives."""
    raw = secret.encode()
    forms = {*_secrets._escaped(secret), *_secrets._encoded(raw)}
    assert forms_of(secret) == {form for form in forms if len(form) >= 6} | {secret}


def test_many_secrets_that_begin_alike() -> None:
    """A piece that they all have is looked up once, not once for each of them."""
    secrets = known(*(f"REQUEST-{number:06}" for number in range(1000)))
    assert secrets.hide("REQUEST-000999, REQUEST-001000") == f"{MASK}, REQUEST-001000"
    assert max(map(len, secrets._pieces.values())) < 20


@pytest.mark.parametrize("length", range(1, 16))
@pytest.mark.parametrize("place", range(9))
def test_it_is_found_wherever_it_begins(length: int, place: int) -> None:
    secret = "0123456789abcdef"[:length]
    assert known(secret).hide("x" * place + secret + "yyy") == "x" * place + MASK + "yyy"


def test_secrets_that_overlap() -> None:
    assert known("abcdefgh", "efghijkl").hide("-abcdefghijkl-abcdefgh-") == f"-{MASK}-{MASK}-"


def test_the_parts_of_a_jwt() -> None:
    secrets = known("header00.payload0.signature")
    assert secrets.hide("payload0 and signature but header00") == f"{MASK} and {MASK} but header00"
    assert known("one.two").hide("two") == "two"
    assert known("host=db.example.com user=me").hide("at db.example.com") == "at db.example.com"


def test_bytes_that_are_no_text() -> None:
    secret = b"\xff\xfe\x00\x80abcd"
    for form in (secret.hex(), base64.b64encode(secret).decode(), r"\xff\xfe\x00\x80abcd", "%FF%FE%00%80abcd"):
        assert known(secret).hide(f"({form})") == f"({MASK})"


def test_a_short_secret_is_hidden_but_not_its_short_forms() -> None:
    assert known("a").hide("banana YQ== 61") == f"b{MASK}n{MASK}n{MASK} YQ== 61"


def test_nothing_is_no_secret() -> None:
    assert known("", b"").hide("as it was") == "as it was"


def test_values_within_values() -> None:
    value = {"canary-1": ["canary-1", {"x": ("a canary-1",)}, 7, None, True]}
    assert known("canary-1").hide_in(value) == {"canary-1": [MASK, {"x": [f"a {MASK}"]}, 7, None, True]}


def test_no_repr_shows_any() -> None:
    assert "canary" not in repr(known("canary-1"))


def test_a_thousand_secrets_cost_no_more_than_one() -> None:
    """Count steps, since a time proves nothing: one look-up for each step of the text, for any number of secrets."""

    class Counted(dict[str, tuple[tuple[int, int], ...]]):
        looks = 0

        def get(self, *arguments: object) -> object:  # type: ignore[override]
            Counted.looks += 1
            return super().get(*arguments)  # type: ignore[call-overload]

    secrets = known(*(f"{number:020}" for number in range(1000)))
    secrets._pieces = Counted(secrets._pieces)
    text = "x" * 4000
    assert secrets.hide(text) == text
    assert Counted.looks == 1000
