# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the guide as plays, at a real CA: only addresses and secrets are replaced."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import yaml

from ansible_collections.redtrust.certificate_enroll.tests.robustness.runs import Play, Run, own_core

from .desk import subject
from .openbao import GUIDE

if t.TYPE_CHECKING:
    from .conftest import NewDesk
    from .desk import Desk
    from .openbao import OpenBao


def example(signer: str) -> dict[str, t.Any]:
    """Return the variables of the role in the example for a signer."""
    for block in re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        (first,) = loaded if isinstance(loaded := yaml.safe_load(block), list) else [loaded]
        for role in first.get("roles", []):
            if role["vars"]["issue_signer"]["type"] == signer:
                found: dict[str, t.Any] = role["vars"]
                return found
    raise AssertionError(f"{GUIDE} has no example for {signer}")


def played(desk: Desk, directory: Path, variables: dict[str, t.Any]) -> Run:
    """Run the playbook of the role to its end."""
    environment = {f"REDTRUST_{name.upper()}": str(value) for name, value in desk.options.items()}
    run = Play(own_core(), directory, "issue", variables, environment).start()
    run.wait()
    return run


def test_a_play_with_openbao(openbao: OpenBao, new_desk: NewDesk, tmp_path: Path) -> None:
    desk = new_desk("openbao")
    variables = example("openbao")
    variables["issue_directory"] = str(desk.certificates)
    own = {"url": openbao.url, "ca_path": str(openbao.tls.ca_path), **openbao.approle("redtrust")}
    variables["issue_signer"].update(own)
    first = played(desk, tmp_path / "first", variables)
    second = played(desk, tmp_path / "second", variables)
    assert first.changes, first.said()
    assert second.changes == 0, second.said()
    (ana,) = desk.in_use()
    expected = {("CN", "Ana Garcia Lopez"), ("2.5.4.5", "IDCES-12345678Z"), ("O", "Example"), ("C", "ES")}
    assert set(subject(ana)) == expected
    assert own["secret_id"] not in first.said()


def test_a_play_shows_no_secret_when_the_ca_refuses_it(openbao: OpenBao, new_desk: NewDesk, tmp_path: Path) -> None:
    desk = new_desk("openbao")
    variables = example("openbao")
    variables["issue_directory"] = str(desk.certificates)
    own = {"url": openbao.url, "ca_path": str(openbao.tls.ca_path), **openbao.approle("redtrust")}
    variables["issue_signer"].update(own, secret_id="a wrong secret, not for eyes")
    run = played(desk, tmp_path / "play", variables)
    assert "look at the credentials of openbao" in run.said()
    assert "not for eyes" not in run.said()
