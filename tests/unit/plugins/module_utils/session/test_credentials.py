# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials for a login, and the parts of them that make the key of a kept session."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.credentials import (
    Credentials,
)

LOGIN = Credentials(username="u", password="canary-password", domain="d")
TKN = Credentials(temporal_token="tkn")


class TestCredentials:
    @pytest.mark.parametrize("value", ["", " canary", "canary\n", "can ary", "canary\u00e9", "canary\x00"])
    @pytest.mark.parametrize("name", ["access_token", "temporal_token"])
    def test_a_token_that_no_header_can_carry(self, name: str, value: str) -> None:
        given: dict[str, t.Any] = {name: value}
        with pytest.raises(ConfigurationError, match=f"{name} has a blank") as caught:
            Credentials(**given)
        assert "ary" not in str(caught.value).partition("character")[0]

    @pytest.mark.parametrize(("name", "missing"), [("username", "password"), ("password", "username")])
    def test_user_and_password_go_together(self, name: str, missing: str) -> None:
        given: dict[str, t.Any] = {name: "canary"}
        with pytest.raises(ConfigurationError, match=f"go together: {missing} is not set") as caught:
            Credentials(**given)
        assert "canary" not in str(caught.value)

    @pytest.mark.parametrize("value", ["canary", "canary-15-long-"])
    def test_a_session_key_that_is_short(self, value: str) -> None:
        with pytest.raises(ConfigurationError, match="session_key must have at least 16 characters") as caught:
            Credentials(session_key=value)
        assert "canary" not in str(caught.value)
        Credentials(session_key=value.ljust(16))

    def test_what_the_key_is_made_from(self) -> None:
        """A temporary token expires. With a lasting credential, the next job must still be able to open the session."""
        lasting = Credentials(partner_secret=b"s", temporal_token="tkn").key_material()
        assert lasting == Credentials(partner_secret=b"s", temporal_token="other").key_material()
        materials = {
            lasting,
            TKN.key_material(),
            LOGIN.key_material(),
            Credentials(username="v", password="canary-password").key_material(),
            Credentials(username="u", password="other").key_material(),
            Credentials(username="u", password="canary-password", partner_secret=b"s").key_material(),
        }
        assert len(materials) == 6

    def test_no_repr_shows_a_secret(self) -> None:
        secrets = Credentials("u", "canary", None, "canary", "canary", b"canary", "canary of 16 characters")
        assert "canary" not in repr(secrets)
