# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the paths in options: is there a home directory, and does the path outlive a job of AWX?"""

from __future__ import annotations

import contextlib
import os
import pwd

from .._errors import ConfigurationError
from .._store.api import is_on_volume

STORE_DEFAULT = "~/.local/share/redtrust/store.sqlite3"


def file_path(name: str, path: str) -> str:
    """Return the path in an option. Raises ConfigurationError if Ansible left ~ or a variable at its beginning.

    Ansible does so if there is no home directory. The path would then begin in the module's working directory.
    """
    if path.startswith(("~", "$")):
        raise ConfigurationError(
            f"{name} is {path!r}, and this run (user id {os.geteuid()}) has nothing to put in the place of "
            f"{path.partition('/')[0]}: set {name} or REDTRUST_{name.upper()} to a path that begins with /, or set HOME"
        )
    return path


def check_store_outlives_job(path: str) -> str | None:
    """Return a warning if this is an AWX job and the store is not on a volume.

    The container of a job vanishes with all its files, including the requests. Raises ConfigurationError if the store
    has its default path.
    """
    if not (os.environ.get("JOB_ID") or os.environ.get("AWX_HOST")):
        return None
    real = os.path.realpath(path)
    on_volume = is_on_volume(real)
    same = [default for default in _defaults() if os.path.realpath(default) == real]
    if same and not (on_volume and os.path.abspath(path) not in same):  # noqa: PTH100
        raise ConfigurationError(
            f"store_path is the default, {STORE_DEFAULT}, which would vanish with the container of this AWX job, and "
            "with it what was requested: set store_path or REDTRUST_STORE_PATH to a file on a volume that outlives the "
            "job"
        )
    if on_volume:
        return None
    return (
        f"store_path {path} is not on a volume that is mounted into this AWX job, so it vanishes with the container, "
        "and with it what was requested: mount a volume into every job, and set store_path or REDTRUST_STORE_PATH to a "
        "file on it"
    )


def _defaults() -> list[str]:
    """Return the default path of the store, with ~ and with each possible home directory of this user."""
    homes = ["~", os.path.expanduser("~")]  # noqa: PTH111
    with contextlib.suppress(KeyError):
        homes.append(pwd.getpwuid(os.geteuid()).pw_dir)
    return [os.path.abspath(home + STORE_DEFAULT[1:]) for home in homes]  # noqa: PTH100
