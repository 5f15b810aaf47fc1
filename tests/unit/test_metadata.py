# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare texts that exist in two places: action group, role defaults, argument specs and READMEs."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._release import RELEASE

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "redtrust.certificate_enroll"
MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
ROLES = sorted(path for path in (ROOT / "roles").glob("*") if path.is_dir())


def read_yaml(path: Path) -> dict[str, t.Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def action_group() -> list[str]:
    return list(read_yaml(ROOT / "meta" / "runtime.yml")["action_groups"]["redtrust"])


# Ansible copies each variable of a spec before the role begins, which takes seconds for a long list.
LISTS = ("issue_certificates", "renew_certificates")


def role_problems(role: Path) -> list[str]:
    """Return the differences between the spec, the defaults and the README of a role."""
    spec = read_yaml(role / "meta" / "argument_specs.yml").get("argument_specs", {})
    options = {name: option for entry in spec.values() for name, option in entry.get("options", {}).items()}
    path = role / "defaults" / "main.yml"
    defaults = read_yaml(path) if path.is_file() else {}
    readme = (role / "README.md").read_text(encoding="utf-8")
    return [
        *(f"{name} has a default but no spec" for name in defaults if name not in options and name not in LISTS),
        *(f"{name} is not in the README" for name in options if f"`{name}`" not in readme),
        *(
            f"{name} defaults to {defaults.get(name)!r}, by its spec to {option.get('default')!r}"
            for name, option in options.items()
            if not _agree(name, option, defaults)
        ),
    ]


def _agree(name: str, option: dict[str, t.Any], defaults: dict[str, t.Any]) -> bool:
    """Tell whether both give the same default or none. A spec cannot state the value of a template."""
    if "default" not in option:
        return name not in defaults or "{{" in str(defaults[name])
    if name not in defaults:
        return False
    told, given = option["default"], defaults[name]
    return type(told) is type(given) and bool(told == given)


def test_the_release_is_the_same_everywhere() -> None:
    release = read_yaml(ROOT / "galaxy.yml")["version"]
    assert release == RELEASE
    assert f"redtrust-certificate_enroll-{release}.tar.gz" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_action_group_has_every_module() -> None:
    assert action_group() == [path.stem for path in MODULES] or not MODULES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_documentation_of_a_module_names_the_action_group(path: Path) -> None:
    documentation = get_docstring(str(path), fragment_loader, collection_name=COLLECTION, plugin_type="module")[0]
    assert f"{COLLECTION}.redtrust" in documentation["attributes"]["action_group"]["membership"]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_spec_defaults_and_readme_of_a_role_agree(role: Path) -> None:
    assert (role / "meta" / "argument_specs.yml").is_file()
    assert role_problems(role) == []


@pytest.mark.parametrize(
    ("options", "defaults", "readme", "expected"),
    [
        ({"toy_port": {"default": 443}}, {"toy_port": 443}, "`toy_port`", []),
        ({"toy_host": {"required": True}}, {}, "`toy_host`", []),
        ({"toy_host": {}}, {"toy_host": "{{ inventory_hostname }}"}, "`toy_host`", []),
        ({}, {"toy_port": 443}, "", ["toy_port has a default but no spec"]),
        ({"toy_host": {}}, {}, "toy_host_name", ["toy_host is not in the README"]),
        ({"toy_port": {"default": 1}}, {"toy_port": 2}, "`toy_port`", ["toy_port defaults to 2, by its spec to 1"]),
        ({"toy_on": {"default": 1}}, {"toy_on": True}, "`toy_on`", ["toy_on defaults to True, by its spec to 1"]),
        ({"toy_port": {"default": 1}}, {}, "`toy_port`", ["toy_port defaults to None, by its spec to 1"]),
        ({"toy_port": {}}, {"toy_port": 2}, "`toy_port`", ["toy_port defaults to 2, by its spec to None"]),
    ],
)
def test_a_disagreement_of_a_role_is_found(
    tmp_path: Path, options: dict[str, t.Any], defaults: dict[str, t.Any], readme: str, expected: list[str]
) -> None:
    for name, content in (
        ("meta/argument_specs.yml", yaml.safe_dump({"argument_specs": {"main": {"options": options}}})),
        ("defaults/main.yml", yaml.safe_dump(defaults)),
        ("README.md", readme),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert role_problems(tmp_path) == expected
