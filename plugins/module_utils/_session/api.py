# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are at a server, and for how long: credentials, tokens, and where a session is kept."""

from __future__ import annotations

from .credentials import Credentials
from .file import SessionFile
from .kept import SessionPlace
from .session import How, Opened, Session
from .store import StoredSession

__all__ = [
    "Credentials",
    "How",
    "Opened",
    "Session",
    "SessionFile",
    "SessionPlace",
    "StoredSession",
]
