# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settling by hand, on a real store."""

from __future__ import annotations

import datetime as dt
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import SettleItem, SettleStep
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import PolicyError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Outcome,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.told import predict, run

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA")


def row(state: State, revision: int = 1, attempt: int = 1, **fields: t.Any) -> Revision:
    return Revision("svc", "www", revision, attempt, state, SPEC, **fields)


@pytest.fixture
def store(tmp_path: Path) -> t.Iterator[SqliteStore]:
    with SqliteStore(str(tmp_path / "state" / "store.db")) as one:
        yield one


class Settle:
    """Settle the one enrollment of a store."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store

    def __call__(
        self,
        state: t.Literal["abandoned", "accepted"],
        *,
        comment: str | None = "M. Roe looked",
        force: bool = False,
    ) -> Outcome:
        step = SettleStep(self.store, state, comment=comment, force=force)
        predicted = predict(step, [SettleItem("www")], self.store)
        (outcome,) = run(step, [SettleItem("www")], self.store)
        for one in predicted if outcome.error is None else []:
            assert (one.action, one.reason, one.after) == (outcome.action, outcome.reason, outcome.after)
        return outcome

    def states(self) -> list[str]:
        return [str(revision.state) for revision in self.store.enrollment("svc", "www").revisions]


@pytest.fixture
def settle(store: SqliteStore) -> Settle:
    return Settle(store)


@pytest.mark.parametrize("state", [State.REQUESTED, State.SIGNING, State.ISSUED, State.REJECTED])
def test_abandon(settle: Settle, state: State) -> None:
    settle.store.put(row(State.FINALIZED), row(state, 2, csr=b"csr", note="no luck", failures=3, retry_at=NOW))
    outcome = settle("abandoned")
    assert (outcome.action, outcome.reason, outcome.changed) == ("abandon", f"it was {state}", True)
    last = settle.store.enrollment("svc", "www").revisions[-1]
    assert last.note == f"abandoned by hand; M. Roe looked; it was {state}; no luck"
    assert (last.state, last.failures, last.retry_at) == (State.ABANDONED, 0, None)
    again = settle("abandoned")
    assert (again.action, again.reason, again.changed) == ("none", "nothing is on its way", False)
    assert again.revision == settle.store.enrollment("svc", "www").current
    assert settle.states() == ["finalized", "abandoned"]


def test_an_abandoned_intent_stays_counted(settle: Settle) -> None:
    settle.store.put(row(State.INTENDED))
    assert settle("abandoned").action == "abandon"
    assert settle.store.enrollment("svc", "www").unknown_creates == 1


def test_what_may_be_in_use_is_abandoned_with_force_only(settle: Settle) -> None:
    settle.store.put(row(State.ISSUED, upload_started=True, thumbprint="AB"))
    refused = settle("abandoned")
    assert isinstance(refused.error, PolicyError)
    assert "AB was uploaded without an answer" in str(refused.error)
    assert settle.states() == ["issued"]
    assert settle("abandoned", force=True).changed
    assert settle.states() == ["abandoned"]


def test_accept_lost_keys(settle: Settle) -> None:
    settle.store.put(row(State.CREATE_UNKNOWN), row(State.CREATE_UNKNOWN, 1, 2), row(State.FINALIZED, 1, 3))
    outcome = settle("accepted")
    assert (outcome.action, outcome.reason) == ("accept", "unanswered requests for a key pair: 2")
    assert settle.store.enrollment("svc", "www").unknown_creates == 0
    assert settle.states() == ["abandoned", "abandoned", "finalized"]
    assert settle("accepted").reason == "no outcome is unknown"


def test_accept_an_upload(settle: Settle) -> None:
    uploaded = row(State.ISSUED, 2, upload_started=True, request_code="canary", thumbprint="AB")
    settle.store.put(row(State.FINALIZED), row(State.CREATE_UNKNOWN, 2, 0), uploaded)
    outcome = settle("accepted")
    assert outcome.reason == "unanswered requests for a key pair: 1; an upload without an answer"
    assert settle.states() == ["superseded", "abandoned", "finalized"]
    current = settle.store.enrollment("svc", "www").current
    assert current is not None
    assert (current.thumbprint, current.request_code) == ("AB", None)
    assert outcome.in_use == current


def test_accept_the_upload_of_a_first_certificate(settle: Settle) -> None:
    settle.store.put(row(State.ISSUED, upload_started=True))
    assert settle("accepted", comment=None).action == "accept"
    current = settle.store.enrollment("svc", "www").current
    assert current is not None
    assert current.note == "accepted by hand; it was issued"


def test_what_is_only_signed_has_no_outcome_to_accept(settle: Settle) -> None:
    settle.store.put(row(State.FINALIZED), row(State.ISSUED, 2))
    outcome = settle("accepted")
    assert (outcome.action, outcome.reason) == ("none", "no outcome is unknown")
    assert outcome.revision == settle.store.enrollment("svc", "www").pending
    assert settle.states() == ["finalized", "issued"]


@pytest.mark.parametrize("state", ["abandoned", "accepted"])
def test_an_unknown_name_is_a_mistake(settle: Settle, state: t.Literal["abandoned", "accepted"]) -> None:
    assert "does not know this name" in str(settle(state).error)
