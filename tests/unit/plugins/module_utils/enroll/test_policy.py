# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions about one enrollment, case by case."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.backoff import (
    after_failure,
    after_internal_error,
    refuse_waiting,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.due import Due, RenewBefore
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.policy import (
    decide_issue,
    decide_renewal,
    is_settled,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.renewal import RenewalPolicy
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerInvalidError,
    AnswerLostError,
    BackingOffError,
    ConfigurationError,
    GateError,
    InternalError,
    NotSentError,
    PolicyError,
    RedtrustError,
    RefusedError,
    SessionError,
    SignerError,
    UnauthorizedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    Revision,
    State,
)

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA")
LONGER = dataclasses.replace(SPEC, key_length=4096)


def row(state: State, revision: int = 1, attempt: int = 1, **fields: t.Any) -> Revision:
    return Revision("svc", "www", revision, attempt, state, **{"spec": SPEC, **fields})


def current(**fields: t.Any) -> Revision:
    validity = {"not_valid_before": NOW - 60 * DAY, "not_valid_after": NOW + 30 * DAY}
    return row(State.FINALIZED, thumbprint="A" * 40, **{**validity, **fields})


def policy(renew_before: str | None) -> RenewalPolicy:
    """Return a policy without jitter."""
    return RenewalPolicy(RenewBefore.parse(renew_before))


def enrollment(*rows: Revision) -> Enrollment:
    return Enrollment("svc", "www", rows)


CODE: dict[str, t.Any] = {"request_code": "code", "csr": b"csr"}
DIED = "the run that asked for it ended before the answer was written down; a key may lie unused on the server"
CHANGED = "asked for now and then differ in key_length"
UNSIGNED = "the store has no certificate for the request"
FIRST = "it is finished first, the change of key_length takes effect in the run after"
VALID = "valid until 2026-07-01 00:00 UTC"
# The rows in the store, the spec, force, the action, the reason, the state of the revision given up.
ISSUE = [
    ((), SPEC, False, "issue", "not in the store yet", None),
    ((row(State.ABANDONED),), SPEC, False, "issue", "the last attempt was abandoned", None),
    ((row(State.ABANDONED, note="why"),), SPEC, False, "issue", "the last attempt was abandoned (why)", None),
    (
        (row(State.CREATE_UNKNOWN),),
        SPEC,
        False,
        "issue",
        "the answer to the last request was lost; a key may lie unused on the server",
        None,
    ),
    ((row(State.REJECTED),), LONGER, False, "issue", "the last attempt was rejected", None),
    ((row(State.REJECTED),), SPEC, True, "issue", "the last attempt was rejected", None),
    ((row(State.INTENDED),), SPEC, False, "issue", DIED, State.CREATE_UNKNOWN),
    ((row(State.REQUESTED, **CODE),), SPEC, False, "resume", "requested, to be signed", None),
    ((row(State.REQUESTED, **CODE),), SPEC, True, "resume", "requested, to be signed", None),
    ((row(State.REQUESTED, **CODE),), LONGER, False, "issue", f"{CHANGED}, and {UNSIGNED}", State.ABANDONED),
    ((row(State.SIGNING, **CODE),), SPEC, False, "resume", "at the signer", None),
    ((row(State.SIGNING, **CODE),), LONGER, False, "resume", f"at the signer; {FIRST}", None),
    ((row(State.ISSUED, **CODE, not_valid_after=NOW + DAY),), SPEC, False, "resume", "signed, to be finalized", None),
    (
        (row(State.ISSUED, **CODE, not_valid_after=NOW),),
        SPEC,
        False,
        "issue",
        "its certificate ended at 2026-06-01 00:00 UTC before it was uploaded",
        State.ABANDONED,
    ),
    ((row(State.ISSUED, **CODE),), SPEC, False, "resume", "signed, to be finalized", None),
    ((current(),), SPEC, False, "none", f"finalized as asked for; {VALID}", None),
    (
        (current(not_valid_after=NOW),),
        SPEC,
        False,
        "none",
        "finalized as asked for; expired since 2026-06-01 00:00 UTC",
        None,
    ),
    ((current(not_valid_after=None),), SPEC, False, "none", "finalized as asked for; when it ends is not known", None),
    ((current(),), LONGER, False, "replace", CHANGED, None),
    ((current(),), SPEC, True, "replace", "asked for with force", None),
    ((current(adopted=True),), LONGER, False, "none", f"adopted; {VALID}", None),
    ((current(adopted=True),), LONGER, True, "replace", "asked for with force", None),
    ((current(), row(State.INTENDED, 2)), SPEC, False, "replace", DIED, State.CREATE_UNKNOWN),
    ((current(), row(State.INTENDED, 2, spec=LONGER)), LONGER, False, "replace", DIED, State.CREATE_UNKNOWN),
    (
        (current(), row(State.REQUESTED, 2, **CODE)),
        LONGER,
        False,
        "replace",
        f"{CHANGED}, and {UNSIGNED}",
        State.ABANDONED,
    ),
    # A rejected renewal changes nothing about the current certificate.
    ((current(), row(State.REJECTED, 2)), SPEC, False, "none", f"finalized as asked for; {VALID}", None),
    ((current(adopted=True), row(State.REJECTED, 2)), SPEC, False, "none", f"adopted; {VALID}", None),
]


@pytest.mark.parametrize(("rows", "spec", "force", "action", "reason", "given_up"), ISSUE)
def test_issue(
    rows: tuple[Revision, ...], spec: CertificateSpec, force: bool, action: str, reason: str, given_up: State | None
) -> None:
    decision = decide_issue(spec, enrollment(*rows), NOW, force=force)
    assert (decision.action, decision.reason) == (action, reason)
    assert decision.asks_for == (spec if action in ("issue", "replace") else None)
    if given_up is None:
        assert decision.gives_up is None
    else:
        assert decision.gives_up is not None
        assert decision.gives_up.state is given_up
        assert decision.gives_up.note
        assert dataclasses.replace(decision.gives_up, state=rows[-1].state, note=rows[-1].note) == rows[-1]


@pytest.mark.parametrize(
    ("rows", "spec"),
    [
        ((row(State.REJECTED, note="policy 7"),), SPEC),
        ((current(), row(State.REJECTED, 2, spec=LONGER)), LONGER),
    ],
)
def test_what_the_ca_rejected_is_not_asked_for_again(rows: tuple[Revision, ...], spec: CertificateSpec) -> None:
    words = r"rejected revision (1 \(policy 7\)|2 \(it gave no reason\)): change what is asked for, or .* force"
    with pytest.raises(PolicyError, match=words):
        decide_issue(spec, enrollment(*rows), NOW)


# The same fields; the certificate ends 30 days from now and has lived for 60 of its 90 days.
DUE = "due since 2026-06-01 00:00 UTC"
RENEWAL = [
    ((current(),), "29d", False, "none", f"due from 2026-06-02 00:00 UTC (29d before its end); {VALID}", None),
    ((current(),), "30d", False, "renew", f"{DUE} (30d before its end); {VALID}", None),
    ((current(),), "5w", False, "renew", f"due since 2026-05-27 00:00 UTC (5w before its end); {VALID}", None),
    ((current(),), "", False, "renew", f"{DUE} (30 days before its end); {VALID}", None),
    ((current(),), "719h", False, "none", f"due from 2026-06-01 01:00 UTC (719h before its end); {VALID}", None),
    (
        (current(),),
        "33%",
        False,
        "none",
        f"due from 2026-06-01 07:12 UTC (33% of its life before its end); {VALID}",
        None,
    ),
    (
        (current(),),
        "34%",
        False,
        "renew",
        f"due since 2026-05-31 09:36 UTC (34% of its life before its end); {VALID}",
        None,
    ),
    (
        (current(not_valid_before=None),),
        "99%",
        False,
        "none",
        f"due from 2026-07-01 00:00 UTC (99% of its life before its end); {VALID}",
        None,
    ),
    (
        (current(not_valid_after=NOW),),
        "1h",
        False,
        "renew",
        "due since 2026-05-31 23:00 UTC (1h before its end); expired since 2026-06-01 00:00 UTC",
        None,
    ),
    ((current(not_valid_after=None),), "30d", False, "renew", "when its certificate ends is not known", None),
    ((current(),), "1d", True, "renew", "asked for with force", None),
    ((current(), row(State.REJECTED, 2)), "30d", True, "renew", "asked for with force", None),
    (
        (current(), row(State.REJECTED, 2)),
        "1d",
        False,
        "none",
        f"due from 2026-06-30 00:00 UTC (1d before its end); {VALID}",
        None,
    ),
    ((current(), row(State.ABANDONED, 2)), "30d", False, "renew", f"{DUE} (30d before its end); {VALID}", None),
    ((current(), row(State.CREATE_UNKNOWN, 2)), "30d", False, "renew", f"{DUE} (30d before its end); {VALID}", None),
    ((current(), row(State.INTENDED, 2)), "1d", False, "renew", DIED, State.CREATE_UNKNOWN),
    ((row(State.INTENDED),), "1d", False, "issue", DIED, State.CREATE_UNKNOWN),
    ((current(), row(State.SIGNING, 2, **CODE)), "30d", False, "resume", "at the signer", None),
    ((row(State.REQUESTED, **CODE),), "30d", False, "resume", "requested, to be signed", None),
]


@pytest.mark.parametrize(("rows", "renew_before", "force", "action", "reason", "given_up"), RENEWAL)
def test_renewal(
    rows: tuple[Revision, ...], renew_before: str, force: bool, action: str, reason: str, given_up: State | None
) -> None:
    decision = decide_renewal(enrollment(*rows), policy(renew_before), NOW, force=force)
    assert (decision.action, decision.reason) == (action, reason)
    assert (decision.gives_up and decision.gives_up.state) == given_up
    assert decision.asks_for == (SPEC if action in ("issue", "renew") else None)


@pytest.mark.parametrize("rows", [(), (row(State.ABANDONED),), (row(State.REJECTED),), (row(State.CREATE_UNKNOWN),)])
def test_nothing_to_renew(rows: tuple[Revision, ...]) -> None:
    with pytest.raises(PolicyError, match="no certificate to renew"):
        decide_renewal(enrollment(*rows), policy("30d"), NOW, force=True)


def test_a_rejected_renewal_waits_for_a_person() -> None:
    with pytest.raises(PolicyError, match="rejected revision 2"):
        decide_renewal(enrollment(current(), row(State.REJECTED, 2)), policy("30d"), NOW)


WAITS: dict[str, t.Any] = {"failures": 2, "retry_at": NOW + HOUR, "note": "no luck"}
OVER: dict[str, t.Any] = {**WAITS, "retry_at": NOW}


class TestWaiting:
    @pytest.mark.parametrize(
        "rows",
        [
            (row(State.ABANDONED, **WAITS),),
            (row(State.CREATE_UNKNOWN, **WAITS),),
            (current(spec=LONGER), row(State.ABANDONED, 2, **WAITS)),
        ],
    )
    def test_what_keeps_failing_is_not_asked_for_before_its_time(self, rows: tuple[Revision, ...]) -> None:
        words = r"failed 2 times in a row \(no luck\): it is tried again from 2026-06-01 01:00 UTC on, or .* force"
        with pytest.raises(BackingOffError, match=words):
            decide_issue(SPEC, enrollment(*rows), NOW)
        assert decide_issue(SPEC, enrollment(*rows), NOW + HOUR).asks_for
        assert decide_issue(SPEC, enrollment(*rows), NOW, force=True).asks_for
        assert decide_issue(dataclasses.replace(LONGER, key_length=8192), enrollment(*rows), NOW).asks_for

    def test_a_renewal_waits_as_well(self) -> None:
        rows = (current(), row(State.CREATE_UNKNOWN, 2, **WAITS))
        month = policy("30d")
        with pytest.raises(BackingOffError, match="no luck"):
            decide_renewal(enrollment(*rows), month, NOW)
        assert decide_renewal(enrollment(*rows), month, NOW, force=True).asks_for
        assert decide_renewal(enrollment(*rows), month, NOW + HOUR).asks_for
        assert not decide_renewal(enrollment(*rows), policy("1d"), NOW).asks_for, "it is not due"

    def test_force_ends_the_wait_of_what_is_on_its_way(self) -> None:
        waiting = row(State.ISSUED, **CODE, **WAITS)
        decision = decide_issue(SPEC, enrollment(waiting), NOW, force=True)
        assert (decision.action, decision.asks_for) == ("resume", None)
        assert decision.resumes == dataclasses.replace(waiting, retry_at=None)
        assert "waits no longer" in decision.reason
        assert decide_issue(SPEC, enrollment(waiting), NOW).resumes is None
        over = row(State.ISSUED, **CODE, **OVER)
        assert decide_issue(SPEC, enrollment(over), NOW, force=True).resumes is None

    def test_force_has_another_certificate_signed_for_one_that_is_not_valid_yet(self) -> None:
        dates: dict[str, t.Any] = {
            "not_valid_before": NOW + HOUR,
            "not_valid_after": NOW + DAY,
            "signing_since": NOW - DAY,
        }
        early = row(State.ISSUED, **CODE, **WAITS, **dates, thumbprint="AB")
        assert decide_issue(SPEC, enrollment(early), NOW, force=True).resumes == row(
            State.REQUESTED,
            **CODE,
            failures=2,
            note="the certificate AB is not valid before 2026-06-01 01:00 UTC, and force asks for another",
        )

    @pytest.mark.parametrize(
        "fields", [{"not_valid_before": NOW}, {"not_valid_before": NOW + HOUR, "upload_started": True}]
    )
    def test_force_keeps_a_certificate_that_is_valid_or_may_be_in_use(self, fields: dict[str, t.Any]) -> None:
        waiting = row(State.ISSUED, **CODE, **WAITS, **fields)
        decision = decide_issue(SPEC, enrollment(waiting), NOW, force=True)
        assert decision.resumes == dataclasses.replace(waiting, retry_at=None)

    @pytest.mark.parametrize("state", [State.SIGNING, State.ISSUED])
    def test_what_failed_makes_room_for_something_else(self, state: State) -> None:
        failed = row(state, **CODE, **WAITS)
        decision = decide_issue(LONGER, enrollment(failed), NOW)
        assert decision.action == "issue"
        assert decision.reason.endswith("differ in key_length, and it failed (no luck)")
        assert decision.gives_up is not None
        assert (decision.gives_up.state, decision.gives_up.retry_at) == (State.ABANDONED, None)
        uploaded = dataclasses.replace(failed, upload_started=True)
        assert decide_issue(LONGER, enrollment(uploaded), NOW).action == "resume", "it may be in use"

    @pytest.mark.parametrize("state", [State.SIGNING, State.ISSUED])
    def test_a_revision_on_its_way_is_refused_until_its_time(self, state: State) -> None:
        with pytest.raises(BackingOffError, match="from 2026-06-01 01:00 UTC on"):
            refuse_waiting(row(state, **WAITS), NOW)
        refuse_waiting(row(state, **OVER), NOW)
        refuse_waiting(row(state), NOW)

    def test_an_internal_error_counts_for_nothing_where_nothing_is_on_its_way(self) -> None:
        error = InternalError("x", exception="ValueError", place="here", trace=[])
        assert after_internal_error(enrollment(current(), row(State.ABANDONED, 2)), error, NOW) is None

    @pytest.mark.usefixtures("far_from_utc")
    def test_times_are_in_utc_on_any_machine(self) -> None:
        with pytest.raises(BackingOffError, match="from 2026-06-01 01:00 UTC on"):
            refuse_waiting(row(State.SIGNING, **WAITS), NOW)

    def test_failures_are_counted_on_while_the_same_is_asked_for(self) -> None:
        known = enrollment(row(State.CREATE_UNKNOWN, **WAITS))
        assert (known.next_revision(SPEC).failures, known.next_revision(SPEC).retry_at) == (2, None)
        assert known.next_revision(LONGER).failures == 0
        died = decide_issue(SPEC, enrollment(row(State.INTENDED, failures=2)), NOW).gives_up
        assert died is not None
        assert died.failures == 2

    def test_the_wait_doubles_from_one_hour_to_thirty_two(self) -> None:
        revision, waits = row(State.SIGNING), []
        for _run in range(9):
            revision = after_failure(revision, SignerError("no luck"), NOW)
            waits.append((revision.retry_at - NOW) / HOUR if revision.retry_at else 0)
        assert waits == [0, 1, 2, 4, 8, 16, 32, 32, 32]
        assert revision.failures == 9
        assert revision.moved(State.ISSUED).failures == 0
        assert after_failure(dataclasses.replace(revision, failures=10**6), SignerError("x"), NOW).retry_at

    @pytest.mark.parametrize(
        ("error", "counts", "counts_when_repeatable"),
        [
            (SignerError("x"), True, True),
            (GateError("x"), True, True),
            (InternalError("x", exception="ValueError", place="here", trace=[]), True, True),
            (AnswerLostError("x", step="s", url="u"), True, False),
            (AnswerInvalidError("x", step="s", url="u"), True, True),
            (RefusedError("x", step="s", url="u", status=400), True, True),
            (RefusedError("x", step="s", url="u", status=403), True, True),
            (RefusedError("x", step="s", url="u", status=500), True, False),
            (RefusedError("x", step="s", url="u", status=503), False, False),
            (RefusedError("x", step="s", url="u", status=429), False, False),
            (UnauthorizedError("x", step="s", url="u", status=401), False, False),
            (NotSentError("x", step="s", url="u"), False, False),
            (SessionError("x"), False, False),
        ],
    )
    def test_what_counts_as_a_failure_of_its_own(
        self, error: RedtrustError, counts: bool, counts_when_repeatable: bool
    ) -> None:
        before = row(State.INTENDED, failures=1)
        assert after_failure(before, error, NOW).failures == 1 + counts
        assert after_failure(before, error, NOW, repeatable=True).failures == 1 + counts_when_repeatable
        assert after_failure(before, error, NOW).note == str(error)


@given(
    st.integers(0, 99999),
    st.sampled_from("hdw"),
    st.integers(0, 2_900_000).map(lambda days: NOW + days * DAY),
)
def test_a_fixed_time_is_counted_from_the_end(number: int, unit: str, end: dt.datetime) -> None:
    due = RenewBefore.parse(f" {number} {unit} ").due(None, end)
    assert end - due.at == number * {"h": DAY / 24, "d": DAY, "w": 7 * DAY}[unit]


@given(
    st.integers(1, 90),
    st.integers(-3000, 3000).map(lambda days: NOW + days * DAY),
    st.timedeltas(dt.timedelta(seconds=1), dt.timedelta(days=36500)),
)
def test_a_share_is_of_the_whole_lifetime(percent: int, start: dt.datetime, lifetime: dt.timedelta) -> None:
    due = RenewBefore.parse(f"{percent}%").due(start, start + lifetime)
    assert abs((due.at - start) - lifetime * (100 - percent) / 100) <= dt.timedelta(microseconds=2)
    assert due.rule == f"{percent}% of its life before its end"


# The life of a certificate, the time before its end at which it is due, and the rule in words.
DEFAULTS = [
    (398 * DAY, 30 * DAY, "30 days before its end"),
    (90 * DAY, 30 * DAY, "30 days before its end"),
    (47 * DAY, 47 * DAY / 3, "a third of its life of 47 days before its end"),
    (20 * DAY, 20 * DAY / 3, "a third of its life of 20 days before its end"),
    (30.5 * DAY, 30.5 * DAY / 3, "a third of its life of 30.5 days before its end"),
    (2 * DAY, 16 * HOUR, "a third of its life of 2 days before its end"),
    (12 * HOUR, 4 * HOUR, "a third of its life of 12 hours before its end"),
    (2 * HOUR, 2 * HOUR / 3, "a third of its life of 2 hours before its end"),
    (45 * HOUR / 60, 15 * HOUR / 60, "a third of its life of 45 minutes before its end"),
    (HOUR / 30, HOUR / 90, "a third of its life of 2 minutes before its end"),
    (60 * HOUR / 3600, 20 * HOUR / 3600, "a third of its life of 60 seconds before its end"),
]


@pytest.mark.parametrize("text", [None, "", " "])
@pytest.mark.parametrize(("life", "before", "rule"), DEFAULTS)
def test_the_default_is_the_smaller_of_30_days_and_a_third(
    text: str | None, life: dt.timedelta, before: dt.timedelta, rule: str
) -> None:
    due = RenewBefore.parse(text).due(NOW - life, NOW)
    assert (NOW - due.at, due.rule, due.warning) == (before, rule, None)


NO_TIME = [
    ("30d", 20 * DAY),
    ("30d", 30 * DAY),
    ("30d", 30.5 * DAY),
    ("4w2d", 31 * DAY),
    ("19d", 20 * DAY),
    ("2000y", 365 * DAY),
    ("99%", HOUR),
    ("95%", 365 * DAY),
    ("905h", 999 * HOUR),
]


@pytest.mark.parametrize(("text", "life"), NO_TIME)
def test_a_value_that_leaves_no_time_is_taken_as_a_third(text: str, life: dt.timedelta) -> None:
    due = RenewBefore.parse(text).due(NOW - life, NOW)
    assert NOW - due.at == life / 3
    assert due.rule.startswith("a third of its life of ")
    assert due.rule.endswith(f" before its end, as renew_before {text} leaves no time")
    assert (due.warning or "").startswith(f"renew_before {text} leaves no time to use a certificate that lives ")
    assert (due.warning or "").endswith("set a shorter renew_before, or leave it out")


@pytest.mark.parametrize(
    ("text", "life"),
    [
        ("30d", 34 * DAY),
        ("90%", 365 * DAY),
        ("1d12h", 47 * DAY),
        ("1h", 365 * DAY),
        ("20m", HOUR),
        ("905h", 1000 * HOUR),
        ("1m", 1000 * HOUR / 60),
    ],
)
@pytest.mark.parametrize("backdated", [dt.timedelta(), dt.timedelta(minutes=5)])
def test_a_value_that_leaves_time_is_taken_as_it_is(text: str, life: dt.timedelta, backdated: dt.timedelta) -> None:
    due = RenewBefore.parse(text).due(NOW - life - backdated, NOW, NOW - life)
    assert (due.rule.partition(" ")[0], due.warning) == (text, None)


@pytest.mark.parametrize(("life", "shown"), [(365 * DAY, "365 days"), (1000.5 * HOUR / 60, "16.7 hours")])
def test_a_month_that_was_written_as_a_minute_is_warned_of(life: dt.timedelta, shown: str) -> None:
    due = RenewBefore.parse("1m").due(NOW - life, NOW)
    assert NOW - due.at == HOUR / 60
    assert (due.warning or "").startswith(f"renew_before 1m is only 60 seconds of a life of {shown}, and")
    assert (due.warning or "").endswith("(m is minutes)")


@given(
    st.sampled_from(["", "30d", "1h", "2000y", "1%", "33%", "90%", "99%"]),
    st.timedeltas(dt.timedelta(seconds=10), dt.timedelta(days=4000)),
    st.timedeltas(dt.timedelta(), dt.timedelta(days=4000)),
)
def test_a_certificate_that_was_just_obtained_is_never_due(
    text: str, left: dt.timedelta, backdated: dt.timedelta
) -> None:
    """The next two runs do not renew it, for any life and any earlier start of validity."""
    fresh = current(not_valid_before=NOW - backdated, not_valid_after=NOW + left, created_at=NOW, signing_since=NOW)
    for run in (NOW, NOW + left / 12):
        assert decide_renewal(enrollment(fresh), policy(text), run).action == "none"
    assert decide_renewal(enrollment(fresh), policy(text), NOW + left).action == "renew"


def test_an_adopted_certificate_is_as_old_as_it_says() -> None:
    """The store knows the time of adoption, not the time of issue."""
    adopted = current(not_valid_after=NOW + DAY, created_at=NOW, adopted=True)
    decision = decide_renewal(enrollment(adopted), policy(None), NOW)
    assert (decision.action, decision.warnings) == ("renew", ())


def test_the_warning_comes_with_the_decision_whatever_it_is() -> None:
    for age, action in ((0, "none"), (19, "renew")):
        begins = NOW - age * DAY
        rows = enrollment(current(not_valid_before=begins, not_valid_after=begins + 20 * DAY))
        decision = decide_renewal(rows, policy("30d"), NOW)
        assert decision.action == action
        assert "as renew_before 30d leaves no time" in decision.reason
        assert len(decision.warnings) == 1


@pytest.mark.parametrize("begins", [None, NOW, NOW + DAY])
@pytest.mark.parametrize(
    ("text", "before", "rule"),
    [
        ("30d", 30 * DAY, "30d before its end"),
        ("", 30 * DAY, "30 days before its end"),
        ("33%", 0 * DAY, "33% of its life before its end"),
    ],
)
def test_where_the_life_is_not_known(begins: dt.datetime | None, text: str, before: dt.timedelta, rule: str) -> None:
    assert RenewBefore.parse(text).due(begins, NOW) == Due(NOW - before, rule)


def test_no_value_leads_beyond_the_first_year() -> None:
    assert RenewBefore.parse("2000y").due(None, NOW - 400000 * DAY).at.year == 1


@given(st.text() | st.from_regex(r"\s?[0-9]{1,6}\s?[hdwmy%]?", fullmatch=True))
def test_any_text_is_a_time_or_a_share_or_the_default_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        parsed = RenewBefore.parse(text)
        assert [parsed.fixed is None, parsed.percent is None, bool(text.strip())].count(True) == 2


@pytest.mark.parametrize("text", ["30", "0%", "100%", "33.3%", "-1d", "1.5d", "30 days", "d", "1234567d", "P30D", "1M"])
def test_the_message_says_what_can_be_given(text: str) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"^renew_before must be a duration such as 90d, .*, a share of the .* from 1% to 99%, or never",
    ):
        RenewBefore.parse(text)


FIELDS_THAT_DIFFER = (
    {"dn": DistinguishedName((("cn", "x"),))},
    {"provider": "x"},
    {"key_type": "DSA"},
    {"key_length": 4096},
    {"hash_type": "SHA1"},
    {"info": {"a": "b"}},
    {"group_ids": (1,)},
    {"subject_alt_name": ("DNS:a",)},
)


@given(
    asked=st.sampled_from([None, SPEC, *(dataclasses.replace(SPEC, **change) for change in FIELDS_THAT_DIFFER)]),
    adopted=st.booleans(),
    begins=st.sampled_from([None, -400, -60, -1]),
    ends=st.sampled_from([None, -1, 0, 1, 29, 31, 400]),
    rest=st.sampled_from([(), (row(State.REQUESTED, 2, **CODE),), (row(State.ABANDONED, 2, failures=3),)]),
    rule=st.sampled_from([None, "never", "30d", "1m", "33%", "99%"]),
)
def test_what_is_settled_is_what_nothing_is_decided_about(
    asked: CertificateSpec | None,
    adopted: bool,
    begins: int | None,
    ends: int | None,
    rest: tuple[Revision, ...],
    rule: str | None,
) -> None:
    validity = {
        "not_valid_before": None if begins is None else NOW + begins * DAY,
        "not_valid_after": None if ends is None else NOW + ends * DAY,
    }
    found = enrollment(current(adopted=adopted, created_at=NOW - 60 * DAY, **validity), *rest)
    renewals = policy(rule)
    decisions = [] if asked is None else [decide_issue(asked, found, NOW)]
    with contextlib.suppress(BackingOffError):
        decisions.append(decide_renewal(found, renewals, NOW))
    settled = all(one.action == "none" and not one.warnings for one in decisions)
    assert is_settled(asked, found, renewals, NOW) == (settled and bool(decisions))


def test_without_a_certificate_nothing_is_settled() -> None:
    assert not is_settled(None, enrollment(), policy("never"), NOW)
    assert not is_settled(SPEC, enrollment(row(State.REQUESTED, **CODE)), policy(None), NOW)
