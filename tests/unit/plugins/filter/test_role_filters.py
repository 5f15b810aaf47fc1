# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the roles refuse what is not theirs with a sentence."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.redtrust.certificate_enroll.plugins.filter import ready, refusal

FILTERS = {**ready.FilterModule().filters(), **refusal.FilterModule().filters()}


def test_ready() -> None:
    entry = {"name": "a", "state": "issued", "failed": False, "changed": True}
    assert FILTERS["ready"]([entry], "/answers", in_use=True) == [{"name": "a", "certificate_path": "/answers/a.pem"}]


def test_refusal() -> None:
    nobody = dict.fromkeys(("signer", "signer_options", "tasks_file", "answers_directory", "mode"), "")
    assert "nothing says what signs" in FILTERS["refusal"]({"role": "renew", "tasks_found": [], **nobody})


@pytest.mark.parametrize(
    ("name", "given"), [("ready", [7]), ("ready", [{"name": "a"}]), ("refusal", {}), ("refusal", 7)]
)
def test_what_is_not_theirs(name: str, given: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match=f"{name} takes "):
        FILTERS[name](given)
