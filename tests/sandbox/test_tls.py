# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server uses the configured certificate and TLS version, and accepts the clients of the configured CA."""

from __future__ import annotations

import collections.abc as c
import itertools
import socket
import ssl
import typing as t
from pathlib import Path

import pytest
import requests

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, started
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Authority,
    self_signed,
)

Serve = c.Callable[..., Appliance]


@pytest.fixture
def serve(tmp_path: Path) -> t.Iterator[Serve]:
    """Start servers, and stop them at the end of the test."""
    running: list[Appliance] = []
    numbers = itertools.count()

    def starting(**tls: t.Any) -> Appliance:
        directory = tmp_path / str(next(numbers))
        directory.mkdir()
        running.append(started(directory, "4.42", "--key-pool", "0", config={"tls": tls}))
        return running[-1]

    yield starting
    for server in running:
        server.stop()


def spoken(server: Appliance) -> str | None:
    """Return the TLS version of a connection to the server, for a client that accepts all versions."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.load_verify_locations(server.facts["ca_path"])
    with (
        socket.create_connection((server.facts["host"], server.facts["port"]), 20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as sock,
    ):
        return sock.version()


@pytest.mark.parametrize(("protocol", "version"), [("1.1", "TLSv1.1"), ("1.2", "TLSv1.2")])
def test_it_speaks_one_version(serve: Serve, protocol: str, version: str) -> None:
    assert spoken(serve(protocol=protocol)) == version


def test_it_shows_a_certificate_of_its_users_choice(serve: Serve, tmp_path: Path) -> None:
    path = self_signed(tmp_path, "127.0.0.1")
    server = serve(certificate_path=path)
    with pytest.raises(requests.exceptions.SSLError):
        server.ask("logout")
    server.facts["ca_path"] = path
    assert server.ask("logout").status_code == 401


@pytest.mark.parametrize("wanted", ["optional", "required"])
def test_it_lets_in_the_clients_it_knows(serve: Serve, tmp_path: Path, wanted: str) -> None:
    known, other = Authority(tmp_path, "known"), Authority(tmp_path, "other")
    good, revoked, stranger = known.issue("good"), known.issue("revoked"), other.issue("stranger")
    server = serve(client_cert=wanted, client_ca_path=known.path, client_crl_path=known.revoke(revoked))

    def ask(certificate: str | None) -> int | None:
        server.http.close()
        server.http.cert = certificate
        try:
            return server.ask("logout").status_code
        except requests.exceptions.ConnectionError:
            return None

    assert [ask(path) for path in (good, revoked, stranger)] == [401, None, None]
    assert ask(None) == (401 if wanted == "optional" else None)
    assert len(server.asked()) == (2 if wanted == "optional" else 1)
