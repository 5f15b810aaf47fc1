# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a small fleet in which each status occurs."""

from __future__ import annotations

import datetime as dt
import hashlib
import typing as t

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store

DAY = dt.timedelta(days=1)
SERVICE = "redtrust.example.com"
OTHER = "test"


def row(name: str, state: State, revision: int = 1, *, service: str = SERVICE, **fields: t.Any) -> Revision:
    """Return a revision that is not stored yet."""
    dn = DistinguishedName((("cn", name), ("o", "Example SL"), ("c", "ES")))
    spec = CertificateSpec(name, dn, fields.pop("provider", "CA_DEMO"))
    return Revision(service, name, revision, 1, state, spec, **fields)


def in_use(name: str, now: dt.datetime, days: float, *, life: float = 365, **fields: t.Any) -> Revision:
    """Return the certificate in use that ends in so many days."""
    end = now + days * DAY
    dates = {"not_valid_before": end - life * DAY, "not_valid_after": end}
    thumbprint = hashlib.sha1(name.encode()).hexdigest().upper()
    return row(name, State.FINALIZED, **{"thumbprint": thumbprint, **dates, **fields})


def fleet(now: dt.datetime) -> list[Revision]:
    """Return the revisions of the fleet, as of a time."""
    return [
        in_use("over", now, -3),
        in_use("was-revoked", now, 200, revoked_at=now - DAY),
        row("lost", State.CREATE_UNKNOWN),
        row("rejected", State.REJECTED, note="the CA does not know the organization"),
        row("to-approve", State.REQUESTED, approvals_needed=2, csr=b"csr"),
        in_use("fails", now, 20),
        row("fails", State.SIGNING, 2, failures=3, note="the CA did not answer within 30 s", retry_at=now + DAY),
        in_use("waits-too-long", now, 2),
        row("waits-too-long", State.SIGNING, 2),
        row("waits", State.SIGNING),
        in_use("soon", now, 10),
        in_use("short-lived", now, 5, life=7),
        *(in_use(f"server-{number:02d}", now, 40 + 10 * number) for number in range(20)),
        in_use("on-another", now, 100, service=OTHER, provider="CA_LEGACY"),
        row("given-up", State.ABANDONED, service=OTHER),
    ]


def fill(store: Store, rows: t.Iterable[Revision]) -> None:
    """Write revisions into a store, one after the other."""
    for one in rows:
        store.put(one)
