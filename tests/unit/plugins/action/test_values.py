# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions of modules with a DN: they run the module only if YAML read text. A date is still a date here."""

from __future__ import annotations

import datetime as dt
import types
import typing as t

import pytest
from ansible.plugins.action.normal import ActionModule as ModuleAction

from ansible_collections.redtrust.certificate_enroll.plugins.action import (
    redtrust_certificate,
    redtrust_csr,
    redtrust_renew,
)


@pytest.fixture(params=[redtrust_csr, redtrust_renew, redtrust_certificate], ids=["csr", "renew", "certificate"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[object], dict[str, t.Any]]:
    """Run the action with these certificates; the module's result is "ran"."""
    monkeypatch.setattr(ModuleAction, "run", lambda *_arguments: {"ran": True})

    def ran(certificates: object) -> dict[str, t.Any]:
        task = types.SimpleNamespace(args={"certificates": certificates}, async_val=0)
        return dict(request.param.ActionModule(task, None, None, None, None, None).run(task_vars={}))

    return ran


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"dn": {"ou": ["x", dt.date(2026, 11, 25)]}}, "a: dn.ou[1] is the date 2026-11-25: "),
        (
            {"info": {"since": dt.datetime(2026, 11, 25, 10, tzinfo=dt.timezone.utc)}},
            "a: info.since is the date 2026-11-25 10:00:00+00:00: ",
        ),
        ({"dn": {False: "x"}}, "a: dn has the boolean false as a key: "),
        ({"dn": {"ou": 167719469136}}, "a: dn.ou is the number 167719469136: "),
    ],
)
def test_what_is_no_text_is_refused(
    run: t.Callable[[object], dict[str, t.Any]], entry: dict[str, t.Any], place: str
) -> None:
    result = run([{"name": "a", **entry}])
    assert result["failed"]
    assert result["msg"].startswith(f"{place}quote it in YAML")
    assert "ran" not in result


def test_everything_else_is_left_to_the_module(run: t.Callable[[object], dict[str, t.Any]]) -> None:
    assert run([{"name": "a", "dn": {"cn": "2026-11-25"}}]) == {"ran": True}
