# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long list shows its progress while its module works, in Ansible and in ansible-runner, and leaves no files."""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import Site
from ansible_collections.redtrust.certificate_enroll.tests.robustness.watched import Watched
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

if t.TYPE_CHECKING:
    from .conftest import NewSite

QUICK = Path(__file__).resolve().parent / "quick"
COUNT = 120
# The answers of the server take 120 * 2 / 16 * LATENCY seconds, and the module writes a line each second.
LATENCY = 0.3
LINE = re.compile(rf"progress: \[localhost\] => \d+ of {COUNT} certificates done, 0 failed, \d+ left, about \d+ s")


@pytest.fixture
def site(v442: Appliance, new_site: NewSite) -> Site:
    v442.set(latency=LATENCY)
    return new_site(v442).with_login()


def environment(site: Site) -> dict[str, str]:
    return {
        "ANSIBLE_CALLBACKS_ENABLED": "quick_progress",
        "ANSIBLE_CALLBACK_PLUGINS": str(QUICK),
        "ANSIBLE_HOME": str(site.certificates.parent / "ansible"),
    }


def write_play(site: Site) -> Path:
    """Write a play that issues a long list in one task."""
    entries = [{"name": f"n{number}", "dn": {"cn": f"n{number}"}, "provider": "CA_DEMO"} for number in range(COUNT)]
    task = {"certificates": entries, "signer": "local_ca", "local_ca": site.local_ca}
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {"group/redtrust.certificate_enroll.redtrust": site.options},
        "tasks": [{"redtrust.certificate_enroll.redtrust_certificate": task}],
    }
    path = site.certificates.parent / "play.json"
    path.write_text(json.dumps([play]), encoding="utf-8")
    return path


def files_of_ansible(site: Site) -> list[Path]:
    return [path for path in (site.certificates.parent / "ansible").rglob("*") if path.is_file()]


def test_lines_while_the_module_works(site: Site, tmp_path: Path) -> None:
    run = Watched.at(tmp_path / "watched")
    assert run.play(str(write_play(site)), {}, environment(site)) == 0, run.text("stdout")
    assert LINE.search(run.text("stdout")), run.text("stdout")
    # the list went in a file, so the arguments have none
    assert '"certificates_file": "' in run.text("stdout")
    assert [path for path in files_of_ansible(site) if path.name in ("certificates.jsonl", "progress")] == []


def test_lines_in_the_events_of_ansible_runner(site: Site, tmp_path: Path) -> None:
    run = Watched.at(tmp_path / "watched")
    assert run.play_with_runner(str(write_play(site)), {}, environment(site)) == 0, run.text("stdout")
    events = [json.loads(path.read_text("utf-8")) for path in run.seen.glob("runner/artifacts/job/job_events/*.json")]
    assert any(LINE.search(event["stdout"]) for event in events), run.text("stdout")
