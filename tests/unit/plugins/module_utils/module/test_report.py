# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences about a list: short for any length, with each cause once."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.report import (
    causes,
    failure,
    prediction,
    progress,
    summary,
)

from .test_role import Entry, bad, entry


def many(count: int, make: t.Callable[..., Entry] = entry, **changes: t.Any) -> list[Entry]:
    return [make(f"name-{number}", **changes) for number in range(count)]


class TestFailure:
    def test_nothing(self) -> None:
        assert failure([entry()], 1) == ""
        assert failure([], 0) == ""

    def test_each_cause_once_with_its_names(self) -> None:
        entries = [bad("a", "no"), entry("b"), bad("c", "down"), bad("d", "no")]
        assert failure(entries, 4) == "3 of 4 certificates failed: a, d: no; c: down"

    def test_many_of_one_cause(self) -> None:
        said = failure(many(1500, bad, msg="the CA is down"), 2000, "the CA is down")
        assert said == (
            "1,500 of 2,000 certificates failed: "
            "the CA is down: 1,500 certificates, among them name-0, name-1, name-2; 500 were not begun: the CA is down"
        )

    def test_many_causes(self) -> None:
        said = failure([bad(f"n{number}", f"cause {chr(65 + number)}") for number in range(26)], 26)
        assert said.endswith("n9: cause J; 16 certificates for other reasons, see the results")

    def test_what_only_one_certificate_has_in_its_cause_makes_no_other_cause(self) -> None:
        told = (
            "/etc/{name}.pem cannot be written",
            "{name}: it is tried again from 2026-11-25 14:0{number} UTC on",
            "thumbprint " + 19 * "A{number}" + " was uploaded at 2026-11-25T14:00:0{number}Z",
        )
        for text in told:
            entries = [bad(f"n{number}", text.format(name=f"n{number}", number=number)) for number in range(4)]
            assert causes(entries) == [f"{entries[0]['msg']}: 4 certificates, among them n0, n1, n2"]

    def test_two_statuses_are_two_causes(self) -> None:
        assert len(causes([bad("a", "HTTP 400"), bad("b", "HTTP 404")])) == 2

    def test_the_caller_failed_and_no_certificate_did(self) -> None:
        assert failure([entry()], 1, 'the task "Tell" failed: no') == (
            'the task "Tell" failed: no; no certificate is lacking for it'
        )


class TestSummary:
    def test_each_kind_is_counted(self) -> None:
        entries = [
            entry("a", action="finalize", changed=True),
            entry("b", action="finalize", changed=True, revision=2),
            entry("c", action="adopt", changed=True),
            entry("d", action="write", changed=True),
            entry("e"),
            entry("f", state="signing", action="wait", waiting_since="2026-11-24T10:12:00Z"),
            entry("g", state="abandoned"),
            bad("h", "no"),
        ]
        lines = summary(entries, 9, stopped="the server is down", signer="command")
        thumbprint = "AB" * 20
        counts = "1 issued, 1 renewed, 1 adopted, 1 unchanged, 1 with files written, 1 waiting, 1 without a certificate"
        assert lines == [
            f"9 certificates: {counts}, 1 failed, 1 not begun",
            f"issued: a, thumbprint {thumbprint}, valid until 2027-01-31",
            f"renewed: b, thumbprint {thumbprint}, valid until 2027-01-31",
            f"adopted: c, thumbprint {thumbprint}, valid until 2027-01-31",
            "waiting at the command that signs since 2026-11-24T10:12:00Z: f",
            "failed: h: no",
            "not begun: the server is down",
        ]

    def test_nothing_to_tell(self) -> None:
        assert summary([entry()], 1) == ["1 certificate: 1 unchanged, 0 failed"]
        assert summary([], 0) == ["0 certificates: 0 unchanged, 0 failed"]

    def test_at_most_twenty_that_changed(self) -> None:
        lines = summary(many(500, action="finalize", changed=True), 500)
        assert len(lines) == 22
        assert lines[-1] == "and 480 more"

    @pytest.mark.parametrize(
        ("state", "signer", "expected"),
        [
            ("intended", "local_ca", "waiting to be requested"),
            ("requested", "local_ca", "waiting for the local CA"),
            ("requested", "none", "waiting for a certificate to be given"),
            ("requested", "", "waiting for a certificate to be given"),
            ("signing", "command", "waiting at the command that signs"),
            ("issued", "command", "waiting to be uploaded"),
        ],
    )
    def test_at_whom_it_waits(self, state: str, signer: str, expected: str) -> None:
        assert summary([entry(state=state)], 1, signer=signer)[1] == f"{expected}: a"

    def test_of_many_that_wait_the_longest(self) -> None:
        entries = [entry(f"n{day}", state="signing", waiting_since=f"2026-11-0{day}T00:00:00Z") for day in (3, 1, 2, 4)]
        assert summary(entries, 4, signer="command")[1] == (
            "waiting at the command that signs, the longest since 2026-11-01T00:00:00Z: "
            "4 certificates, among them n3, n1, n2"
        )


class TestPrediction:
    def test_each_certificate_with_its_reason(self) -> None:
        entries = [
            entry("a", action="issue", reason="not in the store yet", changed=True, state="requested"),
            entry("b", reason="due from 2026-12-01"),
            bad("c", "no"),
        ]
        assert prediction(entries, 3) == [
            "3 certificates: 1 would change, 1 not, 1 failed",
            "a: would be issued, not in the store yet",
            "b: due from 2026-12-01",
            "failed: c: no",
        ]

    def test_groups_beyond_fifty(self) -> None:
        def due(name: str) -> Entry:
            return entry(name, action="renew", reason=f"due since 2026-11-0{len(name)} 10:00 UTC", changed=True)

        assert len(prediction(many(50, due), 50)) == 51
        assert prediction(many(51, due), 51)[1:] == [
            "would be renewed, due since 2026-11-06 10:00 UTC: 51 certificates, among them name-0, name-1, name-2"
        ]


@pytest.mark.parametrize(
    ("done", "total", "elapsed", "expected"),
    [
        (1204, 10000, 60.0, "1,204 of 10,000 certificates done, 0 failed, 8,796 left, about 7 min"),
        (10, 20, 5.0, "10 of 20 certificates done, 0 failed, 10 left, about 5 s"),
        (10, 100000, 36.0, "10 of 100,000 certificates done, 0 failed, 99,990 left, about 100 h"),
        (1, 1, 5.0, "1 of 1 certificate done, 0 failed"),
        (0, 2, 5.0, "0 of 2 certificates done, 0 failed"),
    ],
)
def test_progress(done: int, total: int, elapsed: float, expected: str) -> None:
    assert progress(many(done), total, elapsed) == expected


def test_progress_counts_what_failed() -> None:
    assert progress([entry(), bad("b")], 4, 0.2) == "2 of 4 certificates done, 1 failed, 2 left, about 1 s"
