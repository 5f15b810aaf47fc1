# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts from outside, before they are printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._printable import brief, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("Jos\u00e9 says no", "Jos\u00e9 says no"),
        ("a\tb\nc\r\nd\u00a0e\u2028f", "a b c  d e f"),
        ("\x1b[31mred\x1b[0m", "?[31mred?[0m"),
        ("\u202eright to left\u200b", "?right to left?"),
        ("half a pair \ud800", "half a pair ?"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_anything_becomes_printable_and_stays_as_long(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) == len(text)


def test_of_a_long_text_only_its_length_is_told() -> None:
    assert brief("canary\n" * 3, longest=21) == "canary canary canary "
    assert brief("canary\n" * 3, longest=20) == "a text of 21 characters"
    assert brief("x" * 300) == "x" * 300
    assert brief("x" * 301) == "a text of 301 characters"
