# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the progress of a module as soon as there is a new line, so that a test need not wait."""

from __future__ import annotations

from ansible.plugins.callback import CallbackBase

from ansible_collections.redtrust.certificate_enroll.plugins.plugin_utils import progress

DOCUMENTATION = """
name: quick_progress
type: aggregate
short_description: Show the progress of a module at once
description: Ansible loads a callback plugin before it begins the processes in which action plugins run.
requirements: []
"""

progress.RHYTHM = progress.Rhythm(0.05, 0.05, 0.05)


class CallbackModule(CallbackBase):
    """The plugin. Ansible requires this class name."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "quick_progress"
    CALLBACK_NEEDS_ENABLED = True
