# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cookie by which a sign-in recognizes a browser. Nobody else can make one: the key lives in this run alone."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import os
import typing as t
from urllib.parse import urlsplit

Stage = t.Literal["seen", "started"]


@dataclasses.dataclass(frozen=True)
class Mark:
    """The content of the cookie: which browser it is, and whether it has seen the page or started from it."""

    stage: Stage
    browser: str


class Marks:
    """Write and read the marks of one sign-in."""

    def __init__(self, redirect_url: str) -> None:
        parts = urlsplit(redirect_url)
        self._key = os.urandom(32)
        self._secure = parts.scheme == "https"
        # All ports of a host share their cookies, so the name has the port.
        self._name = ("__Host-" if self._secure else "") + f"redtrust_login_{parts.port or 0}"

    def new(self) -> Mark:
        """Return the mark of a browser that is shown the page for the first time."""
        return Mark("seen", os.urandom(16).hex())

    def cookie(self, mark: Mark) -> str:
        """Return the header ``Set-Cookie``."""
        value = f"{mark.stage}.{mark.browser}"
        secure = "; Secure" if self._secure else ""
        return f"{self._name}={value}.{self._seal(value)}; Path=/; HttpOnly; SameSite=Lax{secure}"

    def find(self, cookies: str) -> Mark | None:
        """Return the mark in a header ``Cookie``; the further one where there are several.

        Read as RFC 6265, 5.4 has browsers write it. Other applications on this host have cookies of any form, and may
        even have one of this name.
        """
        found: dict[str, Mark] = {}
        for pair in cookies.split(";"):
            name, _equals, text = pair.strip().partition("=")
            value, _dot, seal = text.rpartition(".")
            stage, _dot, browser = value.partition(".")
            if name == self._name and hmac.compare_digest(seal.encode(), self._seal(value).encode()):
                found[stage] = Mark("started" if stage == "started" else "seen", browser)
        return found.get("started") or found.get("seen")

    def _seal(self, value: str) -> str:
        return hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()
