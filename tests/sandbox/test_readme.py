# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README of the role lists every setting with its default, and every error code, table and variable."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import yaml

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import PACKAGE_ROOT, Appliance

ROLE = PACKAGE_ROOT.parent
README = (ROLE / "README.md").read_text(encoding="utf-8")
LANGUAGES = runpy.run_path(str(PACKAGE_ROOT / "redtrust_sandbox" / "languages.py"))
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in Path(PACKAGE_ROOT, "redtrust_sandbox").glob("*.py")}


def test_every_setting_is_documented_with_its_default(v433: Appliance) -> None:
    for key, value in v433.rows("SELECT key, value FROM settings WHERE key NOT LIKE 'provider.%'"):
        default = f"`{re.escape(value)}` " if value else ""
        assert re.search(rf"^\| `{key}` \|.*\| {default}\|$", README, re.MULTILINE), key


def test_every_error_code_is_documented() -> None:
    raised = set(re.findall(r'(?:ApiError\([^"]*|unauthorized\()"([A-Z_]+)"', "".join(SOURCES.values())))
    assert len(raised) > 25
    documented = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", README)) - {"CA_DEMO", "CA_BRASIL", "CA_LEGACY"}
    assert raised <= documented
    assert documented - raised == {"UNKNOWN_ERROR", "METHOD_NOT_ALLOWED"}


def test_every_message_is_in_every_language() -> None:
    raised = set(re.findall(r'(?:ApiError\([^"]*|unauthorized\()"[A-Z_]+", f?"([^":{]+)', "".join(SOURCES.values())))
    assert len(raised) > 30
    for message in raised - {""}:
        told = [LANGUAGES["said"](language, message) for language in LANGUAGES["LANGUAGES"]]
        assert told[0] == message
        assert len(set(told)) == 3, message


def test_every_variable_of_the_role_is_documented() -> None:
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert [name for name in defaults if f"`{name}`" not in README] == []


def test_every_action_of_a_fault_is_documented() -> None:
    actions = re.findall(r"^  (?:action {7}| {13})([a-z]+)(?::[A-Z]+)? {2,}\S", SOURCES["faults.py"], re.MULTILINE)
    assert len(actions) == 10
    assert [action for action in actions if not re.search(rf"^\| `{action}(:[A-Z]+)?` \|", README, re.MULTILINE)] == []


def test_the_columns_of_the_ledger_are_documented(v433: Appliance) -> None:
    for table in ("requests", "connections", "certificates", "sessions"):
        (line,) = re.findall(rf"^\| `{table}` \| (.*) \|$", README, re.MULTILINE)
        named = set(re.findall(r"`([a-z_]+)`", line))
        columns = {name for _id, name, *_rest in v433.rows(f"PRAGMA table_info({table})")}
        assert named - columns - {"current", "replaced", "logout", "refresh_reuse", "command"} == set()
