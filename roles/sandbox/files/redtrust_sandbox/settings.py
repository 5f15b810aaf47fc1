# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that can be changed while the server runs.

They are text in the table ``settings`` of the ledger; the server reads them on each request. Each field below is one
key. A key ``provider.NAME`` defines a provider; its value is the style of the provider's CSRs.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from redtrust_sandbox.errors import ConfigError
from redtrust_sandbox.languages import LANGUAGES

CSR_STYLES = ("standard", "legacy", "empty-subject", "sha1")
PROVIDER_PREFIX = "provider."


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings with their types and defaults.

    Times are in seconds, sizes in bytes. ``choices`` in the metadata are the possible values of a text setting.
    """

    clock_offset: float = 0.0
    timestamp_window: float = 300.0
    access_token_lifetime: float = 600.0
    refresh_token_lifetime: float = 28800.0
    temp_token_lifetime: float = 60.0
    login_form_lifetime: float = 600.0
    tkn_style: str = dataclasses.field(default="parameter", metadata={"choices": ("parameter", "appended", "last")})
    certificate_login: str = dataclasses.field(default="redirect", metadata={"choices": ("redirect", "form")})
    login_redirect: str = ""
    expired_access_at_refresh: str = dataclasses.field(default="refuse", metadata={"choices": ("refuse", "accept")})
    signature_status: int = 401
    error_status: str = dataclasses.field(default="http", metadata={"choices": ("http", "ok")})
    success_type: str = dataclasses.field(default="SUCCESS", metadata={"choices": ("SUCCESS", "IGNORE")})
    language: str = dataclasses.field(default="en", metadata={"choices": LANGUAGES})
    key_case: str = dataclasses.field(default="camel", metadata={"choices": ("camel", "pascal")})
    bom: str = dataclasses.field(default="no", metadata={"choices": ("no", "yes")})
    expiration_style: str = dataclasses.field(default="z", metadata={"choices": ("z", "offset", "none", "short")})
    create_data: str = dataclasses.field(default="object", metadata={"choices": ("object", "string")})
    csr_format: str = dataclasses.field(default="bare", metadata={"choices": ("bare", "pem", "lines")})
    finalize_repeat: str = dataclasses.field(default="ok", metadata={"choices": ("ok", "error")})
    finalize_repeat_code: str = dataclasses.field(default="ERR_INVALID_STATE", metadata={"pattern": r"[A-Za-z0-9_]+"})
    finalize_body: str = dataclasses.field(default="empty", metadata={"choices": ("empty", "envelope")})
    latency: float = 0.0
    huge_bytes: int = 64 * 1024 * 1024
    trickle_interval: float = 0.1
    providers: t.Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_rows(cls, rows: t.Iterable[tuple[str, str]]) -> Settings:
        """Build the settings from the rows of the table; raises ConfigError for an unknown key or value."""
        values: dict[str, t.Any] = {}
        providers: dict[str, str] = {}
        for key, text in rows:
            value = parse(key, text)
            if key.startswith(PROVIDER_PREFIX):
                providers[key[len(PROVIDER_PREFIX) :]] = str(value)
            else:
                values[key] = value
        return cls(providers=providers, **values)


_FIELDS = {field.name: field for field in dataclasses.fields(Settings) if field.name != "providers"}


def defaults() -> dict[str, str]:
    """Return each key with its default as text."""
    return {name: str(field.default) for name, field in _FIELDS.items()}


def parse(key: str, text: str) -> str | int | float:
    """Return the typed value of one setting; raises ConfigError."""
    if key.startswith(PROVIDER_PREFIX) and len(key) > len(PROVIDER_PREFIX):
        return _one_of(key, text, CSR_STYLES)
    field = _FIELDS.get(key)
    if field is None:
        raise ConfigError(f"There is no setting {key!r}; there are {', '.join(_FIELDS)} and provider.NAME")
    if "choices" in field.metadata:
        return _one_of(key, text, field.metadata["choices"])
    if "pattern" in field.metadata:
        return _like(key, text, field.metadata["pattern"])
    if isinstance(field.default, str):
        return _address(key, text)
    try:
        return int(text) if isinstance(field.default, int) else float(text)
    except ValueError as exc:
        raise ConfigError(f"Setting {key} must be a number, not {text!r}") from exc


def _address(key: str, text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise ConfigError(
            f"Setting {key} must be empty or an address that begins with https:// or http://, not {text!r}"
        )
    return text


def _like(key: str, text: str, pattern: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ConfigError(f"Setting {key} cannot be {text!r}")
    return text


def _one_of(key: str, text: str, choices: t.Sequence[str]) -> str:
    if text not in choices:
        raise ConfigError(f"Setting {key} must be one of {', '.join(choices)}, not {text!r}")
    return text
