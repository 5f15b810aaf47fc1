# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options of the plugins that read the store on the controller."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; plugin_utils/store_reading.py reads the values. A plugin gets variables of the environment here."""

    DOCUMENTATION = r"""
options:
  store_path:
    description:
      - Path of the SQLite database that keeps the enrollments, on the machine where Ansible runs.
      - The file must be there, and must belong to the user who runs Ansible.
    type: path
    default: ~/.local/share/redtrust/store.sqlite3
    env:
      - name: REDTRUST_STORE_PATH
  store_dsn:
    description:
      - The connection string of the PostgreSQL database that keeps the enrollments, such as
        C(postgresql://user:password@db.example.com/redtrust).
        See O(redtrust.certificate_enroll.redtrust_certificate#module:store_dsn).
      - Requires O(store_key), and the Python package C(psycopg), version 3.1 or newer, where Ansible runs.
      - Do not set O(store_path) together with this option.
        Its environment variable is then not used.
    type: str
    env:
      - name: REDTRUST_STORE_DSN
  store_key:
    description:
      - The secret with which the jobs open the database of O(store_dsn).
      - Required with O(store_dsn), and not used without it.
    type: str
    env:
      - name: REDTRUST_STORE_KEY
  service:
    description:
      - The name of the server in the store, as in the tasks that issue the certificates.
      - The default is the value of O(host).
    type: str
    env:
      - name: REDTRUST_SERVICE
  host:
    description:
      - The host name of the Redtrust server.
        It is only the name by which the store knows the server, which is not asked.
      - Required if O(service) is not set.
    type: str
    env:
      - name: REDTRUST_HOST
"""
