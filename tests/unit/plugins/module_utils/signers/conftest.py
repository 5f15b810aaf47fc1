# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on this machine, and certificates as a CA answers with them."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import Signed
    from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import Files, Loopback

    from ..conftest import Openssl


@pytest.fixture
def server(files: Files, start: t.Callable[..., Loopback]) -> Loopback:
    """A server with a certificate that ``files.ca`` has issued."""
    # only after pytest_configure, which makes the collection importable
    from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import server_context

    return start(server_context(files.server))


@pytest.fixture
def pem(pki: Openssl) -> dict[str, str]:
    """The certificates of ``pki`` in PEM."""
    return {name: (pki.folder / f"{name}.crt").read_text() for name in ("leaf", "ca", "root", "other")}


@pytest.fixture
def signed(pki: Openssl) -> Signed:
    """The certificate of the key ``leaf`` with its chain, as ``pki`` has them."""
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import Signed

    return Signed(pki.der("leaf"), (pki.der("ca"), pki.der("root")))
