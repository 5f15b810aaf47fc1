# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that choose a signer, and the signer that is built from them."""

from __future__ import annotations

import datetime as dt
import typing as t

from .._signers.api import DIGESTS, CommandSigner, LocalCa, Profile, Signer
from .specs import Spec, option

SIGNER: Spec = {
    "signer": {"type": "str", "choices": ["local_ca", "command"], "required": True},
    "local_ca": {
        "type": "dict",
        "options": {
            "certificate_path": {"type": "path", "required": True},
            "private_key_path": {"type": "path", "required": True, "no_log": False},
            "passphrase": option("local_ca_passphrase", type="str", no_log=True),
            "chain_path": {"type": "path"},
            "validity": {"type": "str", "default": "365d"},
            "backdate": {"type": "str", "default": "5m"},
            "key_usage": {
                "type": "list",
                "elements": "str",
                "default": ["digitalSignature", "nonRepudiation"],
                "no_log": False,
            },
            "key_usage_critical": {"type": "bool", "default": True, "no_log": False},
            "extended_key_usage": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "crl_distribution_points": {"type": "list", "elements": "str", "default": []},
            "ocsp_servers": {"type": "list", "elements": "str", "default": []},
            "ca_issuers": {"type": "list", "elements": "str", "default": []},
            "digest": {"type": "str", "choices": list(DIGESTS), "default": "sha256"},
        },
    },
    "command": {
        "type": "dict",
        "options": {
            "argv": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "float", "default": 60.0},
        },
    },
}


def build_signer(params: t.Mapping[str, t.Any], now: dt.datetime) -> Signer:
    """Return the signer that the options choose."""
    if params["signer"] == "command":
        return CommandSigner(params["command"]["argv"], timeout=params["command"]["timeout"])
    options = params["local_ca"]
    return LocalCa(
        certificate_path=options["certificate_path"],
        private_key_path=options["private_key_path"],
        passphrase=options["passphrase"],
        chain_path=options["chain_path"],
        profile=Profile.from_options(options),
        now=now,
    )
