# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The slices of a job, as AWX starts them: ansible-runner with a private directory, and some of the hosts for each."""

from __future__ import annotations

import collections.abc as c
import json
import sys
import typing as t
from pathlib import Path

import yaml

from .driver import Site, wanted
from .runs import Play, Run, own_core

PLAYBOOK = "issue.yml"
HOSTS = "ansible_connection=local ansible_python_interpreter='{{ ansible_playbook_python }}'"


class Job:
    """A job template of AWX: an inventory whose hosts stand for nothing but slices, and a project with one list."""

    def __init__(self, site: Site, directory: Path, names: c.Sequence[str], **variables: t.Any) -> None:
        self._site = site
        self._directory = directory
        self._next_id = 4711
        signing = {"issue_signer": "local_ca", "issue_local_ca": {**site.local_ca, "validity": "365d"}}
        own = {
            "redtrust_hosts": "all",
            "issue_certificates_file": str(directory / "project" / "certificates.jsonl"),
            "issue_directory": str(site.certificates),
            **signing,
            **variables,
        }
        project = directory / "project"
        project.mkdir(parents=True)
        play = [{"import_playbook": "redtrust.certificate_enroll.issue", "vars": own}]
        (project / PLAYBOOK).write_text(yaml.safe_dump(play), encoding="utf-8")
        lines = "".join(f"{json.dumps(wanted(name))}\n" for name in names)
        (project / "certificates.jsonl").write_text(lines, encoding="utf-8")

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
        variables = {"job_id": number, "job_launch_type": "manual", "job_template_name": "issue", "user_name": "ana"}
        files = {
            "env/envvars": json.dumps({"JOB_ID": str(number), "AWX_HOST": "https://awx.example.com"}),
            "env/extravars": json.dumps(
                {f"{product}_{name}": value for product in ("awx", "tower") for name, value in variables.items()}
            ),
            "env/settings": json.dumps({"pexpect_timeout": 0.01}),
            "inventory/hosts": "".join(f"{host} {HOSTS}\n" for host in hosts),
        }
        for name, content in files.items():
            (private / name).parent.mkdir(parents=True, exist_ok=True)
            (private / name).write_text(content, encoding="utf-8")
        (private / "project").symlink_to(self._directory / "project")
        environment = {f"REDTRUST_{name.upper()}": str(value) for name, value in options.items()}
        play = Play(own_core(), private / "run", PLAYBOOK, {}, environment)
        command = [sys.executable, "-m", "ansible_runner", "run", str(private), "--playbook", PLAYBOOK, "--quiet"]
        return Run(play, command)
