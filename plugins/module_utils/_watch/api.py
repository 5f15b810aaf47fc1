# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell others what happens to certificates: each thing once, and again only after a crash, under the same id."""

from __future__ import annotations

from .conditions import Rules
from .happenings import KINDS
from .source import Outlet, Source, tell, warn

__all__ = ["KINDS", "Outlet", "Rules", "Source", "tell", "warn"]
