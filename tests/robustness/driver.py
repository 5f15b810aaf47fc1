# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the modules as real processes, with real files and real HTTPS; make them fail; run them until all is quiet."""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import itertools
import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _fault_points
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

TREE = Path(__file__).resolve().parents[2] / ".tree"
PATIENCE_SECONDS = 120.0

Options = c.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Fault:
    """What a run does to itself at a fault point, and where it writes down which it reaches, see ``_fault_points``."""

    point: str | None = None
    do: str = "raise"
    skip: int = 0
    once: str | None = None
    trace: str | None = None

    def environment(self) -> dict[str, str]:
        """Return the variable that arms it."""
        return {_fault_points.VARIABLE: json.dumps(dataclasses.asdict(self))}


@dataclasses.dataclass(frozen=True)
class Ran:
    """A run that is over. ``status`` is below zero for a signal; ``said`` is empty when there was no whole result."""

    module: str
    status: int
    said: dict[str, t.Any]
    stderr: str
    stdout: str = ""

    @property
    def changed(self) -> bool:
        return bool(self.said.get("changed"))

    @property
    def entries(self) -> dict[str, dict[str, t.Any]]:
        """What became of each certificate, by name; nothing when the module could not run at all."""
        return {entry["name"]: entry for entry in self.said.get("certificates", [])}

    @property
    def errors(self) -> set[str]:
        """The kinds of the errors that it told."""
        told = [self.said, *self.entries.values()]
        return {one["error"]["type"] for one in told if "error" in one}

    def __str__(self) -> str:
        return f"{self.module} ended with {self.status}: {json.dumps(self.said)[:2000]}\n{self.stderr[-4000:]}"


class Running:
    """A run that has begun."""

    def __init__(self, launcher: Launcher, number: int, module: str, directory: Path) -> None:
        self._launcher = launcher
        self._number = number
        self._module = module
        self._directory = directory
        self._ran: Ran | None = None
        self.pid = launcher.answer(number, "pid")

    def wait(self) -> Ran:
        """Return how it ended."""
        if self._ran is None:
            status = self._launcher.answer(self._number, "status")
            text = (self._directory / "stdout").read_text(encoding="utf-8")
            said: dict[str, t.Any] = {}
            with contextlib.suppress(ValueError):
                said = json.loads(text)
            errors = (self._directory / "stderr").read_text(encoding="utf-8")
            shutil.rmtree(self._directory)
            self._ran = Ran(self._module, status, said, errors, text)
        return self._ran

    def until_held(self) -> None:
        """Wait until it has stopped itself; an error when it ends instead."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._state() != "T":
            assert self._state() not in ("Z", ""), f"it was not held: {self.wait()}"
            assert time.monotonic() < deadline, "it was not held"
            time.sleep(0.005)

    def let_go(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill it, as AWX does with a job that is cancelled."""
        os.kill(self.pid, signal.SIGKILL)

    def _state(self) -> str:
        """Return the letter of proc_pid_stat(5); "" when there is no such process."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return ""


class Launcher:
    """Start modules, each as a process of its own; ``close`` ends all that still run."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._answers: dict[tuple[int, str], int] = {}
        self._unread = b""
        self._directory = Path(tempfile.mkdtemp(prefix="robustness-"))
        # a session of its own: who interrupts the tests interrupts them alone, and they end it
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ansible_collections.redtrust.certificate_enroll.tests.robustness.fork_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(TREE)},
            bufsize=0,
            start_new_session=True,
        )

    def start(
        self,
        module: str,
        arguments: Options,
        environment: c.Mapping[str, str] | None = None,
        patches: Options | None = None,
    ) -> Running:
        """Start a module; ``patches`` sets values in module_utils, such as ``{"_batch.LEASE_SECONDS": 0.3}``."""
        number = next(self._numbers)
        directory = self._directory / str(number)
        directory.mkdir(mode=0o700)
        own = {"_ansible_tmpdir": str(directory), "_ansible_remote_tmp": str(directory), "_ansible_diff": True}
        wish = {
            "run": number,
            "module": module,
            "arguments": {**own, **arguments},
            "environment": environment or {},
            "patches": patches or {},
            "stdout": str(directory / "stdout"),
            "stderr": str(directory / "stderr"),
        }
        assert self._process.stdin is not None
        text = json.dumps(wish).encode() + b"\n"
        while text:
            text = text[self._process.stdin.write(text) or 0 :]
        return Running(self, number, module, directory)

    def answer(self, number: int, what: str) -> int:
        """Wait for what the fork server says of a run, and return it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (number, what) not in self._answers:
            self._read(deadline)
        return self._answers.pop((number, what))

    def close(self) -> None:
        """End the fork server and with it all that still run."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(PATIENCE_SECONDS)
        shutil.rmtree(self._directory)

    def _read(self, deadline: float) -> None:
        assert self._process.stdout is not None
        ready, _out, _err = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"no run was over within {PATIENCE_SECONDS:g} seconds"
        read = os.read(self._process.stdout.fileno(), 65536)
        assert read, "the fork server ended"
        *lines, self._unread = (self._unread + read).split(b"\n")
        for line in lines:
            said = json.loads(line)
            number = said.pop("run")
            self._answers.update({(number, what): value for what, value in said.items()})


class Site:
    """One partner's place: a store, a session file and a directory of certificates in ``directory``, and a server.

    ``options`` are for every module, such as ``access_token``; what is not said is the server's own.
    """

    def __init__(
        self, appliance: Appliance, directory: Path, launcher: Launcher, local_ca: Options, **options: t.Any
    ) -> None:
        self.appliance = appliance
        self.launcher = launcher
        self.store_path = directory / "state" / "store.sqlite3"
        self.session_path = directory / "session" / "kept"
        self.certificates = directory / "certificates"
        self.local_ca = local_ca
        self.since: int = appliance.one("SELECT COALESCE(MAX(id), 0) FROM requests")
        self.since_session: int = appliance.one("SELECT COALESCE(MAX(rowid), 0) FROM sessions")
        self.certificates.mkdir(parents=True, exist_ok=True)
        facts = appliance.facts
        names = ("host", "port", "auth_port", "api_version", "ca_path", "partner", "partner_secret")
        own = {"store_path": str(self.store_path), "session_path": str(self.session_path), "retry_timeout": 0}
        self.options: dict[str, t.Any] = {**{name: facts[name] for name in names}, **own, **options}

    def with_login(self) -> Site:
        """Let the modules log in by themselves, which only 4.42 can."""
        names = ("username", "password", "domain")
        self.options.update({name: self.appliance.facts[name] for name in names})
        return self

    def with_access_token(self) -> Site:
        """Give the modules the access token of a new session, so that they keep none."""
        self.options["access_token"] = self.appliance.access()
        return self

    # -- runs -----------------------------------------------------------------------------------------------------

    def start(
        self,
        module: str,
        fault: Fault | None = None,
        *,
        environment: c.Mapping[str, str] | None = None,
        patches: Options | None = None,
        **options: t.Any,
    ) -> Running:
        """Start a module."""
        armed = {**(environment or {}), **(fault.environment() if fault else {})}
        return self.launcher.start(module, {**self.options, **options}, armed, patches)

    def run(self, module: str, fault: Fault | None = None, **others: t.Any) -> Ran:
        """Run a module to its end."""
        return self.start(module, fault, **others).wait()

    def step(self, module: str, names: c.Iterable[str], fault: Fault | None = None, **others: t.Any) -> Ran:
        """Run a step of the pipeline for these names, with the options that it has there."""
        return self.run(module, fault, **{**self.step_options(module, names), **others})

    def step_options(self, module: str, names: c.Iterable[str]) -> dict[str, t.Any]:
        """Return what a step of the pipeline is given. What csr asks for has 20 days, what renew asks for a year."""
        if module == "redtrust_csr":
            return {"certificates": [wanted(name) for name in names]}
        more: dict[str, dict[str, t.Any]] = {
            "redtrust_sign": {"signer": "local_ca", "local_ca": {"validity": "365d", **self.local_ca}},
            "redtrust_finalize": {"directory": str(self.certificates)},
        }
        return {"certificates": [{"name": name} for name in names], **more.get(module, {})}

    def pipeline(
        self,
        *names: str,
        first: str = "redtrust_csr",
        faults: c.Mapping[str, Fault] | None = None,
        logout: bool = False,
        **others: t.Any,
    ) -> list[Ran]:
        """Do for these names what the role does: ``first`` (csr or renew), sign, finalize; ``faults`` by module.

        What failed in one step is not handed to the next, and one that could not run at all ends them. Whatever
        happened, with ``logout`` the session is ended as the playbook does.
        """
        ran: list[Ran] = []
        ready: c.Sequence[str] = names
        for module in (first, "redtrust_sign", "redtrust_finalize"):
            if not ready:
                break
            ran.append(self.step(module, ready, (faults or {}).get(module), **others))
            if "certificates" not in ran[-1].said:
                break
            if module == first:
                ready = [name for name, entry in ran[-1].entries.items() if not entry["failed"]]
        if logout:
            fault = (faults or {}).get("redtrust_token")
            ran.append(self.run("redtrust_token", fault, **{**others, "state": "absent"}))
        return ran

    def until_quiet(
        self,
        *names: str,
        first: str = "redtrust_csr",
        limit: int = 6,
        before_pass: c.Callable[[], object] = lambda: None,
        **others: t.Any,
    ) -> int:
        """Run the pipeline until a pass changes nothing and nothing fails; return how many passes that took.

        Names that wait since they failed have waited long enough before each pass.
        """
        ran: list[Ran] = []
        for count in range(1, limit + 1):
            self.let_waiting_end()
            before_pass()
            ran = self.pipeline(*names, first=first, **others)
            if len(ran) >= 3 and not any(one.status or one.changed for one in ran):
                return count
        raise AssertionError(f"it was not quiet after {limit} passes:\n" + "\n".join(map(str, ran)))

    # -- the store, by plain SQL ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def store(self) -> c.Iterator[sqlite3.Connection]:
        """Open the store as any program would."""
        connection = sqlite3.connect(self.store_path, timeout=30)
        connection.row_factory = sqlite3.Row
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def revisions(self) -> list[dict[str, t.Any]]:
        """Return every row, oldest first; none where there is no store."""
        if not self.store_path.exists():
            return []
        with self.store() as connection:
            rows = connection.execute("SELECT * FROM revisions ORDER BY service, name, revision, attempt")
            return [dict(row) for row in rows]

    def leases(self) -> list[dict[str, t.Any]]:
        """Return every row of a lease."""
        with self.store() as connection:
            return [dict(row) for row in connection.execute("SELECT * FROM leases")]

    def let_leases_end(self) -> None:
        """Do what the time of a lease does."""
        with self.store() as connection:
            connection.execute("UPDATE leases SET expires_at = '2000-01-01T00:00:00.000000Z'")

    def let_waiting_end(self) -> None:
        """Do what the hours do after which a name that kept failing is tried again."""
        if self.store_path.exists():
            with self.store() as connection, contextlib.suppress(sqlite3.OperationalError):
                connection.execute(
                    "UPDATE revisions SET retry_at = '2000-01-01T00:00:00.000000Z' WHERE retry_at IS NOT NULL"
                )


def wanted(name: str) -> dict[str, t.Any]:
    """Return the entry that asks for a certificate, with the key that is made fastest."""
    dn = [{"attribute": "cn", "value": name}, {"attribute": "o", "value": "Example"}]
    return {"name": name, "dn": dn, "provider": "CA_DEMO", "key_type": "ECDSA", "key_length": 256}
