# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OpenAPI document of a generation."""

from __future__ import annotations

import typing as t

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from redtrust_sandbox import models
from redtrust_sandbox.generations import Generation, Step
from redtrust_sandbox.signature import HEADERS

_REFERENCE = "#/components/schemas/"
_SIGNED = {
    "x-partner-name": "name of the client application, in upper case",
    "x-request-timestamp": "UNIX timestamp of the request, in seconds",
    "x-hmac-signature": "HMAC-SHA256 over PARTNER_NAME:UNIX_TIMESTAMP, lower-case hexadecimal",
}
_LOGIN_PARAMETERS = {
    "Consumer": ("always RA_API", True),
    "RedirectUrl": ("registered address that the temporary token is appended to", True),
    "Domain": ("domain of the users", False),
    "timestamp": ("as x-request-timestamp", True),
    "partner": ("as x-partner-name", True),
    "hmac": ("as x-hmac-signature", True),
}
_FORM_FIELDS = ("form", "username", "password", "domain", "cancel")
_BROWSER_STEPS = ("login_request", "login_form", "login_certificate")


def describe(app: FastAPI, generation: Generation) -> None:
    """Make the application serve a document that covers all checks of the front and of the endpoints."""

    def document() -> dict[str, t.Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, generation)
        return app.openapi_schema

    setattr(app, "openapi", document)  # noqa: B010 - the documented way to replace it, which mypy refuses as assignment


def _document(app: FastAPI, generation: Generation) -> dict[str, t.Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=f"The Redtrust enrollment service, generation {generation.api_version}, as the sandbox plays it.",
        routes=app.routes,
        openapi_version="3.1.0",
    )
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["ErrorAnswer"] = models.ErrorAnswer.model_json_schema(ref_template=_REFERENCE + "{model}")
    schemas["ErrorAnswer"].pop("$defs", None)
    document["components"]["securitySchemes"] = {
        "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "temporaryToken": {"type": "http", "scheme": "bearer"},
    }
    for step in generation.steps:
        if step.name != "openapi":
            _complete(document["paths"][step.path][step.method.lower()], step, generation)
    _strip_titles(document["components"]["schemas"])
    return document


def _strip_titles(node: t.Any) -> None:
    """Remove the titles that pydantic derives from the names of fields; they add nothing."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for child in node.values():
            _strip_titles(child)
    elif isinstance(node, list):
        for child in node:
            _strip_titles(child)


def _complete(operation: dict[str, t.Any], step: Step, generation: Generation) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    answers.get("200", {})["description"] = "Done."
    for status, text in _errors(step).items():
        content = {"application/json": {"schema": {"$ref": _REFERENCE + "ErrorAnswer"}}}
        answers[status] = {"description": text, "content": content}
    if step.name in _BROWSER_STEPS:
        _browser(operation, step)
    if step.name == "finalize" and generation.signature_required:
        answers["200"] = {"description": "The certificate was taken; the body is empty."}
    if step.bearer:
        operation["security"] = [{step.bearer + "Token": []}]
    if step.signed and step.name != "login_request":
        operation["parameters"] = [_header(name, generation.signature_required) for name in HEADERS]


def _errors(step: Step) -> dict[str, str]:
    errors = {"400": "The request is not valid."}
    if step.bearer or step.signed:
        errors["401"] = "The signature or the token is missing, malformed or not valid."
    if step.name in ("login", "login_form"):
        errors["401"] = "User, password or domain is wrong."
    if step.name == "login_certificate":
        errors["401"] = "The certificate of the user who began is missing."
    if step.name in ("create", "finalize"):
        errors["409"] = "The certificate or the request is not in the state that this needs."
    if step.json_body:
        errors["415"] = "The body is not labelled application/json."
    return errors


def _browser(operation: dict[str, t.Any], step: Step) -> None:
    page = {"text/html": {"schema": {"type": "string"}}}
    answers = operation["responses"]
    for status in ("400", "401"):
        answers[status]["content"].update(page)
    if step.name == "login_request":
        operation["parameters"] = [_parameter(name, *described) for name, described in _LOGIN_PARAMETERS.items()]
        answers["200"] = {"description": "The login form.", "content": page}
        answers["302"] = _redirect("A user with a certificate is sent on.", "the page that wants the certificate again")
        answers["302"]["headers"]["Set-Cookie"] = {"description": "wanted there as well", "schema": {"type": "string"}}
        return
    answers.pop("200", None)
    if step.name == "login_certificate":
        operation["parameters"] = [_parameter("form", "from the redirect that leads here", True)]
        answers["302"] = _redirect("Signed in.", "the redirect URL with tkn")
        return
    answers["302"] = _redirect("Signed in, or cancelled.", "the redirect URL with tkn, or as it is registered")
    answers["401"]["content"] = page
    fields = {name: {"type": "string"} for name in _FORM_FIELDS}
    schema = {"type": "object", "properties": fields, "required": ["form"]}
    operation["requestBody"] = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


def _parameter(name: str, text: str, required: bool) -> dict[str, t.Any]:
    return {"name": name, "in": "query", "required": required, "description": text, "schema": {"type": "string"}}


def _redirect(text: str, location: str) -> dict[str, t.Any]:
    headers = {"Location": {"description": location, "schema": {"type": "string"}}}
    return {"description": text, "headers": headers}


def _header(name: str, required: bool) -> dict[str, t.Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "required": required, "description": _SIGNED[name], "schema": schema}
