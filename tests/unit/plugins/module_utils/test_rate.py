# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rates in options."""

from __future__ import annotations

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._rate import Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("8/s", Rate(8.0, 8)),
        ("8", Rate(8.0, 8)),
        (" 2.5 / s ", Rate(2.5, 2)),
        ("0.5", Rate(0.5, 1)),
        ("500/min", Rate(500 / 60, 8)),
        ("30/min", Rate(0.5, 1)),
        ("10000/h", Rate(10000 / 3600, 2)),
        ("1/h", Rate(1 / 3600, 1)),
        ("1000/s", Rate(1000.0, 1000)),
        (None, None),
        ("", None),
        (" ", None),
    ],
)
def test_a_rate_is_so_many_in_a_time(text: str | None, rate: Rate | None) -> None:
    assert parse_rate("rate", text, None) == rate


def test_a_burst_of_ones_own() -> None:
    assert parse_rate("rate", "8/s", 1) == Rate(8.0, 1)
    assert parse_rate("rate", "1/h", 100) == Rate(1 / 3600, 100)


@pytest.mark.parametrize(
    "text", ["8/m", "8 per second", "-1", "1e3", "/s", "0", "0/h", "0.9/h", "1001/s", "inf", "8/s/s"]
)
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        parse_rate("local_ca.rate", text, None)
    assert str(told.value) == (
        "local_ca.rate must be how many in a second, a minute or an hour, such as 8/s, 500/min or 10000/h, from 1/h to "
        f"1000/s, not {text!r}"
    )


@pytest.mark.parametrize("burst", [0, -1, 10_001])
def test_a_burst_has_bounds(burst: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"^local_ca\.burst must be from 1 to 10000, not {burst}$"):
        parse_rate("local_ca.rate", "8/s", burst)


def test_a_burst_alone_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match=r"^burst needs rate: without a rate nothing is limited$"):
        parse_rate("rate", None, 5)
