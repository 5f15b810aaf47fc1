# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the files of a release, for ``make release-files``: the artifact, bills of materials, hashes, signatures."""

from __future__ import annotations

import argparse
import collections.abc as c
import hashlib
import json
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import artifact
import sbom
import workshop

# The wheels that a usual image on this platform takes.
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
SUMS = "SHA256SUMS"
PUBLIC_KEY = "redtrust-certificate_enroll.asc"


def write(revision: str, output: Path, report: c.Callable[[artifact.Artifact], sbom.Report]) -> list[Path]:
    """Write the files of the release of a commit into a folder, and return their paths, the artifact first."""
    built = artifact.build(workshop.ROOT, revision, output)
    stem = built.path.name.removesuffix(".tar.gz")
    bills = {
        f"{stem}.cdx.json": sbom.of_artifact(built),
        f"{stem}-execution-environment.cdx.json": sbom.of_environment(built, report(built)),
    }
    for name, bill in bills.items():
        (output / name).write_text(sbom.written(bill), encoding="utf-8")
    paths = [built.path, *(output / name for name in bills)]
    sums = output / SUMS
    sums.write_text("".join(f"{_sha256(path)}  {path.name}\n" for path in paths), encoding="utf-8")
    return [*paths, sums]


def sign(paths: c.Sequence[Path], key: str) -> list[Path]:
    """Sign the manifest of the artifact, as ansible-galaxy verifies it, and the hashes of all files.

    Return the paths of the signatures, and of the public key.
    """
    manifest = artifact.Artifact(paths[0], 0).read(artifact.MANIFEST)
    signed = {Path(f"{paths[0]}.asc"): manifest, Path(f"{paths[-1]}.asc"): paths[-1].read_bytes()}
    for path, content in signed.items():
        _gpg("--local-user", key, "--detach-sign", "--output", str(path), content=content)
    public = paths[0].parent / PUBLIC_KEY
    _gpg("--export", "--output", str(public), key)
    return [*signed, public]


def ask_pip(built: artifact.Artifact) -> sbom.Report:
    """Return pip's report of what the execution environment gets today. Nothing is installed."""
    version, wanted = sbom.python_of(built), sbom.packages(built)
    with tempfile.TemporaryDirectory(prefix="release-") as place:
        path = Path(place, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--quiet", "--ignore-installed"]
        command += ["--report", str(path), "--target", place, "--only-binary", ":all:", "--python-version", version]
        for platform in PLATFORMS:
            command += ["--platform", platform]
        subprocess.run([*command, *wanted], check=True)
        found: dict[str, t.Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _gpg(*arguments: str, content: bytes = b"") -> None:
    subprocess.run(["gpg", "--batch", "--yes", "--armor", *arguments], input=content, check=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Write the files, and print their paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--revision", default="HEAD", help="the commit of the release, by default HEAD")
    parser.add_argument("--output", type=Path, default=workshop.BUILD / "release")
    parser.add_argument("--key", help="the key of gpg to sign with, by default nothing is signed")
    options = parser.parse_args()
    paths = write(options.revision, options.output, ask_pip)
    for path in [*paths, *(sign(paths, options.key) if options.key else ())]:
        print(path)


if __name__ == "__main__":
    main()
