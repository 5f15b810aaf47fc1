# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user without an entry in passwd and without HOME, as in a container of OpenShift or a job of AWX."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.robustness.direct import steps
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import TREE, Site

NOBODY = 54321
SCRIPT = """
from ansible.module_utils import basic
from ansible_collections.redtrust.certificate_enroll.plugins.modules import {module} as module

basic._ANSIBLE_PROFILE = "legacy"
module.main()
"""


def as_nobody(module: str, options: dict[str, t.Any], folder: Path) -> dict[str, t.Any]:
    """Run a module with an empty environment, in an empty folder, as a user without an entry in passwd."""
    folder.mkdir(exist_ok=True)
    command = ["unshare", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "env", "-i", f"PYTHONPATH={TREE}"]
    ran = subprocess.run(
        [*command, sys.executable, "-c", SCRIPT.format(module=module)],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": options}),
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
        check=False,
    )
    if ran.stderr.startswith("unshare: "):
        pytest.skip(f"no process can be another user here: {ran.stderr}")
    assert ran.stderr == ""
    assert list(folder.iterdir()) == []
    said: dict[str, t.Any] = json.loads(ran.stdout)
    return said


pytestmark = pytest.mark.skipif(not shutil.which("unshare"), reason="the program unshare is not here")


@pytest.mark.parametrize("session", ["in a file beside the store", "in the store"])
def test_with_store_path_all_works(site: Site, tmp_path: Path, session: str) -> None:
    if session == "in the store":
        site.with_session_key()
    else:
        del site.options["session_path"]
    folder = tmp_path / "cwd"

    def step(module: str, **options: t.Any) -> dict[str, t.Any]:
        return as_nobody(module, {**site.options, **options}, folder)

    for module in ("redtrust_csr", "redtrust_sign", "redtrust_finalize"):
        said = step(module, **site.step_options(module, ["www"]))
        assert said["certificates"][0]["failed"] is False, said
    assert [one["current"]["revision"] for one in step("redtrust_enrollment_info")["enrollments"]] == [1]
    assert site.store_path.parent.joinpath("sessions").is_dir() is (session != "in the store")
    assert step("redtrust_token", state="absent")["action"] == "logout"
    assert steps(site.appliance) == {"login": 1, "create": 1, "finalize": 1, "logout": 1}
    assert {path.stat().st_uid for path in site.store_path.parent.iterdir()} == {os.geteuid()}


@pytest.mark.parametrize("module", ["redtrust_csr", "redtrust_enrollment_info", "redtrust_token"])
@pytest.mark.parametrize("check", [False, True])
def test_without_it_one_message_says_what_to_set(site: Site, tmp_path: Path, module: str, check: bool) -> None:
    options = {name: value for name, value in site.options.items() if name not in ("store_path", "session_path")}
    if module == "redtrust_csr":
        options.update(site.step_options(module, ["www"]))
    said = as_nobody(module, {**options, "_ansible_check_mode": check}, tmp_path / "cwd")
    assert said["failed"]
    assert said["msg"] == (
        f"store_path is '~/.local/share/redtrust/store.sqlite3', and this run (user id {NOBODY}) has nothing to put in "
        "the place of ~: set store_path or REDTRUST_STORE_PATH to a path that begins with /, or set HOME"
    )
    assert steps(site.appliance) == {}
