# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The surroundings of a benchmark: a sandbox, a CA, lists, stores, and a disk with a slow fsync."""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import datetime as dt
import functools
import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import typing as t
from pathlib import Path

import workshop
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ansible_collections.redtrust.certificate_enroll.tests.benchmark import fleet
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.figures import Run
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.runs import BenchmarkError, run
from ansible_collections.redtrust.certificate_enroll.tests.postgres import Server

HERE = Path(__file__).resolve().parent
PLAYS = HERE / "plays"
# The plays that take the list from the variables of an inventory.
IN_VARIABLES = ("role", "variables")
FSYNC_MILLISECONDS = 5
# Ansible looks for no other settings. To find out which Python a host has would cost it more than a module does.
_SETTINGS = """
[defaults]
localhost_warning = false
interpreter_python = {python}
[inventory]
inventory_unparsed_warning = false
"""
_SERVICE = ("host", "port", "auth_port", "api_version", "ca_path", "partner", "partner_secret")
_USER = ("username", "password", "domain")


@dataclasses.dataclass(frozen=True)
class Made:
    """What a server has made: keys, the names they are for, certificates, and the seconds from first to last."""

    keys: int
    names: int
    certificates: int
    seconds: float

    @property
    def rate(self) -> float:
        """Certificates a second."""
        return self.certificates / self.seconds


class Sandbox:
    """A running server, with settings of its own."""

    def __init__(self, directory: Path, environment: c.Mapping[str, str], settings: c.Mapping[str, t.Any]) -> None:
        self.directory = directory
        self._environment = {**environment, "PYTHONPATH": str(workshop.SANDBOX_FILES)}
        (directory / "given.json").write_text(json.dumps({"settings": settings}), encoding="utf-8")
        self._serve()
        self.ready = directory / "ready.json"
        self.facts: dict[str, t.Any] = json.loads(self.ready.read_text(encoding="utf-8"))

    def stop(self) -> None:
        """Stop the server."""
        self._command("stop")

    def asked(self) -> dict[str, int]:
        """Return how often each step was asked for since the start, and the number of connections."""
        with contextlib.closing(sqlite3.connect(self.directory / "ledger.sqlite3", timeout=30)) as ledger:
            steps = dict(ledger.execute("SELECT step, COUNT(*) FROM requests GROUP BY step").fetchall())
            ((connections,),) = ledger.execute("SELECT COUNT(*) FROM connections").fetchall()
        return {**steps, "connections": connections}

    def made(self, since: float = 0.0) -> Made:
        """Return what the server has made since a time, in seconds since the epoch."""
        with contextlib.closing(sqlite3.connect(self.directory / "ledger.sqlite3", timeout=30)) as ledger:
            keys = ledger.execute("SELECT dn, COUNT(*) FROM keys WHERE at > ? GROUP BY dn", (since,)).fetchall()
            window = "SELECT COUNT(*), MIN(at), MAX(finalized_at) FROM keys WHERE at > ? AND finalized_at IS NOT NULL"
            ((certificates, begin, end),) = ledger.execute(window, (since,)).fetchall()
        return Made(sum(count for _dn, count in keys), len(keys), certificates, (end or 0.0) - (begin or 0.0))

    def restart(self) -> None:
        """Stop the server and start it again, at the same ports and with the same ledger."""
        self.stop()
        ports = ["--port", str(self.facts["port"]), "--auth-port", str(self.facts["auth_port"])]
        self._serve(*ports)

    def _serve(self, *ports: str) -> None:
        own = ["--parent-pid", str(os.getpid()), "--config", str(self.directory / "given.json")]
        self._command("serve", "--daemon", "--api-version", "4.42", "--key-pool", "0", *own, *ports)

    def _command(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "redtrust_sandbox", *arguments, "--directory", str(self.directory)]
        subprocess.run(command, env=self._environment, check=True, stdout=subprocess.DEVNULL)


@dataclasses.dataclass(frozen=True)
class World:
    """A directory for all files of a benchmark. Every list, store and log in it is a new one."""

    directory: Path
    workers: int
    _numbers: c.Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    @classmethod
    def make(cls, directory: Path, workers: int) -> World:
        """Empty the directory, and make a CA in it."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700, parents=True)
        settings = _SETTINGS.format(python=sys.executable)
        (directory / "ansible.cfg").write_text(settings, encoding="utf-8")
        _make_ca(directory / "ca.pem", directory / "ca.key")
        return cls(directory, workers)

    def environment(self) -> dict[str, str]:
        """Return the environment of the programs, without the user's settings for Ansible and Redtrust."""
        return workshop.clean_environment() | {
            "ANSIBLE_COLLECTIONS_PATH": str(workshop.TREE),
            "ANSIBLE_CONFIG": str(self.directory / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_REMOTE_TMP": str(self.directory / "ansible" / "tmp"),
        }

    def slowly(self) -> dict[str, str] | None:
        """Return the variables that give a program a disk with a slow fsync. None if there is no compiler."""
        library = _shim(self.directory)
        if library is None:
            return None
        log = str(self.new("fsync.log"))
        return {"LD_PRELOAD": str(library), "SLOW_FSYNC_MS": str(FSYNC_MILLISECONDS), "SLOW_FSYNC_LOG": log}

    def new(self, name: str) -> Path:
        """Return the path of a file or directory that is not there yet."""
        return self.directory / f"{next(self._numbers):03d}-{name}"

    @contextlib.contextmanager
    def sandbox(self, **settings: t.Any) -> c.Iterator[Sandbox]:
        """Run a server with these settings."""
        directory = self.new("sandbox")
        directory.mkdir(mode=0o700)
        server = Sandbox(directory, self.environment(), settings)
        try:
            yield server
        finally:
            server.stop()

    @contextlib.contextmanager
    def postgres(self) -> c.Iterator[Server]:
        """Run a PostgreSQL server."""
        with Server() as server:
            yield server.start()

    def list_of(self, count: int) -> Path:
        """Make a list of certificates."""
        return self._fleet(count)

    def fleet_of(self, count: int, *, formats: bool = False) -> tuple[Path, Path]:
        """Make a list of certificates, perhaps in each format, and a store in which each is in use and none is due."""
        store = self.new("store") / "store.sqlite3"
        return self._fleet(count, "--store", str(store), *(["--formats"] if formats else [])), store

    def _fleet(self, count: int, *more: str) -> Path:
        path = self.new("list.jsonl")
        self.python(HERE / "fleet.py", str(count), "--list", str(path), *more)
        return path

    def python(self, program: Path, *arguments: str, **environment: str) -> tuple[Run, Path]:
        """Run a program of the benchmark; return its run and its output."""
        output = self.new(f"{program.stem}.log")
        paths = os.pathsep.join([str(workshop.TREE), str(workshop.ROOT / "tests" / "tools")])
        given = {**self.environment(), "PYTHONPATH": paths, **environment}
        return run([sys.executable, str(program), *arguments], given, output), output

    def bare(self, server: Sandbox, entries: Path) -> Run:
        """Issue a list with the program that keeps nothing."""
        ca = ["--ca", str(self.directory / "ca.pem"), "--ca-key", str(self.directory / "ca.key")]
        places = ["--ready", str(server.ready), "--list", str(entries), "--workers", str(self.workers)]
        return self.python(HERE / "bare.py", *places, *ca)[0]

    def play(
        self,
        name: str,
        server: Sandbox | None = None,
        entries: Path | None = None,
        store: Path | str | None = None,
        *,
        workers: int | None = None,
        environment: c.Mapping[str, str] | None = None,
        may_fail: bool = False,
        results: str = "",
    ) -> Run:
        """Run a playbook of the folder ``plays``."""
        command, log = self.command(name, server, entries, store, workers=workers, results=results)
        return run(command, {**self.environment(), **(environment or {})}, log, may_fail=may_fail)

    def command(
        self,
        name: str,
        server: Sandbox | None = None,
        entries: Path | None = None,
        store: Path | str | None = None,
        *,
        workers: int | None = None,
        results: str = "",
    ) -> tuple[list[str], Path]:
        """Return the command of a playbook of the folder ``plays``, and the path of its log.

        ``store`` is a file, or the connection string of a database. Without it the store is a new file.
        """
        facts = server.facts if server else {}
        connection = {option: facts[option] for option in (*_SERVICE, *_USER) if option in facts}
        variables: dict[str, t.Any] = {
            "benchmark_connection": {
                **(connection or {"host": "localhost", "api_version": "4.42"}),
                "service": fleet.SERVICE,
                **_place(store or self.new("store") / "store.sqlite3"),
            },
            "benchmark_ca": {
                "certificate_path": str(self.directory / "ca.pem"),
                "private_key_path": str(self.directory / "ca.key"),
            },
            "benchmark_list": str(entries),
            "benchmark_workers": workers or self.workers,
            "benchmark_results": results,
        }
        log = self.new(f"{name}.log")
        given = self.new("variables.json")
        given.write_text(json.dumps(variables), encoding="utf-8")
        places = ["--extra-vars", f"@{given}", str(PLAYS / f"{name}.yml")]
        if entries and name in IN_VARIABLES:
            places += ["--inventory", str(entries.with_suffix(fleet.INVENTORY) / "hosts")]
        return [sys.executable, "-m", "ansible", "playbook", *places], log


def _place(store: Path | str) -> dict[str, str]:
    """Return the options for a store in a file, or in the database of a connection string."""
    if isinstance(store, Path):
        return {"store_path": str(store)}
    return {"store_dsn": store, "store_key": "the key of the benchmark"}


@functools.cache
def _shim(directory: Path) -> Path | None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    library = directory / "slow_fsync.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(HERE / "slow_fsync.c"), "-ldl"]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise BenchmarkError(f"slow_fsync.c does not compile:\n{done.stderr}")
    return library


def _make_ca(certificate_path: Path, key_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Benchmark CA")])
    now = dt.datetime.now(dt.timezone.utc)
    ends = now + dt.timedelta(days=3650)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key_path.chmod(0o600)
    certificate_path.write_bytes(certificate.public_bytes(Encoding.PEM))
