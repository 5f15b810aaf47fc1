# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the signer, and the signer that is built from them.

``signer_form`` takes the other form of these options apart, before Ansible reads them.
"""

from __future__ import annotations

import datetime as dt
import typing as t

from .._errors import ConfigurationError
from .._rate import parse_rate
from .._secrets import Secrets
from .._signers.api import SIGNERS, Signer, SignerKind
from .signer_form import no_such_type
from .specs import Spec, option


def _own_options(kind: SignerKind) -> Spec:
    """Return the options of one signer; its secrets may come from the environment."""
    return {
        name: option(f"{kind.name}_{name}", **rules) if rules.get("no_log") else dict(rules)
        for name, rules in kind.options.items()
    }


SIGNER: Spec = {
    "signer": {"type": "raw", "required": True},
    **{kind.option: {"type": "dict", "options": _own_options(kind)} for kind in SIGNERS.values()},
}
# For a module that only sometimes needs a signer.
OPTIONAL_SIGNER: Spec = {**SIGNER, "signer": {"type": "raw"}}
# The form of AnsibleModule's required_if: the chosen signer needs its options.
SIGNER_REQUIRED_IF = [("signer", name, [kind.option]) for name, kind in SIGNERS.items()]


def build_signer(params: t.Mapping[str, t.Any], now: dt.datetime, secrets: Secrets) -> Signer:
    """Build the chosen signer; ``secrets`` are those of the module. Raises ConfigurationError."""
    name = params["signer"]
    if not isinstance(name, str) or name not in SIGNERS:
        raise ConfigurationError(no_such_type(name, SIGNERS))
    kind = SIGNERS[name]
    options = params[kind.option]
    rate = parse_rate(f"{kind.name}.rate", options["rate"], options["burst"])
    signer = kind.build(options, now)
    signer.rate, signer.secrets, signer.connections = rate, secrets, params["workers"]
    return signer
