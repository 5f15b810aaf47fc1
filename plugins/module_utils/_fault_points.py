# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name the places at which a run may die. Here nothing happens there; the tests put a function of their own in."""

from __future__ import annotations


def reach(_point: str) -> None:
    """Do nothing. Call it as ``_fault_points.reach()``, so that a test can replace it."""
