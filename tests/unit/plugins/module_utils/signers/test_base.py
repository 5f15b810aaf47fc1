# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The behaviour of every signer."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import SignerError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    NotYet,
    Signed,
    Signer,
    SigningOrder,
)

if t.TYPE_CHECKING:
    from ..conftest import Openssl


class Prepared(Signer):
    """A signer with a given answer."""

    def __init__(self, answer: Signed | NotYet) -> None:
        self._answer = answer

    def _sign(self, order: SigningOrder) -> Signed | NotYet:
        return self._answer


@pytest.fixture
def order(pki: Openssl) -> SigningOrder:
    since = dt.datetime(2026, 11, 23, tzinfo=dt.timezone.utc)
    return SigningOrder("5eed", "john", 2, pki.csr("leaf"), DistinguishedName((("cn", "john"),)), since)


def test_a_certificate_of_the_requests_key_is_handed_on(pki: Openssl, order: SigningOrder) -> None:
    answer = Signed(pki.der("leaf"), (pki.der("ca"),))
    assert Prepared(answer).sign(order) is answer
    assert Prepared(NotYet()).sign(order) == NotYet()


def test_what_cannot_be_read_is_a_failure_of_the_signer(order: SigningOrder) -> None:
    with pytest.raises(SignerError, match="the signer answered with a certificate that cannot be read: "):
        Prepared(Signed(b"rubbish")).sign(order)


def test_a_certificate_of_another_key_is_refused(pki: Openssl, order: SigningOrder) -> None:
    with pytest.raises(
        SignerError, match=r"another request: \[cn=other\] .* does not have the key of john, revision 2"
    ):
        Prepared(Signed(pki.der("other"))).sign(order)


def test_signers_of_one_kind_share_a_rate_unless_they_tell_their_cas_apart() -> None:
    assert Prepared(NotYet()).identity() == Prepared(Signed(b"")).identity() == "Prepared"
