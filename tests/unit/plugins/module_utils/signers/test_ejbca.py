# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preset ejbca, against the documented answers of EJBCA."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import NotYet, Signed, Signer
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Files,
    Loopback,
    reply,
)

from .recorded import Recorded, order, revocation, signer
from .rest_ca import ID, Script

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")

DN = DistinguishedName((("c", "ES"), ("o", 'A, "B"'), ("serialNumber", "IDCES-1"), ("cn", "Ana $1")))
SECRET = "canary-of-the-entities"
USERNAME = f"redtrust-{ID}"
CREATED, EXISTS = reply(b"", "200 OK"), "400 Bad Request"


@pytest.fixture
def answers(pki: Openssl) -> Recorded:
    return Recorded("ejbca", pki)


@pytest.fixture
def ca(server: Loopback, files: Files) -> t.Callable[..., Signer]:
    given = {
        "ca_name": "Example $ CA",
        "certificate_profile": "PERSON",
        "end_entity_profile": "People",
        "entity_secret": SECRET,
        "token": "canary-token",
    }
    return lambda **options: signer("ejbca", server, files.ca, **{**given, **options})


def paths(server: Loopback) -> list[str]:
    return [f"{seen.verb} {seen.path.removeprefix('/base')}" for seen in server.seen]


ENTITY, REQUEST = "POST /v1/endentity", "POST /v1/certificate/certificaterequest"
SEARCH = "POST /v1/certificate/search"


def test_issue(ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded, signed: Signed) -> None:
    Script(server, CREATED, answers("signed.json", "201 Created"))
    wanted = order(pki, DN, subject_alt_name=("DNS:www.example.com", "email:a@example.com"))
    assert ca().sign(wanted) == signed
    assert paths(server) == [ENTITY, REQUEST]
    entity, request = (json.loads(seen.body) for seen in server.seen)
    assert entity["subject_dn"] == 'C=ES,O=A\\, \\"B\\",SN=IDCES-1,CN=Ana $1'
    assert entity["subject_alt_name"] == "dNSName=www.example.com, rfc822Name=a@example.com"
    assert (entity["ca_name"], entity["token"]) == ("Example $ CA", "USERGENERATED")
    assert (entity["username"], request["username"]) == (USERNAME, USERNAME)
    assert entity["password"] == request["password"]
    assert SECRET not in entity["password"]
    assert len(entity["password"]) == 43
    assert request["certificate_request"].startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert server.seen[0].headers["authorization"] == "Bearer canary-token"


def test_the_password_is_that_of_the_request_and_of_the_secret(
    ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
) -> None:
    Script(server, *[CREATED, answers("signed.json", "201 Created")] * 3)
    for secret, number in ((SECRET, ID), (SECRET, "0" * 64), (SECRET[::-1], ID)):
        ca(entity_secret=secret).sign(order(pki, request_id=number))
    assert len({json.loads(seen.body)["password"] for seen in server.seen}) == 3


class TestNotYet:
    def test_an_entity_that_waits_for_approval(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded, signed: Signed
    ) -> None:
        waits = [answers("waits.json", "202 Accepted"), answers("no_entity.json", "404 Not Found")]
        later = [answers("found_none.json", "200 OK"), answers("exists.json", EXISTS)]
        Script(server, *waits, *later, answers("signed.json", "201 Created"))
        assert ca().sign(order(pki)) == NotYet("The end entity does not exist.")
        assert ca().sign(order(pki, again=True)) == signed
        assert paths(server) == [ENTITY, REQUEST, SEARCH, ENTITY, REQUEST]

    def test_a_certificate_that_waits_for_approval(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
    ) -> None:
        Script(server, CREATED, answers("waits.json", "202 Accepted"))
        assert isinstance(ca().sign(order(pki)), NotYet)


class TestLostAnswer:
    @pytest.mark.parametrize("name", ["found.json", "found_twice_encoded.json"])
    def test_the_certificate_is_found_by_the_user_name(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded, signed: Signed, name: str
    ) -> None:
        chain = "".join((pki.folder / f"{one}.crt").read_text() for one in ("ca", "root"))
        Script(server, CREATED, None, answers(name, "200 OK"), reply(chain.encode()))
        with pytest.raises(SignerError, match="the next run looks for its certificate at the CA first"):
            ca().sign(order(pki))
        assert ca().sign(order(pki, again=True)) == signed
        assert paths(server)[2] == SEARCH
        assert paths(server)[3].startswith("GET /v1/ca/")
        criteria = json.loads(server.seen[2].body)["criteria"]
        assert criteria == [{"property": "QUERY", "value": USERNAME, "operation": "EQUAL"}]

    def test_where_there_is_none_the_same_entity_asks_again(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded, signed: Signed
    ) -> None:
        none, exists = answers("found_none.json", "200 OK"), answers("exists.json", EXISTS)
        Script(server, none, exists, answers("signed.json", "201 Created"))
        assert ca().sign(order(pki, again=True)) == signed


class TestFailures:
    @pytest.mark.parametrize(
        ("name", "status", "kind", "words"),
        [
            ("refused.json", "422 Unprocessable Entity", SignerRejectedError, "Wrong number of ORGANIZATION fields"),
            ("wrong_request.json", "400 Bad Request", SignerError, "certificate profile name cannot be null"),
            ("denied.json", "403 Forbidden", SignerError, "look at ejbca.client_cert or the token"),
            ("no_entity.json", "404 Not Found", SignerError, "does not exist"),
        ],
    )
    def test_the_entity_is_refused(
        self,
        ca: t.Callable[..., Signer],
        server: Loopback,
        pki: Openssl,
        answers: Recorded,
        name: str,
        status: str,
        kind: type[SignerError],
        words: str,
    ) -> None:
        Script(server, answers(name, status))
        with pytest.raises(SignerError, match=words) as caught:
            ca().sign(order(pki))
        assert caught.value.__class__ is kind
        assert paths(server) == [ENTITY]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"entity_secret": "short"}, "at least 16 characters"),
            ({"username_prefix": "a b"}, "username_prefix must be"),
        ],
    )
    def test_an_option_that_cannot_be_used(
        self, ca: t.Callable[..., Signer], options: dict[str, t.Any], words: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=words):
            ca(**options)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"dn": DistinguishedName((("cn", "A"), ("1.2.3.4", "x")))}, "no name for the attribute 1.2.3.4"),
            ({"subject_alt_name": ("RID:1.2.3",)}, "subject_alt_name RID:1.2.3 is of a kind"),
        ],
    )
    def test_a_request_that_it_cannot_put_is_not_sent(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, changes: dict[str, t.Any], words: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=words):
            ca().sign(order(pki, **changes))
        assert server.seen == []


class TestRevoke:
    @pytest.mark.parametrize(("name", "status"), [("revoked.json", "200 OK"), ("revoked_before.json", "409 Conflict")])
    def test_it_is_revoked(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded, name: str, status: str
    ) -> None:
        Script(server, answers(name, status))
        ca().revoke(revocation(pki, "privilegeWithdrawn"))
        (path,) = paths(server)
        assert path.startswith("PUT /v1/certificate/CN%3D")
        assert path.endswith("/revoke?reason=PRIVILEGES_WITHDRAWN")

    def test_one_that_waits_for_approval_is_not_done(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
    ) -> None:
        Script(server, answers("waits.json", "202 Accepted"))
        with pytest.raises(SignerRejectedError, match="waiting for approval"):
            ca().revoke(revocation(pki))
