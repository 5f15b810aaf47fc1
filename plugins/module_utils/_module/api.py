# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border between the collection and Ansible: options in, results out, secrets masked."""

from __future__ import annotations

from .context import Context
from .entry_specs import CERTIFICATE, FINALIZED, NAMED, RENEWED, REQUESTED
from .files import finished_by
from .items import (
    certificate_items,
    certificates_spec,
    finalize_items,
    listed,
    listed_spec,
    renew_items,
    request_items,
    required,
    settle_items,
    sign_items,
)
from .options import Connection, Server
from .report import Report
from .results import Result, Results, enrollment_facts, error_facts
from .role import RoleOutcome, StepResult, facts_of, outcome_of
from .role_steps import ready_of, refusal_of
from .run import run
from .selection import SELECTION, SELECTION_RULES, Counts, Selection
from .signer import SIGNER, SIGNER_REQUIRED_IF, build_signer
from .specs import CONNECTION, SIGN_IN, STORE, UPLOAD, Spec
from .yaml_values import check_values

__all__ = [
    "CERTIFICATE",
    "CONNECTION",
    "FINALIZED",
    "NAMED",
    "RENEWED",
    "REQUESTED",
    "SELECTION",
    "SELECTION_RULES",
    "SIGNER",
    "SIGNER_REQUIRED_IF",
    "SIGN_IN",
    "STORE",
    "UPLOAD",
    "Connection",
    "Context",
    "Counts",
    "Report",
    "Result",
    "Results",
    "RoleOutcome",
    "Selection",
    "Server",
    "Spec",
    "StepResult",
    "build_signer",
    "certificate_items",
    "certificates_spec",
    "check_values",
    "enrollment_facts",
    "error_facts",
    "facts_of",
    "finalize_items",
    "finished_by",
    "listed",
    "listed_spec",
    "outcome_of",
    "ready_of",
    "refusal_of",
    "renew_items",
    "request_items",
    "required",
    "run",
    "settle_items",
    "sign_items",
]
