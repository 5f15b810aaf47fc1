# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release of this collection. A module cannot read galaxy.yml, which is not packed for it."""

from __future__ import annotations

RELEASE = "0.4.0"
