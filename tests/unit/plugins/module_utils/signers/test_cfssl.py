# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cfssl: its requests, and the certificate of a lost answer. ``tests/cas`` asks a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    SIGNERS,
    Revocation,
    Signed,
    Signer,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.http_values import request_number
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    certificate_facts,
    csr_pem,
    load_certificate,
    subject_key_identifier,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Connection,
    Files,
    Loopback,
    Seen,
    reply,
)

from .rest_ca import ID, SINCE, Script, order, said

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")

API = "/api/v1/cfssl"
KEY = "000102030405060708090a0b0c0d0e0f"
# what cfssl 1.2 says to a request that it does not know
NO_LOOKUP = (400, "no valid parameter sets found")
NOT_FOUND = (500, "no certificate found")
UNIQUE = (400, "UNIQUE constraint failed: certificates.serial_number, certificates.authority_key_identifier")


def built(server: Loopback, files: Files, **options: t.Any) -> Signer:
    """Return a signer without a key, unless the options say otherwise."""
    kind = SIGNERS["cfssl"]
    own = {"url": server.url("").rstrip("/"), "ca_path": files.ca, "retry_timeout": 0}
    defaults = {option: rules.get("default") for option, rules in kind.options.items()}
    return kind.build({**defaults, **own, **options}, SINCE)


Said = t.Union[dict[str, t.Any], tuple[int, str], None]  # noqa: UP007


class Server:
    """Answers by endpoint: a result, a status with a message, or the end of the connection."""

    def __init__(self, server: Loopback, **answers: Said) -> None:
        self._answers = answers
        self._server = server
        server.behaviour = self._play

    def asked(self, endpoint: str) -> list[t.Any]:
        """Return the requests to an endpoint."""
        return [json.loads(seen.body) for seen in self._server.seen if seen.path == f"{API}/{endpoint}"]

    def _play(self, seen: Seen, connection: Connection) -> None:
        answer = self._answers[seen.path.rpartition("/")[2]]
        if answer is None:
            raise OSError("the connection ends here")
        if isinstance(answer, tuple):
            status, message = answer
            errors = [{"code": 5500 if "whitelist" in message else 400, "message": message}]
            connection.sendall(said({"success": False, "result": None, "errors": errors}, f"{status} No"))
        else:
            connection.sendall(said({"success": True, "result": answer, "errors": []}))


@pytest.fixture
def info(pem: dict[str, str]) -> dict[str, str]:
    """Return what the server says of itself."""
    return {"certificate": pem["ca"]}


@pytest.fixture
def leaf(pem: dict[str, str]) -> dict[str, str]:
    """Return the answer to a request that was signed."""
    return {"certificate": pem["leaf"]}


class TestRequests:
    def test_subject_names_and_serial_number(
        self, server: Loopback, files: Files, pki: Openssl, info: Said, leaf: Said
    ) -> None:
        one = Server(server, sign=leaf, info=info)
        dn = DistinguishedName(
            (("C", "ES"), ("o", "A, B"), ("ou", "1"), ("ou", "2"), ("cn", "Ana"), ("serialNumber", "I"))
        )
        names = ("DNS:www.example.com", "IP:192.0.2.1")
        asking = built(server, files, profile="people", label="one")
        signed = asking.sign(order(pki.csr("leaf"), dn=dn, subject_alt_name=names))
        assert one.asked("sign") == [
            {
                "certificate_request": csr_pem(pki.csr("leaf")),
                "hosts": ["www.example.com", "192.0.2.1"],
                "subject": {
                    "names": [{"C": "ES"}, {"O": "A, B"}, {"OU": "1"}, {"OU": "2"}],
                    "CN": "Ana",
                    "SerialNumber": "I",
                },
                "profile": "people",
                "label": "one",
                "serial": request_number(ID),
            }
        ]
        assert isinstance(signed, Signed)
        assert (signed.certificate, signed.chain) == (pki.der("leaf"), (pki.der("ca"),))
        assert one.asked("info") == [{"profile": "people", "label": "one"}]

    def test_the_ca_is_asked_once_for_its_certificate(
        self, server: Loopback, files: Files, pki: Openssl, info: Said, leaf: Said
    ) -> None:
        one = Server(server, sign=leaf, info=info)
        asking = built(server, files)
        for _time in range(2):
            asking.sign(order(pki.csr("leaf")))
        assert (len(one.asked("sign")), one.asked("info")) == (2, [{}])

    def test_a_key_signs_the_request(
        self, server: Loopback, files: Files, pki: Openssl, info: Said, leaf: Said
    ) -> None:
        one = Server(server, authsign=leaf, info=info)
        built(server, files, auth_key=KEY).sign(order(pki.csr("leaf")))
        (asked,) = one.asked("authsign")
        request = base64.b64decode(asked["request"])
        assert base64.b64decode(asked["token"]) == hmac.digest(bytes(range(16)), request, "sha256")
        assert json.loads(request)["serial"] == request_number(ID)

    def test_a_serial_number_fits_a_certificate_and_tells_nothing(self) -> None:
        numbers = {request_number(hashlib.sha256(str(number).encode()).hexdigest()) for number in range(1000)}
        assert len(numbers) == 1000
        assert all(0 < number < 2**158 for number in numbers)

    def test_a_server_that_chooses_serial_numbers_is_told(
        self, server: Loopback, files: Files, pki: Openssl, info: Said, leaf: Said
    ) -> None:
        Server(server, sign=leaf, info=info)
        signed = built(server, files, profile="people").sign(order(pki.csr("leaf")))
        assert isinstance(signed, Signed)
        assert [warning.partition(": set ")[2] for warning in signed.warnings] == [
            "ClientProvidesSerialNumbers in the profile people of the CA, or cfssl.serial_numbers to false"
        ]
        signed = built(server, files, serial_numbers=False).sign(order(pki.csr("leaf")))
        assert isinstance(signed, Signed)
        assert not signed.warnings

    @pytest.mark.parametrize(
        ("attribute", "words"),
        [(("givenName", "Ana"), "a subject with givenName"), (("CN", "b"), "a subject with more than one cn")],
    )
    def test_another_attribute_is_not_sent(
        self, server: Loopback, files: Files, pki: Openssl, attribute: tuple[str, str], words: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=words):
            built(server, files).sign(order(pki.csr("leaf"), dn=DistinguishedName((("cn", "a"), attribute))))
        assert not server.seen

    def test_a_key_that_is_none(self, server: Loopback, files: Files) -> None:
        with pytest.raises(ConfigurationError, match=r"cfssl\.auth_key must be hexadecimal") as raised:
            built(server, files, auth_key="no digits")
        assert "no digits" not in str(raised.value)


class TestRefusals:
    def test_a_name_that_the_profile_does_not_allow(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Server(server, sign=(400, "Request does not match policy whitelist"))
        with pytest.raises(SignerRejectedError, match="Request does not match policy whitelist"):
            built(server, files).sign(order(pki.csr("leaf")))

    def test_a_wrong_key(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Server(server, authsign=(400, "invalid token"))
        with pytest.raises(SignerError, match="invalid token") as raised:
            built(server, files, auth_key=KEY).sign(order(pki.csr("leaf")))
        assert raised.value.not_sent

    def test_a_server_that_goes_away_after_it_signed_has_had_the_request(
        self, server: Loopback, files: Files, pki: Openssl, leaf: Said
    ) -> None:
        Server(server, sign=leaf, info=None)
        with pytest.raises(SignerError) as raised:
            built(server, files).sign(order(pki.csr("leaf")))
        assert not raised.value.not_sent

    def test_a_server_that_does_not_say_its_certificate(
        self, server: Loopback, files: Files, pki: Openssl, leaf: Said
    ) -> None:
        Server(server, sign=leaf, info=(400, "no"))
        signed = built(server, files).sign(order(pki.csr("leaf")))
        assert isinstance(signed, Signed)
        assert signed.chain == ()


class TestLostAnswers:
    def test_a_new_server_is_asked_by_serial_number(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], info: Said
    ) -> None:
        one = Server(server, certinfo={"pem": pem["leaf"]}, info=info)
        signed = built(server, files).sign(order(pki.csr("leaf"), again=True))
        assert isinstance(signed, Signed)
        assert (signed.certificate, one.asked("sign")) == (pki.der("leaf"), [])
        identifier = subject_key_identifier(load_certificate(pki.der("ca")))
        assert identifier
        assert one.asked("certinfo") == [{"serial": str(request_number(ID)), "authority_key_id": identifier.hex()}]

    def test_a_new_server_that_has_none_gets_the_request(
        self, server: Loopback, files: Files, pki: Openssl, info: Said, leaf: Said
    ) -> None:
        one = Server(server, certinfo=NOT_FOUND, info=info, sign=leaf)
        built(server, files).sign(order(pki.csr("leaf"), again=True))
        assert (len(one.asked("certinfo")), len(one.asked("sign"))) == (2, 1)

    def test_an_old_server_without_records_signs_the_same_again(
        self, server: Loopback, files: Files, pki: Openssl, info: Said, leaf: Said
    ) -> None:
        one = Server(server, certinfo=NO_LOOKUP, info=info, sign=leaf)
        built(server, files).sign(order(pki.csr("leaf"), again=True))
        assert [asked["serial"] for asked in one.asked("sign")] == [request_number(ID)]

    def test_an_old_server_with_records_says_that_it_has_it(
        self, server: Loopback, files: Files, pki: Openssl, info: Said
    ) -> None:
        Server(server, certinfo=NO_LOOKUP, info=info, authsign=UNIQUE)
        with pytest.raises(SignerError, match=f"the serial number {request_number(ID)} .*give it to redtrust_finalize"):
            built(server, files, auth_key=KEY).sign(order(pki.csr("leaf"), again=True))

    def test_an_old_server_that_fails_is_asked_again_later(
        self, server: Loopback, files: Files, pki: Openssl, info: Said
    ) -> None:
        Server(server, certinfo=NO_LOOKUP, info=info, sign=(500, "the database is gone"))
        with pytest.raises(SignerError, match="cfssl did not sign it: the database is gone") as raised:
            built(server, files).sign(order(pki.csr("leaf"), again=True))
        assert not raised.value.not_sent

    def test_without_serial_numbers_the_default_is_to_stop(self, server: Loopback, files: Files, pki: Openssl) -> None:
        with pytest.raises(SignerError, match=r"cfssl\.lost_answer is stop"):
            built(server, files, serial_numbers=False).sign(order(pki.csr("leaf"), again=True))
        assert not server.seen


class TestRevocation:
    def test_by_the_identifier_of_the_ca_and_without(
        self, server: Loopback, files: Files, pki: Openssl, info: Said
    ) -> None:
        one = Server(server, revoke=(400, "certificate not found"), info=info)
        with pytest.raises(SignerError, match="cfssl did not revoke it: certificate not found"):
            built(server, files).revoke(Revocation("a", 1, pki.der("leaf"), reason="keyCompromise"))
        serial = str(certificate_facts(pki.der("leaf")).serial_number)
        asked = [(one["serial"], len(one["authority_key_id"]), one["reason"]) for one in one.asked("revoke")]
        assert asked == [(serial, 40, "keycompromise"), (serial, 0, "keycompromise")]

    def test_a_server_that_does_not_say_that_it_did_has_not(
        self, server: Loopback, files: Files, pki: Openssl, info: Said
    ) -> None:
        Script(server, said({"success": True, "result": info}), said({"status": "up"}))
        with pytest.raises(SignerError, match="cfssl did not revoke it: HTTP 200"):
            built(server, files).revoke(Revocation("ana", 1, pki.der("leaf")))

    def test_a_page_of_a_proxy_is_no_revocation(self, server: Loopback, files: Files, pki: Openssl) -> None:
        Script(server, reply(b"<html><body>Please log in"))
        with pytest.raises(SignerError, match=r"HTTP 200 is a page in HTML.*look at cfssl\.url"):
            built(server, files).revoke(Revocation("ana", 1, pki.der("leaf")))

    def test_the_first_that_works_is_enough(self, server: Loopback, files: Files, pki: Openssl, info: Said) -> None:
        one = Server(server, revoke={}, info=info)
        built(server, files).revoke(Revocation("a", 1, pki.der("leaf")))
        assert len(one.asked("revoke")) == 1
