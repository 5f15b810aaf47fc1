# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the attributes and the requirements of all modules."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragments: attributes, and the Python libraries."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - python >= 3.9
  - requests >= 2.28
  - cryptography >= 41
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details:
      - In check mode nothing is sent to the service or the signer, and the store is only read.
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: posix
"""

    ACTIONGROUP_REDTRUST = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/redtrust.certificate_enroll.redtrust) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - redtrust.certificate_enroll.redtrust
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module does not modify anything.
  diff_mode:
    support: N/A
    details:
      - This module does not modify anything.
"""
