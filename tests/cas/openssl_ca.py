# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real folder of openssl ca, with the configuration and the script of the documentation."""

from __future__ import annotations

import re
import sys
import typing as t
from pathlib import Path

from cryptography import x509

from .openbao import GUIDE
from .servers import program, root

SCRIPT = GUIDE.with_name("examples") / "openssl_ca.py"


class OpenSslCa:
    """A folder with openssl.cnf, index.txt and newcerts."""

    def __init__(self, directory: Path) -> None:
        program("openssl", "openssl")
        self.directory = directory
        self.ca_path, _key_path = root(directory, "openssl ca of the tests")
        (directory / "newcerts").mkdir()
        (directory / "index.txt").touch()
        found = re.search(r"^```ini\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        assert found is not None, f"{GUIDE} shows no openssl.cnf"
        (directory / "openssl.cnf").write_text(found[1], encoding="utf-8")

    def options(self, *more: str) -> dict[str, t.Any]:
        """Return the options of the signer."""
        argv = [sys.executable, str(SCRIPT), str(self.directory)]
        return {"argv": [*argv, *more], "revoke_argv": [*argv, "--revoke"]}

    def index(self) -> list[tuple[str, str]]:
        """Return status and serial number of each line of index.txt."""
        lines = (self.directory / "index.txt").read_text(encoding="utf-8").splitlines()
        return [(line.split("\t")[0], line.split("\t")[3]) for line in lines]

    def certificates(self) -> list[x509.Certificate]:
        """Return the certificate of each line of index.txt."""
        paths = [self.directory / "newcerts" / f"{serial}.pem" for _status, serial in self.index()]
        return [x509.load_pem_x509_certificate(path.read_bytes()) for path in paths]
