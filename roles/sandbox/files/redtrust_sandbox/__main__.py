# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the sandbox's command line: ``python -m redtrust_sandbox --help``."""

from __future__ import annotations

import sys

from redtrust_sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main())
