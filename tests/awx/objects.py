# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of extensions/awx, as Ansible hands them to the modules of awx.awx and infra.aap_configuration."""

from __future__ import annotations

import copy
import functools
import inspect
import json
import typing as t
from pathlib import Path

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

EXTENSION = Path(__file__).resolve().parents[2] / "extensions" / "awx"
PROJECT = EXTENSION / "project"
PLAYBOOKS = EXTENSION.parents[1] / "playbooks"

Object = dict[str, t.Any]


def files_of(playbook: str) -> list[str]:
    """Return the names of the files of variables that a playbook of the collection reads."""
    (play,) = yaml.safe_load((PLAYBOOKS / playbook).read_text(encoding="utf-8"))
    return [Path(name).name for name in play["vars_files"]]


@functools.cache
def variables() -> Object:
    """Return the variables of these files, with their templates. Do not change them."""
    loader = DataLoader()
    trusted = "trusted_as_template" in inspect.signature(loader.load_from_file).parameters  # since 2.19
    options: dict[str, t.Any] = {"trusted_as_template": True} if trusted else {}
    found: Object = {}
    for name in files_of("awx.yml"):
        found.update(loader.load_from_file(str(EXTENSION / name), **options))
    return found


def objects(**settings: t.Any) -> dict[str, list[Object]]:
    """Return the objects of each kind with these settings."""
    given = {**variables(), **settings}
    templar = Templar(loader=DataLoader(), variables=given)
    rendered = {name: templar.template(given[name]) for name in given if name.startswith("controller_")}
    # the strings of Ansible are of types of its own
    plain: dict[str, list[Object]] = json.loads(json.dumps(rendered, default=str))
    return plain


@functools.cache
def _credential_types() -> list[Object]:
    return objects()["controller_credential_types"]


def credential_type(name: str) -> Object:
    """Return one of the credential types: connection, store or CA."""
    (found,) = [one for one in _credential_types() if one["name"] == f"Redtrust: {name}"]
    return copy.deepcopy(found)
