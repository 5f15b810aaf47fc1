# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real cfssl with a database of its certificates, with the configuration of the documentation."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from psycopg import conninfo

from .openbao import GUIDE
from .servers import Server, Tls, program, root

AUTH_KEY = "0123456789abcdef0123456789abcdef"
NEW_VARIABLE = "CERTIFICATE_ENROLL_CFSSL"
# Those of its own migrations.
_STATEMENTS = (
    """
    CREATE TABLE certificates (
      serial_number blob NOT NULL, authority_key_identifier blob NOT NULL, ca_label blob, status blob NOT NULL,
      reason int, expiry timestamp, revoked_at timestamp, pem blob NOT NULL,
      PRIMARY KEY(serial_number, authority_key_identifier))
    """,
    *(
        f"ALTER TABLE certificates ADD COLUMN {column}"
        for column in ("issued_at timestamp", "not_before timestamp", "metadata text", "sans text", "common_name text")
    ),
)


class Cfssl(Server):
    """A server of the distribution's cfssl; with ``records`` it keeps its certificates in a file of SQLite."""

    def __init__(self, directory: Path, tls: Tls, *, records: bool = True) -> None:
        self.program = self._found()
        super().__init__(directory, tls)
        self.ca_path, self._key_path = root(directory, "cfssl of the tests")
        self._configuration = directory / "config.json"
        self._configuration.write_text(configuration(), encoding="utf-8")
        self._database: Path | None = None
        if records:
            self._database = directory / "database.json"
            self._database.write_text(json.dumps(self._make_database()), encoding="utf-8")

    @property
    def command(self) -> list[str]:
        address = ["-address", "127.0.0.1", "-port", str(self.port)]
        authority = ["-ca", str(self.ca_path), "-ca-key", str(self._key_path), "-config", str(self._configuration)]
        tls = ["-tls-cert", str(self.tls.certificate_path), "-tls-key", str(self.tls.key_path)]
        database = ["-db-config", str(self._database)] if self._database else []
        return [self.program, "serve", *address, *authority, *tls, *database]

    def certificates(self) -> list[x509.Certificate]:
        """Return each certificate in the CA's own records."""
        return [x509.load_pem_x509_certificate(pem) for pem, _status in self._rows()]

    def statuses(self) -> list[str]:
        """Return the status of each certificate in the CA's own records."""
        return [status for _pem, status in self._rows()]

    def signatures(self) -> list[str]:
        """Return the serial number of each certificate that the CA signed since its folder was made, by its log."""
        return re.findall(r"signed certificate with serial number (\d+)", self.log.read_text(encoding="utf-8"))

    def _found(self) -> str:
        return program("cfssl", "Debian's package golang-cfssl")

    def _make_database(self) -> dict[str, str]:
        """Make the table of certificates, and return where it is, as cfssl takes it."""
        path = self.directory / "certificates.sqlite3"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.executescript(";".join(_STATEMENTS))
        return {"driver": "sqlite3", "data_source": str(path)}

    def _rows(self) -> list[tuple[bytes, str]]:
        with contextlib.closing(sqlite3.connect(self.directory / "certificates.sqlite3")) as connection:
            rows = connection.execute("SELECT CAST(pem AS blob), CAST(status AS text) FROM certificates")
            return [(bytes(pem), str(status)) for pem, status in rows]


class NewCfssl(Cfssl):
    """A server of another cfssl, whose path is in the environment, with its certificates on PostgreSQL."""

    def __init__(self, directory: Path, tls: Tls, dsn: str) -> None:
        self._dsn = dsn
        super().__init__(directory, tls)

    def _found(self) -> str:
        path = os.environ.get(NEW_VARIABLE)
        if not path:
            pytest.skip(f"{NEW_VARIABLE} names no cfssl of 1.4 or later, which no package of Debian has")
        return path

    def _make_database(self) -> dict[str, str]:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            for statement in _STATEMENTS:
                connection.execute(statement.replace(" blob", " bytea").encode())
        members = conninfo.conninfo_to_dict(self._dsn, sslmode="disable")
        return {"driver": "postgres", "data_source": " ".join(f"{name}={value}" for name, value in members.items())}

    def _rows(self) -> list[tuple[bytes, str]]:
        with psycopg.connect(self._dsn) as connection:
            return [
                (bytes(pem), bytes(status).decode())
                for pem, status in connection.execute("SELECT pem, status FROM certificates")
            ]


def configuration() -> str:
    """Return the configuration that the guide shows, with the key of the tests, and two profiles more."""
    found = re.search(r"^```json\n(\{\s*\"signing\".*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None, f"{GUIDE} shows no configuration of cfssl"
    settings = json.loads(found[1])
    settings["auth_keys"]["redtrust"]["key"] = AUTH_KEY
    profiles = settings["signing"]["profiles"]
    profiles["plain"] = {"usages": ["digital signature"], "expiry": "24h"}
    profiles["strict"] = {**profiles["people"], "name_whitelist": r"\.example\.com$"}
    del profiles["strict"]["auth_key"]
    return json.dumps(settings)
