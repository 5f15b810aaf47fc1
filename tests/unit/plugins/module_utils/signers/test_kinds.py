# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each signer is the same in its options, their documentation, the module and the roles."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.doc_fragments import signers
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.api import (
    SIGNER,
    Report,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.signer_form import OTHER_OPTIONS
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import SIGNERS

ROLES = Path(__file__).resolve().parents[5] / "roles"
FACTS = ("type", "elements", "choices", "required")
Options = t.Mapping[str, t.Mapping[str, t.Any]]


def facts(options: Options, *names: str) -> dict[str, dict[str, t.Any]]:
    """Return the facts of options without their descriptions; a missing ``required`` equals ``required: false``."""
    return {name: {fact: rule[fact] for fact in names if rule.get(fact)} for name, rule in options.items()}


def documented() -> dict[str, t.Any]:
    return dict(yaml.safe_load(signers.ModuleDocFragment.DOCUMENTATION)["options"])


def role_options(role: str) -> dict[str, t.Any]:
    spec = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return dict(spec["argument_specs"]["main"]["options"])


def test_the_documentation_has_each_signer() -> None:
    assert list(documented()) == ["signer", *(kind.option for kind in SIGNERS.values())] == list(SIGNER)
    assert {kind.name: kind.option for kind in SIGNERS.values() if kind.option != kind.name} == OTHER_OPTIONS
    assert facts(documented(), *FACTS) == facts(SIGNER, *FACTS)
    for name, kind in SIGNERS.items():
        assert f"V({name}) is {kind.choice} (see O({kind.option}))." in documented()["signer"]["description"][0]


@pytest.mark.parametrize("name", SIGNERS)
def test_the_documentation_of_a_signer_says_what_its_options_are(name: str) -> None:
    said = documented()[SIGNERS[name].option]["suboptions"]
    assert facts(said, *FACTS, "default") == facts(SIGNERS[name].options, *FACTS, "default")
    assert all(option["description"] for option in said.values())


@pytest.mark.parametrize("name", SIGNERS)
def test_a_secret_of_a_signer_may_come_from_the_environment(name: str) -> None:
    own = SIGNERS[name].option
    for option, rules in SIGNER[own]["options"].items():
        variable = f"REDTRUST_{name}_{option}".upper()
        words = " ".join(map(str, documented()[own]["suboptions"][option]["description"]))
        assert (variable in str(rules.get("fallback"))) == (f"E({variable})" in words) == bool(rules.get("no_log"))


@pytest.mark.parametrize("role", ["issue", "renew"])
def test_a_role_has_the_options_of_the_first_signers(role: str) -> None:
    """The role passes the options on as one dict. A missing option keeps the module's default."""
    options = role_options(role)
    assert options[f"{role}_signer"]["type"] == "raw"
    for name in ("local_ca", "command"):
        kind = SIGNERS[name]
        assert options[f"{role}_{name}"]["type"] == "dict"
        assert facts(options[f"{role}_{name}"]["options"], *FACTS, "no_log") == facts(kind.options, *FACTS, "no_log")


@pytest.mark.parametrize(
    ("signer", "words"),
    [
        ("local_ca", "the local CA"),
        ("command", "the command that signs"),
        ("none", "a certificate to be given"),
        ("", "a certificate to be given"),
        ("the CA of the house", "the CA of the house"),
    ],
)
def test_a_report_names_what_signs(signer: str, words: str) -> None:
    entry = {"name": "a", "failed": False, "changed": False, "action": "none", "state": "signing", "reason": ""}
    report = Report(signer=signer)
    report.add(entry)
    assert f"waiting at {words}: a" in report.lines(1)
