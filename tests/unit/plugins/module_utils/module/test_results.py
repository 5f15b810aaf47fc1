# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a run that ends before the end of its list."""

from __future__ import annotations

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import SignerError, StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Outcome
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.results import Results

AWAY = StoreError("store redtrust at db: the connection is closed")


def ended_early(expected: int | None, *, with_failure: bool) -> Results:
    results = Results("all", expected=expected)
    results.add(0, Outcome("a", "issue", "not in the store yet", changed=True))
    if with_failure:
        results.add(1, Outcome("b", "none", "", error=SignerError("no answer")))
    results.break_off(AWAY)
    return results


@pytest.mark.parametrize(
    ("expected", "with_failure", "failure", "last_line"),
    [
        (9, False, f"0 of 9 certificates failed: 8 were not begun: {AWAY}", f"not begun: {AWAY}"),
        (9, True, f"1 of 9 certificates failed: b: no answer; 7 were not begun: {AWAY}", f"not begun: {AWAY}"),
        (None, False, f"the run ended early: {AWAY}", f"the run ended early: {AWAY}"),
        (
            None,
            True,
            f"1 of 2 certificates failed: b: no answer; the run ended early: {AWAY}",
            f"the run ended early: {AWAY}",
        ),
    ],
)
def test_what_was_done_is_told(expected: int | None, with_failure: bool, failure: str, last_line: str) -> None:
    results = ended_early(expected, with_failure=with_failure)
    result = results.result()
    assert result.failure == failure
    assert results.lines()[-1] == last_line
    assert result.changed
    assert result.values["stopped"] == str(AWAY)
    assert result.values["error"] == {"type": "StoreError"}
    assert result.values["certificates"][0]["name"] == "a"
