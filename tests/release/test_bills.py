# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bills of materials."""

from __future__ import annotations

import hashlib
import json
import tarfile
import typing as t
from pathlib import Path

import artifact
import pytest
import sbom
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component
from packaging.requirements import Requirement

REPORT = json.loads(Path(__file__).with_name("report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def files(released: list[Path]) -> dict[str, t.Any]:
    """Return the bill of the artifact."""
    return t.cast("dict[str, t.Any]", json.loads(released[1].read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def environment(released: list[Path]) -> dict[str, t.Any]:
    """Return the bill of the execution environment."""
    return t.cast("dict[str, t.Any]", json.loads(released[2].read_text(encoding="utf-8")))


def depends(bill: dict[str, t.Any], ref: str) -> list[str]:
    (found,) = (one.get("dependsOn", []) for one in bill["dependencies"] if one["ref"] == ref)
    return list(found)


def test_the_bill_of_the_artifact_has_each_file(built: artifact.Artifact, files: dict[str, t.Any]) -> None:
    listed = {one["name"]: one["hashes"][0]["content"] for one in files["components"] if one["type"] == "file"}
    with tarfile.open(built.path) as archive:
        there = {
            member.name: hashlib.sha256(content.read()).hexdigest()
            for member, content in ((one, archive.extractfile(one)) for one in archive.getmembers())
            if content and member.name not in (artifact.MANIFEST, artifact.FILES)
        }
    assert listed == there


def test_the_bill_of_the_artifact_names_it(built: artifact.Artifact, files: dict[str, t.Any]) -> None:
    component = files["metadata"]["component"]
    assert (component["group"], component["name"]) == ("redtrust", "certificate_enroll")
    assert component["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(built.path.read_bytes()).hexdigest()}]
    assert component["licenses"] == [{"expression": "GPL-3.0-or-later"}]
    needed = {one["name"]: one["properties"][0]["value"] for one in files["components"] if one["type"] == "library"}
    assert needed["ansible-core"] == ">=2.16.0"
    assert needed["cryptography"] == ">=41"


def test_a_bill_is_the_same_each_time(released: list[Path], built: artifact.Artifact) -> None:
    assert sbom.written(sbom.of_artifact(built)) == released[1].read_text(encoding="utf-8")


def test_the_bill_of_the_environment_has_what_pip_installs(environment: dict[str, t.Any]) -> None:
    installed = {one["purl"]: one for one in environment["components"] if one.get("purl", "").startswith("pkg:pypi")}
    assert "pkg:pypi/psycopg-binary@3.3.9" in installed
    assert len(installed) == len(REPORT["install"])
    assert installed["pkg:pypi/requests@2.34.2"]["hashes"][0]["content"] == "ab" * 32
    assert installed["pkg:pypi/requests@2.34.2"]["licenses"] == [{"expression": "Apache-2.0"}]
    assert "mirror.example.com" not in json.dumps(environment)


def test_the_bill_of_the_environment_tells_what_needs_what(environment: dict[str, t.Any]) -> None:
    assert depends(environment, "pypi:psycopg") == ["pypi:psycopg-binary"]
    assert depends(environment, "pypi:cryptography") == ["pypi:cffi"]
    assert depends(environment, "pypi:requests") == []
    assert {"image", "interpreter", "collection"} <= set(depends(environment, "root"))
    assert "pypi:cryptography" in depends(environment, "collection")


def test_pip_is_asked_for_what_the_definition_says(built: artifact.Artifact) -> None:
    names = {Requirement(text).name for text in sbom.packages(built)}
    assert {"ansible-core", "ansible-runner", "cryptography", "requests"} <= names
    assert sbom.python_of(built).startswith("3.")


def test_a_bill_that_the_schema_does_not_allow_is_refused() -> None:
    with pytest.raises(ValueError, match="the schema of CycloneDX does not allow the bill"):
        sbom.written(Bom(components=[Component(name="wrong", mime_type="no mime type")]))


def test_the_files_of_a_release(released: list[Path]) -> None:
    folder, stem = released[0].parent, released[0].name.removesuffix(".tar.gz")
    names = [f"{stem}.tar.gz", f"{stem}.cdx.json", f"{stem}-execution-environment.cdx.json"]
    assert [path.name for path in released] == [*names, "SHA256SUMS"]
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in names]
    assert released[-1].read_text(encoding="utf-8").splitlines() == sums
