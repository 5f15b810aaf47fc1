# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The slices of a job, as AWX starts them: ansible-runner with a private directory, and some of the hosts for each."""

from __future__ import annotations

import collections.abc as c
import csv
import json
import shutil
import sys
from pathlib import Path

from .driver import Site
from .runs import Play, Run, own_core

PLAYBOOK = "playbooks/slices.yml"
PROJECT = Path(__file__).resolve().parents[2] / "extensions" / "awx" / "project"


class Job:
    """A job template of AWX: an inventory whose hosts stand for nothing but slices, and a project with one list."""

    def __init__(self, site: Site, directory: Path, names: c.Sequence[str]) -> None:
        self._site = site
        self._directory = directory
        self._next_id = 4711
        project = directory / "project"
        shutil.copytree(PROJECT, project)
        with (project / "certificates.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["name", "dn.cn", "dn.o", "provider", "key_type", "key_length"])
            writer.writerows([name, name, "Example", "CA_DEMO", "ECDSA", "256"] for name in names)

    def launch(self, slices: int, of: int | None = None) -> list[Run]:
        """Start this many slices, each with its share of the hosts, of which there are ``of``."""
        hosts = [f"slice-{number}" for number in range(1, (of or slices) + 1)]
        return [self._start(hosts[number::slices]) for number in range(slices)]

    def _start(self, hosts: c.Sequence[str]) -> Run:
        """Start one slice. It knows neither its number nor how many there are: AWX does not tell."""
        number, self._next_id = self._next_id, self._next_id + 1
        private = self._directory / f"awx_{number}"
        names = ("session_path", "retry_timeout")
        options = {name: value for name, value in self._site.options.items() if name not in names}
        meta = {"job_id": number, "job_launch_type": "manual", "job_template_name": "issue", "user_name": "ana"}
        files = {
            "env/envvars": json.dumps({"JOB_ID": str(number), "AWX_HOST": "https://awx.example.com"}),
            "env/extravars": json.dumps(
                {
                    **{f"{product}_{name}": value for product in ("awx", "tower") for name, value in meta.items()},
                    "signer": "local_ca",
                    "issue_local_ca": {**self._site.local_ca, "validity": "365d"},
                    "issue_directory": str(self._site.certificates),
                }
            ),
            "env/settings": json.dumps({"pexpect_timeout": 0.01}),
            "inventory/hosts": "".join(f"{host}\n" for host in hosts),
        }
        for name, content in files.items():
            (private / name).parent.mkdir(parents=True, exist_ok=True)
            (private / name).write_text(content, encoding="utf-8")
        (private / "project").symlink_to(self._directory / "project")
        environment = {f"REDTRUST_{name.upper()}": str(value) for name, value in options.items()}
        play = Play(own_core(), private / "run", PLAYBOOK, {}, environment)
        command = [sys.executable, "-m", "ansible_runner", "run", str(private), "--playbook", PLAYBOOK, "--quiet"]
        return Run(play, command)
