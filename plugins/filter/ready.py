# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Return the certificates that redtrust_finalize takes next."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ready
short_description: Return the certificates that redtrust_finalize takes next
version_added: 0.5.0
description:
  - Takes the entries that M(redtrust.certificate_enroll.redtrust_csr) or M(redtrust.certificate_enroll.redtrust_renew)
    returned with O(redtrust.certificate_enroll.redtrust_csr#module:results=all).
    Returns the list for M(redtrust.certificate_enroll.redtrust_finalize), in the same order.
  - Leaves out those that failed, those that were only predicted in check mode, and those that are in use already.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
options:
  _input:
    description: The entries.
    type: list
    elements: dict
    required: true
  answers_directory:
    description: Path of a directory with the certificates of your CA, each as C(<name>.pem).
    type: str
    default: ""
  in_use:
    description: Whether to return those that are in use too, so that their files are written.
    type: bool
    default: false
  check_mode:
    description: Whether the entries are predictions of check mode.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Upload the certificates of the CA
  redtrust.certificate_enroll.redtrust_finalize:
    certificates: "{{ requested.certificates | redtrust.certificate_enroll.ready('/srv/answers') }}"
"""

RETURN = r"""
_value:
  description: Mappings with C(name), and with C(certificate_path) if there is an O(answers_directory).
  type: list
  elements: dict
  sample: [{name: ana, certificate_path: /srv/answers/ana.pem}]
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ..module_utils._module.api import ready_of


def ready(entries: t.Iterable[t.Mapping[str, t.Any]], answers_directory: str = "", **how: bool) -> list[dict[str, str]]:
    """Return the list as documented; ``how`` has the other options."""
    try:
        return ready_of(entries, answers_directory, **how)
    except (KeyError, TypeError) as exc:
        raise AnsibleFilterError(f"ready takes the certificates that redtrust_csr returned: {exc!r}") from exc


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"ready": ready}
