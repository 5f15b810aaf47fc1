# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selecting enrollments."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.selection import SELECTION, Selection


def selected(now: dt.datetime, **given: t.Any) -> Selection:
    return Selection.read({**dict.fromkeys(SELECTION), "needs_attention": False, **given}, now)


class TestExpiresWithin:
    NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)

    @pytest.mark.parametrize(
        ("text", "days"),
        [("30", 30), (" 30d ", 30), ("0", 0), ("-5", -5), ("1d12h", 1.5), ("4w", 28), ("999999", 999999)],
    )
    def test_a_number_alone_counts_days(self, text: str, days: float) -> None:
        assert selected(expires_within=text, now=self.NOW).until == self.NOW + dt.timedelta(days=days)

    def test_without_it_everything_is_shown(self) -> None:
        assert selected(now=self.NOW).until is None

    @pytest.mark.parametrize("text", ["", "soon", "33%", "1.5", "9999999"])
    def test_what_is_no_time(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match=r"^expires_within must be a duration .*, or a number of days"):
            selected(expires_within=text, now=self.NOW)
