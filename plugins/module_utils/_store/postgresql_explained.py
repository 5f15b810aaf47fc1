# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of PostgreSQL, the system and the codec, with the next step."""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import StoreError
from .postgresql_driver import DriverError

_NOTHING = "nothing was written"
_GUIDE = "see docs/postgresql.md"
_TABLES = f"the database may lack tables or rights: let redtrust_store make the tables, and grant the rights, {_GUIDE}"
_LOST = "look at the database and the network to it, then run again: the next run goes on from what is stored"
# The SQLSTATE of an error, or the beginning of it, and the next step.
_BY_STATE = (
    ("53100", "nothing was written; make room on the disk of the database server, then run again"),
    ("53200", "nothing was written; the database server is out of memory; look at it, then run again"),
    ("53300", f"give the server more connections, start fewer jobs at once, or put PgBouncer between, {_GUIDE}"),
    ("25006", "nothing was written; the database can only be read: let store_dsn name the primary server"),
    ("42501", f"nothing was written; the role may not do this: {_TABLES}"),
    ("42P01", f"nothing was written; {_TABLES}"),
    ("3F000", f"nothing was written; {_TABLES}"),
    ("28", "check the user and the password in store_dsn, and pg_hba.conf on the server"),
    ("3D000", f"make the database, or name another one in store_dsn, {_GUIDE}"),
    ("55P03", "nothing was written; another run keeps it locked; look for a job that hangs, then run again"),
    ("40P01", "nothing was written; other runs keep it locked; run again"),
    ("40001", "nothing was written; run again"),
    ("57014", "nothing was written; the server took too long; look at its load and its locks, then run again"),
    ("57", _LOST),
    ("58", "nothing was written; look for a full or failing disk on the database server, then run again"),
    ("XX", "the database is damaged; look at the log of the server, keep a copy, and restore a backup"),
    ("22", "nothing was written; the database cannot hold a text as it is"),
    ("42P07", f"another program has such a table: choose another database or schema, {_GUIDE}"),
)
# A connection that was not had has no SQLSTATE. A server may speak another language; then the last line is told.
_BY_WORDS = (
    ("failed to resolve host", "check the host in store_dsn, and the name service of this machine"),
    ("could not translate host name", "check the host in store_dsn, and the name service of this machine"),
    ("authentication failed", _BY_STATE[7][1]),
    ("no password supplied", _BY_STATE[7][1]),
    ("no pg_hba.conf entry", _BY_STATE[7][1]),
    ("root certificate file", f"give the CA of the server with sslrootcert=... in store_dsn, {_GUIDE}"),
    ("certificate verify failed", f"give the CA of the server with sslrootcert=... in store_dsn, {_GUIDE}"),
    ("does not match host name", "let store_dsn have the host name of the server's certificate"),
    ("does not support SSL", f"set up TLS on the server, or say sslmode=... in store_dsn, {_GUIDE}"),
    ("too many", _BY_STATE[2][1]),
    ("no more connections", _BY_STATE[2][1]),
    ("remaining connection slots", _BY_STATE[2][1]),
    ("no such database", _BY_STATE[8][1]),
    ("role ", _BY_STATE[7][1]),
    ("does not exist", _BY_STATE[8][1]),
    ("permission denied for database", f"grant the role CONNECT on the database, {_GUIDE}"),
    ("NUL (0x00)", "nothing was written; PostgreSQL holds no text with a NUL character"),
)


@contextlib.contextmanager
def explained(name: str) -> t.Iterator[None]:
    """Turn errors of PostgreSQL, the system and the codec into a StoreError that names host and database."""
    try:
        yield
    except DriverError as exc:
        raise StoreError(f"store {name}: {exc.said}; {_advice(exc)}") from exc
    except OSError as exc:
        raise StoreError(f"store {name}: {exc.strerror}; nothing was written; look at this machine") from exc
    except UnicodeEncodeError as exc:
        raise StoreError(f"store {name}: a text is not Unicode ({exc.reason}); nothing was written") from exc


def _advice(exc: DriverError) -> str:
    by_state = (advice for state, advice in _BY_STATE if exc.state and exc.state.startswith(state))
    by_words = (advice for words, advice in _BY_WORDS if words in exc.said)
    advice = next(by_state, None) or next(by_words, None) or (_LOST if exc.lost else _NOTHING)
    # A COMMIT may have been among what was sent over a connection that was lost.
    return advice.removeprefix(f"{_NOTHING}; ") if exc.lost else advice
