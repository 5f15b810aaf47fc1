# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The problems that need a person, state by state."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.attention import attention
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    Revision,
    State,
)

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
HOUR = dt.timedelta(hours=1)
SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA")
SINCE: dict[str, t.Any] = {"created_at": NOW - HOUR, "updated_at": NOW - HOUR}


def row(state: State, revision: int = 1, attempt: int = 1, **fields: t.Any) -> Revision:
    return Revision("svc", "www", revision, attempt, state, SPEC, **{**SINCE, **fields})


def current(**fields: t.Any) -> Revision:
    return row(State.FINALIZED, **{"not_valid_after": NOW + HOUR, **fields})


@pytest.mark.parametrize(
    ("rows", "kinds", "words"),
    [
        ((), [], ""),
        ((current(),), [], ""),
        ((row(State.SUPERSEDED), current(revision=2)), [], ""),
        ((row(State.ABANDONED),), [], ""),
        ((current(not_valid_after=NOW),), ["expired"], "ended at 2026-06-01T00:00:00Z; redtrust_renew"),
        ((row(State.INTENDED),), ["interrupted"], "ended before the answer was written down"),
        ((row(State.REQUESTED),), ["waiting"], "not signed; redtrust_sign, or hand the CSR"),
        ((row(State.SIGNING),), ["waiting"], "at the signer; run redtrust_sign again"),
        ((row(State.ISSUED),), ["waiting"], "not uploaded; run redtrust_finalize"),
        (
            (row(State.ISSUED, upload_started=True, thumbprint="AB"),),
            ["upload_unknown"],
            "certificate AB; state=accepted",
        ),
        (
            (row(State.REQUESTED, certificate=b"c", failures=1, note="the gate refused the certificate AB: no OU"),),
            ["certificate_refused"],
            "certificate AB: no OU; the request is still good; the next run has the same request signed again",
        ),
        (
            (row(State.REQUESTED, certificate=b"c", failures=2, note="no OU", retry_at=NOW + HOUR),),
            ["certificate_refused"],
            "no OU; signed again from 2026-06-01 01:00 UTC on, or at once when redtrust_csr or",
        ),
        ((row(State.SIGNING, certificate=b"c", failures=2),), ["waiting"], "at the signer"),
        (
            (row(State.SIGNING, certificate=b"c", failures=2, note="no"),),
            ["backing_off"],
            "failed 2 times in a row (no)",
        ),
        ((row(State.ISSUED, certificate=b"d", failures=2),), ["waiting"], "not uploaded; run redtrust_finalize"),
        (
            (row(State.ISSUED, certificate=b"d", not_valid_before=NOW + HOUR),),
            ["waiting"],
            "not valid before 2026-06-01T01:00:00Z; run redtrust_finalize after that; with force",
        ),
        (
            (row(State.ISSUED, upload_started=True, thumbprint="AB", note="HTTP 503"),),
            ["upload_unknown"],
            "it is not known whether the certificate AB is in use at the service: HTTP 503; into finalized_codes",
        ),
        (
            (row(State.ISSUED, upload_started=True, failures=2, retry_at=NOW + HOUR, note="HTTP 503"),),
            ["upload_unknown"],
            "HTTP 503; nothing is tried before 2026-06-01T01:00:00Z; then run redtrust_finalize again",
        ),
        (
            (row(State.ISSUED, note="HTTP 429"),),
            ["waiting"],
            "not uploaded; the last attempt failed (HTTP 429); run redtrust_finalize",
        ),
        ((row(State.REJECTED, note="policy 7"),), ["rejected"], "rejected it (policy 7); state=abandoned"),
        ((current(), row(State.REJECTED, 2)), ["rejected"], "it gave no reason"),
        (
            (row(State.CREATE_UNKNOWN), row(State.CREATE_UNKNOWN, 1, 2), current(attempt=3)),
            ["create_unknown"],
            "had no answer: 2 (begun 2026-05-31T23:00:00Z, 2026-05-31T23:00:00Z); state=accepted",
        ),
        (
            (row(State.CREATE_UNKNOWN), row(State.SIGNING, 1, 2, failures=1, note="no luck")),
            ["create_unknown", "backing_off"],
            "it failed once (no luck); the next run tries again; mend the cause, then run again",
        ),
        (
            (row(State.ABANDONED, failures=2, retry_at=NOW + HOUR, note="no luck"),),
            ["backing_off"],
            "2 times in a row (no luck); nothing is tried before 2026-06-01T01:00:00Z; with force",
        ),
        ((row(State.ISSUED, failures=2, retry_at=NOW, note="no"),), ["backing_off"], "the next run tries again"),
    ],
)
def test_what_is_to_be_looked_at(rows: tuple[Revision, ...], kinds: list[str], words: str) -> None:
    found = attention(Enrollment("svc", "www", rows), NOW)
    assert [one.kind for one in found] == kinds
    text = "; ".join(f"{one.problem}; {one.next_step}" for one in found)
    for part in words.split("; "):
        assert part in text
    assert all(one.since == (NOW if one.kind == "expired" else NOW - HOUR) for one in found)


# The rows, and the whole of the problem.
WHOLE = [
    (row(State.REQUESTED, note="the signer has no file for it"), "it is requested and not signed"),
    (row(State.ISSUED), "it is signed and not uploaded"),
    (row(State.ISSUED, not_valid_before=NOW), "it is signed and not uploaded"),
    (row(State.ISSUED, note="HTTP 429"), "it is signed and not uploaded; the last attempt failed (HTTP 429)"),
    (
        row(State.CREATE_UNKNOWN, created_at=None),
        (
            "requests for a key pair that had no answer: 1 (begun at an unknown time); as many keys may lie unused at "
            "the service"
        ),
    ),
]


@pytest.mark.parametrize(("revision", "problem"), WHOLE)
def test_nothing_more_is_told(revision: Revision, problem: str) -> None:
    (found,) = attention(Enrollment("svc", "www", (revision,)), NOW)
    assert found.problem == problem


def test_an_upload_that_waits_for_nothing_is_repeated_at_once() -> None:
    uploaded = row(State.ISSUED, upload_started=True)
    (found,) = attention(Enrollment("svc", "www", (uploaded,)), NOW)
    assert found.next_step.startswith("run redtrust_finalize again, which does no harm; ")


@pytest.mark.usefixtures("far_from_utc")
def test_times_are_in_utc_on_any_machine() -> None:
    (found,) = attention(Enrollment("svc", "www", (current(not_valid_after=NOW),)), NOW)
    assert found.problem == "the certificate in use ended at 2026-06-01T00:00:00Z"
