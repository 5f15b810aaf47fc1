# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX as code: the playbook against a stand-in for the API, and a job with its credentials as AWX starts it.

The modules of awx.awx come from the package ``ansible`` on PyPI. Without a network the test of the playbook is left
out, unless CERTIFICATE_ENROLL_AWX is ``required``.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.awx import one_process
from ansible_collections.redtrust.certificate_enroll.tests.awx.jobs import Credentials, Job
from ansible_collections.redtrust.certificate_enroll.tests.awx.objects import objects
from ansible_collections.redtrust.certificate_enroll.tests.awx.stand_in import StandIn, serving
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

from .driver import TREE

BUNDLE = "ansible==12.3.0"
PLACE = TREE.parent / ".build" / "awx" / BUNDLE.replace("==", "-")
SETTINGS = {
    "redtrust_awx_project_url": "https://git.example.com/pki/redtrust.git",
    "redtrust_awx_image": "registry.example.com/redtrust-ee:0.5.0",
    "redtrust_awx_webhook_url": "https://chat.example.com/hooks/1",
}


@pytest.fixture(scope="module")
def awx_collection() -> Path:
    """Return a directory of collections with awx.awx."""
    if not (PLACE / "ready").is_file():
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--dest", str(PLACE), BUNDLE]
        if subprocess.run(command, check=False).returncode:
            if os.environ.get("CERTIFICATE_ENROLL_AWX") == "required":
                pytest.fail(f"{BUNDLE} cannot be downloaded")
            pytest.skip(f"{BUNDLE}, which has the modules of awx.awx, cannot be downloaded")
        (wheel,) = PLACE.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            wanted = [name for name in archive.namelist() if name.startswith("ansible_collections/awx/awx/")]
            archive.extractall(PLACE, wanted)
        wheel.unlink()
        (PLACE / "ready").touch()
    return PLACE


class TestThePlaybook:
    """Its tasks in one process make everything. Then ansible-playbook looks at a part, as each module takes a while."""

    @pytest.fixture
    def path(self, awx_collection: Path) -> dict[str, str]:
        return {**os.environ, "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([str(awx_collection), str(TREE)])}

    def test_it_makes_everything_and_then_changes_nothing(self, path: dict[str, str]) -> None:
        awx, made = StandIn(), objects(**SETTINGS)
        with serving(awx) as controller:
            # beside the objects themselves five nodes, three of which lead to others
            assert len(self.changed({**path, **controller})) == sum(map(len, made.values())) + 5 + 3
            before = list(awx.changes)
            assert self.changed({**path, **controller}) == []
            said = self.played({**path, **controller}, made)
        assert awx.changes == before
        assert "changed=0" in said
        assert SETTINGS["redtrust_awx_webhook_url"] not in said
        self.check(awx, made)

    def changed(self, environment: dict[str, str]) -> list[str]:
        """Run its tasks in one process, and return what they changed."""
        done = subprocess.run(
            [sys.executable, one_process.__file__],
            input=json.dumps(SETTINGS),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: list[str] = json.loads(done.stdout)
        return found

    def played(self, environment: dict[str, str], made: t.Mapping[str, t.Any]) -> str:
        """Run it as an administrator does, with one object of each kind, and return what it says."""
        # what is in an extra variable is filled in by Ansible, and the templates of these are for AWX
        kinds = made.keys() - {"controller_credential_types", "controller_inventories"}
        some = {kind: made[kind][:1] for kind in kinds}
        (workflow,) = made["controller_workflows"]
        nodes = workflow["simplified_workflow_nodes"][:2]
        some["controller_workflows"] = [{**workflow, "simplified_workflow_nodes": nodes}]
        command = [sys.executable, "-m", "ansible", "playbook", "redtrust.certificate_enroll.awx"]
        done = subprocess.run(
            [*command, "-v", "--extra-vars", json.dumps({**SETTINGS, **some})],
            env={**environment, "ANSIBLE_PIPELINING": "True"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def check(self, awx: StandIn, made: t.Mapping[str, t.Any]) -> None:
        kinds = {"templates": "job_templates", "workflows": "workflow_job_templates"}
        for name, found in made.items():
            kind = name.removeprefix("controller_")
            kind = {**kinds, "notifications": "notification_templates"}.get(kind, kind)
            assert {one["name"] for one in found} <= set(awx.named(kind)), kind
        types = awx.named("credential_types")
        for one in made["controller_credential_types"]:
            assert types[one["name"]]["injectors"] == one["injectors"]
        assert [one.get("inputs") for one in awx.named("credentials").values()] == [None] * 4
        issue = "Redtrust: issue and renew"
        assert awx.linked("job_templates", issue, "credentials") == [
            "Redtrust: CA",
            "Redtrust: connection",
            "Redtrust: store",
        ]
        assert awx.linked("job_templates", issue, "notification_templates_error") == ["Redtrust: webhook"]
        assert awx.named("job_templates")[issue]["execution_environment"]
        assert awx.linked("workflow_job_template_nodes", "request", "always_nodes") == ["decision"]
        assert awx.linked("workflow_job_template_nodes", "decision", "success_nodes") == ["approve"]
        assert awx.linked("workflow_job_template_nodes", "decision", "failure_nodes") == ["deny"]
        assert len(awx.named("workflow_approval_templates")) == 1
        assert len(awx.surveys) == 2

    @pytest.mark.parametrize("name", ["{}/objects.json", "objects.json"])
    def test_it_writes_the_objects_to_a_file(self, tmp_path: Path, name: str) -> None:
        file = tmp_path / "objects.json"
        command = [sys.executable, "-m", "ansible", "playbook", "redtrust.certificate_enroll.awx"]
        given = json.dumps({**SETTINGS, "redtrust_awx_file": name.format(tmp_path)})
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(TREE), "PWD": str(tmp_path)}
        command += ["-v", "--diff", "--extra-vars", given]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(file.read_text(encoding="utf-8")) == objects(**SETTINGS)
        assert file.stat().st_mode & 0o777 == 0o600
        assert SETTINGS["redtrust_awx_webhook_url"] not in done.stdout

    def test_it_asks_for_the_project(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "ansible", "playbook", "redtrust.certificate_enroll.aap"]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(TREE)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "give its address as redtrust_awx_project_url" in done.stdout


class TestJobs:
    """The sample project with the credentials of AWX, injected by AWX's own code."""

    @pytest.fixture
    def launch(self, v442: Appliance, local_ca: dict[str, str], tmp_path: Path) -> t.Callable[..., Job]:
        """Make jobs with the same credentials. Each has a private folder, and the store is on a volume."""
        facts = v442.facts
        names = ("host", "username", "password", "domain")
        credentials: Credentials = {
            "connection": {
                **{name: facts[name] for name in names},
                "port": str(facts["port"]),
                "api_version": "4.42",
                "service": "production",
                "ca_certificates": Path(facts["ca_path"]).read_text(encoding="utf-8"),
            },
            "store": {"store_path": str(tmp_path / "volume" / "store.sqlite3")},
            "CA": {
                "certificate": Path(local_ca["certificate_path"]).read_text(encoding="utf-8"),
                "private_key": Path(local_ca["private_key_path"]).read_text(encoding="utf-8"),
            },
        }
        signer = {
            "type": "local_ca",
            "certificate_path": "{{ redtrust_ca_certificate }}",
            "private_key_path": "{{ redtrust_ca_private_key }}",
        }
        jobs = itertools.count(1)
        return lambda name, **more: Job(
            tmp_path / f"{next(jobs)}-{name}", f"{name}.yml", credentials, signer=signer, **more
        )

    def test_the_workflow_and_a_rehearsal(self, v442: Appliance, launch: t.Callable[..., Job]) -> None:
        """Ana launches the workflow, Ben approves at its node, and the store knows that it was Ben."""
        request = launch("request")
        said = request.run()
        assert "waiting for approval" in said, said
        requests = request.artifacts()["requests"]
        assert [one["name"] for one in requests] == ["ana-garcia"]

        awx = StandIn()
        awx.decide(7, "failed", "")  # the time was over
        with serving(awx) as controller:
            said = launch("decide", environment=controller, requests=requests, decision="denied").run()
        assert "so the requests still wait" in said, said

        awx.decide(7, "successful", "ben")
        with serving(awx) as controller:
            said = launch("decide", environment=controller, requests=requests).run()
        assert "(item=ben)" in said, said

        said = launch("issue_and_renew").run()
        assert "1 certificate: 1 issued, 0 unchanged, 0 failed" in said, said
        steps = [step for step, _status in v442.asked()]
        assert steps == ["login", "create", "logout", "login", "finalize", "logout"]
        assert v442.facts["password"] not in said

        said = launch(
            "replace", check=True, replace_issuer="Robust CA", replace_deadline="24h", replace_state="open"
        ).run()
        assert "1 of 1 certificates would be replaced" in said, said
        assert len(v442.asked()) == len(steps)

    def test_a_line_that_fails_keeps_nothing_from_being_renewed(self, launch: t.Callable[..., Job]) -> None:
        assert "1 certificate: 1 issued, " in launch("issue_and_renew").run()
        job = launch("issue_and_renew", renew_force=True)
        with job.file("certificates.csv").open("a", encoding="utf-8") as file:
            file.write("ben-serra,CA_MISSPELT,Ben Serra,Ben,Serra,IDCES-87654321X,ES\n")
        said = job.run()
        assert "1 of 2 certificates failed: ben-serra: " in said, said
        assert "1 renewed" in said, said
        assert "failed=1 " in said, said

    def test_a_line_that_fails_keeps_no_request_from_approval(self, launch: t.Callable[..., Job]) -> None:
        job = launch("request")
        with job.file("certificates.csv").open("a", encoding="utf-8") as file:
            file.write("ben-serra,CA_MISSPELT,Ben Serra,Ben,Serra,IDCES-87654321X,ES\n")
        said = job.run()
        assert "1 of 2 certificates failed: ben-serra: " in said, said
        assert "failed=1 " in said, said
        assert [one["name"] for one in job.artifacts()["requests"]] == ["ana-garcia"]

    def test_where_no_requests_were_told_of_nothing_is_approved(self, launch: t.Callable[..., Job]) -> None:
        said = launch("decide").run()
        assert "the job before the approval told of no requests" in said, said

    def test_a_replacement_needs_a_criterion(self, launch: t.Callable[..., Job]) -> None:
        said = launch("replace", replace_issuer=" ", replace_names="", replace_state="open").run()
        assert "Answer at least one question" in said, said
