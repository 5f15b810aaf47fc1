# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border between the collection and Ansible: options in, results out, secrets masked."""

from __future__ import annotations

from . import report
from .context import Context
from .files import CertificateFiles
from .items import (
    FINALIZED,
    NAMED,
    RENEWED,
    REQUESTED,
    certificates_spec,
    finalize_items,
    renew_items,
    request_items,
    settle_items,
    sign_items,
)
from .options import Connection, Server, listen_options
from .results import Result, batch_result, enrollment_facts, error_facts
from .role import RoleOutcome, StepResult, outcome_of
from .run import run
from .selection import SELECTION, SELECTION_RULES, Counts, Selection
from .signer import SIGNER, SIGNER_REQUIRED_IF, build_signer
from .specs import CONNECTION, SIGN_IN, STORE, Spec
from .yaml_values import check_values

__all__ = [
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
    "CertificateFiles",
    "Connection",
    "Context",
    "Counts",
    "Result",
    "RoleOutcome",
    "Selection",
    "Server",
    "Spec",
    "StepResult",
    "batch_result",
    "build_signer",
    "certificates_spec",
    "check_values",
    "enrollment_facts",
    "error_facts",
    "finalize_items",
    "listen_options",
    "outcome_of",
    "renew_items",
    "report",
    "request_items",
    "run",
    "settle_items",
    "sign_items",
]
