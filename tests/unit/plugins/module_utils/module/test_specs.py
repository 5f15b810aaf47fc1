# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs against their documentation and the environment."""

from __future__ import annotations

import importlib
import typing as t

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.redtrust.certificate_enroll.plugins.doc_fragments import (
    batch,
    connection,
    events,
    renewal,
    store,
    upload,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.entry_specs import REQUESTED
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.specs import (
    BATCH,
    CONNECTION,
    EVENTS,
    QUOTA,
    RENEWAL,
    SECRETS,
    STORE,
    UPLOAD,
    Spec,
)

SPECS = {"CONNECTION": CONNECTION, "STORE": STORE, "BATCH": BATCH, "EVENTS": EVENTS}
FRAGMENTS = {"CONNECTION": connection, "STORE": store, "BATCH": batch, "EVENTS": events}
COMMON: Spec = {**CONNECTION, **STORE, **BATCH, **EVENTS}
MODULES = ("redtrust_token", "redtrust_csr", "redtrust_renew", "redtrust_sign", "redtrust_finalize")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COMMON:
        monkeypatch.delenv(f"REDTRUST_{name.upper()}", raising=False)


def read(spec: Spec, **given: t.Any) -> dict[str, t.Any]:
    """Return the options as AnsibleModule would; fail if it would refuse them."""
    result = ArgumentSpecValidator(spec).validate(given)
    assert result.error_messages == []
    return dict(result.validated_parameters)


def documented(fragment: t.Any) -> dict[str, dict[str, t.Any]]:
    found: dict[str, dict[str, t.Any]] = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]
    return found


def facts(options: dict[str, t.Any], below: str) -> dict[str, t.Any]:
    """Return what a spec and its documentation both say of options, and of those ``below`` them."""
    same = ("type", "default", "choices", "elements", "required")
    return {
        name: {**{fact: rule[fact] for fact in same if fact in rule}, "below": facts(rule.get(below, {}), below)}
        for name, rule in options.items()
    }


class TestDocumentation:
    @pytest.mark.parametrize("name", FRAGMENTS)
    def test_a_fragment_says_what_its_spec_says(self, name: str) -> None:
        spec = SPECS[name]
        facts = ("type", "default", "choices", "elements")
        shown = {
            option: {fact: doc[fact] for fact in facts if fact in doc}
            for option, doc in documented(FRAGMENTS[name]).items()
        }
        meant = {option: {fact: rule[fact] for fact in facts if fact in rule} for option, rule in spec.items()}
        assert shown == meant

    def test_the_fragments_of_renewal_say_what_their_specs_say(self) -> None:
        fragment = renewal.ModuleDocFragment
        for text, spec in ((fragment.DOCUMENTATION, RENEWAL), (fragment.QUOTA, QUOTA)):
            assert facts(yaml.safe_load(text)["options"], "suboptions") == facts(spec, "options")

    def test_the_fragment_of_the_upload_says_what_its_spec_says(self) -> None:
        assert facts(documented(upload), "suboptions") == facts(UPLOAD, "options")

    @pytest.mark.parametrize("name", COMMON)
    def test_each_option_names_its_variable(self, name: str) -> None:
        docs = {option: doc for one in FRAGMENTS.values() for option, doc in documented(one).items()}
        assert f"E(REDTRUST_{name.upper()})" in docs[name]["description"][-1]

    def test_secrets_are_not_logged(self) -> None:
        assert {name for name, rule in COMMON.items() if rule.get("no_log")} == set(SECRETS)
        assert REQUESTED["request_code"]["no_log"]

    @pytest.mark.parametrize("name", MODULES)
    def test_modules_document_their_common_options_by_fragment(self, name: str) -> None:
        module = importlib.import_module(f"ansible_collections.redtrust.certificate_enroll.plugins.modules.{name}")
        assert not COMMON.keys() & yaml.safe_load(module.DOCUMENTATION).get("options", {}).keys()


VALUES: dict[str, tuple[str, object]] = {
    "results": ("failed", "failed"),
    "host": ("h", "h"),
    "port": ("1", 1),
    "auth_port": ("2", 2),
    "burst": ("5", 5),
    "api_version": ("4.42", "4.42"),
    "validate_certs": ("false", False),
    "timeout": ("1.5", 1.5),
    "retry_timeout": ("0", 0.0),
    "partner_secret_encoding": ("hex", "hex"),
    "workers": ("3", 3),
    "wait_timeout": ("7", 7.0),
    "store_path": ("/a", "/a"),
    "finalized_codes": ("ERR_INVALID_STATE,E7", ["ERR_INVALID_STATE", "E7"]),
}


class TestEnvironment:
    @pytest.mark.parametrize("name", COMMON)
    def test_the_variable_counts_where_the_option_is_not_set(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        text, value = VALUES.get(name, ("/some/text", "/some/text"))
        monkeypatch.setenv(f"REDTRUST_{name.upper()}", text)
        assert read(COMMON)[name] == value

    def test_the_option_counts_before_its_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REDTRUST_HOST", "other")
        monkeypatch.setenv("REDTRUST_PORT", "1")
        assert (read(COMMON, host="rt.example.com")["host"], read(COMMON, port=2)["port"]) == ("rt.example.com", 2)

    @pytest.mark.parametrize("name", COMMON)
    def test_an_empty_variable_is_not_set(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        without = read(COMMON)[name]
        monkeypatch.setenv(f"REDTRUST_{name.upper()}", "")
        assert read(COMMON)[name] == without
