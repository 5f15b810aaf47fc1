# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that control the work on a list of certificates."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; the argument spec of the same name is in module_utils/_module/specs.py."""

    DOCUMENTATION = r"""
options:
  workers:
    description:
      - How many certificates the module works on at the same time, from 1 to 256.
      - Can also be set with the environment variable E(REDTRUST_WORKERS).
    type: int
    default: 8
  wait_timeout:
    description:
      - How many seconds to wait for another run that works on the same certificates, at most 86400.
        A certificate that the other run still works on by then fails.
        The others are not affected.
      - Can also be set with the environment variable E(REDTRUST_WAIT_TIMEOUT).
    type: float
    default: 300
"""
