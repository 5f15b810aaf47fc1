# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job runs with exactly what ansible-builder puts into the execution environment.

A virtual environment stands for the image. Its packages are those that ansible-builder would install.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.postgresql_driver import REQUIREMENT
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import TREE, Site
from ansible_collections.redtrust.certificate_enroll.tests.robustness.playing import run_playbook

DEFINITION = Path(__file__).resolve().parents[2] / "extensions" / "execution-environment" / "execution-environment.yml"


def tool(name: str, *arguments: str) -> None:
    """Run a tool of Python packages; show its output if it fails."""
    command = [sys.executable, "-m", name, *arguments]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def packages_of_the_image(place: Path) -> list[str]:
    """Return what ansible-builder installs: Ansible as the definition has it, and the needs of the collection."""
    tool("ansible_builder", "create", "--file", str(DEFINITION), "--context", str(place / "context"))
    (dockerfile,) = (place / "context").glob("*file")
    text = dockerfile.read_text(encoding="utf-8")
    (ansible,) = re.findall(r'^ARG ANSIBLE_INSTALL_REFS="(.*)"$', text, re.MULTILINE)
    tool("ansible_builder", "introspect", str(TREE), "--write-pip", str(place / "needs"))
    needs = re.sub(r"\s+#.*", "", (place / "needs").read_text(encoding="utf-8"))
    return [*ansible.split(), *needs.splitlines()]


def test_a_job_runs_with_exactly_what_the_environment_has(site: Site, tmp_path: Path) -> None:
    packages = packages_of_the_image(tmp_path)
    assert REQUIREMENT in packages
    python = str(tmp_path / "image" / "bin" / "python")
    tool("venv", "--without-pip", str(tmp_path / "image"))
    tool("pip", "--python", python, "install", "--quiet", "--no-compile", *packages)

    given = {
        "redtrust_connection": site.options,
        "issue_signer": {"type": "local_ca", **site.local_ca},
        "issue_renew_before": "33%",
        "issue_renewal_windows": [{"days": ["mon"], "from": "00:00", "to": "06:00", "zone": "Europe/Madrid"}],
        "issue_certificates": [{"name": "a", "provider": "CA_DEMO", "dn": {"cn": "a"}}],
    }
    (tmp_path / "given.json").write_text(json.dumps(given), encoding="utf-8")
    playbook, options = "redtrust.certificate_enroll.issue", ("--extra-vars", f"@{tmp_path / 'given.json'}")
    # an image without the time zones of a system
    status, output = run_playbook(playbook, tmp_path, *options, python=python, PYTHONTZPATH="")
    assert status == 0, output
    assert "1 certificate: 1 issued, 0 unchanged, 0 failed" in output

    driver = subprocess.run([python, "-c", "import psycopg"], check=False, capture_output=True, text=True)
    assert driver.returncode == 0, driver.stderr
