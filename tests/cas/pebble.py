# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Pebble, the ACME server for tests of the makers of Let's Encrypt, and the proofs that it looks at."""

from __future__ import annotations

import collections.abc as c
import contextlib
import http.server
import json
import sys
import threading
import typing as t
from pathlib import Path

from cryptography import x509

from .servers import PATIENCE_SECONDS, Server, Tls, free_port, program

BLOCKED = "blocked.example.com"
KID = "partner-1"
EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
WRONG_EAB_KEY = "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQH"
# It writes what it is told to a folder, from which the site of the tests answers.
HOOK = """\
import json, os, pathlib, sys
place = pathlib.Path(sys.argv[1])
told = {name: value for name, value in os.environ.items() if name.startswith("REDTRUST_")}
with (place / "told").open("a") as file:
    file.write(json.dumps(told) + "\\n")
proof = place / os.path.basename(told["REDTRUST_ACME_PATH"])
if told["REDTRUST_ACME_ACTION"] == "present":
    proof.write_text(told["REDTRUST_ACME_CONTENT"])
else:
    proof.unlink()
"""


class Pebble(Server):
    """A server that keeps everything in memory: who stops it, loses its accounts and orders.

    It takes every proof at once, or with ``validates`` looks at ``site``, which answers for each name.
    """

    def __init__(self, directory: Path, tls: Tls, *, eab: bool = False, validates: bool = False) -> None:
        self.program = program("pebble", "pebble of Debian")
        super().__init__(directory, tls)
        self._validates = validates
        self._management = free_port()
        self.site = Site(directory / "site")
        self._dns = free_port()
        self._configuration = directory / "pebble.json"
        settings = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self._management}",
            "certificate": str(tls.certificate_path),
            "privateKey": str(tls.key_path),
            "httpPort": self.site.port,
            "tlsPort": free_port(),
            "domainBlocklist": [BLOCKED],
            "externalAccountBindingRequired": eab,
            "externalAccountMACKeys": {KID: EAB_KEY},
        }
        self._configuration.write_text(json.dumps({"pebble": settings}), encoding="utf-8")
        self._names: contextlib.ExitStack = contextlib.ExitStack()

    @property
    def command(self) -> list[str]:
        proofs = {} if self._validates else {"PEBBLE_VA_ALWAYS_VALID": "1"}
        variables = {**proofs, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0"}
        given = [f"{name}={value}" for name, value in variables.items()]
        dns = ["-dnsserver", f"127.0.0.1:{self._dns}"] if self._validates else []
        return ["env", *given, self.program, "-config", str(self._configuration), *dns]

    def start(self) -> None:
        super().start()
        if self._validates:
            self._names.enter_context(self._names_of_this_machine())

    def stop(self) -> None:
        self._names.close()
        super().stop()

    def close(self) -> None:
        """Stop the server, and the site."""
        self.stop()
        self.site.close()

    def options(self, key_path: Path, **others: t.Any) -> dict[str, t.Any]:
        """Return the options of the signer."""
        own = {"challenge": "http-01", "hook": self.site.hook(), "terms_agreed": True, "timeout": 20.0}
        common = {"account_key_path": str(key_path), "ca_path": str(self.tls.ca_path)}
        return {"directory_url": f"{self.url}/dir", **common, **own, **others}

    def certificates(self, serials: c.Iterable[int]) -> list[x509.Certificate]:
        """Return these certificates as the CA's records have them."""
        return [x509.load_pem_x509_certificate(self._status(serial)["Certificate"].encode()) for serial in serials]

    def issued(self) -> int:
        """Return how many certificates the CA has issued, by its own log."""
        return self.log.read_text(encoding="utf-8").count("Issued certificate serial")

    def orders(self) -> int:
        """Return how many orders the CA has had, by its own log."""
        return self.log.read_text(encoding="utf-8").count("Added order")

    def revocation(self, certificate: x509.Certificate) -> tuple[str, int]:
        """Return status and reason of a certificate, as the CA's records have them."""
        told = self._status(certificate.serial_number)
        return told["Status"], told.get("Reason", 0)

    def root(self) -> x509.Certificate:
        """Return the root of the CA."""
        return x509.load_pem_x509_certificate(self._managed("roots/0").encode())

    def _status(self, serial: int) -> dict[str, t.Any]:
        return dict(json.loads(self._managed(f"cert-status-by-serial/{serial:x}")))

    def _managed(self, path: str) -> str:
        url = f"https://127.0.0.1:{self._management}/{path}"
        answer = self.http.get(url, timeout=PATIENCE_SECONDS, verify=self.http.verify)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    @contextlib.contextmanager
    def _names_of_this_machine(self) -> c.Iterator[None]:
        """Answer each name with 127.0.0.1."""
        from ansible_collections.redtrust.certificate_enroll.tests.postgres import guarded

        unused = ("-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "")
        ports = ("-dns01", f"127.0.0.1:{self._dns}", "-management", f"127.0.0.1:{free_port()}")
        command = [program("pebble-challtestsrv", "pebble of Debian"), *unused, *ports]
        guard = guarded(command, self.directory / "names.log")
        try:
            yield
        finally:
            assert guard.stdin is not None
            guard.stdin.close()
            guard.wait(PATIENCE_SECONDS)


class Site:
    """The web server of every name in the tests. ``shut`` has it hold its answers back until ``open``."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        (directory / "hook.py").write_text(HOOK, encoding="utf-8")
        self._may_answer = threading.Event()
        self._may_answer.set()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site._may_answer.wait(PATIENCE_SECONDS)
                file = directory / Path(self.path).name
                content = file.read_bytes() if self.path.startswith("/.well-known/") and file.exists() else None
                with contextlib.suppress(ConnectionError):
                    self.send_response(404 if content is None else 200)
                    self.end_headers()
                    self.wfile.write(content or b"")

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name in the base class
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def hook(self) -> dict[str, t.Any]:
        """Return the program that publishes proofs here."""
        return {"argv": [sys.executable, str(self.directory / "hook.py"), str(self.directory)], "timeout": 30.0}

    def told(self) -> list[dict[str, str]]:
        """Return what the program was told, run by run."""
        return [json.loads(line) for line in (self.directory / "told").read_text(encoding="utf-8").splitlines()]

    def proofs(self) -> list[str]:
        """Return the proofs that are published."""
        return [path.name for path in self.directory.iterdir() if path.name not in ("told", "hook.py")]

    @contextlib.contextmanager
    def shut(self) -> c.Iterator[None]:
        """Hold answers back while the context lasts."""
        self._may_answer.clear()
        try:
            yield
        finally:
            self._may_answer.set()

    def close(self) -> None:
        """End the server."""
        self._may_answer.set()
        self._server.shutdown()
        self._server.server_close()
