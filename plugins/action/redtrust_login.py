# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module redtrust_login, and end it together with the play.

Ansible runs each task in a worker. Since ansible-core 2.19 the worker has a process session of its own, so it survives
a kill of the process group of ansible-playbook. The module would then wait for a sign-in that is no longer needed.
Linux can end the worker together with its parent.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import typing as t

from ansible.plugins.action.normal import ActionModule as NormalAction

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1


class ActionModule(NormalAction):
    """The plugin. Ansible requires this class name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the module as usual."""
        end_with_parent()
        result: dict[str, t.Any] = super().run(tmp, task_vars)  # type: ignore[no-untyped-call]
        return result


def end_with_parent() -> None:
    """Make this worker end with ansible-playbook. Do nothing on systems without prctl, such as macOS."""
    parent = multiprocessing.parent_process()
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if parent is None or prctl is None:
        return
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent.pid:  # the parent ended before the call of prctl
        os.kill(os.getpid(), signal.SIGTERM)
