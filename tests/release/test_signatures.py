# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed artifact, and what becomes of it when one byte is changed: ansible-galaxy must refuse it."""

from __future__ import annotations

import collections.abc as c
import gzip
import io
import os
import subprocess
import tarfile
import typing as t
from pathlib import Path

import artifact
import pytest

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.release.conftest import Signer

from ansible_collections.redtrust.certificate_enroll.tests.release.conftest import program

INSTALLED = "ansible_collections/redtrust/certificate_enroll/plugins/modules/redtrust_certificate.py"
CODE = "plugins/modules/redtrust_certificate.py"


def flipped(content: bytes) -> bytes:
    """Return the content with another bit in its middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def changed(source: Path, target: Path, change: c.Callable[[str, bytes], bytes]) -> Path:
    """Write an artifact with other contents of its files, and return its path."""
    raw = io.BytesIO()
    with tarfile.open(source) as old, tarfile.open(fileobj=raw, mode="w") as new:
        for member in old:
            file = old.extractfile(member)
            content = change(member.name, file.read()) if file else b""
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    target.write_bytes(gzip.compress(raw.getvalue(), compresslevel=1))
    return target


class Installation:
    """A person who installs artifacts, and has the public key of the signer."""

    def __init__(self, folder: Path, keyring: Path, signature: Path) -> None:
        self.folder = folder
        self.code = folder / "collections" / INSTALLED
        self._options = ["--keyring", str(keyring), "--signature", f"file://{signature}"]

    def install(self, path: Path) -> tuple[int, str]:
        """Install an artifact; return the exit status and the output."""
        command = [*program("ansible-galaxy"), "collection", "install", str(path), *self._options]
        command += ["--collections-path", str(self.folder / "collections"), "--offline", "--force"]
        environment = {**os.environ, "HOME": str(self.folder), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "1000"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=self.folder)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def installation(tmp_path: Path, built: artifact.Artifact, signer: Signer) -> Installation:
    signature = signer.sign(built.read(artifact.MANIFEST), tmp_path / "artifact.asc")
    return Installation(tmp_path, signer.keyring, signature)


def test_what_was_signed_is_installed(installation: Installation, built: artifact.Artifact) -> None:
    status, output = installation.install(built.path)
    assert status == 0, output
    assert installation.code.read_bytes() == built.read(CODE)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (artifact.MANIFEST, "signature"),
        (artifact.FILES, "heck"),
        (CODE, "hecksum"),
    ],
)
def test_one_bit_of_a_file(
    installation: Installation, built: artifact.Artifact, tmp_path: Path, name: str, words: str
) -> None:
    target = tmp_path / built.path.name
    changed(built.path, target, lambda at, content: flipped(content) if at == name else content)
    status, output = installation.install(target)
    assert status != 0, output
    assert words in output
    assert not installation.code.exists() or installation.code.read_bytes() == built.read(CODE)


def test_one_bit_of_the_compressed_artifact(
    installation: Installation, built: artifact.Artifact, tmp_path: Path
) -> None:
    target = tmp_path / built.path.name
    target.write_bytes(flipped(built.path.read_bytes()))
    status, output = installation.install(target)
    assert status != 0, output


def test_a_signature_of_somebody_else(
    installation: Installation, built: artifact.Artifact, tmp_path: Path, signer: Signer
) -> None:
    signer.sign(b"another manifest", tmp_path / "artifact.asc")
    status, output = installation.install(built.path)
    assert status != 0, output
    assert not installation.code.exists()


def test_an_artifact_that_is_written_anew_with_the_same_content_is_installed(
    installation: Installation, built: artifact.Artifact, tmp_path: Path
) -> None:
    """The changes above are refused because of the byte, not because of the way in which it is changed."""
    target = changed(built.path, tmp_path / built.path.name, lambda _at, content: content)
    assert installation.install(target)[0] == 0
