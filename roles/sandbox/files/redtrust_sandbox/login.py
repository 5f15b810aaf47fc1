# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The browser login: a signed link, a form, a redirect with the temporary token."""

from __future__ import annotations

import html
import secrets
import time
import urllib.parse

from starlette.responses import HTMLResponse, RedirectResponse, Response

from redtrust_sandbox.call import Call
from redtrust_sandbox.config import Config, User
from redtrust_sandbox.errors import ApiError
from redtrust_sandbox.generations import LOGIN_FORM_PATH
from redtrust_sandbox.ledger import Ledger
from redtrust_sandbox.sessions import Sessions

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width"></head>
<body><main><h1>{title}</h1>{content}</main></body>
</html>
"""
_FORM = """{alert}
<form method="post" action="{action}">
<input type="hidden" name="form" value="{form}">
<p><label>User <input name="username" autocomplete="username" required autofocus></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<p><label>Domain <input name="domain" value="{domain}"></label></p>
<p><button type="submit">Sign in</button></p>
</form>"""


class BrowserLogin:
    """Serves the two requests of a browser login."""

    def __init__(self, config: Config, ledger: Ledger, sessions: Sessions) -> None:
        self.config = config
        self.ledger = ledger
        self.sessions = sessions

    def ask(self, call: Call) -> Response:
        """Answer the signed link with a form; raises ApiError."""
        if call.query.get("Consumer") != "RA_API":
            raise ApiError(400, "CONSUMER_INVALID", "Consumer must be RA_API")
        redirect_url = call.query.get("RedirectUrl")
        if not redirect_url:
            raise ApiError(400, "REDIRECT_URL_MISSING", "RedirectUrl is required")
        partner = self.config.partner(str(call.partner))
        if partner is None or redirect_url not in partner.redirect_urls:
            raise ApiError(400, "REDIRECT_URL_NOT_REGISTERED", "The redirect URL is not registered")
        form = secrets.token_urlsafe(24)
        domain = call.query.get("Domain")
        row = {"id": form, "partner": partner.name, "domain": domain, "redirect_url": redirect_url}
        self.ledger.insert("login_forms", {**row, "expires": call.now + call.settings.login_form_lifetime})
        return form_page(form, domain)

    def submit(self, call: Call) -> Response:
        """Answer the form with a redirect that carries a temporary token; raises ApiError."""
        fields = dict(urllib.parse.parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
        row = self.ledger.row(
            "SELECT id, partner, domain, redirect_url FROM login_forms"
            " WHERE id = ? AND used_at IS NULL AND expires > ?",
            fields.get("form", ""),
            call.now,
        )
        if row is None:
            raise ApiError(400, "LOGIN_FORM_INVALID", "This form is unknown, used or too old; start again")
        form, partner, domain, redirect_url = row
        call.partner = partner
        user = find_user(self.config, fields.get("username"), fields.get("password"), fields.get("domain") or domain)
        if user is None:
            call.error_code = "CREDENTIALS_INVALID"
            return form_page(form, domain, "User, password or domain is wrong.", 401)
        call.user = user.username
        with self.ledger.transaction():
            self.ledger.run("UPDATE login_forms SET used_at = ? WHERE id = ?", time.time(), form)
            token = self.sessions.temporary(call, user, partner)
        return RedirectResponse(with_token(redirect_url, token), 302, headers=_HEADERS)


def find_user(config: Config, username: str | None, password: str | None, domain: str | None) -> User | None:
    """Return the user whom these belong to; without a domain, the name alone has to be enough."""
    for user in config.users:
        if (user.username, user.password) == (username, password) and domain in (None, "", user.domain):
            return user
    return None


def with_token(redirect_url: str, token: str) -> str:
    """Append the token as the parameter tkn, whatever the registered URL already has."""
    address, hash_mark, fragment = redirect_url.partition("#")
    quoted = urllib.parse.quote(token, safe="")
    if address.endswith(("?tkn=", "&tkn=")):
        address += quoted
    else:
        address += ("&" if "?" in address else "?") + "tkn=" + quoted
    return address + hash_mark + fragment


def form_page(form: str, domain: str | None, alert: str = "", status: int = 200) -> Response:
    """Return the page with the form."""
    content = _FORM.format(
        alert=f'<p role="alert">{html.escape(alert)}</p>' if alert else "",
        action=LOGIN_FORM_PATH,
        form=html.escape(form),
        domain=html.escape(domain or ""),
    )
    return HTMLResponse(_PAGE.format(title="Sign in to Redtrust", content=content), status, headers=_HEADERS)


def error_page(status: int, message: str) -> Response:
    """Return the page that says why it cannot go on."""
    content = f'<p role="alert">{html.escape(message)}</p>'
    return HTMLResponse(_PAGE.format(title="Sign-in is not possible", content=content), status, headers=_HEADERS)
