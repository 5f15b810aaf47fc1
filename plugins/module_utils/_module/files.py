# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write certificates to files. A file is replaced as a whole, and only if it differs."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import threading
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from .. import _fault_points
from .._enroll.api import attempt
from .._errors import ConfigurationError, RedtrustError
from .._models import Outcome, Revision
from .._x509.api import certificate_pem
from .context import Context
from .masked import MaskedModule

# The most writes for one certificate. It has two files at most; only concurrent runs make more writes necessary.
_ATTEMPTS = 8


def finished_by(context: Context) -> t.Callable[[Outcome], Outcome]:
    """Return what completes the outcome of an upload: writing its files, if the option ``directory`` is set."""
    params = context.params
    if not params["directory"]:
        return lambda outcome: outcome
    files = CertificateFiles(
        context.module,
        params["directory"],
        backup=params["backup"],
        in_use=lambda name: context.store.enrollment(context.service, name).current,
    )
    return files.write


class CertificateFiles:
    """The files of one directory: ``<name>.pem``, and ``<name>-chain.pem`` if there is a chain.

    Owner, group and mode come from the module's file options. Raises ConfigurationError if the directory is not
    writable: this has to fail before a certificate is uploaded.
    """

    def __init__(
        self, module: MaskedModule, directory: str, *, backup: bool, in_use: t.Callable[[str], Revision | None]
    ) -> None:
        """Check the directory; ``in_use`` looks up the current revision of a name."""
        self._module: AnsibleModule = module
        self._raising, self._hide = module.raising, module.hide
        self._directory = Path(directory)
        self._backup = backup
        self._in_use = in_use
        # Ansible's functions for files change the umask of the process for a moment.
        self._one_at_a_time = threading.Lock()
        if not self._directory.is_dir():
            raise ConfigurationError(f"directory: {directory} is not a directory; make it first")
        if not os.access(directory, os.W_OK | os.X_OK):
            raise ConfigurationError(f"directory: {directory} cannot be written to by this user")

    def write(self, outcome: Outcome) -> Outcome:
        """Write the certificate files of an outcome, and return the outcome with their paths; in any thread.

        An error is the failure of this outcome alone. The files of other outcomes are still written.
        """
        revision = outcome.in_use
        if revision is None or revision.certificate is None:
            return outcome
        paths = list(map(str, self._paths(outcome.name, revision)))
        extra: dict[str, object] = {**outcome.extra, **dict(zip(("path", "chain_path"), paths))}
        backups: list[str] = []
        with self._one_at_a_time, self._raising():
            changed = attempt(lambda: self._write(outcome.name, revision, backups), self._hide)
        if backups:
            extra["backup_files"] = backups
        if isinstance(changed, RedtrustError):
            return dataclasses.replace(outcome, error=outcome.error or changed, extra=extra)
        action = "write" if changed and not outcome.changed else outcome.action
        return dataclasses.replace(outcome, action=action, changed=outcome.changed or changed, extra=extra)

    def _write(self, name: str, revision: Revision, backups: list[str]) -> bool:
        """Write the files, set their attributes, and return whether something changed."""
        changed = self._place(name, revision, backups)
        for path in self._paths(name, revision):
            rights = self._module.load_file_common_arguments(self._module.params, path=str(path))
            changed = bool(self._module.set_fs_attributes_if_different(rights, changed))
        return changed

    def _place(self, name: str, revision: Revision, backups: list[str]) -> bool:
        """Write each file that differs, and return whether any did.

        This run may have paused, so that another run has written newer files. So it looks up the certificate in use
        before and after each write. In the end the files are those of the certificate in use, even if several runs
        write them.
        """
        changed = False
        for _attempt in range(_ATTEMPTS):
            differing = [path for path, content in self._contents(name, revision).items() if _read(path) != content]
            if not differing:
                break
            changed = True
            if self._module.check_mode:
                break
            try:
                _fault_points.reach("file before")
                revision = self._in_use(name) or revision
                self._replace(differing[0], self._contents(name, revision).get(differing[0]), backups)
                _fault_points.reach("file written")
            except OSError as exc:
                raise _unwritten(differing[0], exc) from exc
            revision = self._in_use(name) or revision
        return changed

    def _contents(self, name: str, revision: Revision) -> dict[Path, bytes]:
        """Return the content of a revision's files, first that of the certificate file."""
        parts = [(revision.certificate,) if revision.certificate is not None else (), revision.chain]
        texts = ["".join(map(certificate_pem, part)) for part in parts if part]
        return dict(zip(self._paths(name, revision), (text.encode() for text in texts)))

    def _paths(self, name: str, revision: Revision) -> list[Path]:
        """Return the paths of a revision's files, first that of the certificate file."""
        kinds = [("", revision.certificate), ("-chain", revision.chain)]
        return [self._directory / f"{name}{suffix}.pem" for suffix, content in kinds if content]

    def _replace(self, path: Path, content: bytes | None, backups: list[str]) -> None:
        """Replace a file as a whole, unless it already has this content."""
        found = _read(path)
        if content is None or found == content:
            return
        if self._backup and found is not None:
            backups.append(self._module.backup_local(str(path)))
        descriptor, fresh = tempfile.mkstemp(dir=self._module.tmpdir)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        self._module.atomic_move(fresh, str(path), unsafe_writes=self._module.params["unsafe_writes"])


def _read(path: Path) -> bytes | None:
    try:
        if path.is_dir():
            raise ConfigurationError(f"{path} is a directory: move it away; the certificate is in use already")
        return path.read_bytes() if path.is_file() else None
    except OSError as exc:
        raise _unwritten(path, exc) from exc


def _unwritten(path: Path, exc: OSError) -> ConfigurationError:
    return ConfigurationError(f"{path} cannot be written ({exc.strerror}); the certificate is in use already")
