# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let ``ansible_collections.redtrust.certificate_enroll`` be this checkout, wherever it lies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "tests" / "tools"))
from workshop import SANDBOX_FILES, TREE, link_tree


def pytest_configure(config: pytest.Config) -> None:
    """Link the checkout into a collections tree and give that tree to Ansible's loader."""
    link_tree()
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(TREE)
    sys.path.insert(0, str(SANDBOX_FILES))
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([str(TREE)])
