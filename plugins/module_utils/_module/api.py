# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection meets Ansible: options in, results out, secrets masked."""

from __future__ import annotations

from . import options, report
from .files import CertificateFiles
from .results import Result, batch_result, enrollment_facts, error_facts
from .role import RoleOutcome, Step, outcome_of
from .run import Context, run
from .yaml_values import check_values

__all__ = [
    "CertificateFiles",
    "Context",
    "Result",
    "RoleOutcome",
    "Step",
    "batch_result",
    "check_values",
    "enrollment_facts",
    "error_facts",
    "options",
    "outcome_of",
    "report",
    "run",
]
