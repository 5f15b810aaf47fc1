# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transport against a real server on this machine: the requests that arrived, and the errors of the others."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import json
import socket
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerInvalidError,
    AnswerLostError,
    ConfigurationError,
    NotSentError,
    TlsError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.options import (
    MAX_ANSWER_BYTES,
    TransportOptions,
    check_files,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpRequest,
    HttpResponse,
    HttpsTransport,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Connection,
    Files,
    Loopback,
    Seen,
    reply,
    server_context,
)

pytestmark = pytest.mark.usefixtures("no_proxies")

BODY = {"dn": [{"attribute": "cn", "value": "Jos\u00e9"}], "keyLength": "2048"}


@pytest.fixture
def server(files: Files, start: t.Callable[..., Loopback]) -> Loopback:
    return start(server_context(files.server))


@pytest.fixture
def transport(files: Files) -> HttpsTransport:
    return HttpsTransport(TransportOptions(ca_path=files.ca, timeout=10.0))


def request(
    url: str,
    body: t.Mapping[str, t.Any] | bytes | t.Literal["standard"] | None = "standard",
    verb: str = "PUT",
    **headers: str,
) -> HttpRequest:
    return HttpRequest("create", verb, url, headers, BODY if body == "standard" else body)


class TestWhatArrives:
    @pytest.mark.parametrize("verb", ["GET", "POST", "PUT"])
    def test_a_body_goes_with_every_verb(self, server: Loopback, transport: HttpsTransport, verb: str) -> None:
        server.answer(reply(b'{"a": 1}', X_Thing="Value"))
        answer = transport.send(request(server.url("/raapi/v1/csr/create"), verb=verb, Authorization="Bearer a"))
        assert (answer.status, answer.body, answer.headers["x-thing"]) == (200, b'{"a": 1}', "Value")
        (seen,) = server.seen
        assert (seen.verb, seen.path, json.loads(seen.body)) == (verb, "/raapi/v1/csr/create", BODY)
        assert seen.headers["content-length"] == str(len(seen.body))
        assert seen.headers["content-type"] == seen.headers["accept"] == "application/json"
        assert seen.headers["accept-encoding"] == "identity"
        assert seen.headers["authorization"] == "Bearer a"
        assert "transfer-encoding" not in seen.headers

    def test_without_a_body(self, server: Loopback, transport: HttpsTransport) -> None:
        server.answer(reply(b"", "204 No Content"))
        assert transport.send(request(server.url(), None, "DELETE")) == HttpResponse(204, {"content-length": "0"}, b"")
        assert (server.seen[0].verb, server.seen[0].body) == ("DELETE", b"")

    def test_a_connection_is_kept(self, server: Loopback, transport: HttpsTransport) -> None:
        for _number in range(3):
            transport.send(request(server.url()))
        assert [seen.connection for seen in server.seen] == [1, 1, 1]

    def test_threads_that_send_at_once_have_one_each(self, server: Loopback, transport: HttpsTransport) -> None:
        together = threading.Barrier(3)

        def twice(_number: int) -> None:
            together.wait()
            for _number in range(2):
                transport.send(request(server.url()))

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(twice, range(3)))
        assert sorted(seen.connection for seen in server.seen) == [1, 1, 2, 2, 3, 3]

    def test_one_that_was_closed_meanwhile_is_opened_anew(self, server: Loopback, transport: HttpsTransport) -> None:
        def once(_seen: Seen, connection: Connection) -> None:
            connection.sendall(reply(Connection="close"))
            connection.shutdown(socket.SHUT_RDWR)

        server.behaviour = once
        for _number in range(2):
            assert transport.send(request(server.url())).status == 200
        assert [seen.connection for seen in server.seen] == [1, 2]

    def test_a_chunked_answer(self, server: Loopback, transport: HttpsTransport) -> None:
        server.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
        assert transport.send(request(server.url())).body == b"abcde"

    def test_a_client_certificate(self, files: Files, start: t.Callable[..., Loopback], tmp_path: Path) -> None:
        asking = start(server_context(files.server, client_ca=files.ca))
        options = TransportOptions(ca_path=files.ca, client_cert=files.elsewhere, timeout=10.0)
        assert HttpsTransport(options).send(request(asking.url())).status == 200
        apart = dataclasses.replace(options, client_key=files.elsewhere)
        assert HttpsTransport(apart).send(request(asking.url())).status == 200


class TestEnvironment:
    def test_netrc_changes_nothing(
        self, server: Loopback, transport: HttpsTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password canary\n")
        (tmp_path / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        transport.send(request(server.url(), Authorization="Bearer mine"))
        transport.send(request(server.url()))
        assert [seen.headers.get("authorization") for seen in server.seen] == ["Bearer mine", None]

    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_ca_variables_change_nothing(
        self,
        server: Loopback,
        transport: HttpsTransport,
        files: Files,
        monkeypatch: pytest.MonkeyPatch,
        variable: str,
    ) -> None:
        monkeypatch.setenv(variable, files.unknown_ca)
        assert transport.send(request(server.url())).status == 200
        monkeypatch.setenv(variable, files.ca)
        with pytest.raises(TlsError):
            HttpsTransport(TransportOptions(timeout=10.0)).send(request(server.url()))
        with pytest.raises(TlsError):
            HttpsTransport(TransportOptions(ca_path=files.unknown_ca)).send(request(server.url()))

    def test_https_proxy_counts_and_no_proxy_too(
        self,
        server: Loopback,
        transport: HttpsTransport,
        start: t.Callable[..., Loopback],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        proxy = start(None)
        proxy.answer(reply(b"", "403 Forbidden"))
        monkeypatch.setenv("HTTPS_PROXY", f"http://someone:canary@127.0.0.1:{proxy.port}")
        with pytest.raises(NotSentError, match="403 Forbidden") as caught:
            transport.send(request(server.url()))
        assert "canary" not in str(caught.value)
        assert (proxy.seen[0].verb, proxy.seen[0].path) == ("CONNECT", f"127.0.0.1:{server.port}")
        assert server.connections == 0
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert transport.send(request(server.url())).status == 200
        assert len(proxy.seen) == 1

    def test_the_proxy_option_counts_before_the_environment(
        self, server: Loopback, files: Files, start: t.Callable[..., Loopback], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy = start(None)
        proxy.answer(reply(b"", "403 Forbidden"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        options = TransportOptions(ca_path=files.ca, proxy=f"http://127.0.0.1:{proxy.port}", timeout=10.0)
        with pytest.raises(NotSentError):
            HttpsTransport(options).send(request(server.url()))
        assert [seen.verb for seen in proxy.seen] == ["CONNECT"]


BODIES = pytest.mark.parametrize("body", [BODY, None], ids=["body", "no body"])


@BODIES
class TestNothingWasSent:
    def test_connection_refused(self, transport: HttpsTransport, body: dict[str, t.Any] | None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with pytest.raises(NotSentError, match="refused") as caught:
            transport.send(request(f"https://127.0.0.1:{port}/p?canary", body))
        assert caught.value.url == f"https://127.0.0.1:{port}/p"
        assert "canary" not in str(caught.value)
        assert not isinstance(caught.value, TlsError)

    def test_no_such_name(
        self, transport: HttpsTransport, monkeypatch: pytest.MonkeyPatch, body: dict[str, t.Any] | None
    ) -> None:
        def unknown(*_arguments: object, **_options: object) -> t.NoReturn:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(NotSentError, match="Name or service not known"):
            transport.send(request("https://nowhere.invalid:1/p", body))

    def test_unknown_ca(
        self,
        files: Files,
        start: t.Callable[..., Loopback],
        transport: HttpsTransport,
        body: dict[str, t.Any] | None,
    ) -> None:
        stranger = start(server_context(files.unknown_server))
        with pytest.raises(TlsError, match="certificate verify failed"):
            transport.send(request(stranger.url(), body))
        assert stranger.seen == []

    def test_certificate_of_another_host(
        self,
        files: Files,
        start: t.Callable[..., Loopback],
        transport: HttpsTransport,
        body: dict[str, t.Any] | None,
    ) -> None:
        other = start(server_context(files.elsewhere))
        with pytest.raises(TlsError, match=r"127\.0\.0\.1"):
            transport.send(request(other.url(), body))
        assert other.seen == []


def saying(content: bytes) -> t.Callable[[Connection, threading.Event], None]:
    """Send this content to any client, and hang up."""

    def speak(connection: Connection, _over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(content)

    return speak


class TestNothingWasSentEither:
    """With a body the client can tell: a body that the server did not ask for cannot have left."""

    def test_no_tls_at_the_other_end(self, start: t.Callable[..., Loopback], transport: HttpsTransport) -> None:
        plain = start(None, raw=saying(reply(b"", "400 Bad Request")))
        with pytest.raises(NotSentError):
            transport.send(request(plain.url()))

    def test_closed_before_the_handshake_ends(
        self, start: t.Callable[..., Loopback], transport: HttpsTransport
    ) -> None:
        """The server restarts, so the next attempt may succeed."""
        closing = start(None, raw=saying(b""))
        with pytest.raises(NotSentError) as caught:
            transport.send(request(closing.url()))
        assert not isinstance(caught.value, TlsError)
        assert closing.connections == 1

    @pytest.mark.parametrize("host", ["", "a..b", "x" * 64 + ".example.com"])
    def test_an_address_that_is_none(self, transport: HttpsTransport, host: str) -> None:
        with pytest.raises(NotSentError):
            transport.send(request(f"https://{host}:1/p"))

    def test_a_ca_file_without_a_certificate(self, server: Loopback, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("rubbish")
        with pytest.raises(ConfigurationError, match="has no CA certificate in PEM form"):
            HttpsTransport(TransportOptions(ca_path=str(tmp_path / "ca.pem"))).send(request(server.url()))
        assert server.connections == 0


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_certificates_are_not_checked_where_that_is_asked_for(files: Files, start: t.Callable[..., Loopback]) -> None:
    stranger = start(server_context(files.unknown_server))
    options = TransportOptions(validate_certs=False, ca_path=files.ca, timeout=10.0)
    assert HttpsTransport(options).send(request(stranger.url())).status == 200


@BODIES
class TestTheAnswerWasLost:
    def test_closed_after_the_request_was_read(
        self, server: Loopback, transport: HttpsTransport, body: dict[str, t.Any] | None
    ) -> None:
        server.behaviour = lambda _seen, connection: connection.shutdown(socket.SHUT_RDWR)
        with pytest.raises(AnswerLostError, match="the request was sent, the answer did not come"):
            transport.send(request(server.url(), body))
        assert len(server.seen) == 1

    def test_rubbish_instead_of_http(
        self, server: Loopback, transport: HttpsTransport, body: dict[str, t.Any] | None
    ) -> None:
        server.answer(b"canary\r\n\r\n")
        with pytest.raises(AnswerLostError):
            transport.send(request(server.url(), body))

    @pytest.mark.parametrize(
        "content",
        [
            reply(b"half", length=8),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        ],
    )
    def test_broken_off(
        self, server: Loopback, transport: HttpsTransport, body: dict[str, t.Any] | None, content: bytes
    ) -> None:
        def half(_seen: Seen, connection: Connection) -> None:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_RDWR)

        server.behaviour = half
        with pytest.raises(AnswerLostError):
            transport.send(request(server.url(), body))

    @pytest.mark.parametrize("content", [b"", reply(b"half", length=8)])
    def test_silence(self, server: Loopback, files: Files, body: dict[str, t.Any] | None, content: bytes) -> None:
        def stop(_seen: Seen, connection: Connection) -> None:
            connection.sendall(content)
            server.over.wait(20)

        server.behaviour = stop
        with pytest.raises(AnswerLostError, match="timed out"):
            HttpsTransport(TransportOptions(ca_path=files.ca, timeout=0.3)).send(request(server.url(), body))

    def test_a_trickle_ends_at_the_deadline(
        self, server: Loopback, files: Files, body: dict[str, t.Any] | None
    ) -> None:
        """The clock moves a second with each reading, so the test takes no time."""

        def trickle(_seen: Seen, connection: Connection) -> None:
            connection.sendall(reply(b"", length=10**6))
            while not server.over.is_set():
                connection.sendall(b"x")

        server.behaviour = trickle
        ticks = itertools.count()
        options = TransportOptions(ca_path=files.ca, timeout=5.0)
        with pytest.raises(AnswerLostError, match="timed out after 5 seconds"):
            HttpsTransport(options, clock=lambda: float(next(ticks))).send(request(server.url(), body))


class TestAnswersThatAreNotTaken:
    def test_a_huge_body(self, server: Loopback, transport: HttpsTransport) -> None:
        server.answer(reply(b"x" * (MAX_ANSWER_BYTES + 1)))
        with pytest.raises(AnswerInvalidError, match="larger than 1048576 bytes"):
            transport.send(request(server.url()))

    def test_the_largest_body(self, server: Loopback, transport: HttpsTransport) -> None:
        server.answer(reply(b"x" * MAX_ANSWER_BYTES))
        assert len(transport.send(request(server.url())).body) == MAX_ANSWER_BYTES

    @pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br"])
    def test_a_compressed_body(self, server: Loopback, transport: HttpsTransport, encoding: str) -> None:
        server.answer(reply(gzip.compress(b"x" * 10**6), Content_Encoding=encoding))
        with pytest.raises(AnswerInvalidError, match="compressed"):
            transport.send(request(server.url()))

    def test_the_next_request_is_not_harmed(self, server: Loopback, transport: HttpsTransport) -> None:
        server.answer(reply(b"x" * 10**6, Content_Encoding="gzip"))
        with pytest.raises(AnswerInvalidError):
            transport.send(request(server.url()))
        server.answer(reply(b"fine"))
        assert transport.send(request(server.url())).body == b"fine"


class TestRedirects:
    @pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"])
    @pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "DELETE"])
    def test_none_is_followed_and_no_cookie_is_kept(
        self, server: Loopback, transport: HttpsTransport, status: str, verb: str
    ) -> None:
        cookies = "first=a; Path=/; HttpOnly; Secure\r\nSet-Cookie: second=b"
        there = reply(b"", status, Location="/q", Set_Cookie=cookies)
        server.behaviour = lambda _seen, connection: connection.sendall(there)
        answer = transport.send(request(server.url(), verb=verb))
        assert (answer.status, answer.headers["location"]) == (int(status[:3]), "/q")
        assert answer.cookies == {"first": "a", "second": "b"}
        transport.send(request(server.url(), verb=verb))
        assert [seen.path for seen in server.seen] == ["/p", "/p"]
        assert "cookie" not in {name.lower() for name in server.seen[1].headers}

    def test_the_body_of_a_redirect_is_not_unpacked(self, server: Loopback, transport: HttpsTransport) -> None:
        server.answer(reply(gzip.compress(b"x"), "302 Found", Location="/q", Content_Encoding="gzip"))
        with pytest.raises(AnswerInvalidError, match="compressed"):
            transport.send(request(server.url()))


def one_file(name: str, path: Path) -> TransportOptions:
    options: dict[str, t.Any] = {name: str(path)}
    return TransportOptions(**options)


class TestFiles:
    @pytest.mark.parametrize("name", ["ca_path", "client_cert", "client_key"])
    def test_one_that_is_missing_or_empty_is_named(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / "file.pem"
        with pytest.raises(ConfigurationError, match=rf"{name}: {path} cannot be read \(No such file"):
            check_files(one_file(name, path))
        path.touch()
        with pytest.raises(ConfigurationError, match=f"{name}: {path} is empty"):
            check_files(one_file(name, path))
        with pytest.raises(ConfigurationError, match=rf"{name}: {tmp_path} cannot be read \(Is a directory"):
            check_files(one_file(name, tmp_path))

    def test_a_key_needs_its_certificate(self, files: Files) -> None:
        with pytest.raises(ConfigurationError, match="client_key needs client_cert"):
            check_files(TransportOptions(client_key=files.elsewhere))

    def test_those_that_are_there_are_fine(self, files: Files) -> None:
        check_files(TransportOptions())
        check_files(TransportOptions(ca_path=files.ca, client_cert=files.elsewhere, client_key=files.elsewhere))


class TestPlainHttp:
    """Only what is signed by itself comes from other hosts without TLS."""

    OPTIONS = TransportOptions(timeout=10.0, plain_http=True)

    def test_without_leave_it_is_spoken_with_this_machine_alone(self, start: t.Callable[..., Loopback]) -> None:
        proxy = start(None)
        options = TransportOptions(timeout=10.0, proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(NotSentError, match="only https is spoken"):
            HttpsTransport(options).send(request("http://ca.invalid/ocsp", None, "GET"))
        assert proxy.seen == []

    def test_a_proxy_gets_the_whole_url_and_its_password(self, start: t.Callable[..., Loopback]) -> None:
        proxy = start(None)
        proxy.answer(reply(b"signed"))
        options = dataclasses.replace(self.OPTIONS, proxy=f"http://someone:canary@127.0.0.1:{proxy.port}")
        answer = HttpsTransport(options).send(request("http://ca.invalid/a%2Fb?c", None, "GET"))
        assert answer.body == b"signed"
        (seen,) = proxy.seen
        assert (seen.verb, seen.path) == ("GET", "http://ca.invalid/a%2Fb?c")
        assert seen.headers["proxy-authorization"].startswith("Basic ")
        assert seen.headers["host"] == "ca.invalid"

    def test_the_proxy_of_the_environment(
        self, start: t.Callable[..., Loopback], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy = start(None)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        HttpsTransport(self.OPTIONS).send(request("http://ca.invalid/crl", None, "GET"))
        assert [seen.path for seen in proxy.seen] == ["http://ca.invalid/crl"]

    def test_this_machine_is_reached_without_a_proxy(
        self, start: t.Callable[..., Loopback], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy, here = start(None), start(None)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        HttpsTransport(self.OPTIONS).send(request(f"http://127.0.0.1:{here.port}/crl", b"raw", "POST"))
        assert [(seen.path, seen.body) for seen in here.seen] == [("/crl", b"raw")]
        assert proxy.seen == []

    def test_an_answer_may_be_larger_where_the_options_say_so(self, start: t.Callable[..., Loopback]) -> None:
        server = start(None)
        server.answer(reply(b"x" * (MAX_ANSWER_BYTES + 9)))
        options = dataclasses.replace(self.OPTIONS, largest=MAX_ANSWER_BYTES + 9)
        url = f"http://127.0.0.1:{server.port}/crl"
        assert len(HttpsTransport(options).send(request(url, None, "GET")).body) == MAX_ANSWER_BYTES + 9
        with pytest.raises(AnswerInvalidError, match="larger than"):
            HttpsTransport(self.OPTIONS).send(request(url, None, "GET"))
