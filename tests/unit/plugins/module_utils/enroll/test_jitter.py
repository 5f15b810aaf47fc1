# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jitter of renewals: its values, its bounds, and that a name keeps its moment."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.due import RenewBefore
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.jitter import (
    EPOCH,
    Draw,
    Jitter,
    Terms,
    own_moment,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
DEFAULT = RenewBefore.parse(None)
FULL = Jitter.parse("100%")
LIFE = 47 * DAY
PERIOD = LIFE * 2 / 3


def due(
    obtained: dt.datetime,
    name: str = "www",
    *,
    jitter: Jitter = FULL,
    life: dt.timedelta = LIFE,
    rule: RenewBefore = DEFAULT,
    whole: dt.timedelta | None = None,
) -> dt.datetime:
    """Return when a certificate is due that was obtained at a moment."""
    terms = Terms.of(rule, jitter, obtained, obtained + life, whole or life)
    return EPOCH + dt.timedelta(seconds=own_moment(terms, Draw.of("svc", name)))


class TestValues:
    @pytest.mark.parametrize(
        ("text", "window"),
        [
            ("9d", 9 * DAY),
            ("1d12h", 36 * HOUR),
            ("10%", 10 * DAY),
            (" 7 % ", 7 * DAY),
            ("100%", 100 * DAY),
            ("0", 0 * DAY),
            ("0%", 0 * DAY),
            ("0d", 0 * DAY),
            ("none", 0 * DAY),
        ],
    )
    def test_a_duration_or_a_share_or_none(self, text: str, window: dt.timedelta) -> None:
        jitter = Jitter.parse(text)
        assert jitter.window(100 * DAY) == window
        assert bool(jitter) == bool(window)

    @pytest.mark.parametrize("text", ["10", "101%", "-1%", "1.5%", "never", "False", "d", "10 percent"])
    def test_the_message_says_what_can_be_given(self, text: str) -> None:
        with pytest.raises(
            ConfigurationError,
            match=r"^renew_jitter must be a duration such as 90d, .*, a share of the .* from 0% to 100%, 0 or none ",
        ):
            Jitter.parse(text)

    @given(st.text() | st.from_regex(r"\s?[0-9]{1,6}\s?[hdwmy%]?", fullmatch=True))
    def test_any_text_is_understood_or_refused(self, text: str) -> None:
        with contextlib.suppress(ConfigurationError):
            assert dt.timedelta() <= Jitter.parse(text).window(LIFE) <= dt.timedelta(days=365 * 2000)


class TestDraw:
    def test_it_is_of_the_service_and_the_name(self) -> None:
        # printf 'svc\0www' | openssl dgst -sha256
        digest = "b17abcfd55b7de317d59fedd4648d54a1229d4275f1d60949953b929f6a2fafe"
        assert Draw.of("svc", "www") == (int(digest[:16], 16) / 2**64, int(digest[16:32], 16) / 2**64)
        assert len({Draw.of("svc", "www"), Draw.of("svc", "ww"), Draw.of("svcw", "ww"), Draw.of("svd", "www")}) == 4

    @given(st.text(), st.text())
    def test_any_name_has_numbers_below_one(self, service: str, name: str) -> None:
        assert all(0 <= number < 1 for number in Draw.of(service, name))

    def test_a_name_that_is_no_text_has_them_too(self) -> None:
        assert Draw.of("svc", "\udcff") != Draw.of("svc", "\udcfe")


LIVES = st.timedeltas(dt.timedelta(seconds=10), dt.timedelta(days=4000))
RULES = st.sampled_from(["", "30d", "1h", "2000y", "1%", "33%", "90%", "99%"]).map(RenewBefore.parse)
JITTERS = st.sampled_from(["0", "10%", "50%", "100%", "1h", "2000y"]).map(Jitter.parse)


@given(RULES, JITTERS, LIVES, st.timedeltas(dt.timedelta(), dt.timedelta(days=4000)), st.text(max_size=20))
def test_the_moment_lies_in_the_window_and_after_the_least_use(
    rule: RenewBefore, jitter: Jitter, life: dt.timedelta, backdated: dt.timedelta, name: str
) -> None:
    moment = due(NOW, name, jitter=jitter, life=life, rule=rule, whole=life + backdated)
    latest = NOW + life - rule.before(life, life + backdated)
    second = dt.timedelta(seconds=1)
    assert max(latest - jitter.window(life), NOW + 0.0949 * life) - second <= moment <= latest + second


class TestItsOwnMoment:
    @pytest.mark.parametrize("name", ["a", "b", "c", "www.example.com"])
    @pytest.mark.parametrize("jitter", ["100%", "50%"])
    def test_a_name_keeps_its_moment_and_its_whole_period(self, name: str, jitter: str) -> None:
        """Whatever the CA and the runs take, each renewal comes a period after the last one."""
        obtained, moments = NOW, []
        for cycle in range(24):
            moments.append(due(obtained, name, jitter=Jitter.parse(jitter), life=LIFE + cycle % 3 * HOUR))
            obtained = moments[-1] + cycle % 5 * 6 * HOUR
        periods = {later - earlier for earlier, later in itertools.pairwise(moments[12:])}
        assert len(periods) == 1
        assert 0.98 * PERIOD < periods.pop() <= PERIOD

    def test_a_small_jitter_reaches_it_as_well(self) -> None:
        obtained, moments = NOW, []
        for _cycle in range(100):
            moments.append(due(obtained, "a", jitter=Jitter.parse("10%")))
            obtained = moments[-1]
        assert moments[-1] - moments[-2] == moments[-2] - moments[-3]
        assert moments[-1] - moments[-2] > 0.98 * PERIOD
        full = due(moments[-2], "a")
        assert abs(moments[-1] - full) < dt.timedelta(seconds=1), "it is the moment that the full jitter has"

    def test_a_renewal_for_another_reason_brings_it_back(self) -> None:
        settled = due(due(due(NOW)))
        period = due(settled) - settled
        for days in range(1, 31):
            again = due(due(due(NOW + days * DAY)))
            periods = (again - settled) / period
            assert abs(periods - round(periods)) < 1e-6

    @pytest.mark.parametrize("life", [90 * 60 * dt.timedelta(seconds=1), 12 * HOUR, 6 * DAY, LIFE, 90 * DAY, 398 * DAY])
    @pytest.mark.parametrize("rule", ["", "33%"])
    def test_seconds_of_the_ca_do_not_change_the_period(self, life: dt.timedelta, rule: str) -> None:
        parsed = RenewBefore.parse(rule)
        lives = [life + life * part for part in (-0.002, -0.0001, 0, 0.0001, 0.002)]
        terms = [Terms.of(parsed, FULL, NOW, NOW + one, one + HOUR) for one in lives]
        assert len({one.period for one in terms}) == 1
        assert all(0.96 * (one.latest - one.since) < one.period <= one.latest - one.since for one in terms)

    def test_names_are_spread_evenly(self) -> None:
        places = sorted(Draw.of("svc", f"name-{number}").place for number in range(10_000))
        assert max(abs(place - number / 10_000) for number, place in enumerate(places)) < 0.02
