# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's module, with secrets masked in everything that leaves it.

Ansible masks the values of ``no_log`` options only in their plain form. It does not mask escaped or encoded forms in
another text, such as values of lists in its own log of the invocation. Since ansible-core 2.19 it does not mask
warnings.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import typing as t
from urllib.parse import unquote

from ansible.module_utils.basic import AnsibleModule

from .._errors import ConfigurationError
from .._secrets import Secrets, secret_members
from .signer_form import taken_apart
from .specs import SECRETS_OF_ENTRIES

# In a connection string of PostgreSQL: in the URI before the host, in its query, and as keyword and value.
_DSN_PASSWORDS = (
    re.compile(r"://[^:@/?#]*:([^@]*)@"),
    re.compile(r"[?&](?:ssl)?password=([^&]*)"),
    re.compile(r"(?:^|\s)(?:ssl)?password\s*=\s*((?:\\.|[^\s'\\])+|'(?:\\.|[^'\\])*'?)", re.DOTALL),
)


class MaskedModule(AnsibleModule):
    """An AnsibleModule that masks the secrets in its options, and those in ``secrets``."""

    def __init__(self, **rules: t.Any) -> None:
        # Ansible's constructor already writes its log and reports mistakes in the options.
        self.secrets = Secrets()
        self._raises = False
        # The options in the play, before the argument spec converts them.
        self.given: dict[str, t.Any] = {}
        # a mistake that was found before Ansible can report one
        self.mistake: ConfigurationError | None = None
        super().__init__(**rules)  # type: ignore[no-untyped-call]
        self.hide("")  # adds the secrets of the options to ``secrets``, before other threads use it

    def _load_params(self) -> None:
        super()._load_params()  # type: ignore[no-untyped-call]
        if "signer" in self.params and "signer" in self.argument_spec:
            self._take_signer_apart()
        self.given = dict(self.params)
        # Ansible does not look into the entries of a list without a spec for them.
        self.no_log_values.update(_secrets_of(self.given.get("certificates")))
        # A signer refuses a secret that is written into a request; until then it is in Ansible's log of the options.
        self.no_log_values.update(_written_out(self.given.get(str(self.given.get("signer")))))

    def _take_signer_apart(self) -> None:
        # Only a module with this option needs the signers, and has them packed.
        signers = importlib.import_module(".._signers.api", __package__)
        try:
            self.params = taken_apart(self.params, signers.SIGNERS)
        except ConfigurationError as exc:
            # Ansible would print a signer that it does not understand, with the secrets in it.
            self.mistake = exc
            self.params["signer"] = ""

    def hide(self, value: t.Any) -> t.Any:
        """Return a value of JSON types with its secrets masked."""
        proxies = [text for name, text in os.environ.items() if name.lower().endswith("_proxy")]
        # Those of the connection, and of the signer.
        own = [self.params, *(value for value in self.params.values() if isinstance(value, t.Mapping))]
        for address in (*(str(options.get("proxy") or "") for options in own), *proxies):
            password = proxy_password(address)
            self.no_log_values.update(filter(None, (password, unquote(password))))
        self.no_log_values.update(dsn_passwords(str(self.params.get("store_dsn") or "")))
        self.no_log_values.update(_members_of_secrets(self.argument_spec, self.params))
        self.no_log_values.update(filter(None, (os.environ.get("PGPASSWORD"),)))
        for secret in self.no_log_values:
            self.secrets.add(secret)
        return self.secrets.hide_in(value)

    @contextlib.contextmanager
    def raising(self) -> t.Iterator[None]:
        """Make Ansible's own functions raise ConfigurationError instead of ending the module.

        They end it if they cannot write a file or set its owner. The module can still write the other files.
        """
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def atomic_move(self, src: str, dest: str, *options: t.Any, **more: t.Any) -> None:
        """Move a file. Raises OSError where that cannot be done, unless Ansible ends the module itself."""
        with _OsErrors():
            super().atomic_move(src, dest, *options, **more)  # type: ignore[no-untyped-call]

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


class _OsErrors:
    """Raise the OSError of which Ansible has made an Exception of no other type, as since ansible-core 2.19.

    An ``except`` would catch every other error as well.
    """

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _trace: object) -> None:
        cause = exc.__cause__ if kind is Exception and exc is not None else None
        if isinstance(cause, OSError):
            raise OSError(cause.errno, cause.strerror or str(cause)) from exc


def _secrets_of(entries: object) -> t.Iterator[str]:
    """Yield the secrets in the entries of a list of certificates."""
    for entry in entries if isinstance(entries, list) else ():
        for name in SECRETS_OF_ENTRIES if isinstance(entry, dict) else ():
            if entry.get(name):
                yield str(entry[name])


def _members_of_secrets(spec: t.Mapping[str, t.Any], params: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Yield the values in the dicts that are secret. Ansible knows such a dict that came as text as a whole only."""
    for name, rules in spec.items():
        value = params.get(name)
        if isinstance(value, t.Mapping):
            if rules.get("no_log"):
                yield from (str(member) for member in value.values() if member)
            else:
                yield from _members_of_secrets(rules.get("options") or {}, value)


def _written_out(value: object) -> t.Iterator[str]:
    """Yield what looks like a secret in the headers and bodies of the requests of a signer."""
    if isinstance(value, t.Mapping):
        for name, member in value.items():
            if name in ("headers", "json", "form"):
                yield from (secret for _place, secret in secret_members(member))
            else:
                yield from _written_out(member)
    elif isinstance(value, list):
        for member in value:
            yield from _written_out(member)


def proxy_password(address: str) -> str:
    """Return the password in the address of a proxy, still URL-encoded; empty if there is none."""
    return address.rpartition("@")[0].rpartition("//")[2].partition(":")[2]


def dsn_passwords(dsn: str) -> set[str]:
    """Return the passwords in a connection string of PostgreSQL, as they are written there and as they are."""
    written = {found for pattern in _DSN_PASSWORDS for found in pattern.findall(dsn)}
    plain = {re.sub(r"\\(.)", r"\1", text.strip("'"), flags=re.DOTALL) for text in written}
    return {text for text in written | plain | set(map(unquote, written)) if text}
