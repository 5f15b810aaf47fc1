# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign requests as a partner: HMAC-SHA256 over ``PARTNER_NAME:UNIX_TIMESTAMP``. Pure: the time is passed in.

Source: the vendor's page, "Required headers" and "Supported parameters".
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
import re
import typing as t
from urllib.parse import urlencode

from .._errors import ConfigurationError

SecretEncoding = t.Literal["text", "hex", "base64"]


@dataclasses.dataclass(frozen=True)
class Partner:
    """The calling application: its name, in upper case, and the secret it shares with the service."""

    name: str
    secret: bytes = dataclasses.field(repr=False)

    @classmethod
    def from_options(cls, name: str, secret: str, encoding: SecretEncoding) -> Partner:
        """Decode the secret as it was handed over: UTF-8 text, hex digits, or base64.

        Raises ConfigurationError, which never shows the secret, when it is not of that encoding.
        """
        if not re.fullmatch(r"[\x20-\x39\x3b-\x7e]*[\x21-\x39\x3b-\x7e]\s*", name):
            raise ConfigurationError(f"partner must be a name of ASCII characters without a colon, not {name!r}")
        try:
            decoded = _DECODERS[encoding](secret)
        except (ValueError, binascii.Error):
            raise ConfigurationError(f"partner_secret is not {encoding}: check partner_secret_encoding") from None
        if not decoded:
            raise ConfigurationError("partner_secret is empty")
        return cls(name.strip().upper(), decoded)

    def signature(self, timestamp: int) -> str:
        """Return the signature for a time in UNIX seconds: 64 lower-case hex digits."""
        message = f"{self.name}:{timestamp}".encode()
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()

    def headers(self, timestamp: int) -> dict[str, str]:
        """Return the three headers that every request carries."""
        return {
            "x-partner-name": self.name,
            "x-request-timestamp": str(timestamp),
            "x-hmac-signature": self.signature(timestamp),
        }

    def login_url(self, endpoint: str, *, redirect_url: str, timestamp: int, domain: str | None = None) -> str:
        """Return the address at which a person signs in with a browser.

        A browser cannot send the headers, so the query carries the same three.
        """
        query = {"Consumer": "RA_API"}
        if domain:
            query["Domain"] = domain
        query["RedirectUrl"] = redirect_url
        query["timestamp"] = str(timestamp)
        query["partner"] = self.name
        query["hmac"] = self.signature(timestamp)
        return f"{endpoint}?{urlencode(query)}"


def _from_base64(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)


_DECODERS: t.Mapping[str, t.Callable[[str], bytes]] = {
    "text": lambda text: text.encode(),
    "hex": lambda text: bytes.fromhex(text.strip()),
    "base64": _from_base64,
}
