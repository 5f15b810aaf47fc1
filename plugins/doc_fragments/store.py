# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that say where enrollments are kept."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; the argument spec of the same name is in module_utils/_module/specs.py."""

    DOCUMENTATION = r"""
options:
  store_path:
    description:
      - Path of the SQLite database in which enrollments are kept from run to run.
      - It is made when it is not there, with mode V(0600) in a directory with mode V(0700), and beside it, under its
        name with C(.key), the key with which the request codes in it are sealed. Both must not be on a network file
        system, or on one of FUSE that is not known to be local.
      - The service has no way to list what was requested, so a lost store means lost requests. Keep it where it is
        backed up, in AWX on
        a volume that outlives the job. There the default is refused, and a path that is not on a volume is warned of.
      - A user without a home directory has to set it.
      - Can also be set with the environment variable E(REDTRUST_STORE_PATH).
    type: path
    default: ~/.local/share/redtrust/store.sqlite3
  service:
    description:
      - The name of the server in the store. Set it once, so that enrollments are found again when O(host) changes.
      - The default is the value of O(host).
      - Can also be set with the environment variable E(REDTRUST_SERVICE).
    type: str
"""
