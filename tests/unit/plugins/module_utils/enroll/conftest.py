# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine whose own time is not UTC."""

from __future__ import annotations

import time
import typing as t

import pytest


@pytest.fixture
def far_from_utc() -> t.Iterator[None]:
    """Let this machine stand nine hours east of UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()
