# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the values of redtrust_renew in the same way as those of redtrust_csr, then run the module."""

from __future__ import annotations

from .redtrust_csr import ActionModule

__all__ = ["ActionModule"]
