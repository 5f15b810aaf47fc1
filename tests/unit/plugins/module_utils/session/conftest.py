# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions whose keys are quickly made."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def one_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys in one iteration: 210,000 take a tenth of a second, for each key of each test."""
    # not before pytest_configure has made the collection known
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session import kept

    monkeypatch.setattr(kept, "_KEY_ITERATIONS", 1)
