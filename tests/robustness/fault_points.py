# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a run fail at one of its fault points.

``REDTRUST_FAULT_POINTS`` in the environment is a JSON object with these members. ``trace`` is the path of a file; the
name of each point that the run reaches is appended to it. ``point`` is the point at which the fault happens, ``do`` the
kind of fault. ``skip`` is how often this process passes the point before the fault. ``once`` is the path of a file that
is made when the fault happens; while that file exists, no fault happens.

``do`` is one of ``kill`` (SIGKILL to this process), ``hold`` (SIGSTOP to it, until SIGCONT), ``raise`` (an exception
that no code expects) and ``full`` (the error of a file system without room).

This module replaces the product's ``_fault_points``, see ``armed/sitecustomize.py``.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import typing as t

VARIABLE = "REDTRUST_FAULT_POINTS"


class UnexpectedError(Exception):
    """The exception of ``raise``: no error of the collection, and none of a library."""


class _Armed:
    """The points of a process whose environment arms a fault or a trace."""

    def __init__(self, wish: t.Mapping[str, t.Any]) -> None:
        self._trace: str | None = wish.get("trace")
        self._point: str | None = wish.get("point")
        self._do: str = wish.get("do", "raise")
        self._skip: int = wish.get("skip", 0)
        self._once: str | None = wish.get("once")
        self._lock = threading.Lock()

    def reach(self, point: str) -> None:
        if self._trace:
            _append(self._trace, point)
        if point == self._point and self._is_due():
            _DEEDS[self._do](point)

    def _is_due(self) -> bool:
        with self._lock:
            self._skip -= 1
            return self._skip < 0 and (self._once is None or _make(self._once))


def _append(path: str, point: str) -> None:
    """Append a line in one write, so that lines of several processes do not mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{point}\n".encode())
    finally:
        os.close(descriptor)


def _make(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def _kill(_point: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hold(_point: str) -> None:
    # to this thread: another thread may take a signal to the process, and this one would go on for a while
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def _raise(point: str) -> None:
    raise UnexpectedError(f"fault point {point}")


def _full(_point: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


_DEEDS: t.Mapping[str, t.Callable[[str], None]] = {"kill": _kill, "hold": _hold, "raise": _raise, "full": _full}


def _passed(_point: str) -> None:
    """Do nothing, as the environment arms nothing."""


def from_environment() -> t.Callable[[str], None]:
    """Return the function that a point calls, by the environment as it is now."""
    wish = os.environ.get(VARIABLE)
    return _Armed(json.loads(wish)).reach if wish else _passed


reach = from_environment()
