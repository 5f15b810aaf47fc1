# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences about a list: short for any length, with each cause once."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.report import Report, is_new

from .test_role import Entry, bad, entry


def many(count: int, make: t.Callable[..., Entry] = entry, **changes: t.Any) -> list[Entry]:
    return [make(f"name-{number}", **changes) for number in range(count)]


def told(entries: t.Iterable[Entry], *, signer: str = "", check_mode: bool = False) -> Report:
    """Return the report about these entries."""
    report = Report(signer=signer, check_mode=check_mode)
    for one in entries:
        report.add(one)
    return report


def failure(entries: t.Sequence[Entry], total: int, stopped: str = "") -> str:
    return told(entries).failure(total, stopped)


def causes(entries: t.Sequence[Entry]) -> list[str]:
    """Return the causes as the summary lists them."""
    return [line[len("failed: ") :] for line in told(entries).lines(len(entries)) if line.startswith("failed: ")]


def summary(entries: t.Sequence[Entry], total: int, *, stopped: str = "", signer: str = "") -> list[str]:
    return told(entries, signer=signer).lines(total, stopped)


def prediction(entries: t.Sequence[Entry], total: int) -> list[str]:
    return told(entries, check_mode=True).lines(total)


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
            "people.csv, line 1{number}: {name}: key_length is 'two'",
            "certificates[{number}]: {name}: key_length is 'two'",
            "thumbprint " + 19 * "A{number}" + " was uploaded at 2026-11-25T14:00:0{number}Z",
        )
        for text in told:
            entries = [bad(f"n{number}", text.format(name=f"n{number}", number=number)) for number in range(4)]
            assert causes(entries) == [f"{entries[0]['msg']}: 4 certificates, among them n0, n1, n2"]

    def test_a_name_within_another_word_is_no_name(self) -> None:
        texts = {"web": "web-1 is down, as web is", "db": "db-1 is down, as db is", "app": "web-1 is down, as app is"}
        assert len(causes([bad(name, text) for name, text in texts.items()])) == 2
        others = "webweb, xweb, .web, -web, web-1, web_1 and webweb-web"
        alike = [bad(name, f"{name}: {others} and {name}.pem of ({name}), {name}") for name in ("web", "db", "a.b")]
        assert causes(alike) == [f"web, db, a.b: {alike[0]['msg']}"]

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

    def test_one_pass_issues_and_renews(self) -> None:
        entries = [
            entry("a", action="issue", changed=True),
            entry("b", action="renew", changed=True, revision=2),
            entry("c", action="replace", changed=True, revision=3),
            entry("d", action="issue", changed=True, state="signing"),
        ]
        report = told(entries)
        assert report.lines(4)[0] == "4 certificates: 1 issued, 2 renewed, 0 unchanged, 1 waiting, 0 failed"
        assert report.changed_names == ["a", "b", "c"]

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


def left(name: str, by: str, until: str | None, ends: str | None = "2026-12-24T10:00:00Z") -> Entry:
    """Return the entry of a certificate that is due and left for a later run."""
    return entry(name, reason="due since then", postponed={"by": by, "until": until}, not_valid_after=ends)


class TestPostponed:
    def test_each_option_has_a_line_with_the_first_times(self) -> None:
        entries = [
            *(left(f"n{number}", "max_renewals", None, f"2026-12-{27 - number}T10:00:00Z") for number in range(3)),
            left("w1", "renewal_windows", "2026-12-02T22:00:00Z", None),
            left("w2", "renewal_windows", "2026-12-01T22:00:00Z", None),
            left("f", "renewal_freezes", "2027-01-07T00:00:00Z", None),
            entry("e"),
        ]
        report = told(entries)
        assert report.lines(7) == [
            "7 certificates: 1 unchanged, 6 postponed, 0 failed",
            "3 due certificates were left for later runs: max_renewals; the first ends 2026-12-25",
            "2 due certificates wait for renewal_windows until 2026-12-01T22:00:00Z or later",
            "1 due certificate waits for renewal_freezes until 2027-01-07T00:00:00Z",
        ]
        assert report.counts == {"postponed": 6, "none": 1}

    def test_many_are_one_line(self) -> None:
        entries = [left(f"n{number}", "max_renewals", None) for number in range(1200)]
        assert summary(entries, 1200)[1].startswith("1,200 due certificates were left for later runs: max_renewals; ")

    def test_one_whose_files_were_written_counts_as_that(self) -> None:
        written = {**left("a", "max_renewals", None), "action": "write", "changed": True}
        report = told([written])
        assert report.lines(1)[0] == "1 certificate: 0 unchanged, 1 with files written, 0 failed"
        assert report.lines(1)[1].startswith("1 due certificate was left for later runs: max_renewals; ")
        assert report.counts == {"write": 1}

    def test_the_prediction_has_the_lines_too(self) -> None:
        assert prediction([left("a", "max_renewals", None)], 1) == [
            "1 certificate: 0 would change, 1 not, 0 failed",
            "a: due since then",
            "1 due certificate was left for later runs: max_renewals; it ends 2026-12-24",
        ]


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

        def moved(name: str) -> Entry:
            days = 1 + len(name) / 10 + int(name[-1]) / 10
            return entry(name, reason=f"due from 2026-11-01 10:00 UTC (30d, and {days} days of its jitter of 9 days)")

        assert len(prediction(many(60, moved), 60)) == 2
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
    assert told(many(done)).progress(total, elapsed) == expected


def test_progress_counts_what_failed() -> None:
    assert told([entry(), bad("b")]).progress(4, 0.2) == "2 of 4 certificates done, 1 failed, 2 left, about 1 s"


class TestReport:
    def test_the_counts_are_by_action(self) -> None:
        not_tried = bad("f", "the service is down", error={"type": "NotTriedError"})
        report = told([entry("a"), entry("b", action="renew", changed=True), bad("c"), bad("d"), not_tried])
        report.add_unchanged(7)
        assert report.counts == {"none": 8, "renew": 1, "failed": 2, "not_tried": 1}
        assert report.failed_names == ["c", "d", "f"]

    def test_unchanged_ones_need_no_entry(self) -> None:
        report = told([entry("a", action="issue", changed=True)])
        report.add_unchanged()
        report.add_unchanged(9998)
        assert report.lines(10000)[0] == "10,000 certificates: 1 issued, 9,999 unchanged, 0 failed"
        assert report.progress(10000, 5.0) == "10,000 of 10,000 certificates done, 0 failed"

    def test_an_unchanged_one_without_an_entry_is_not_begun_no_more_in_check_mode(self) -> None:
        report = told(many(51), check_mode=True)
        report.add_unchanged(49)
        assert report.lines(100)[0] == "100 certificates: 0 would change, 100 not, 0 failed"

    def test_what_is_uploaded_or_written_and_failed_later_is_new_and_failed(self) -> None:
        report = told([bad("a", action="renew", changed=True, state="finalized")])
        assert (report.changed_names, report.failed_names) == (["a"], ["a"])

    @pytest.mark.parametrize(
        ("action", "changes", "expected"),
        [
            ("finalize", {}, True),
            ("write", {}, True),
            ("issue", {}, True),
            ("renew", {}, True),
            ("replace", {}, True),
            ("renew", {"state": "requested"}, False),
            ("issue", {"state": "issued", "failed": True}, False),
            ("adopt", {}, False),
            ("sign", {"state": "issued"}, False),
            ("finalize", {"changed": False}, False),
        ],
    )
    def test_what_is_new(self, action: str, changes: dict[str, t.Any], expected: bool) -> None:
        assert is_new(entry(**{"action": action, "changed": True, **changes})) is expected


class TestApproval:
    def waits(self, name: str, *by: str, not_by: str | None = None, missing: int = 1) -> Entry:
        given = [{"by": one, "at": "2026-06-01T00:00:00Z", "why": ""} for one in by]
        approval = {"needed": 2, "missing": missing, "given": given, "not_by": not_by, "csr_sha256": "00"}
        return entry(name, state="requested", action="wait", approval=approval, waiting_since="2026-06-01T00:00:00Z")

    def test_one_that_waits_for_people(self) -> None:
        lines = summary([self.waits("www", "ben", not_by="ana")], 1, signer="command")
        so_far = "1 of 2 given: ben; not by ana, who asked for the key"
        waits = f"waiting for approval since 2026-06-01T00:00:00Z: www ({so_far})"
        assert lines == [
            "1 certificate: 0 unchanged, 1 waiting, 0 failed",
            f"{waits}; approve with redtrust_enrollment, state=approved",
        ]

    def test_several(self) -> None:
        lines = summary([self.waits("a"), self.waits("b", "ben")], 2)
        assert lines[1] == (
            "waiting for approval, the longest since 2026-06-01T00:00:00Z: a, b; "
            "approve with redtrust_enrollment, state=approved"
        )

    def test_one_that_is_approved_waits_for_the_signer(self) -> None:
        lines = summary([self.waits("www", "ben", "eva", missing=0)], 1, signer="command")
        assert lines[1] == "waiting for the command that signs since 2026-06-01T00:00:00Z: www"
