# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the store in a plugin that runs on the controller: a lookup, or an inventory."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ..module_utils._errors import ConfigurationError, RedtrustError, StoreError
from ..module_utils._module.api import STORE_DEFAULT, StoreOptions, dsn_passwords, file_path, unknown
from ..module_utils._secrets import Secrets
from ..module_utils._store.api import Store, open_postgresql, open_store

Params = t.Mapping[str, t.Any]


@contextlib.contextmanager
def reading(plugin: str, params: Params, given: Params, error: type[AnsibleError]) -> t.Iterator[Reading]:
    """Open the store, read only, for the time of a ``with`` statement.

    ``params`` are all options of the plugin, and ``given`` those that are not from the environment. An error of the
    collection becomes an ``error`` that names the ``plugin`` and holds no secret.
    """
    secrets = Secrets()
    for secret in (params["store_key"], os.environ.get("PGPASSWORD"), *dsn_passwords(params["store_dsn"] or "")):
        secrets.add(secret)
    try:
        _check_names(given, params)
        options = StoreOptions.read(params, {name for name, value in given.items() if value is not None})
        if options.service is None:
            raise ConfigurationError("neither service nor host is set: one of them says whose enrollments are meant")
        with _opened(options, given, lambda text: Display().warning(f"{plugin}: {secrets.hide(text)}")) as store:
            yield Reading(store, options.service)
    except RedtrustError as exc:
        # Ansible prints the cause of an error as well, and that may hold a password.
        raise error(f"{plugin}: {secrets.hide(str(exc))}") from None


class Reading(t.NamedTuple):
    """An open store, and the name of the service whose enrollments are meant."""

    store: Store
    service: str


def _check_names(given: t.Iterable[str], known: t.Iterable[str]) -> None:
    """Raise ConfigurationError for an option that the plugin does not have: Ansible would ignore it."""
    options = frozenset(known) - {"_terms"}
    for name in given:
        if name not in options:
            raise ConfigurationError(unknown("option", name, options))


def _opened(options: StoreOptions, given: Params, warn: t.Callable[[str], None]) -> Store:
    if options.dsn:
        return open_postgresql(options.dsn, options.key, read_only=True, warn=warn)
    path = file_path("store_path", _path(options.path, given))
    if not os.path.lexists(path):
        raise StoreError(
            f"there is no store at {path}: set store_path or REDTRUST_STORE_PATH to the file of the jobs that issue "
            "certificates, or store_dsn to their database"
        )
    return open_store(path, read_only=True)


def _path(path: str, given: Params) -> str:
    """Return the path of the store. AWX sets empty variables, which Ansible takes for the current directory."""
    is_empty = given.get("store_path") is None and os.environ.get("REDTRUST_STORE_PATH") == ""
    return os.path.expanduser(STORE_DEFAULT) if is_empty else path  # noqa: PTH111
