# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders: each value, and what becomes of one that is missing."""

from __future__ import annotations

import base64
import datetime as dt
import re
import typing as t
import uuid

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.http_template import (
    Template,
    fill,
    parse_tree,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.http_values import (
    ORDER_NAMES,
    Values,
    of_order,
    problem_of,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import csr_pem, openssl_subject

from .rest_ca import DN, ID, order

if t.TYPE_CHECKING:
    from ..conftest import Openssl

SECRETS = {"pin": "1234"}


@pytest.fixture
def values(pki: Openssl) -> Values:
    return of_order(order(pki.csr("leaf"), order_number="A-7"), dt.timedelta(days=1, hours=12), SECRETS)


def known(name: str) -> str | None:
    return problem_of(name, ORDER_NAMES, SECRETS)


def filled(value: t.Any, values: Values) -> t.Any:
    return fill(parse_tree("json", value, known), values)


def test_each_value(pki: Openssl, values: Values) -> None:
    csr = pki.csr("leaf")
    found = {name: values.get(name) for name in ORDER_NAMES}
    identifier = uuid.UUID(found.pop("request_uuid"))
    assert (identifier.version, identifier.variant) == (4, uuid.RFC_4122)
    assert 2**150 < found.pop("request_number") < 2**158
    assert found == {
        "csr_pem": csr_pem(csr),
        "csr_base64": base64.b64encode(csr).decode(),
        "csr_der": csr,
        "dn": DN.to_json(),
        "dn_rfc4514": "CN=Jos\u00e9 P\u00e9rez,OU=Two,OU=One,O=A\\, B,C=ES",
        "dn_openssl": openssl_subject(DN),
        "san_dns": ["www.example.com", "example.com"],
        "san_ip": None,
        "san_email": ["j@example.com"],
        "san_uri": None,
        "validity_seconds": 129600,
        "validity_minutes": 2160,
        "validity_hours": 36,
        "validity_days": 1,
        "not_before": "2026-11-23T10:30:00Z",
        "not_after": "2026-11-24T22:30:00Z",
        "name": "john doe",
        "revision": 3,
        "request_id": ID,
        "order_number": "A-7",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dn.cn", "Jos\u00e9 P\u00e9rez"),
        ("dn.commonName", "Jos\u00e9 P\u00e9rez"),
        ("dn.2.5.4.3", "Jos\u00e9 P\u00e9rez"),
        ("dn.CN", "Jos\u00e9 P\u00e9rez"),
        ("dn.ou", "One+Two"),
        ("dn.uid", None),
        ("secret.pin", "1234"),
    ],
)
def test_an_attribute_of_the_dn(values: Values, name: str, value: str | None) -> None:
    assert known(name) is None
    assert values.get(name) == value


def test_an_attribute_that_is_known_by_its_oid_alone(pki: Openssl) -> None:
    given = order(pki.csr("leaf"), dn=DistinguishedName((("1.3.6.1.4.1.99999.1", "x"),)))
    assert of_order(given, None, {}).get("dn.1.3.6.1.4.1.99999.1") == "x"


def test_ids_differ_from_request_to_request(pki: Openssl) -> None:
    one, two = (of_order(order(pki.csr("leaf"), request_id=text * 32), None, {}) for text in ("ab", "cd"))
    for name in ("request_id", "request_uuid", "request_number"):
        assert one.get(name) != two.get(name)


def test_a_leaf_keeps_its_type(values: Values) -> None:
    given = {"a": "${revision}", "b": ["${san_dns}", 5, None, True], "c": {"d": "${dn}"}, "e": "r${revision}$$"}
    assert filled(given, values) == {
        "a": 3,
        "b": [["www.example.com", "example.com"], 5, None, True],
        "c": {"d": DN.to_json()},
        "e": "r3$",
    }


def test_a_leaf_without_a_value_is_left_out(values: Values) -> None:
    assert filled({"a": "${dn.uid}", "b": ["${san_ip}", "x"], "c": {"d": "${san_uri}"}, "e": None}, values) == {
        "b": ["x"],
        "c": {},
        "e": None,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("uid=${dn.uid}", "json: john doe, revision 3, has no value for ${dn.uid}"),
        ("dns:${san_ip}", "json: john doe, revision 3, has no value for ${san_ip}"),
    ],
)
def test_a_text_needs_its_values(values: Values, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        filled(text, values)


def test_lists_are_joined_within_a_text(pki: Openssl, values: Values) -> None:
    assert filled("dns:${san_dns}", values) == "dns:www.example.com,example.com"
    odd = of_order(order(pki.csr("leaf"), subject_alt_name=("URI:https://a/b,c", "URI:x:y")), None, {})
    with pytest.raises(ConfigurationError, match="has a comma in it"):
        filled("uri:${san_uri}", odd)


def test_without_a_validity_its_values_are_missing(pki: Openssl) -> None:
    none = of_order(order(pki.csr("leaf")), None, {})
    assert filled({"ttl": "${validity_seconds}", "end": "${not_after}"}, none) == {}


@pytest.mark.parametrize(
    ("text", "expected"), [("", ""), ("$$", "$"), ("$${name}", "${name}"), ("a$$$$b", "a$$b"), ("{name}", "{name}")]
)
def test_dollars(values: Values, text: str, expected: str) -> None:
    assert Template.parse("x", text, known).text(values) == expected
