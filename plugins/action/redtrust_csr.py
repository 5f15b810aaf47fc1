# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the values of redtrust_csr before a date becomes text, then run the module as usual."""

from __future__ import annotations

import typing as t

from ansible.plugins.action.normal import ActionModule as ModuleAction

from ..module_utils._errors import ConfigurationError
from ..module_utils._module.api import check_values


class ActionModule(ModuleAction):
    """Run the module unless YAML has read a text option as another type. Ansible requires this class name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        try:
            check_values(self._task.args)
        except ConfigurationError as exc:
            return {"failed": True, "changed": False, "msg": str(exc), "error": {"type": type(exc).__name__}}
        return t.cast("dict[str, t.Any]", super().run(tmp, task_vars))  # type: ignore[no-untyped-call]
