# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at a browser: the pages, the one who listens, and the sign-in from page to token."""

from __future__ import annotations

from .listener import Listener
from .pages import About
from .sign_in import SignIn, could_not_answer

__all__ = [
    "About",
    "Listener",
    "SignIn",
    "could_not_answer",
]
