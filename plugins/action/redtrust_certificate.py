# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check and hand over the list of redtrust_certificate, and show its progress."""

from __future__ import annotations

from ..plugin_utils.list_action import ListAction


class ActionModule(ListAction):
    """The plugin. Ansible requires this class name."""

    WRITES_PROGRESS = True
