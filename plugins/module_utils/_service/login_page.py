# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log in at the service's login page with a client certificate, as a browser does.

By the vendor's page the service sends a browser back with a temporary token "if authentication completes successfully".
A client certificate may be enough for that. Then no person is needed: the redirects are followed up to the one that
leads to the registered redirect URL, which is never fetched. The same request shows whether the service takes a login
link.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from .._errors import AnswerInvalidError, ConfigurationError
from .._http.api import REDIRECTS
from .client import Client
from .redirect_url import leads_to
from .temporal_token import token_in

MAX_HOPS = 8


def ask_login_page(client: Client, redirect_url: str, domain: str | None) -> str | None:
    """Return a temporary token where the service gives one at once; None where it wants a person, or leads elsewhere.

    Redirects are followed within the host only, on any port, with the cookies of this login. Raises RefusedError where
    the service does not take the link, other ServiceErrors, and ConfigurationError without a partner.
    """
    link = client.login_link(redirect_url, domain)
    response, mistimed = client.visit(link)
    if mistimed and response.status in (401, 403):
        link = client.login_link(redirect_url, domain)
        response, mistimed = client.visit(link)
    cookies = dict(response.cookies)
    for _hop in range(MAX_HOPS):
        if response.status not in REDIRECTS:
            client.check_page(link, response)
            return None
        target = _target(link, response.headers.get("location", ""))
        if target is not None and leads_to(target, redirect_url):
            return _token(target, link)
        if target is None or not _same_host(link, target):
            return None
        link = target
        response, mistimed = client.visit(link, cookies)
        cookies.update(response.cookies)
    raise _unusable(link, f"more than {MAX_HOPS} redirects")


def _target(base: str, location: str) -> str | None:
    try:
        target = urljoin(base, location)
        urlsplit(target).port  # noqa: B018
    except ValueError:
        return None
    return target


def _token(target: str, link: str) -> str:
    try:
        token = token_in(urlsplit(target).query)
    except ConfigurationError as exc:
        raise _unusable(link, str(exc)) from exc
    if token is None:
        raise _unusable(link, "it leads back to redirect_url without a tkn")
    return token


def _same_host(one: str, other: str) -> bool:
    here, there = urlsplit(one), urlsplit(other)
    return there.scheme == "https" and here.hostname == there.hostname


def _unusable(link: str, words: str) -> AnswerInvalidError:
    words = f"the answer of the login page is not one that the contract knows: {words}"
    return AnswerInvalidError(words, step="login_request", url=link.partition("?")[0])
