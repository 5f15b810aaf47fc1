# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job of the sample project, as AWX starts it: its credentials injected, and ansible-runner with a private folder."""

from __future__ import annotations

import collections.abc as c
import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml
from awx_plugins.interfaces._temporary_private_api import ManagedCredentialType
from awx_plugins.interfaces._temporary_private_credential_api import Credential
from awx_plugins.interfaces._temporary_private_inject_api import inject_credential

from ansible_collections.redtrust.certificate_enroll.tests.awx.objects import PROJECT, credential_type

Credentials = c.Mapping[str, c.Mapping[str, str | bool]]

# Where AWX mounts the private folder into the container of the job. Here is no container.
MOUNT = "/runner"


class Injected(t.NamedTuple):
    """What credentials give to a job: variables of its environment, what AWX shows of them, and extra variables."""

    environment: dict[str, str]
    shown: dict[str, str]
    extra_vars: dict[str, str]


def inject(private: Path, credentials: Credentials) -> Injected:
    """Have AWX's own code inject credentials of our types into the private folder of a job."""
    (private / "env").mkdir(parents=True, exist_ok=True)
    environment: dict[str, t.Any] = {}
    shown: dict[str, t.Any] = {}
    arguments: list[str] = []
    for name, inputs in credentials.items():
        kind = credential_type(name)
        described = ManagedCredentialType("", kind["name"], kind["kind"], kind["inputs"], kind["injectors"])
        inject_credential(described, Credential(dict(inputs)), environment, shown, arguments, str(private))
    extra_vars: dict[str, str] = {}
    for path in arguments[1::2]:
        text = path.removeprefix("@").replace(MOUNT, str(private), 1)
        extra_vars.update(yaml.safe_load(Path(text).read_text(encoding="utf-8")))
    return Injected(environment, shown, extra_vars)


class Job:
    """A job with a playbook of the sample project and credentials. ``variables`` take precedence over its files.

    ``environment`` is what a credential of a type of AWX sets, and ``check`` is the job type Check.
    """

    def __init__(
        self,
        private: Path,
        playbook: str,
        credentials: Credentials,
        *,
        environment: c.Mapping[str, str] | None = None,
        check: bool = False,
        **variables: t.Any,
    ) -> None:
        self._private = private
        self._playbook = playbook
        injected = inject(private, credentials)
        here = {name: value.replace(MOUNT, str(private)) for name, value in injected.environment.items()}
        files = {name: value.replace(MOUNT, str(private)) for name, value in injected.extra_vars.items()}
        shutil.copytree(PROJECT, private / "project")
        awx = {"JOB_ID": "4711", "AWX_HOST": "https://awx.example.com", "ANSIBLE_PIPELINING": "True"}
        told = {"awx_job_id": 4711, "awx_user_name": "ana", "awx_workflow_job_id": 7}
        contents = {
            "envvars": {**awx, **(environment or {}), **here},
            "extravars": {**told, **files, **variables},
            "settings": {"pexpect_timeout": 0.01},
        }
        for name, content in contents.items():
            (private / "env" / name).write_text(json.dumps(content), encoding="utf-8")
        (private / "env" / "cmdline").write_text("--check" if check else "", encoding="utf-8")
        (private / "inventory").mkdir()
        line = "localhost ansible_connection=local ansible_python_interpreter='{{ ansible_playbook_python }}'\n"
        (private / "inventory" / "hosts").write_text(line, encoding="utf-8")

    def file(self, name: str) -> Path:
        """Return the path of a file in the project of this job."""
        return self._private / "project" / name

    def run(self) -> str:
        """Run it to its end, and return its output."""
        command = [sys.executable, "-m", "ansible_runner", "run", str(self._private)]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            [*command, "--playbook", f"playbooks/{self._playbook}"],
            env={**os.environ, "HOME": str(self._private), "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    def artifacts(self) -> dict[str, t.Any]:
        """Return what the job hands to the next nodes of a workflow, as AWX reads it from the last event."""
        paths = self._private.glob("artifacts/*/job_events/*.json")
        events = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        (found,) = [event["event_data"] for event in events if event["event"] == "playbook_on_stats"]
        handed: dict[str, t.Any] = found["artifact_data"]
        return handed
