# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credentials of a caller, which also give the key of a kept session."""

from __future__ import annotations

import dataclasses
import re

from .._errors import ConfigurationError

# In characters. The key of a session in the store is derived from it and from nothing else.
_SHORTEST_KEY = 16


@dataclasses.dataclass(frozen=True)
class Credentials:
    """The means of the caller to log in. Raises ConfigurationError when they cannot be right."""

    username: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    domain: str | None = None
    access_token: str | None = dataclasses.field(default=None, repr=False)
    temporal_token: str | None = dataclasses.field(default=None, repr=False)
    partner_secret: bytes | None = dataclasses.field(default=None, repr=False)
    session_key: str | None = dataclasses.field(default=None, repr=False)
    client_cert: str | None = None
    redirect_url: str | None = None

    def __post_init__(self) -> None:
        for name in ("access_token", "temporal_token"):
            value = getattr(self, name)
            if value is not None and not re.fullmatch(r"[\x21-\x7e]+", value):
                raise ConfigurationError(f"{name} has a blank or a character that a token cannot have")
        if bool(self.username) != bool(self.password):
            missing = "password" if self.username else "username"
            raise ConfigurationError(f"username and password go together: {missing} is not set")
        if self.session_key and len(self.session_key) < _SHORTEST_KEY:
            raise ConfigurationError(f"session_key must have at least {_SHORTEST_KEY} characters")

    @property
    def by_certificate(self) -> str | None:
        """The redirect URL for a login by client certificate; None where the caller has no such login."""
        return self.redirect_url if self.client_cert and self.partner_secret else None

    def key_material(self) -> bytes:
        """Return the secret for the key of a kept session: lasting credentials before the temporary token."""
        lasting = [self.partner_secret or b"", (self.username or "").encode(), (self.password or "").encode()]
        if self.partner_secret or self.password:
            return b"\0".join(lasting)
        return (self.temporal_token or "").encode()
