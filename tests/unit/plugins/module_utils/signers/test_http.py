# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA with a REST interface: a real server on this machine that answers as CAs do, and as they should not."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import Signed
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Files,
    Loopback,
    server_context,
)

from .rest_ca import Script, order, said, signer

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")


@pytest.fixture
def server(files: Files, start: t.Callable[..., Loopback]) -> Loopback:
    return start(server_context(files.server))


@pytest.fixture
def pem(pki: Openssl) -> dict[str, str]:
    """The certificates of ``pki`` in PEM."""
    return {name: (pki.folder / f"{name}.crt").read_text() for name in ("leaf", "ca", "root", "other")}


def test_certificate_and_chain_by_pointer(server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
    Script(server, said({"data": {"certificate": pem["leaf"], "ca_chain": [pem["root"], pem["ca"]]}}))
    answer = {"certificate": "/data/certificate", "chain": "/data/ca_chain"}
    signed = signer(server, files.ca, answer=answer).sign(order(pki.csr("leaf")))
    assert signed == Signed(pki.der("leaf"), (pki.der("ca"), pki.der("root")))
