# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the profile. The tests of the CA check their effect."""

from __future__ import annotations

import datetime as dt

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.profile import Profile


def test_what_is_not_set_is_the_default() -> None:
    assert Profile.from_options({}) == Profile() == Profile.from_options({"validity": None, "key_usage": None})


def test_durations_are_read() -> None:
    profile = Profile.from_options({"validity": "1d12h", "backdate": "0s"})
    assert (profile.validity, profile.backdate) == (dt.timedelta(hours=36), dt.timedelta())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validity": ""}, "validity must be a duration"),
        ({"validity": "90"}, "not '90'"),
        ({"validity": "-1d"}, "not '-1d'"),
        ({"validity": "1d1y"}, "not '1d1y'"),
        ({"validity": "0d"}, "longer than nothing"),
        ({"validity": "999999999y"}, "validity must be"),
        ({"backdate": "1y"}, "backdate must be at most 7d"),
        ({"backdate": "soon"}, "backdate must be a duration"),
        ({"key_usage": ["digitalSignature", "keyCertSign"]}, "'keyCertSign' is for CAs"),
        ({"key_usage": ["CRL Sign"]}, "'CRL Sign' is for CAs"),
        ({"key_usage": ["signing"]}, "'signing' is not known"),
        ({"key_usage": ["encipherOnly"]}, "without keyAgreement"),
        ({"extended_key_usage": ["everything"]}, "'everything' is neither a dotted OID nor one of"),
        ({"crl_distribution_points": ["/etc/crl"]}, "crl_distribution_points: '/etc/crl' is not an http"),
        ({"ocsp_servers": ["http://a b"]}, "percent-encoded"),
        ({"ca_issuers": ["http://\u00f1"]}, "percent-encoded"),
        ({"digest": "sha1"}, "sha256, sha384, sha512"),
    ],
)
def test_what_makes_no_profile_is_told(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Profile.from_options(options)
