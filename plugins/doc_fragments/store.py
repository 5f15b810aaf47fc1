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
  store_dsn:
    description:
      - Keep the store in this PostgreSQL database instead of a file.
        Any number of jobs on any number of machines can share it.
        This is a connection string of libpq, such as C(postgresql://user:password@db.example.com/redtrust) or
        C(host=db.example.com dbname=redtrust user=user).
      - Requires O(store_key), and the Python package C(psycopg), version 3.1 or newer, where the module runs.
        An execution environment needs the line C(psycopg[binary]>=3.1) in its Python requirements.
        The server is PostgreSQL 13 or newer, and may be behind PgBouncer in transaction mode.
      - The server must prove its name with a certificate, unless the string says C(sslmode) itself, or E(PGSSLMODE) is
        set.
        Its CA is C(sslrootcert), by default C(~/.postgresql/root.crt).
        A weaker mode over TCP is warned of.
      - The first run makes the tables, if the user may do so.
      - With a wrong password or database, or if the server refuses the connection for good, the module fails at once.
        It waits up to 30 seconds for a server that is away, such as one that restarts.
      - Do not set O(store_path) together with this option.
        Its environment variable is then not used for the store.
      - Can also be set with the environment variable E(REDTRUST_STORE_DSN).
    type: str
    version_added: 0.5.0
  store_key:
    description:
      - A secret of your own, of at least 16 characters, that seals the request codes in the database of O(store_dsn).
        Every job that uses this store needs the same one.
        Without it nobody can finish the pending requests.
      - Required with O(store_dsn), and not used without it.
      - Can also be set with the environment variable E(REDTRUST_STORE_KEY).
    type: str
    version_added: 0.5.0
  service:
    description:
      - The name of the server in the store.
        Set it once, so that enrollments are found again when O(host) changes.
      - The default is the value of O(host).
      - Can also be set with the environment variable E(REDTRUST_SERVICE).
    type: str
"""
