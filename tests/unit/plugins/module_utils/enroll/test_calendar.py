# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows and freezes, also where the clocks change."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.calendar import (
    Calendar,
    Freeze,
    Window,
    instant,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError

UTC = dt.timezone.utc
MADRID = zoneinfo.ZoneInfo("Europe/Madrid")
SAO_PAULO = zoneinfo.ZoneInfo("America/Sao_Paulo")
MINUTE = dt.timedelta(minutes=1)
# 1 June 2026 is a Monday.
WEEKEND = frozenset((5, 6))
WEEKNIGHTS = frozenset((0, 1, 2, 3, 4))


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(opens: str, closes: str, days: frozenset[int] = frozenset(range(7)), zone: dt.tzinfo = UTC) -> Window:
    opened, closed = (int(text[:2]) * 60 + int(text[3:]) for text in (opens, closes))
    return Window(days, opened, closed, zone)


NIGHT = hours("22:00", "06:00")


class TestWindow:
    @pytest.mark.parametrize(
        ("window", "moment", "opens"),
        [
            (hours("09:00", "17:00"), "2026-06-01 08:59", "2026-06-01 09:00"),
            (hours("09:00", "17:00"), "2026-06-01 09:00", "2026-06-01 09:00"),
            (hours("09:00", "17:00"), "2026-06-01 16:59", "2026-06-01 16:59"),
            (hours("09:00", "17:00"), "2026-06-01 17:00", "2026-06-02 09:00"),
            (NIGHT, "2026-06-01 05:59", "2026-06-01 05:59"),
            (NIGHT, "2026-06-01 06:00", "2026-06-01 22:00"),
            (NIGHT, "2026-06-01 23:00", "2026-06-01 23:00"),
            (hours("22:00", "24:00"), "2026-06-01 23:59", "2026-06-01 23:59"),
            (hours("22:00", "24:00"), "2026-06-02 00:00", "2026-06-02 22:00"),
            (hours("00:00", "00:00"), "2026-06-01 13:13", "2026-06-01 13:13"),
            (hours("09:00", "09:00", WEEKEND), "2026-06-01 08:59", "2026-06-01 08:59"),
            (hours("09:00", "09:00", WEEKEND), "2026-06-01 09:00", "2026-06-06 09:00"),
            (hours("09:00", "17:00", WEEKEND), "2026-06-01 09:00", "2026-06-06 09:00"),
            (hours("22:00", "06:00", frozenset((4,))), "2026-06-05 05:00", "2026-06-05 22:00"),
            (hours("22:00", "06:00", frozenset((4,))), "2026-06-06 05:59", "2026-06-06 05:59"),
            (hours("22:00", "06:00", frozenset((4,))), "2026-06-06 06:00", "2026-06-12 22:00"),
            # at 22:00 in Madrid it is 20:00 UTC in summer and 21:00 UTC in winter
            (hours("22:00", "06:00", zone=MADRID), "2026-06-01 12:00", "2026-06-01 20:00"),
            (hours("22:00", "06:00", zone=MADRID), "2026-12-01 12:00", "2026-12-01 21:00"),
            (hours("22:00", "06:00", frozenset((0,)), SAO_PAULO), "2026-06-01 23:00", "2026-06-02 01:00"),
        ],
    )
    def test_it_is_open_from_then_until_before_then(self, window: Window, moment: str, opens: str) -> None:
        assert window.next_open(utc(moment)) == utc(opens)

    @pytest.mark.parametrize(
        ("window", "moment", "opens"),
        [
            # On 29 March 2026 the clocks of Madrid go from 02:00 to 03:00, at 01:00 UTC.
            (hours("02:30", "04:00", zone=MADRID), "2026-03-28 12:00", "2026-03-29 01:00"),
            (hours("02:30", "04:00", zone=MADRID), "2026-03-29 02:00", "2026-03-30 00:30"),
            (hours("02:10", "02:40", zone=MADRID), "2026-03-28 12:00", "2026-03-30 00:10"),
            (hours("02:10", "02:40", frozenset((6,)), MADRID), "2026-03-23 12:00", "2026-04-05 00:10"),
            (hours("22:00", "02:30", zone=MADRID), "2026-03-29 00:59", "2026-03-29 00:59"),
            (hours("22:00", "02:30", zone=MADRID), "2026-03-29 01:00", "2026-03-29 20:00"),
            # On 25 October 2026 they go from 03:00 to 02:00, at 01:00 UTC.
            (hours("02:15", "02:45", zone=MADRID), "2026-10-24 12:00", "2026-10-25 00:15"),
            (hours("02:15", "02:45", zone=MADRID), "2026-10-25 00:50", "2026-10-25 00:50"),
            (hours("02:15", "02:45", zone=MADRID), "2026-10-25 01:44", "2026-10-25 01:44"),
            (hours("02:15", "02:45", zone=MADRID), "2026-10-25 01:45", "2026-10-26 01:15"),
            # On 4 November 2018 there was no midnight in Sao Paulo: they went from 00:00 to 01:00, at 03:00 UTC.
            (hours("00:00", "05:00", zone=SAO_PAULO), "2018-11-03 12:00", "2018-11-04 03:00"),
            (hours("00:00", "00:30", zone=SAO_PAULO), "2018-11-03 12:00", "2018-11-05 02:00"),
            (hours("22:00", "24:00", zone=SAO_PAULO), "2018-11-04 02:59", "2018-11-04 02:59"),
            (hours("22:00", "24:00", zone=SAO_PAULO), "2018-11-04 03:00", "2018-11-05 00:00"),
            # On 18 February 2018 the hour before midnight came twice: from 00:00 to 23:00, at 02:00 UTC.
            (hours("23:00", "24:00", zone=SAO_PAULO), "2018-02-17 12:00", "2018-02-18 01:00"),
            (hours("23:00", "24:00", zone=SAO_PAULO), "2018-02-18 02:59", "2018-02-18 02:59"),
            (hours("23:00", "24:00", zone=SAO_PAULO), "2018-02-18 03:00", "2018-02-19 02:00"),
        ],
    )
    def test_where_the_clocks_change(self, window: Window, moment: str, opens: str) -> None:
        assert window.next_open(utc(moment)) == utc(opens)

    @given(
        st.frozensets(st.integers(0, 6), min_size=1),
        st.integers(0, 1439),
        st.integers(0, 1440),
        st.sampled_from([UTC, MADRID, SAO_PAULO]),
        st.integers(0, 13 * 366 * 24 * 60).map(lambda minutes: utc("2016-01-01") + minutes * MINUTE),
    )
    def test_it_is_closed_before_it_opens_and_open_then(
        self, days: frozenset[int], opens: int, closes: int, zone: dt.tzinfo, moment: dt.datetime
    ) -> None:
        window = Window(days, opens, closes, zone)
        found = window.next_open(moment)
        assert moment <= found <= moment + dt.timedelta(days=14)
        assert window.next_open(found) == found
        assert found == moment or window.next_open(found - MINUTE) == found


class TestInstant:
    @pytest.mark.parametrize(
        ("local", "zone", "first", "last"),
        [
            ("2026-06-01 12:00", UTC, "2026-06-01 12:00", "2026-06-01 12:00"),
            ("2026-06-01 12:00", MADRID, "2026-06-01 10:00", "2026-06-01 10:00"),
            ("2026-03-29 02:30", MADRID, "2026-03-29 01:00", "2026-03-29 01:00"),
            ("2026-10-25 02:30", MADRID, "2026-10-25 00:30", "2026-10-25 01:30"),
            ("2018-11-04 00:00", SAO_PAULO, "2018-11-04 03:00", "2018-11-04 03:00"),
            ("2018-02-17 23:30", SAO_PAULO, "2018-02-18 01:30", "2018-02-18 02:30"),
        ],
    )
    def test_a_time_of_a_zone(self, local: str, zone: dt.tzinfo, first: str, last: str) -> None:
        given = dt.datetime.fromisoformat(local)
        assert (instant(given, zone), instant(given, zone, last=True)) == (utc(first), utc(last))


def frozen(begins: str, ends: str, reason: str = "") -> Freeze:
    return Freeze(utc(begins), utc(ends), reason)


class TestCalendar:
    def test_without_windows_and_freezes_it_is_always_open(self) -> None:
        assert not Calendar()
        assert Calendar().next_open(utc("2026-06-01 12:00")) == utc("2026-06-01 12:00")

    @pytest.mark.parametrize(
        ("moment", "opens"),
        [
            ("2026-12-20 23:59", "2026-12-20 23:59"),
            ("2026-12-21 00:00", "2027-01-07 00:00"),
            ("2027-01-06 23:59", "2027-01-07 00:00"),
            ("2027-01-07 00:00", "2027-01-07 00:00"),
        ],
    )
    def test_a_freeze_ends(self, moment: str, opens: str) -> None:
        assert Calendar(freezes=(frozen("2026-12-21", "2027-01-07"),)).next_open(utc(moment)) == utc(opens)

    def test_freezes_follow_each_other_and_overlap(self) -> None:
        freezes = (
            frozen("2026-06-03", "2026-06-05"),
            frozen("2026-06-01", "2026-06-03"),
            frozen("2026-06-02", "2026-06-04"),
        )
        assert Calendar(freezes=freezes).next_open(utc("2026-06-01 12:00")) == utc("2026-06-05 00:00")

    def test_the_freeze_that_is_told_is_the_one_that_ends_last(self) -> None:
        calendar = Calendar(freezes=(frozen("2026-06-01", "2026-06-05", "long"), frozen("2026-06-01", "2026-06-03")))
        found = calendar.freeze_at(utc("2026-06-02 00:00"))
        assert found is not None
        assert found.reason == "long"
        assert calendar.freeze_at(utc("2026-06-05 00:00")) is None

    def test_of_several_windows_the_first_one_counts(self) -> None:
        calendar = Calendar((hours("22:00", "23:00"), hours("12:00", "13:00", WEEKEND)))
        assert calendar.next_open(utc("2026-06-05 12:00")) == utc("2026-06-05 22:00")
        assert calendar.next_open(utc("2026-06-06 11:00")) == utc("2026-06-06 12:00")

    def test_a_window_within_a_freeze_does_not_open(self) -> None:
        calendar = Calendar((hours("22:00", "06:00", WEEKNIGHTS),), (frozen("2026-06-01", "2026-06-05 23:30"),))
        assert calendar.next_open(utc("2026-06-01 12:00")) == utc("2026-06-05 23:30")
        later = Calendar(calendar.windows, (frozen("2026-06-01", "2026-06-06 12:00"),))
        assert later.next_open(utc("2026-06-01 12:00")) == utc("2026-06-08 22:00")

    def test_what_never_opens_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="together allow no renewal within ten years"):
            Calendar(freezes=(frozen("2026-06-01", "2036-06-05"),)).next_open(utc("2026-06-02 00:00"))

    def test_a_certificate_that_never_ends_is_no_trouble(self) -> None:
        assert Calendar((NIGHT,)).next_open(utc("9999-12-31 12:00")) == utc("9999-12-31 12:00")
