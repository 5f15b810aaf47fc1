# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preset step_ca, against the documented answers of step-ca."""

from __future__ import annotations

import base64
import json
import typing as t
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import Signed, Signer
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.step_ca_token import (
    ProvisionerKey,
    thumbprint,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import Files, Loopback

from .recorded import Recorded, order, revocation, signer
from .rest_ca import ID, Script

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")

KEY = ec.generate_private_key(ec.SECP256R1())
WHOLE = DistinguishedName((("c", "ES"), ("cn", "Ana Garcia")))


@pytest.fixture
def answers(pki: Openssl) -> Recorded:
    return Recorded("step_ca", pki)


def pem(key: t.Any, passphrase: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return t.cast("bytes", key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))


@pytest.fixture
def key_path(tmp_path: Path) -> str:
    path = tmp_path / "provisioner.pem"
    path.write_bytes(pem(KEY))
    return str(path)


@pytest.fixture
def ca(server: Loopback, files: Files, key_path: str) -> t.Callable[..., Signer]:
    given = {"provisioner": "redtrust@example.com", "key_path": key_path}
    return lambda **options: signer("step_ca", server, files.ca, **{**given, **options})


def encoded(number: int) -> str:
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def part(token: str, place: int) -> t.Any:
    text = token.split(".")[place]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(server: Loopback, place: int = -1) -> dict[str, t.Any]:
    """Return the claims of the token that came, after a check of its signature."""
    token = json.loads(server.seen[place].body)["ott"]
    content, signature = token.rpartition(".")[0], part(token, 2)
    numbers = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    KEY.public_key().verify(encode_dss_signature(*numbers), content.encode(), ec.ECDSA(hashes.SHA256()))
    assert json.loads(part(token, 0))["alg"] == "ES256"
    return t.cast("dict[str, t.Any]", json.loads(part(token, 1)))


def test_issue(ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded) -> None:
    Script(server, answers("signed.json", "201 Created"))
    signed = ca(validity="90d").sign(order(pki))
    assert isinstance(signed, Signed)
    assert (signed.certificate, signed.chain) == (pki.der("leaf"), (pki.der("ca"),))
    (seen,) = server.seen
    body = json.loads(seen.body)
    assert (seen.verb, seen.path, seen.headers["x-request-id"]) == ("POST", "/base/1.0/sign", ID)
    assert body["csr"].startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert body["notAfter"] == "7776000s"
    told = claims(server)
    assert (told["iss"], told["sub"], told["sans"]) == ("redtrust@example.com", "Ana Garcia", ["Ana Garcia"])
    assert told["aud"] == server.url("/base/1.0/sign")
    assert told["jti"] == ID
    assert told["exp"] - told["iat"] == 300


def test_names_and_another_audience(
    ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
) -> None:
    Script(server, answers("signed.json", "201 Created"))
    wanted = order(pki, subject_alt_name=("DNS:www.example.com", "IP:192.0.2.1"))
    ca(audience="https://ca.internal:9000/").sign(wanted)
    told = claims(server)
    assert told["aud"] == "https://ca.internal:9000/1.0/sign"
    assert told["sans"] == ["www.example.com", "192.0.2.1"]
    assert "notAfter" not in json.loads(server.seen[0].body)


class TestSubject:
    def test_a_dn_that_the_ca_cannot_do_is_not_sent(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl
    ) -> None:
        with pytest.raises(ConfigurationError, match=r"puts one cn .*, and not c: .*subject to template"):
            ca().sign(order(pki, WHOLE))
        with pytest.raises(ConfigurationError, match="needs a cn"):
            ca(subject="template").sign(order(pki, DistinguishedName((("o", "Example"),))))
        assert server.seen == []

    def test_a_template_gets_the_whole_dn(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
    ) -> None:
        Script(server, answers("signed.json", "201 Created"))
        ca(subject="template").sign(order(pki, WHOLE))
        dn = [{"type": "2.5.4.6", "value": "ES"}, {"type": "2.5.4.3", "value": "Ana Garcia"}]
        assert claims(server)["redtrust"] == {"name": "ana", "revision": 2, "dn": dn}


class TestFailures:
    def test_a_wrong_key(self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded) -> None:
        Script(server, answers("unauthorized.json", "401 Unauthorized"))
        with pytest.raises(SignerError, match=r"look at step_ca.provisioner, key_path and audience") as caught:
            ca().sign(order(pki))
        assert not isinstance(caught.value, SignerRejectedError)
        assert caught.value.not_sent

    def test_a_refusal(self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded) -> None:
        Script(server, answers("forbidden.json", "403 Forbidden"))
        with pytest.raises(SignerRejectedError, match="authorized maximum certificate duration"):
            ca().sign(order(pki))

    def test_a_failure(self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded) -> None:
        Script(server, answers("failed.json", "500 Internal Server Error"))
        with pytest.raises(SignerError, match="with the same id of the request") as caught:
            ca().sign(order(pki))
        assert not caught.value.not_sent

    def test_a_lost_answer_is_asked_for_with_a_token_of_the_same_id(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
    ) -> None:
        """The CA takes it where it has not had the first one."""
        Script(server, None, answers("signed.json", "201 Created"))
        with pytest.raises(SignerError, match="the answer did not come"):
            ca().sign(order(pki))
        assert isinstance(ca().sign(order(pki, again=True)), Signed)
        assert claims(server, 0)["jti"] == claims(server, 1)["jti"] == ID

    def test_where_the_ca_has_signed_it_a_person_decides(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded
    ) -> None:
        Script(server, answers("unauthorized.json", "401 Unauthorized"), answers("signed.json", "201 Created"))
        with pytest.raises(SignerError, match=r"step_ca\.lost_answer repeat has it signed once more") as refused:
            ca().sign(order(pki, again=True))
        # Three of these in a row would otherwise keep the rest of a list from the CA, in each run.
        assert not refused.value.concerns_all
        ca(lost_answer="repeat").sign(order(pki, again=True))
        assert claims(server)["jti"].startswith(f"{ID}-")


class TestRevoke:
    @pytest.mark.parametrize(
        ("name", "status"), [("revoked.json", "200 OK"), ("revoked_before.json", "400 Bad Request")]
    )
    def test_it_is_revoked(
        self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded, name: str, status: str
    ) -> None:
        Script(server, answers(name, status))
        ca().revoke(revocation(pki))
        body, told = json.loads(server.seen[0].body), claims(server)
        assert server.seen[0].path == "/base/1.0/revoke"
        assert (body["reasonCode"], body["passive"]) == (1, True)
        assert told["sub"] == body["serial"] == str(int(body["serial"]))
        assert told["aud"].endswith("/1.0/revoke")

    def test_a_refusal(self, ca: t.Callable[..., Signer], server: Loopback, pki: Openssl, answers: Recorded) -> None:
        Script(server, answers("unauthorized.json", "401 Unauthorized"))
        with pytest.raises(SignerError):
            ca().revoke(revocation(pki))


class TestKey:
    def test_the_id_is_the_thumbprint_of_rfc_7638(self) -> None:
        """The example of section 3.1; only the public members count."""
        modulus = (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok"
            "njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu"
            "6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8a"
            "wapJzKnqDKgw"
        )
        assert thumbprint({"kty": "RSA", "n": modulus, "e": "AQAB"}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

    @pytest.mark.parametrize("kind", ["ec", "p384", "rsa", "ed25519"])
    def test_each_kind_of_key_signs(self, tmp_path: Path, kind: str) -> None:
        key: t.Any = {
            "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
            "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
            "rsa": lambda: rsa.generate_private_key(65537, 2048),
            "ed25519": ed25519.Ed25519PrivateKey.generate,
        }[kind]()
        path = tmp_path / "key"
        path.write_bytes(pem(key, b"secret"))
        token = ProvisionerKey.read(str(path), "secret", None).signed({"a": 1})
        content, signature = token.rpartition(".")[0].encode(), part(token, 2)
        if kind == "rsa":
            key.public_key().verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
        elif kind == "ed25519":
            key.public_key().verify(signature, content)
        else:
            half = len(signature) // 2
            numbers = (int.from_bytes(one, "big") for one in (signature[:half], signature[half:]))
            digest = hashes.SHA256() if kind == "ec" else hashes.SHA384()
            key.public_key().verify(encode_dss_signature(*numbers), content, ec.ECDSA(digest))

    def test_a_jwk_with_its_kid(self, tmp_path: Path) -> None:
        """The key of RFC 7517, A.2."""
        path = tmp_path / "key.json"
        written = {
            "kty": "EC",
            "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
            "kid": "1",
        }
        path.write_text(json.dumps(written))
        assert json.loads(part(ProvisionerKey.read(str(path), None, None).signed({}), 0))["kid"] == "1"
        assert json.loads(part(ProvisionerKey.read(str(path), None, "2").signed({}), 0))["kid"] == "2"

    def test_jwks_of_other_kinds(self, tmp_path: Path) -> None:
        made = rsa.generate_private_key(65537, 2048)
        own = made.private_numbers()
        numbers = {"p": own.p, "q": own.q, "d": own.d, "dp": own.dmp1, "dq": own.dmq1, "qi": own.iqmp}
        public = {"n": own.public_numbers.n, "e": own.public_numbers.e}
        edwards = ed25519.Ed25519PrivateKey.generate()
        raw = edwards.private_bytes_raw()
        written = {
            "RS256": {"kty": "RSA", **{name: encoded(number) for name, number in (numbers | public).items()}},
            "EdDSA": {"kty": "OKP", "crv": "Ed25519", "d": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()},
        }
        for algorithm, jwk in written.items():
            path = tmp_path / "key.json"
            path.write_text(json.dumps(jwk))
            token = ProvisionerKey.read(str(path), None, None).signed({})
            assert json.loads(part(token, 0))["alg"] == algorithm
            content, signature = token.rpartition(".")[0].encode(), part(token, 2)
            if algorithm == "EdDSA":
                edwards.public_key().verify(signature, content)
            else:
                made.public_key().verify(signature, content, padding.PKCS1v15(), hashes.SHA256())

    @pytest.mark.parametrize("content", [b"", b"{}", b'{"kty": "oct", "k": "AA"}', b"-----BEGIN PRIVATE KEY-----\n"])
    def test_what_is_no_key(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "key"
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"step_ca\.key_path: .* must hold a private key"):
            ProvisionerKey.read(str(path), None, None)
        with pytest.raises(ConfigurationError, match="cannot be read"):
            ProvisionerKey.read(str(tmp_path / "none"), None, None)
