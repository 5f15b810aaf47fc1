# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of renewal: jitter, windows, freezes and the quota in the decisions about a certificate."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import threading
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.calendar import (
    Calendar,
    Freeze,
    Window,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.forecast import Forecast, forecast
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.jitter import Jitter
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.policy import (
    Decision,
    decide_issue,
    decide_renewal,
    is_settled,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.renewal import Quota, RenewalPolicy
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.request import (
    Adoption,
    RenewItem,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    Enrollment,
    Outcome,
    Postponed,
    Revision,
    State,
)

from .told import predict, run
from .world import DAY, LONGER, NOW, SPEC, World

HOUR = dt.timedelta(hours=1)
# NOW is Monday, midnight.
NIGHT = Window(opens=22 * 60, closes=6 * 60)
EVENING = Window(opens=22 * 60, closes=23 * 60)
SATURDAY = Window(frozenset((5,)))
HOLIDAYS = Freeze(NOW - DAY, NOW + 14 * DAY, "holidays")


def row(state: State, revision: int = 1, **fields: t.Any) -> Revision:
    return dataclasses.replace(Revision("svc", "www", revision, 1, state, SPEC), **fields)


def current(*, left: dt.timedelta = 10 * DAY, life: dt.timedelta = 47 * DAY, **fields: t.Any) -> Revision:
    """Return a certificate in use, of which so much of its life is left."""
    begins = NOW + left - life
    validity = {"not_valid_before": begins, "not_valid_after": begins + life, "created_at": begins}
    return row(State.FINALIZED, thumbprint="A" * 40, **{**validity, **fields})


def enrollment(*rows: Revision) -> Enrollment:
    return Enrollment("svc", "www", rows)


def policy(*windows: Window, freeze: Freeze | None = None, before: str = "15d") -> RenewalPolicy:
    """Return a policy without jitter."""
    return RenewalPolicy.parse(before, None, Calendar(windows, (freeze,) if freeze else ()))


def decide(rows: Revision, renewals: RenewalPolicy, now: dt.datetime = NOW, **options: t.Any) -> Decision:
    return decide_renewal(enrollment(rows), renewals, now, **options)


class TestJitter:
    @pytest.mark.parametrize(
        ("renew_before", "renew_jitter", "percent"),
        [(None, None, 10), ("", " ", 10), ("30d", None, 0), ("33%", "5%", 5), (None, "0", 0), (None, "50%", 50)],
    )
    def test_a_time_that_is_set_has_none_by_default(
        self, renew_before: str | None, renew_jitter: str | None, percent: int
    ) -> None:
        assert RenewalPolicy.parse(renew_before, renew_jitter).jitter == Jitter(percent=percent)

    def test_the_reason_says_the_rule(self) -> None:
        certificate = current(left=60 * DAY, life=90 * DAY)
        said = decide(certificate, RenewalPolicy.parse(None, None)).reason
        due = RenewalPolicy.parse().due(certificate)
        assert due is not None
        assert NOW + 21 * DAY <= due.at <= NOW + 30 * DAY
        earlier = (NOW + 30 * DAY - due.at) / DAY
        assert said == (
            f"due from {due.at:%Y-%m-%d %H:%M} UTC (30 days before its end, and {earlier:.1f} days of its jitter of "
            "9 days earlier); valid until 2026-07-31 00:00 UTC"
        )

    def test_two_names_are_due_at_two_moments_and_each_at_its_own_in_each_run(self) -> None:
        renewals = RenewalPolicy.parse(None, "50%")
        dues = [renewals.due(current(name=name)) for name in ("a", "b", "a")]
        assert dues[0] == dues[2] != dues[1]

    @pytest.mark.parametrize("begins", [None, NOW + 20 * DAY])
    def test_where_the_life_is_not_known_there_is_none(self, begins: dt.datetime | None) -> None:
        certificate = current(left=10 * DAY, not_valid_before=begins, adopted=True)
        due = RenewalPolicy.parse("9d", "100%").due(certificate)
        assert due is not None
        assert (due.at, due.rule) == (NOW + DAY, "9d before its end")

    @given(
        st.sampled_from(["", "30d", "1h", "2000y", "1%", "33%", "90%", "99%"]),
        st.sampled_from(["", "0", "10%", "50%", "100%", "1h", "2000y"]),
        st.timedeltas(dt.timedelta(seconds=10), dt.timedelta(days=4000)),
        st.timedeltas(dt.timedelta(), dt.timedelta(days=4000)),
        st.text(max_size=20),
    )
    def test_a_certificate_that_was_just_obtained_is_never_due(
        self, before: str, jitter: str, left: dt.timedelta, backdated: dt.timedelta, name: str
    ) -> None:
        """The next two runs do not renew it, for any life, any earlier start of validity, any jitter and any name."""
        dates: dict[str, t.Any] = {"not_valid_before": NOW - backdated, "not_valid_after": NOW + left}
        fresh = row(State.FINALIZED, name=name, created_at=NOW, signing_since=NOW, **dates)
        renewals = RenewalPolicy.parse(before, jitter)
        for moment in (NOW, NOW + left / 12):
            assert decide(fresh, renewals, moment).action == "none"
        assert decide(fresh, renewals, NOW + left).action == "renew"


class TestWindows:
    def test_a_certificate_that_is_due_waits_for_the_window(self) -> None:
        decision = decide(current(), policy(NIGHT), NOW + 12 * HOUR)
        assert (decision.action, decision.asks_for) == ("none", None)
        assert decision.reason == (
            "due since 2026-05-27 00:00 UTC (15d before its end); waits for the window that opens "
            "2026-06-01 22:00 UTC; valid until 2026-06-11 00:00 UTC"
        )
        assert decision.postponed == Postponed("renewal_windows", NOW + 22 * HOUR)

    def test_within_the_window_it_is_renewed(self) -> None:
        decision = decide(current(), policy(NIGHT), NOW + HOUR)
        assert (decision.action, decision.postponed) == ("renew", None)
        assert "window" not in decision.reason

    def test_a_freeze_is_waited_for_with_its_reason(self) -> None:
        decision = decide(current(left=16 * DAY), policy(freeze=HOLIDAYS, before="20d"))
        assert decision.reason.startswith("due since 2026-05-28 00:00 UTC (20d before its end); ")
        assert "; waits for 2026-06-15 00:00 UTC, when the freeze (holidays) is over; valid until" in decision.reason
        assert decision.postponed == Postponed("renewal_freezes", NOW + 14 * DAY)
        bare = decide(current(left=16 * DAY), policy(freeze=dataclasses.replace(HOLIDAYS, reason=""), before="20d"))
        assert "when the freeze is over" in bare.reason

    @pytest.mark.parametrize(
        ("left", "action"),
        [
            (15 * DAY, "none"),
            (15 * DAY - dt.timedelta(seconds=1), "renew"),
            (12 * DAY, "renew"),
            (-DAY, "renew"),
        ],
    )
    def test_a_freeze_gives_way_rather_than_let_a_certificate_end(self, left: dt.timedelta, action: str) -> None:
        decision = decide(current(left=left), policy(freeze=HOLIDAYS))
        assert decision.action == action
        if action == "renew":
            words = (
                "does not wait for 2026-06-15 00:00 UTC, when the freeze (holidays) is over, too late before its end"
            )
            assert f"; {words}; " in decision.reason
            assert decision.postponed is None

    def test_a_window_gives_way_as_well(self) -> None:
        decision = decide(current(left=5 * DAY), policy(SATURDAY))
        assert decision.action == "renew"
        assert (
            "does not wait for the window that opens 2026-06-06 00:00 UTC, too late before its end" in decision.reason
        )

    @pytest.mark.parametrize(("left", "action"), [(27 * HOUR, "none"), (26.9 * HOUR, "renew")])
    def test_a_short_life_has_a_tenth_of_itself_to_spare(self, left: dt.timedelta, action: str) -> None:
        """The window opens in 22 hours. A day after that would be too late for both of them."""
        assert decide(current(left=left, life=50 * HOUR), policy(EVENING, before="60%")).action == action

    def test_they_concern_no_first_certificate_no_force_and_no_change(self) -> None:
        closed = policy(freeze=HOLIDAYS)
        assert decide(current(), closed, force=True).action == "renew"
        assert decide_issue(SPEC, enrollment(), NOW).action == "issue"
        assert decide_issue(LONGER, enrollment(current()), NOW).action == "replace"

    def test_what_is_on_its_way_goes_on(self) -> None:
        on_its_way = enrollment(current(), row(State.REQUESTED, 2, request_code="code", csr=b"csr"))
        assert decide_renewal(on_its_way, policy(freeze=HOLIDAYS), NOW).action == "resume"

    def test_one_of_which_the_end_is_not_known_does_not_wait(self) -> None:
        assert decide(current(not_valid_after=None), policy(freeze=HOLIDAYS)).action == "renew"

    def test_what_is_not_due_says_nothing_of_windows(self) -> None:
        decision = decide(current(left=20 * DAY), policy(SATURDAY))
        assert (decision.action, decision.postponed) == ("none", None)
        assert "window" not in decision.reason

    @given(
        left=st.timedeltas(-DAY, 40 * DAY),
        rule=st.sampled_from(["15d", "never", "99%"]),
        jitter=st.sampled_from(["0", "100%"]),
        windows=st.sampled_from([(), (NIGHT,), (SATURDAY, EVENING)]),
        freeze=st.sampled_from([None, HOLIDAYS]),
    )
    def test_what_is_settled_is_neither_due_nor_warned_of(
        self, left: dt.timedelta, rule: str, jitter: str, windows: tuple[Window, ...], freeze: Freeze | None
    ) -> None:
        """What is due is not settled, even if it waits: it is told."""
        renewals = RenewalPolicy.parse(rule, jitter, Calendar(windows, (freeze,) if freeze else ()))
        certificate = current(left=left)
        decision = decide(certificate, renewals)
        nothing = decision.action == "none" and not decision.warnings and decision.postponed is None
        assert is_settled(None, enrollment(certificate), renewals, NOW) == nothing


class TestQuota:
    def test_so_many_names_are_taken_and_each_may_come_again(self) -> None:
        quota = Quota(2)
        assert [quota.take(name) for name in ("a", "b", "a", "c", "b")] == [True, True, True, False, True]
        quota.give_back("a")
        quota.give_back("never taken")
        assert [quota.take(name) for name in ("c", "a")] == [True, False]

    def test_without_a_number_all_are_taken(self) -> None:
        assert all(Quota().take(str(number)) for number in range(1000))

    def test_threads_take_no_more(self) -> None:
        quota = Quota(50)
        taken: list[bool] = []
        begin = threading.Barrier(8)

        def take(thread: int) -> None:
            begin.wait()
            taken.extend(quota.take(f"{thread}-{number}") for number in range(100))

        threads = [threading.Thread(target=take, args=(thread,)) for thread in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert sum(taken) == 50


class Fleet:
    """Ten certificates in use, with so many days left: 1, 2, ... 10. Each is due."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = [f"n{number}" for number in range(10)]
        with contextlib.closing(world.store()) as store:
            for number, name in enumerate(self.names):
                store.put(current(left=(number + 1) * DAY, name=name, spec=dataclasses.replace(SPEC, name=name)))

    def run(self, quota: Quota, *, check_mode: bool = False, force: bool = False) -> list[Outcome]:
        items = [RenewItem(name, policy(), force=force) for name in self.names]
        return (predict if check_mode else run)(self.world.renew_step(quota), items, self.world.store())


@pytest.fixture(name="fleet")
def fleet_of(tmp_path: Path) -> t.Iterator[Fleet]:
    world = World(tmp_path / "store.db")
    yield Fleet(world)
    world.close()


class TestMaxRenewals:
    def test_the_others_are_left_and_say_so(self, fleet: Fleet) -> None:
        outcomes = fleet.run(Quota(3))
        assert [outcome.action for outcome in outcomes] == 3 * ["renew"] + 7 * ["none"]
        left = outcomes[3]
        assert left.reason.startswith("due since ")
        assert left.reason.endswith("; left for the next run, since max_renewals 3 is reached")
        assert (left.changed, left.error, left.postponed) == (False, None, Postponed("max_renewals"))
        assert len(fleet.world.ledger) == 3

    def test_check_mode_predicts_the_same(self, fleet: Fleet) -> None:
        def told(outcomes: list[Outcome]) -> list[tuple[str, str, Postponed | None]]:
            return [(outcome.action, outcome.reason, outcome.postponed) for outcome in outcomes]

        assert told(fleet.run(Quota(3), check_mode=True)) == told(fleet.run(Quota(3)))

    def test_what_is_on_its_way_does_not_count(self, fleet: Fleet) -> None:
        fleet.run(Quota(3))
        again = fleet.run(Quota(3))
        assert [outcome.action for outcome in again] == 3 * ["resume"] + 3 * ["renew"] + 4 * ["none"]

    def test_neither_does_what_is_renewed_with_force(self, fleet: Fleet) -> None:
        assert {outcome.action for outcome in fleet.run(Quota(1), force=True)} == {"renew"}

    def test_one_that_ends_soon_is_warned_of(self, fleet: Fleet) -> None:
        fleet.names.reverse()
        warned = {outcome.name for outcome in fleet.run(Quota(3)) if outcome.warnings}
        assert warned == {"n0"}, "the one that ends in a day; a spare of two days is enough for the others"
        outcome = next(outcome for outcome in fleet.run(Quota(3), check_mode=True) if outcome.warnings)
        (warning,) = outcome.warnings
        assert warning == (
            "it ends soon and is left for the next run, since max_renewals 3 is reached: set a larger number, or run "
            "again"
        )

    def test_one_that_another_run_has_renewed_makes_room(self, fleet: Fleet) -> None:
        quota = Quota(3)
        fleet.run(quota, check_mode=True)
        with contextlib.closing(fleet.world.store()) as store:
            for name in ("n0", "n1"):
                known = store.enrollment("svc", name)
                assert known.current is not None
                store.put(known.next_revision(known.current.spec))
        actions = [outcome.action for outcome in fleet.run(quota)]
        assert actions[2:] == ["renew"] * 3 + ["none"] * 5

    def test_one_that_is_adopted_and_due_is_adopted_all_the_same(self, fleet: Fleet) -> None:
        seal = Adoption(dataclasses.replace(SPEC, name="seal"), "B" * 40)
        items = [RenewItem("n0", policy()), RenewItem("seal", policy(), adoption=lambda: seal)]
        _first, second = run(fleet.world.renew_step(Quota(1)), items, fleet.world.store())
        assert (second.action, second.changed, second.postponed) == ("adopt", True, None)
        assert "left for the next run" in second.reason


class TestForecast:
    CLOSED = policy(NIGHT, freeze=HOLIDAYS)

    def foretold(self, renewals: RenewalPolicy, *rows: Revision, now: dt.datetime = NOW) -> Forecast:
        found = forecast(enrollment(*rows), renewals, now)
        assert found is not None
        return found

    def test_without_a_certificate_there_is_none(self) -> None:
        assert forecast(enrollment(), policy(), NOW) is None
        assert forecast(enrollment(row(State.REQUESTED)), policy(), NOW) is None

    def test_it_is_renewed_when_it_is_due(self) -> None:
        found = self.foretold(policy(), current(left=20 * DAY))
        assert (found.due_at, found.renew_at) == (NOW + 5 * DAY, NOW + 5 * DAY)
        assert found.reason.startswith("due from 2026-06-06 00:00 UTC (15d before its end)")

    def test_the_jitter_counts(self) -> None:
        certificate = current(left=40 * DAY)
        found = self.foretold(RenewalPolicy.parse(), certificate)
        due = RenewalPolicy.parse().due(certificate)
        assert due is not None
        assert found.due_at == due.at < NOW + 40 * DAY - 47 * DAY / 3

    def test_one_that_is_due_is_renewed_now(self) -> None:
        found = self.foretold(policy(), current())
        assert (found.due_at, found.renew_at) == (NOW - 5 * DAY, NOW)

    def test_it_waits_for_the_window_after_it_is_due(self) -> None:
        found = self.foretold(policy(EVENING), current(left=20 * DAY))
        assert (found.due_at, found.renew_at) == (NOW + 5 * DAY, NOW + 5 * DAY + 22 * HOUR)
        assert found.reason.endswith("; waits for the window that opens 2026-06-06 22:00 UTC")

    def test_it_waits_for_the_window_when_it_is_due(self) -> None:
        found = self.foretold(policy(EVENING), current())
        assert found.renew_at == NOW + 22 * HOUR
        assert found.reason.count("waits for the window") == 1

    def test_it_does_not_wait_too_long(self) -> None:
        freeze = Freeze(NOW + 4 * DAY, NOW + 30 * DAY)
        found = self.foretold(policy(freeze=freeze), current(left=20 * DAY))
        assert found.renew_at == found.due_at == NOW + 5 * DAY
        assert "does not wait for 2026-07-01 00:00 UTC" in found.reason

    def test_it_waits_after_failures(self) -> None:
        failed = row(State.ABANDONED, 2, failures=3, retry_at=NOW + 21 * HOUR, note="no luck")
        found = self.foretold(policy(EVENING), current(), failed)
        assert found.renew_at == NOW + 22 * HOUR
        assert found.reason.endswith("; it is tried again from 2026-06-01 21:00 UTC on")
        always = self.foretold(policy(), current(), failed)
        assert always.renew_at == NOW + 21 * HOUR
        assert always.reason.startswith("it failed 3 times in a row (no luck): it is tried again from ")
        assert always.reason.count("it is tried again") == 1

    def test_what_is_on_its_way_is_told(self) -> None:
        pending = row(State.SIGNING, 2, request_code="code", csr=b"csr")
        found = self.foretold(policy(), current(), pending)
        assert (found.renew_at, found.reason) == (None, "revision 2 is on its way: at the signer")

    @pytest.mark.parametrize("left", [10 * DAY, 20 * DAY])
    def test_what_the_ca_rejected_waits_for_a_person(self, left: dt.timedelta) -> None:
        found = self.foretold(policy(), current(left=left), row(State.REJECTED, 2))
        assert found.renew_at is None

    def test_never_is_never(self) -> None:
        found = self.foretold(policy(before="never"), current())
        assert (found.due_at, found.renew_at) == (None, None)
        assert found.reason.startswith("renew_before is never")

    def test_one_of_which_the_end_is_not_known_is_renewed_now(self) -> None:
        found = self.foretold(self.CLOSED, current(not_valid_after=None))
        assert found.due_at is None
        assert found.renew_at is not None
