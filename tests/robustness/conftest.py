# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the robustness tests: modules as real processes, a CA, and a place with a server for each test."""

from __future__ import annotations

import collections
import collections.abc as c
import datetime as dt
import itertools
import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.postgres import Databases
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import Launcher, Site
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.guarded import Guarded
    from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

    NewSite = c.Callable[..., Site]
    GetGuarded = c.Callable[[str], Guarded]


@pytest.fixture(scope="session")
def launcher() -> t.Iterator[Launcher]:
    """Start modules as processes of their own."""
    # only after pytest_configure, which makes the collection importable
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import Launcher

    one = Launcher()
    yield one
    one.close()


@pytest.fixture(scope="session")
def local_ca(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the files of a CA. Its signatures differ each time, so a second signature is seen."""
    directory = tmp_path_factory.mktemp("ca")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Robust CA")])
    now = dt.datetime.now(tz=dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = {"certificate_path": directory / "ca.pem", "private_key_path": directory / "ca.key"}
    paths["certificate_path"].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths["private_key_path"].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture
def store_kind() -> str:
    """Return the kind of the stores: sqlite or postgresql. A test that is for others has it as a parameter."""
    return "sqlite"


@pytest.fixture
def new_site(
    request: pytest.FixtureRequest, launcher: Launcher, local_ca: dict[str, str], tmp_path: Path, store_kind: str
) -> NewSite:
    """Make separate places, as many as a test wants. Each begins empty; its server keeps its state."""
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import Site
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.places import Database

    numbers = itertools.count()
    # no test without need of it starts PostgreSQL
    databases: Databases | None = request.getfixturevalue("databases") if store_kind == "postgresql" else None

    def made(appliance: Appliance, **options: t.Any) -> Site:
        place = Database(databases.take()) if databases else None
        return Site(appliance, tmp_path / str(next(numbers)), launcher, local_ca, **{"place": place, **options})

    return made


@pytest.fixture
def site(v442: Appliance, new_site: NewSite) -> Site:
    """Return a place with a server of 4.42, in which the modules log in by themselves."""
    return new_site(v442).with_login()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the numbers that tests recorded as properties, added up by name."""
    counts: collections.Counter[str] = collections.Counter()
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if getattr(report, "when", "") == "call":
            for name, count in report.user_properties:
                counts[name] += count
    if counts:
        terminalreporter.section("how much was tried")
    for name, count in sorted(counts.items()):
        terminalreporter.write_line(f"{count:6} {name}")


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[GetGuarded]:
    """Start a server of a generation, with canaries for its secrets, on first use."""
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.guarded import started_guarded

    running: dict[str, Guarded] = {}

    def get(api_version: str) -> Guarded:
        if api_version not in running:
            running[api_version] = started_guarded(tmp_path_factory.mktemp("guarded"), api_version)
        running[api_version].appliance.reset()
        return running[api_version]

    yield get
    for one in running.values():
        one.appliance.stop()


@pytest.fixture(scope="session")
def sealed_ca(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the files of a CA whose key has a passphrase."""
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.guarded import make_sealed_ca

    return make_sealed_ca(tmp_path_factory.mktemp("sealed_ca"))
