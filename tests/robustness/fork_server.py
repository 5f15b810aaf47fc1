# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run modules as processes of their own at low cost: everything is imported once, each run is a fork of this process.

It reads one wish per line of JSON from standard input, and answers with lines of JSON: ``{run, pid}`` when a run
begins, ``{run, status}`` when it ends. A status below zero is that of a signal. When standard input ends, the process
kills the runs that have not ended. It has no threads, so a fork is complete.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import random
import selectors
import signal
import sys
import threading
import traceback
import typing as t
from pathlib import Path

from ansible.module_utils import basic

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _fault_points
from ansible_collections.redtrust.certificate_enroll.tests.robustness import fault_points

PLUGINS = "ansible_collections.redtrust.certificate_enroll.plugins"
MODULES = {
    path.stem: importlib.import_module(f"{PLUGINS}.modules.{path.stem}")
    for path in sorted((Path(__file__).resolve().parents[2] / "plugins" / "modules").glob("redtrust_*.py"))
}
# A module imports it where it needs it, which would take most of the time of each run.
importlib.import_module(f"{PLUGINS}.module_utils._store.postgresql")


class Wish(t.TypedDict):
    """A run that is asked for. ``patches`` sets ``<module of module_utils>.<name>`` to a value before the run."""

    run: int
    module: str
    arguments: dict[str, t.Any]
    environment: dict[str, str]
    patches: dict[str, t.Any]
    stdout: str
    stderr: str


class ForkServer:
    """The loop of this process."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(0, selectors.EVENT_READ)
        self._running: dict[int, tuple[int, int]] = {}
        self._unread = b""

    def next_child(self) -> Wish | None:
        """Return in each child with its wish, and with None in this process at the end."""
        while True:
            for key, _mask in self._selector.select():
                if key.fd != 0:
                    self._reap(key.fd)
                    continue
                read = os.read(0, 65536)
                if not read:
                    self._kill()
                    return None
                *lines, self._unread = (self._unread + read).split(b"\n")
                for line in lines:
                    wish: Wish = json.loads(line)
                    if self._fork(wish["run"]):
                        return wish

    def _fork(self, run: int) -> bool:
        pid = os.fork()
        if not pid:
            self._selector.close()
            for handle in self._running:
                os.close(handle)
            return True
        handle = os.pidfd_open(pid)
        self._running[handle] = (run, pid)
        self._selector.register(handle, selectors.EVENT_READ)
        _say({"run": run, "pid": pid})
        return False

    def _reap(self, handle: int) -> None:
        run, pid = self._running.pop(handle)
        self._selector.unregister(handle)
        os.close(handle)
        _pid, status = os.waitpid(pid, 0)
        _say({"run": run, "status": os.waitstatus_to_exitcode(status)})

    def _kill(self) -> None:
        for _run, pid in self._running.values():
            os.kill(pid, signal.SIGKILL)
        for _run, pid in self._running.values():
            os.waitpid(pid, 0)


def _say(answer: t.Mapping[str, int]) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


def run(wish: Wish) -> None:
    """Run the module with its environment, its arguments in Ansible's form, and its output files."""
    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, wish["stdout"], os.O_WRONLY | os.O_CREAT),
        (2, wish["stderr"], os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    for name in os.environ:
        if name.startswith(("REDTRUST_", "AWX_")) or name == "JOB_ID" or name.upper().endswith("_PROXY"):
            del os.environ[name]
    os.environ.update(wish["environment"])
    random.seed()
    vars(_fault_points)["reach"] = fault_points.from_environment()
    for name, value in wish["patches"].items():
        module, _dot, attribute = name.rpartition(".")
        found = vars(importlib.import_module(f"{PLUGINS}.module_utils.{module}"))
        found[attribute] = type(found[attribute])(value)  # fails on an unknown name
    vars(basic)["_ANSIBLE_ARGS"] = json.dumps({"ANSIBLE_MODULE_ARGS": wish["arguments"]}).encode()
    vars(basic)["_ANSIBLE_PROFILE"] = "legacy"
    MODULES[wish["module"]].main()


def be(wish: Wish) -> t.NoReturn:
    """Run the module and end as the interpreter does, without its teardown, which takes most of the time of a run."""
    status: object = 0
    try:
        run(wish)
    except SystemExit as exc:
        status = exc.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    wished = ForkServer().next_child()
    if wished is not None:
        be(wished)
