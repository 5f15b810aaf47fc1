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
_TOKEN = re.compile(r"[?&]tkn=([^?&#]+)")


class Certificate(t.NamedTuple):
    """A client certificate in PEM. Without ``key_path``, its file also contains the key."""

    path: pathlib.Path
    key_path: pathlib.Path | None = None


class _Answer(t.NamedTuple):
    location: str
    cookie: str
    page: str


def temporary_token(
    directory: pathlib.Path,
    username: str | None = None,
    password: str | None = None,
    certificate: Certificate | None = None,
) -> str:
    """Sign in on the pages of the running server, and return the temporary token. Raises SandboxError."""
    facts = process.ready(directory)
    connection = http.client.HTTPSConnection(
        facts["host"], facts["auth_port"], timeout=30, context=_context(facts["ca_path"], certificate)
    )
    try:
        answer = _ask(connection, "GET", _signed_link(directory, facts))
        if answer.location.startswith("/"):
            answer = _ask(connection, "GET", answer.location, {"Cookie": answer.cookie.partition(";")[0]})
        form = _FORM.search(answer.page)
        if form:
            fields = {
                "form": form.group(1),
                "username": username or facts["username"],
                "password": password or facts["password"],
                "domain": facts["domain"],
            }
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = _ask(connection, "POST", LOGIN_FORM_PATH, kind, urllib.parse.urlencode(fields))
    except OSError as exc:  # includes ssl.SSLError
        raise SandboxError(f"The server cannot be asked: {exc}") from exc
    finally:
        connection.close()
    return _token(answer.location)


def _context(ca_path: str, certificate: Certificate | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_path)
    if certificate:
        try:
            context.load_cert_chain(certificate.path, certificate.key_path)
        except OSError as exc:
            raise SandboxError(f"The client certificate cannot be used: {exc}") from exc
    return context


def _token(location: str) -> str:
    found = _TOKEN.search(location)
    if found is None:
        raise SandboxError(f"The login led to {location.partition('?')[0] or 'no other page'} without a token")
    return urllib.parse.unquote(found.group(1))


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


def _ask(
    connection: http.client.HTTPSConnection,
    method: str,
    path: str,
    headers: t.Mapping[str, str] | None = None,
    form: str | None = None,
) -> _Answer:
    connection.request(method, path, form, dict(headers or {}))
    response = connection.getresponse()
    text = response.read().decode("utf-8", "replace")
    if response.status not in (200, 302):
        raise SandboxError(f"The login was refused with HTTP {response.status}: {_plain(text)}")
    return _Answer(response.headers.get("Location", ""), response.headers.get("Set-Cookie", ""), text)


def _plain(page: str) -> str:
    alert = re.search(r'role="alert">([^<]*)<', page)
    return alert.group(1) if alert else page[:200]
