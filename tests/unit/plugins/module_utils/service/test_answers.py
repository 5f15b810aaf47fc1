# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the service: the vendor's own, unusual ones, and hostile ones."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import typing as t
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Finalized, Request, Tokens
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.answers import (
    jwt_expiry,
    jwt_person,
    parse_date,
    parse_envelope,
    parse_finalized,
    parse_request,
    parse_tokens,
)

VENDOR = (Path(__file__).parents[1] / "data" / "vendor-create-answer.json").read_bytes()
UTC = dt.timezone.utc
MOMENT = dt.datetime(2026, 1, 31, 12, 30, 45, tzinfo=UTC)


def jwt(claims: object) -> str:
    """Return a token with these claims and an invalid signature."""
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{middle}.c2ln"


class TestEnvelope:
    def test_the_vendors_example_word_for_word(self, vendor_csr: str) -> None:
        envelope = parse_envelope(VENDOR)
        assert envelope.message == "Operation finalized successfully"
        assert (envelope.message_type, envelope.error_code, envelope.refuses) == ("SUCCESS", "OK", False)
        assert parse_request(envelope.data) == Request("P775W98SSW4Z1774PMZU", base64.b64decode(vendor_csr))

    def test_a_byte_order_mark_and_another_case_of_keys(self) -> None:
        body = b'\xef\xbb\xbf{"Message": "m", "MESSAGETYPE": "Error", "errorcode": "E7", "Data": null}'
        envelope = parse_envelope(body)
        assert (envelope.message, envelope.message_type, envelope.error_code) == ("m", "Error", "E7")

    @pytest.mark.parametrize(
        ("kind", "code", "refuses"),
        [
            ("SUCCESS", "OK", False),
            ("IGNORE", "OK", False),
            ("success", "ok", False),
            ("SUCCESS", None, False),
            (None, None, False),
            ("ERROR", "OK", True),
            ("Error", None, True),
            ("SUCCESS", "TOKEN_EXPIRED", True),
            ("IGNORE", 17, True),
        ],
    )
    def test_what_counts_as_a_refusal(self, kind: str | None, code: object, refuses: bool) -> None:
        body = json.dumps({"messageType": kind, "errorCode": code}).encode()
        assert parse_envelope(body).refuses is refuses

    @pytest.mark.parametrize(
        ("body", "what"),
        [
            (b"", "0 bytes that are not JSON"),
            (b"<html>", "6 bytes that are not JSON"),
            (b"\xff\xfe{}", "4 bytes that are not JSON"),
            (b"[" * 100_000, "100000 bytes that are not JSON"),
            (b"[]", "the answer is a list, not an object"),
            (b'"canary"', "the answer is text, not an object"),
            (b"null", "the answer is missing, not an object"),
            (b"true", "the answer is a truth value, not an object"),
            (b"1", "the answer is a number, not an object"),
        ],
    )
    def test_what_is_no_envelope(self, body: bytes, what: str) -> None:
        with pytest.raises(ValueError, match=what) as caught:
            parse_envelope(body)
        assert "canary" not in str(caught.value)

    @pytest.mark.parametrize("name", ["message", "messageType", "errorCode"])
    def test_a_deep_message_is_not_printed(self, name: str) -> None:
        """Python reads lists deeper than it can print."""
        parse_envelope(f'{{"{name}": {"[" * 900}{"]" * 900}}}'.encode())

    def test_a_message_can_be_written_to_a_terminal_and_to_a_store(self) -> None:
        message = parse_envelope(b'{"message": "a\\ud800b\\u0000c\\u001b[2Jd\\ne\\u00f1"}').message
        assert message == "a?b?c?[2Jd e\u00f1"

    def test_a_message_is_cut(self) -> None:
        assert len(parse_envelope(json.dumps({"message": "m" * 100_000}).encode()).message) == 500


class TestRequest:
    def test_a_string_that_holds_the_object(self, vendor_csr: str) -> None:
        data = json.dumps(json.loads(VENDOR)["data"])
        assert parse_request(data) == parse_request(json.loads(data))

    def test_another_case_of_keys(self, vendor_csr: str) -> None:
        assert parse_request({"REQUESTCODE": "c", "Csr": vendor_csr}).request_code == "c"

    def test_armour_and_line_breaks(self, vendor_csr: str) -> None:
        lines = base64.encodebytes(base64.b64decode(vendor_csr)).decode()
        pem = f"-----BEGIN CERTIFICATE REQUEST-----\r\n{lines}-----END CERTIFICATE REQUEST-----\r\n"
        plain = parse_request({"requestCode": "c", "csr": vendor_csr})
        assert parse_request({"requestCode": "c", "csr": lines}) == plain
        assert parse_request({"requestCode": "c", "csr": pem}) == plain

    @pytest.mark.parametrize(
        ("data", "what"),
        [
            (None, "data is missing, not an object"),
            ([], "data is a list"),
            ("canary", "6 bytes that are not JSON"),
            ('"canary"', "data is text, not an object"),
            ("\ud800", "not JSON"),
            ({}, "data has no requestCode, only nothing"),
            ({"csr": "canary", "code": "canary"}, "data has no requestCode, only code, csr"),
            ({"requestCode": "  ", "csr": ""}, "no requestCode"),
            ({"requestCode": 12, "csr": ""}, "no requestCode"),
            ({"requestCode": "canary\ud800", "csr": ""}, "no requestCode"),
            ({"requestCode": "canary\x00", "csr": ""}, "no requestCode"),
            ({"requestCode": "canary"}, "csr is missing, not text"),
            ({"requestCode": "canary", "csr": ["canary"]}, "csr is a list, not text"),
            ({"requestCode": "canary", "csr": ""}, "not a PKCS#10 certificate request"),
            ({"requestCode": "canary", "csr": "AAAA"}, "not a PKCS#10 certificate request"),
            ({"requestCode": "canary", "csr": "canary*"}, "not base64"),
        ],
    )
    def test_anything_else_is_refused_and_no_code_shown(self, data: object, what: str) -> None:
        with pytest.raises(ValueError, match=what) as caught:
            parse_request(data)
        assert "canary" not in str(caught.value)

    def test_two_requests_are_refused(self, vendor_csr: str) -> None:
        body = base64.encodebytes(base64.b64decode(vendor_csr)).decode()
        pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
        with pytest.raises(ValueError, match="not base64 of one request"):
            parse_request({"requestCode": "c", "csr": pem + pem})

    def test_key_names_are_cut_and_printable(self) -> None:
        with pytest.raises(ValueError, match="no requestCode") as caught:
            parse_request({f"{number}\ud800{'k' * 1000}": 1 for number in range(100)})
        assert len(str(caught.value)) < 1000
        assert str(caught.value).encode()


class TestTokens:
    def test_the_triple(self) -> None:
        data = {"refreshToken": "r", "accessToken": "a", "expiration": "2026-01-31T12:30:45.1234567Z"}
        assert parse_tokens(data) == Tokens("a", "r", MOMENT.replace(microsecond=123456))

    def test_the_tokens_own_claim_counts_before_expiration(self) -> None:
        data = {"accessToken": jwt({"exp": MOMENT.timestamp()}), "expiration": "2031-01-01T00:00:00Z"}
        assert parse_tokens(data).expires_at == MOMENT

    def test_a_broken_expiration_does_not_matter_where_the_token_has_its_own(self) -> None:
        data = {"accessToken": jwt({"exp": MOMENT.timestamp()}), "expiration": "soon"}
        assert parse_tokens(data).expires_at == MOMENT

    def test_expiration_counts_where_the_token_has_none(self) -> None:
        data = {"accessToken": jwt({"sub": "x"}), "expiration": "2026-01-31T12:30:45"}
        assert parse_tokens(data).expires_at == MOMENT

    @pytest.mark.parametrize("extra", [{}, {"refreshToken": None}, {"refreshToken": "", "expiration": ""}])
    def test_only_an_access_token(self, extra: dict[str, t.Any]) -> None:
        assert parse_tokens({"ACCESSTOKEN": "a", **extra}) == Tokens("a", None, None)

    @pytest.mark.parametrize(
        ("data", "what"),
        [
            (None, "data is missing"),
            ("canary", "data is text"),
            ({}, "no accessToken"),
            ({"accessToken": ""}, "no accessToken"),
            ({"accessToken": "canary canary"}, "no accessToken"),
            ({"accessToken": "canary\r\nX-Evil: 1"}, "no accessToken"),
            ({"accessToken": ["canary"]}, "no accessToken"),
            ({"accessToken": "a", "refreshToken": ["canary"]}, "refreshToken is a list, not text"),
            ({"accessToken": "a", "refreshToken": "canary\ud800"}, "refreshToken is text that no token can be"),
            ({"accessToken": "canary", "expiration": "soon"}, "expiration is 'soon', not a date"),
            ({"accessToken": "canary", "expiration": 1700000000}, "expiration is a number, not a date"),
        ],
    )
    def test_anything_else_is_refused_and_no_token_shown(self, data: object, what: str) -> None:
        with pytest.raises(ValueError, match=what) as caught:
            parse_tokens(data)
        assert "canary" not in str(caught.value)


class TestDate:
    @pytest.mark.parametrize("digits", range(1, 8))
    @pytest.mark.parametrize("zone", ["", "Z", "z", "+00:00", " +00:00", "-0000"])
    @pytest.mark.parametrize("between", ["T", "t", " "])
    def test_each_number_of_fractional_digits(self, digits: int, zone: str, between: str) -> None:
        fraction = "1234567"[:digits]
        expected = MOMENT.replace(microsecond=int(fraction[:6].ljust(6, "0")))
        assert parse_date(f"2026-01-31{between}12:30:45.{fraction}{zone}") == expected

    @pytest.mark.parametrize(
        "text",
        [
            "2026-01-31T12:30:45",
            " 2026-01-31T12:30:45Z\n",
            "2026-01-31T14:30:45+02:00",
            "2026-01-31T14:30:45+0200",
            "2026-01-31T07:00:45-05:30",
            "2026-02-01T02:30:45.0000000+14:00",
        ],
    )
    def test_offsets_and_none(self, text: str) -> None:
        assert parse_date(text) == MOMENT
        assert parse_date(text).tzinfo is UTC

    def test_the_least_and_the_largest_date_of_dotnet(self) -> None:
        assert parse_date("0001-01-01T00:00:00") == dt.datetime.min.replace(tzinfo=UTC)
        assert parse_date("9999-12-31T23:59:59.9999999Z") == dt.datetime.max.replace(tzinfo=UTC)

    @pytest.mark.parametrize(
        "value",
        [
            None,
            0,
            "",
            "soon",
            "2026-01-31",
            "2026-02-30T00:00:00",
            "2026-01-31T25:00:00",
            "2026-01-31T12:30:45.",
            "2026-01-31T12:30:45.1234567890",
            "2026-01-31T12:30:45ZZ",
            "2026-01-31T12:30:45+2",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "\u0662\u0660\u0662\u0666-01-31T12:30:45",
        ],
    )
    def test_what_is_no_date(self, value: object) -> None:
        with pytest.raises(ValueError, match="not a date and time"):
            parse_date(value)

    def test_a_long_text_is_not_repeated(self) -> None:
        with pytest.raises(ValueError, match="not a date") as caught:
            parse_date("x" * 100_000)
        assert len(str(caught.value)) < 200


class TestJwt:
    def test_a_claim_of_each_kind(self) -> None:
        assert jwt_expiry(jwt({"exp": MOMENT.timestamp()})) == MOMENT
        assert jwt_expiry(jwt({"exp": str(int(MOMENT.timestamp()))})) == MOMENT

    @pytest.mark.parametrize(
        "token",
        [
            "opaque",
            "a.b",
            "a.b.c.d",
            "..",
            "a.!!!.c",
            *map(jwt, ({}, [], "exp", 7, None, {"exp": None}, {"exp": "x"}, {"exp": 1e300}, {"exp": float("nan")})),
            jwt({"exp": 10**400}),
            "a." + base64.urlsafe_b64encode(b"[" * 100_000).decode() + ".c",
        ],
    )
    def test_no_claim_no_date(self, token: str) -> None:
        assert jwt_expiry(token) is None


class TestFinalized:
    def test_what_the_second_generation_says(self) -> None:
        data = {"idCertificate": 42, "Thumbprint": "A" * 40}
        assert parse_finalized(data) == Finalized("42", "A" * 40)

    @pytest.mark.parametrize(
        "data",
        [
            None,
            "",
            "done",
            [],
            7,
            {},
            {"idCertificate": None},
            {"idCertificate": True},
            {"idCertificate": []},
            {"thumbprint": 7},
            {"idCertificate": "\ud800"},
        ],
    )
    def test_the_first_generation_says_nothing(self, data: object) -> None:
        assert parse_finalized(data) == Finalized()


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text("0123456789TZ:.-+ ")
NAMES = st.sampled_from(
    [
        "message",
        "messageType",
        "errorCode",
        "data",
        "requestCode",
        "csr",
        "accessToken",
        "refreshToken",
        "expiration",
        "idCertificate",
        "thumbprint",
    ]
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(NAMES | st.text(), inner), max_leaves=20)
PARSERS = [parse_envelope, parse_request, parse_tokens, parse_finalized, parse_date]


@given(VALUES)
@example({"accessToken": "a", "expiration": "0001-01-01T00:00:00+00:01"})
def test_any_value_is_read_or_refused_with_a_short_sentence(value: object) -> None:
    for parse in PARSERS:
        given_value = json.dumps(value).encode() if parse is parse_envelope else value
        with contextlib.suppress(ValueError):
            result = t.cast("t.Callable[[object], object]", parse)(given_value)
            assert repr(result).encode()


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_an_envelope_or_refused(body: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert parse_envelope(body).message is not None


@given(st.text())
def test_any_text_may_be_a_token(text: str) -> None:
    for token in (text, f"a.{text}.c", f"a.{base64.urlsafe_b64encode(text.encode('utf-8', 'replace')).decode()}.c"):
        moment = jwt_expiry(token)
        assert moment is None or moment.tzinfo is UTC


class TestWhomAJwtNames:
    @pytest.mark.parametrize(
        ("claims", "person"),
        [
            ({"sub": "demo"}, "demo"),
            ({"sub": "demo", "name": "Maria Ruiz"}, "Maria Ruiz"),
            ({"name": "Maria Ruiz", "preferred_username": "maria"}, "maria"),
            ({"unique_name": " LOCAL\\maria ", "nameid": "7"}, "LOCAL\\maria"),
            ({"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "maria@example.com"}, "maria@example.com"),
            ({"UPN": "maria@example.com"}, "maria@example.com"),
            ({"name": "Jos\u00e9", "email": "x@example.com"}, "Jos\u00e9"),
            ({"name": 7, "email": "x@example.com"}, "x@example.com"),
            # a name that says nothing to a person, or misleads
            ({"sub": "4711"}, None),
            ({"sub": "8f14e45f-ceea-467f-a8d7-1b5c4d2e9a01"}, None),
            ({"sub": "maria\nroot"}, None),
            ({"name": "\u202eairam"}, None),
            ({"name": " ", "sub": ""}, None),
            ({"name": ["maria"]}, None),
            ({"role": "admin"}, None),
            ({}, None),
            ([], None),
            ("maria", None),
            (None, None),
        ],
    )
    def test_by_the_claims_in_use(self, claims: object, person: str | None) -> None:
        assert jwt_person(jwt(claims)) == person

    @pytest.mark.parametrize("token", ["", "opaque", "a.b", "a.b.c", "a.!.c", "..", "a." + "W" * 10_000 + ".c"])
    def test_nobody_where_it_is_none(self, token: str) -> None:
        assert jwt_person(token) is None
