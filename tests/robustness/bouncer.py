# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PgBouncer in transaction mode, between the modules and PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from ansible_collections.redtrust.certificate_enroll.tests.postgres import guarded, other_user

_VARIABLE = "CERTIFICATE_ENROLL_PGBOUNCER"
_PORT = 6432
_PATIENCE_SECONDS = 30.0
_SETTINGS = """
[databases]
* = host={host} port={port}

[pgbouncer]
unix_socket_dir = {directory}
listen_port = {own_port}
auth_type = trust
auth_file = {directory}/users
pool_mode = transaction
default_pool_size = {connections}
stats_users = {user}
"""


def program() -> str:
    """Return the path of PgBouncer. Skip the test where there is none, unless the environment requires it."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        words = "there is no PgBouncer here (Debian: apt-get install pgbouncer), so nothing was tried through one"
        if os.environ.get(_VARIABLE) == "required":
            pytest.fail(words)
        pytest.skip(words)
    return found


@contextlib.contextmanager
def bouncer(dsn: str, connections: int = 3) -> t.Iterator[str]:
    """Run PgBouncer with this many connections to the server; yield the connection string for its clients."""
    started = program()
    server = conninfo.conninfo_to_dict(dsn)
    directory = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/tmp"))
    user = other_user()
    settings = {"host": server["host"], "port": server["port"], "user": server["user"], "connections": connections}
    (directory / "settings").write_text(
        _SETTINGS.format(**settings, directory=directory, own_port=_PORT), encoding="utf-8"
    )
    (directory / "users").write_text(f'"{server["user"]}" ""\n', encoding="utf-8")
    if user:
        os.chown(directory, user.pw_uid, user.pw_gid)
    command = [started, "-q", str(directory / "settings")]
    switch = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    process = guarded(command, directory / "log", cwd=directory, **switch)
    through = conninfo.make_conninfo(dsn, host=str(directory), port=_PORT)
    try:
        _until_ready(process, through, directory / "log")
        yield through
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(_PATIENCE_SECONDS)
        shutil.rmtree(directory)


def _until_ready(process: subprocess.Popen[bytes], dsn: str, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            said = log.read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, f"PgBouncer ended:\n{said}"
            assert time.monotonic() < deadline, f"PgBouncer does not answer:\n{said}"
            time.sleep(0.02)
        else:
            return
