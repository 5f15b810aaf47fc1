# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let ``ansible_collections.redtrust.certificate_enroll`` be this checkout, wherever it lies."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
TREE = ROOT / ".tree"


def pytest_configure(config: pytest.Config) -> None:
    """Link the checkout into a collections tree and give that tree to Ansible's loader."""
    spot = TREE / "ansible_collections" / "redtrust" / "certificate_enroll"
    spot.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # another worker, or an earlier run
        spot.symlink_to(Path("..", "..", ".."))
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(TREE)
    sys.path.insert(0, str(ROOT / "roles" / "sandbox" / "files"))
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([str(TREE)])
