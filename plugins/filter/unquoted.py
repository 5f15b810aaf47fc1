# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name the values of certificates that YAML has not read as text."""

from __future__ import annotations

DOCUMENTATION = r"""
name: unquoted
short_description: Name the values of certificates that YAML has not read as text
version_added: 0.4.0
description:
  - YAML reads C(02341467000120) without quotes as the number 167719469136 and C(NO) as false.
    The original text cannot be restored.
  - Returns a sentence that names such values and says to quote them, or an empty text if there are none.
    The filter checks the fields that must be text, such as C(name), C(dn), C(subject_alt_name) and C(info).
  - The modules refuse such values as well.
    The roles use this filter to refuse them at the beginning.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
options:
  _input:
    description: The entries, as O(redtrust.certificate_enroll.redtrust_csr#module:certificates) takes them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse values without quotes
  ansible.builtin.assert:
    that: my_certificates | redtrust.certificate_enroll.unquoted == ''
    fail_msg: "{{ my_certificates | redtrust.certificate_enroll.unquoted }}"
"""

RETURN = r"""
_value:
  description: A sentence, or an empty text if all values are text.
  type: str
  sample: "a: dn.ou[0] is the number 167719469136: quote it in YAML, which otherwise changes what is written"
"""

import typing as t

from ..module_utils._errors import ConfigurationError
from ..module_utils._module.api import check_values


def unquoted(certificates: object) -> str:
    """Return the sentence as documented."""
    try:
        check_values({"certificates": certificates})
    except ConfigurationError as exc:
        return str(exc)
    return ""


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"unquoted": unquoted}
