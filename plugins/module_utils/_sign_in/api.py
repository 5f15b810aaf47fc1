# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login, for which a person may have to sign in with a browser: its flow, the listener and the pages."""

from __future__ import annotations

from .flow import LoginFlow, LoginOptions, LoginResult
from .listen_options import ListenOptions

__all__ = [
    "ListenOptions",
    "LoginFlow",
    "LoginOptions",
    "LoginResult",
]
