# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world for the steps, and a machine whose own time is not UTC."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import World


@pytest.fixture
def far_from_utc() -> t.Iterator[None]:
    """Let this machine stand nine hours east of UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def world(tmp_path: Path) -> t.Iterator[World]:
    # This import needs the collection, which pytest_configure makes known.
    from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import World

    made = World(tmp_path / "state" / "store.db")
    yield made
    made.close()
