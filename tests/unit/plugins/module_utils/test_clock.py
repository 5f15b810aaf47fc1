# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as text, and the clock of the service; the tests set the clocks of this machine by hand."""

from __future__ import annotations

import datetime as dt
import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import (
    ServiceClock,
    http_date,
    parse_duration,
    parse_timestamp,
    timestamp,
    to_the_minute,
    utc_now,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError

DAY = 86400.0


class Machine:
    """A machine and a service; the clock of either can be wrong."""

    def __init__(self, wall: float = 1.8e9, service: float | None = None) -> None:
        self.wall = wall
        self.monotonic = 5000.0
        self.service = wall if service is None else service
        self.warnings: list[str] = []
        self.clock = ServiceClock(lambda: self.wall, lambda: self.monotonic, self.warnings.append)

    def later(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds
        self.service += seconds

    def date(self) -> str:
        return email.utils.formatdate(self.service, usegmt=True)

    def ask(self, there: float = 0.0, back: float = 0.0) -> bool:
        """Send a request and receive its answer."""
        sending = self.clock.sending()
        self.later(there)
        date = self.date()
        self.later(back)
        return self.clock.heard(sending, date)


IN_INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))


class TestTimestamps:
    @pytest.mark.parametrize("zone", [dt.timezone.utc, IN_INDIA])
    def test_it_is_written_in_utc(self, zone: dt.timezone) -> None:
        moment = dt.datetime(2026, 1, 31, 12, 0, 59, 999999, tzinfo=dt.timezone.utc).astimezone(zone)
        assert timestamp(moment) == "2026-01-31T12:00:59Z"
        assert to_the_minute(moment) == "2026-01-31 12:00 UTC"

    def test_none_is_none(self) -> None:
        assert timestamp(None) is None

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "2026-01-31T12:00:59Z",
                "2026-01-31T12:00:59.000000Z",
                "2026-01-31T12:00:59",
                "2026-01-31 12:00:59+00:00",
            ),
            "2026-01-31T17:30:59+05:30",
        ],
    )
    def test_it_is_read(self, text: str) -> None:
        moment = parse_timestamp(text)
        assert moment == dt.datetime(2026, 1, 31, 12, 0, 59, tzinfo=dt.timezone.utc)
        assert moment.tzinfo is dt.timezone.utc

    def test_fractions_are_read(self) -> None:
        assert parse_timestamp("2026-01-31T12:00:59.123456Z").microsecond == 123456

    @pytest.mark.parametrize("text", ["", "soon", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
    def test_another_text_is_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_timestamp(text)

    @given(st.datetimes(timezones=st.just(dt.timezone.utc)))
    def test_it_is_read_as_it_was_written(self, moment: dt.datetime) -> None:
        assert parse_timestamp(moment.isoformat()) == moment
        assert parse_timestamp(timestamp(moment)) == moment.replace(microsecond=0)

    def test_now_is_in_utc(self) -> None:
        assert utc_now().tzinfo is dt.timezone.utc


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "duration"),
        [
            ("90d", dt.timedelta(days=90)),
            ("1y", dt.timedelta(days=365)),
            ("2w", dt.timedelta(days=14)),
            ("36h", dt.timedelta(hours=36)),
            ("15m", dt.timedelta(minutes=15)),
            ("1d12h", dt.timedelta(hours=36)),
            (" 1y2w3d4h5m6s ", dt.timedelta(days=382, hours=4, minutes=5, seconds=6)),
            (" 1 d 12 h ", dt.timedelta(hours=36)),
            ("0s", dt.timedelta()),
            ("99999w", dt.timedelta(weeks=99999)),
            ("2000y", dt.timedelta(days=730000)),
        ],
    )
    def test_it_is_read(self, text: str, duration: dt.timedelta) -> None:
        assert parse_duration("validity", text) == duration

    @pytest.mark.parametrize(
        "text",
        [
            *("", " ", "90", "d", "-1d", "1.5d", "1d1y", "1d1d", "P30D", "30D", "soon", "33%", "12:00", "30 days"),
            *("1d,12h", "2001y", "9999999s", "999999y", "99999999999d", "\u0663d"),
        ],
    )
    def test_it_is_none(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match=r"^validity must be a duration such as 90d") as exc:
            parse_duration("validity", text)
        assert str(exc.value).endswith(f"not {text!r}")


class TestHttpDate:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            # RFC 9110, 5.6.7, and the value by GNU date
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
            (" Tue, 29 Feb 2028 23:59:59 GMT ", 1835481599.0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
            # a server with a wrong day of the week
            ("Mon, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ],
    )
    def test_it_is_read(self, text: str, seconds: float) -> None:
        assert http_date(text) == seconds

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "",
            "soon",
            "120",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 +0200",
            "Sun, 06 Nof 1994 08:49:37 GMT",
            "Sun, 31 Feb 2027 08:49:37 GMT",
            "Sun, 06 Nov 2027 24:00:00 GMT",
            "Sun, 06 Nov 2027 23:59:60 GMT",
            "Sun, 06 Nov 0001 08:49:37 GMT",
            "Sun, 06 Nov 9999 08:49:37 GMT",
            "Sun, 06 Nov \u0661\u0669\u0669\u0664 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 -0000",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
        ],
    )
    def test_what_is_none(self, text: str | None) -> None:
        assert http_date(text) is None

    @given(st.text(max_size=40))
    def test_nothing_breaks_it(self, text: str) -> None:
        assert http_date(text) is None

    @given(st.integers(0, 4 * 10**9))
    def test_what_python_writes_is_read(self, seconds: int) -> None:
        assert http_date(email.utils.formatdate(seconds, usegmt=True)) == seconds


class TestSigning:
    def test_until_an_answer_has_told_this_machine_is_right(self) -> None:
        machine = Machine(service=0.0)
        assert machine.clock.sending().time == machine.wall
        assert machine.clock.now().timestamp() == machine.wall
        assert not machine.clock.heard(machine.clock.sending(), None)
        assert machine.clock.sending().time == machine.wall

    @pytest.mark.parametrize("ahead", [-DAY, -3600.0, -61.5, 61.5, 3600.0, DAY])
    def test_beyond_a_minute_the_service_is_right(self, ahead: float) -> None:
        machine = Machine(service=1.8e9 + ahead)
        assert machine.ask()
        machine.later(1000.0)
        assert machine.clock.sending().time == pytest.approx(machine.service, abs=1.5)
        assert not machine.ask()
        (warning,) = machine.warnings
        assert ("behind that of the service" in warning) is (ahead > 0)
        assert "NTP" in warning

    def test_it_says_by_how_much(self) -> None:
        machine = Machine(service=1.8e9 - 7200.0)
        machine.ask()
        assert machine.warnings[0].startswith("the clock of this machine is 7200 seconds ahead of that of the service")

    @pytest.mark.parametrize("ahead", [-59.0, -1.0, 0.0, 0.7, 58.0])
    def test_within_a_minute_this_machine_is_right(self, ahead: float) -> None:
        machine = Machine(service=1.8e9 + ahead)
        assert not machine.ask()
        machine.later(1000.0)
        assert machine.clock.sending().time == machine.wall
        assert machine.warnings == []

    @pytest.mark.parametrize("jump", [-DAY, DAY])
    def test_a_clock_that_jumps_in_the_middle_changes_nothing(self, jump: float) -> None:
        machine = Machine()
        machine.ask()
        machine.wall += jump
        for _number in range(5):
            machine.later(200.0)
            assert machine.clock.sending().time == pytest.approx(machine.service, abs=1.5)
            assert machine.clock.now().timestamp() == pytest.approx(machine.service, abs=1.5)
            assert not machine.ask()
        assert len(machine.warnings) == 1

    def test_a_machine_that_was_asleep_learns_the_time_from_the_next_answer(self) -> None:
        """Linux stops the monotonic clock during sleep."""
        machine = Machine()
        machine.ask()
        machine.wall += 3600.0
        machine.service += 3600.0
        assert machine.clock.sending().time == pytest.approx(machine.service - 3600.0, abs=1.5)
        assert machine.ask()
        assert machine.clock.sending().time == machine.wall

    @pytest.mark.parametrize(("there", "back"), [(0.0, 300.0), (300.0, 0.0), (150.0, 150.0)])
    def test_an_answer_that_takes_long_shows_no_wrong_clock(self, there: float, back: float) -> None:
        machine = Machine()
        assert not machine.ask(there, back)
        assert machine.warnings == []
        assert machine.clock.sending().time == machine.wall

    def test_a_slow_answer_still_shows_what_its_time_cannot_explain(self) -> None:
        machine = Machine(service=1.8e9 + 3600.0)
        assert machine.ask(there=100.0, back=100.0)
        assert machine.clock.now().timestamp() == pytest.approx(machine.service, abs=101.0)


def test_the_time_of_the_service_is_told_to_the_second_even_within_the_minute() -> None:
    machine = Machine(service=1.8e9 + 40.0)
    machine.ask()
    assert machine.clock.now() == dt.datetime.fromtimestamp(machine.service, tz=dt.timezone.utc)
