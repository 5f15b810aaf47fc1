# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare docs/architecture.md with the code: its picture with the imports, its recipes with the files."""

from __future__ import annotations

import ast
import re
from pathlib import Path, PurePosixPath

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.unit.imports import (
    ABSOLUTE,
    LAYERS,
    PLUGINS,
    imports_of,
    is_package,
    layer_of,
)

ROOT = PLUGINS.parent
DOCUMENT = ROOT / "docs" / "architecture.md"
MODULES = "modules"


def uses() -> dict[str, set[str]]:
    """Return for each package, and for the modules, the packages that it imports."""
    found: dict[str, set[str]] = {}
    for path in PLUGINS.rglob("*.py"):
        relative = PurePosixPath(path.relative_to(PLUGINS))
        user = layer_of(relative) or (MODULES if relative.parts[0] == MODULES else "")
        if not user or (user != MODULES and not is_package(user)):
            continue
        names = [name for _line, name in imports_of(relative, ast.parse(path.read_text(encoding="utf-8")))]
        used = {name[len(ABSOLUTE) :].split(".")[1] for name in names if name.startswith(f"{ABSOLUTE}module_utils.")}
        found.setdefault(user, set()).update(other for other in used - {user} if is_package(other))
    return found


def reach(start: str, arrows: dict[str, set[str]]) -> set[str]:
    """Return all places that the arrows reach, in one step or more."""
    return {place for other in arrows[start] for place in (other, *reach(other, arrows))}


def picture(arrows: dict[str, set[str]]) -> str:
    """Draw the packages in Mermaid; leave out an arrow if a longer way shows the same."""
    lines = ["flowchart TD"]
    for user in [MODULES, *(layer for layer in reversed(LAYERS) if is_package(layer))]:
        longer = {place for other in arrows[user] for place in reach(other, arrows)}
        lines += [f"    {user} --> {other}" for other in sorted(arrows[user] - longer)]
    return "\n".join(lines)


def test_the_picture_is_drawn_from_the_imports() -> None:
    drawn = re.findall(r"```mermaid\n(flowchart.*?)\n```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert drawn == [picture(uses())]


def test_a_longer_way_hides_an_arrow() -> None:
    arrows = {layer: set[str]() for layer in LAYERS if is_package(layer)}
    arrows |= {MODULES: {"_module", "_store"}, "_module": {"_store"}, "_store": {"_x509"}}
    assert picture(arrows).splitlines()[1:] == [
        "    modules --> _module",
        "    _module --> _store",
        "    _store --> _x509",
    ]


def test_each_package_is_explained() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [layer for layer in LAYERS if f"| `{layer}" not in text] == []


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_files_that_it_names_are_there(document: str) -> None:
    named = re.findall(r"`((?:plugins|roles|tests|docs|changelogs)/[\w./*-]+)`", (ROOT / document).read_text("utf-8"))
    assert named
    assert [name for name in named if not list(ROOT.glob(name))] == []


def recipe(title: str) -> set[str]:
    """Return the product files that the table below a title names."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = re.search(rf"^### {re.escape(title)}\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    assert section is not None
    return set(re.findall(r"^\| `((?:plugins|roles)/[^`]+)`", section[1], re.MULTILINE))


def product_files_with(word: str) -> set[str]:
    """Return the product files that contain a word, except those of the sandbox, which is a server of its own."""
    found = set()
    for path in [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "roles").rglob("*.yml")]:
        relative = path.relative_to(ROOT)
        if Path("roles/sandbox") not in relative.parents and re.search(
            rf"\b{word}\b", path.read_text(encoding="utf-8")
        ):
            found.add(str(relative))
    return found
