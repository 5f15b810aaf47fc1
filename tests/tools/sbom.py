# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write bills of materials in CycloneDX: of an artifact, and of an execution environment.

They depend on their input alone, so that everybody can make them again.
"""

from __future__ import annotations

import collections.abc as c
import datetime as dt
import json
import re
import typing as t
import uuid

import yaml
from artifact import FILES, MANIFEST, Artifact
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

REQUIREMENTS = "meta/ee-requirements.txt"
DEFINITION = "extensions/execution-environment/execution-environment.yml"

Report = t.Mapping[str, t.Any]


def of_artifact(artifact: Artifact) -> Bom:
    """Return the bill of an artifact: each of its files, and what it needs where it runs."""
    bom = _bom(artifact, collection(artifact), "artifact")
    needed = [_needed("ansible-core", _required_ansible(artifact)), *map(_requirement, requirements(artifact))]
    files = [entry for entry in json.loads(artifact.read(FILES))["files"] if entry["ftype"] == "file"]
    for component in (*map(_file, files), *needed):
        bom.components.add(component)
    if bom.metadata.component:
        bom.register_dependency(bom.metadata.component, needed)
    return bom


def of_environment(artifact: Artifact, report: Report) -> Bom:
    """Return the bill of the execution environment that an artifact defines.

    ``report`` is that of pip for ``packages()``. What the base image has, and what its package manager adds to the
    Python interpreter, is not known before the image is built.
    """
    definition = yaml.safe_load(artifact.read(DEFINITION))
    root = Component(name="redtrust-ee", type=ComponentType.CONTAINER, version=_version(artifact), bom_ref="root")
    bom = _bom(artifact, root, "environment")
    installed = {canonicalize_name(one["metadata"]["name"]): one for one in report["install"]}
    packages_ = {name: _package(name, one) for name, one in installed.items()}
    content, interpreter = collection(artifact), definition["dependencies"]["python_interpreter"]["package_system"]
    others = [_image(definition["images"]["base_image"]["name"]), _system_package(interpreter), content]
    for component in (*others, *packages_.values()):
        bom.components.add(component)
    bom.register_dependency(root, [*others, *(packages_[name] for name, one in installed.items() if one["requested"])])
    bom.register_dependency(content, [packages_[canonicalize_name(one.name)] for one in requirements(artifact)])
    for name, one in installed.items():
        bom.register_dependency(
            packages_[name], [packages_[other] for other in _needs(one, installed, python_of(artifact))]
        )
    return bom


def packages(artifact: Artifact) -> list[str]:
    """Return what the execution environment has pip install."""
    definition = yaml.safe_load(artifact.read(DEFINITION))["dependencies"]
    own = [definition[name]["package_pip"] for name in ("ansible_core", "ansible_runner")]
    return [*own, *map(str, requirements(artifact))]


def python_of(artifact: Artifact) -> str:
    """Return the version of the Python in the execution environment, such as 3.12."""
    definition = yaml.safe_load(artifact.read(DEFINITION))["dependencies"]
    return str(definition["python_interpreter"]["package_system"]).removeprefix("python")


def requirements(artifact: Artifact) -> list[Requirement]:
    """Return the Python packages that the collection needs."""
    lines = artifact.read(REQUIREMENTS).decode().splitlines()
    return [Requirement(line) for line in (line.partition("#")[0].strip() for line in lines) if line]


def collection(artifact: Artifact) -> Component:
    """Return the component that an artifact is."""
    facts = json.loads(artifact.read(MANIFEST))["collection_info"]
    return Component(
        name=facts["name"],
        group=facts["namespace"],
        version=facts["version"],
        type=ComponentType.LIBRARY,
        description=facts["description"],
        licenses=[LicenseExpression(" AND ".join(facts["license"]))],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=artifact.sha256)],
        purl=PackageURL("generic", facts["namespace"], facts["name"], facts["version"]),
        bom_ref="collection",
    )


def written(bom: Bom) -> str:
    """Return a bill as JSON, with an end of line. Raise ValueError if the schema does not allow it."""
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise ValueError(f"the schema of CycloneDX does not allow the bill: {problem}")
    return text + "\n"


def _bom(artifact: Artifact, root: Component, kind: str) -> Bom:
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{artifact.sha256}:{kind}"))
    bom.metadata.timestamp = dt.datetime.fromtimestamp(artifact.time, dt.timezone.utc)
    bom.metadata.component = root
    return bom


def _version(artifact: Artifact) -> str:
    return str(json.loads(artifact.read(MANIFEST))["collection_info"]["version"])


def _file(entry: t.Mapping[str, t.Any]) -> Component:
    digest = HashType(alg=HashAlgorithm.SHA_256, content=entry["chksum_sha256"])
    return Component(name=entry["name"], type=ComponentType.FILE, hashes=[digest], bom_ref=f"file:{entry['name']}")


def _required_ansible(artifact: Artifact) -> str:
    return str(yaml.safe_load(artifact.read("meta/runtime.yml"))["requires_ansible"])


def _requirement(requirement: Requirement) -> Component:
    return _needed(requirement.name, str(requirement.specifier))


def _needed(name: str, versions: str) -> Component:
    """Return a package of which several versions will do."""
    return Component(
        name=name,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", None, canonicalize_name(name)),
        properties=[Property(name="redtrust:versions", value=versions)],
        bom_ref=f"pypi:{name}",
    )


def _package(name: str, installed: t.Mapping[str, t.Any]) -> Component:
    facts, archive = installed["metadata"], installed["download_info"].get("archive_info", {})
    digest = archive.get("hashes", {}).get("sha256")
    licence = facts.get("license_expression")
    return Component(
        name=facts["name"],
        version=facts["version"],
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", None, name, facts["version"]),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)] if digest else [],
        licenses=[LicenseExpression(licence)] if licence else [],
        bom_ref=f"pypi:{name}",
    )


def _needs(installed: t.Mapping[str, t.Any], known: c.Container[str], python: str) -> c.Iterator[NormalizedName]:
    """Yield the names of the packages that an installed one needs with this version of Python."""
    extras = ["", *installed.get("requested_extras", ())]
    machines = [{"extra": extra, "python_version": python, "python_full_version": f"{python}.0"} for extra in extras]
    for text in installed["metadata"].get("requires_dist", ()):
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        marker = requirement.marker
        if name in known and (marker is None or any(marker.evaluate(machine) for machine in machines)):
            yield name


def _image(name: str) -> Component:
    found = re.fullmatch(r"(?P<path>[^:@]+/(?P<name>[^:@/]+))(?::(?P<tag>[^@]+))?", name)
    if found is None:
        raise ValueError(f"{name} does not name an image")
    qualifiers = {"repository_url": found["path"], "tag": found["tag"] or "latest"}
    return Component(
        name=found["path"],
        version=qualifiers["tag"],
        type=ComponentType.CONTAINER,
        purl=PackageURL("oci", None, found["name"], None, qualifiers),
        bom_ref="image",
    )


def _system_package(name: str) -> Component:
    return Component(name=name, type=ComponentType.PLATFORM, purl=PackageURL("rpm", None, name), bom_ref="interpreter")
