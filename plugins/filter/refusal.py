# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Return why a role cannot begin."""

from __future__ import annotations

DOCUMENTATION = r"""
name: refusal
short_description: Return why a role of this collection cannot begin
version_added: 0.5.0
description:
  - Looks at the variables of the roles C(issue) and C(renew) for which no module asks.
    The roles use it before they request a key.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
positional: _input
options:
  _input:
    description: The variables of the role, by their names without the name of the role.
    type: dict
    required: true
    suboptions:
      role:
        description: The name of the role, with which the names of its variables begin.
        type: str
        required: true
      signer:
        description:
          - The signer, as a name or as a dict with C(type).
            It may be empty.
        type: raw
        required: true
      signer_options:
        description:
          - The options of a signer that is a name.
            They may be empty.
        type: raw
        required: true
      tasks_file:
        description:
          - Path of a file with tasks of the caller.
            It may be empty.
        type: str
        required: true
      tasks_found:
        description: The files that were found for O(_input.tasks_file).
        type: list
        elements: str
        required: true
      answers_directory:
        description:
          - Path of a directory for the certificates of those tasks.
            It may be empty.
        type: str
        required: true
      answers_found:
        description: Whether O(_input.answers_directory) is a directory on the machine that runs the modules.
        type: bool
        required: true
      mode:
        description: The mode of files, as the play has it.
        type: raw
        required: true
      renews:
        description: Whether the role issue has to renew certificates.
        type: bool
        default: false
      replaces:
        description: Whether the role renew has to replace certificates.
        type: bool
        default: false
"""

EXAMPLES = r"""
- name: Refuse a role without a signer
  ansible.builtin.assert:
    that: settings | redtrust.certificate_enroll.refusal == ''
    fail_msg: "{{ settings | redtrust.certificate_enroll.refusal }}"
"""

RETURN = r"""
_value:
  description: A sentence, or an empty text if the role can begin.
  type: str
  sample: issue_signer is local_ca, and issue_local_ca is not set. No key was made
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ..module_utils._module.api import refusal_of


def refusal(settings: t.Mapping[str, t.Any]) -> str:
    """Return the sentence as documented."""
    try:
        return refusal_of(settings)
    except (KeyError, TypeError) as exc:
        raise AnsibleFilterError(f"refusal takes the variables of a role: {exc!r}") from exc


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"refusal": refusal}
