# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module redtrust_login, and let it end with the play.

Ansible runs each task in a worker, which from ansible-core 2.19 on is in a session of its own. A kill of
ansible-playbook with all of its process group spares the worker, which goes on to read what the module says; so the
module would wait for a person whose sign-in is of no use any more. Linux can end the worker together with its parent.
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
    """The plugin; its name is Ansible's."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the module as any other is run."""
        end_with_parent()
        result: dict[str, t.Any] = super().run(tmp, task_vars)  # type: ignore[no-untyped-call]
        return result


def end_with_parent() -> None:
    """Have this worker ended when ansible-playbook is; do nothing where there is no such thing, as on macOS."""
    parent = multiprocessing.parent_process()
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if parent is None or prctl is None:
        return
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent.pid:  # it was over before
        os.kill(os.getpid(), signal.SIGTERM)
