# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ansible-rulebook with the rulebook of the collection: what is due is renewed, and that is told once."""

from __future__ import annotations

import collections.abc as c
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import ONE_PASS, TREE, Site

# "required" makes a missing program a failure, "" a reason to skip.
RULEBOOK = os.environ.get("CERTIFICATE_ENROLL_RULEBOOK", "")
SHIPPED = TREE / "ansible_collections/redtrust/certificate_enroll/extensions/eda/rulebooks/renew.yml"
SECONDS = 120

# It prints what was renewed.
TOLD: dict[str, t.Any] = {
    "name": "Tell what was renewed",
    "hosts": "localhost",
    "sources": [
        {
            "name": "renewed",
            "redtrust.certificate_enroll.enrollments": {"position": "told", "kinds": ["renewed"], "interval": 1},
        }
    ],
    "rules": [
        {
            "name": "Print it",
            "condition": 'event.kind == "renewed"',
            "action": {"debug": {"msg": "told: {{ event.name }} {{ event.revision }} {{ event.id }}"}},
        }
    ],
}


@pytest.fixture(autouse=True)
def programs() -> None:
    """Leave the test out where a program is missing, unless they are required."""
    missing = [] if shutil.which("java") else ["java"]
    missing += [] if importlib.util.find_spec("ansible_rulebook") else ["ansible-rulebook"]
    if missing:
        words = f"missing here: {', '.join(missing)}, so no rulebook is run"
        (pytest.fail if RULEBOOK == "required" else pytest.skip)(words)


def renewing() -> dict[str, t.Any]:
    """Return the rulebook of the collection, which does not wait here for more of them to be due."""
    (shipped,) = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    shipped["sources"][0]["redtrust.certificate_enroll.enrollments"].update(renew_before="90%")
    shipped["rules"][0]["throttle"]["once_after"] = "1 seconds"
    return dict(shipped)


@contextlib.contextmanager
def running(site: Site, directory: Path, *rulesets: dict[str, t.Any]) -> c.Iterator[Path]:
    """Run ansible-rulebook until the end of the block, then kill it; yield the file with its output."""
    directory.mkdir()
    signer = {"type": "local_ca", "validity": "365d", **site.local_ca}
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {"localhost": {**variables, "renew_signer": signer, "renew_before": "90%"}}
    (directory / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    (directory / "rulebook.yml").write_text(json.dumps(rulesets), encoding="utf-8")
    connection = {f"REDTRUST_{name.upper()}": str(value) for name, value in site.options.items()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "REDTRUST_"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    files = ["--rulebook", "rulebook.yml", "--inventory", "inventory.yml"]
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ansible_rulebook", *files],
            cwd=directory,
            env={**kept, **connection, "PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(TREE), "HOME": str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield directory / "output"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def told(output: Path, name: str) -> list[str]:
    """Wait until the renewal of a certificate is told; return all that was told."""
    end = time.monotonic() + SECONDS
    while True:
        text = output.read_text(encoding="utf-8", errors="replace")
        lines = re.findall(r"^told: (.*)$", text, re.MULTILINE)
        if any(line.startswith(f"{name} ") for line in lines):
            return lines
        assert time.monotonic() < end, text
        time.sleep(0.2)


def test_what_is_due_is_renewed_and_told_once(site: Site, tmp_path: Path) -> None:
    site.options["service"] = "svc"
    site.step(ONE_PASS, ["www", "mail"])
    site.let_them_age(["www"])
    with running(site, tmp_path / "first", renewing(), TOLD) as output:
        (first,) = told(output, "www")
    assert re.fullmatch(r"www 2 svc/www/renewed/\d+-[0-9a-f]{16}", first)
    site.let_them_age(["mail"])
    site.step(ONE_PASS, ["www", "mail"], renew_before="90%")
    with running(site, tmp_path / "second", TOLD) as output:
        lines = told(output, "mail")
    # it was killed at any point: what was told last may come again, with the same id
    assert [line.split()[:2] for line in lines if line != first] == [["mail", "2"]]
    assert [row["state"] for row in site.revisions()] == ["superseded", "finalized"] * 2
