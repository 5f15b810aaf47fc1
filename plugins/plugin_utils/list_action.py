# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of the modules that take a list of certificates.

It checks the values before a date becomes text. It hands over a long list in a file, since Ansible copies arguments
several times and sends them back with the result. It shows the progress of a module that writes it.
"""

from __future__ import annotations

import contextlib
import json
import re
import typing as t
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ..module_utils._errors import ConfigurationError
from ..module_utils._module.api import check_values
from . import progress
from .actor_action import ActorAction

# Shorter lists are arguments, as those of other modules are.
FEWEST_IN_FILE = 100
# The work on fewer certificates is over soon, except where a signer is slow.
FEWEST_WITH_PROGRESS = 10
_FILE = "certificates.jsonl"


class ListAction(ActorAction):
    """Run a module with the option ``certificates``."""

    # whether the module has the option progress_path
    WRITES_PROGRESS = False
    _host = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        self._host = str((task_vars or {}).get("inventory_hostname", ""))
        try:
            check_values(self._task.args)
        except ConfigurationError as exc:
            return {"failed": True, "changed": False, "msg": str(exc), "error": {"type": type(exc).__name__}}
        return super().run(tmp, task_vars)

    def _execute_module(self, *args: t.Any, **options: t.Any) -> dict[str, t.Any]:
        """Run the module. An asynchronous one outlives this action, so it gets no file that the action removes."""
        if self._task.async_val:
            return self._executed(*args, **options)
        with self._progress():
            entries = in_lines(self._task.args)
            if not entries:
                return self._executed(*args, **options)
            path = self._in_tmp(_FILE)
            self._hand_over(entries, path)
            return t.cast("dict[str, t.Any]", as_of_arguments(self._executed(*args, **options), path))

    def _executed(self, *args: t.Any, **options: t.Any) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", super()._execute_module(*args, **options))

    def _hand_over(self, entries: str, path: str) -> None:
        """Write the list to a file for the module. Ansible removes it together with its other temporary files.

        Where Ansible cannot give a file to another user, it may still be able to pipe the arguments to the module.
        """
        with contextlib.suppress(AnsibleError):
            self._transfer_data(path, entries)
            self._fixup_perms2((self._connection._shell.tmpdir, path), execute=False)  # type: ignore[no-untyped-call]  # noqa: SLF001
            rest = {name: value for name, value in self._task.args.items() if name != "certificates"}
            self._task.args = {**rest, "certificates_file": path}

    def _in_tmp(self, name: str) -> str:
        """Return the path of a file in the temporary directory of the task, which is made at first use."""
        shell = self._connection._shell  # noqa: SLF001
        if shell.tmpdir is None:
            self._make_tmp_path()
        return str(shell.join_path(shell.tmpdir, name))

    def _progress(self) -> contextlib.AbstractContextManager[None]:
        """Show the progress if the module works on this machine, as this user, on more than a few certificates."""
        task, connection = self._task, self._connection
        given = task.args.get("certificates")
        few = isinstance(given, list) and len(given) < FEWEST_WITH_PROGRESS
        elsewhere = connection.transport != "local" or connection.become is not None
        if not self.WRITES_PROGRESS or few or elsewhere or task.no_log or task.args.get("progress_path"):
            return contextlib.nullcontext()
        path = self._in_tmp("progress")
        task.args = {**task.args, "progress_path": path}
        return progress.shown(Path(path), self._show)

    def _show(self, line: str) -> None:
        Display().display(f"progress: [{self._host}] => {line}")


def in_lines(args: t.Mapping[str, t.Any]) -> str:
    """Return the list of certificates as JSON Lines; empty if it has to stay an argument."""
    entries, defaults = args.get("certificates"), args.get("certificate_defaults") or {}
    if not isinstance(entries, list) or len(entries) < FEWEST_IN_FILE or args.get("certificates_file"):
        return ""
    if not all(map(_fits_into_a_file, [*entries, defaults])):
        return ""
    try:
        return "".join(json.dumps(entry, allow_nan=False) + "\n" for entry in entries)
    except (TypeError, ValueError):
        # such as a value of the vault that is not decrypted yet; Ansible knows how to hand it over
        return ""


def _fits_into_a_file(entry: object) -> bool:
    """Return whether an entry means the same in a file.

    A request code counts as a secret, so it is written to no file. A relative path would be relative to the file.
    """
    if not isinstance(entry, t.Mapping) or entry.get("request_code"):
        return False
    path = entry.get("certificate_path")
    return path is None or str(path).startswith(("/", "~"))


def as_of_arguments(result: t.Any, path: str) -> t.Any:
    """Return a result in which messages name the place of an entry in the option, not in the file at ``path``."""
    if isinstance(result, dict):
        kept = ("invocation",)
        return {name: value if name in kept else as_of_arguments(value, path) for name, value in result.items()}
    if isinstance(result, list):
        return [as_of_arguments(value, path) for value in result]
    if not isinstance(result, str) or path not in result:
        return result
    line = re.escape(path) + r", line (\d+)"
    return re.sub(line, lambda found: f"certificates[{int(found[1]) - 1}]", result).replace(path, "certificates")
