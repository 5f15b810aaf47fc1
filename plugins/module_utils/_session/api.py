# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The session of a run at one service: credentials, tokens, and the storage that keeps it for the next run."""

from __future__ import annotations

from .credentials import Credentials
from .kept import SessionStorage
from .lifetime import How, Opened
from .refused_login import RefusedLogin
from .session import Session
from .session_file import SessionFile
from .session_row import SessionRow

__all__ = [
    "Credentials",
    "How",
    "Opened",
    "RefusedLogin",
    "Session",
    "SessionFile",
    "SessionRow",
    "SessionStorage",
]
