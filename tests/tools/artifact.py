# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the artifact of a commit, the same byte for byte, whoever builds it, where and when.

ansible-galaxy writes the times of the build and of the files, and lists the files in the order of the file system. So
the artifact is written anew: its files in the order of their names, with the time of the commit. It is compressed by
zlib, so another library in its place may make other bytes of the same content.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import typing as t
from pathlib import Path

import workshop

MANIFEST, FILES = "MANIFEST.json", "FILES.json"


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A built artifact; ``time`` is that of its commit, in seconds since the epoch."""

    path: Path
    time: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with tarfile.open(self.path) as archive:
            file = archive.extractfile(name)
            return file.read() if file else b""


def build(checkout: Path, revision: str, output: Path) -> Artifact:
    """Build the artifact of a commit, and write it into a folder, in place of one that is there."""
    moment = time_of(checkout, revision)
    with tempfile.TemporaryDirectory(prefix="artifact-") as place:
        tree, built = Path(place, "tree"), Path(place, "built")
        export(checkout, revision, tree)
        program = Path(sys.executable).with_name("ansible-galaxy")
        command = [sys.executable, str(program), "collection", "build", str(tree), "--output-path", str(built)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=_environment(place))
        (found,) = built.glob("*.tar.gz")
        output.mkdir(parents=True, exist_ok=True)
        path = output / found.name
        path.write_bytes(normalized(found.read_bytes(), moment))
    return Artifact(path, moment)


def export(checkout: Path, revision: str, target: Path) -> None:
    """Write the files of a commit into a folder."""
    archive = subprocess.run(["git", "archive", revision], cwd=checkout, check=True, stdout=subprocess.PIPE).stdout
    # Python 3.11 has this filter since 3.11.4
    safely: dict[str, t.Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(target, **safely)


def time_of(checkout: Path, revision: str) -> int:
    """Return the time of a commit in seconds since the epoch, or SOURCE_DATE_EPOCH if it is set."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    command = ["git", "log", "-1", "--format=%ct", revision]
    return int(given or subprocess.run(command, cwd=checkout, check=True, stdout=subprocess.PIPE).stdout)


def normalized(built: bytes, moment: int) -> bytes:
    """Return an artifact without what differs from build to build."""
    with tarfile.open(fileobj=io.BytesIO(built)) as archive:
        members = {member.name: member for member in archive}
        contents = {name: file.read() for name, file in ((one, archive.extractfile(one)) for one in members) if file}
    files = json.loads(contents[FILES])
    files["files"].sort(key=lambda entry: str(entry["name"]))
    contents[FILES] = _as_json(files)
    manifest = json.loads(contents[MANIFEST])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(contents[FILES]).hexdigest()
    contents[MANIFEST] = _as_json(manifest)
    names = [MANIFEST, FILES, *sorted(set(members) - {MANIFEST, FILES})]
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in names:
            archive.addfile(_member(members[name], contents.get(name), moment), io.BytesIO(contents.get(name, b"")))
    return gzip.compress(raw.getvalue(), compresslevel=9, mtime=moment)


def _member(built: tarfile.TarInfo, content: bytes | None, moment: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(built.name)
    member.type, member.linkname = built.type, built.linkname
    member.mode = 0o755 if built.isdir() or built.mode & 0o100 else 0o644
    member.size = len(content or b"")
    member.mtime = moment
    return member


def _as_json(value: t.Any) -> bytes:
    """Return JSON as ansible-galaxy writes it."""
    return json.dumps(value, indent=True).encode()


def _environment(home: str) -> dict[str, str]:
    return {**workshop.clean_environment(), "HOME": home, "LC_ALL": "C.UTF-8"}
