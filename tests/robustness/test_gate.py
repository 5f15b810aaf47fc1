# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate for the right key with another fault: the ledger shows that it was never uploaded."""

from __future__ import annotations

import shutil
import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.redtrust.certificate_enroll.tests.robustness.direct import steps
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import Site, wanted
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import certificate_for

# How each wrong certificate differs from a right one, and the part of the message about it.
FAULTS: dict[str, tuple[dict[str, t.Any], str]] = {
    "another subject": ({"name": "somebody else"}, "lacks [cn=www] of what was asked for"),
    "over": ({"begins": -7200, "ends": -3600}, ""),
    "not yet valid": ({"begins": 3600, "ends": 7200}, ""),
}


def signed(csr: str, **fields: t.Any) -> str:
    """Return a certificate for the key of a CSR, in PEM."""
    key = x509.load_pem_x509_csr(csr.encode()).public_key()
    return certificate_for(key, **{"name": "www", **fields}).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", ["given", "from the signer"])
def test_it_does_not_leave(site: Site, tmp_path: Path, fault: str, way: str) -> None:
    fields, words = FAULTS[fault]
    entry = {**wanted("www"), "dn": [{"attribute": "cn", "value": "www"}]}
    csr = site.run("redtrust_csr", certificates=[entry]).entries["www"]["csr"]
    given: dict[str, t.Any] = {"name": "www", "certificate": signed(csr, **fields)}
    if way == "from the signer":
        (tmp_path / "answer.pem").write_text(given.pop("certificate"))
        command = {"argv": [str(shutil.which("cat")), str(tmp_path / "answer.pem")]}
        first = site.run("redtrust_sign", signer="command", command=command)
    else:
        first = site.run("redtrust_csr", certificates=[entry])
    second = site.run("redtrust_finalize", certificates=[given])
    assert "GateError" in first.errors | second.errors, (first, second)
    assert words in first.said.get("msg", "") + second.said.get("msg", "")
    assert "finalize" not in steps(site.appliance)
    right = site.run("redtrust_finalize", certificates=[{"name": "www", "certificate": signed(csr)}])
    assert right.status == 0, right
    assert steps(site.appliance)["finalize"] == 1
