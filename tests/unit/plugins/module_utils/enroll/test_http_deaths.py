# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that dies anywhere between the order and the certificate: the ledger of the CA shows one certificate."""

from __future__ import annotations

import base64
import itertools
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _fault_points
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import State
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    Dead,
    World,
    certificate,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Files,
    Loopback,
    Seen,
    reply,
    server_context,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.signers.rest_ca import (
    Script,
    said,
    signer,
)

pytestmark = pytest.mark.usefixtures("no_proxies")

ORDER = {"path": "/orders", "json": {"csr": "${csr_base64}", "id": "${request_id}"}}
# In each of these ways a CA can be asked without a second certificate.
WAYS: dict[str, dict[str, t.Any]] = {
    "it knows the id of a request": {"request": {**ORDER, "headers": {"Idempotency-Key": "${request_uuid}"}}},
    "it can be searched": {
        "request": {**ORDER, "headers": {"X-Forgets": "yes"}},
        "find": {"request": {"path": "/search?csr=${csr_base64}"}},
    },
    "it knows the id of a request, and gives a number": {
        "request": {**ORDER, "headers": {"Idempotency-Key": "${request_uuid}", "Prefer": "number"}},
        "answer": {"order_number": "/number"},
        "poll": {"request": {"path": "/orders/${order_number}"}},
    },
}


# Those of the store are others: a run that dies while it gives a lease back leaves it for a while.
STEPS = ("sign", "poll", "find")


class LedgerCa:
    """A CA that writes down each certificate that it issues, with the CSR that it was for."""

    def __init__(self, server: Loopback) -> None:
        self.issued: list[tuple[str, bytes]] = []
        self._by_key: dict[str, int] = {}
        Script(server, self._answer)

    def _answer(self, seen: Seen) -> bytes:
        if seen.path == "/orders":
            return self._order(seen)
        if seen.path.startswith("/orders/"):
            return reply(self.issued[int(seen.path.rpartition("/")[2])][1])
        found = [der for csr, der in self.issued if seen.path.endswith(csr.translate(_IN_A_URL))]
        return reply(found[0]) if found else said({}, "404 Not Found")

    def _order(self, seen: Seen) -> bytes:
        key = seen.headers.get("idempotency-key", "")
        if not key or key not in self._by_key:
            csr = json.loads(seen.body)["csr"]
            self._by_key[key] = len(self.issued)
            self.issued.append((csr, certificate(base64.b64decode(csr))))
        number = self._by_key[key]
        if seen.headers.get("prefer") == "number":
            return said({"number": number}, "202 Accepted")
        return reply(self.issued[number][1])


_IN_A_URL = {ord("+"): "%2B", ord("/"): "%2F", ord("="): "%3D"}


def dies(world: World) -> bool:
    """Have a request signed; return whether the run died. Its lease ends with it, once nothing holds its frames."""
    try:
        world.sign()
    except Dead:
        return True
    finally:
        world.fatal = None
    return False


@pytest.mark.parametrize("way", WAYS)
def test_the_ca_issues_once(
    files: Files, start: t.Callable[..., Loopback], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    server = start(server_context(files.server))
    for fatal in itertools.count(1):
        ca, world = LedgerCa(server), World(tmp_path / str(fatal) / "store.db")
        monkeypatch.setattr(
            _fault_points, "reach", lambda point, world=world: point.startswith(STEPS) and world.point()
        )
        assert world.request().error is None
        world.points, world.fatal = 0, fatal
        world.signer = t.cast("t.Any", signer(server, files.ca, **WAYS[way]))
        died = dies(world)
        if died:
            world.signer = t.cast("t.Any", signer(server, files.ca, **WAYS[way]))
            world.sign()
        pending = world.enrollment().pending
        world.close()
        assert pending is not None
        assert (pending.state, len(ca.issued)) == (State.ISSUED, 1), fatal
        assert pending.certificate == ca.issued[0][1]
        if not died:
            assert fatal > 8
            return


def test_without_any_of_these_the_second_certificate_is_told(
    files: Files, start: t.Callable[..., Loopback], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start(server_context(files.server))
    ca = LedgerCa(server)
    request = {"path": "/orders", "json": {"csr": "${csr_base64}"}}

    def die(point: str) -> None:
        if point == "sign received":
            raise Dead

    world.request()
    world.signer = t.cast("t.Any", signer(server, files.ca, request=request))
    with monkeypatch.context() as patch:
        patch.setattr(_fault_points, "reach", die)
        with pytest.raises(Dead):
            world.sign()
    outcome = world.sign()
    assert (outcome.error, len(ca.issued)) == (None, 2)
    assert "www, revision 1: the CA at https://127.0.0.1" in outcome.warnings[-1]
    assert "may have issued two certificates" in outcome.warnings[-1]


def test_a_ca_that_never_got_it_leaves_the_request_as_it_was(
    files: Files, start: t.Callable[..., Loopback], world: World
) -> None:
    server = start(server_context(files.server))
    world.request()
    world.signer = t.cast("t.Any", signer(server, files.ca))
    server.close()
    outcome = world.sign()
    assert "nothing was sent" in str(outcome.error)
    pending = world.enrollment().pending
    assert pending is not None
    assert pending.state is State.REQUESTED
