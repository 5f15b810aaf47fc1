# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user of the AWX job, whom the action names to its module."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.plugins.action.normal import ActionModule as NormalAction

from ansible_collections.redtrust.certificate_enroll.plugins.action import redtrust_csr, redtrust_enrollment
from ansible_collections.redtrust.certificate_enroll.plugins.plugin_utils.actor_action import user_of_job

Args = dict[str, t.Any]


@pytest.fixture(params=[redtrust_csr, redtrust_enrollment], ids=["of a list", "of a decision"])
def actor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[Args, Args], object]:
    """Run an action with arguments and variables; return the actor that the module gets."""
    monkeypatch.delenv("REDTRUST_ACTOR", raising=False)
    monkeypatch.setattr(NormalAction, "run", lambda action, *_given: dict(action._task.args))

    def run(args: Args, variables: Args) -> object:
        task = types.SimpleNamespace(args=args, async_val=0)
        action = request.param.ActionModule(task, None, None, None, None, None)
        return action.run(task_vars=variables).get("actor")

    return run


def test_it_is_the_user_of_the_job(actor: t.Callable[[Args, Args], object]) -> None:
    assert actor({}, {"awx_user_name": "ana", "awx_job_id": 42}) == "ana"


def test_the_task_counts_before_it(actor: t.Callable[[Args, Args], object]) -> None:
    assert actor({"actor": "eva"}, {"awx_user_name": "ana"}) == "eva"


def test_the_environment_counts_before_it(
    actor: t.Callable[[Args, Args], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDTRUST_ACTOR", "eva")
    assert actor({}, {"awx_user_name": "ana"}) is None


def test_outside_of_awx_there_is_none(actor: t.Callable[[Args, Args], object]) -> None:
    assert actor({}, {}) is None


@pytest.mark.parametrize("name", ["awx_user_name", "tower_user_name", "controller_user_name"])
def test_each_name_of_awx_is_known(name: str) -> None:
    assert user_of_job({name: "ana"}) == "ana"
    assert user_of_job({name: ""}) == ""
