# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA with a REST interface on this machine, and a signer that asks it."""

from __future__ import annotations

import collections.abc as c
import datetime as dt
import json
import typing as t

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import SigningOrder
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.http_exchange import Clocks
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.http_settings import HttpSettings
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.http_signer import HttpSigner
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Connection,
    Loopback,
    Seen,
    reply,
)

SINCE = dt.datetime(2026, 11, 23, 10, 30, tzinfo=dt.timezone.utc)
ID = "5eed" * 16
DN = DistinguishedName((("c", "ES"), ("o", "A, B"), ("ou", "One"), ("ou", "Two"), ("cn", "Jos\u00e9 P\u00e9rez")))
REQUEST = {"path": "/sign", "json": {"csr": "${csr_pem}"}}

Answer = t.Union[bytes, c.Callable[[Seen], bytes]]  # noqa: UP007


def said(body: object = None, status: str = "200 OK", **headers: t.Any) -> bytes:
    """Return an answer with JSON."""
    return reply(json.dumps(body).encode(), status, Content_Type="application/json", **headers)


class Script:
    """Answers one after the other; ``None`` ends the connection without one. The last one is repeated."""

    def __init__(self, server: Loopback, *answers: Answer | None) -> None:
        self.server = server
        self._answers = list(answers)
        server.behaviour = self._play

    def _play(self, seen: Seen, connection: Connection) -> None:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            raise OSError("the script ends this connection")
        connection.sendall(answer(seen) if callable(answer) else answer)


def signer(server: Loopback, ca: str, *, clock: list[float] | None = None, **options: t.Any) -> HttpSigner:
    """Return a signer that asks a server, and sends each request once unless ``retry_timeout`` says otherwise.

    With ``clock`` time passes in pauses alone, which are collected there.
    """
    given = {"url": server.url("").rstrip("/"), "ca_path": ca, "request": REQUEST, "retry_timeout": 0, **options}
    return HttpSigner(HttpSettings.read("http", given), clocks=None if clock is None else pausing(clock))


def pausing(pauses: list[float]) -> Clocks:
    """Return clocks by which only pauses take time. The jitter is as long as it may be."""
    return Clocks(monotonic=lambda: sum(pauses), sleep=pauses.append, jitter=lambda _least, most: most)


def order(csr: bytes, **changes: t.Any) -> SigningOrder:
    """Return the order of a request."""
    names = ("DNS:www.example.com", "DNS:example.com", "email:j@example.com")
    facts: dict[str, t.Any] = {"request_id": ID, "name": "john doe", "revision": 3, "csr": csr, "dn": DN}
    return SigningOrder(**{**facts, "since": SINCE, "subject_alt_name": names, **changes})
