# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name the user who launched the AWX job to redtrust_enrollment."""

from __future__ import annotations

from ..plugin_utils.actor_action import ActorAction


class ActionModule(ActorAction):
    """The plugin. Ansible requires this class name."""
