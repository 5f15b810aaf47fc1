# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write certificates to files: each as a whole, only where something differs."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from . import _fault_points
from ._errors import ConfigurationError
from ._models import Outcome
from ._x509.api import certificate_pem


class CertificateFiles:
    """The files of one directory: ``<name>.pem``, and ``<name>-chain.pem`` where there is a chain.

    Owner, group, mode and the like are the module's own file options. Raises ConfigurationError when the
    directory cannot be written to, which is to be known before a certificate is uploaded.
    """

    def __init__(self, module: AnsibleModule, directory: str, *, backup: bool) -> None:
        self._module = module
        self._directory = Path(directory)
        self._backup = backup
        if module.check_mode:
            return
        if not self._directory.is_dir():
            raise ConfigurationError(f"directory: {directory} is not a directory; make it first")
        if not os.access(directory, os.W_OK | os.X_OK):
            raise ConfigurationError(f"directory: {directory} cannot be written to by this user")

    def write(self, outcome: Outcome) -> Outcome:
        """Make the files of an outcome's certificate be there, and say so in the outcome."""
        revision = outcome.in_use
        if revision is None or revision.certificate is None:
            return outcome
        files = {"path": (f"{outcome.name}.pem", certificate_pem(revision.certificate))}
        if revision.chain:
            files["chain_path"] = (f"{outcome.name}-chain.pem", "".join(map(certificate_pem, revision.chain)))
        extra: dict[str, object] = {}
        backups: list[str] = []
        changed = False
        for key, (name, content) in files.items():
            path = str(self._directory / name)
            extra[key] = path
            try:
                changed = self._place(path, content.encode(), backups) or changed
            except OSError as exc:
                error = ConfigurationError(
                    f"{path} cannot be written ({exc.strerror}); the certificate is in use already"
                )
                return dataclasses.replace(outcome, error=outcome.error or error, extra={**outcome.extra, **extra})
        if backups:
            extra["backup_files"] = backups
        action = "write" if changed and not outcome.changed else outcome.action
        return dataclasses.replace(
            outcome, action=action, changed=outcome.changed or changed, extra={**outcome.extra, **extra}
        )

    def _place(self, path: str, content: bytes, backups: list[str]) -> bool:
        found = Path(path).read_bytes() if Path(path).is_file() else None
        changed = found != content
        if changed and not self._module.check_mode:
            _fault_points.reach("file before")
            if self._backup and found is not None:
                backups.append(self._module.backup_local(path))
            descriptor, fresh = tempfile.mkstemp(dir=self._module.tmpdir)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            self._module.atomic_move(fresh, path, unsafe_writes=self._module.params["unsafe_writes"])
            _fault_points.reach("file written")
        rights = self._module.load_file_common_arguments(self._module.params, path=path)
        return bool(self._module.set_fs_attributes_if_different(rights, changed))
