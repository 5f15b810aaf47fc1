# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module: options in, result out, errors reported, secrets masked; check mode and diff in one place."""

from __future__ import annotations

import io
import select
import sys
import traceback
import typing as t
from pathlib import Path

from ansible.module_utils.basic import missing_required_lib

from .._errors import RedtrustError
from .._http.api import REQUESTS_IMPORT_ERROR
from .._x509.api import CRYPTOGRAPHY_IMPORT_ERROR
from .context import Context
from .masked import MaskedModule
from .results import Result, error_facts
from .specs import Spec
from .yaml_values import check_values


def run(spec: Spec, work: t.Callable[[Context], Result], **rules: t.Any) -> None:
    """Run a module and end the process; ``work`` does the work of the module."""
    write_whole()
    module = MaskedModule(argument_spec=spec, supports_check_mode=True, **rules)
    for library, problem in (("requests", REQUESTS_IMPORT_ERROR), ("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)):
        if problem:
            module.fail_json(msg=missing_required_lib(library), exception=problem)
    context = Context(module)
    try:
        result = _result(context, work)
    except Exception as exc:  # noqa: BLE001
        # Python would print an uncaught error without masks. An unexpected error may quote anything, such as a password
        # or a request. This catches the errors of the whole run; see attempt() for those of one item.
        place = traceback.extract_tb(exc.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        module.fail_json(
            msg=f"{type(exc).__name__} in {where}: {exc}. This is a mistake in the collection, please report it",
            error=error_facts(exc),
            exception=traceback.format_exc(),
        )
    _end(module, result, wants_diff=context.wants_diff)


class _Patient(io.RawIOBase):
    """A file that waits while it takes nothing more, even if it is a pipe that another process keeps from blocking."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return self._file.isatty()

    def writable(self) -> bool:
        return True

    def write(self, data: t.Any) -> int:
        while True:
            written = self._file.write(data)
            if written is not None:
                return written
            select.select([], [self._file], [])


def write_whole() -> None:
    """Make the output of this process whole, however long it is.

    Python that runs unbuffered (PYTHONUNBUFFERED) hands a result to the system in one write. If a signal such as
    SIGSTOP comes in between, or the pipe does not block, only a part of it is written. A buffer writes the rest, and
    does not give up where the pipe is full.
    """
    output = sys.__stdout__
    if output is None or sys.stdout is not output:
        return  # somebody else has taken the place of the file
    raw = getattr(output.buffer, "raw", output.buffer)
    if isinstance(raw, io.RawIOBase):
        buffer = io.BufferedWriter(_Patient(raw))
        sys.stdout = io.TextIOWrapper(buffer, encoding=output.encoding, errors=output.errors)


def _end(module: MaskedModule, result: Result, *, wants_diff: bool) -> t.NoReturn:
    """Return the result to Ansible."""
    for warning in result.warnings:
        module.warn(warning)
    values = {"changed": result.changed, **result.values}
    if wants_diff:
        values["diff"] = list(result.diff)
    if result.failure:
        module.fail_json(msg=result.failure, **values)
    module.exit_json(**values)


def _result(context: Context, work: t.Callable[[Context], Result]) -> Result:
    """Do the work. An error of the collection becomes a result."""
    try:
        if context.module.mistake is not None:
            raise context.module.mistake
        check_values(context.module.given)
        return work(context)
    except RedtrustError as exc:
        return Result(changed=False, values={"error": error_facts(exc)}, failure=str(exc))
    finally:
        context.close()
