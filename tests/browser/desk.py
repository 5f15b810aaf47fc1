# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play that waits for a sign-in: the real playbook, with a server whose ledger shows the result."""

from __future__ import annotations

import collections.abc as c
import contextlib
import itertools
import random
import socket
import time
import typing as t
import urllib.parse
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ansible_collections.redtrust.certificate_enroll.tests.browser.visitor import PATIENCE_SECONDS, Visitor
from ansible_collections.redtrust.certificate_enroll.tests.robustness.canaries import Search
from ansible_collections.redtrust.certificate_enroll.tests.robustness.guarded import GIVEN, WRITTEN, make_sealed_ca
from ansible_collections.redtrust.certificate_enroll.tests.robustness.runs import Play, Run, own_core
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, certificate_for, started

POLL_SECONDS = 0.05
PASSWORD = GIVEN["password"]
PASSPHRASE = GIVEN["passphrase"]
ENDINGS = ("/callback", "/callback?tkn=", "/back?tenant=7&lang=es")


class Desk:
    """A server, and the port of this machine in its redirect URLs.

    For browsers, ``localhost`` and the server's ``127.0.0.1`` are two sites, as with a real server.
    """

    def __init__(self, appliance: Appliance, port: int, directory: Path) -> None:
        self.appliance = appliance.reset()
        self.port = port
        self.directory = directory
        self._numbers = itertools.count()
        self._sessions: int = appliance.one("SELECT COUNT(*) FROM sessions")
        self._secrets: int = appliance.one("SELECT COUNT(*) FROM secrets")

    def url(self, ending: str = "/callback", scheme: str = "http") -> str:
        """Return one of the registered redirect URLs."""
        return f"{scheme}://localhost:{self.port}{ending}"

    def play(self, playbook: str, options: c.Mapping[str, str], **variables: t.Any) -> Play:
        """Return a run of a playbook, with the credential in the environment as in AWX, and with verbose output."""
        facts = self.appliance.facts
        names = ("host", "port", "auth_port", "api_version", "ca_path", "partner", "domain")
        credential = {
            **{name: str(facts[name]) for name in names if facts[name]},
            "partner_secret": WRITTEN["hex"],
            "partner_secret_encoding": "hex",
            "session_key": GIVEN["session_key"],
            "store_path": str(self.directory / "state" / "store.sqlite3"),
            **options,
        }
        environment = {f"REDTRUST_{name.upper()}": value for name, value in credential.items()}
        directory = self.directory / f"run-{next(self._numbers)}"
        return Play(own_core(), directory, playbook, variables, {**environment, "ANSIBLE_VERBOSITY": "4"})

    @contextlib.contextmanager
    def waits(self, redirect_url: str, **variables: t.Any) -> c.Iterator[Run]:
        """Run the playbook, yield it when it waits for a browser, and end all its processes afterwards."""
        with self.begun(self.play("login", {"redirect_url": redirect_url}, **variables).start()) as run:
            yield run

    @contextlib.contextmanager
    def begun(self, run: Run) -> c.Iterator[Run]:
        """Yield the given run when it waits for a browser, and end all its processes afterwards."""
        try:
            self.until(lambda: run.is_over() or self.is_listening(), run)
            assert not run.is_over(), run.said()
            yield run
        finally:
            run.kill_all()

    def is_listening(self) -> bool:
        """Return whether a process listens on the port."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True
        return False

    def until_gone(self, run: Run) -> None:
        """Wait until the port is free and all processes of the run have ended."""
        self.until(lambda: not self.is_listening() and not run.processes(), run)
        with socket.create_server(("127.0.0.1", self.port)):
            pass

    def until(self, condition: c.Callable[[], bool], run: Run) -> None:
        """Wait for an effect of a run or of a browser."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, run.said()
            time.sleep(POLL_SECONDS)

    def leaks(self) -> list[t.Any]:
        """Return the secrets of the user and of the server that are in any written file, including the store.

        ansible-runner itself writes the environment to a file that only its own user can read.
        """
        rows = self.appliance.rows("SELECT kind, value FROM secrets ORDER BY rowid")[self._secrets :]
        handed_out = {f"{kind} {number}": value for number, (kind, value) in enumerate(rows)}
        return Search({**GIVEN, **handed_out}).look_in(
            self.directory, without=[*self.directory.glob("*/runner/artifacts/*/command")]
        )

    def certificate(self) -> tuple[str, str]:
        """Return the paths of a certificate for localhost, by an untrusted CA, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        paths = self.directory / "localhost.pem", self.directory / "localhost.key"
        paths[0].write_bytes(certificate_for(key.public_key(), name="localhost").public_bytes(Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return str(paths[0]), str(paths[1])

    def local_ca(self) -> dict[str, str]:
        """Return the options of a CA whose key has PASSPHRASE."""
        directory = self.directory / "ca"
        directory.mkdir()
        return make_sealed_ca(directory)

    # -- a person at Redtrust's own page --------------------------------------------------------------------------

    def fill(self, visitor: Visitor, password: str = PASSWORD) -> None:
        """Fill in Redtrust's login form."""
        visitor.sees("Sign in to Redtrust")
        visitor.fill(user=self.appliance.facts["username"], password=password)

    # -- the ledger -----------------------------------------------------------------------------------------------

    def statuses(self, step: str) -> list[int | None]:
        """Return the statuses of the answers to a step since the test began."""
        return [status for name, status in self.appliance.asked() if name == step]

    def sessions(self) -> list[tuple[t.Any, ...]]:
        """Return user and end of each session since the test began."""
        return self.appliance.rows("SELECT user, ended FROM sessions ORDER BY rowid")[self._sessions :]

    def has_one_session(self) -> bool:
        """Return whether there is exactly one new session, it is the user's, and it has not ended."""
        return self.sessions() == [(self.appliance.facts["username"], None)]


def started_desk(directory: Path, api_version: str) -> tuple[Appliance, int]:
    """Start a server with canaries as secrets, and choose the port of its redirect URLs."""
    port = _free_port()
    urls = [f"{scheme}://localhost:{port}{ending}" for scheme in ("http", "https") for ending in ENDINGS]
    urls.append(f"http://[::1]:{port}/callback")
    partner = {"name": "CA_DEMO", "secret": WRITTEN["hex"], "secret_encoding": "hex", "redirect_urls": urls}
    user = {"username": "demo", "password": GIVEN["password"], "domain": "local.users"}
    appliance = started(directory, api_version, config={"partners": [partner], "users": [user]})
    appliance.facts.update(partner_secret=GIVEN["partner_secret"], redirect_url=urls[0])
    return appliance, port


def _free_port() -> int:
    """Return a free port outside the range of ephemeral ports."""
    for port in random.sample(range(10_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


def quoted(token: str) -> str:
    """Return the URL-encoded form of a token."""
    return urllib.parse.quote(token, safe="")
