# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the files of a report. A file is replaced as a whole, and counts as changed if more than its time differs."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import tempfile
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from .._errors import ConfigurationError
from .masked import MaskedModule
from .paths import file_path

# Yields the content of a file as of a time: the facts are those of now, whatever the time.
Content = t.Callable[[dt.datetime], t.Iterator[str]]


class ReportFiles:
    """The files of a report, by the names of the options with their paths.

    Owner, group and mode come from the module's file options. Raises ConfigurationError if one of them cannot be
    written there: this has to fail before a large store is read.
    """

    def __init__(self, module: MaskedModule, options: t.Iterable[str]) -> None:
        self._module: AnsibleModule = module
        self._raising = module.raising
        given = {name: module.params[name] for name in options if module.params[name]}
        self.paths = {name: Path(file_path(name, path)) for name, path in given.items()}
        for name, path in self.paths.items():
            _check(name, path, [other for other in self.paths if self.paths[other] == path])

    def write(self, name: str, content: Content, taken_at: dt.datetime) -> dict[str, t.Any]:
        """Write the file of an option, unless in check mode; return its path, and whether it has changed.

        The file gets ``taken_at``, in whole seconds, as its modification time. So the next run can tell whether more
        than the time would differ. Raises ConfigurationError.
        """
        path = self.paths[name]
        try:
            changed = _differs(path, content)
            if not self._module.check_mode:
                self._replace(path, content(taken_at), taken_at)
        except OSError as exc:
            raise ConfigurationError(f"{name}: {path} cannot be written ({exc.strerror})") from exc
        with self._raising():
            rights = self._module.load_file_common_arguments(self._module.params, path=str(path))
            changed = bool(self._module.set_fs_attributes_if_different(rights, changed))
        return {"form": name, "path": str(path), "changed": changed}

    def _replace(self, path: Path, content: t.Iterator[str], taken_at: dt.datetime) -> None:
        """Write a draft beside the file, and move it there.

        From another disk Ansible would copy it, to a name with the same ending: the collector reads each ``*.prom``.
        """
        descriptor, draft = tempfile.mkstemp(prefix=".redtrust-report-", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(map(_bytes, content))
            with self._raising():
                self._module.atomic_move(draft, str(path), unsafe_writes=self._module.params["unsafe_writes"])
        finally:
            Path(draft).unlink(missing_ok=True)
        with contextlib.suppress(PermissionError):  # unsafe_writes has left the file to its owner
            os.utime(path, (taken_at.timestamp(), taken_at.timestamp()))


def _check(name: str, path: Path, options: t.Sequence[str]) -> None:
    """Raise ConfigurationError if a file cannot be written, as far as that can be known without writing."""
    if not path.is_absolute():
        raise ConfigurationError(
            f"{name}: {path} does not begin with /, and Ansible runs a module in a directory of its choice, such as "
            f'that of the playbook: give the whole path, in a shell "$PWD/{path}"'
        )
    if len(options) > 1:
        raise ConfigurationError(
            f"{' and '.join(options)} name the same file, {path}: give each form a file of its own"
        )
    if path.is_dir():
        raise ConfigurationError(f"{name}: {path} is a directory: add the name of the file")
    if not path.parent.is_dir():
        raise ConfigurationError(f"{name}: there is no directory {path.parent} for {path.name}: make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"{name}: the directory {path.parent} cannot be written to by this user (id {os.geteuid()}): give the "
            "user the right to, or another path"
        )


def _differs(path: Path, content: Content) -> bool:
    """Return whether a file has other content than that of now would have been at the time of the file."""
    if not path.is_file():
        return True
    modified = path.stat().st_mtime_ns
    if modified % 1_000_000_000:
        return True  # somebody else has written it
    try:
        then = dt.datetime.fromtimestamp(modified // 1_000_000_000, tz=dt.timezone.utc)
    except (ValueError, OverflowError):
        return True
    with path.open("rb") as file:
        return any(file.read(len(part)) != part for part in map(_bytes, content(then))) or bool(file.read(1))


def _bytes(part: str) -> bytes:
    """Encode a part; what UTF-8 cannot encode becomes an escape."""
    return part.encode("utf-8", "backslashreplace")
