# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: the exchange, the refresh, the logout, the direct login."""

from __future__ import annotations

import typing as t
from pathlib import Path

import jwt
import pytest
import requests

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, problem, started


def claims(token: str) -> dict[str, t.Any]:
    """Read a JWT without its key."""
    return jwt.decode(token, options={"verify_signature": False})


def refresh(sandbox: Appliance, tokens: dict[str, str], token: str | None = None) -> requests.Response:
    """Refresh in the way of the generation."""
    bearer = tokens["accessToken"] if sandbox.is_433 else None
    return sandbox.ask("refresh", {"refreshToken": token or tokens["refreshToken"]}, bearer)


def session_of(sandbox: Appliance, tokens: dict[str, str]) -> tuple[t.Any, ...]:
    """Return end_reason and refresh_reuses of a session."""
    sid = claims(tokens["accessToken"])["sid"]
    (row,) = sandbox.rows("SELECT end_reason, refresh_reuses, ended IS NOT NULL FROM sessions WHERE id = ?", sid)
    return row


def test_the_exchange_gives_the_triple(sandbox: Appliance) -> None:
    temporary = sandbox.temporary_token()
    answer = sandbox.ask("exchange", {"temporalToken": temporary}, temporary)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"message", "messageType", "errorCode", "data"}
    assert (body["messageType"], body["errorCode"]) == ("SUCCESS", "OK")
    assert set(body["data"]) == {"accessToken", "refreshToken", "expiration"}


def test_the_access_token_is_a_jwt_that_expires(sandbox: Appliance) -> None:
    sandbox.set(access_token_lifetime=77)
    found = claims(sandbox.access())
    assert found["exp"] - found["iat"] in (77, 78)
    assert found["sub"] == "demo"


def test_a_temporary_token_works_once(sandbox: Appliance) -> None:
    temporary = sandbox.temporary_token()
    assert sandbox.ask("exchange", {"temporalToken": temporary}, temporary).status_code == 200
    again = sandbox.ask("exchange", {"temporalToken": temporary}, temporary)
    assert problem(again) == (401, "TEMPORAL_TOKEN_INVALID")
    assert sandbox.asked("step, error_code, user")[2:] == [
        ("exchange", None, "demo"),
        ("exchange", "TEMPORAL_TOKEN_INVALID", None),
    ]


def test_a_temporary_token_expires(sandbox: Appliance) -> None:
    sandbox.set(temp_token_lifetime=0)
    temporary = sandbox.temporary_token()
    assert problem(sandbox.ask("exchange", {"temporalToken": temporary}, temporary)) == (401, "TEMPORAL_TOKEN_INVALID")


def test_an_unknown_temporary_token_is_refused(sandbox: Appliance) -> None:
    assert problem(sandbox.ask("exchange", {"temporalToken": "x"}, "x")) == (401, "TEMPORAL_TOKEN_INVALID")


def test_433_wants_the_temporary_token_as_bearer(v433: Appliance) -> None:
    temporary = v433.temporary_token()
    body = {"temporalToken": temporary}
    assert problem(v433.ask("exchange", body)) == (401, "TOKEN_MISSING")
    assert problem(v433.ask("exchange", body, "another")) == (401, "TOKEN_INVALID")
    assert v433.ask("exchange", body, temporary).status_code == 200


def test_442_does_without_a_bearer_but_refuses_a_wrong_one(v442: Appliance) -> None:
    temporary = v442.temporary_token()
    body = {"temporalToken": temporary}
    assert problem(v442.ask("exchange", body, "another")) == (401, "TOKEN_INVALID")
    assert v442.ask("exchange", body).status_code == 200


def test_a_temporary_token_is_no_access_token(sandbox: Appliance) -> None:
    assert problem(sandbox.create(sandbox.temporary_token())) == (401, "TOKEN_INVALID")


def test_a_token_belongs_to_its_partner(tmp_path: Path) -> None:
    partners = [{"name": name, "secret": "same", "redirect_urls": ["https://a/"]} for name in ("FIRST", "SECOND")]
    server = started(tmp_path, "4.33", config={"partners": partners})
    try:
        temporary, tokens = server.temporary_token(), server.tokens()
        other = server.sign(partner="SECOND").headers()
        body = {"temporalToken": temporary}
        assert problem(server.ask("exchange", body, temporary, other)) == (401, "TEMPORAL_TOKEN_INVALID")
        assert server.ask("exchange", body, temporary).status_code == 200
        assert problem(server.ask("logout", None, tokens["accessToken"], other)) == (401, "TOKEN_INVALID")
        assert server.ask("logout", None, tokens["accessToken"]).status_code == 200
    finally:
        server.stop()


@pytest.mark.parametrize("body", [{}, {"temporalToken": 5}, {"temporalToken": None}, {"tkn": "x"}, []])
def test_the_body_of_the_exchange_is_checked(sandbox: Appliance, body: t.Any) -> None:
    assert problem(sandbox.ask("exchange", body, "x")) == (400, "ERR_INVALID_PARAM")


def test_a_refresh_gives_new_tokens_of_the_same_session(sandbox: Appliance) -> None:
    first = sandbox.tokens()
    answer = refresh(sandbox, first)
    assert answer.status_code == 200
    second = answer.json()["data"]
    assert set(second) == {"accessToken", "refreshToken", "expiration"}
    assert second["accessToken"] != first["accessToken"]
    assert second["refreshToken"] != first["refreshToken"]
    assert claims(second["accessToken"])["sid"] == claims(first["accessToken"])["sid"]
    assert sandbox.create(second["accessToken"]).status_code == 200


def test_a_used_refresh_token_ends_the_session(sandbox: Appliance) -> None:
    first = sandbox.tokens()
    second = refresh(sandbox, first).json()["data"]
    assert session_of(sandbox, first) == (None, 0, 0)
    assert problem(refresh(sandbox, second, first["refreshToken"])) == (401, "REFRESH_TOKEN_INVALID")
    assert session_of(sandbox, first) == ("refresh_reuse", 1, 1)
    assert problem(sandbox.create(second["accessToken"])) == (401, "SESSION_ENDED")
    assert refresh(sandbox, second).status_code == 401


def test_a_refresh_token_expires(sandbox: Appliance) -> None:
    sandbox.set(refresh_token_lifetime=0)
    assert problem(refresh(sandbox, sandbox.tokens())) == (401, "REFRESH_TOKEN_INVALID")


def test_an_unknown_refresh_token_is_refused(sandbox: Appliance) -> None:
    assert problem(refresh(sandbox, sandbox.tokens(), "made-up")) == (401, "REFRESH_TOKEN_INVALID")


def test_433_wants_the_access_token_of_the_session_to_refresh(v433: Appliance) -> None:
    first, other = v433.tokens(), v433.tokens()
    body = {"refreshToken": first["refreshToken"]}
    assert problem(v433.ask("refresh", body)) == (401, "TOKEN_MISSING")
    assert problem(v433.ask("refresh", body, other["accessToken"])) == (401, "REFRESH_TOKEN_INVALID")
    assert v433.ask("refresh", body, first["accessToken"]).status_code == 200


def test_433_can_refuse_or_accept_an_expired_access_token_to_refresh(v433: Appliance) -> None:
    v433.set(access_token_lifetime=0)
    tokens = v433.tokens()
    assert problem(refresh(v433, tokens)) == (401, "TOKEN_EXPIRED")
    v433.set(expired_access_at_refresh="accept")
    assert refresh(v433, tokens).status_code == 200


def test_442_refreshes_without_authentication(v442: Appliance) -> None:
    body = {"refreshToken": v442.tokens()["refreshToken"]}
    assert v442.ask("refresh", body, headers={}).status_code == 200


def test_logout_ends_the_session_and_its_refresh_token(sandbox: Appliance) -> None:
    tokens = sandbox.tokens()
    answer = sandbox.ask("logout", token=tokens["accessToken"])
    assert answer.status_code == 200
    assert answer.json()["data"] == {}
    assert session_of(sandbox, tokens) == ("logout", 0, 1)
    assert problem(sandbox.create(tokens["accessToken"])) == (401, "SESSION_ENDED")
    assert refresh(sandbox, tokens).status_code == 401
    assert session_of(sandbox, tokens) == ("logout", 0, 1)


def test_logout_takes_the_content_type_of_the_page(sandbox: Appliance) -> None:
    headers = {**sandbox.sign().headers(), "Content-Type": "application/json"}
    assert sandbox.ask("logout", token=sandbox.access(), headers=headers).status_code == 200


@pytest.mark.parametrize("step", ["create", "finalize", "logout"])
def test_a_bearer_is_required(sandbox: Appliance, step: str) -> None:
    answer = sandbox.ask(step, {})
    assert problem(answer) == (401, "TOKEN_MISSING")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Basic eDp5", "Bearer", "Bearer ", "token"])
def test_another_authorization_is_no_bearer(sandbox: Appliance, header: str) -> None:
    headers = {**sandbox.sign().headers(), "Authorization": header}
    assert problem(sandbox.ask("create", {}, headers=headers)) == (401, "TOKEN_MISSING")


def test_an_expired_access_token_is_refused(sandbox: Appliance) -> None:
    token = sandbox.access()
    sandbox.set(access_token_lifetime=0)
    expired = sandbox.access()
    assert problem(sandbox.create(expired)) == (401, "TOKEN_EXPIRED")
    assert sandbox.create(token).status_code == 200


def test_a_token_signed_by_somebody_else_is_refused(sandbox: Appliance) -> None:
    forged = jwt.encode(claims(sandbox.access()), "x" * 32, algorithm="HS256")
    assert problem(sandbox.create(forged)) == (401, "TOKEN_INVALID")
    unsigned = jwt.encode(claims(sandbox.access()), "", algorithm="none")
    assert problem(sandbox.create(unsigned)) == (401, "TOKEN_INVALID")


def test_442_has_a_direct_login(v442: Appliance) -> None:
    facts = v442.facts
    body = {name: facts[name] for name in ("username", "password", "domain")}
    answer = v442.ask("login", body, headers={})
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert set(data) == {"accessToken", "refreshToken", "expiration"}
    assert v442.create(data["accessToken"]).status_code == 200


@pytest.mark.parametrize(
    "changes", [{"password": "wrong"}, {"username": "nobody"}, {"domain": "other.users"}, {"password": ""}]
)
def test_442_refuses_wrong_credentials(v442: Appliance, changes: dict[str, str]) -> None:
    body = {**{name: v442.facts[name] for name in ("username", "password", "domain")}, **changes}
    assert problem(v442.ask("login", body, headers={})) == (401, "ERR_INVALID_AUTH")


def test_433_has_no_direct_login(v433: Appliance) -> None:
    for port in ("port", "auth_port"):
        url = f"https://127.0.0.1:{v433.facts[port]}/raapi/v1/auth/login"
        assert problem(v433.send("POST", url, json={}, headers=v433.sign().headers())) == (404, "NOT_FOUND")
