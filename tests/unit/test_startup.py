# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible packs for a module, and what a module imports when it starts: both cost time in each task."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import typing as t
from pathlib import Path, PurePosixPath

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.unit import imports
from ansible_collections.redtrust.certificate_enroll.tests.unit.imports import ABSOLUTE, PLUGINS, imports_of, layer_of

MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))
HTTP_LIBRARIES = {"requests", "urllib3", "http.client", "ssl", "charset_normalizer", "certifi", "idna"}
# Only a request needs these.
OURS_FOR_REQUESTS = {
    f"_http.{name}" for name in ("connection", "environment", "failures", "plain", "pools", "tls", "wire")
}


def packed(module: str) -> set[PurePosixPath]:
    """Return the files of ``plugins`` that Ansible packs for a module: it follows every import, also in functions."""
    found: set[PurePosixPath] = set()
    ahead = {PurePosixPath("modules", f"{module}.py")}
    while ahead:
        path = ahead.pop()
        found.add(path)
        names = imports_of(path, ast.parse((PLUGINS / path).read_text(encoding="utf-8")))
        ours = [name[len(ABSOLUTE) :].split(".") for _line, name in names if name.startswith(ABSOLUTE)]
        for parts in ours:
            files = [PurePosixPath(*parts[:end]).with_suffix(".py") for end in range(2, len(parts) + 1)]
            ahead.update(file for file in files if (PLUGINS / file).is_file() and file not in found)
    return found


def test_what_is_packed_is_followed() -> None:
    names = {path.as_posix() for path in packed("redtrust_token")}
    assert {"modules/redtrust_token.py", "module_utils/_http/wire.py", "module_utils/_errors.py"} <= names


@pytest.mark.parametrize("module", MODULES)
def test_the_login_of_a_person_is_packed_for_it_alone(module: str) -> None:
    layers = {layer_of(path) for path in packed(module)}
    assert ("_sign_in" in layers) == (module == "redtrust_login")


def imported(script: str, *arguments: str) -> set[str]:
    """Return the names of the modules that a Python process has imported at the end of a script."""
    root = next(folder.parent for folder in Path(imports.__file__).parents if folder.name == "ansible_collections")
    lines = [
        "import sys, json",
        f"sys.path.insert(0, {str(root)!r})",
        script,
        "print('\\n' + json.dumps(list(sys.modules)))",
    ]
    command = [sys.executable, "-c", "\n".join(lines), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    ours = f"{ABSOLUTE}module_utils."
    return {name[len(ours) :] if name.startswith(ours) else name for name in names}


@pytest.mark.process
@pytest.mark.parametrize("module", [name for name in MODULES if name != "redtrust_login"])
def test_no_module_begins_with_the_http_libraries(module: str) -> None:
    names = imported(f"import {ABSOLUTE}modules.{module}")
    assert f"{ABSOLUTE}modules.{module}" in names
    assert not names & (HTTP_LIBRARIES | OURS_FOR_REQUESTS)
    # the code of a signer that asks over HTTP; its options are in http.py
    assert not [name for name in names if name.startswith("_signers.http_")]


RUN = f"""
from ansible.module_utils import basic
from {ABSOLUTE}modules import {{module}} as module
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.argv[1].encode(), "legacy"
try:
    module.main()
except SystemExit as exc:
    assert not exc.code
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("redtrust_csr", {"certificates": []}),
        ("redtrust_finalize", {"certificates": []}),
        ("redtrust_renew", {"certificates": [], "renew_before": "30d"}),
        ("redtrust_enrollment_info", {}),
    ],
)
def test_a_run_that_sends_nothing_needs_none_of_them(tmp_path: Path, module: str, options: dict[str, t.Any]) -> None:
    store = {"store_path": str(tmp_path / "state" / "store.db"), "host": "127.0.0.1", "username": "u", "password": "p"}
    given = {**store, **options, "_ansible_remote_tmp": str(tmp_path)}
    names = imported(RUN.format(module=module), json.dumps({"ANSIBLE_MODULE_ARGS": given}))
    assert f"{ABSOLUTE}modules.{module}" in names
    assert not names & (HTTP_LIBRARIES | OURS_FOR_REQUESTS)


@pytest.mark.process
@pytest.mark.parametrize("plugin", ["filter.outcome", "filter.ready", "filter.refusal", "plugin_utils.list_action"])
def test_a_plugin_imports_little(plugin: str) -> None:
    """Each task of a role imports its plugins anew, in a process of its own."""
    names = imported(f"import {ABSOLUTE}{plugin}")
    assert f"{ABSOLUTE}{plugin}" in names
    assert not names & {"sqlite3", "_store.api", "_enroll.api", "_service.api", "_x509.api"}
