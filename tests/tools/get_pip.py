# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install pip into a virtual environment of ansible-test with Python's ensurepip, not with a downloaded script."""

from __future__ import annotations

import subprocess
import sys


def main(arguments: list[str]) -> None:
    """Install the wanted pip. ``arguments`` are ansible-test's arguments for get-pip."""
    wanted = [argument for argument in arguments if argument not in ("--no-setuptools", "--no-wheel")]
    python = sys.executable
    subprocess.check_call([python, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
    subprocess.check_call([python, "-m", "pip", "install", "--quiet", "--quiet", *wanted])


if __name__ == "__main__":
    main(sys.argv[1:])
