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


def loaded(path: Path) -> t.Any:
    """Return the content of a file in YAML, as Ansible reads a playbook or its variables."""
    loader = DataLoader()
    trusted = "trusted_as_template" in inspect.signature(loader.load_from_file).parameters  # since 2.19
    options: dict[str, t.Any] = {"trusted_as_template": True} if trusted else {}
    return loader.load_from_file(str(path), **options)


def template(value: t.Any, given: Object) -> t.Any:
    """Fill in the templates of a value with variables."""
    return Templar(loader=DataLoader(), variables=given).template(value)


@functools.cache
def variables() -> Object:
    """Return the variables of these files, with their templates. Do not change them."""
    return {name: value for file in files_of("awx.yml") for name, value in loaded(EXTENSION / file).items()}


def objects(**settings: t.Any) -> dict[str, list[Object]]:
    """Return the objects of each kind with these settings."""
    given = {**variables(), **settings}
    rendered = {name: template(given[name], given) for name in given if name.startswith("controller_")}
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
