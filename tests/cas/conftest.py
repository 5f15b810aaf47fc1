# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real CAs on this machine, one of each kind for all tests, and a place with a Redtrust server for each test."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import Launcher
    from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

    from .cfssl import Cfssl
    from .desk import Desk
    from .openbao import OpenBao
    from .openssl_ca import OpenSslCa
    from .servers import Tls

    NewDesk = t.Callable[..., Desk]


# Imports in the functions need the collection, which pytest_configure makes known.
@pytest.fixture(scope="session")
def launcher() -> t.Iterator[Launcher]:
    """Start modules as processes of their own."""
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import Launcher

    one = Launcher()
    yield one
    one.close()


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """Return a CA for the TLS of the servers."""
    from .servers import Tls

    return Tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory, tls: Tls) -> t.Iterator[OpenBao]:
    """Run OpenBao, set up as the guide says."""
    from .openbao import OpenBao

    server = OpenBao(tmp_path_factory.mktemp("openbao"), tls)
    try:
        server.start()
        server.follow_the_guide("Set up OpenBao")
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def cfssl(tmp_path_factory: pytest.TempPathFactory, tls: Tls) -> t.Iterator[Cfssl]:
    """Run cfssl with a database."""
    from .cfssl import Cfssl

    server = Cfssl(tmp_path_factory.mktemp("cfssl"), tls)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def cfssl_without_records(tmp_path_factory: pytest.TempPathFactory, tls: Tls) -> t.Iterator[Cfssl]:
    """Run cfssl without a database: it signs the same request again with the same serial number."""
    from .cfssl import Cfssl

    server = Cfssl(tmp_path_factory.mktemp("cfssl"), tls, records=False)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def new_cfssl(tmp_path: Path, tls: Tls, dsn: str) -> t.Iterator[Cfssl]:
    """Run a later cfssl, if there is one, with a database."""
    from .cfssl import NewCfssl

    directory = tmp_path / "cfssl"
    directory.mkdir()
    server = NewCfssl(directory, tls, dsn)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def openssl_ca(tmp_path: Path) -> OpenSslCa:
    """Make a folder for openssl ca."""
    from .openssl_ca import OpenSslCa

    directory = tmp_path / "openssl_ca"
    directory.mkdir()
    return OpenSslCa(directory)


@pytest.fixture
def new_desk(v442: Appliance, launcher: Launcher, tmp_path: Path) -> NewDesk:
    """Return a function that makes a place which has its certificates signed with these options."""
    from .desk import Desk

    def made(signer: str, **options: t.Any) -> Desk:
        return Desk(v442, tmp_path / "desk", launcher, signer, options)

    return made
