# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options for a list of certificates in a file."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; module_utils/_module/lists.py reads the list."""

    DOCUMENTATION = r"""
options:
  certificates_file:
    description:
      - The path of a file with the certificates, on the host that runs the module.
        Use it instead of O(certificates) for a long list, which Ansible would otherwise copy from task to task.
      - The ending of the name tells the format, V(.yml), V(.yaml), V(.json), V(.jsonl), V(.ndjson) or V(.csv).
        Without one of these endings the content tells it.
        The text is UTF-8.
      - YAML and JSON hold a list, or a mapping with the one key C(certificates), whose value is the list.
        JSON Lines has an entry in each line.
        CSV has a header line that names the options, with a column such as C(dn.cn) for each attribute of the name.
      - An entry has the same options as an entry of O(certificates).
        Templates in the file are not evaluated, and the file cannot be encrypted with Ansible Vault.
        A relative path in an entry is relative to the folder of the file.
      - If the list as a whole cannot be used, the module does nothing.
        So it is with broken syntax, an entry without a name, and a name that is there twice.
        An entry with another mistake fails alone.
        Each message names the line.
      - The guide C(docs/lists.md) of the collection shows examples of all formats.
    type: path
    version_added: 0.5.0
"""

    # for the modules of which an entry has more than a name
    DEFAULTS = r"""
options:
  certificate_defaults:
    description:
      - Options that the entries of O(certificates) or O(certificates_file) have in common, such as C(provider).
        The option of an entry wins.
      - An option is taken or replaced as a whole, so the C(dn) of an entry does not keep attributes of this one.
    type: dict
    default: {}
    version_added: 0.5.0
"""
