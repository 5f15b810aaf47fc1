# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample project for AWX, signed with ansible-sign as AWX verifies it before a job."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
import workshop

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.release.conftest import Signer

PROJECT = workshop.ROOT / "extensions" / "awx" / "project"


class Project:
    """A copy of the project, in a folder of its own."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        # This import needs the collection, which pytest_configure makes known.
        from ansible_collections.redtrust.certificate_enroll.tests.release.conftest import program

        self.folder = Path(shutil.copytree(PROJECT, folder / "project"))
        self._program = [*program("ansible-sign"), "--nocolor", "project"]
        self._signer = signer

    def sign(self) -> None:
        """Sign the project."""
        self._run("gpg-sign", "--gnupg-home", str(self._signer.home)).check_returncode()

    def verify(self) -> bool:
        """Return whether the project is as it was signed."""
        return self._run("gpg-verify", "--keyring", str(self._signer.keyring)).returncode == 0

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*self._program, *arguments, str(self.folder)]
        # without a terminal, ansible-sign asks for its name in vain
        environment = {**os.environ, "GPG_TTY": "none"}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


@pytest.fixture
def project(tmp_path: Path, signer: Signer) -> Project:
    made = Project(tmp_path, signer)
    made.sign()
    return made


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_each_file_is_signed(project: Project) -> None:
    sums = (project.folder / ".ansible-sign" / "sha256sum.txt").read_text(encoding="utf-8")
    assert {line.split("  ", 1)[1] for line in sums.splitlines()} == files(PROJECT)
    assert project.verify()


def test_a_change_of_any_file_is_found(project: Project) -> None:
    for name in sorted(files(PROJECT)):
        path = project.folder / name
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        assert not project.verify(), name
        path.write_bytes(content)
    assert project.verify()


def test_another_file_is_found(project: Project) -> None:
    (project.folder / "playbooks" / "another.yml").write_text("[]\n", encoding="utf-8")
    assert not project.verify()
