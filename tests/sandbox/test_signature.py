# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signature of requests: three headers, HMAC-SHA256, a window for the timestamp."""

from __future__ import annotations

import email.utils
import re
import subprocess
import time

import jwt
import pytest

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, problem

HEADERS = ["x-partner-name", "x-request-timestamp", "x-hmac-signature"]
STEPS_433 = ["exchange", "refresh", "logout", "create", "renew", "finalize"]


def openssl_hmac(secret: str, message: str) -> str:
    """Sign with openssl, which is independent of this code."""
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", secret], input=message, check=True, capture_output=True, text=True
    )
    return done.stdout.split()[-1]


def test_accepts_what_openssl_signs(sandbox: Appliance) -> None:
    timestamp = str(int(time.time()))
    signature = openssl_hmac(sandbox.facts["partner_secret"], f"CA_DEMO:{timestamp}")
    assert re.fullmatch(r"[0-9a-f]{64}", signature)
    headers = dict(zip(HEADERS, ["CA_DEMO", timestamp, signature], strict=True))
    answer = sandbox.ask("create", sandbox.create_body(), sandbox.access(), headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("step", STEPS_433)
def test_433_wants_a_signature_on_every_request(v433: Appliance, step: str) -> None:
    token = v433.access()
    assert problem(v433.ask(step, {}, token, headers={})) == (401, "SIGNATURE_MISSING")


def test_442_does_without_a_signature(v442: Appliance) -> None:
    token = v442.access()
    assert v442.ask("create", v442.create_body(), token, headers={}).status_code == 200


@pytest.mark.parametrize("missing", HEADERS)
def test_a_missing_header_is_refused(sandbox: Appliance, missing: str) -> None:
    token = sandbox.access()
    headers = sandbox.sign().headers()
    del headers[missing]
    assert problem(sandbox.ask("create", sandbox.create_body(), token, headers)) == (401, "SIGNATURE_MISSING")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-request-timestamp", "2026-11-23T00:00:00Z"),
        ("x-request-timestamp", "1744719496.5"),
        ("x-hmac-signature", "c360"),
        ("x-hmac-signature", "not-a-signature"),
    ],
)
def test_a_malformed_value_is_refused(sandbox: Appliance, header: str, value: str) -> None:
    token = sandbox.access()
    headers = {**sandbox.sign().headers(), header: value}
    assert problem(sandbox.ask("create", sandbox.create_body(), token, headers)) == (401, "SIGNATURE_MALFORMED")


def test_upper_case_hexadecimal_is_refused(sandbox: Appliance) -> None:
    token = sandbox.access()
    headers = sandbox.sign().headers()
    while not re.search("[a-f]", headers["x-hmac-signature"]):
        headers = sandbox.sign(time.time() - 1).headers()
    headers["x-hmac-signature"] = headers["x-hmac-signature"].upper()
    assert problem(sandbox.ask("create", sandbox.create_body(), token, headers)) == (401, "SIGNATURE_MALFORMED")


def test_another_secret_is_refused(sandbox: Appliance) -> None:
    headers = sandbox.sign(secret="another").headers()
    answer = sandbox.ask("create", sandbox.create_body(), sandbox.access(), headers)
    assert problem(answer) == (401, "SIGNATURE_INVALID")


def test_another_order_of_the_message_is_refused(sandbox: Appliance) -> None:
    timestamp = str(int(time.time()))
    signature = openssl_hmac(sandbox.facts["partner_secret"], f"{timestamp}:CA_DEMO")
    headers = dict(zip(HEADERS, ["CA_DEMO", timestamp, signature], strict=True))
    answer = sandbox.ask("create", sandbox.create_body(), sandbox.access(), headers)
    assert problem(answer) == (401, "SIGNATURE_INVALID")


@pytest.mark.parametrize("partner", ["ca_demo", "Ca_Demo", "OTHER"])
def test_a_partner_must_be_registered_and_in_upper_case(sandbox: Appliance, partner: str) -> None:
    headers = sandbox.sign(partner=partner).headers()
    answer = sandbox.ask("create", sandbox.create_body(), sandbox.access(), headers)
    assert problem(answer) == (401, "PARTNER_UNKNOWN")


@pytest.mark.parametrize("shift", [-310, 310])
def test_a_timestamp_out_of_the_window_is_refused(sandbox: Appliance, shift: float) -> None:
    headers = sandbox.sign(time.time() + shift).headers()
    answer = sandbox.ask("create", sandbox.create_body(), sandbox.access(), headers)
    assert problem(answer) == (401, "TIMESTAMP_OUT_OF_WINDOW")


@pytest.mark.parametrize("shift", [-270, 270])
def test_a_timestamp_in_the_window_is_accepted(sandbox: Appliance, shift: float) -> None:
    headers = sandbox.sign(time.time() + shift).headers()
    assert sandbox.ask("create", sandbox.create_body(), sandbox.access(), headers).status_code == 200


def test_the_window_can_be_set(sandbox: Appliance) -> None:
    token = sandbox.access()
    headers = sandbox.sign(time.time() - 400).headers()
    sandbox.set(timestamp_window=500)
    assert sandbox.ask("create", sandbox.create_body(), token, headers).status_code == 200
    sandbox.set(timestamp_window=350)
    assert problem(sandbox.ask("create", sandbox.create_body(), token, headers)) == (401, "TIMESTAMP_OUT_OF_WINDOW")


def test_the_status_of_the_refusal_can_be_set(v433: Appliance) -> None:
    v433.set(signature_status=403)
    assert problem(v433.ask("logout", headers={})) == (403, "SIGNATURE_MISSING")


def test_the_clock_of_the_server_can_be_moved(v433: Appliance) -> None:
    v433.set(clock_offset=7200)
    late = v433.ask("logout", headers=v433.sign().headers())
    assert problem(late) == (401, "TIMESTAMP_OUT_OF_WINDOW")
    shown = email.utils.parsedate_to_datetime(late.headers["Date"]).timestamp()
    assert shown - time.time() > 7000
    in_time = v433.ask("logout", headers=v433.sign(time.time() + 7200).headers())
    assert problem(in_time) == (401, "TOKEN_MISSING")


def test_the_clock_of_the_server_is_the_clock_of_its_tokens(v442: Appliance) -> None:
    v442.set(clock_offset=-7200)
    body = {"username": v442.facts["username"], "password": v442.facts["password"]}
    token = v442.ask("login", body, headers={}).json()["data"]["accessToken"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] < time.time()
    assert v442.ask("create", v442.create_body(), token, headers={}).status_code == 200
