# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start a server in the background, find it, and stop it."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import typing as t

from redtrust_sandbox import files
from redtrust_sandbox.errors import ProcessError

LOG_FILE = "server.log"


def running(directory: pathlib.Path) -> int | None:
    """Return the process id of the server of this directory, or None."""
    try:
        descriptor = os.open(directory / files.LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(descriptor, 32, 0) or b"0") or None
    finally:
        os.close(descriptor)
    return None


def ready(directory: pathlib.Path) -> dict[str, t.Any]:
    """Return the content of the running server's ready.json; raises ProcessError."""
    try:
        facts: dict[str, t.Any] = json.loads((directory / files.READY_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise ProcessError(f"No server runs in {directory}") from exc
    if facts["pid"] != running(directory):
        raise ProcessError(f"No server runs in {directory}")
    return facts


def start(directory: pathlib.Path, arguments: t.Sequence[str]) -> dict[str, t.Any]:
    """Start ``serve`` in the background, and return ready.json when it listens; raises ProcessError."""
    directory = files.private_directory(directory)
    log = directory / LOG_FILE
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "redtrust_sandbox", "serve", *arguments, "--ready-fd", str(writing)]
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    package_root = str(pathlib.Path(__file__).resolve().parent.parent)
    paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            pass_fds=[writing],
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
    finally:
        os.close(descriptor)
        os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    if told != b"ready":
        child.wait()
        raise ProcessError(f"The server did not start: {_last_words(log)}")
    return ready(directory)


def stop(directory: pathlib.Path) -> bool:
    """Stop the server of this directory, and wait until it has ended; return whether there was one."""
    pid = running(directory)
    if pid is None:
        return False
    try:
        gone = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    if gone is not None:
        select.select([gone], [], [])
        os.close(gone)
        return True
    descriptor = os.open(directory / files.LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.close(descriptor)
    return True


def _last_words(log: pathlib.Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it said nothing in {log}"
