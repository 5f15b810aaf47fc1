# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the temporary token, ``tkn``, in the address to which the service sends a browser back. Pure.

The vendor's page has ``https://your-app.com?tkn=TOKEN``, and registers one address that ends in ``?tkn=`` already.
There may be other parameters (contract). A service that appends ``?tkn=TOKEN`` to any registered address is understood
as well.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from .._errors import ConfigurationError
from .redirect_url import leads_to

# A question mark ends a value: where a registered address ends in "?tkn=", a naive service makes "?tkn=?tkn=TOKEN".
_PARAMETER = re.compile(r"(?:^|[?&;])tkn=([^?&;#]*)", re.IGNORECASE)
# The token is its own bearer, and no server takes a longer header.
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
# Texts that are no token, but may be a part of an address that was copied.
_REST_OF_ADDRESS = re.compile(r"\?|tkn=|[\w.-]+\.[a-z]+(:\d+)?(/[^=]*)?\?", re.IGNORECASE)
_SIGN_IN_PAGE = re.compile(r"/authclient/", re.IGNORECASE)
_ADVICE = "sign in again and copy the whole address of the page to which you are sent back"


def token_in(query: str) -> str | None:
    """Return the token in an address or its query, decoded; None where it is missing or empty.

    Raises ConfigurationError when there are several, or when its text cannot be a token.
    """
    tokens = {unquote(value) for value in _PARAMETER.findall(query)} - {""}
    if len(tokens) > 1:
        raise ConfigurationError(f"there is more than one tkn in that address: {_ADVICE}")
    return _checked(tokens.pop(), "the tkn in that address") if tokens else None


def pasted_token(pasted: str, redirect_url: str | None = None) -> str:
    """Return the token in a pasted text: the address to which the browser was sent back, or the token alone.

    A token with ``%3D`` and the like in it is decoded. Raises ConfigurationError, which names the mistake and never
    shows the pasted text.
    """
    text = pasted.strip().strip("\"'<>")
    if not text:
        raise ConfigurationError(f"temporal_token is empty: {_ADVICE}, or its tkn")
    is_address = "://" in text
    if is_address and _SIGN_IN_PAGE.search(text):
        raise ConfigurationError(f"temporal_token is the address of the page at which one signs in: {_ADVICE}")
    if is_address and redirect_url and not leads_to(text, redirect_url):
        raise ConfigurationError(f"temporal_token is an address that does not lead to {redirect_url}: {_ADVICE}")
    token = token_in(text)
    if token is None and (is_address or _REST_OF_ADDRESS.match(text)):
        raise ConfigurationError(
            f"temporal_token is an address without tkn, as after a sign-in that was not finished: {_ADVICE}"
        )
    return _checked(unquote(text), "temporal_token") if token is None else token


def _checked(token: str, name: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise ConfigurationError(
            f"{name} has a blank or a character in it that a token cannot have, or is too long, so it was not copied "
            f"whole, or with something else: {_ADVICE}"
        )
    return token
