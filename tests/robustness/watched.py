# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook so that all its files and outputs end up below one directory."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

from .driver import PATIENCE_SECONDS, TREE

PLAYS = Path(__file__).parent / "leaks"


@dataclasses.dataclass(frozen=True)
class Watched:
    """One run: its input is in ``given``, all its output in ``seen``."""

    given: Path
    seen: Path

    @classmethod
    def at(cls, directory: Path) -> Watched:
        """Make both places in an empty directory."""
        made = cls(directory / "given", directory / "seen")
        for name in ("home", "tmp", "audit", "events", "certificates", "junit", "runner/project", "runner/env"):
            (made.seen / name).mkdir(parents=True)
        made.given.mkdir()
        return made

    def play(self, playbook: str, variables: c.Mapping[str, t.Any], environment: c.Mapping[str, str]) -> int:
        """Run ansible-playbook with the most verbose output; return its exit status."""
        (self.given / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
        command = ["ansible", "playbook", "-vvvv", "--diff", str(PLAYS / playbook)]
        return self._run([*command, "--extra-vars", f"@{self.given / 'variables.json'}"], environment)

    def play_with_runner(
        self, playbook: str, variables: c.Mapping[str, t.Any], environment: c.Mapping[str, str]
    ) -> int:
        """Run it as AWX does, through ansible-runner, which keeps each event in a file."""
        (self.seen / "runner" / "env" / "extravars").write_text(json.dumps(variables), encoding="utf-8")
        command = ["ansible_runner", "run", str(self.seen / "runner"), "--playbook", str(PLAYS / playbook)]
        return self._run([*command, "--ident", "job", "--cmdline=-vvvv --diff"], environment)

    def _run(self, module: list[str], environment: c.Mapping[str, str]) -> int:
        with (self.seen / "stdout").open("wb") as stdout, (self.seen / "stderr").open("wb") as stderr:
            return subprocess.run(
                [sys.executable, "-m", *module],
                check=False,
                cwd=self.seen,
                env={**self._environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                timeout=PATIENCE_SECONDS,
            ).returncode

    def text(self, name: str) -> str:
        """Return the text of a file of the output."""
        return (self.seen / name).read_text(encoding="utf-8", errors="replace")

    def _environment(self) -> dict[str, str]:
        """Return an environment that has nothing from the user, and that records everything."""
        seen = self.seen
        return {
            "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(seen / "facts"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder,ansible.builtin.junit",
            "ANSIBLE_CALLBACK_PLUGINS": str(PLAYS / "callback"),
            "ANSIBLE_COLLECTIONS_PATH": str(TREE),
            "ANSIBLE_DISPLAY_TRACEBACK": "always",
            "ANSIBLE_HOME": str(seen / "home" / ".ansible"),
            "ANSIBLE_INJECT_INVOCATION": "True",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
            "ANSIBLE_LIBRARY": str(PLAYS / "library"),
            "ANSIBLE_LOCALHOST_WARNING": "False",
            "ANSIBLE_LOG_PATH": str(seen / "log"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_REMOTE_TEMP": str(seen / "remote"),
            "ANSIBLE_RETRY_FILES_ENABLED": "True",
            "ANSIBLE_RETRY_FILES_SAVE_PATH": str(seen / "retry"),
            "CERTIFICATE_ENROLL_AUDIT": str(seen / "audit"),
            "CERTIFICATE_ENROLL_EVENTS": str(seen / "events"),
            "HOME": str(seen / "home"),
            "JUNIT_OUTPUT_DIR": str(seen / "junit"),
            "LC_ALL": "C.UTF-8",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(PLAYS / "site"),
            "TMPDIR": str(seen / "tmp"),
        }
