# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A state has its words in each place that tells states apart, and its name in each place that lists them."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.attention import attention
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.policy import decide_issue
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    PENDING,
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.api import Report

ROOT = Path(__file__).resolve().parents[4]
MODULES = ROOT / "plugins" / "modules"
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA")
ALL = [str(state) for state in State]


def block(module: str, name: str) -> str:
    """Return a block of the documentation of a module."""
    found = re.search(rf'^{name} = r"""\n(.*?)^"""', (MODULES / f"{module}.py").read_text("utf-8"), re.M | re.S)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("state", sorted(PENDING))
def test_one_on_its_way_has_its_words(state: State) -> None:
    enrollment = Enrollment("svc", "www", (Revision("svc", "www", 1, 1, state, SPEC),))
    assert decide_issue(SPEC, enrollment, NOW).reason
    assert [found.next_step for found in attention(enrollment, NOW)] != []
    entry = {"name": "www", "failed": False, "changed": False, "action": "none", "state": str(state), "reason": ""}
    report = Report()
    report.add(entry)
    assert "1 waiting" in report.lines(1)[0]


@pytest.mark.parametrize("module", ["redtrust_csr", "redtrust_renew", "redtrust_sign", "redtrust_finalize"])
def test_the_result_of_a_module_names_each(module: str) -> None:
    said = yaml.safe_load(block(module, "RETURN"))["certificates"]["contains"]["state"]["description"]
    assert re.findall(r"V\((\w+)\)", " ".join(said)) == ALL


def test_each_can_be_looked_for() -> None:
    assert yaml.safe_load(block("redtrust_enrollment_info", "DOCUMENTATION"))["options"]["states"]["choices"] == ALL


def test_each_is_explained() -> None:
    text = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")
    section = text.partition("## The states of a revision")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == ALL
