# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of PostgreSQL: where it connects to, and its errors.

psycopg 3 is imported where a store on PostgreSQL is opened, and only there. Its errors end here: they may quote the
connection string, and nothing above knows them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import re
import typing as t

from .._errors import StoreError
from .._secrets import Secrets
from .database import NotUniqueError

try:
    import psycopg
    from psycopg import conninfo
except ImportError:
    pass  # told by require()

REQUIREMENT = "psycopg[binary]>=3.1"
WEAKER_THAN_DEFAULT = frozenset({"disable", "allow", "prefer", "require", "verify-ca"})
# All are read by the client, and none is sent to the server. A dead connection is noticed within a minute.
_DEFAULTS = {
    "sslmode": "verify-full",
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "40000",
}
_SENT = {"application_name": "redtrust.certificate_enroll", "client_encoding": "utf8"}
_SECRET = ("password", "sslpassword")
# Errors after which the same may succeed: a deadlock, a lock that another run keeps, a server that ends or begins, a
# transaction that another write has spoiled.
_PASSING = frozenset(
    {"40P01", "40001", "55P03", "57014", "57P01", "57P02", "57P03", "53300", "25P03", "25P02", "3B001"}
)


class DriverError(Exception):
    """An error of PostgreSQL or its driver: what it said, its SQLSTATE if it has one.

    ``lost``: the connection is gone, and what was sent last may have been done or not.
    """

    def __init__(self, said: str, state: str | None = None, lost: bool = False) -> None:
        super().__init__(said, state, lost)
        self.said = said
        self.state = state
        self.lost = lost

    def __str__(self) -> str:
        return self.said

    @property
    def passes(self) -> bool:
        """Whether the same may succeed a little later."""
        return self.lost or self.state in _PASSING


def require() -> None:
    """Raise StoreError if psycopg is missing or too old; let it print nothing by itself."""
    try:
        found = psycopg.__version__
    except NameError as exc:
        raise StoreError(
            "store_dsn needs the Python package psycopg, version 3.1 or newer, where the module runs: install it with "
            f"pip install '{REQUIREMENT}'; in AWX add the line {REQUIREMENT} to the Python requirements of the "
            "execution environment"
        ) from exc
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    if tuple(map(int, found.split(".")[:2])) < (3, 1):
        raise StoreError(f"store_dsn needs psycopg 3.1 or newer, and this is {found}: install {REQUIREMENT}")


@dataclasses.dataclass(frozen=True)
class Address:
    """Where to connect to. ``name`` is what messages call it: host and database, no secret."""

    parameters: t.Mapping[str, str] = dataclasses.field(repr=False)
    name: str
    secrets: Secrets = dataclasses.field(repr=False)

    @classmethod
    def read(cls, dsn: str) -> Address:
        """Read a connection string or URI of libpq. Raises StoreError that does not quote it."""
        try:
            given = {name: str(value) for name, value in conninfo.conninfo_to_dict(dsn).items() if value is not None}
        except (psycopg.Error, UnicodeError):
            given = {}
        if not given:
            raise StoreError(
                "store_dsn cannot be read as a connection string of PostgreSQL: give one such as "
                "postgresql://user:password@host/database, with special characters as %XX, or host=... dbname=... "
                "user=... password=..., with '...' around values that have spaces"
            ) from None
        secrets = Secrets()
        for secret in (dsn, *map(given.get, _SECRET), os.environ.get("PGPASSWORD")):
            secrets.add(secret)
        defaults = {**_DEFAULTS, **({"target_session_attrs": "read-write"} if "," in given.get("host", "") else {})}
        if os.environ.get("PGSSLMODE"):
            del defaults["sslmode"]
        return cls({**defaults, **_SENT, **given, "client_encoding": "utf8"}, secrets.hide(_name(given)), secrets)

    def tell(self, exc: Exception) -> str:
        """Return what an error says, in one line and without secrets; the lines about its place are left out."""
        said = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
        return self.secrets.hide(" ".join((said or str(exc)).split()))


def _name(given: t.Mapping[str, str]) -> str:
    host = given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "local socket"
    port = given.get("port") or os.environ.get("PGPORT")
    database = given.get("dbname") or os.environ.get("PGDATABASE") or given.get("user") or os.environ.get("PGUSER")
    known = database if database and re.fullmatch(r"[^@:=\s]+", database) else "its default"
    return f"{known} at {host}{f':{port}' if port and not host.startswith('/') else ''}"


def connect(address: Address) -> psycopg.Connection[t.Any]:
    """Return a new connection, on which nothing happens by itself. Raises DriverError."""
    try:
        return psycopg.connect(**address.parameters, autocommit=True, prepare_threshold=None)  # type: ignore[arg-type]
    except (psycopg.Error, UnicodeError) as exc:
        said = address.tell(exc)
        # A server that refuses a connection gives no SQLSTATE to the driver.
        raise DriverError(said, getattr(exc, "sqlstate", None), lost=not _is_final(said)) from None


_FINAL = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "no pg_hba.conf entry",
    "permission denied",
    "is not permitted to log in",
    "root certificate file",
    "certificate verify failed",
    "does not match host name",
    "does not support SSL",
    "invalid",
    "Name or service not known",
    "unsupported startup parameter",
    "no such database",
    "no such user",
)


def _is_final(said: str) -> bool:
    """Return whether a connection will not be had by waiting."""
    return any(words in said for words in _FINAL)


@contextlib.contextmanager
def told(address: Address, is_lost: t.Callable[[], bool]) -> t.Iterator[None]:
    """Turn errors of psycopg inside into a DriverError or NotUniqueError without secrets."""
    try:
        yield
    except psycopg.errors.UniqueViolation as exc:
        raise NotUniqueError(f"{address.tell(exc)}; nothing was written") from exc
    except psycopg.Error as exc:
        raise DriverError(address.tell(exc), exc.sqlstate, is_lost()) from exc
