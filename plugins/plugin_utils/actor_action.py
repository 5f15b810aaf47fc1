# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of the modules that write events: it names the user who launched the AWX job.

AWX gives it to a play in variables, which a module does not see.
"""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.action.normal import ActionModule as NormalAction

# AWX sets the same under the names of its former releases.
_OF_AWX = ("awx_user_name", "tower_user_name", "controller_user_name")
_VARIABLE = "REDTRUST_ACTOR"


class ActorAction(NormalAction):
    """Run a module with the option ``actor``."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the module, for the user of the AWX job unless the task or the environment names somebody."""
        user = user_of_job(task_vars or {})
        if user and not self._task.args.get("actor") and not os.environ.get(_VARIABLE):
            self._task.args = {**self._task.args, "actor": user}
        return t.cast("dict[str, t.Any]", super().run(tmp, task_vars))  # type: ignore[no-untyped-call]


def user_of_job(variables: t.Mapping[str, t.Any]) -> str:
    """Return the user who launched the AWX job; empty outside of AWX, and in a job that a schedule has launched."""
    return next((str(variables[name]) for name in _OF_AWX if variables.get(name)), "")
