# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and check the values of the options that modules share. See ``specs`` for the argument specs."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import os
import re
import typing as t

from .._errors import ConfigurationError
from .._http.api import TransportOptions
from .._rate import Rate, parse_rate
from .._service.api import CONTRACTS, Address, Contract, Partner, check_redirect_url, pasted_token
from .._session.api import Credentials

Params = t.Mapping[str, t.Any]

# A shorter key could be guessed by who has a copy of the database.
SHORTEST_KEY = 16


@dataclasses.dataclass(frozen=True)
class Server:
    """One Redtrust server, the partner that calls it, and the redirect URL that is registered at it.

    The service compares the redirect URL letter by letter.
    """

    contract: Contract
    address: Address
    partner: Partner | None
    redirect_url: str | None

    @classmethod
    def read(cls, params: Params) -> Server:
        """Read the options. Raises ConfigurationError."""
        contract = CONTRACTS[params["api_version"]]
        if params["redirect_url"] is not None:
            check_redirect_url(params["redirect_url"])
        partner = _partner(params)
        return cls(contract, _address(params, contract), partner, params["redirect_url"])

    @property
    def login_page(self) -> str:
        """Return the URL of the login page, without its query."""
        return self.address.login_page(self.contract)


@dataclasses.dataclass(frozen=True)
class Connection:
    """The settings of the connection and of the login.

    ``retry_timeout`` is in seconds. ``session_path`` is None if the option is not set; ``session_file`` is then the
    name of the session's file. ``stored_session`` is the name of the session in the store. ``rate`` is how often all
    runs of the store may ask the service, None for any number.
    """

    server: Server
    transport: TransportOptions
    retry_timeout: float
    finalized_codes: tuple[str, ...]
    credentials: Credentials
    session_path: str | None
    session_file: str
    stored_session: str
    rate: Rate | None

    @classmethod
    def read(cls, params: Params) -> Connection:
        """Read the options. Raises ConfigurationError."""
        transport = _transport(params)
        server = Server.read(params)
        return cls(
            server=server,
            transport=transport,
            retry_timeout=params["retry_timeout"],
            finalized_codes=_finalized_codes(params["finalized_codes"]),
            credentials=_credentials(params, server),
            session_path=params["session_path"],
            session_file=_session_file(params),
            stored_session=_stored_session(params, server.address),
            rate=parse_rate("rate", params["rate"], params["burst"]),
        )

    def login_material(self, service: str) -> bytes:
        """Return all that decides whether the service takes the user and the password."""
        server, own = self.server, self.credentials
        address, partner = server.address, server.partner
        names = [service, address.host, str(address.auth_port), server.contract.api_version]
        names += [partner.name if partner else "", own.username or "", own.password or "", own.domain or ""]
        secret = partner.secret if partner else b""
        return b"\0".join([*(name.encode("utf-8", "surrogateescape") for name in names), secret])


@dataclasses.dataclass(frozen=True)
class StoreOptions:
    """The options of the store. ``service`` is None if neither the option service nor host is set.

    ``dsn`` is None if the store is the SQLite file ``path``; ``key`` seals what a store at ``dsn`` keeps. Both are
    secret.
    """

    path: str
    service: str | None
    dsn: str | None = dataclasses.field(default=None, repr=False)
    key: str = dataclasses.field(default="", repr=False)

    @classmethod
    def read(cls, params: Params, given: t.Container[str] = ()) -> StoreOptions:
        """Read the options; ``given`` are those in the play, rather than in the environment.

        A missing option is not an error, since some modules need only a part of them. Raises ConfigurationError for
        options of the store that contradict each other.
        """
        dsn, key = params["store_dsn"] or None, params["store_key"] or ""
        if dsn and "store_path" in given:
            raise ConfigurationError(
                "store_dsn keeps the store in PostgreSQL, store_path in a SQLite file: give one of them"
            )
        if dsn and not key:
            raise ConfigurationError(
                "store_dsn needs store_key, a secret of your own that seals request codes in the database: set "
                "store_key or REDTRUST_STORE_KEY, the same for every job"
            )
        if dsn and len(key) < SHORTEST_KEY:
            raise ConfigurationError(f"store_key must have at least {SHORTEST_KEY} characters")
        return cls(params["store_path"], params["service"] or params["host"] or None, dsn, key)


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits for a list of certificates; ``wait_timeout`` is in seconds."""

    workers: int
    wait_timeout: float

    @classmethod
    def read(cls, params: Params) -> Limits:
        """Read the options. Raises ConfigurationError."""
        workers, wait_timeout = params["workers"], params["wait_timeout"]
        if not 1 <= workers <= 256:
            raise ConfigurationError(f"workers must be from 1 to 256, not {workers}")
        if not 0 <= wait_timeout <= 86400:
            raise ConfigurationError(f"wait_timeout is in seconds, at most 86400, not {wait_timeout:g}")
        return cls(workers, wait_timeout)


def _stored_session(params: Params, address: Address) -> str:
    """Return the name of a session in the store: 32 hex digits, a hash of the service and the user."""
    names = ("api_version", "partner", "username", "domain")
    identity = [address.host, str(address.ra_port), str(address.auth_port), *(params[name] or "" for name in names)]
    # A client certificate may identify the user. Without one, the name is that of releases before 0.3.0.
    identity += [params["client_cert"]] if params["client_cert"] else []
    return hashlib.sha256("\0".join(identity).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _session_file(params: Params) -> str:
    """Return the name of the session file for this user and AWX job: 16 hex digits."""
    names = ("host", "port", "auth_port", "api_version", "partner", "username", "domain", "client_cert")
    identity = [str(params[name]) for name in names] + [os.environ.get("JOB_ID", "")]
    return hashlib.sha256("\0".join(identity).encode()).hexdigest()[:16]


def _address(params: Params, contract: Contract) -> Address:
    """Return the address of the service. If one port serves everything, ``auth_port`` defaults to ``port``."""
    host = params["host"]
    if not host:
        raise ConfigurationError("host is not set: give the option or set REDTRUST_HOST")
    if not _is_host(host):
        raise ConfigurationError(f"host must be a host name or an address without scheme and port, not {host!r}")
    for name in ("port", "auth_port"):
        if params[name] is not None and not 0 < params[name] < 65536:
            raise ConfigurationError(f"{name} must be from 1 to 65535, not {params[name]}")
    port = params["port"] or contract.ra_port
    shared = port if contract.auth_port == contract.ra_port else contract.auth_port
    return Address(host, port, params["auth_port"] or shared)


def _is_host(text: str) -> bool:
    if re.fullmatch(r"[A-Za-z0-9._-]+", text):
        return True
    try:
        return bool(ipaddress.IPv6Address(text[1:-1] if re.fullmatch(r"\[.*\]", text) else text))
    except ValueError:
        return False


def _transport(params: Params) -> TransportOptions:
    for name in ("timeout", "retry_timeout"):
        if not 0 <= params[name] <= 3600 or (name == "timeout" and not params[name]):
            raise ConfigurationError(f"{name} is in seconds, at most 3600, not {params[name]:g}")
    names = ("validate_certs", "ca_path", "client_cert", "client_key", "client_key_passphrase", "proxy", "timeout")
    return TransportOptions(**{name: params[name] for name in names})


def _partner(params: Params) -> Partner | None:
    """Return the partner that signs requests, or None if neither its name nor its secret is set."""
    if bool(params["partner"]) != bool(params["partner_secret"]):
        missing = "partner_secret" if params["partner"] else "partner"
        raise ConfigurationError(f"partner and partner_secret go together: {missing} is not set")
    if not params["partner"]:
        return None
    return Partner.from_options(params["partner"], params["partner_secret"], params["partner_secret_encoding"])


def _finalized_codes(given: t.Iterable[str]) -> tuple[str, ...]:
    """Return the error codes of a repeated upload which mean that the first upload, without an answer, succeeded."""
    codes = tuple(code.strip() for code in given)
    wrong = [code for code in codes if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,100}", code) or code.upper() == "OK"]
    if wrong:
        raise ConfigurationError(f"finalized_codes must be error codes such as ERR_INVALID_STATE, not {wrong[0]!r}")
    return codes


def _credentials(params: Params, server: Server) -> Credentials:
    if params["session_key"] and params["session_path"]:
        raise ConfigurationError("session_key keeps the session in the store, session_path in a file: give one of them")
    pasted = params["temporal_token"]
    return Credentials(
        username=params["username"],
        password=params["password"],
        domain=params["domain"],
        access_token=params["access_token"],
        temporal_token=pasted and pasted_token(pasted, server.redirect_url),
        partner_secret=server.partner.secret if server.partner else None,
        session_key=params["session_key"],
        client_cert=params["client_cert"],
        redirect_url=server.redirect_url,
    )
