# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say when certificates are renewed, also as YAML reads them."""

from __future__ import annotations

import datetime as dt
import re
import typing as t
import zoneinfo

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import Calendar, Window
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.jitter import Jitter
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.renewal import Renewals
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.specs import QUOTA, RENEWAL
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.yaml_values import check_values

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
MADRID = zoneinfo.ZoneInfo("Europe/Madrid")


def options(text: str) -> dict[str, t.Any]:
    """Return options in YAML as a module gets them: a date is text by then."""
    given_here = yaml.safe_load(text)
    for freeze in given_here.get("renewal_freezes") or ():
        freeze.update({key: value.isoformat() for key, value in freeze.items() if isinstance(value, dt.date)})
    result = ArgumentSpecValidator({**RENEWAL, **QUOTA}).validate(given_here)
    assert result.error_messages == []
    return dict(result.validated_parameters)


def read(text: str) -> Renewals:
    return Renewals.read(options(text), NOW)


def calendar(text: str) -> Calendar:
    return read(text).calendar


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read(text)
    return str(refused.value)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.timezone.utc)


class TestPolicy:
    def test_without_options_it_is_the_default(self) -> None:
        renewals = read("{}")
        assert (renewals.standard.renew_before.text, renewals.standard.jitter) == ("", Jitter(percent=10))
        assert not renewals.calendar
        assert renewals.quota().most is None

    def test_an_entry_with_a_time_of_its_own_has_no_jitter_unless_it_is_set(self) -> None:
        assert read("{}").policy("30d").jitter == Jitter()
        assert read("{}").policy(None).jitter == Jitter(percent=10)
        assert read("renew_jitter: 5%").policy("30d").jitter == Jitter(percent=5)
        assert read("renew_before: 30d").policy("20%").renew_before.percent == 20
        assert read("renew_before: 30d").policy("").renew_before.text == "30d"

    @pytest.mark.parametrize("text", ["renew_jitter: 0", "renew_jitter: none", 'renew_jitter: "0"', "renew_jitter: 0%"])
    def test_no_jitter(self, text: str) -> None:
        assert not read(text).standard.jitter

    @pytest.mark.parametrize("text", ["renew_jitter: 10", "renew_jitter: no", "renew_before: soon"])
    def test_what_is_none_is_refused(self, text: str) -> None:
        assert refusal(text).startswith(f"{text.partition(':')[0]} must be a duration such as 90d, ")

    def test_at_least_one_is_renewed(self) -> None:
        assert read("max_renewals: 1").quota().most == 1
        for number in (0, -1):
            assert refusal(f"max_renewals: {number}").startswith(f"max_renewals must be at least 1, not {number}: ")


class TestWindows:
    def test_a_window_is_open_each_day_in_utc(self) -> None:
        (window,) = calendar('renewal_windows: [{from: "22:00", to: "06:00"}]').windows
        assert window == Window(frozenset(range(7)), 22 * 60, 6 * 60, dt.timezone.utc)

    def test_a_window_has_days_and_a_zone(self) -> None:
        text = 'renewal_windows: [{days: [mon, sun], from: "9:30", to: "24:00", zone: Europe/Madrid}]'
        assert calendar(text).windows == (Window(frozenset((0, 6)), 570, 1440, MADRID),)

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("22:00", "the number 1320"),
            ("1320", "the number 1320"),
            ("6:00", "the number 360"),
            ("22", "the number 22"),
            ("12.30", "the number 12.3"),
            ("yes", "the boolean true"),
            ('"24:01"', "'24:01'"),
            ('"25:00"', "'25:00'"),
            ('"22:60"', "'22:60'"),
            ('"22"', "'22'"),
            ('"10 pm"', "'10 pm'"),
            ('"22:00:00"', "'22:00:00'"),
            ("[22, 0]", "[22, 0]"),
        ],
    )
    def test_what_yaml_made_a_number_of_is_refused_with_the_way_to_write_it(self, value: str, shown: str) -> None:
        said = refusal(f'renewal_windows: [{{from: "05:00", to: {value}}}]')
        assert said == (
            f'renewal_windows[0].to must be a time of the day such as "22:00", not {shown}: quote it in YAML, as in '
            'from: "22:00", since YAML reads 22:00 without quotes as the number 1320'
        )

    def test_only_the_end_may_be_the_end_of_the_day(self) -> None:
        said = refusal('renewal_windows: [{from: "24:00", to: "24:00"}]')
        assert said.startswith("renewal_windows[0].from must be a time of the day such as ")

    @pytest.mark.parametrize("value", ["06:00", "00:30", "08:15"])
    def test_what_yaml_leaves_as_it_is_needs_no_quotes(self, value: str) -> None:
        (window,) = calendar(f'renewal_windows: [{{from: {value}, to: "09:00"}}]').windows
        assert f"{window.opens // 60:02}:{window.opens % 60:02}" == value

    @given(st.text())
    def test_any_other_text_is_refused(self, text: str) -> None:
        params = {**options("{}"), "renewal_windows": [{"days": None, "from": text, "to": "12:00", "zone": "UTC"}]}
        try:
            (window,) = Renewals.read(params, NOW).calendar.windows
        except ConfigurationError:
            return
        assert re.fullmatch(r"\s*[0-9]{1,2}:[0-9]{2}\s*", text)
        assert 0 <= window.opens < 1440

    @pytest.mark.parametrize(
        "zone", ["Europe/Atlantis", "", "../etc/passwd", "/etc/localtime", "America", "a\0b", "MAdrid"]
    )
    def test_a_zone_that_the_machine_does_not_know_is_refused(self, zone: str) -> None:
        params = {**options("{}"), "renewal_windows": [{"days": None, "from": "1:00", "to": "2:00", "zone": zone}]}
        with pytest.raises(
            ConfigurationError, match=r"^renewal_windows\[0\]\.zone is .*: give the IANA name .* tzdata"
        ):
            Renewals.read(params, NOW)

    def test_utc_needs_no_files_of_zones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(key: str) -> t.NoReturn:
            raise zoneinfo.ZoneInfoNotFoundError(key)

        monkeypatch.setattr(zoneinfo, "ZoneInfo", unknown)
        assert calendar('renewal_windows: [{from: "22:00", to: "06:00"}]').windows[0].zone is dt.timezone.utc
        assert "tzdata" in refusal('renewal_windows: [{from: "22:00", to: "06:00", zone: Europe/Madrid}]')

    def test_no_days_are_refused(self) -> None:
        said = refusal('renewal_windows: [{days: [], from: "22:00", to: "06:00"}]')
        assert said == "renewal_windows[0].days is empty, so the window never opens: leave it out for each day"


class TestFreezes:
    @pytest.mark.parametrize(
        ("freeze", "begins", "ends"),
        [
            ("from: 2026-12-21, until: 2027-01-06", "2026-12-21", "2027-01-07"),
            ('from: "2026-12-21", until: "2026-12-21"', "2026-12-21", "2026-12-22"),
            ("from: 2026-12-21, until: 2027-01-06, zone: Europe/Madrid", "2026-12-20 23:00", "2027-01-06 23:00"),
            ('from: "2026-12-21 18:00", until: "2026-12-21 19:30"', "2026-12-21 18:00", "2026-12-21 19:30"),
            ("from: 2026-12-21 18:00:00, until: 2026-12-22", "2026-12-21 18:00", "2026-12-23"),
            (
                "from: 2026-12-21T18:00:00, until: 2026-12-22, zone: Europe/Madrid",
                "2026-12-21 17:00",
                "2026-12-22 23:00",
            ),
            ('from: "2026-12-21T18:00:00Z", until: "2026-12-22T00:00+02:00"', "2026-12-21 18:00", "2026-12-21 22:00"),
            # there is no 02:30 on this day, and 02:30 comes twice on the other
            (
                'from: "2026-03-29 02:30", until: "2026-10-25 02:30", zone: Europe/Madrid',
                "2026-03-29 01:00",
                "2026-10-25 01:30",
            ),
        ],
    )
    def test_days_and_times(self, freeze: str, begins: str, ends: str) -> None:
        (found,) = calendar(f"renewal_freezes: [{{{freeze}, reason: holidays}}]").freezes
        assert (found.begins, found.ends, found.reason) == (utc(begins), utc(ends), "holidays")

    @pytest.mark.parametrize(
        "value",
        [
            "2026",
            '"21.12.2026"',
            '"2026-13-01"',
            '"9999-12-31"',
            "yes",
            "tomorrow",
            '"20261224"',
            '"2026-W52-4"',
            '"2026-12-24 18"',
            "[1]",
        ],
    )
    def test_what_is_no_date_is_refused(self, value: str) -> None:
        said = refusal(f"renewal_freezes: [{{from: 2026-12-21, until: {value}}}]")
        assert said.startswith(
            'renewal_freezes[0].until must be a date such as "2026-12-24", or a date and a time such '
        )

    @pytest.mark.parametrize("until", ["2026-12-20", '"2026-12-21 00:00"'])
    def test_an_end_before_the_beginning_is_refused(self, until: str) -> None:
        said = refusal(f"renewal_freezes: [{{from: 2026-12-21, until: {until}}}]")
        assert said.startswith("renewal_freezes[0].until is not after renewal_freezes[0].from: ")

    def test_what_never_opens_is_refused(self) -> None:
        said = refusal("renewal_freezes: [{from: 2026-01-01, until: 2040-01-01}]")
        assert said == (
            "renewal_windows and renewal_freezes together allow no renewal within ten years: correct one of them"
        )

    def test_a_date_that_a_template_has_turned_into_text_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match=r"^renewal_freezes has a date in it: quote it in YAML"):
            check_values({"renewal_freezes": "[{'from': datetime.date(2026, 12, 21), 'until': '2027-01-06'}]"})
        check_values({"renewal_freezes": [{"from": dt.date(2026, 12, 21), "until": "2027-01-06"}]})
