# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a release, made once for all tests, and keys of gpg that are thrown away."""

from __future__ import annotations

import collections.abc as c
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import artifact
import pytest
import release
import workshop

REPORT = Path(__file__).with_name("report.json")
# "required" makes a missing gpg a failure, "" a reason to skip.
GPG = os.environ.get("CERTIFICATE_ENROLL_GPG", "")


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write the files of a release of the last commit, with what pip once said."""
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    return release.write("HEAD", tmp_path_factory.mktemp("release"), lambda _built: report)


@pytest.fixture(scope="session")
def built(released: list[Path]) -> artifact.Artifact:
    """Return the artifact of that release."""
    return artifact.Artifact(released[0], artifact.time_of(workshop.ROOT, "HEAD"))


class Signer:
    """A person with a key. The folder of gpg has a short path, since its sockets must have one."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.keyring = home / "public.gpg"
        self._gpg("--passphrase", "", "--quick-generate-key", "Toy <toy@example.com>", "ed25519", "sign", "never")
        self._gpg("--export", "--output", str(self.keyring))

    def sign(self, content: bytes, path: Path) -> Path:
        """Write a detached signature, and return its path."""
        self._gpg("--armor", "--detach-sign", "--output", str(path), content=content)
        return path

    def _gpg(self, *arguments: str, content: bytes = b"") -> None:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--yes", "--quiet", *arguments]
        subprocess.run(command, input=content, check=True, capture_output=True)


@pytest.fixture(scope="session")
def signer() -> c.Iterator[Signer]:
    """Return a person with a key of one's own."""
    if shutil.which("gpg") is None:
        words = "no gpg is here: install gnupg to verify signatures"
        (pytest.fail if GPG == "required" else pytest.skip)(words)
    home = Path(tempfile.mkdtemp(prefix="gpg-", dir="/tmp"))
    try:
        yield Signer(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def program(name: str) -> list[str]:
    """Return the start of the command line of a program of Python."""
    return [sys.executable, str(Path(sys.executable).with_name(name))]
