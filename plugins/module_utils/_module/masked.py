# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible knows it, with secrets masked in everything that leaves it.

Ansible masks the values of ``no_log`` options as they are: not where they stand escaped or encoded in another text,
which is how its own log of the invocation writes those within lists, and since ansible-core 2.19 not in warnings.
"""

from __future__ import annotations

import contextlib
import os
import typing as t
from urllib.parse import unquote

from ansible.module_utils.basic import AnsibleModule

from .._errors import ConfigurationError
from .._secrets import Secrets


class MaskedModule(AnsibleModule):
    """An AnsibleModule that hides the secrets it was given, and those in ``secrets``."""

    def __init__(self, **rules: t.Any) -> None:
        # Ansible's own constructor already prints: what it logs, and what is wrong with the options.
        self.secrets = Secrets()
        self._raises = False
        # What the play gives, before the argument spec makes of it what it should be.
        self.given: dict[str, t.Any] = {}
        super().__init__(**rules)  # type: ignore[no-untyped-call]
        self.hide("")  # so that the threads to come, which ask ``secrets``, know what the options hold

    def _load_params(self) -> None:
        super()._load_params()  # type: ignore[no-untyped-call]
        self.given = dict(self.params)

    def hide(self, value: t.Any) -> t.Any:
        """Return JSON types with masks in the place of secrets."""
        proxies = [text for name, text in os.environ.items() if name.lower().endswith("_proxy")]
        for address in (str(self.params.get("proxy") or ""), *proxies):
            password = proxy_password(address)
            self.no_log_values.update(filter(None, (password, unquote(password))))
        for secret in self.no_log_values:
            self.secrets.add(secret)
        return self.secrets.hide_in(value)

    @contextlib.contextmanager
    def raising(self) -> t.Iterator[None]:
        """Have Ansible's own functions raise ConfigurationError where they would end the module.

        They do so when a file cannot be put in its place or be given its owner, which is no matter of the other files.
        """
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def log(self, msg: str, log_args: dict[str, t.Any] | None = None) -> None:
        super().log(self.hide(msg), self.hide(log_args))  # type: ignore[no-untyped-call]

    def warn(self, warning: str, **more: t.Any) -> None:
        super().warn(self.hide(warning), **more)

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        super().exit_json(**self.hide(kwargs))

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        if self._raises:
            path = kwargs.get("path")
            raise ConfigurationError(self.hide(f"{path}: {msg}" if path else msg))
        super().fail_json(self.hide(msg), **self.hide(kwargs))


def proxy_password(address: str) -> str:
    """Return the password in the address of a proxy, as it stands there; empty if it has none."""
    return address.rpartition("@")[0].rpartition("//")[2].partition(":")[2]
