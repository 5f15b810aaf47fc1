# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the vendor's page for all endpoints, tested on each endpoint; the default generation."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, command, problem


@pytest.mark.parametrize("step", ["exchange", "refresh", "create", "renew", "finalize"])
def test_every_body_must_be_labelled_as_json(sandbox: Appliance, step: str) -> None:
    headers = {**sandbox.sign().headers(), "Authorization": f"Bearer {sandbox.access()}", "Content-Type": "text/plain"}
    verb, path = sandbox.path(step)
    answer = sandbox.send(verb, sandbox.url(path), data=b"{}", headers=headers)
    assert problem(answer) == (415, "CONTENT_TYPE_INVALID")


def test_433_has_no_logout_on_the_port_for_certificates(v433: Appliance) -> None:
    token = v433.access()
    headers = {**v433.sign().headers(), "Authorization": f"Bearer {token}"}
    wrong = v433.send("DELETE", f"https://127.0.0.1:{v433.facts['port']}/authapi/v1/logout", headers=headers)
    assert problem(wrong) == (404, "NOT_FOUND")
    assert v433.ask("logout", token=token).status_code == 200


def test_433_is_served_unless_another_is_named(tmp_path: Path) -> None:
    command("serve", "--daemon", "--directory", str(tmp_path), "--parent-pid", str(os.getpid()))
    try:
        assert json.loads((tmp_path / "ready.json").read_text(encoding="utf-8"))["api_version"] == "4.33"
    finally:
        command("stop", "--directory", str(tmp_path))
