# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action of a list hands over to its module: the list in a file, and the place for the progress."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import types
import typing as t
from pathlib import Path

import pytest
from ansible.errors import AnsibleError
from ansible.plugins.action.normal import ActionModule as NormalAction

from ansible_collections.redtrust.certificate_enroll.plugins.plugin_utils import progress
from ansible_collections.redtrust.certificate_enroll.plugins.plugin_utils.list_action import ListAction, as_of_arguments

Args = dict[str, t.Any]


class Handed:
    """The action, with a directory of this machine as the temporary directory of the task."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.args: Args = {}
        self.lines: list[str] = []
        self.shown: list[Path] = []
        self.result: Args = {"changed": False}
        self.shell = types.SimpleNamespace(tmpdir=None, join_path=lambda *parts: "/".join(parts))
        self.connection = types.SimpleNamespace(transport="local", become=None, _shell=self.shell)
        self.directory = tmp_path
        monkeypatch.setattr(NormalAction, "_execute_module", lambda action, **_options: self._execute(action))
        monkeypatch.setattr(NormalAction, "_make_tmp_path", lambda _action: self._make())
        monkeypatch.setattr(NormalAction, "_transfer_data", lambda _action, path, data: Path(path).write_text(data))
        monkeypatch.setattr(NormalAction, "_fixup_perms2", lambda _action, _paths, **_how: None)
        monkeypatch.setattr(progress, "shown", self._shown)

    def run(self, args: Args, *, writes_progress: bool = False, **task: t.Any) -> Args:
        """Run the module with these arguments, and return its result."""
        own = {"WRITES_PROGRESS": writes_progress}
        given = types.SimpleNamespace(**{"args": args, "async_val": 0, "no_log": False, **task})
        action = type("ActionModule", (ListAction,), own)(given, self.connection, None, None, None, None)
        return dict(action._execute_module(task_vars={}))

    def _execute(self, action: t.Any) -> Args:
        self.args = dict(action._task.args)
        path = self.args.get("certificates_file")
        self.lines = Path(path).read_text("utf-8").splitlines() if path else []
        return self.result

    def _make(self) -> None:
        self.shell.tmpdir = str(self.directory)

    @contextlib.contextmanager
    def _shown(self, path: Path, _show: t.Callable[[str], None]) -> t.Iterator[None]:
        self.shown.append(path)
        yield


@pytest.fixture
def handed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Handed:
    return Handed(tmp_path, monkeypatch)


def entries(count: int, **changes: t.Any) -> list[Args]:
    return [{"name": f"n{number}", "dn": {"cn": "\u00e9"}, **changes} for number in range(count)]


class TestTheList:
    def test_a_long_one_is_in_a_file(self, handed: Handed) -> None:
        given = entries(100, certificate_path="/etc/pki/a.pem")
        handed.run({"certificates": given, "certificate_defaults": {"provider": "CA"}, "workers": 2})
        path = str(handed.directory / "certificates.jsonl")
        assert handed.args == {"certificate_defaults": {"provider": "CA"}, "workers": 2, "certificates_file": path}
        assert [json.loads(line) for line in handed.lines] == given

    def test_a_short_one_is_an_argument(self, handed: Handed) -> None:
        handed.run({"certificates": entries(99)})
        assert handed.args == {"certificates": entries(99)}
        assert handed.shell.tmpdir is None

    @pytest.mark.parametrize(
        "args",
        [
            {"certificates": entries(100)[1:] + entries(1, request_code="secret")},
            {"certificates": entries(100), "certificate_defaults": {"request_code": "secret"}},
            {"certificates": entries(100, certificate_path="answers/a.pem")},
            {"certificates": entries(100), "certificate_defaults": {"certificate_path": "answers/a.pem"}},
            {"certificates": entries(100, info={"since": dt.date(2026, 11, 25)})},
            {"certificates": [*entries(100), "a"]},
            {"certificates": entries(100), "certificates_file": __file__},
            {"certificates": 200 * "a"},
            {"workers": 2},
        ],
        ids=["secret", "secret default", "path", "default path", "date", "text", "both", "no list", "no"],
    )
    def test_what_means_something_else_in_a_file_is_an_argument(self, handed: Handed, args: Args) -> None:
        handed.run(args)
        assert handed.args == args

    def test_an_asynchronous_module_gets_arguments(self, handed: Handed) -> None:
        handed.run({"certificates": entries(100)}, writes_progress=True, async_val=60)
        assert handed.args == {"certificates": entries(100)}

    def test_a_user_that_gets_no_file_gets_arguments(self, handed: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_arguments: object, **_how: object) -> None:
            raise AnsibleError("Failed to set permissions on the temporary files")

        monkeypatch.setattr(NormalAction, "_fixup_perms2", refuse)
        handed.run({"certificates": entries(100)})
        assert handed.args == {"certificates": entries(100)}

    def test_messages_name_the_entry_of_the_option(self, handed: Handed) -> None:
        path = str(handed.directory / "certificates.jsonl")
        handed.result = {"msg": f"{path}, line 3: no dn", "certificates": [{"msg": f"{path}, line 12: no"}], "count": 3}
        result = handed.run({"certificates": entries(100)})
        assert result == {
            "msg": "certificates[2]: no dn",
            "certificates": [{"msg": "certificates[11]: no"}],
            "count": 3,
        }

    def test_what_ansible_tells_of_the_arguments_stays(self) -> None:
        told = {"invocation": {"module_args": {"certificates_file": "/tmp/a"}}, "msg": "/tmp/a is damaged"}
        assert as_of_arguments(told, "/tmp/a") == {**told, "msg": "certificates is damaged"}


class TestTheProgress:
    def test_a_module_that_writes_it_gets_a_place(self, handed: Handed) -> None:
        for args in ({"certificates": entries(10)}, {"certificates_file": __file__}, {}):
            handed.run(args, writes_progress=True)
            assert handed.args == {**args, "progress_path": str(handed.directory / "progress")}
            assert handed.shown.pop() == handed.directory / "progress"

    @pytest.mark.parametrize(
        ("args", "task"),
        [
            ({"certificates": entries(9)}, {}),
            ({}, {"no_log": True}),
            ({}, {"async_val": 60}),
            ({"progress_path": "/run/progress"}, {}),
        ],
        ids=["few", "no_log", "async", "own place"],
    )
    def test_no_progress_is_shown(self, handed: Handed, args: Args, task: Args) -> None:
        handed.run(args, writes_progress=True, **task)
        assert (handed.args, handed.shown) == (args, [])

    @pytest.mark.parametrize("connection", [{"transport": "ssh"}, {"become": object()}], ids=["ssh", "become"])
    def test_a_module_elsewhere_writes_to_no_place_here(self, handed: Handed, connection: Args) -> None:
        vars(handed.connection).update(connection)
        handed.run({}, writes_progress=True)
        assert (handed.args, handed.shown) == ({}, [])

    def test_a_module_without_it_gets_no_place(self, handed: Handed) -> None:
        handed.run({"certificates": entries(10)})
        assert handed.args == {"certificates": entries(10)}
