# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of the server: partners, users, providers, initial settings, TLS.

The JSON form, in which every key is optional::

    {
      "partners": [{"name": "CA_DEMO", "secret": "text", "secret_encoding": "text", "redirect_urls": ["https://..."]}],
      "users": [{"username": "demo", "password": "text", "domain": "local.users", "certificate_cn": "Demo User"}],
      "providers": {"CA_DEMO": "standard", "CA_LEGACY": "legacy"},
      "settings": {"access_token_lifetime": 60},
      "tls": {"client_ca_path": "ca.pem", "client_crl_path": "ca.crl", "client_cert": "required",
              "certificate_path": "server.pem", "protocol": "1.3"}
    }

A list in the configuration replaces the default list as a whole.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import pathlib
import typing as t

from redtrust_sandbox import settings
from redtrust_sandbox.errors import ConfigError

SECRET_ENCODINGS = ("text", "hex", "base64")
CLIENT_CERTS = ("none", "optional", "required")
PROTOCOLS = ("1.0", "1.1", "1.2", "1.3")


@dataclasses.dataclass(frozen=True)
class Partner:
    """A client application: upper-case name, shared secret, registered redirect URLs.

    ``secret`` is text; ``secret_encoding`` (text, hex, base64) defines how it becomes bytes.
    """

    name: str
    secret: str
    redirect_urls: tuple[str, ...]
    secret_encoding: str = "text"

    def key(self) -> bytes:
        """Return the shared secret as bytes; raises ConfigError."""
        try:
            if self.secret_encoding == "hex":
                return bytes.fromhex(self.secret)
            if self.secret_encoding == "base64":
                return base64.b64decode(self.secret, validate=True)
        except (ValueError, binascii.Error) as exc:
            raise ConfigError(f"The secret of partner {self.name} is not {self.secret_encoding}") from exc
        return self.secret.encode()


@dataclasses.dataclass(frozen=True)
class User:
    """A user with a password, and perhaps with a client certificate whose common name is ``certificate_cn``."""

    username: str
    password: str
    domain: str
    certificate_cn: str | None = None


@dataclasses.dataclass(frozen=True)
class Tls:
    """The TLS certificate and versions of the server, and its checks of client certificates. All files are PEM.

    ``certificate_path`` is a certificate with its key that replaces the server's own. ``protocol`` is the only TLS
    version; without it the server accepts 1.2 and later.
    """

    certificate_path: str | None = None
    protocol: str | None = None
    client_cert: str = "none"
    client_ca_path: str | None = None
    client_crl_path: str | None = None

    def check(self) -> None:
        """Raise ConfigError if these values contradict each other."""
        if self.client_cert not in CLIENT_CERTS:
            raise ConfigError(f"client_cert must be one of {', '.join(CLIENT_CERTS)}, not {self.client_cert!r}")
        if self.protocol is not None and self.protocol not in PROTOCOLS:
            raise ConfigError(f"protocol must be one of {', '.join(PROTOCOLS)}, not {self.protocol!r}")
        if (self.client_cert == "none") != (self.client_ca_path is None) or (
            self.client_crl_path and not self.client_ca_path
        ):
            raise ConfigError("A client_cert that is optional or required needs client_ca_path, none needs neither")


DEFAULT_PARTNER = Partner(
    name="CA_DEMO",
    secret="sandbox-partner-secret",
    redirect_urls=(
        "http://127.0.0.1:8765/callback",
        "http://localhost:8765/callback?tkn=",
        "https://google.es?tkn=",
        "https://your-app.com",
        "https://your-app.com/landing?tenant=7&lang=es",
    ),
)
DEFAULT_USER = User(username="demo", password="sandbox-password", domain="local.users")
DEFAULT_PROVIDERS = {"CA_DEMO": "standard", "CA_BRASIL": "standard", "CA_LEGACY": "legacy"}


@dataclasses.dataclass(frozen=True)
class Config:
    """The whole configuration of the server."""

    partners: tuple[Partner, ...] = (DEFAULT_PARTNER,)
    users: tuple[User, ...] = (DEFAULT_USER,)
    providers: t.Mapping[str, str] = dataclasses.field(default_factory=lambda: dict(DEFAULT_PROVIDERS))
    settings: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    tls: Tls = dataclasses.field(default_factory=Tls)

    @classmethod
    def from_json(cls, data: t.Any) -> Config:
        """Build the configuration from its JSON form; raises ConfigError."""
        _only(data, "configuration", ("partners", "users", "providers", "settings", "tls"))
        base = cls()
        config = cls(
            partners=tuple(_partner(item) for item in data["partners"]) if "partners" in data else base.partners,
            users=tuple(_user(item) for item in data["users"]) if "users" in data else base.users,
            providers={str(k): str(v) for k, v in data.get("providers", base.providers).items()},
            settings={str(k): str(v) for k, v in data.get("settings", {}).items()},
            tls=_tls(data.get("tls", {})),
        )
        config.check()
        return config

    def check(self) -> None:
        """Raise ConfigError if any part is unusable."""
        if not self.partners or not self.users:
            raise ConfigError("The configuration needs at least one partner and one user")
        for partner in self.partners:
            if partner.name != partner.name.upper():
                raise ConfigError(f"The name of partner {partner.name} must be in upper case")
            partner.key()
        self._check_certificate_users()
        self.tls.check()
        for key, value in self.initial_settings().items():
            settings.parse(key, value)

    def _check_certificate_users(self) -> None:
        names = [user.certificate_cn for user in self.users if user.certificate_cn is not None]
        if len(set(names)) != len(names):
            raise ConfigError("Two users cannot have the same certificate_cn")
        if names and self.tls.client_cert == "none":
            raise ConfigError("A user with a certificate_cn needs a client_cert of tls that is optional or required")

    def initial_settings(self) -> dict[str, str]:
        """Return the settings and providers as rows of the settings table."""
        rows = {settings.PROVIDER_PREFIX + name: style for name, style in self.providers.items()}
        rows.update(self.settings)
        return rows

    def partner(self, name: str) -> Partner | None:
        """Return the partner with exactly this name, or None."""
        return next((partner for partner in self.partners if partner.name == name), None)


def load(path: pathlib.Path | None) -> Config:
    """Read a configuration file; without a path return the default configuration. Raises ConfigError."""
    if path is None:
        return Config()
    try:
        return Config.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as exc:
        raise ConfigError(f"Cannot read the configuration {path}: {exc}") from exc


def _only(data: t.Any, what: str, names: t.Sequence[str], required: t.Sequence[str] = ()) -> None:
    if not isinstance(data, dict):
        raise ConfigError(f"The {what} must be a mapping")
    unknown = sorted(set(data) - set(names))
    if unknown:
        raise ConfigError(f"The {what} has no {', '.join(unknown)}; it has {', '.join(names)}")
    missing = [name for name in required if name not in data]
    if missing:
        raise ConfigError(f"The {what} needs {', '.join(missing)}")


def _partner(data: t.Any) -> Partner:
    _only(data, "partner", ("name", "secret", "secret_encoding", "redirect_urls"), ("name", "secret"))
    encoding = str(data.get("secret_encoding", "text"))
    if encoding not in SECRET_ENCODINGS:
        raise ConfigError(f"secret_encoding must be one of {', '.join(SECRET_ENCODINGS)}, not {encoding!r}")
    urls = tuple(str(url) for url in data.get("redirect_urls", DEFAULT_PARTNER.redirect_urls))
    return Partner(str(data["name"]), str(data["secret"]), urls, encoding)


def _user(data: t.Any) -> User:
    _only(data, "user", ("username", "password", "domain", "certificate_cn"), ("username", "password"))
    domain = str(data.get("domain", DEFAULT_USER.domain))
    return User(str(data["username"]), str(data["password"]), domain, str(data.get("certificate_cn") or "") or None)


def _tls(data: t.Any) -> Tls:
    _only(data, "tls", [field.name for field in dataclasses.fields(Tls)])
    return Tls(**{name: str(value) for name, value in data.items() if value is not None})
