# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers for the tests: one per worker and kind, reset before each test."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.postgres import Databases, Server
    from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

    Servers = t.Mapping[str, Appliance]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Servers]:
    """Run one server of each generation."""
    # This import needs the collection, which pytest_configure makes known.
    from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import started

    running: dict[str, Appliance] = {}
    try:
        for version in ("4.33", "4.42"):
            running[version] = started(tmp_path_factory.mktemp("sandbox"), version)
        yield running
    finally:
        for appliance in running.values():
            appliance.stop()


@pytest.fixture
def v433(servers: Servers) -> Appliance:
    """Return a server of 4.33 in its initial state, except for the requests in its ledger."""
    return servers["4.33"].reset()


@pytest.fixture
def v442(servers: Servers) -> Appliance:
    """Return a server of 4.42 in its initial state, except for the requests in its ledger."""
    return servers["4.42"].reset()


@pytest.fixture(params=["4.33", "4.42"])
def sandbox(request: pytest.FixtureRequest, servers: Servers) -> Appliance:
    """Return a server of each generation in turn."""
    return servers[request.param].reset()


@pytest.fixture(scope="session")
def postgres() -> t.Iterator[Server]:
    """Run a PostgreSQL server."""
    from ansible_collections.redtrust.certificate_enroll.tests.postgres import Server

    with Server() as server:
        yield server.start()


@pytest.fixture(scope="session")
def _databases(postgres: Server) -> Databases:
    from ansible_collections.redtrust.certificate_enroll.tests.postgres import Databases

    return Databases(postgres)


@pytest.fixture
def databases(_databases: Databases) -> t.Iterator[Databases]:
    """Hand out empty databases on PostgreSQL."""
    yield _databases
    _databases.give_back()


@pytest.fixture
def dsn(databases: Databases) -> str:
    """Return the connection string of an empty database on PostgreSQL."""
    return databases.take()
