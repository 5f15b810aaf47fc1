# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real OpenBao, through the presets ``openbao`` and ``vault``. Vault itself is not tried: its API is the same."""

from __future__ import annotations

import typing as t

import pytest
from cryptography import x509

from ansible_collections.redtrust.certificate_enroll.tests.robustness.launcher import Fault

from .desk import LEGACY, entry, subject

if t.TYPE_CHECKING:
    from .conftest import NewDesk
    from .openbao import OpenBao

# Each way to ask, with the type of the signer.
WAYS = {
    "sign": ("openbao", {"endpoint": "sign", "role": "people"}),
    "cel": ("openbao", {"endpoint": "cel", "role": "people"}),
    "vault": ("vault", {"endpoint": "sign", "role": "people"}),
}


def options(openbao: OpenBao, way: str = "sign", **others: t.Any) -> dict[str, t.Any]:
    """Return a signer for the CA, with the token of the administrator unless others say so."""
    signer, own = WAYS[way]
    token = {} if "role_id" in others else {"token": openbao.token}
    place = {"url": openbao.url, "ca_path": str(openbao.tls.ca_path)}
    return {"signer": signer, **place, **token, **own, **others}


@pytest.mark.parametrize("way", WAYS)
def test_it_issues_and_renews(openbao: OpenBao, new_desk: NewDesk, way: str) -> None:
    desk = new_desk(**options(openbao, way, validity="90d"))
    assert desk.enroll(entry("ana")).status == 0
    assert desk.enroll(entry("ana"), force=True).status == 0
    assert desk.signed_for(openbao.certificates()) == [1, 1]
    (ana,) = desk.in_use()
    assert sorted(subject(ana)) == [("C", "ES"), ("CN", "ana"), ("O", "Example")]
    assert abs((ana.not_valid_after_utc - ana.not_valid_before_utc).total_seconds() - 90 * 86400) <= 60
    assert ana.issuer == x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example CA")])
    assert desk.revisions()[-1]["chain"] != "[]"


@pytest.mark.parametrize("way", WAYS)
def test_it_takes_a_csr_with_an_empty_subject_and_sha1(openbao: OpenBao, new_desk: NewDesk, way: str) -> None:
    desk = new_desk(**options(openbao, way))
    assert desk.enroll(entry("ana", provider=LEGACY, key_type="RSA", key_length=2048)).status == 0
    assert [sorted(subject(one)) for one in desk.in_use()] == [[("C", "ES"), ("CN", "ana"), ("O", "Example")]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("point", ["sign before", "sign after"])
def test_each_request_has_one_certificate_after_a_kill(
    openbao: OpenBao, new_desk: NewDesk, way: str, point: str
) -> None:
    desk = new_desk(**options(openbao, way))
    entries = [entry(f"kill-{number}") for number in range(4)]
    assert desk.enroll(*entries, fault=Fault(point, "kill", skip=1)).status == -9
    assert desk.enroll(*entries).status == 0
    assert desk.signed_for(openbao.certificates()) == [1, 1, 1, 1]
    assert len(desk.in_use()) == 4
