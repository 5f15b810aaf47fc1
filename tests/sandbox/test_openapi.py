# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The committed OpenAPI documents are equal to the server's own, and match its behaviour."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, command

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE_433 = {
    ("get", "/authclient/auth/loginrequest"),
    ("get", "/authapi/v1/login_by_temp_token"),
    ("put", "/authapi/v1/refresh-token"),
    ("delete", "/authapi/v1/logout"),
    ("get", "/raapi/v1/csr/create"),
    ("get", "/raapi/v2/csr/create"),
    ("put", "/raapi/v1/csr/finalize"),
}
CONTRACT_442 = {
    ("post", "/raapi/v1/auth/login"),
    ("get", "/authclient/auth/loginrequest"),
    ("post", "/authapi/v1/login_by_temp_token"),
    ("put", "/raapi/v1/auth/refresh-token"),
    ("delete", "/raapi/v1/auth/logout"),
    ("post", "/raapi/v1/csr/create"),
    ("put", "/raapi/v1/csr/finalize"),
}
OWN = {("post", "/authclient/auth/login"), ("get", "/authclient/auth/certificate")}


def committed(version: str) -> dict[str, t.Any]:
    """Read the committed document of a generation."""
    document: dict[str, t.Any] = json.loads((DOCS / f"sandbox-openapi-{version}.json").read_text(encoding="utf-8"))
    return document


def test_the_running_server_says_what_is_committed(sandbox: Appliance) -> None:
    for port in sorted({sandbox.facts["port"], sandbox.facts["auth_port"]}):
        assert sandbox.send("GET", f"https://127.0.0.1:{port}/openapi.json").json() == committed(sandbox.version)


@pytest.mark.parametrize("version", ["4.33", "4.42"])
def test_the_command_prints_the_committed_file(version: str) -> None:
    text = (DOCS / f"sandbox-openapi-{version}.json").read_text(encoding="utf-8")
    assert command("openapi", "--api-version", version).stdout == text


@pytest.mark.parametrize(("version", "expected"), [("4.33", PAGE_433), ("4.42", CONTRACT_442)])
def test_the_document_has_every_endpoint_and_no_other(version: str, expected: set[tuple[str, str]]) -> None:
    found = {(verb, path) for path, verbs in committed(version)["paths"].items() for verb in verbs}
    assert found == expected | OWN


def test_433_has_bodies_on_get() -> None:
    paths = committed("4.33")["paths"]
    for path, schema in (
        ("/authapi/v1/login_by_temp_token", "TemporalToken"),
        ("/raapi/v1/csr/create", "Create433"),
        ("/raapi/v2/csr/create", "Renew433"),
    ):
        body = paths[path]["get"]["requestBody"]
        assert body["required"] is True
        assert body["content"]["application/json"]["schema"] == {"$ref": f"#/components/schemas/{schema}"}


def test_the_schemas_differ_where_the_generations_do() -> None:
    first, second = (committed(version)["components"]["schemas"] for version in ("4.33", "4.42"))
    assert first["Create433"]["properties"]["keyLength"]["type"] == "string"
    assert second["Create442"]["properties"]["keyLength"]["type"] == "integer"
    assert "groupIds" not in first["Create433"]["properties"]
    assert "groupIds" in second["Create442"]["properties"]
    assert "thumbprintToRenew" not in first["Create433"]["properties"]
    assert "thumbprintToRenew" in first["Renew433"]["required"]
    assert "thumbprintToRenew" not in second["Create442"]["required"]


def test_each_error_that_was_answered_is_in_the_document(sandbox: Appliance) -> None:
    paths = committed(sandbox.version)["paths"]
    token = sandbox.access()
    answers = [
        ("create", sandbox.ask("create", {})),
        ("create", sandbox.ask("create", {}, token)),
        ("finalize", sandbox.ask("finalize", {}, token)),
        ("exchange", sandbox.ask("exchange", {"temporalToken": "x"}, "x")),
        ("refresh", sandbox.ask("refresh", {"refreshToken": "x"}, token)),
        ("logout", sandbox.ask("logout")),
    ]
    for step, answer in answers:
        verb, path = sandbox.path(step)
        assert answer.status_code >= 400
        documented = paths[path][verb.lower()]["responses"][str(answer.status_code)]
        assert documented["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorAnswer"}
