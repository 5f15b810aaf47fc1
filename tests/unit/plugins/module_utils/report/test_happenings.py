# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which events a person is told of, and how they are called."""

from __future__ import annotations

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.happenings import happening_of
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.words import HAPPENED
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Event


def event(was: str | None, state: str, revision: int = 1, why: str | None = None) -> Event:
    return Event(
        "svc", 7, "2026-06-01T00:00:00.000001Z", "www", revision, 1, was, state, "host", 1, None, "ana", why, None, None
    )


@pytest.mark.parametrize(
    ("was", "state", "revision", "why", "what"),
    [
        (None, "intended", 1, "not in the store", ""),
        ("intended", "requested", 1, None, ""),
        ("requested", "signing", 1, None, ""),
        ("signing", "issued", 1, None, ""),
        ("issued", "finalized", 1, "revision 1 was uploaded", "issued"),
        ("issued", "finalized", 2, "revision 2 was uploaded", "renewed"),
        ("finalized", "superseded", 1, "revision 2 was uploaded", ""),
        (None, "finalized", 1, "adopted", "adopted"),
        ("signing", "rejected", 1, "no", "rejected"),
        ("intended", "create_unknown", 1, "the connection was lost", "unanswered"),
        ("intended", "abandoned", 1, "HTTP 500", "failed"),
        ("signing", "abandoned", 1, "abandoned by hand", "given_up"),
        ("create_unknown", "abandoned", 1, "accepted by hand", "given_up"),
        ("intended", "intended", 1, "HTTP 500", "failed"),
        ("signing", "signing", 1, "the CA did not answer", "failed"),
        ("signing", "signing", 1, None, ""),
        ("signing", "requested", 1, "the CA was not reached", "failed"),
        ("signing", "requested", 1, None, ""),
        ("issued", "issued", 1, "HTTP 503", "failed"),
        ("issued", "requested", 1, "the gate refused the certificate AB: no OU", "failed"),
        ("requested", "requested", 1, "the gate refused the certificate AB: no OU", "failed"),
        ("requested", "requested", 1, "approved by maria: fine; 1 of 2 given", "approved"),
        ("requested", "requested", 1, "waits for approval: 0 of 2 given", ""),
        ("finalized", "finalized", 1, "revoked (keyCompromise)", "revoked"),
        ("superseded", "superseded", 1, "revoked (keyCompromise)", "revoked"),
        ("finalized", "abandoned", 1, "revoked (keyCompromise); it is not renewed", "revoked"),
        (None, "pruned", 0, "removed all events", ""),
    ],
)
def test_an_event(was: str | None, state: str, revision: int, why: str | None, what: str) -> None:
    found = happening_of(event(was, state, revision, why))
    assert (found.what if found else "") == what
    if found is not None:
        assert (found.name, found.actor, found.why, found.at.year) == ("www", "ana", why or "", 2026)
        assert found.what in HAPPENED


@pytest.mark.parametrize("state", State, ids=str)
def test_no_state_is_unknown(state: State) -> None:
    assert happening_of(event("requested", str(state), why="words")) is None or State(state) in {
        State.FINALIZED,
        State.REJECTED,
        State.CREATE_UNKNOWN,
        State.ABANDONED,
    }
