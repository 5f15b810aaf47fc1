# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed artifact, and what becomes of it when one bit is changed: ansible-galaxy must refuse it."""

from __future__ import annotations

import collections.abc as c
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import typing as t
from pathlib import Path

import artifact
import pytest
import release

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.release.conftest import Signer

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


def hiding(name: str, content: bytes) -> bytes:
    """Change a file together with its hash in FILES.json."""
    if name != artifact.FILES:
        return flipped(content) if name == CODE else content
    files = json.loads(content)
    (entry,) = (one for one in files["files"] if one["name"] == CODE)
    source = Path(__file__).resolve().parents[2] / CODE
    entry["chksum_sha256"] = hashlib.sha256(flipped(source.read_bytes())).hexdigest()
    return json.dumps(files).encode()


class Installation:
    """A person with a collections folder of one's own, and the public key of the signer."""

    def __init__(self, folder: Path, keyring: Path, signature: Path) -> None:
        # These imports need the collection, which pytest_configure makes known.
        from ansible_collections.redtrust.certificate_enroll.tests.release import galaxy
        from ansible_collections.redtrust.certificate_enroll.tests.release.conftest import program

        self.folder = folder
        self.signature = signature
        self._galaxy = galaxy
        self._program = [*program("ansible-galaxy"), "collection"]
        self._options = [galaxy.COLLECTION, "--collections-path", str(folder), "--keyring", str(keyring)]
        self._options += ["--required-valid-signature-count", "+1"]
        place = folder / "ansible_collections" / galaxy.NAMESPACE / galaxy.NAME
        self.code = place / CODE

    def install(self, path: Path) -> tuple[int, str]:
        """Install an artifact from a server; return the exit status and the output."""
        with self._galaxy.Galaxy(path, self.signature) as server:
            return self._run("install", *self._options, "--server", server, "--no-cache", "--force")

    def verify(self) -> tuple[int, str]:
        """Verify what is installed; return the exit status and the output."""
        return self._run("verify", *self._options, "--offline", "--signature", f"file://{self.signature}")

    def _run(self, *arguments: str) -> tuple[int, str]:
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment.update(HOME=str(self.folder), ANSIBLE_NOCOLOR="1", ANSIBLE_COLLECTIONS_PATH=str(self.folder))
        command = [*self._program, *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=self.folder)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def installation(tmp_path: Path, built: artifact.Artifact, signer: Signer) -> Installation:
    signature = signer.sign(built.read(artifact.MANIFEST), tmp_path / "artifact.asc")
    return Installation(tmp_path, signer.keyring, signature)


def test_what_was_signed_is_installed(installation: Installation, built: artifact.Artifact, tmp_path: Path) -> None:
    """What is refused below is refused because of its content, not because it is compressed in another way."""
    status, output = installation.install(changed(built.path, tmp_path / built.path.name, lambda _at, same: same))
    assert status == 0, output
    assert installation.code.read_bytes() == built.read(CODE)
    status, output = installation.verify()
    assert status == 0, output


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (artifact.MANIFEST, "because GnuPG signature verification failed"),
        (CODE, f"Checksum mismatch for '{CODE}'"),
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
    assert not installation.code.exists()


def test_one_bit_of_the_compressed_artifact(
    installation: Installation, built: artifact.Artifact, tmp_path: Path
) -> None:
    target = tmp_path / built.path.name
    target.write_bytes(flipped(built.path.read_bytes()))
    status, output = installation.install(target)
    assert status != 0, output
    assert not installation.code.exists()


def test_a_signature_of_another_release(installation: Installation, built: artifact.Artifact, signer: Signer) -> None:
    signer.sign(b"another manifest", installation.signature)
    status, output = installation.install(built.path)
    assert status != 0, output
    assert "because GnuPG signature verification failed" in output
    assert not installation.code.exists()


@pytest.mark.parametrize(
    "change",
    [lambda at, content: flipped(content) if at == artifact.FILES else content, hiding],
    ids=["the list of files", "a file and its hash"],
)
def test_the_list_of_files(
    installation: Installation,
    built: artifact.Artifact,
    tmp_path: Path,
    change: c.Callable[[str, bytes], bytes],
) -> None:
    """ansible-galaxy does not compare the list with the signed manifest when it installs, but when it verifies."""
    installation.install(changed(built.path, tmp_path / built.path.name, change))
    status, output = installation.verify()
    assert status != 0, output


def test_a_person_verifies_the_hashes_with_the_public_key(
    tmp_path: Path, released: list[Path], signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [Path(shutil.copy(path, tmp_path)) for path in released]
    monkeypatch.setenv("GNUPGHOME", str(signer.home))
    signature, of_sums, public = release.sign(paths, "toy@example.com")
    assert signature.name == f"{released[0].name}.asc"
    monkeypatch.setenv("GNUPGHOME", str(tmp_path))
    keyring = tmp_path / "redtrust.gpg"
    with public.open("rb") as key, keyring.open("wb") as binary:
        subprocess.run(["gpg", "--dearmor"], stdin=key, stdout=binary, check=True)
    verify = ["gpg", "--no-default-keyring", "--keyring", str(keyring), "--verify", str(of_sums), str(paths[-1])]
    assert subprocess.run(verify, check=False, capture_output=True).returncode == 0
    check = ["sha256sum", "--check", "--ignore-missing", paths[-1].name]
    assert subprocess.run(check, check=False, cwd=tmp_path, capture_output=True).returncode == 0
    paths[-1].write_bytes(flipped(paths[-1].read_bytes()))
    assert subprocess.run(verify, check=False, capture_output=True).returncode == 1
