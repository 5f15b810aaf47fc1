# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks a CA with a REST interface: tokens, files, users, logins; and that no secret comes out."""

from __future__ import annotations

import base64
import collections
import datetime as dt
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import timestamp, utc_now
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError, SignerError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import Signed
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Connection,
    Files,
    Loopback,
    Seen,
    reply,
    server_context,
)

from .rest_ca import SINCE, order, said, signer

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")

LOGIN: dict[str, t.Any] = {
    "request": {"path": "/login", "json": {"role": "enroll", "secret_id": "${secret.id}"}},
    "token": "/auth/token",
    "lifetime": "/auth/ttl",
}
SECRETS = {"id": "canary-secret-id"}


class GuardedCa:
    """A CA that answers those that have a token which it knows. ``paths`` counts the requests."""

    def __init__(self, server: Loopback, certificate: str, ttl: object = 0) -> None:
        self.paths: collections.Counter[str] = collections.Counter()
        self.tokens: set[str] = set()
        self.ttl = ttl
        self._certificate = certificate
        self._mutex = threading.Lock()
        server.behaviour = lambda seen, connection: connection.sendall(self._answer(seen))

    def _answer(self, seen: Seen) -> bytes:
        with self._mutex:
            self.paths[seen.path] += 1
            if seen.path == "/login":
                token = f"canary-token-{self.paths['/login']}"
                self.tokens.add(token)
                return said({"auth": {"token": token, "ttl": self.ttl}})
            if seen.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                return said({"errors": ["permission denied", seen.headers.get("authorization")]}, "403 Forbidden")
            return reply(self._certificate.encode())


class TestWays:
    def test_a_token(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        server.answer(reply(pem["leaf"].encode()))
        signer(server, files.ca, token="canary").sign(order(pki.csr("leaf")))
        options: dict[str, t.Any] = {"token": "canary", "token_header": "x-vault-token", "token_prefix": ""}
        signer(server, files.ca, **options).sign(order(pki.csr("leaf")))
        assert server.seen[0].headers["authorization"] == "Bearer canary"
        assert server.seen[1].headers["x-vault-token"] == "canary"
        assert "authorization" not in server.seen[1].headers

    def test_a_user(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        server.answer(reply(pem["leaf"].encode()))
        signer(server, files.ca, username="ana", password="p\u00e1ss:w").sign(order(pki.csr("leaf")))
        coded = server.seen[0].headers["authorization"].removeprefix("Basic ")
        assert base64.b64decode(coded).decode() == "ana:p\u00e1ss:w"

    def test_headers(self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]) -> None:
        server.answer(reply(pem["leaf"].encode()))
        signer(
            server,
            files.ca,
            headers={"X-Tenant": 7, "X-Name": "${name}", "X-Uid": "${dn.uid}"},
            secret_headers={"X-Api-Key": "${secret.id}"},
            secrets=SECRETS,
        ).sign(order(pki.csr("leaf")))
        headers = server.seen[0].headers
        assert (headers["x-tenant"], headers["x-name"], headers["x-api-key"]) == ("7", "john doe", "canary-secret-id")
        assert "x-uid" not in headers

    def test_a_client_certificate(
        self, files: Files, start: t.Callable[..., Loopback], pki: Openssl, pem: dict[str, str]
    ) -> None:
        asking = start(server_context(files.server, client_ca=files.ca))
        asking.answer(reply(pem["leaf"].encode()))
        given: dict[str, t.Any] = {"client_cert": files.elsewhere, "client_key": files.elsewhere}
        assert isinstance(signer(asking, files.ca, **given).sign(order(pki.csr("leaf"))), Signed)
        with pytest.raises(SignerError, match="wants a client certificate: set client_cert"):
            signer(asking, files.ca).sign(order(pki.csr("leaf")))


class TestFile:
    def test_it_is_read_anew_when_the_ca_refuses_its_token(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], tmp_path: Path
    ) -> None:
        ca = GuardedCa(server, pem["leaf"])
        ca.tokens = {"canary-1"}
        path = tmp_path / "token"
        path.write_text("canary-1\n")
        asking = signer(server, files.ca, token_path=str(path))
        assert isinstance(asking.sign(order(pki.csr("leaf"))), Signed)
        ca.tokens = {"canary-2"}
        with pytest.raises(SignerError, match=r"HTTP 403: .*look at http\.token_path"):
            asking.sign(order(pki.csr("leaf")))
        path.write_text("canary-2\n")
        assert isinstance(asking.sign(order(pki.csr("leaf"))), Signed)
        assert ca.paths == {"/sign": 4}

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, r"cannot be read \(No such file or directory\)"),
            (b"", "is empty: what writes the token there has not done so yet"),
            (b"\n", "is empty"),
            (b"one\ntwo\n", "must hold one token on one line"),
            (b"\xff\xfe", "holds no text"),
        ],
    )
    def test_one_without_a_token(
        self, server: Loopback, files: Files, pki: Openssl, tmp_path: Path, content: bytes | None, words: str
    ) -> None:
        path = tmp_path / "token"
        if content is not None:
            path.write_bytes(content)
        asking = signer(server, files.ca, token_path=str(path))
        with pytest.raises(ConfigurationError, match=rf"http\.token_path: {path} {words}"):
            asking.check(SINCE)
        with pytest.raises(ConfigurationError, match=words):
            asking.sign(order(pki.csr("leaf")))
        assert server.seen == []


class TestLogin:
    def test_it_is_made_once_for_all_threads(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        ca = GuardedCa(server, pem["leaf"])
        asking = signer(server, files.ca, login=LOGIN, secrets=SECRETS)
        asking.connections = 4
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(asking.sign, [order(pki.csr("leaf"))] * 12))
        assert all(isinstance(one, Signed) for one in done)
        assert ca.paths == {"/login": 1, "/sign": 12}
        assert server.connections <= 4

    def test_it_is_repeated_once_when_the_token_is_refused(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        ca = GuardedCa(server, pem["leaf"])
        asking = signer(server, files.ca, login=LOGIN, secrets=SECRETS)
        asking.connections = 4
        asking.sign(order(pki.csr("leaf")))
        ca.tokens.clear()
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(asking.sign, [order(pki.csr("leaf"))] * 8))
        assert all(isinstance(one, Signed) for one in done)
        assert ca.paths["/login"] == 2

    def test_not_for_each_certificate_where_that_does_not_help(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        """A CA says 403 also for a name that this account may not have."""
        answers = {"/login": said({"auth": {"token": "canary"}})}
        paths: list[str] = []

        def refuse(seen: Seen, connection: t.Any) -> None:
            paths.append(seen.path)
            connection.sendall(answers.get(seen.path, said({}, "403 Forbidden")))

        server.behaviour = refuse
        asking = signer(server, files.ca, login=LOGIN, secrets=SECRETS)
        for _number in range(3):
            with pytest.raises(SignerError, match=r"HTTP 403.*look at http\.login and its credentials, and at"):
                asking.sign(order(pki.csr("leaf")))
        assert paths.count("/login") <= 2

    def test_a_name_that_is_not_allowed_does_not_keep_the_others_from_a_new_token(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        """The token ends in the middle of the list, and the CA has not said when."""
        logins: list[str] = []

        def answer(seen: Seen, connection: Connection) -> None:
            if seen.path == "/login":
                logins.append(f"canary-token-{len(logins)}")
                connection.sendall(said({"auth": {"token": logins[-1]}}))
            elif seen.headers.get("authorization") != f"Bearer {logins[-1]}" or len(logins) == ended:
                connection.sendall(said({}, "401 Unauthorized"))
            elif b"forbidden" in seen.body:
                connection.sendall(said({}, "403 Forbidden"))
            else:
                connection.sendall(reply(pem["leaf"].encode()))

        ended = 0
        server.behaviour = answer
        request = {"path": "/sign", "json": {"name": "${name}"}}
        asking = signer(server, files.ca, login={**LOGIN, "lifetime": None}, secrets=SECRETS, request=request)
        with pytest.raises(SignerError, match="HTTP 403"):
            asking.sign(order(pki.csr("leaf"), name="forbidden"))
        assert isinstance(asking.sign(order(pki.csr("leaf"))), Signed)
        ended = len(logins)
        assert isinstance(asking.sign(order(pki.csr("leaf"))), Signed)
        assert len(logins) == 3

    @pytest.mark.parametrize("ttl", [100, "100", "in 100 seconds"])
    def test_it_is_repeated_before_the_token_ends(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], ttl: object
    ) -> None:
        if ttl == "in 100 seconds":
            ttl = timestamp(utc_now() + dt.timedelta(seconds=100))
        ca = GuardedCa(server, pem["leaf"], ttl)
        time = [0.0]
        asking = signer(server, files.ca, clock=time, login=LOGIN, secrets=SECRETS)
        logins = []
        for passed in (0, 80, 8, 60, 95):
            time.append(passed)
            asking.sign(order(pki.csr("leaf")))
            logins.append(ca.paths["/login"])
        assert logins == [1, 1, 1, 2, 3]

    @pytest.mark.parametrize("ttl", [0, None, "soon", [1]])
    def test_a_token_without_an_end(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], ttl: object
    ) -> None:
        ca = GuardedCa(server, pem["leaf"], ttl)
        time = [0.0]
        asking = signer(server, files.ca, clock=time, login=LOGIN, secrets=SECRETS)
        for passed in (0, 100000):
            time.append(passed)
            asking.sign(order(pki.csr("leaf")))
        assert ca.paths["/login"] == 1

    def test_one_that_is_refused_is_not_tried_again(self, server: Loopback, files: Files, pki: Openssl) -> None:
        server.answer(said({"errors": ["invalid secret id canary-secret-id"]}, "400 Bad"))
        asking = signer(server, files.ca, login=LOGIN, secrets=SECRETS)
        for _number in range(3):
            with pytest.raises(
                SignerError, match=r"login at .* failed \(HTTP 400: .*\*\*\*.*look at http\.login"
            ) as no:
                asking.sign(order(pki.csr("leaf")))
            assert no.value.not_sent
            assert "canary" not in str(no.value)
        assert len(server.seen) == 1

    def test_one_that_fails_is(self, server: Loopback, files: Files, pki: Openssl) -> None:
        server.answer(said({}, "500 Oops"))
        asking = signer(server, files.ca, login=LOGIN, secrets=SECRETS)
        for _number in range(2):
            with pytest.raises(SignerError, match=r"the login at .* failed \(HTTP 500") as no:
                asking.sign(order(pki.csr("leaf")))
            assert no.value.not_sent
        assert len(server.seen) == 2

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (said({"auth": {}}), r"was answered without a token \(HTTP 200\): look at http\.login\.token"),
            (said({"auth": {"token": 5}}), "was answered without a token"),
            (reply(b"<html>"), "was answered without a token"),
            (said({"auth": {"token": "two words"}}), "was answered without a token"),
            (said({"auth": {"token": "caf\u00e9"}}), "was answered without a token"),
        ],
    )
    def test_an_answer_without_a_token(
        self, server: Loopback, files: Files, pki: Openssl, answer: bytes, words: str
    ) -> None:
        server.answer(answer)
        with pytest.raises(SignerError, match=words):
            signer(server, files.ca, login=LOGIN, secrets=SECRETS).sign(order(pki.csr("leaf")))
        assert [seen.path for seen in server.seen] == ["/login"]


class TestSecrets:
    @pytest.mark.parametrize(
        "options",
        [
            {"token": "canary-secret-1"},
            {"username": "ana", "password": "canary-secret-1"},
            {"secret_headers": {"X-Key": "canary-secret-1"}},
            {"secrets": {"pin": "canary-secret-1"}, "request": {"path": "/${secret.pin}", "json": ["${secret.pin}"]}},
            {"token_path": "TOKEN"},
        ],
    )
    @pytest.mark.parametrize("status", ["400 Bad", "401 No", "500 Oops", "200 OK", "302 Found"])
    def test_none_comes_back_out(
        self, server: Loopback, files: Files, pki: Openssl, tmp_path: Path, options: dict[str, t.Any], status: str
    ) -> None:
        """A CA that repeats everything that it got, raw and in base64."""
        (tmp_path / "token").write_text("canary-secret-1")
        if "token_path" in options:
            options = {"token_path": str(tmp_path / "token")}

        def echo(seen: Seen, connection: t.Any) -> None:
            words = f"{seen.path} {dict(seen.headers)} {seen.body.decode()}".replace("\n", " ")
            coded = base64.b64encode(b"ana:canary-secret-1").decode()
            where = f"https://canary-secret-1.example.com/{seen.path}"
            connection.sendall(said({"m": f"{words[-300:]} {coded}"}, status, Location=where))

        server.behaviour = echo
        with pytest.raises(SignerError) as raised:
            signer(server, files.ca, answer={"reason": "/m"}, **options).sign(order(pki.csr("leaf")))
        told = str(raised.value)
        assert "****" in told
        assert "canary" not in told
        assert base64.b64encode(b"canary-secret-1").decode()[:12] not in told

    def test_a_token_of_a_login_is_known_to_the_module(
        self, server: Loopback, files: Files, pki: Openssl, pem: dict[str, str]
    ) -> None:
        GuardedCa(server, pem["leaf"])
        asking = signer(server, files.ca, login=LOGIN, secrets=SECRETS)
        asking.sign(order(pki.csr("leaf")))
        assert "canary" not in asking.secrets.hide("canary-token-1 and canary-secret-id")

    def test_none_is_in_the_name_or_the_repr_of_its_parts(self, server: Loopback, files: Files) -> None:
        asking = signer(server, files.ca, token="canary-1", secrets={"a": "canary-2"}, secret_headers={"X": "canary-3"})
        assert "canary" not in repr(asking.settings) + asking.identity()
