# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for secrets in the output and files of a module, after a crash and when a server repeats them."""

from __future__ import annotations

import base64
import collections.abc as c
import functools
import html
import itertools
import json
import re
import shutil
import socket
import typing as t
import urllib.parse
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Authority,
    Connection,
    Loopback,
    Seen,
    reply,
    server_context,
)

from .canaries import MARK, Finding, Search
from .driver import ONE_PASS, Fault, Launcher, Ran, Site, modules_of, wanted
from .guarded import GIVEN, PARTNER_KEY, WRITTEN, Guarded

if t.TYPE_CHECKING:
    from .conftest import GetGuarded

# Without the forms of secrets there are no masks, so the search must find the repeated secret.
UNMASKED = {"_secrets._SHORTEST_FORM": 1_000_000}
# A fast key derivation.
QUICK = {"_session.kept._KEY_ITERATIONS": 1}

ENCODINGS: dict[str, c.Callable[[str], str]] = {
    "raw": str,
    "JSON": json.dumps,
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False),
    "Python": repr,
    "URL": functools.partial(urllib.parse.quote, safe=""),
    "form": urllib.parse.quote_plus,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 within": lambda text: base64.b64encode(f"-{text}-".encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "HTML": html.escape,
}


def envelope(**fields: t.Any) -> bytes:
    return json.dumps({"message": "", "messageType": "ERROR", "errorCode": "X", "data": None, **fields}).encode()


def granted(data: t.Any) -> bytes:
    return reply(envelope(messageType="SUCCESS", errorCode="OK", data=data))


def on_one_line(texts: c.Iterable[str]) -> str:
    """Return the texts in the form that the head of an answer can hold."""
    return " ".join(texts).encode().decode("latin-1")


# Places beside the message of a refusal: each takes the encoded secrets and returns an answer with them.
PLACES: dict[str, c.Callable[[list[str]], bytes]] = {
    "message that is cut": lambda texts: reply(envelope(message="x" * 485 + texts[0]), "400 Bad Request"),
    "page": lambda texts: reply(f"<html>{texts}</html>".encode(), "500 Oh no", Content_Type="text/html"),
    "names of members": lambda texts: granted(dict.fromkeys(texts, 1)),
    "date": lambda texts: granted({"accessToken": "a", "refreshToken": "r", "expiration": texts[0]}),
    "number of the certificate": lambda texts: granted({"idCertificate": texts[0], "thumbprint": None}),
    "thumbprint": lambda texts: granted({"idCertificate": 1, "thumbprint": texts[0]}),
    "status": lambda texts: f"HTTP/1.1 {on_one_line(texts)}\r\n\r\n".encode("latin-1"),
    "reason": lambda texts: f"HTTP/1.1 400 {on_one_line(texts)}\r\nContent-Length: 0\r\n\r\n".encode("latin-1"),
    "length": lambda texts: f"HTTP/1.1 200 OK\r\nContent-Length: {on_one_line(texts)}\r\n\r\n{{}}".encode("latin-1"),
    "chunk": lambda texts: (
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{on_one_line(texts)}\r\n{{}}\r\n0\r\n\r\n".encode(
            "latin-1"
        )
    ),
    "dates of the head": lambda texts: (
        f"HTTP/1.1 503 No\r\nRetry-After: {on_one_line(texts)}\r\nDate: {on_one_line(texts)}\r\n"
        "Content-Length: 0\r\n\r\n".encode("latin-1")
    ),
    "path of a redirect": lambda texts: (
        f"HTTP/1.1 302 Go\r\nLocation: /{urllib.parse.quote(texts[0], safe='')}\r\nContent-Length: 0\r\n\r\n".encode()
    ),
    "host of a redirect": lambda texts: (
        f"HTTP/1.1 302 Go\r\nLocation: https://{on_one_line(texts[:1])}/\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    ),
}
ONLY_FINALIZE = ("number of the certificate", "thumbprint")


class Stage:
    """A server that repeats secrets, a module that talks to it, and a place for the module's files."""

    def __init__(self, directory: Path, launcher: Launcher, guarded: Guarded, local_ca: dict[str, str]) -> None:
        authority = Authority(directory, "repeating")
        self.server = Loopback(server_context(authority.issue("127.0.0.1")))
        # the client sends such a password in Latin-1, which has no sign for the euro
        self.proxy_password = GIVEN["proxy_password"].replace("\u20ac", "")
        secrets: dict[str, str | bytes] = {"partner key": PARTNER_KEY, "proxy": self.proxy_password}
        self._directory = directory
        self._launcher = launcher
        self._guarded = guarded
        self._count = 0
        self._options = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "api_version": "4.42",
            "ca_path": authority.path,
            "retry_timeout": 0,
            "timeout": 5,
            "service": "svc",
            "partner": "CA_DEMO",
            "partner_secret": WRITTEN["text"],
        }
        self._signing = {"signer": "local_ca", "local_ca": local_ca}
        self._issued = directory / "issued"
        self._issue(local_ca)
        self._search = Search({**secrets, **guarded.secrets()})

    def _issue(self, local_ca: dict[str, str]) -> None:
        """Sign a certificate for a request of a real server, in the store that each step starts with."""
        site = Site(self._guarded.appliance, self._issued, self._launcher, local_ca, service="svc")
        site.with_access_token()
        assert not site.step("redtrust_csr", ["signed"]).status
        assert not site.step("redtrust_sign", ["signed"], local_ca={"validity": "20d", **local_ca}).status
        self._code = site.appliance.one("SELECT request_code FROM keys ORDER BY at DESC LIMIT 1")

    def sent(self, step: str) -> dict[str, str]:
        """Return the secrets that a step sends, or that server and client share."""
        asked = {"access_token": GIVEN["access_token"], "request_code": GIVEN["request_code"]}
        return {
            "login": {"password": GIVEN["password"], "partner_secret": WRITTEN["text"]},
            "exchange": {"temporal_token": GIVEN["temporal_token"]},
            "create": asked,
            "finalize": {"access_token": GIVEN["access_token"], "stored code": self._code},
            "one pass": asked,
        }[step]

    def look(
        self,
        step: str,
        answer: bytes,
        *,
        patches: c.Mapping[str, t.Any] | None = None,
        environment: c.Mapping[str, str] | None = None,
        **more: t.Any,
    ) -> tuple[Ran, list[Finding]]:
        """Run the module of the step with this answer; return its outcome, and the secrets that it left."""
        self._count += 1
        place = self._directory / str(self._count)
        shutil.copytree(self._issued / "state", place / "state")

        def behave(seen: Seen, connection: Connection) -> None:
            connection.sendall(answer if seen.path.count("/") > 2 else reply(b"<p>", "404 Not Found"))
            connection.shutdown(socket.SHUT_RDWR)

        self.server.behaviour = behave
        module, options = self._asked(step)
        own = {"store_path": str(place / "state" / "store.sqlite3"), "session_path": str(place / "session" / "kept")}
        given = {**self._options, **own, **options, **more}
        ran = self._launcher.start(module, given, environment, {**QUICK, **(patches or {})}).wait()
        return ran, look(self._search, ran, place)

    def _asked(self, step: str) -> tuple[str, dict[str, t.Any]]:
        """Return the module that does a step, and its options."""
        token = {"access_token": GIVEN["access_token"]}
        asks = {**wanted("new"), "request_code": GIVEN["request_code"]}
        asked: dict[str, tuple[str, dict[str, t.Any]]] = {
            "login": ("redtrust_token", {"username": "demo", "password": GIVEN["password"]}),
            "exchange": ("redtrust_token", {"temporal_token": GIVEN["temporal_token"]}),
            "create": (
                "redtrust_csr",
                {**token, "certificates": [asks]},
            ),
            "finalize": ("redtrust_finalize", {**token, "certificates": [{"name": "signed"}]}),
            "one pass": (ONE_PASS, {**token, "certificates": [asks], **self._signing}),
        }
        return asked[step]


def look(search: Search, ran: Ran, place: Path) -> list[Finding]:
    """Return the secrets in the output of a run, and in the files of its place."""
    printed = [*search.look("stdout", ran.stdout.encode()), *search.look("stderr", ran.stderr.encode())]
    return [*printed, *search.look_in(place)]


@pytest.fixture(scope="module")
def stage(
    launcher: Launcher, guarded: GetGuarded, local_ca: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> t.Iterator[Stage]:
    one = Stage(tmp_path_factory.mktemp("stage"), launcher, guarded("4.42"), local_ca)
    yield one
    one.server.close()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("step", ["login", "exchange", "create", "finalize", "one pass"])
def test_nothing_that_a_refusal_repeats_is_shown_or_kept(stage: Stage, step: str, encoding: str) -> None:
    encoded = " and ".join(ENCODINGS[encoding](secret) for secret in stage.sent(step).values())
    answer = reply(envelope(message=f"no such thing: {encoded}!", errorCode=encoded), "400 Bad Request")
    ran, found = stage.look(step, answer)
    assert "no such thing: " in ran.stdout
    assert found == []
    if encoding != "raw":
        _ran, shown = stage.look(step, answer, patches=UNMASKED)
        assert shown != [], "the test could not have failed"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("step", ["login", "create"])
def test_nothing_that_an_answer_repeats_elsewhere_is_shown_or_kept(stage: Stage, step: str, place: str) -> None:
    step = "finalize" if place in ONLY_FINALIZE else step
    for secret in stage.sent(step).values():
        for encoding in ("raw", "JSON", "base64 within"):
            ran, found = stage.look(step, PLACES[place]([ENCODINGS[encoding](secret)]))
            assert found == [], ran


@pytest.mark.parametrize(
    ("place", "step", "option"), [("date", "login", "password"), ("names of members", "create", "access_token")]
)
def test_nothing_short_that_an_answer_repeats_is_shown(stage: Stage, place: str, step: str, option: str) -> None:
    """A long text is not shown at all there."""
    secret = f"{MARK}-S/h"
    given: dict[str, t.Any] = {option: secret}
    ran, found = stage.look(step, PLACES[place]([secret]), **given)
    assert "****" in ran.stdout
    assert found == []


@pytest.mark.parametrize("written", WRITTEN)
def test_the_key_of_a_partner_is_hidden_however_it_is_written(stage: Stage, written: str) -> None:
    options: dict[str, t.Any] = {"partner_secret": WRITTEN[written], "partner_secret_encoding": written}
    for repeated in (PARTNER_KEY.decode(), PARTNER_KEY.hex(), PARTNER_KEY.hex().upper(), WRITTEN["base64"]):
        ran, found = stage.look("login", reply(envelope(message=f"wrong: {repeated}"), "401 No"), **options)
        assert "wrong: ****" in ran.stdout
        assert found == []


def test_what_a_proxy_repeats_is_hidden(stage: Stage) -> None:
    proxy = Loopback(None)

    def repeat(seen: Seen, connection: Connection) -> None:
        given = seen.headers["proxy-authorization"]
        password = base64.b64decode(given.split()[1])
        connection.sendall(b"HTTP/1.1 407 " + given.encode() + b" " + password + b"\r\nContent-Length: 0\r\n\r\n")

    proxy.behaviour = repeat
    password = urllib.parse.quote(stage.proxy_password, safe="")
    try:
        address = f"http://someone:{password}@127.0.0.1:{proxy.port}"
        for variable in ("HTTPS_PROXY", None):
            given: dict[str, t.Any] = {} if variable else {"proxy": address}
            ran, found = stage.look("login", reply(), environment={variable: address} if variable else None, **given)
            assert proxy.seen.pop().verb == "CONNECT"
            assert "407" in ran.stdout
            assert found == []
    finally:
        proxy.close()


# -- crashes ----------------------------------------------------------------------------------------------------------


def guarded_site(server: Guarded, directory: Path, launcher: Launcher, sealed_ca: dict[str, str]) -> Site:
    """Return a place that gives its modules canaries for all secrets."""
    local_ca = {**sealed_ca, "passphrase": GIVEN["passphrase"]}
    key = {"partner_secret": WRITTEN["hex"], "partner_secret_encoding": "hex"}
    return Site(server.appliance, directory, launcher, local_ca, None, **key).with_login()


@pytest.mark.parametrize(
    ("first", "kept", "points"),
    [
        ("redtrust_csr", "in a file", ""),
        (ONE_PASS, "in a file", "received|put|sign|file"),
        (ONE_PASS, "in the store", "session|login"),
    ],
)
def test_no_crash_shows_or_leaves_a_secret(
    guarded: GetGuarded,
    launcher: Launcher,
    sealed_ca: dict[str, str],
    tmp_path: Path,
    first: str,
    kept: str,
    points: str,
) -> None:
    """Try every fault point that the modules reach, each with an exception and with SIGKILL."""
    server = guarded("4.42")
    more = {} if kept == "in a file" else {"session_key": GIVEN["session_key"], "session_path": None}
    start = server.mark()
    cells = traced(guarded_site(server, tmp_path / "traced", launcher, sealed_ca), tmp_path, first, more)
    known = server.secrets(since=start)
    chosen = [(module, point) for module, point in cells if re.search(points, point)]
    assert len(chosen) > 5
    problems: list[object] = []
    for (module, point), do in itertools.product(chosen, ("raise", "kill")):
        place, mark = tmp_path / f"{module} {point} {do}", server.mark()
        shutil.copytree(tmp_path / f"before {module}", place)
        ran = guarded_site(server, place, launcher, sealed_ca).step(module, ["one"], Fault(point, do), **more)
        assert ran.status, f"{module} survived {do} at {point}"
        found = look(Search({**known, **server.secrets(since=mark)}), ran, place)
        problems += [(module, point, do, one) for one in found]
    assert problems == []


def traced(site: Site, directory: Path, first: str, options: dict[str, t.Any]) -> list[tuple[str, str]]:
    """Issue a certificate; return each module with each point that it reaches. Copy the place before each module."""
    reached: list[tuple[str, str]] = []
    for module in modules_of(first):
        shutil.copytree(site.certificates.parent, directory / f"before {module}")
        trace = directory / f"trace of {module}"
        assert not site.step(module, ["one"], Fault(trace=str(trace)), **options).status
        reached += [(module, point) for point in trace.read_text(encoding="utf-8").split("\n")[:-1]]
    return list(dict.fromkeys(reached))
