# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the values of redtrust_renew as at those of redtrust_csr, then run the module as Ansible does."""

from __future__ import annotations

from .redtrust_csr import ActionModule as RequestAction


class ActionModule(RequestAction):
    """The plugin; its name is Ansible's."""
