# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A field of a request is the same in the spec of a certificate, in the modules and in their documentation."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.doc_fragments import certificates
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import CertificateSpec
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.entry_specs import (
    CERTIFICATE,
    RENEWED,
    REQUESTED,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.specs import Spec

FRAGMENT = certificates.ModuleDocFragment


def facts(spec: t.Mapping[str, t.Mapping[str, t.Any]], *names: str) -> dict[str, dict[str, t.Any]]:
    """Return the facts of each option that are set; an empty list or mapping is a default as well."""
    return {
        option: {name: rules[name] for name in names if rules.get(name) not in (None, False)}
        for option, rules in spec.items()
    }


def test_an_entry_has_each_field_that_is_asked_for() -> None:
    fields = [field.name for field in dataclasses.fields(CertificateSpec) if field.compare]
    assert [name for name in REQUESTED if name != "force"] == fields
    assert set(REQUESTED) - set(RENEWED) == set()
    assert [name for name, rules in RENEWED.items() if rules.get("required")] == ["name"]


def test_an_option_is_what_its_field_is() -> None:
    assert facts(REQUESTED, "type", "elements", "default", "required", "no_log") == {
        "name": {"type": "str", "required": True},
        "dn": {"type": "raw", "required": True},
        "provider": {"type": "str", "required": True},
        "key_type": {"type": "str", "default": "RSA"},
        "key_length": {"type": "int", "default": 2048},
        "hash_type": {"type": "str", "default": "SHA256"},
        "info": {"type": "dict", "default": {}},
        "group_ids": {"type": "list", "elements": "int", "default": []},
        "subject_alt_name": {"type": "list", "elements": "str", "default": []},
        "request_code": {"type": "str", "no_log": True},
        "force": {"type": "bool"},
    }


@pytest.mark.parametrize(
    ("spec", "fragment"),
    [(REQUESTED, FRAGMENT.REQUESTED), (RENEWED, FRAGMENT.RENEWED), (CERTIFICATE, FRAGMENT.CERTIFICATE)],
    ids=["csr", "renew", "certificate"],
)
def test_the_documentation_says_what_the_options_are(spec: Spec, fragment: str) -> None:
    said = yaml.safe_load(fragment)["options"]["certificates"]["suboptions"]
    names = ("type", "elements", "default", "required")
    assert facts(said, *names) == facts(spec, *names)
    assert all(option["description"] for option in said.values())
