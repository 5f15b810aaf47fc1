# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down everything that Ansible tells a callback plugin: results, differences, labels, and arguments of tasks."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: recorder
type: notification
short_description: Write down everything that a callback plugin is told of
description: One line for each event, in the files events and arguments of a directory.
requirements: []
"""


class CallbackModule(CallbackBase):
    """Write two files in CERTIFICATE_ENROLL_EVENTS, since Ansible itself tells callbacks the arguments of tasks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "recorder"
    CALLBACK_NEEDS_ENABLED = True

    def _record(self, *told: t.Any, **more: t.Any) -> None:
        for one in (*told, *more.values()):
            for name in ("_result", "_vars", "_item", "_args"):
                self._write("events", getattr(one, name, None))
            self._write("arguments", getattr(one, "_task_fields", None))

    v2_on_file_diff = v2_playbook_on_include = v2_playbook_on_task_start = _record
    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_skipped = v2_runner_on_unreachable = _record
    v2_runner_item_on_ok = v2_runner_item_on_failed = v2_runner_item_on_skipped = v2_runner_retry = _record

    @staticmethod
    def _write(name: str, value: object) -> None:
        path = os.path.join(os.environ["CERTIFICATE_ENROLL_EVENTS"], name)  # noqa: PTH118
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(json.dumps(value, default=repr, ensure_ascii=False) + "\n")
