# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the demo twice from a clean state. The second run must not change anything. No process remains."""

from __future__ import annotations

import collections.abc as c
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import types

import workshop
from workshop import ROOT

PLAYBOOK = "redtrust.certificate_enroll.demo"
DIRECTORY = ROOT / ".demo"
SANDBOX = DIRECTORY / "sandbox"
# With a file of its own, Ansible does not look for another one.
SETTINGS = """
[defaults]
localhost_warning = false
[inventory]
inventory_unparsed_warning = false
"""
# Ansible needs time to end its processes.
PATIENCE_SECONDS = 10


def main() -> int:
    """Run the demo, and return the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    workshop.link_tree()
    try:
        stop_sandbox()
        shutil.rmtree(DIRECTORY, ignore_errors=True)
        DIRECTORY.mkdir(mode=0o700)
        (DIRECTORY / "ansible.cfg").write_text(SETTINGS, encoding="utf-8")
        print("==> first time: certificates are issued and renewed", flush=True)
        status, _changed = play()
        if not status:
            print("==> again: nothing may change", flush=True)
            status, changed = play()
            if changed:
                print(f"FAILED: the second time {changed} tasks changed something")
                status = 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        status = 130
    finally:
        stop_sandbox()
    return status


def play() -> tuple[int, int]:
    """Run the playbook once; return its exit status and the number of changed tasks."""
    # The server ends with its parent, so it also ends if this process is killed.
    variables = {"demo_directory": str(DIRECTORY), "demo_keep_sandbox": True, "sandbox_parent_pid": os.getpid()}
    command = [sys.executable, "-m", "ansible", "playbook", PLAYBOOK, "--extra-vars", json.dumps(variables)]
    # The session of its own keeps Ctrl-C away from Ansible and its children. We interrupt Ansible, which ends them.
    with subprocess.Popen(
        command, env=environment(), cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as playing:
        try:
            changed = _relay(playing.stdout or [])
            return playing.wait(), changed
        except KeyboardInterrupt:
            playing.send_signal(signal.SIGINT)
            raise
        finally:
            _end(playing)


def environment() -> dict[str, str]:
    """Return the environment of the play, without the user's settings for Ansible and Redtrust."""
    return workshop.clean_environment() | {
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_COLLECTIONS_PATH": str(workshop.TREE),
        "ANSIBLE_CONFIG": str(DIRECTORY / "ansible.cfg"),
        "ANSIBLE_FORCE_COLOR": str(sys.stdout.isatty()),
        "ANSIBLE_HOME": str(DIRECTORY / "ansible"),
        "PYTHONUNBUFFERED": "1",
    }


def stop_sandbox() -> None:
    """End the server that the play started, if there is one."""
    if SANDBOX.is_dir():
        places = {"PYTHONPATH": str(workshop.SANDBOX_FILES)}
        command = [sys.executable, "-m", "redtrust_sandbox", "stop", "--directory", str(SANDBOX)]
        subprocess.run(command, env=workshop.clean_environment() | places, check=False, stdout=subprocess.DEVNULL)


def _relay(lines: c.Iterable[str]) -> int:
    changed = 0
    for line in lines:
        print(line, end="", flush=True)
        if "unreachable=" in line and (count := re.search(r"changed=(\d+)", line)):
            changed += int(count[1])
    return changed


def _end(playing: subprocess.Popen[str]) -> None:
    try:
        playing.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(playing.pid, signal.SIGKILL)


def _interrupt(_number: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
