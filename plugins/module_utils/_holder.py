# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name this run to others, such as those that wait for its lease, and tell whether a named process is gone."""

from __future__ import annotations

import dataclasses
import os
import re
import socket
from pathlib import Path

from ._printable import printable

_PROC = Path("/proc")
_NAMED = re.compile(r"\(pid (?P<pid>\d+),.* process (?P<machine>[0-9a-f-]+/\d+)/(?P<start>\d+),")


@dataclasses.dataclass(frozen=True)
class Actor:
    """The process that does something, and the person for whom it does it. ``job`` is the number of the AWX job."""

    host: str
    pid: int
    job: str | None
    user: str

    @classmethod
    def here(cls, user: str | None = None) -> Actor:
        """Return this process; without a user it is that of the system."""
        return cls(printable(socket.gethostname()), os.getpid(), job_number(), printable(user or _user()))


def holder() -> str:
    """Return a name of this run that no other run has, with host, pid and AWX job.

    A pid is used again, and is another process in another container. So the name has the boot of the machine, the
    namespace of pids and the start of the process (in clock ticks since boot), where the system shows them.
    """
    job = f"job {job_number()}, " if job_number() else ""
    machine, start = _machine(), _start(os.getpid())
    process = f"process {machine}/{start}, " if machine and start else ""
    return f"{socket.gethostname()} (pid {os.getpid()}, {job}{process}run {os.urandom(4).hex()})"


def job_number() -> str | None:
    """Return the number of the AWX job in which this runs; None outside of AWX."""
    return os.environ.get("JOB_ID") or None


def is_in_job() -> bool:
    """Return whether AWX, or Automation Controller, runs this."""
    return bool(job_number() or os.environ.get("AWX_HOST"))


def user_at_host() -> str:
    """Return user and host of this process, as people write them."""
    return f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    import getpass  # slow to import, and seldom asked for

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without an entry, as in many containers
        return str(os.getuid())


def is_gone(words: str) -> bool:
    """Return whether the named process is known to be over.

    A process on another machine, in another container or from before a reboot cannot be judged, and counts as alive.
    """
    named = _NAMED.search(words)
    if named is None or named["machine"] != _machine():
        return False
    pid = int(named["pid"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _start(pid) not in (named["start"], None)


def _machine() -> str | None:
    """Return the boot and the namespace of pids: they are the same for processes that see the same pids."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = re.search(r"\d+", str((_PROC / "self/ns/pid").readlink()))
    except OSError:
        return None
    return f"{boot}/{namespace.group()}" if namespace else None


def _start(pid: int) -> str | None:
    """Return the start of a process, "over" for a zombie, None where it cannot be seen.

    The fields are those of proc_pid_stat(5): the name, in brackets, may hold anything; then state, ..., the 22nd.
    """
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return "over" if fields[0] in ("Z", "X") else fields[19]
