# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the collection, for ``make benchmark``. Ratios within one run are worth more than seconds."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import workshop


def main() -> int:
    """Run the benchmark of this checkout."""
    workshop.link_tree()
    sys.path.insert(0, str(workshop.TREE))
    from ansible_collections.redtrust.certificate_enroll.tests.benchmark import command

    return command.main()


if __name__ == "__main__":
    sys.exit(main())
