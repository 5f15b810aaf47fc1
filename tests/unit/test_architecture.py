# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare docs/architecture.md with the code: its picture with the imports, its recipes with the files."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

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
# One that is an end, and one that is on its way.
STATES = ("rejected", "signing")


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


def product_files_with(pattern: str) -> set[str]:
    """Return the files of the product that a pattern finds, but for the sandbox, which is a server of its own."""
    paths = [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "roles").rglob("*.yml")]
    found = {path.relative_to(ROOT).as_posix() for path in paths if re.search(pattern, path.read_text("utf-8"))}
    return {name for name in found if not name.startswith("roles/sandbox/")}


def test_the_recipe_for_a_field() -> None:
    assert recipe("A field of csr/create") == product_files_with(r"\bhash_type\b")


def test_the_recipe_for_a_signer() -> None:
    """Examples and advice name a signer where any other would do, and the file of a signer has its own name.

    The first two signers also have options of their own in the roles.
    """
    optional = {
        "roles/issue/meta/argument_specs.yml",
        "roles/renew/meta/argument_specs.yml",
        "plugins/filter/refusal.py",
        "plugins/module_utils/_module/role_steps.py",
        "plugins/modules/redtrust_certificate.py",
        "plugins/modules/redtrust_sign.py",
    }
    own = {"plugins/module_utils/_signers/local_ca.py": "plugins/module_utils/_signers/<name>.py"}
    named = product_files_with(r"\blocal_ca\b")
    assert named >= {*optional, *own}
    assert recipe("A signer") == {own.get(name, name) for name in named - optional}


def test_the_recipe_for_a_generation() -> None:
    """The modules name one generation in their examples alone. An object identifier has these digits too."""
    named = product_files_with(r"(?<![\d.])4\.42\b")
    assert recipe("An API generation") == {name for name in named if not name.startswith("plugins/modules/")}


def test_the_recipe_for_an_error() -> None:
    """Where the parent alone is named, the kind may have to be told apart. The files of the signers are one row."""
    named = product_files_with(r"\bSigner(?:Rejected)?Error\b")
    signers = {name for name in named if "/_signers/" in name and not name.endswith("/base.py")}
    assert recipe("An error") == (named - signers) | {"plugins/module_utils/_signers/<name>.py"}


def test_the_recipe_for_a_state() -> None:
    """Both words have other uses, so they count as a member, as a literal and as a value in the documentation."""
    named = {state: product_files_with(rf"State\.{state.upper()}\b|V\({state}\)|[\"']{state}[\"']") for state in STATES}
    assert all(named.values())
    assert recipe("A state of a revision") == set().union(*named.values())
