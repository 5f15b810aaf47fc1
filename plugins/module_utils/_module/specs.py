# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specs that modules share, each paired with the doc fragment of the same name.

They have neither ``required_together`` nor ``mutually_exclusive``. Because of an environment variable for other
modules, these rules would also fail modules that do not connect. They count an empty option as set, and they do not
name the missing option. So the code that reads the options makes these checks.
"""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.errors import AnsibleFallbackNotFound

from .._service.api import CONTRACTS
from .paths import STORE_DEFAULT

Spec = dict[str, dict[str, t.Any]]


def _from_environment(variable: str) -> str:
    """Return an environment variable. An empty one counts as not set, since AWX sets empty ones."""
    value = os.environ.get(variable, "")
    if not value:
        raise AnsibleFallbackNotFound
    return value


def option(name: str, **rules: t.Any) -> dict[str, t.Any]:
    """Return an option that may come from the environment as ``REDTRUST_<NAME>``."""
    return {"fallback": (_from_environment, [f"REDTRUST_{name.upper()}"]), **rules}


def _options(**rules: dict[str, t.Any]) -> Spec:
    return {name: option(name, **rule) for name, rule in rules.items()}


CONNECTION = _options(
    host={"type": "str"},
    port={"type": "int"},
    auth_port={"type": "int"},
    api_version={"type": "str", "choices": list(CONTRACTS), "default": "4.33"},
    validate_certs={"type": "bool", "default": True},
    ca_path={"type": "path"},
    client_cert={"type": "path"},
    client_key={"type": "path", "no_log": False},
    client_key_passphrase={"type": "str", "no_log": True},
    proxy={"type": "str"},
    timeout={"type": "float", "default": 30.0},
    retry_timeout={"type": "float", "default": 30.0},
    partner={"type": "str"},
    partner_secret={"type": "str", "no_log": True},
    partner_secret_encoding={"type": "str", "choices": ["text", "hex", "base64"], "default": "text", "no_log": False},
    username={"type": "str"},
    password={"type": "str", "no_log": True},
    domain={"type": "str"},
    access_token={"type": "str", "no_log": True},
    temporal_token={"type": "str", "no_log": True},
    redirect_url={"type": "str"},
    session_path={"type": "path"},
    session_key={"type": "str", "no_log": True},
    finalized_codes={"type": "list", "elements": "str", "default": []},
    rate={"type": "str"},
    burst={"type": "int"},
)

STORE = _options(
    store_path={"type": "path", "default": STORE_DEFAULT},
    store_dsn={"type": "str", "no_log": True},
    store_key={"type": "str", "no_log": True},
    service={"type": "str"},
)

BATCH = _options(
    actor={"type": "str"},
    workers={"type": "int", "default": 8},
    wait_timeout={"type": "float", "default": 300.0},
    # its default depends on the module, and on whether the task fails
    results={"type": "str", "choices": ["all", "changed", "failed"]},
)

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# When a certificate is renewed. Times are raw: YAML may have made a number of one, which is refused.
RENEWAL: Spec = {
    "renew_before": {"type": "str"},
    "renew_jitter": {"type": "str"},
    "renewal_windows": {
        "type": "list",
        "elements": "dict",
        "options": {
            "days": {"type": "list", "elements": "str", "choices": list(WEEKDAYS)},
            "from": {"type": "raw", "required": True},
            "to": {"type": "raw", "required": True},
            "zone": {"type": "str", "default": "UTC"},
        },
    },
    "renewal_freezes": {
        "type": "list",
        "elements": "dict",
        "options": {
            "from": {"type": "raw", "required": True},
            "until": {"type": "raw", "required": True},
            "zone": {"type": "str", "default": "UTC"},
            "reason": {"type": "str"},
        },
    },
}

# Who must approve a request before the signer gets it.
APPROVAL: Spec = {
    "approval": {
        "type": "dict",
        "options": {
            "approvals": {"type": "int", "default": 1},
            "four_eyes": {"type": "bool", "default": False},
        },
    }
}

# How many are renewed in a run.
QUOTA: Spec = {"max_renewals": {"type": "int"}}
EVENTS = _options(keep_events={"type": "str", "default": "2y"})

MISMATCH = ("refuse", "warn", "ignore")

# What is expected of a certificate beside its key, its subject and its dates.
EXPECT: Spec = {
    "lifetime": {"type": "str"},
    "lifetime_tolerance": {"type": "str"},
    "on_lifetime": {"type": "str", "choices": list(MISMATCH)},
    "key_usage": {"type": "list", "elements": "str", "no_log": False},
    "on_key_usage": {"type": "str", "choices": list(MISMATCH), "default": "refuse", "no_log": False},
    "extended_key_usage": {"type": "list", "elements": "str", "no_log": False},
    "on_extended_key_usage": {"type": "str", "choices": list(MISMATCH), "default": "refuse", "no_log": False},
    "usage_match": {"type": "str", "choices": ["contains", "equals"], "default": "contains"},
    "subject_alt_name_match": {"type": "str", "choices": ["contains", "equals"], "default": "contains"},
    "on_subject_alt_name": {"type": "str", "choices": list(MISMATCH), "default": "warn"},
}

# How a certificate is checked and uploaded, and where its files are written.
UPLOAD: Spec = {
    "subject_match": {"type": "str", "choices": ["contains", "equals", "ignore"], "default": "contains"},
    "expect": {"type": "dict", "options": EXPECT},
    "upload_format": {"type": "str", "choices": ["der", "pkcs7", "pem"], "default": "der"},
    "directory": {"type": "path"},
    "backup": {"type": "bool", "default": False},
}

# The options whose values must never be printed.
SECRETS = (
    "client_key_passphrase",
    "partner_secret",
    "password",
    "access_token",
    "temporal_token",
    "session_key",
    "store_dsn",
    "store_key",
)

# Likewise, in an entry of ``certificates``.
SECRETS_OF_ENTRIES = ("request_code",)

SIGN_IN: Spec = {
    "state": {"type": "str", "choices": ["present", "kept"], "default": "present"},
    "force": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "login_timeout": {"type": "float", "default": 300.0},
    "job_template": {"type": "str", "default": "Redtrust: sign in"},
    "listen_address": {"type": "str"},
    "listen_port": {"type": "int"},
    "certificate_path": {"type": "path"},
    "private_key_path": {"type": "path", "no_log": False},
    "private_key_passphrase": {"type": "str", "no_log": True},
}
