# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options for the store of enrollments."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; the argument spec of the same name is in module_utils/_module/specs.py."""

    DOCUMENTATION = r"""
options:
  store_path:
    description:
      - Path of the SQLite database that keeps enrollments from run to run.
      - A module creates it if it does not exist, with mode V(0600) in a directory with mode V(0700).
        The key that seals its request codes is next to it, under its name with C(.key).
        Both must not be on a network file system, or on a FUSE file system that is not known to be local.
      - The service cannot list requests, so a lost store means lost requests.
        Keep the store on a disk that is backed up, and in AWX on a volume that outlives the job.
        In AWX the modules refuse the default path, and warn of a path that is not on a volume.
      - A user without a home directory must set this option.
      - Can also be set with the environment variable E(REDTRUST_STORE_PATH).
    type: path
    default: ~/.local/share/redtrust/store.sqlite3
  service:
    description:
      - The name of the server in the store.
        Set it once, so that enrollments are found again when O(host) changes.
      - The default is the value of O(host).
      - Can also be set with the environment variable E(REDTRUST_SERVICE).
    type: str
"""
