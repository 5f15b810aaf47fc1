# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook as a user does, in an environment that holds nothing of the user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import PATIENCE_SECONDS, TREE


def run_playbook(
    playbook: Path | str, home: Path, *options: str, python: str = sys.executable, **environment: str
) -> tuple[int, str]:
    """Return the status and the output of ansible-playbook, which ``python`` runs."""
    given = {
        "ANSIBLE_COLLECTIONS_PATH": str(TREE),
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_PIPELINING": "True",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join([str(Path(python).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        **environment,
    }
    ran = subprocess.run(
        [python, "-m", "ansible", "playbook", str(playbook), *options],
        env=given,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return ran.returncode, ran.stdout
