# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL server for tests does what the tests rely on: each version, and a path that only root can reach."""

from __future__ import annotations

import os
import shutil
import typing as t
from pathlib import Path

import psycopg
import pytest

if t.TYPE_CHECKING:
    from ..postgres import Server

pytestmark = pytest.mark.process


def kept(server: Server, dsn: str) -> list[int]:
    return [row[0] for row in server.execute("SELECT number FROM kept ORDER BY number", dsn)]


def test_the_programs_may_lie_where_only_root_can_go(tmp_path: Path) -> None:
    from ..postgres import Server, _package

    home, package = tmp_path / "a home", _package()
    for place in (package / "pginstall", package.with_name(f"{package.name}.libs")):
        shutil.copytree(place, home / place.relative_to(package.parent), symlinks=True)
    home.chmod(0o700)
    with Server(home / package.name / "pginstall" / "bin") as server:
        assert server.start().execute("SELECT 1") == [(1,)]
    assert not server.directory.exists()


def test_each_version_starts() -> None:
    from ..postgres import Server, all_programs

    versions = set()
    for place in all_programs():
        with Server(place) as server:
            assert server.start().execute("SHOW fsync", server.database()) == [("on",)]
            versions.add(server.version)
    assert {16, 18} <= versions


def test_a_server_keeps_what_was_committed_until_it_goes_back() -> None:
    from ..postgres import Server

    with Server() as server:
        dsn = server.start().database()
        server.execute("CREATE TABLE kept (number integer)", dsn)
        server.execute("INSERT INTO kept VALUES (1)", dsn)
        first, second = server.copied(), server.copied()
        for number, end in enumerate((server.stop, server.crash, server.kill), 2):
            server.execute(f"INSERT INTO kept VALUES ({number})", dsn)  # noqa: S608
            end()
            server.start()
        assert kept(server, dsn) == [1, 2, 3, 4]
        server.go_back(first)
        assert kept(server, dsn) == [1]
        server.execute("INSERT INTO kept VALUES (9)", dsn)
        server.go_back(second, promote=True)
        assert kept(server, dsn) == [1]
        # pg_control_checkpoint() tells the new timeline only after the next checkpoint
        assert server.execute("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)") == [("00000002",)]


def test_an_emptied_database_has_no_tables_and_no_sessions(postgres: Server) -> None:
    dsn = postgres.database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (number integer)")
        postgres.empty(dsn)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert postgres.execute("SELECT to_regclass('kept')", dsn) == [(None,)]
    postgres.drop(dsn)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        postgres.execute("SELECT 1", dsn)


def test_no_process_outlives_the_tests() -> None:
    """The end of the tests closes the input of the server's guard, however they end."""
    from ..postgres import Server

    with Server() as server:
        pid = server.start().pid
        assert server._guard is not None
        assert server._guard.stdin is not None
        server._guard.stdin.close()
        server._guard.wait(30)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
