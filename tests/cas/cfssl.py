# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real cfssl with a database of its certificates, with the configuration of the documentation."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from pathlib import Path

from cryptography import x509

from .openbao import GUIDE
from .servers import Server, Tls, program, root

AUTH_KEY = "0123456789abcdef0123456789abcdef"
# That of its own migration.
_TABLE = """
CREATE TABLE certificates (
  serial_number blob NOT NULL, authority_key_identifier blob NOT NULL, ca_label blob, status blob NOT NULL, reason int,
  expiry timestamp, revoked_at timestamp, pem blob NOT NULL, PRIMARY KEY(serial_number, authority_key_identifier))
"""
_LATER_COLUMNS = ("issued_at timestamp", "not_before timestamp", "metadata text", "sans text", "common_name text")


class Cfssl(Server):
    """A server; ``database`` makes it keep its certificates."""

    def __init__(self, directory: Path, tls: Tls, *, database: bool = True) -> None:
        self.program = program("cfssl", "Debian's package golang-cfssl")
        super().__init__(directory, tls)
        self.ca_path, self._key_path = root(directory, "cfssl of the tests")
        self._configuration = directory / "config.json"
        self._configuration.write_text(configuration(), encoding="utf-8")
        self._records = directory / "certificates.sqlite3" if database else None
        self._database = directory / "database.json"
        if self._records:
            columns = "".join(f"ALTER TABLE certificates ADD COLUMN {column};" for column in _LATER_COLUMNS)
            with contextlib.closing(sqlite3.connect(self._records)) as connection:
                connection.executescript(f"{_TABLE};{columns}")
            where = {"driver": "sqlite3", "data_source": str(self._records)}
            self._database.write_text(json.dumps(where), encoding="utf-8")

    @property
    def command(self) -> list[str]:
        address = ["-address", "127.0.0.1", "-port", str(self.port)]
        authority = ["-ca", str(self.ca_path), "-ca-key", str(self._key_path), "-config", str(self._configuration)]
        tls = ["-tls-cert", str(self.tls.certificate_path), "-tls-key", str(self.tls.key_path)]
        database = ["-db-config", str(self._database)] if self._records else []
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

    def _rows(self) -> list[tuple[bytes, str]]:
        assert self._records is not None
        with contextlib.closing(sqlite3.connect(self._records)) as connection:
            rows = connection.execute("SELECT CAST(pem AS blob), CAST(status AS text) FROM certificates")
            return [(bytes(pem), str(status)) for pem, status in rows]


def configuration() -> str:
    """Return the configuration that the guide shows, with the key of the tests."""
    found = re.search(r"^```json\n(\{\s*\"signing\".*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None, f"{GUIDE} shows no configuration of cfssl"
    settings = json.loads(found[1])
    settings["auth_keys"]["redtrust"]["key"] = AUTH_KEY
    return json.dumps(settings)
