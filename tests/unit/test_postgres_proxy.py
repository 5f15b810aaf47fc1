# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy to PostgreSQL cuts where it says."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if t.TYPE_CHECKING:
    from ..postgres import Server

pytestmark = pytest.mark.process


def write(dsn: str, number: int, *, how: str = "") -> None:
    with contextlib.ExitStack() as opened:
        connection = opened.enter_context(contextlib.closing(psycopg.connect(dsn)))
        if how == "in one query":
            connection.autocommit = True
            connection.execute(f"BEGIN; INSERT INTO kept VALUES ({number}); COMMIT")  # noqa: S608
            return
        if how == "in a pipeline":
            opened.enter_context(connection.pipeline())
        connection.execute("INSERT INTO kept VALUES (%s)", (number,))
        connection.commit()


@pytest.mark.parametrize("how", ["", "in one query", "in a pipeline"])
@pytest.mark.parametrize(("cut", "is_kept"), [("BEFORE", False), ("AFTER", True)])
def test_a_commit_is_cut(postgres: Server, dsn: str, cut: str, is_kept: bool, how: str) -> None:
    from ..postgres_proxy import Cut, Proxy

    postgres.execute("CREATE TABLE kept (number integer)", dsn)
    with Proxy(dsn) as proxy:
        proxy.arm({2: Cut[cut]})
        write(proxy.dsn, 1, how=how)
        with pytest.raises(psycopg.OperationalError):
            write(proxy.dsn, 2, how=how)
        write(proxy.dsn, 3, how=how)
        assert (proxy.commits, proxy.happened) == (3, 1)
    kept = [row[0] for row in postgres.execute("SELECT number FROM kept ORDER BY number", dsn)]
    assert kept == ([1, 2, 3] if is_kept else [1, 3])


def test_it_stays_down_and_comes_back(postgres: Server, dsn: str) -> None:
    from ..postgres_proxy import Cut, Proxy

    postgres.execute("CREATE TABLE kept (number integer)", dsn)
    with Proxy(dsn) as proxy:
        proxy.arm({1: Cut.AT_ONCE}, stay_down=True)
        for number in (1, 2):
            with pytest.raises(psycopg.OperationalError):
                write(proxy.dsn, number)
        proxy.is_down = False
        write(proxy.dsn, 3)


def test_it_ends_tls(postgres: Server, dsn: str, tmp_path: Path) -> None:
    import datetime as dt
    import ipaddress

    from psycopg.conninfo import make_conninfo

    from ..postgres_proxy import Proxy

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "database")])
    now = dt.datetime.now(dt.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = (
        builder.not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = (tmp_path / "certificate", tmp_path / "key")
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with Proxy(dsn, tls=paths) as proxy:
        verified = make_conninfo(proxy.dsn, sslmode="verify-full", sslrootcert=str(paths[0]))
        with contextlib.closing(psycopg.connect(verified)) as connection:
            assert connection.pgconn.ssl_in_use
            assert len(str(connection.execute("SELECT repeat('x', 200000)").fetchone())) > 200000
        with contextlib.closing(psycopg.connect(make_conninfo(proxy.dsn, sslmode="disable"))) as connection:
            assert not connection.pgconn.ssl_in_use
        with pytest.raises(psycopg.OperationalError, match="certificate"):
            psycopg.connect(make_conninfo(verified, host="localhost"))
