# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The browser login: a signed link, a form, a redirect with the temporary token.

A user with a client certificate sees no form. The answer to the link redirects to another page of this server. That
page requires the certificate and a cookie, and redirects with the temporary token.
"""

from __future__ import annotations

import secrets
import time
import typing as t
import urllib.parse

from starlette.responses import RedirectResponse, Response

from redtrust_sandbox import pages
from redtrust_sandbox.call import Call
from redtrust_sandbox.config import Config, User
from redtrust_sandbox.errors import ApiError
from redtrust_sandbox.generations import LOGIN_CERTIFICATE_PATH
from redtrust_sandbox.ledger import Ledger
from redtrust_sandbox.sessions import Sessions

_COOKIE = "redtrust_login"
_COOKIE_PATH = "/authclient"


class _Pending(t.NamedTuple):
    """A login in progress; ``form`` is its identifier."""

    form: str
    partner: str
    domain: str | None
    redirect_url: str


class BrowserLogin:
    """Serve the requests of a browser login."""

    def __init__(self, config: Config, ledger: Ledger, sessions: Sessions) -> None:
        self.config = config
        self.ledger = ledger
        self.sessions = sessions

    def ask(self, call: Call) -> Response:
        """Answer the signed link with a form, or redirect a user with a certificate; raises ApiError."""
        if call.query.get("Consumer") != "RA_API":
            raise ApiError(400, "ERR_INVALID_PARAM", "Consumer must be RA_API")
        redirect_url = call.query.get("RedirectUrl")
        if not redirect_url:
            raise ApiError(400, "MISSING_PARAM", "RedirectUrl is required")
        partner = self.config.partner(str(call.partner))
        if partner is None or redirect_url not in partner.redirect_urls:
            raise ApiError(400, "REDIRECT_URL_NOT_REGISTERED", "The redirect URL is not registered")
        pending = _Pending(secrets.token_urlsafe(24), partner.name, call.query.get("Domain"), redirect_url)
        row = {"id": pending.form, "partner": partner.name, "domain": pending.domain, "redirect_url": redirect_url}
        self.ledger.insert("login_forms", {**row, "expires": call.now + call.settings.login_form_lifetime})
        user = find_certificate_user(self.config, call.client_name, pending.domain)
        if user is None or call.settings.certificate_login == "form":
            return pages.form_page(pending.form, pending.domain)
        return self._send_on(call, pending, user)

    def submit(self, call: Call) -> Response:
        """Answer the form with a redirect, which has a temporary token unless the user cancelled; raises ApiError."""
        fields = dict(urllib.parse.parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
        pending = self._pending(call, fields.get("form", ""))
        if "cancel" in fields:
            self._used(pending)
            return _redirect(pending.redirect_url)
        username, domain = fields.get("username", ""), fields.get("domain") or pending.domain
        user = find_user(self.config, username, fields.get("password"), domain)
        if user is None:
            call.error_code = "ERR_INVALID_AUTH"
            return pages.form_page(pending.form, domain, username, "User, password or domain is wrong.", 401)
        return self._signed_in(call, pending, user)

    def confirm(self, call: Call) -> Response:
        """Answer a redirected user with a certificate: redirect with a temporary token; raises ApiError."""
        pending = self._pending(call, call.query.get("form", ""))
        row = self.ledger.row("SELECT user, cookie FROM certificate_logins WHERE form = ?", pending.form)
        if row is None:
            raise _unknown()
        user = find_certificate_user(self.config, call.client_name, pending.domain)
        if user is None or user.username != row[0]:
            raise ApiError(401, "CERTIFICATE_MISSING", "The certificate with which the sign-in began is needed again")
        if call.cookies.get(_COOKIE) != row[1]:
            raise ApiError(400, "LOGIN_COOKIE_MISSING", "The cookie that was set when the sign-in began is missing")
        return self._signed_in(call, pending, user)

    def _send_on(self, call: Call, pending: _Pending, user: User) -> Response:
        call.user = user.username
        cookie = secrets.token_urlsafe(24)
        row = {"form": pending.form, "user": user.username, "cookie": cookie}
        self.ledger.insert("certificate_logins", row)
        self.ledger.secret("login_cookie", cookie)
        location = f"{LOGIN_CERTIFICATE_PATH}?form={pending.form}"
        elsewhere = call.settings.login_redirect
        if elsewhere:
            back = f"https://{call.headers.get('host', '')}{location}"
            location = f"{elsewhere}{'&' if '?' in elsewhere else '?'}{urllib.parse.urlencode({'back': back})}"
        answer = _redirect(location)
        answer.set_cookie(_COOKIE, cookie, path=_COOKIE_PATH, secure=True, httponly=True, samesite="lax")
        return answer

    def _pending(self, call: Call, form: str) -> _Pending:
        row = self.ledger.row(
            "SELECT id, partner, domain, redirect_url FROM login_forms"
            " WHERE id = ? AND used_at IS NULL AND expires > ?",
            form,
            call.now,
        )
        if row is None:
            raise _unknown()
        pending = _Pending(*row)
        call.partner = pending.partner
        return pending

    def _signed_in(self, call: Call, pending: _Pending, user: User) -> Response:
        call.user = user.username
        with self.ledger.transaction():
            self._used(pending)
            token = self.sessions.temporary(call, user, pending.partner)
        return _redirect(with_token(pending.redirect_url, token, call.settings.tkn_style))

    def _used(self, pending: _Pending) -> None:
        self.ledger.run("UPDATE login_forms SET used_at = ? WHERE id = ?", time.time(), pending.form)


def find_user(config: Config, username: str | None, password: str | None, domain: str | None) -> User | None:
    """Return the user with this name, password and domain, or None. Without a domain, users of all domains match."""
    for user in config.users:
        if (user.username, user.password) == (username, password) and domain in (None, "", user.domain):
            return user
    return None


def find_certificate_user(config: Config, name: str | None, domain: str | None) -> User | None:
    """Return the user with this common name in the certificate, or None. Without a domain, all domains match."""
    for user in config.users:
        if name is not None and user.certificate_cn == name and domain in (None, "", user.domain):
            return user
    return None


def with_token(redirect_url: str, token: str, style: str) -> str:
    """Return the redirect URL with the token in the parameter tkn; ``style`` is the setting ``tkn_style``."""
    quoted = "tkn=" + urllib.parse.quote(token, safe="")
    if style == "appended":
        return f"{redirect_url}?{quoted}"
    address, hash_mark, fragment = redirect_url.partition("#")
    address = address[: -len("tkn=")] if address.endswith(("?tkn=", "&tkn=")) else address
    if not address.endswith(("?", "&")):
        address += "&" if "?" in address else "?"
    return address + (f"state=1&{quoted}&lang=es" if style == "last" else quoted) + hash_mark + fragment


def _redirect(location: str) -> Response:
    return RedirectResponse(location, 302, headers=pages.HEADERS)


def _unknown() -> ApiError:
    return ApiError(400, "LOGIN_FORM_INVALID", "This sign-in is unknown, used or too old")
