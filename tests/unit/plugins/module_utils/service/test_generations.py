# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each generation is offered wherever one can be chosen, and the sandbox serves it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.doc_fragments import connection
from ansible_collections.redtrust.certificate_enroll.plugins.lookup import login_url
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.contract import (
    CONTRACTS,
    ApiVersion,
)
from redtrust_sandbox.generations import GENERATIONS

SANDBOX = Path(__file__).resolve().parents[5] / "roles" / "sandbox"


def choices(documentation: str) -> list[str]:
    return list(yaml.safe_load(documentation)["options"]["api_version"]["choices"])


def test_each_has_a_contract_under_its_name() -> None:
    assert {name: contract.api_version for name, contract in CONTRACTS.items()} == {name: name for name in CONTRACTS}
    assert list(CONTRACTS) == list(t.get_args(ApiVersion))


def test_each_can_be_chosen() -> None:
    assert choices(connection.ModuleDocFragment.DOCUMENTATION) == list(CONTRACTS)
    assert choices(login_url.DOCUMENTATION) == list(CONTRACTS)


def test_the_sandbox_serves_each() -> None:
    assert list(GENERATIONS) == list(CONTRACTS)
    text = (SANDBOX / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    options = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    assert options["sandbox_api_version"]["choices"] == list(CONTRACTS)
