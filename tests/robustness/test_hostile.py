# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile answers at every endpoint of both generations, through the real client, over real TLS.

Every answer ends in a usable result or in an error of our own, within the limits in bytes and time, and without a
secret that the answer repeats. CERTIFICATE_ENROLL_HOSTILE_ANSWERS is the number of answers in all. Without it, there
are 2000 answers, the same in each run. With it, they differ, and Hypothesis prints how to repeat a failure.
"""

from __future__ import annotations

import collections.abc as c
import itertools
import json
import os
import re
import traceback
import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import RedtrustError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http import connection as _connection
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.options import (
    MAX_ANSWER_BYTES,
    TransportOptions,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.retry import Retry
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    MAX_HEAD_BYTES,
    READ_AHEAD,
    HttpsTransport,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Finalized,
    Request,
    Tokens,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._secrets import Secrets
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.api import Address, Calls, Client
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.contract import CONTRACTS
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.signing import Partner
from ansible_collections.redtrust.certificate_enroll.tests.robustness import hostile
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Authority,
    Connection,
    Loopback,
    Seen,
    server_context,
)

ASKED_FOR = os.environ.get("CERTIFICATE_ENROLL_HOSTILE_ANSWERS")
TOKENS = Tokens(hostile.ACCESS_TOKEN, hostile.REFRESH_TOKEN)
SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA_DEMO", request_code=hostile.REQUEST_CODE)
PARTNER = Partner.from_options("ca_demo", "demo-secret", "text")
LIMIT = MAX_ANSWER_BYTES + 2 * MAX_HEAD_BYTES + 2 * READ_AHEAD
VENDOR_CSR = (Path(__file__).parents[1] / "unit/plugins/module_utils/data/vendor-csr.b64").read_text().strip()

# The secrets that each step sends.
SENT = {
    "login": [hostile.PASSWORD],
    "exchange": [hostile.TEMPORAL_TOKEN],
    "refresh": [hostile.ACCESS_TOKEN, hostile.REFRESH_TOKEN],
    "logout": [hostile.ACCESS_TOKEN],
    "create": [hostile.ACCESS_TOKEN, hostile.REQUEST_CODE],
    "renew": [hostile.ACCESS_TOKEN, hostile.REQUEST_CODE],
    "finalize": [hostile.ACCESS_TOKEN, hostile.REQUEST_CODE],
}
CALLS: dict[str, c.Callable[[Client], object]] = {
    "login": lambda client: client.login("user", hostile.PASSWORD, "local.users"),
    "exchange": lambda client: client.exchange(hostile.TEMPORAL_TOKEN),
    "refresh": lambda client: client.refresh(TOKENS),
    "logout": lambda client: client.logout(TOKENS),
    "create": lambda client: client.create(TOKENS, SPEC),
    "renew": lambda client: client.create(TOKENS, SPEC, "A" * 40),
    "finalize": lambda client: client.finalize(TOKENS, hostile.REQUEST_CODE, "CA_DEMO", "AAAA"),
}
ENDPOINTS = [
    (version, step)
    for version in CONTRACTS
    for step in CALLS
    if step != "login" or CONTRACTS[version].login is not None
]
ANSWERS = max(int(ASKED_FOR or 2000) // len(ENDPOINTS), 1)


class World:
    """A hostile server, two others to which it redirects, and a client that keeps its connections."""

    def __init__(self, folder: Path) -> None:
        ours = Authority(folder, "ours")
        certificate = ours.issue("127.0.0.1")
        self.right = hostile.right_answers(VENDOR_CSR, _base64_of(certificate))
        self._ca = ours.path
        self.server = Loopback(server_context(certificate))
        self.baits = [Loopback(server_context(certificate)), Loopback(None)]
        self.numbers = itertools.count(10_000_000)
        self.most = 0
        self._clock = itertools.count()
        self.forget()

    def forget(self) -> None:
        """Drop all connections and all known secrets."""
        self._secrets = Secrets()
        self._patient = self._transport(timeout=60.0)
        self._brief = self._transport(timeout=0.05)

    def close(self) -> None:
        for server in (self.server, *self.baits):
            server.close()

    def play(self, answer: hostile.Answer) -> int:
        """Make the server send this answer, and return the number in it."""
        number = next(self.numbers)
        bait = self.baits[number % 2]
        content = answer.content.replace(hostile.NUMBER.encode(), str(number).encode())
        content = content.replace(hostile.BAIT.encode(), f"127.0.0.1:{bait.port}".encode())

        def behaviour(_seen: Seen, connection: Connection) -> None:
            connection.sendall(content)
            if answer.end == "stall":
                connection.recv(1)  # until the client gives up
            while answer.end == "trickle":
                connection.sendall(b" ")
            if answer.end != "keep":
                raise ConnectionAbortedError

        self.server.behaviour = behaviour
        return number

    def client(self, version: str, answer: hostile.Answer) -> Client:
        """Return a client that sends once. For a trickle, each reading of its clock is a second later."""
        transport = self._brief if answer.end == "stall" else self._patient
        if answer.end == "trickle":
            transport = self._transport(timeout=60.0, clock=lambda: float(next(self._clock)))
        address = Address("127.0.0.1", self.server.port, self.server.port)
        calls = Calls(address, transport, partner=PARTNER, retry=Retry(deadline=0.0), secrets=self._secrets)
        return Client(CONTRACTS[version], calls)

    def _transport(self, timeout: float, **more: t.Any) -> HttpsTransport:
        return HttpsTransport(TransportOptions(ca_path=self._ca, timeout=timeout), hide=self._secrets.hide, **more)


def _base64_of(path: str) -> str:
    body = re.search(r"BEGIN CERTIFICATE-----(.*?)-----END", Path(path).read_text(), re.DOTALL)
    assert body is not None
    return "".join(body[1].split())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
            patch.delenv(name, raising=False)
        one = World(tmp_path_factory.mktemp("hostile"))
        begin, count = _connection.Bounds.begin, _connection.Bounds.count
        read = 0

        def beginning(self: _connection.Bounds, step: str, deadline: float, allowance: int) -> None:
            nonlocal read
            read = 0
            begin(self, step, deadline, allowance)

        def counting(self: _connection.Bounds, size: int) -> None:
            nonlocal read
            read += size
            one.most = max(one.most, read)
            count(self, size)

        patch.setattr(_connection.Bounds, "begin", beginning)
        patch.setattr(_connection.Bounds, "count", counting)
        yield one
        one.close()


@pytest.mark.parametrize(("version", "step"), ENDPOINTS)
def test_answers(world: World, record_property: c.Callable[[str, object], None], version: str, step: str) -> None:
    """Try as many answers as each endpoint gets."""
    world.forget()
    tried = 0

    @settings(
        max_examples=ANSWERS,
        derandomize=ASKED_FOR is None,
        database=None,
        deadline=None,
        print_blob=True,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.deferred(lambda: hostile.answers(world.right[step])))
    def one_of_them(answer: hostile.Answer) -> None:
        nonlocal tried
        tried += 1
        number = world.play(answer)
        try:
            result = CALLS[step](world.client(version, answer))
        except RedtrustError as exc:
            can_be_shown(exc, SENT[step])
        else:
            can_be_used(result, number)
        assert world.most <= LIMIT

    one_of_them()
    record_property("hostile answers", tried)
    assert [server.connections for server in world.baits] == [0, 0]


def can_be_shown(error: RedtrustError, secrets: t.Iterable[str]) -> None:
    """Check the texts that the operator sees, and the traceback."""
    said = [str(error), json.dumps(error.details(), ensure_ascii=False)]
    assert all(part.isprintable() for part in said), said
    assert all(len(part) < 2500 for part in said), said
    shown = "".join([*said, *traceback.format_exception(error)])
    assert not [form for secret in secrets for form in hostile.forms(secret) if form in shown], shown


def can_be_used(result: object, number: int) -> None:
    """Check that a result does no harm in a header, in the store, or on a terminal."""
    if isinstance(result, Tokens):
        assert re.fullmatch(r"[!-~]+", result.access_token)
        assert result.refresh_token is None or result.refresh_token.isprintable()
    elif isinstance(result, Request):
        assert result.request_code.isprintable()
        assert x509.load_der_x509_csr(result.csr)
        if result.request_code.startswith("code-"):
            assert result.request_code == f"code-{number}"  # and not the one of an earlier answer
    elif isinstance(result, Finalized):
        told = f"{result.certificate_id} {result.thumbprint}"
        assert told.isprintable()
        assert len(told) < 600
    else:
        assert result is None
