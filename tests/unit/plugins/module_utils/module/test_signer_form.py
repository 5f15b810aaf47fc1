# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option signer, as a dict and as a name."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import utc_now
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.api import build_signer
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.signer_form import (
    signer_name,
    taken_apart,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._secrets import Secrets
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import SIGNERS

COMMAND = {"argv": ["true"]}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"signer": "command", "command": COMMAND}, {"signer": "command", "command": COMMAND}),
        ({"signer": {"type": "command", **COMMAND}}, {"signer": "command", "command": COMMAND}),
        ({"signer": {"type": "command"}, "command": COMMAND}, {"signer": "command", "command": COMMAND}),
        ({"signer": {"type": "command"}, "command": None}, {"signer": "command", "command": {}}),
        (
            {"signer": {"type": "approval", "approvals": 2, "signer": {"type": "command", **COMMAND}}},
            {"signer": "command", "command": COMMAND, "approval": {"approvals": 2}},
        ),
        (
            {"signer": {"type": "approval", "signer": "command"}, "command": COMMAND},
            {"signer": "command", "command": COMMAND, "approval": {}},
        ),
        # as extra variables and surveys of AWX give it
        ({"signer": ' {"type": "command", "argv": ["true"]}'}, {"signer": "command", "command": COMMAND}),
        (
            {"signer": {"type": "approval", "signer": '{"type": "command", "argv": ["true"]}'}},
            {"signer": "command", "command": COMMAND, "approval": {}},
        ),
        ({"state": "present"}, {"state": "present"}),
    ],
)
def test_a_dict_means_the_same_as_a_name_with_an_option(given: dict[str, t.Any], taken: dict[str, t.Any]) -> None:
    assert taken_apart(given, SIGNERS) == taken


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"signer": {"argv": ["ca", "hunter2"]}}, "signer has no type: it must be such as"),
        ({"signer": {"type": ["hunter2"]}}, "signer has no type"),
        ({"signer": {"type": "approval", "token": "hunter2"}}, "signer of the type approval has no signer in it"),
        ({"signer": '{"type": "http", "token": "hunter2"'}, "signer is a text that is no name of a signer"),
        ({"signer": "type: http\ntoken: hunter2"}, "signer is a text that is no name of a signer"),
        ({"signer": "type=http token=hunter2"}, "signer is a text that is no name of a signer"),
        ({"signer": ["hunter2"]}, "signer must be the name of a signer or a mapping, not list"),
        (
            {"signer": {"type": "http: hunter2"}},
            "the type of the signer must be one of local_ca, .*, not a longer text",
        ),
        (
            {"signer": {"type": "command", "argv": ["hunter2"]}, "command": COMMAND},
            "are in signer and in command: give",
        ),
    ],
)
def test_a_mistake_is_told_without_a_value(given: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as told:
        taken_apart(given, SIGNERS)
    assert "hunter2" not in str(told.value)


def test_a_type_that_does_not_exist_is_refused() -> None:
    words = r"the type of the signer must be one of local_ca, command.*, not 'vualt'"
    with pytest.raises(ConfigurationError, match=words):
        taken_apart({"signer": {"type": "vualt", "token": "hunter2"}}, SIGNERS)
    with pytest.raises(ConfigurationError, match=words):
        build_signer({"signer": "vualt"}, utc_now(), Secrets())


@pytest.mark.parametrize(
    ("signer", "name"),
    [
        (None, ""),
        ("", ""),
        ("none", "none"),
        ({"type": "command", **COMMAND}, "command"),
        ({"type": "approval", "signer": {"type": "http"}}, "http"),
        ({"type": "approval"}, ""),
        ('{"type": "approval", "signer": {"type": "http", "token": "hunter2"}}', "http"),
        ('{"type": "http", "token": "hunter2"', ""),
        ("the CA of the house", "the CA of the house"),
    ],
)
def test_reports_name_the_signer_that_signs(signer: object, name: str) -> None:
    assert signer_name(signer) == name
