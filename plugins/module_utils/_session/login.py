# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log in with the credentials of the caller."""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import SessionError
from .._models import Tokens
from .._service.api import Client, ask_login_page
from .credentials import Credentials
from .lifetime import How
from .refused_login import RefusedLogin


class Login:
    """The logins that the credentials allow. ``register`` is told a token before it is used.

    ``refused`` is asked before each login with a password, where all runs of a store share what they know.
    """

    def __init__(
        self,
        client: Client,
        credentials: Credentials,
        register: t.Callable[[str], None],
        refused: RefusedLogin | None = None,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._register = register
        self._refused = refused

    def is_possible(self) -> bool:
        """Return whether the credentials allow a login."""
        return bool(self._credentials.temporal_token) or self.needs_nobody()

    def needs_nobody(self) -> bool:
        """Return whether a login is possible again and again without a person."""
        return bool(self._credentials.username or self._credentials.by_certificate)

    def names_a_user(self) -> bool:
        """Return whether a login is by user name and password."""
        return bool(self._credentials.username) and not self._credentials.temporal_token

    def log_in(self) -> tuple[Tokens, How]:
        """Return the tokens of a new session. Raises SessionError or a ServiceError."""
        credentials = self._credentials
        if credentials.temporal_token:
            return self._client.exchange(credentials.temporal_token), "exchange"
        if credentials.username and credentials.password:
            with self._refused.tried() if self._refused else contextlib.nullcontext():
                return self._client.login(credentials.username, credentials.password, credentials.domain), "login"
        if credentials.by_certificate:
            return self._client.exchange(self._token_by_certificate(credentials.by_certificate)), "certificate"
        raise SessionError(f"there is no session and nothing to log in with: {self.ways()}")

    def ways(self) -> str:
        """Return the ways to log in, for a message."""
        if self._client.contract.login is not None:
            return "set username and password, temporal_token, or access_token"
        if self._credentials.session_key:
            return "have a person sign in with redtrust_login and session_key, or set client_cert and redirect_url"
        return (
            "have a person sign in with redtrust_login, set client_cert and redirect_url for a user with a "
            "certificate, or set temporal_token or access_token"
        )

    def _token_by_certificate(self, redirect_url: str) -> str:
        token = ask_login_page(self._client, redirect_url, self._credentials.domain)
        if token is None:
            raise SessionError(
                "the service asks for a form to be filled in, or for another login, instead of taking client_cert: "
                "have this certificate assigned to a user who authenticates with it, or have a person sign in with "
                "redtrust_login"
            )
        self._register(token)
        return token
