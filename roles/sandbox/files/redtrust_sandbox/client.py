# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A browser login without a browser, for tests and demonstrations."""

from __future__ import annotations

import http.client
import pathlib
import re
import ssl
import time
import typing as t
import urllib.parse

from redtrust_sandbox import process, signature
from redtrust_sandbox.config import Partner
from redtrust_sandbox.errors import SandboxError
from redtrust_sandbox.generations import LOGIN_FORM_PATH, LOGIN_REQUEST_PATH
from redtrust_sandbox.ledger import Ledger

_FORM = re.compile(r'name="form" value="([^"]+)"')


def temporary_token(directory: pathlib.Path, username: str | None = None, password: str | None = None) -> str:
    """Sign in through the pages of the running server; return the temporary token; raises SandboxError."""
    facts = process.ready(directory)
    connection = http.client.HTTPSConnection(
        facts["host"], facts["auth_port"], timeout=30, context=ssl.create_default_context(cafile=facts["ca_path"])
    )
    try:
        form = _FORM.search(_ask(connection, "GET", _signed_link(directory, facts))[1])
        fields = {
            "form": form.group(1) if form else "",
            "username": username or facts["username"],
            "password": password or facts["password"],
            "domain": facts["domain"],
        }
        location, _page = _ask(connection, "POST", LOGIN_FORM_PATH, urllib.parse.urlencode(fields))
    finally:
        connection.close()
    return urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)["tkn"][0]


def _signed_link(directory: pathlib.Path, facts: t.Mapping[str, t.Any]) -> str:
    ledger = Ledger(directory)
    try:
        timestamp = str(int(time.time() + ledger.settings().clock_offset))
    finally:
        ledger.close()
    partner = Partner(facts["partner"], facts["partner_secret"], (), facts["partner_secret_encoding"])
    query = {
        "Consumer": "RA_API",
        "Domain": facts["domain"],
        "RedirectUrl": facts["redirect_url"],
        "timestamp": timestamp,
        "partner": partner.name,
        "hmac": signature.sign(partner.key(), partner.name, timestamp),
    }
    return f"{LOGIN_REQUEST_PATH}?{urllib.parse.urlencode(query)}"


def _ask(connection: http.client.HTTPSConnection, method: str, path: str, form: str = "") -> tuple[str, str]:
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    connection.request(method, path, body=form or None, headers=headers)
    response = connection.getresponse()
    text = response.read().decode("utf-8", "replace")
    if response.status not in (200, 302):
        raise SandboxError(f"The login was refused with HTTP {response.status}: {_plain(text)}")
    return response.headers.get("Location", ""), text


def _plain(page: str) -> str:
    alert = re.search(r'role="alert">([^<]*)<', page)
    return alert.group(1) if alert else page[:200]
