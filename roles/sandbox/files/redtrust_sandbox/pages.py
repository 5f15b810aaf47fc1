# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages for people: the login form, and the error page. They need no JavaScript."""

from __future__ import annotations

import base64
import hashlib
import html

from starlette.responses import HTMLResponse, Response

from redtrust_sandbox.generations import LOGIN_FORM_PATH

_STYLE = """
:root { color-scheme: light dark; }
html { background: Canvas; color: CanvasText; }
body { margin: 0 auto; max-width: 24rem; padding: 1.5rem 1rem; font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; }
label { display: block; margin: 1rem 0 0.25rem; }
input, button { box-sizing: border-box; width: 100%; min-height: 2.75rem; padding: 0.5rem 0.75rem; font: inherit; }
input { border: 1px solid #767676; border-radius: 0.25rem; }
button { margin-top: 1rem; border: 1px solid #767676; border-radius: 0.25rem; background: Canvas; color: CanvasText; }
button.first { margin-top: 1.5rem; border-color: #164ba8; background: #164ba8; color: #fff; font-weight: 600; }
:focus-visible { outline: 3px solid #3d7be0; outline-offset: 2px; }
[role="alert"] { border-left: 0.25rem solid #d1382c; padding-left: 0.75rem; overflow-wrap: anywhere; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# No form-action: browsers also apply it to the redirect after the form, and that redirect leads to the partner.
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": _POLICY,
}
_BEFORE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{_STYLE}</style>
"""
_PAGE = """<title>{title}</title>
</head>
<body>
<main>
<h1>{heading}</h1>
<p>Redtrust sandbox, a server for tests.</p>
{content}
</main>
</body>
</html>
"""
_ALERT = '<p id="problem" role="alert">{text}</p>'
# In a browser, Enter presses the first button.
_FORM = """{alert}
<form method="post" action="{action}">
<input type="hidden" name="form" value="{form}">
<label for="username">User</label>
<input id="username" name="username" value="{username}" autocomplete="username" autocapitalize="none"
 spellcheck="false" required autofocus{described}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<label for="domain">Domain</label>
<input id="domain" name="domain" value="{domain}" autocapitalize="none" spellcheck="false">
<button class="first">Sign in</button>
<button name="cancel" value="yes" formnovalidate>Cancel</button>
</form>"""


def form_page(form: str, domain: str | None, username: str = "", problem: str = "", status: int = 200) -> Response:
    """Return the page with the form. After a problem it keeps the input, except for the password."""
    heading = "Sign in to Redtrust"
    content = _FORM.format(
        alert=_ALERT.format(text=html.escape(problem)) if problem else "",
        action=LOGIN_FORM_PATH,
        form=html.escape(form),
        username=html.escape(username),
        domain=html.escape(domain or ""),
        described=' aria-describedby="problem"' if problem else "",
    )
    return _page("Not signed in - " + heading if problem else heading, heading, content, status)


def error_page(status: int, message: str) -> Response:
    """Return the page with the reason why the login cannot continue."""
    heading = "Sign-in is not possible"
    said = _ALERT.format(text=html.escape(message))
    advice = "<p>Close this page and begin again where you began to sign in.</p>"
    return _page(heading + " - Redtrust", heading, f"{said}\n{advice}", status)


def _page(title: str, heading: str, content: str, status: int) -> Response:
    page = _BEFORE + _PAGE.format(title=title, heading=heading, content=content)
    return HTMLResponse(page, status, headers=HEADERS)
