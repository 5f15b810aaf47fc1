# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border between the collection and Ansible: options in, results out, secrets masked.

A file is imported when something in it is first used. A filter or an action plugin needs little of all this, and each
task of a role would wait for the rest.
"""

from __future__ import annotations

import importlib
import typing as t

# for tools, and for Ansible, which packs the files that a module imports
if t.TYPE_CHECKING:
    from .context import Context
    from .distrust_options import ASK_CA, DISTRUST, read_reasons
    from .entries import unknown
    from .entry_specs import CERTIFICATE, FINALIZED, NAMED, RENEWED, REQUESTED, SETTLED
    from .events import exported_events, history, verified
    from .expect import expectations
    from .files import finished_by
    from .in_use import in_use_facts
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
    from .masked import dsn_passwords
    from .opening import known_replacements
    from .options import Connection, Server, StoreOptions
    from .paths import STORE_DEFAULT, file_path
    from .renewal import Renewals
    from .replace_options import REPLACE, Wanted
    from .replacing import Replacing
    from .report import Report
    from .report_files import ReportFiles
    from .results import Result, Results, enrollment_facts, error_facts
    from .role import RoleOutcome, StepResult, facts_of, outcome_of
    from .role_steps import ready_of, refusal_of
    from .rule_options import POLICY, read_rules
    from .run import run
    from .selection import SELECTION, SELECTION_RULES, Counts, Selection
    from .signer import OPTIONAL_SIGNER, SIGNER, SIGNER_REQUIRED_IF, build_signer
    from .specs import APPROVAL, CONNECTION, EVENTS, QUOTA, RENEWAL, SIGN_IN, STORE, UPLOAD, Spec
    from .store_state import STORE_STATE, bring_about
    from .yaml_values import check_values

__all__ = [
    "APPROVAL",
    "ASK_CA",
    "CERTIFICATE",
    "CONNECTION",
    "DISTRUST",
    "EVENTS",
    "FINALIZED",
    "NAMED",
    "OPTIONAL_SIGNER",
    "POLICY",
    "QUOTA",
    "RENEWAL",
    "RENEWED",
    "REPLACE",
    "REQUESTED",
    "SELECTION",
    "SELECTION_RULES",
    "SETTLED",
    "SIGNER",
    "SIGNER_REQUIRED_IF",
    "SIGN_IN",
    "STORE",
    "STORE_DEFAULT",
    "STORE_STATE",
    "UPLOAD",
    "Connection",
    "Context",
    "Counts",
    "Renewals",
    "Replacing",
    "Report",
    "ReportFiles",
    "Result",
    "Results",
    "RoleOutcome",
    "Selection",
    "Server",
    "Spec",
    "StepResult",
    "StoreOptions",
    "Wanted",
    "bring_about",
    "build_signer",
    "certificate_items",
    "certificates_spec",
    "check_values",
    "dsn_passwords",
    "enrollment_facts",
    "error_facts",
    "expectations",
    "exported_events",
    "facts_of",
    "file_path",
    "finalize_items",
    "finished_by",
    "history",
    "in_use_facts",
    "known_replacements",
    "listed",
    "listed_spec",
    "outcome_of",
    "read_reasons",
    "read_rules",
    "ready_of",
    "refusal_of",
    "renew_items",
    "request_items",
    "required",
    "run",
    "settle_items",
    "sign_items",
    "unknown",
    "verified",
]

_HOMES = {
    "context": ("Context",),
    "distrust_options": ("ASK_CA", "DISTRUST", "read_reasons"),
    "entries": ("unknown",),
    "entry_specs": ("CERTIFICATE", "FINALIZED", "NAMED", "RENEWED", "REQUESTED", "SETTLED"),
    "events": ("exported_events", "history", "verified"),
    "expect": ("expectations",),
    "files": ("finished_by",),
    "in_use": ("in_use_facts",),
    "items": (
        "certificate_items",
        "certificates_spec",
        "finalize_items",
        "listed",
        "listed_spec",
        "renew_items",
        "request_items",
        "required",
        "settle_items",
        "sign_items",
    ),
    "masked": ("dsn_passwords",),
    "opening": ("known_replacements",),
    "options": ("Connection", "Server", "StoreOptions"),
    "paths": ("STORE_DEFAULT", "file_path"),
    "replace_options": ("REPLACE", "Wanted"),
    "replacing": ("Replacing",),
    "renewal": ("Renewals",),
    "report": ("Report",),
    "report_files": ("ReportFiles",),
    "results": ("Result", "Results", "enrollment_facts", "error_facts"),
    "role": ("RoleOutcome", "StepResult", "facts_of", "outcome_of"),
    "role_steps": ("ready_of", "refusal_of"),
    "rule_options": ("POLICY", "read_rules"),
    "run": ("run",),
    "selection": ("SELECTION", "SELECTION_RULES", "Counts", "Selection"),
    "signer": ("OPTIONAL_SIGNER", "SIGNER", "SIGNER_REQUIRED_IF", "build_signer"),
    "specs": ("APPROVAL", "CONNECTION", "EVENTS", "QUOTA", "RENEWAL", "SIGN_IN", "STORE", "UPLOAD", "Spec"),
    "store_state": ("STORE_STATE", "bring_about"),
    "yaml_values": ("check_values",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> t.Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME_OF[name]}", __package__), name)
