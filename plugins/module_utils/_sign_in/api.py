# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at a browser: the pages, the listener, the sign-in from page to token, and the login as a whole."""

from __future__ import annotations

from .flow import Login, LoginOptions, LoginResult
from .listen_options import ListenOptions

__all__ = [
    "ListenOptions",
    "Login",
    "LoginOptions",
    "LoginResult",
]
