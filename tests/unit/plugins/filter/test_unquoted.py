# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that YAML does not read as text, in the roles' filter."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.filter.unquoted import FilterModule

unquoted = FilterModule().filters()["unquoted"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{name: a, dn: {ou: 02341467000120}}", "a: dn.ou is the number 167719469136: quote it in YAML"),
        ("{name: a, dn: {c: NO}}", "a: dn.c is the boolean false: quote it in YAML"),
        ("{name: a, dn: {cn: 2026-11-25}}", "a: dn.cn is the date 2026-11-25: quote it in YAML"),
        ("{name: 4711, dn: {cn: a}}", "certificates[0]: name is the number 4711: quote it in YAML"),
    ],
)
def test_what_is_not_quoted_is_named(written: str, said: str) -> None:
    assert unquoted([yaml.safe_load(written)]).startswith(said)


def test_nothing_is_said_of_text() -> None:
    assert unquoted([{"name": "a", "dn": {"ou": ["02341467000120"]}, "group_ids": [1], "force": True}]) == ""
    assert unquoted([]) == ""
