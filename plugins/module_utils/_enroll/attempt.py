# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep an error, even one that nobody expected, the failure of one item alone."""

from __future__ import annotations

import errno
import sqlite3
import traceback
import types
import typing as t
from pathlib import PurePath

from .._errors import InternalError, RedtrustError
from .._printable import brief

Done = t.TypeVar("Done")

# The machine has run out of something, so the next item would fail as well.
_OF_THE_MACHINE = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EROFS)
)
_OUR_PACKAGE = __name__.rpartition("module_utils.")[0]
_LONGEST_TRACE = 10


def attempt(work: t.Callable[[], Done], hide: t.Callable[[str], str] = str) -> Done | RedtrustError:
    """Return the result of ``work``, or the error with which it failed; ``hide`` masks secrets in a text.

    An error of the collection is returned as it is. Any other exception is returned as an InternalError, since nobody
    expected it. That includes the panic of a library in Rust, which is no ``Exception`` to Python.

    An error that concerns all items is raised and ends the run: a signal to end the process, a machine without memory,
    room or free descriptors, and an error of a database that the store did not explain.
    """
    try:
        return work()
    except RedtrustError as exc:
        return exc
    except BaseException as exc:
        # Only this place and the end of a module catch everything. Without it one certificate that a library cannot
        # read would cost the results of the whole list, in every run.
        if _concerns_all(exc):
            raise
        return _internal_error(exc, hide)


def _concerns_all(exc: BaseException) -> bool:
    if isinstance(exc, OSError):
        return exc.errno in _OF_THE_MACHINE
    is_panic = type(exc).__module__ == "pyo3_runtime"
    is_of_database = isinstance(exc, sqlite3.Error) or any(_is_psycopg(kind) for kind in type(exc).__mro__)
    return isinstance(exc, MemoryError) or is_of_database or not (isinstance(exc, Exception) or is_panic)


def _is_psycopg(kind: type) -> bool:
    """Return whether a class is of the driver of PostgreSQL, which only a store there imports."""
    return kind.__module__.partition(".")[0] == "psycopg"


def _internal_error(exc: BaseException, hide: t.Callable[[str], str]) -> InternalError:
    """Describe an exception by kind and place, without the value of any variable: a value may be a secret."""
    frames = list(traceback.walk_tb(exc.__traceback__))[1:]  # the first is attempt() itself
    ours = [one for one in frames if str(one[0].f_globals.get("__name__")).startswith(_OUR_PACKAGE)]
    place = _place(*(ours or frames)[-1]) if frames else "an unknown place"
    # str() of an exception may fail in turn; this does not
    text = "".join(traceback.format_exception_only(type(exc), exc)).partition(": ")[2].strip()
    words = brief(hide(text.encode("utf-8", "backslashreplace").decode()))
    return InternalError(
        f"an error that nobody expected, {type(exc).__name__}{f' ({words})' if words else ''}, at {place}: this is a "
        "mistake in the collection, please report it with that place",
        exception=type(exc).__name__,
        place=place,
        trace=[_place(*one) for one in frames[-_LONGEST_TRACE:]],
    )


def _place(frame: types.FrameType, line: int) -> str:
    path = PurePath(frame.f_code.co_filename)
    return f"{path.parent.name}/{path.name}, line {line}, in {frame.f_code.co_name}"
